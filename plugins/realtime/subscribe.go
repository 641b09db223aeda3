package realtime

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// subscribe replaces the subscriptions of a client by those of a request, in one
// step: what it had and keeps goes on without a gap, what is new begins with what
// is committed after the request came in.
func (p *Plugin) subscribe(e *core.RealtimeSubscribeRequestEvent, c *client) error {
	ctx := e.Request.Context()
	// what the subscriptions need to be logged is, before they begin
	for _, raw := range e.Subscriptions {
		if err := p.keepTopic(ctx, raw, e.Auth, false); err != nil {
			return e.InternalServerError("", err)
		}
	}
	from, err := p.log.Head(ctx)
	if err != nil {
		return e.InternalServerError("", err)
	}
	plan, err := p.planResume(ctx, c, e.Auth, e.Subscriptions)
	if err != nil {
		return e.InternalServerError("", err)
	}
	if err := p.replace(c, e.Auth, e.Subscriptions, from, plan); err != nil {
		return e.InternalServerError("", err)
	}
	e.App.Logger().Debug("Realtime subscriptions updated", slog.String("clientId", c.id), slog.Any("subscriptions", e.Subscriptions))
	return e.NoContent(http.StatusNoContent)
}

// replace gives the client these subscriptions and no other, on behalf of what the
// auth record of the request is by now.
func (p *Plugin) replace(c *client, auth *core.Record, subs []string, from int64, plan resumePlan) error {
	p.hub.identities.Lock()
	defer p.hub.identities.Unlock()
	auth, err := p.current(auth)
	if err != nil {
		return err
	}
	p.hub.replace(c, auth, subs, from, plan)
	if p.kept.due.Swap(false) {
		p.hub.keepSoon()
	}
	return nil
}

// replace gives the client these subscriptions and no other.
func (h *hub) replace(c *client, auth *core.Record, subs []string, from int64, plan resumePlan) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.parted {
		return // it left while the request was under way
	}
	if h.done == 0 {
		h.position, h.done = from, from
	}
	c.setAuth(auth)
	wanted := make(map[string]bool, len(subs))
	for _, raw := range subs {
		wanted[raw] = true
	}
	for _, m := range append([]*member(nil), c.members...) {
		if !wanted[m.spec.raw] {
			h.remove(c, m.spec.raw)
		}
	}
	had := make(map[*member]bool, len(c.members))
	for _, m := range c.members {
		had[m] = true
	}
	for _, raw := range subs {
		start := from
		switch {
		case !plan.resumes[raw]:
		case plan.who != c.caller.callerKey: // signed out while the request was under way
			plan.resets = append(plan.resets, raw)
		default:
			start = plan.from
		}
		h.add(c, raw, start)
	}
	h.catchUp(c, had, len(plan.resumes) > 0)
	if c.positions {
		h.resume(c, from, had, plan)
	}
}

// topicOf takes a subscription apart: the name or id of a collection, and the id
// of a record, "*" or "" for all.
func topicOf(raw string) (collection, record string) {
	topic, _, _ := strings.Cut(raw, "?")
	collection, record, _ = strings.Cut(topic, "/")
	return collection, record
}

// keeper remembers for which collections the log was asked to keep the rows.
type keeper struct {
	mu     sync.Mutex
	until  map[string]time.Time
	asking map[string]*question // that are under way
	due    atomic.Bool          // something has to be renewed
}

// question is a request to the log, which waits for other writers.
type question struct {
	done chan struct{}
	err  error
}

// keepTopic lets the collection of a subscription be logged in full. Those that
// the caller certainly sees nothing of are left alone: anybody may subscribe to
// anything, and should not make writes dearer by it.
func (p *Plugin) keepTopic(ctx context.Context, raw string, auth *core.Record, renew bool) error {
	name, record := topicOf(raw)
	collection, err := p.app.FindCachedCollectionByNameOrId(name)
	if err != nil || collection.IsView() {
		return nil // a topic of somebody's own, or nothing that the log has
	}
	rule := collection.ListRule
	if record != "" && record != "*" {
		rule = collection.ViewRule
	}
	if auth == nil || !auth.IsSuperuser() {
		if rule == nil || auth == nil && excludesGuests(collection, *rule) {
			return nil
		}
	}
	return p.keep(ctx, collection.Id, renew)
}

// excludesGuests tells whether a rule lets no guest see any record.
func excludesGuests(collection *core.Collection, rule string) bool {
	groups, err := fexpr.Parse(rule)
	if err != nil {
		return false
	}
	for i, g := range groups {
		if i > 0 && g.Join == fexpr.JoinOr {
			return false
		}
	}
	anything := &image{collection: collection} // whose columns are unknown
	c := compiler{collection, true}
	for _, g := range groups {
		if one := c.groups([]fexpr.ExprGroup{g}); one != nil && one.eval(anything, nil) == no {
			return true
		}
	}
	return false
}

