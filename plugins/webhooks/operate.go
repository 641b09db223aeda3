package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/plugins/changes"
)

// Ping sends an endpoint a message that says nothing, at once and once, also if it
// is disabled. It returns the id of the delivery.
func (p *Plugin) Ping(ctx context.Context, endpointID string) (int64, error) {
	e, err := findEndpoint(p.app, endpointID)
	if err != nil {
		return 0, err
	}
	now := p.config.Clock.Now()
	id := "ping_" + security.RandomString(15)
	payload, err := json.Marshal(Payload{ID: id, Type: "ping", Version: e.version(), Timestamp: now.UTC(), Data: Data{Action: "ping"}})
	if err != nil {
		return 0, fmt.Errorf("webhooks: encode a ping: %w", err)
	}
	d := delivery{Endpoint: e.Id, Event: id, Subject: id, Type: "ping", Payload: string(payload), Created: now.UnixMilli(), Attempts: 1, Trace: p.position(ctx)}
	a := p.try(ctx, e, d)
	d.State, d.Status, d.Error = stateDelivered, a.Status, a.Error
	if !a.success() {
		d.State = stateFailed
	}
	d.FirstAt, d.Finished = a.At, p.config.Clock.Now().UnixMilli()
	return insertFinished(p.app, d, a.attempt)
}

// insertFinished stores a delivery that was made without waiting in the queue.
func insertFinished(app core.App, d delivery, a attempt) (int64, error) {
	err := app.RunInTransaction(func(tx core.App) error {
		result, err := tx.DB().NewQuery(`INSERT INTO _webhooksDeliveries
				(endpoint, event, run, subject, type, payload, created, state, ready, nextAt, attempts, firstAt, finished, status, error)
			VALUES ({:endpoint}, {:event}, '', {:subject}, {:type}, {:payload}, {:created}, {:state}, 0, 0, 1, {:firstAt}, {:finished}, {:status}, {:error})`).
			Bind(dbx.Params{
				"endpoint": d.Endpoint, "event": d.Event, "subject": d.Subject, "type": d.Type, "payload": d.Payload, "created": d.Created,
				"state": d.State, "firstAt": d.FirstAt, "finished": d.Finished, "status": d.Status, "error": d.Error,
			}).Execute()
		if err != nil {
			return err
		}
		if a.Delivery, err = result.LastInsertId(); err != nil {
			return err
		}
		return insertAttempt(tx, a)
	})
	if err != nil {
		return 0, fmt.Errorf("webhooks: save a ping: %w", err)
	}
	return a.Delivery, nil
}

// Redeliver sends a finished delivery again, as the same event, behind what waits
// for the same record. One that waits for its next attempt is tried at once. It
// returns the id of the delivery to look at.
func (p *Plugin) Redeliver(ctx context.Context, id int64) (int64, error) {
	d, err := findDelivery(ctx, p.app, id)
	if err != nil {
		return 0, err
	}
	now := p.config.Clock.Now()
	if d.State == statePending {
		_, err := p.app.NonconcurrentDB().NewQuery(`UPDATE _webhooksDeliveries SET nextAt = {:now} WHERE id = {:id} AND ready = 1`).
			WithContext(ctx).Bind(dbx.Params{"now": now.UnixMilli(), "id": id}).Execute()
		if err != nil {
			return 0, fmt.Errorf("webhooks: hurry a delivery: %w", err)
		}
		p.wake(d.Endpoint)
		return id, nil
	}
	d.Run, d.Trace = newRun("again"), p.position(ctx)
	if _, err := enqueue(ctx, p.app, now, d); err != nil {
		return 0, err
	}
	p.wake(d.Endpoint)
	var again int64
	err = p.app.ConcurrentDB().NewQuery(`SELECT id FROM _webhooksDeliveries WHERE endpoint = {:endpoint} AND event = {:event} AND run = {:run}`).
		WithContext(ctx).Bind(dbx.Params{"endpoint": d.Endpoint, "event": d.Event, "run": d.Run}).Row(&again)
	if err != nil {
		return 0, fmt.Errorf("webhooks: find a delivery: %w", err)
	}
	return again, nil
}

func newRun(what string) string { return what + "_" + security.RandomString(15) }

