package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// Message is a verified message.
type Message struct {
	// ID is the one that the sender gave it, or a digest where the sender's is not signed.
	ID string
	// Path is where it was received, and PathValues what stood in the path for its
	// wildcards, by their names.
	Path       string
	PathValues map[string]string
	Query      url.Values
	Header     http.Header
	Body       []byte
	// Received is when it came first.
	Received time.Time
	// Attempt counts from 1.
	Attempt int
}

// Handler does what a message asks for, through tx. It runs in the transaction
// that marks the message as done, so what it writes happens once. Until it
// returns nobody else can write: leave what is slow, or goes out over the
// network, to a job that it enqueues through tx. An error undoes what it wrote and
// lets it be called again later.
type Handler func(ctx context.Context, tx core.App, m Message) error

// rejection is what [Reject] returns.
type rejection struct{ err error }

func (r rejection) Error() string { return r.err.Error() }
func (r rejection) Unwrap() error { return r.err }

// Reject, returned from a [Handler], gives a message up at once, for errors that
// would be the same the next time. Somebody can have it handled again.
func Reject(err error) error { return rejection{err} }

// receiver is a path for messages.
type receiver struct {
	path     string // may have segments such as {tenant}
	verifier Verifier
	handle   Handler
}

// Receive accepts messages by POST at a path: those that the verifier accepts are
// stored and acknowledged at once, and handled after that. Segments of the path may
// be wildcards, such as {tenant}. It panics if the
// verifier cannot work, like one without a secret, which everybody could satisfy.
// Call it before the app serves.
//
// The document of the API has it as taking anything; describe the route yourself to
// say more.
func (p *Plugin) Receive(path string, verifier Verifier, handle Handler) {
	if err := p.addReceiver(path, verifier, handle); err != nil {
		panic(fmt.Errorf("webhooks: receive at %s: %w", path, err))
	}
}

func (p *Plugin) addReceiver(path string, verifier Verifier, handle Handler) error {
	switch {
	case !plainPath.MatchString(path):
		return errors.New("the path must start with a slash and have nothing but names and wildcards such as {tenant}")
	case verifier == nil || handle == nil:
		return errors.New("it needs a verifier and a handler")
	case p.receiver(path) != nil:
		return errors.New("the path is taken")
	}
	if c, ok := verifier.(configured); ok {
		if err := c.check(); err != nil {
			return fmt.Errorf("the verifier cannot work: %w", err)
		}
	}
	p.receives = append(p.receives, &receiver{path, verifier, handle})
	return nil
}

var (
	plainPath = regexp.MustCompile(`^(/([A-Za-z0-9._~-]+|\{[A-Za-z]+\}))+$`)
	wildcard  = regexp.MustCompile(`\{([A-Za-z]+)\}`)
)

func (p *Plugin) receiver(path string) *receiver {
	for _, r := range p.receives {
		if r.path == path {
			return r
		}
	}
	return nil
}

// fill returns the receiver's path with the values in the place of its wildcards.
func (r *receiver) fill(value func(name string) string) (path string, values map[string]string) {
	values = map[string]string{}
	path = wildcard.ReplaceAllStringFunc(r.path, func(name string) string {
		name = name[1 : len(name)-1]
		values[name] = value(name)
		return url.PathEscape(values[name])
	})
	return path, values
}

// match is the opposite of fill, for a path that is the receiver's.
func (r *receiver) match(path string) (values map[string]string, ok bool) {
	wanted, given := strings.Split(r.path, "/"), strings.Split(path, "/")
	if len(wanted) != len(given) {
		return nil, false
	}
	values = map[string]string{}
	for i, segment := range wanted {
		value, err := url.PathUnescape(given[i])
		switch name := wildcard.FindStringSubmatch(segment); {
		case err != nil, name == nil && segment != given[i]:
			return nil, false
		case name != nil:
			values[name[1]] = value
		}
	}
	return values, true
}

// receiverOf returns who receives at a path that was filled, and the values.
func (p *Plugin) receiverOf(path string) (*receiver, map[string]string) {
	if r := p.receiver(path); r != nil { // before one with a wildcard, as in the router
		return r, map[string]string{}
	}
	for _, r := range p.receives {
		if values, ok := r.match(path); ok {
			return r, values
		}
	}
	return nil, nil
}

func (p *Plugin) bindReceivers(e *core.ServeEvent) {
	for _, receiver := range p.receives {
		e.Router.POST(receiver.path, func(e *core.RequestEvent) error { return p.accept(e, receiver) }).
			Bind(apis.BodyLimit(p.config.MaxInbound))
		if registry := apidoc.Of(e.App); !registry.Has(http.MethodPost, receiver.path) {
			registry.Add(receiver.described())
		}
	}
}

