package webhooks

import (
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// bindRoutes adds the API for superusers and the paths of received messages.
func (p *Plugin) bindRoutes(r *router.Router[*core.RequestEvent]) {
	p.bindReceivers(r)
	api := r.Group("/api/webhooks").Bind(apis.RequireSuperuserAuth(), apis.BodyLimit(64<<10))
	api.GET("/endpoints", p.getEndpoints)
	api.GET("/endpoints/{id}/secret", p.getSecret)
	api.POST("/endpoints/{id}/rotate", p.postRotate)
	api.POST("/endpoints/{id}/ping", p.postPing)
	api.POST("/endpoints/{id}/replay", p.postReplay)
	api.GET("/deliveries", p.getDeliveries)
	api.GET("/deliveries/{id}", p.getDelivery)
	api.POST("/deliveries/{id}/redeliver", p.postRedeliver)
	api.GET("/inbox", p.getInbox)
	api.GET("/inbox/{id}", p.getMessage)
	api.POST("/inbox/{id}/retry", p.postRetry)
}

// fail answers an error: a miss with 404, all else without telling more.
func fail(e *core.RequestEvent, err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return e.NotFoundError("", err)
	case errors.Is(err, errNoLog):
		return e.BadRequestError("The server keeps no change log, so there is nothing to replay.", err)
	}
	e.App.Logger().Error("A request about webhooks failed.", slog.String("path", e.Request.URL.Path), slog.Any("error", err))
	return e.InternalServerError("", err)
}

func (p *Plugin) getEndpoints(e *core.RequestEvent) error {
	list, err := p.Endpoints(e.Request.Context())
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"items": list})
}

func (p *Plugin) getSecret(e *core.RequestEvent) error {
	id := e.Request.PathValue("id")
	secret, err := p.Secret(id)
	if err != nil {
		return fail(e, err)
	}
	e.App.Logger().Info("The secret of a webhook endpoint was shown.", slog.String("endpoint", id), slog.String("superuser", e.Auth.Id))
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(http.StatusOK, map[string]any{"secret": secret})
}

func (p *Plugin) postRotate(e *core.RequestEvent) error {
	id := e.Request.PathValue("id")
	secret, until, err := p.Rotate(id)
	if err != nil {
		return fail(e, err)
	}
	e.App.Logger().Info("The secret of a webhook endpoint was rotated.", slog.String("endpoint", id), slog.String("superuser", e.Auth.Id))
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(http.StatusOK, map[string]any{"secret": secret, "previousUntil": until.UTC()})
}

func (p *Plugin) postPing(e *core.RequestEvent) error {
	id, err := p.Ping(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return fail(e, err)
	}
	return p.showDelivery(e, id)
}

func (p *Plugin) postReplay(e *core.RequestEvent) error {
	endpoint, err := findEndpoint(e.App, e.Request.PathValue("id"))
	if err != nil {
		return fail(e, err)
	}
	body := struct {
		Since    *time.Time `json:"since"`
		Position int64      `json:"position"`
		Run      string     `json:"run"`
	}{}
	if err := e.BindBody(&body); err != nil {
		return e.BadRequestError("The body must be like {\"since\": \"2026-11-01T00:00:00Z\"}.", err)
	}
	since := endpoint.disabledAt()
	if body.Since != nil {
		since = *body.Since
	}
	if since.IsZero() {
		return e.BadRequestError("Since is needed: the endpoint was never disabled.", nil)
	}
	replay, err := p.Replay(e.Request.Context(), endpoint.Id, since, body.Position, body.Run)
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, replay)
}

func (p *Plugin) getDeliveries(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	list, err := p.Deliveries(e.Request.Context(), DeliveryQuery{
		Endpoint: query.Get("endpoint"), State: query.Get("state"), Event: query.Get("event"), Subject: query.Get("record"),
		Before: number(query.Get("before")), Limit: int(number(query.Get("limit"))),
	})
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"items": list})
}

// number reads a number of a query, 0 for everything else.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (p *Plugin) getDelivery(e *core.RequestEvent) error {
	return p.showDelivery(e, number(e.Request.PathValue("id")))
}

func (p *Plugin) showDelivery(e *core.RequestEvent, id int64) error {
	d, err := findDelivery(e.Request.Context(), e.App, id)
	if err != nil {
		return fail(e, err)
	}
	attempts, err := attemptsOf(e.Request.Context(), e.App, id)
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, struct {
		Delivery
		Payload json.RawMessage `json:"payload"`
		Tries   []Attempt       `json:"tries"`
	}{d.public(), json.RawMessage(d.Payload), attempts})
}

func (p *Plugin) postRedeliver(e *core.RequestEvent) error {
	id, err := p.Redeliver(e.Request.Context(), number(e.Request.PathValue("id")))
	if err != nil {
		return fail(e, err)
	}
	return p.showDelivery(e, id)
}

func (p *Plugin) getInbox(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	list, err := p.Inbox(e.Request.Context(), query.Get("state"), number(query.Get("before")), int(number(query.Get("limit"))))
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"items": list})
}

func (p *Plugin) getMessage(e *core.RequestEvent) error {
	row, err := findInbound(e.Request.Context(), e.App, number(e.Request.PathValue("id")))
	if err != nil {
		return fail(e, err)
	}
	m := row.message()
	return e.JSON(http.StatusOK, struct {
		Received
		Headers http.Header `json:"headers"`
		Body    string      `json:"body"`
	}{row.public(), m.Header, string(m.Body)})
}

func (p *Plugin) postRetry(e *core.RequestEvent) error {
	id := number(e.Request.PathValue("id"))
	if err := p.Retry(e.Request.Context(), id); err != nil {
		return fail(e, err)
	}
	return p.getMessage(e)
}
