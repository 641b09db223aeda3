package push

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// bindRoutes adds the routes of users and those of superusers.
func (p *Plugin) bindRoutes(r *router.Router[*core.RequestEvent]) {
	p.bindDeviceRoutes(r)
	api := r.Group("/api/push").Bind(apis.RequireSuperuserAuth(), apis.BodyLimit(1<<20))
	api.GET("/status", p.getStatus)
	api.GET("/messages", p.getMessages)
	api.POST("/messages", p.postMessage)
	api.GET("/messages/{id}", p.getMessage)
	api.POST("/messages/{id}/cancel", p.postCancel)
	api.GET("/deliveries", p.getDeliveries)
	api.POST("/test", p.postTest)
	api.POST("/resume", p.postResume)
}

func (p *Plugin) getStatus(e *core.RequestEvent) error {
	status, err := p.Status(e.Request.Context())
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, status)
}

func (p *Plugin) getMessages(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	list, err := p.Messages(e.Request.Context(), MessageQuery{Before: query.Get("before"), Limit: int(number(query.Get("limit")))})
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

func (p *Plugin) postMessage(e *core.RequestEvent) error {
	var m Message
	if err := readBody(e, &m); err != nil {
		return err
	}
	id, err := p.Send(e.App, m)
	if errors.Is(err, errMessage) {
		// the reasons are about what the caller has sent
		return e.BadRequestError("The message cannot be sent: "+reason(err), nil)
	}
	if err != nil {
		return fail(e, err)
	}
	e.App.Logger().Info("A superuser sent a push message.", slog.String("message", id), slog.String("superuser", e.Auth.Id))
	return p.showMessage(e, id)
}

// reason is an error without what every such error begins with.
func reason(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if prefix := errMessage.Error() + ": "; len(text) > len(prefix) {
		text = text[len(prefix):]
	}
	return text
}

func (p *Plugin) getMessage(e *core.RequestEvent) error {
	return p.showMessage(e, e.Request.PathValue("id"))
}

func (p *Plugin) showMessage(e *core.RequestEvent, id string) error {
	state, err := p.Message(e.Request.Context(), id)
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, state)
}

func (p *Plugin) postCancel(e *core.RequestEvent) error {
	id := e.Request.PathValue("id")
	if _, err := p.Cancel(e.Request.Context(), id); err != nil {
		return fail(e, err)
	}
	return p.showMessage(e, id)
}

func (p *Plugin) getDeliveries(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	list, err := p.Deliveries(e.Request.Context(), DeliveryQuery{
		Message: query.Get("message"), Device: query.Get("device"), User: query.Get("user"), Service: query.Get("service"), State: query.Get("state"),
		Before: number(query.Get("before")), Limit: int(number(query.Get("limit"))),
	})
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"items": list})
}

func (p *Plugin) postTest(e *core.RequestEvent) error {
	body := struct {
		Device string `json:"device"`
		Title  string `json:"title"`
		Body   string `json:"body"`
	}{Title: testTitle, Body: testBody}
	if err := readBody(e, &body); err != nil {
		return err
	}
	result, err := p.Test(e.Request.Context(), body.Device, Text{Title: body.Title, Body: body.Body})
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, result)
}

func (p *Plugin) postResume(e *core.RequestEvent) error {
	body := struct {
		Service string `json:"service"`
	}{}
	if err := readBody(e, &body); err != nil {
		return err
	}
	err := p.Resume(e.Request.Context(), body.Service)
	if errors.Is(err, errNoService) {
		return e.BadRequestError(messageInvalidBody, validation.Errors{"service": validation.NewError("validation_push_service", "The server does not send by this service.")})
	}
	if err != nil {
		return fail(e, err)
	}
	return e.NoContent(http.StatusNoContent)
}

// postReceipt takes what a device tells of a notification. The receipt is proof
// enough of where it comes from: a service worker has no token of its user.
func (p *Plugin) postReceipt(e *core.RequestEvent) error {
	body := struct {
		Receipt string `json:"receipt"`
		Event   string `json:"event"`
	}{}
	if err := readBody(e, &body); err != nil {
		return err
	}
	secret, err := p.receiptKey(e.App)
	if err != nil {
		return fail(e, err)
	}
	id, err := deliveryOf(secret, body.Receipt)
	if err == nil {
		err = saveReceipt(e.App, id, body.Event, p.now())
	}
	if errors.Is(err, errReceipt) {
		return e.BadRequestError("The receipt is not one of ours, or the event is not shown or opened.", nil)
	}
	if err != nil {
		return fail(e, err)
	}
	return e.NoContent(http.StatusNoContent)
}
