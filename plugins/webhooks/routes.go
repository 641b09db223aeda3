package webhooks

import (
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// bindRoutes adds the API for superusers and the paths of received messages.
func (p *Plugin) bindRoutes(e *core.ServeEvent) {
	p.bindReceivers(e)
	api := apidoc.On(e).Group("/api/webhooks")
	op := func(id, method, path, summary, description string, errors ...int) apidoc.Op {
		return apidoc.Op{
			ID: "webhooks." + id, Method: method, Path: path, Summary: summary, Description: description,
			Access: apidoc.Superusers, Errors: errors, MaxBody: 64 << 10, AnyContentType: true,
		}
	}
	const missing = http.StatusNotFound
	apidoc.Route(api, op("endpoints", "GET", "/endpoints", "List endpoints", "With how they are doing, by name."), p.getEndpoints)
	apidoc.Route(api, op("secret", "GET", "/endpoints/{id}/secret", "Show the secret of an endpoint", "What its messages are signed with.", missing), p.getSecret)
	apidoc.Route(api, op("rotateSecret", "POST", "/endpoints/{id}/rotate", "Give an endpoint a new secret",
		"For a day messages are signed with the old one as well.", missing), p.postRotate)
	apidoc.Route(api, op("ping", "POST", "/endpoints/{id}/ping", "Ping an endpoint",
		"Sends one message that says nothing, at once, also if the endpoint is disabled, and shows what came of it.", missing), p.postPing)
	apidoc.Route(api, op("replay", "POST", "/endpoints/{id}/replay", "Send an endpoint again what happened since a time",
		"As far as the change log reaches back. It looks at 5000 changes or so; until `done`, call it again with `next` of the answer as `position`, and with its `run`.",
		missing, http.StatusBadRequest), p.postReplay)
	apidoc.Route(api, op("deliveries", "GET", "/deliveries", "List deliveries", "Newest first."), p.getDeliveries)
	apidoc.Route(api, op("delivery", "GET", "/deliveries/{id}", "View a delivery", "With its payload and its last 100 attempts, without what is secret.", missing), p.getDelivery)
	apidoc.Route(api, op("redeliver", "POST", "/deliveries/{id}/redeliver", "Deliver again",
		"One that waits for its next attempt is tried at once, a finished one becomes another delivery of the same event, which is the answer.", missing), p.postRedeliver)
	apidoc.Route(api, op("inbox", "GET", "/inbox", "List received messages", "Newest first."), p.getInbox)
	apidoc.Route(api, op("message", "GET", "/inbox/{id}", "View a received message", "With its headers and its body.", missing), p.getMessage)
	apidoc.Route(api, op("retryMessage", "POST", "/inbox/{id}/retry", "Handle a message again", "One that failed. There is none such for one that is done.", missing), p.postRetry)
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

// sent answers with the value, or says what is wrong.
func sent[T any](e *core.RequestEvent, value T, err error) (*T, error) {
	if err != nil {
		return nil, fail(e, err)
	}
	return &value, nil
}

// endpointList are all endpoints.
type endpointList struct {
	Items []EndpointState `json:"items"`
}

func (p *Plugin) getEndpoints(e *core.RequestEvent, _ *apidoc.None) (*endpointList, error) {
	list, err := p.Endpoints(e.Request.Context())
	return sent(e, endpointList{list}, err)
}

// ofEndpoint is a request about an endpoint.
type ofEndpoint struct {
	ID string `path:"id" doc:"The id of its record."`
}

// endpointSecret is what the messages to an endpoint are signed with.
type endpointSecret struct {
	Secret string `json:"secret" pattern:"^whsec_" doc:"As Standard Webhooks has them: whsec_ and a key in base64."`
}

func (p *Plugin) getSecret(e *core.RequestEvent, in *ofEndpoint) (*endpointSecret, error) {
	secret, err := p.Secret(in.ID)
	if err != nil {
		return nil, fail(e, err)
	}
	e.App.Logger().Info("The secret of a webhook endpoint was shown.", slog.String("endpoint", in.ID), slog.String("superuser", e.Auth.Id))
	e.Response.Header().Set("Cache-Control", "no-store")
	return &endpointSecret{secret}, nil
}

// rotated is what came of a rotation.
type rotated struct {
	endpointSecret
	PreviousUntil time.Time `json:"previousUntil" doc:"Until when messages are signed with the old secret as well."`
}

func (p *Plugin) postRotate(e *core.RequestEvent, in *ofEndpoint) (*rotated, error) {
	secret, until, err := p.Rotate(in.ID)
	if err != nil {
		return nil, fail(e, err)
	}
	e.App.Logger().Info("The secret of a webhook endpoint was rotated.", slog.String("endpoint", in.ID), slog.String("superuser", e.Auth.Id))
	e.Response.Header().Set("Cache-Control", "no-store")
	return &rotated{endpointSecret{secret}, until.UTC()}, nil
}

func (p *Plugin) postPing(e *core.RequestEvent, in *ofEndpoint) (*detailedDelivery, error) {
	id, err := p.Ping(e.Request.Context(), in.ID)
	if err != nil {
		return nil, fail(e, err)
	}
	return showDelivery(e, id)
}

// replayEndpoint is what to send an endpoint again.
type replayEndpoint struct {
	ofEndpoint
	Body *replayFrom
}

type replayFrom struct {
	Since    *time.Time `json:"since" doc:"Defaults to when the endpoint was disabled. Without that it is needed."`
	Position int64      `json:"position,omitempty" doc:"The next of the answer before."`
	Run      string     `json:"run,omitempty" doc:"The run of the answer before."`
}

func (p *Plugin) postReplay(e *core.RequestEvent, in *replayEndpoint) (*Replay, error) {
	endpoint, err := findEndpoint(e.App, in.ID)
	if err != nil {
		return nil, fail(e, err)
	}
	from := replayFrom{}
	if in.Body != nil {
		from = *in.Body
	}
	since := endpoint.disabledAt()
	if from.Since != nil {
		since = *from.Since
	}
	if since.IsZero() {
		return nil, e.BadRequestError("Since is needed: the endpoint was never disabled.", nil)
	}
	replay, err := p.Replay(e.Request.Context(), endpoint.Id, since, from.Position, from.Run)
	return sent(e, replay, err)
}

// pageOf is which part of a list to show.
type pageOf struct {
	Before int64 `query:"before" doc:"Only what is older than what has this id: the last of the page before."`
	Limit  int   `query:"limit" default:"50" doc:"How many. More than 200 are taken for 200."`
}

type deliveriesQuery struct {
	Endpoint string `query:"endpoint" doc:"The id of an endpoint."`
	State    string `query:"state" enum:"pending,delivered,failed"`
	Event    string `query:"event" doc:"The id of an event, which is the webhook-id of its messages."`
	Record   string `query:"record" doc:"The ids of a collection and a record, with a slash between them."`
	pageOf
}

type deliveryList struct {
	Items []Delivery `json:"items"`
}

func (p *Plugin) getDeliveries(e *core.RequestEvent, in *deliveriesQuery) (*deliveryList, error) {
	list, err := p.Deliveries(e.Request.Context(), DeliveryQuery{
		Endpoint: in.Endpoint, State: in.State, Event: in.Event, Subject: in.Record, Before: in.Before, Limit: in.Limit,
	})
	return sent(e, deliveryList{list}, err)
}

// ofNumbered is a request about a delivery or a message.
type ofNumbered struct {
	ID int64 `path:"id"`
}

// detailedDelivery is a delivery with everything.
type detailedDelivery struct {
	Delivery
	Payload json.RawMessage `json:"payload" doc:"What is sent, any JSON."`
	Tries   []Attempt       `json:"tries" maxItems:"100" doc:"The latest attempts, newest first."`
}

func (p *Plugin) getDelivery(e *core.RequestEvent, in *ofNumbered) (*detailedDelivery, error) {
	return showDelivery(e, in.ID)
}

func showDelivery(e *core.RequestEvent, id int64) (*detailedDelivery, error) {
	d, err := findDelivery(e.Request.Context(), e.App, id)
	if err != nil {
		return nil, fail(e, err)
	}
	attempts, err := attemptsOf(e.Request.Context(), e.App, id)
	return sent(e, detailedDelivery{d.public(), json.RawMessage(d.Payload), attempts}, err)
}

func (p *Plugin) postRedeliver(e *core.RequestEvent, in *ofNumbered) (*detailedDelivery, error) {
	id, err := p.Redeliver(e.Request.Context(), in.ID)
	if err != nil {
		return nil, fail(e, err)
	}
	return showDelivery(e, id)
}

type inboxQuery struct {
	State string `query:"state" enum:"pending,done,failed"`
	pageOf
}

type receivedList struct {
	Items []Received `json:"items"`
}

func (p *Plugin) getInbox(e *core.RequestEvent, in *inboxQuery) (*receivedList, error) {
	list, err := p.Inbox(e.Request.Context(), in.State, in.Before, in.Limit)
	return sent(e, receivedList{list}, err)
}

// detailedMessage is a received message with everything.
type detailedMessage struct {
	Received
	Headers http.Header `json:"headers" doc:"As they came, without what is secret."`
	Body    string      `json:"body"`
}

func (p *Plugin) getMessage(e *core.RequestEvent, in *ofNumbered) (*detailedMessage, error) {
	return showMessage(e, in.ID)
}

func showMessage(e *core.RequestEvent, id int64) (*detailedMessage, error) {
	row, err := findInbound(e.Request.Context(), e.App, id)
	if err != nil {
		return nil, fail(e, err)
	}
	m := row.message()
	return &detailedMessage{row.public(), m.Header, string(m.Body)}, nil
}

func (p *Plugin) postRetry(e *core.RequestEvent, in *ofNumbered) (*detailedMessage, error) {
	if err := p.Retry(e.Request.Context(), in.ID); err != nil {
		return nil, fail(e, err)
	}
	return showMessage(e, in.ID)
}
