package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// consumerName names the plugin's position in the change log.
const consumerName = "webhooks"

// consume makes the log hand over each change of the collections that endpoints
// ask for. The position moves on once the deliveries of a change are stored.
func (p *Plugin) consume() error {
	return p.config.Log.Consume(changes.Consumer{
		Name: consumerName, History: true, OnDemand: true, MaxAttempts: -1, Handle: p.capture,
		Backoff: func(attempts int) time.Duration { return min(time.Second<<min(attempts-1, 4), 10*time.Second) },
	})
}

// followLog makes the log hand over changes as long as there is an enabled
// endpoint, and none of before the first.
func (p *Plugin) followLog(tx core.App) error {
	if p.config.Log == nil {
		return nil
	}
	var wanted bool
	if err := tx.DB().NewQuery(`SELECT EXISTS (SELECT 1 FROM _webhooks WHERE enabled)`).Row(&wanted); err != nil {
		return fmt.Errorf("webhooks: look for endpoints: %w", err)
	}
	if wanted {
		return p.config.Log.Begin(tx, consumerName)
	}
	return p.config.Log.End(tx, consumerName)
}

// capture stores the deliveries of a change. It fails only if the database does:
// what is wrong with one event must not stop all others.
func (p *Plugin) capture(ctx context.Context, change changes.Change) error {
	collection, err := p.app.FindCachedCollectionByNameOrId(change.Collection)
	if err != nil || !deliverable(collection) {
		return nil //nolint:nilerr // of a collection that is gone there is nothing to tell
	}
	list, err := endpoints(p.app)
	if err != nil {
		return err
	}
	ev, err := newEvent(collection, change)
	if err != nil {
		p.app.Logger().Error("A change cannot be sent.", slog.String("collection", collection.Name), slog.Any("error", err))
		return nil
	}
	var due []delivery
	for _, e := range list {
		d, ok, err := p.deliveryOf(ctx, e, ev)
		if err != nil {
			return err
		}
		if ok {
			due = append(due, d)
		}
	}
	if len(due) == 0 {
		return nil
	}
	if _, err := enqueue(ctx, p.app, p.config.Clock.Now(), due...); err != nil {
		return err
	}
	for _, d := range due {
		p.wake(d.Endpoint)
	}
	return nil
}

// deliveryOf returns the delivery of an event to an endpoint that wants it. An
// endpoint whose filter does not fit the collection any more is disabled: to send
// everything could tell too much, and to send nothing would be noticed by nobody.
func (p *Plugin) deliveryOf(ctx context.Context, e *endpoint, ev *event) (delivery, bool, error) {
	if !e.wants(ev.collection, ev.action) {
		return delivery{}, false, nil
	}
	matches, err := p.filters.matches(ctx, p.app, ev, e.filter())
	if errors.Is(err, errFilter) {
		p.disable(e.Id, "The filter does not fit "+ev.collection.Name+" any more: "+err.Error(), ev.change.At)
		return delivery{}, false, nil
	}
	if err != nil || !matches {
		return delivery{}, false, err
	}
	payload, err := ev.payload(p.app, e, p.config.MaxPayload)
	if err != nil {
		p.app.Logger().Error("A change cannot be sent.", slog.String("collection", ev.collection.Name), slog.Any("error", err))
		return delivery{}, false, nil
	}
	return delivery{Endpoint: e.Id, Event: ev.id(), Subject: ev.subject(), Type: ev.kind(), Payload: payload, Trace: ev.change.Trace}, payload != "", nil
}

// disable stops an endpoint and tells somebody. What happened since then is not
// sent unless somebody replays it.
func (p *Plugin) disable(id, reason string, since time.Time) {
	alert := Alert{Endpoint: id, Reason: reason, At: since}
	disabled := false
	err := p.app.RunInTransaction(func(tx core.App) error {
		e, err := findEndpoint(tx, id)
		if err != nil || !e.enabled() {
			return err
		}
		disabled, alert.Name = true, e.name()
		e.Set(fieldEnabled, false)
		e.Set(fieldDisabledAt, alert.At)
		e.Set(fieldDisabledReason, cut(reason, 500))
		return tx.SaveNoValidate(e.Record) // it may have been made invalid by what disables it
	})
	if err != nil {
		p.app.Logger().Error("An endpoint could not be disabled.", slog.String("endpoint", id), slog.Any("error", err))
	}
	if err != nil || !disabled {
		return
	}
	p.app.Logger().Error("A webhook endpoint was disabled.", slog.String("endpoint", id), slog.String("name", alert.Name), slog.String("reason", reason))
	if p.config.Alert != nil {
		p.config.Alert(alert)
	}
}
