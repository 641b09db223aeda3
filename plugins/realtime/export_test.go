package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// Ablate switches a mechanism off.
func (p *Plugin) Ablate(mechanism string) {
	switch mechanism {
	case "memory":
		p.ablate.memory = true
	case "sql":
		p.ablate.sql = true
	case "deletes":
		p.ablate.deletes = true
	case "history":
		p.ablate.history = true
	case "limits":
		p.ablate.limits = true
	case "purge":
		p.hub.keepQueues = true
	case "coalescing":
		p.hub.keepUpdates = true
	case "signatures":
		p.ablate.signatures = true
	case "before":
		p.ablate.before = true
	default:
		panic(mechanism)
	}
}

// Stats are how often a rule was evaluated in memory and by SQL, and how often a
// record was serialised.
func (p *Plugin) Stats() (evaluations, queries, serialisations int64) {
	return p.stats.evaluations.Load(), p.stats.queries.Load(), p.stats.serialisations.Load()
}

// Waiting is how many messages wait for a client, and their bytes.
func (p *Plugin) Waiting(id string) (length, bytes int) {
	found, err := p.app.SubscriptionsBroker().ClientById(id)
	if err != nil {
		return 0, 0
	}
	c := p.hub.own(found)
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue), c.bytes
}

// Closing tells whether it is decided that a client is closed, or it is gone.
func (p *Plugin) Closing(id string) bool {
	found, err := p.app.SubscriptionsBroker().ClientById(id)
	if err != nil {
		return true
	}
	c := p.hub.own(found)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing != ""
}

// Fail makes SQL about rules and filters fail for as long as fail does.
func (p *Plugin) Fail(fail func() error) { p.ablate.fail.Store(&fail) }

// Indexed is how many topics, callers and clients the hub knows.
func (p *Plugin) Indexed() (topics, callers, clients int) {
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	return len(p.hub.topics), len(p.hub.callers), len(p.hub.connections)
}

// Asking is how many collections the log is being asked to keep.
func (p *Plugin) Asking() int {
	p.kept.mu.Lock()
	defer p.kept.mu.Unlock()
	return len(p.kept.asking)
}

// Evaluate asks whether a row, as the log keeps it, meets a condition for each of
// some callers, nil for a guest: in memory, where understood says for whom that
// can be, and by SQL, for all together.
func (p *Plugin) Evaluate(collection *core.Collection, text string, trusted bool, row json.RawMessage, auths []*core.Record) (memory, understood, bySQL []bool, err error) {
	img, err := newImage(collection, row)
	if err != nil {
		return nil, nil, nil, err
	}
	c := newCondition(collection, text, trusted)
	if c == nil {
		return nil, nil, nil, errors.New("empty")
	}
	g := &gate{collection: collection, options: subscriptions.SubscriptionOptions{}}
	callers := make([]*caller, len(auths))
	for i, auth := range auths {
		callers[i] = &caller{}
		if auth != nil {
			callers[i].callerKey = callerKey{auth.Collection().Id, auth.Id}
			callers[i].record.Store(auth)
		}
	}
	met, err := p.matching(context.Background(), g, c, source{row: img}, callers)
	for i, who := range callers {
		v := unknown
		if c.memory != nil {
			v = c.memory.eval(img, auths[i])
		}
		memory, understood, bySQL = append(memory, v == yes), append(understood, v != unknown), append(bySQL, met[who])
	}
	return memory, understood, bySQL, err
}

// Position is up to where the log was followed.
func (p *Plugin) Position() int64 { return p.hub.at() }

// Replace gives a client, a guest's, other subscriptions, as a request does that
// came in when the log was at a position.
func (p *Plugin) Replace(id string, from int64, subs ...string) {
	found, err := p.app.SubscriptionsBroker().ClientById(id)
	if err != nil {
		panic(err)
	}
	p.hub.replace(found.(*client), nil, subs, from, resumePlan{})
}

// Age makes the plugin believe that it asked for the history of a collection half
// of the retention ago.
func (p *Plugin) Age(collectionID string) {
	p.kept.mu.Lock()
	defer p.kept.mu.Unlock()
	p.kept.until[collectionID] = time.Now().Add(p.config.Retention / 2)
}

// LimitDeletions sets of how many deletions it is held who may hear of them.
func (p *Plugin) LimitDeletions(limit int) { p.deletes.limit = limit }

// Tick makes what happens every so often happen when the channel for the interval
// says so. It has to be called before the app serves.
func (p *Plugin) Tick(ticks func(time.Duration) <-chan time.Time) {
	p.every = func(d time.Duration) (<-chan time.Time, func()) { return ticks(d), func() {} }
}

// Behind runs fn at a moment when the last event is in the queues and the log is not
// noted to be followed that far.
func (p *Plugin) Behind(fn func()) {
	p.hub.mu.Lock()
	done := p.hub.done
	p.hub.done--
	p.hub.mu.Unlock()
	fn()
	p.hub.delivered(done)
}

// Announce tells a client its position.
func (p *Plugin) Announce(id string) {
	found, err := p.app.SubscriptionsBroker().ClientById(id)
	if err != nil {
		panic(err)
	}
	p.hub.announce(p.hub.own(found))
}

// ExpireIdleSince does what happens when a client's idle time ends, had that begun
// at a time.
func (p *Plugin) ExpireIdleSince(id string, at time.Time) {
	found, err := p.app.SubscriptionsBroker().ClientById(id)
	if err != nil {
		panic(err)
	}
	p.hub.own(found).expire(time.Now().Add(time.Hour), time.Since(at))
}

// SpentOnFilters is how long slow filters were evaluated lately.
func (p *Plugin) SpentOnFilters() time.Duration {
	p.patience.mu.Lock()
	defer p.patience.mu.Unlock()
	return p.patience.spent
}
