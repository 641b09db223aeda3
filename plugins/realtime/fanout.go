package realtime

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

const (
	// pageSize is how many changes are read at once.
	pageSize = 256
	// gatherFor is how long events wait for others.
	gatherFor = 3 * time.Millisecond
)

// follow tells the clients of everything that is committed, until ctx ends.
func (p *Plugin) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.begin(ctx)
		if err == nil {
			err = p.advance(ctx)
		}
		if err != nil && ctx.Err() == nil {
			p.app.Logger().Error("Realtime events are late.", slog.Any("error", err))
			_ = pause(ctx, time.Second)
		}
	}
}

// begin moves to the end of the log, unless somebody has subscribed and so set out
// from somewhere.
func (p *Plugin) begin(ctx context.Context) error {
	if p.hub.at() > 0 {
		return nil
	}
	head, err := p.log.Head(ctx)
	if err != nil {
		return err
	}
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	if p.hub.done == 0 {
		p.hub.position, p.hub.done = head, head
	}
	return nil
}

// pause waits for d, or returns why ctx ended before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// advance waits for changes and handles one page of them.
func (p *Plugin) advance(ctx context.Context) error {
	end, err := p.log.Wait(ctx, p.hub.at())
	if err != nil {
		return err
	}
	after, idle := p.hub.skipIfIdle(end)
	if idle {
		return nil
	}
	// who has just saved something gets the answer first, and what comes right
	// after it is written to each client together with it
	if err := pause(ctx, gatherFor); err != nil {
		return err
	}
	page, err := p.log.History(ctx, after, pageSize)
	if err != nil {
		return err
	}
	// Whoever lost access before the last change of this page, or later, gets
	// none of it. So identities and rules are read after the rows.
	if err := p.refresh(ctx, after); err != nil {
		return err
	}
	for _, change := range page.Changes {
		audiences := p.hub.lookUp(p.collectionOf(change), change.Record, change.Seq)
		deletion, forgotten := p.deletes.of(change)
		if forgotten {
			p.resetUndecided(change, audiences)
		}
		p.deliver(ctx, change, audiences, deletion)
		p.hub.delivered(change.Seq)
		p.hub.releaseIfFull()
	}
	p.hub.release()
	p.hub.delivered(page.Next)
	return nil
}

// at is where the hub is in the log.
func (h *hub) at() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done
}

// delivered notes that all events up to a position are in the queues.
func (h *hub) delivered(position int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.position = max(h.position, position)
	h.done = max(h.done, position)
}

// skipIfIdle moves on to the end if nobody listens.
func (h *hub) skipIfIdle(end int64) (after int64, idle bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.topics) > 0 && h.done > 0 {
		return h.done, false
	}
	h.position, h.done = max(h.position, end), max(h.done, end)
	return h.done, true
}

// collectionOf returns the collection of a change, nil if it is gone.
func (p *Plugin) collectionOf(change changes.Change) *core.Collection {
	collection, err := p.app.FindCachedCollectionByNameOrId(change.Collection)
	if err != nil || collection.Id != change.Collection {
		return nil
	}
	return collection
}

// Actions of an event. The first three are PocketBase's.
const (
	actionCreate = "create"
	actionUpdate = "update"
	actionDelete = "delete"
	actionEnter  = "enter"
	actionLeave  = "leave"
)

// deliver puts the events of one change into the queues of those who may see it.
// deletion is what was found out before a deletion, nil if nothing was.
func (p *Plugin) deliver(ctx context.Context, change changes.Change, audiences []audience, deletion *deletion) {
	if len(audiences) == 0 {
		return
	}
	// a hook that shows records is the app's code, and no reason to tell nobody
	// anything any more
	defer func() {
		if r := recover(); r != nil {
			p.lost(change, audiences, fmt.Errorf("panic: %v\n%s", r, debug.Stack()), (*outbox).reset)
		}
	}()
	var ev *event
	err := retried(ctx, func() (err error) {
		ev, err = p.newEvent(ctx, change)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			p.lost(change, audiences, err, (*outbox).lose)
		}
		return
	}
	if ev == nil {
		return
	}
	ev.deletion = deletion
	// A client may become somebody else in the midst of it. Then the question is
	// asked again for whoever it is now.
	for range 3 {
		var out outbox
		var again []audience
		for _, a := range audiences {
			if missed := p.deliverTo(ctx, ev, a, &out); len(missed) > 0 {
				again = append(again, audience{a.spec, a.single, p.hub.again(missed)})
			}
		}
		for _, missed := range out.send(change.Seq) {
			again = append(again, audience{missed.spec, missed.single, p.hub.again(missed.listeners)})
		}
		if audiences = again; len(audiences) == 0 {
			return
		}
	}
}

// again looks up who the clients of listeners are now.
func (h *hub) again(listeners []listener) []listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	current := listeners[:0]
	for _, l := range listeners {
		if l.spec.members[l.client] == l.member {
			current = append(current, listener{l.member, l.client.caller})
		}
	}
	return current
}