func findDelivery(ctx context.Context, app core.App, id int64) (delivery, error) {
	var d delivery
	err := app.ConcurrentDB().NewQuery(`SELECT * FROM _webhooksDeliveries WHERE id = {:id}`).WithContext(ctx).Bind(dbx.Params{"id": id}).One(&d)
	if err != nil {
		return d, fmt.Errorf("webhooks: find delivery %d: %w", id, err)
	}
	return d, nil
}

// Replay is how far a replay has come.
type Replay struct {
	// Queued is the number of events that are sent again.
	Queued int64 `json:"queued" doc:"How many events are sent again, of those that this call looked at."`
	// Next is the position to go on from, and Done tells that there is nothing after it.
	Next int64 `json:"next" doc:"The position to go on from."`
	Done bool  `json:"done" doc:"Whether there is nothing after it."`
	// Run names the replay. Going on under the same name sends nothing twice.
	Run string `json:"run" doc:"Names the replay. Going on under the same name sends nothing twice."`
}

// maxReplayed is how many changes one call looks at.
const maxReplayed = 5000

// errNoLog is returned where the change log is needed and there is none.
var errNoLog = errors.New("webhooks: there is no change log")

// Replay sends an endpoint again what happened since a time, as far as the full
// log reaches back and as the endpoint asks for it now. It looks at a few
// thousand changes; until Done, call it again with the Next and Run of its answer.
func (p *Plugin) Replay(ctx context.Context, endpointID string, since time.Time, position int64, run string) (Replay, error) {
	if p.config.Log == nil {
		return Replay{}, errNoLog
	}
	e, err := findEndpoint(p.app, endpointID)
	if err != nil {
		return Replay{}, err
	}
	r := Replay{Next: position, Run: run}
	if run == "" {
		r.Run = newRun("replay")
		if r.Next, err = p.positionAt(ctx, since); err != nil {
			return r, err
		}
	}
	for looked := 0; looked < maxReplayed && !r.Done; {
		page, err := p.config.Log.History(ctx, r.Next, 200)
		if err != nil {
			return r, err
		}
		looked += len(page.Changes)
		var due []delivery
		for _, change := range page.Changes {
			if change.At.Before(since) {
				continue
			}
			c, err := p.app.FindCachedCollectionByNameOrId(change.Collection)
			if err != nil || !deliverable(c) {
				continue
			}
			ev, err := newEvent(c, change)
			if err != nil {
				p.app.Logger().Error("A change cannot be sent.", slog.String("collection", c.Name), slog.Any("error", err))
				continue
			}
			d, ok, err := p.deliveryOf(ctx, e, ev)
			if err != nil {
				return r, err
			}
			if ok {
				d.Run, d.Trace = r.Run, p.position(ctx)
				due = append(due, d)
			}
		}
		added, err := enqueue(ctx, p.app, p.config.Clock.Now(), due...)
		if err != nil {
			return r, err
		}
		r.Queued += added
		r.Next, r.Done = page.Next, page.UpToDate
	}
	p.wake(e.Id)
	return r, nil
}

// positionAt returns a position with nothing of the time or later before it.
// Positions and times grow together.
func (p *Plugin) positionAt(ctx context.Context, at time.Time) (int64, error) {
	low := int64(0)
	high, err := p.config.Log.Head(ctx)
	for err == nil && low < high {
		middle := low + (high-low)/2
		var page changes.Page
		page, err = p.config.Log.History(ctx, middle, 1)
		if err == nil && (len(page.Changes) == 0 || !page.Changes[0].At.Before(at)) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, err
}

// Rotate gives an endpoint a new secret and returns it. Until the time that is
// returned too, messages are signed with the old one as well.
func (p *Plugin) Rotate(endpointID string) (secret string, until time.Time, err error) {
	secret = NewSecret()
	err = p.app.RunInTransaction(func(tx core.App) error {
		if _, err := findEndpoint(tx, endpointID); err != nil {
			return err
		}
		c, err := credentialsOf(tx, endpointID)
		if err != nil {
			return err
		}
		p.rotate(&c, secret)
		until = time.UnixMilli(c.PreviousUntil)
		return p.saveCredentials(tx, endpointID, c)
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("webhooks: rotate a secret: %w", err)
	}
	return secret, until, nil
}

// Secret returns the secret of an endpoint.
func (p *Plugin) Secret(endpointID string) (string, error) {
	if _, err := findEndpoint(p.app, endpointID); err != nil {
		return "", err
	}
	c, err := credentialsOf(p.app, endpointID)
	if err != nil {
		return "", err
	}
	return p.open(c.Secret)
}
