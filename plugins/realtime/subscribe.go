package realtime

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

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
		if err := p.keepTopic(ctx, raw, e.Auth != nil && e.Auth.IsSuperuser()); err != nil {
			return e.InternalServerError("", err)
		}
	}
	from, err := p.log.Head(ctx)
	if err != nil {
		return e.InternalServerError("", err)
	}
	var plan resumePlan
	if c.resumeAt > 0 {
		if plan, err = p.planResume(ctx, c.resumeAt, e.Subscriptions); err != nil {
			return e.InternalServerError("", err)
		}
	}
	p.hub.replace(c, e.Auth, e.Subscriptions, from, plan)
	e.App.Logger().Debug("Realtime subscriptions updated", slog.String("clientId", c.id), slog.Any("subscriptions", e.Subscriptions))
	return e.NoContent(http.StatusNoContent)
}

// replace gives the client these subscriptions and no other.
func (h *hub) replace(c *client, auth *core.Record, subs []string, from int64, plan resumePlan) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done == 0 {
		h.position, h.done = from, from
	}
	listened := len(c.members) > 0
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
	for _, raw := range subs {
		start := from
		if plan.resumes[raw] {
			start = plan.from
		}
		h.add(c, raw, start)
	}
	if c.positions {
		h.resume(c, from, listened, plan)
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
	mu    sync.Mutex
	until map[string]time.Time
}

// keepTopic lets the collection of a subscription be logged in full. Those that
// nobody but superusers may see are left alone, unless one asks: anybody may
// subscribe to anything, and should not make writes dearer by it.
func (p *Plugin) keepTopic(ctx context.Context, raw string, superuser bool) error {
	name, record := topicOf(raw)
	collection, err := p.app.FindCachedCollectionByNameOrId(name)
	if err != nil || collection.IsView() {
		return nil // a topic of somebody's own, or nothing that the log has
	}
	rule := collection.ListRule
	if record != "" && record != "*" {
		rule = collection.ViewRule
	}
	if rule == nil && !superuser {
		return nil
	}
	return p.keep(ctx, collection.Id)
}

// keep lets a collection be logged in full. It asks the log now and then only.
func (p *Plugin) keep(ctx context.Context, collectionID string) error {
	if p.ablate.history {
		return nil
	}
	p.kept.mu.Lock()
	defer p.kept.mu.Unlock()
	now := time.Now()
	until := now.Add(p.config.Retention)
	if p.kept.until[collectionID].Sub(now) > p.config.Retention*3/4 {
		return nil
	}
	if err := p.log.KeepHistory(ctx, collectionID, until); err != nil {
		return err
	}
	if p.kept.until == nil {
		p.kept.until = map[string]time.Time{}
	}
	p.kept.until[collectionID] = until
	return nil
}

// keepAll does the same for all subscriptions that there are.
func (p *Plugin) keepAll(ctx context.Context) error {
	p.hub.mu.Lock()
	wanted := map[string]bool{}
	for topic, specs := range p.hub.topics {
		for _, s := range specs {
			for c := range s.members {
				wanted[topic] = wanted[topic] || c.caller.superuser()
			}
		}
		if _, ok := wanted[topic]; !ok {
			wanted[topic] = false
		}
	}
	p.hub.mu.Unlock()
	for topic, superuser := range wanted {
		if err := p.keepTopic(ctx, topic, superuser); err != nil {
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
