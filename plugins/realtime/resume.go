package realtime

import (
	"context"
	"slices"
	"strconv"

	"github.com/pocketbase/pocketbase/core"
)

// resumePlan says which subscriptions of a request go on where the client was,
// and which cannot.
type resumePlan struct {
	from    int64
	who     callerKey // who was given the position
	resumes map[string]bool
	resets  []string
}

// planResume asks the log how far it reaches back for each subscription, if the
// client goes on from a position that it was given, as who it is and for these
// subscriptions. Topics that are of no collection are left out: nobody keeps their
// messages.
func (p *Plugin) planResume(ctx context.Context, c *client, auth *core.Record, subs []string) (resumePlan, error) {
	at := p.hub.resumesAt(c)
	plan := resumePlan{from: at.position, resumes: map[string]bool{}}
	if at.position == 0 {
		return plan, nil
	}
	if auth != nil {
		plan.who = callerKey{auth.Collection().Id, auth.Id}
	}
	given := p.ablate.signatures || c.signer.gave(at, bindingOf(plan.who, subs))
	reaches := map[string]bool{}
	for _, raw := range subs {
		name, _ := topicOf(raw)
		collection, err := p.app.FindCachedCollectionByNameOrId(name)
		if err != nil || collection.IsView() {
			continue
		}
		known, seen := reaches[collection.Id]
		if !seen && given {
			if known, err = p.log.HistoryReaches(ctx, collection.Id, at.position); err != nil {
				return plan, err
			}
			reaches[collection.Id] = known
		}
		if known {
			plan.resumes[raw] = true
		} else {
			plan.resets = append(plan.resets, raw)
		}
	}
	return plan, nil
}

// resetData is the data of the event for a subscription that cannot go on where
// it was: the client has to load what it needs anew.
var resetData = []byte(`{"record":{},"action":"reset"}`)

// resetMessage tells a client to load anew. It has no position: whoever is cut off
// before it has another one has to be told again.
func resetMessage(raw string) message {
	return message{name: raw, data: resetData}
}

// resumesAt is after which position a new connection wants to go on.
func (h *hub) resumesAt(c *client) mark {
	h.mu.Lock()
	defer h.mu.Unlock()
	return c.resumeAt
}

// catchUp lets a client that resumes, or whose new subscriptions begin before what
// others were told already, catch up with them. What it had before goes on after
// that. h.mu is held.
func (h *hub) catchUp(c *client, had map[*member]bool, resumes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rebind()
	behind := resumes || slices.ContainsFunc(c.members, func(m *member) bool { return !had[m] && m.from < h.position })
	if !behind || c.catchUp {
		return
	}
	for m := range had {
		m.from = max(m.from, h.position)
	}
	c.catchUp, c.entered = true, 0
	if len(had) > 0 {
		c.entered = h.position
	}
	c.nudge()
}

// resume tells a client that asked for positions where it is, and to reset what
// cannot go on where it was. h.mu is held.
func (h *hub) resume(c *client, from int64, had map[*member]bool, plan resumePlan) {
	c.resumeAt = mark{} // done, whatever comes of it
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, raw := range plan.resets {
		c.push(resetMessage(raw))
	}
	for _, m := range c.members {
		switch {
		case !had[m]:
			from = min(from, m.from)
			continue
		case c.lost && h.isLogged(m.spec.raw):
			c.push(resetMessage(m.spec.raw))
		}
		from = min(from, h.done)
	}
	c.lost = false
	if !c.catchUp {
		c.push(positionMessage(max(from, c.told)))
	}
}

// stopReplay lets a client that becomes somebody else while it is replayed what it
// missed load that anew: it was who it had been that missed it. The locks of the
// hub and of the client are held.
func (h *hub) stopReplay(c *client) {
	for _, m := range c.members {
		if c.catchUp && m.from < h.position {
			h.reset(m, h.position)
		}
	}
}

// reset tells the client of a subscription to load anew, instead of what it was not
// told yet up to a position, which is committed. The locks of the hub and of the
// client are held.
func (h *hub) reset(m *member, upTo int64) {
	m.from = max(m.from, upTo, h.position)
	if m.client.positions && h.isLogged(m.spec.raw) {
		m.client.push(resetMessage(m.spec.raw))
	}
}

// isLogged tells whether a topic is of a collection.
func (h *hub) isLogged(raw string) bool {
	name, _ := topicOf(raw)
	return h.idOf(name) != ""
}

func positionMessage(at int64) message {
	data := strconv.AppendInt([]byte(`{"position":`), at, 10)
	return message{name: positionEvent, data: append(data, '}'), position: at, quiet: true}
}

// announcePositions tells idle clients now and then how far they are, so that
// they need not go through all that happened meanwhile to others.
func (p *Plugin) announcePositions(ctx context.Context) {
	due, stop := p.every(p.config.PositionInterval)
	defer stop()
	told := int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
		}
		at := p.hub.at()
		if at == told {
			continue
		}
		told = at
		for _, listening := range p.app.SubscriptionsBroker().Clients() {
			if c := p.hub.own(listening); c != nil && c.positions {
				p.hub.announce(c)
			}
		}
	}
}

// announce tells a client its position, unless it has none yet.
func (h *hub) announce(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.catchUp || len(c.members) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// what is queued may be ahead of what is done
	c.push(positionMessage(max(h.done, c.told)))
}