// described is what the document tells of the route.
func (r *receiver) described() apidoc.Entry {
	entry := apidoc.Entry{In: reflect.TypeFor[apidoc.None](), Out: reflect.TypeFor[apidoc.None](), Op: apidoc.Op{
		Method: http.MethodPost, Path: r.path,
		Summary: "Receive a webhook", Description: "The answer says that the message is stored. It is handled after that.",
		Tags: []string{"hooks"}, Errors: []int{http.StatusBadRequest}, Consumes: []string{"*/*"},
		Answers: []apidoc.Answer{{Status: http.StatusUnauthorized, Description: "The message is not verified: its signature is not right, or not of now."}},
	}}
	if s, ok := r.verifier.(signed); ok {
		for _, name := range s.headers() {
			entry.Parameters = append(entry.Parameters, apidoc.Parameter{
				Name: name, In: "header", Required: true, Schema: &apidoc.Schema{Type: "string"}, Description: "As the sender signs.",
			})
		}
	}
	if a, ok := r.verifier.(answering); ok {
		entry.Answers = append(entry.Answers, a.answers())
	}
	return entry
}

// accept verifies a message, stores it and says thanks.
func (p *Plugin) accept(e *core.RequestEvent, r *receiver) error {
	// PocketBase's limit is passed by a last read that comes with the end of the body
	body, err := io.ReadAll(io.LimitReader(e.Request.Body, p.config.MaxInbound+1))
	if int64(len(body)) > p.config.MaxInbound || errors.Is(err, apis.ErrRequestEntityTooLarge) {
		return e.Error(http.StatusRequestEntityTooLarge, "The message is too large.", nil)
	}
	if err != nil {
		return e.BadRequestError("The message could not be read.", nil)
	}
	now := p.config.Clock.Now()
	path, values := r.fill(e.Request.PathValue)
	verdict, err := r.verifier.Verify(Incoming{
		Method: e.Request.Method, URL: e.Request.URL, PathValues: values, Header: e.Request.Header, Body: body, Now: now,
	})
	if err != nil {
		if !errors.Is(err, ErrNotVerified) {
			p.app.Logger().Error("A webhook could not be verified.", slog.String("path", r.path), slog.Any("error", err))
			return e.InternalServerError("The message could not be verified. Please send it again.", nil)
		}
		// why is for the log: a sender who may know has the secret
		p.app.Logger().Debug("A webhook was refused.", slog.String("path", r.path), slog.Any("error", err))
		return e.UnauthorizedError("The message is not verified.", nil)
	}
	if verdict.Answer != nil {
		return e.Blob(http.StatusOK, verdict.Answer.ContentType, verdict.Answer.Body)
	}
	if verdict.ID == "" {
		verdict.ID = digest(body)
	}
	if err := p.store(e.App, e.Request, path, verdict.ID, body, now); err != nil {
		p.app.Logger().Error("A webhook could not be stored.", slog.String("path", r.path), slog.Any("error", err))
		return e.InternalServerError("The message could not be stored. Please send it again.", nil)
	}
	nudge(p.wakeInbox)
	return e.NoContent(http.StatusNoContent)
}

// unstored are headers that handlers have no use for and that are secret.
var unstored = []string{"Authorization", "Cookie", "Proxy-Authorization"}

// JobKind is the kind of the jobs that the plugin gives to [Config.Queue].
const JobKind = "webhooks.inbound"

// job is what a queue is given of a message.
type job struct {
	Message int64 `json:"message"`
}

// store puts a message into the inbox, and its job into the queue in the same
// transaction. One that is there already is not stored again.
func (p *Plugin) store(app core.App, request *http.Request, path, id string, body []byte, now time.Time) error {
	header := request.Header.Clone()
	for _, name := range unstored {
		header.Del(name)
	}
	encoded, err := json.Marshal(header)
	if err != nil {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		result, err := tx.DB().NewQuery(`INSERT INTO _webhooksInbox (path, message, query, headers, body, received, state, nextAt)
			VALUES ({:path}, {:message}, {:query}, {:headers}, {:body}, {:now}, 'pending', {:now}) ON CONFLICT DO NOTHING`).
			Bind(dbx.Params{
				"path": path, "message": id, "query": request.URL.RawQuery, "headers": string(encoded), "body": body, "now": now.UnixMilli(),
			}).Execute()
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 || p.config.Queue == nil {
			return err
		}
		row, err := result.LastInsertId()
		if err != nil {
			return err
		}
		payload, err := json.Marshal(job{Message: row})
		if err != nil {
			return err
		}
		return p.config.Queue.Enqueue(tx, JobKind, payload)
	})
}

// Process handles the message of a job that the plugin gave to [Config.Queue]. It
// is harmless to call it again.
func (p *Plugin) Process(ctx context.Context, payload []byte) error {
	var j job
	if err := json.Unmarshal(payload, &j); err != nil {
		return fmt.Errorf("webhooks: decode a job: %w", err)
	}
	return p.process(ctx, j.Message)
}