// deliverTo handles the listeners of one subscription, and returns those who were
// somebody else when the event was to be queued.
func (p *Plugin) deliverTo(ctx context.Context, ev *event, a audience, out *outbox) (again []listener) {
	if action, ok := p.openTo(ev, a); ok {
		return p.deliverToAll(ctx, ev, a, action, out)
	}
	callers := make([]*caller, 0, len(a.listeners))
	seen := make(map[*caller]bool, len(a.listeners))
	for _, l := range a.listeners {
		if !seen[l.caller] {
			seen[l.caller] = true
			callers = append(callers, l.caller)
		}
	}
	gate := p.gateOf(ev, a)
	actions := p.actions(ctx, ev, a, gate, callers)
	p.answerTrouble(ev, a, gate, actions, out)
	if len(actions) == 0 {
		return nil
	}
	if ev.collection.IsAuth() && ev.collection.ManageRule != nil {
		// for all at once, and remembered for the payloads
		p.allowed(ctx, p.access(ev.collection, ev.collection.ManageRule, a.spec), ev, ev.subject(), callers)
	}
	payloads := make(map[*caller][]byte, len(actions))
	for who, action := range actions {
		if data, err := p.tryPayload(ctx, ev, action, who, a.spec); err == nil {
			payloads[who] = data
		}
	}
	for _, l := range a.listeners {
		switch data := payloads[l.caller]; {
		case actions[l.caller] == "":
		case data == nil:
			out.reset(ev.change, a, l)
		case !ev.send(a, l, actions[l.caller], data, out):
			again = append(again, l)
		}
	}
	return again
}

// send queues an event for a listener. It reports false if the client is somebody
// else by now.
func (ev *event) send(a audience, to listener, action string, data []byte, out *outbox) bool {
	m := message{
		name: a.spec.raw, data: data, position: ev.change.Seq, spec: a.spec, record: ev.change.Record,
		update: action == actionUpdate,
	}
	if to.client.positions {
		out.add(a, to, m)
		return true
	}
	return to.client.enqueue(m, to.caller)
}

// openTo tells whether everybody sees the record of an event, and in the same way
// but for superusers. Then nothing is asked for each caller.
func (p *Plugin) openTo(ev *event, a audience) (action string, ok bool) {
	rule := ev.collection.ListRule
	if a.single {
		rule = ev.collection.ViewRule
	}
	query := a.spec.options.Query
	if rule == nil || *rule != "" || query[filterOption] != "" || query[expandOption] != "" || ev.collection.IsAuth() || p.isEnriched(ev.collection) {
		return "", false
	}
	switch {
	case ev.after == nil:
		return actionDelete, true
	case ev.before == nil:
		return actionCreate, true
	}
	return actionUpdate, true
}

// deliverToAll handles the listeners of a subscription that is open to all.
func (p *Plugin) deliverToAll(ctx context.Context, ev *event, a audience, action string, out *outbox) (again []listener) {
	var data [2][]byte // for others and for superusers
	for _, l := range a.listeners {
		i := 0
		if l.caller.superuser() {
			i = 1
		}
		if data[i] == nil {
			var err error
			if data[i], err = p.tryPayload(ctx, ev, action, l.caller, a.spec); err != nil {
				out.reset(ev.change, a, l)
				continue
			}
		}
		if !ev.send(a, l, action, data[i], out) {
			again = append(again, l)
		}
	}
	return again
}

// gateOf is the gate of the listeners of one subscription.
func (p *Plugin) gateOf(ev *event, a audience) *gate {
	rule := ev.collection.ListRule
	if a.single {
		rule = ev.collection.ViewRule
	}
	return p.access(ev.collection, rule, a.spec)
}

// actions tells what each caller is to be told.
func (p *Plugin) actions(ctx context.Context, ev *event, a audience, gate *gate, callers []*caller) map[*caller]string {
	actions := make(map[*caller]string, len(callers))
	tell := func(action string, m map[*caller]bool) {
		for who := range m {
			actions[who] = action
		}
	}
	switch {
	case ev.after == nil:
		tell(actionDelete, p.allowed(ctx, gate, ev, ev.before, callers))
	case ev.before == nil:
		tell(actionCreate, p.allowed(ctx, gate, ev, ev.after, callers))
	case !a.spec.enterLeave:
		tell(actionUpdate, p.allowed(ctx, gate, ev, ev.after, callers))
	default:
		was := p.allowed(ctx, gate, ev, ev.before, callers)
		is := p.allowed(ctx, gate, ev, ev.after, callers)
		for _, who := range callers {
			switch {
			case is[who] && was[who]:
				actions[who] = actionUpdate
			case is[who]:
				actions[who] = actionEnter
			case was[who]:
				actions[who] = actionLeave
			}
		}
	}
	return actions
}

// outbox collects the events of one change for clients that can resume. They go
// into the queue together, and only the last one has the position of the change:
// who was cut off in between gets all of them again.
type outbox struct {
	order   []*client
	pending map[*client][]listenerMessage
}

type listenerMessage struct {
	message
	audience audience
	to       listener
}

func (o *outbox) add(a audience, to listener, m message) {
	if o.pending == nil {
		o.pending = map[*client][]listenerMessage{}
	}
	if o.pending[to.client] == nil {
		o.order = append(o.order, to.client)
	}
	o.pending[to.client] = append(o.pending[to.client], listenerMessage{m, a, to})
}

// send queues what was collected, and returns what was decided for somebody else
// than who the client is by now.
func (o *outbox) send(position int64) (again []audience) {
	for _, c := range o.order {
		messages := o.pending[c]
		for i := range messages[:len(messages)-1] {
			messages[i].position = position - 1
		}
		c.mu.Lock()
		for _, m := range messages {
			if c.reader == m.to.caller {
				c.collect(m.message)
			} else {
				again = append(again, audience{m.audience.spec, m.audience.single, []listener{m.to}})
			}
		}
		c.mu.Unlock()
	}
	return again
}
