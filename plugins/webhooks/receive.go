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
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Message is a verified message.
type Message struct {
	// ID is the one that the sender gave it, or a digest where the sender's is not signed.
	ID string
	// Path is where it was received.
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte
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

// receiver is a path for messages.
type receiver struct {
	path     string
	verifier Verifier
	handle   Handler
}

// Receive accepts messages by POST at a path: those that the verifier accepts are
// stored and acknowledged at once, and handled after that. It panics if the
// verifier cannot work, like one without a secret, which everybody could satisfy.
// Call it before the app serves.
func (p *Plugin) Receive(path string, verifier Verifier, handle Handler) {
	if err := p.addReceiver(path, verifier, handle); err != nil {
		panic(fmt.Errorf("webhooks: receive at %s: %w", path, err))
	}
}

func (p *Plugin) addReceiver(path string, verifier Verifier, handle Handler) error {
	switch {
	case !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "{} "):
		return errors.New("the path must be a plain one that starts with a slash")
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

func (p *Plugin) receiver(path string) *receiver {
	for _, r := range p.receives {
		if r.path == path {
			return r
		}
	}
	return nil
}

func (p *Plugin) bindReceivers(r *router.Router[*core.RequestEvent]) {
	for _, receiver := range p.receives {
		r.POST(receiver.path, func(e *core.RequestEvent) error { return p.accept(e, receiver) }).
			Bind(apis.BodyLimit(p.config.MaxInbound))
	}
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
	verdict, err := r.verifier.Verify(Incoming{Method: e.Request.Method, URL: e.Request.URL, Header: e.Request.Header, Body: body, Now: now})
	if err != nil {
		if !errors.Is(err, ErrNotVerified) {
			p.app.Logger().Error("A webhook could not be verified.", slog.String("path", r.path), slog.Any("error", err))
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
	if err := p.store(e.Request, r, verdict.ID, body, now); err != nil {
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
func (p *Plugin) store(request *http.Request, r *receiver, id string, body []byte, now time.Time) error {
	header := request.Header.Clone()
	for _, name := range unstored {
		header.Del(name)
	}
	encoded, err := json.Marshal(header)
	if err != nil {
		return err
	}
	return p.app.RunInTransaction(func(tx core.App) error {
		result, err := tx.DB().NewQuery(`INSERT INTO _webhooksInbox (path, message, query, headers, body, received, state, nextAt)
			VALUES ({:path}, {:message}, {:query}, {:headers}, {:body}, {:now}, 'pending', {:now}) ON CONFLICT DO NOTHING`).
			Bind(dbx.Params{
				"path": r.path, "message": id, "query": request.URL.RawQuery, "headers": string(encoded), "body": body, "now": now.UnixMilli(),
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