// keep lets a collection be logged in full. It asks the log now and then only, and
// leaves it to the background to renew what is kept for a good while.
func (p *Plugin) keep(ctx context.Context, collectionID string, renew bool) error {
	if p.ablate.history {
		return nil
	}
	p.kept.mu.Lock()
	left := time.Until(p.kept.until[collectionID])
	p.kept.mu.Unlock()
	switch {
	case left > p.config.Retention*3/4:
		return nil
	case left > p.config.Retention/4 && !renew:
		p.kept.due.Store(true)
		return nil
	}
	return p.ask(ctx, collectionID)
}

// ask asks the log to keep a collection, once for all who want that at a time.
func (p *Plugin) ask(ctx context.Context, collectionID string) error {
	p.kept.mu.Lock()
	q := p.kept.asking[collectionID]
	if q != nil {
		p.kept.mu.Unlock()
		select {
		case <-q.done:
			return q.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if p.kept.until == nil {
		p.kept.until, p.kept.asking = map[string]time.Time{}, map[string]*question{}
	}
	q = &question{done: make(chan struct{}), err: errUnanswered}
	p.kept.asking[collectionID] = q
	p.kept.mu.Unlock()

	until := time.Now().Add(p.config.Retention)
	defer func() {
		p.kept.mu.Lock()
		defer p.kept.mu.Unlock()
		if q.err == nil {
			p.kept.until[collectionID] = until
		}
		delete(p.kept.asking, collectionID)
		close(q.done)
	}()
	// for the others, too, so it does not end with this request
	q.err = p.log.KeepHistory(context.WithoutCancel(ctx), collectionID, until)
	return q.err
}

var errUnanswered = errors.New("the change log gave no answer")

// keepSoon lets the background look for what has to be logged in full.
func (h *hub) keepSoon() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// keepUp keeps the rows of what is listened to for as long as it is, until ctx
// ends.
func (p *Plugin) keepUp(ctx context.Context) {
	due, stop := p.every(p.config.Retention / 4)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
		case <-p.hub.changed:
		}
		if err := p.keepAll(ctx); err != nil && ctx.Err() == nil {
			p.app.Logger().Error("Realtime subscriptions could not be logged in full.", slog.Any("error", err))
			_ = pause(ctx, time.Second)
			p.hub.keepSoon()
		}
	}
}

// keepAll lets everything be logged in full that somebody listens to, and renews
// what is due.
func (p *Plugin) keepAll(ctx context.Context) error {
	p.hub.mu.Lock()
	wanted := map[string][]*core.Record{}
	for topic, specs := range p.hub.topics {
		guest, user, superuser := false, (*core.Record)(nil), (*core.Record)(nil)
		for _, s := range specs {
			for c := range s.members {
				switch record := c.caller.record.Load(); {
				case record == nil:
					guest = true
				case record.IsSuperuser():
					superuser = record
				default:
					user = record
				}
			}
		}
		// who may see more comes first
		for _, record := range []*core.Record{superuser, user} {
			if record != nil {
				wanted[topic] = append(wanted[topic], record)
			}
		}
		if guest {
			wanted[topic] = append(wanted[topic], nil)
		}
	}
	p.hub.mu.Unlock()
	var errs []error
	for topic, callers := range wanted {
		for _, auth := range callers {
			errs = append(errs, p.keepTopic(ctx, topic, auth, true))
		}
	}
	return errors.Join(errs...)
}

// keepClient lets be logged in full what a client listens to before it connected:
// a hook may have subscribed it. It gets what is committed from now on.
func (p *Plugin) keepClient(ctx context.Context, c *client) error {
	p.hub.mu.Lock()
	topics := make([]string, 0, len(c.members))
	for _, m := range c.members {
		topics = append(topics, m.spec.topic)
	}
	auth := c.caller.record.Load()
	p.hub.mu.Unlock()
	if len(topics) == 0 {
		return nil
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	for _, topic := range topics {
		if err := p.keepTopic(ctx, topic, auth, false); err != nil {
			return err
		}
	}
	return nil
}

// bindSchema keeps up with collections: somebody may listen to one that appears,
// or that opens.
func (p *Plugin) bindSchema() {
	changed := &hook.Handler[*core.CollectionEvent]{
		Id: "holdallRealtimeCollections",
		Func: func(e *core.CollectionEvent) error {
			if err := p.keepAll(e.Context); err != nil {
				e.App.Logger().Error("Realtime subscriptions could not follow a collection.", slog.Any("error", err))
			}
			return e.Next()
		},
		Priority: 9999, // after the cache of collections is new
	}
	p.app.OnCollectionAfterCreateSuccess().Bind(changed)
	p.app.OnCollectionAfterUpdateSuccess().Bind(changed)
}
