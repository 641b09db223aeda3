package push

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

const messageInvalidBody = "The request has invalid fields."

// bindRoutes adds the routes of users and those of superusers.
func (p *Plugin) bindRoutes(e *core.ServeEvent) {
	api := apidoc.On(e).Group("/api/push")
	p.bindDeviceRoutes(api)
	op := func(id, method, path, summary, description string, errors ...int) apidoc.Op {
		return apidoc.Op{
			ID: "push." + id, Method: method, Path: path, Summary: summary, Description: description,
			Access: apidoc.Superusers, Errors: errors, AnyContentType: true,
		}
	}
	const missing = http.StatusNotFound
	apidoc.Route(api, op("status", "GET", "/status", "Say how push is doing", ""), p.getStatus)
	apidoc.Route(api, op("messages", "GET", "/messages", "List messages", "Newest first."), p.getMessages)
	apidoc.Route(api, op("send", "POST", "/messages", "Send a message",
		"To devices, by whom they are of or by what they are subscribed to. One with a key that is taken is not sent: the answer is about the message that has it.",
		http.StatusBadRequest), p.postMessage)
	apidoc.Route(api, op("message", "GET", "/messages/{id}", "View a message", "With what has become of it.", missing), p.getMessage)
	apidoc.Route(api, op("cancel", "POST", "/messages/{id}/cancel", "Stop a message", "As far as it is not sent.", missing), p.postCancel)
	apidoc.Route(api, op("deliveries", "GET", "/deliveries", "List deliveries", "Each is one message to one device. Newest first."), p.getDeliveries)
	apidoc.Route(api, op("test", "POST", "/test", "Send a device a test", "At once and once. A device that has gone is removed.", missing), p.postTest)
	resume := op("resume", "POST", "/resume", "Resume a service", "One that did not accept our credentials. One notification finds out whether it does now.")
	resume.Problems = []apidoc.Problem{{Status: http.StatusBadRequest, Field: "service", Code: codeService, When: "the server does not send by this service"}}
	apidoc.Route(api, resume, p.postResume)
}

// sent answers with the value, or says what is wrong.
func sent[T any](e *core.RequestEvent, value T, err error) (*T, error) {
	if err != nil {
		return nil, fail(e, err)
	}
	return &value, nil
}

func (p *Plugin) getStatus(e *core.RequestEvent, _ *apidoc.None) (*Status, error) {
	status, err := p.Status(e.Request.Context())
	return sent(e, status, err)
}

type messagesQuery struct {
	Before string `query:"before" doc:"Only messages stored before the one with this id: the last of the page before."`
	Limit  int    `query:"limit" default:"50" doc:"How many. More than 200 are taken for 200."`
}

type messageList struct {
	Items []MessageState `json:"items"`
}

func (p *Plugin) getMessages(e *core.RequestEvent, in *messagesQuery) (*messageList, error) {
	list, err := p.Messages(e.Request.Context(), MessageQuery{Before: in.Before, Limit: in.Limit})
	return sent(e, messageList{list}, err)
}

type newMessage struct {
	Body messageBody
}

func (p *Plugin) postMessage(e *core.RequestEvent, in *newMessage) (*MessageState, error) {
	m, err := in.Body.message()
	if err != nil {
		return nil, err // it was checked
	}
	id, err := p.Send(e.App, m)
	if errors.Is(err, errMessage) {
		// the reasons are about what the caller has sent
		return nil, e.BadRequestError("The message cannot be sent: "+reason(err), nil)
	}
	if err != nil {
		return nil, fail(e, err)
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

// ofMessage is a request about a message.
type ofMessage struct {
	ID string `path:"id"`
}

func (p *Plugin) getMessage(e *core.RequestEvent, in *ofMessage) (*MessageState, error) {
	return p.showMessage(e, in.ID)
}

func (p *Plugin) showMessage(e *core.RequestEvent, id string) (*MessageState, error) {
	state, err := p.Message(e.Request.Context(), id)
	return sent(e, state, err)
}

func (p *Plugin) postCancel(e *core.RequestEvent, in *ofMessage) (*MessageState, error) {
	if _, err := p.Cancel(e.Request.Context(), in.ID); err != nil {
		return nil, fail(e, err)
	}
	return p.showMessage(e, in.ID)
}

type deliveriesQuery struct {
	Message string `query:"message" doc:"The id of a message."`
	Device  string `query:"device" doc:"The id of a device."`
	User    string `query:"user" doc:"The id of a user."`
	Service string `query:"service" doc:"The name of a service: the provider, and of Web Push the host besides." example:"fcm"`
	State   string `query:"state" enum:"pending,sent,failed,expired,gone,cancelled"`
	Before  int64  `query:"before" doc:"Only what is older than the delivery with this id: the last of the page before."`
	Limit   int    `query:"limit" default:"50" doc:"How many. More than 200 are taken for 200."`
}

type deliveryList struct {
	Items []Delivery `json:"items"`
}

func (p *Plugin) getDeliveries(e *core.RequestEvent, in *deliveriesQuery) (*deliveryList, error) {
	list, err := p.Deliveries(e.Request.Context(), DeliveryQuery{
		Message: in.Message, Device: in.Device, User: in.User, Service: in.Service, State: in.State, Before: in.Before, Limit: in.Limit,
	})
	return sent(e, deliveryList{list}, err)
}

type newTest struct {
	Body testBody
}

type testBody struct {
	Device string `json:"device" doc:"The id of a device."`
	Title  string `json:"title" default:"Test"`
	Body   string `json:"body" default:"Push notifications reach this device."`
}

func (p *Plugin) postTest(e *core.RequestEvent, in *newTest) (*TestResult, error) {
	result, err := p.Test(e.Request.Context(), in.Body.Device, Text{Title: in.Body.Title, Body: in.Body.Body})
	return sent(e, result, err)
}

type resumption struct {
	Body resumeBody
}

type resumeBody struct {
	Service string `json:"service" doc:"Its name in the status." example:"fcm"`
}

func (p *Plugin) postResume(e *core.RequestEvent, in *resumption) (*apidoc.None, error) {
	err := p.Resume(e.Request.Context(), in.Body.Service)
	if errors.Is(err, errNoService) {
		return nil, e.BadRequestError(messageInvalidBody, validation.Errors{"service": validation.NewError(codeService, "The server does not send by this service.")})
	}
	return done(e, err)
}

// done answers 204, or says what is wrong.
func done(e *core.RequestEvent, err error) (*apidoc.None, error) {
	if err != nil {
		return nil, fail(e, err)
	}
	return nil, nil //nolint:nilnil // 204
}
