package realtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// replayPage is how many changes are replayed at once.
const replayPage = 100

// maxReplays is how many clients read the log for it at once: after a restart all
// of them come together, and others write meanwhile.
const maxReplays = 4

// replay gives a client that catches up one page of what it missed, on its own
// goroutine, or lets it join the others. It reports whether the connection ends.
func (p *Plugin) replay(e *core.RealtimeConnectRequestEvent, c *client) (ended bool, err error) {
	at, state := p.hub.replaysAt(c)
	if state == notReplayed {
		return false, nil
	}
	ctx := e.Request.Context()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.nudge() // there is more
	}()
	if state == stillQueued {
		return false, pause(ctx, time.Millisecond)
	}
	page, err := p.readReplay(ctx, c, at)
	if err != nil {
		return false, err
	}
	merged := merge(page.Changes)
	for _, change := range page.Changes {
		p.replayChange(ctx, c, change, merged, page.Next)
		for {
			n, last, err := p.flush(e, c)
			if last || err != nil {
				return last, err
			}
			if n == 0 {
				break
			}
		}
	}
	p.hub.resumed(c, page.Next)
	return false, nil
}

// readReplay reads a page of what a client missed, and brings rules and identities
// up to a moment after it, as for those who listen live.
func (p *Plugin) readReplay(ctx context.Context, c *client, at int64) (changes.Page, error) {
	select {
	case p.replays <- struct{}{}:
		defer func() { <-p.replays }()
	case <-ctx.Done():
		return changes.Page{}, ctx.Err()
	}
	page, err := p.log.HistoryOf(ctx, at, replayPage, p.hub.collectionsOf(c)...)
	if err != nil {
		return page, err
	}
	head, err := p.log.Head(ctx)
	if err != nil {
		return page, err
	}
	if err := p.refresh(ctx, max(at, c.refreshed)); err != nil {
		return page, err
	}
	c.refreshed = head
	return page, p.checkReplay(ctx, c, at, page.Next)
}

// collectionsOf are the ids of the collections that a client listens to.
func (h *hub) collectionsOf(c *client) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := []string{}
	for _, m := range c.members {
		name, _ := topicOf(m.spec.raw)
		if id := h.idOf(name); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// checkReplay resets the subscriptions whose collection was changed or forgotten
// since the replay began: rows of the past are judged by the rules of their time,
// or not at all.
func (p *Plugin) checkReplay(ctx context.Context, c *client, at, end int64) error {
	for m, from := range p.hub.replayed(c, at, end) {
		name, _ := topicOf(m.spec.raw)
		collection, err := p.app.FindCachedCollectionByNameOrId(name)
		if err != nil || collection.IsView() {
			continue
		}
		reaches, err := p.log.HistoryReaches(ctx, collection.Id, from)
		if err != nil {
			return err
		}
		if !reaches {
			p.hub.resetOne(m, end)
		}
	}
	return nil
}

// replayed are the subscriptions of a client that get something of a page, and
// after which position.
func (h *hub) replayed(c *client, at, end int64) map[*member]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := make(map[*member]int64, len(c.members))
	for _, m := range c.members {
		if from := max(m.from, at); from < end {
			found[m] = from
		}
	}
	return found
}

// resetOne is reset without locks.
func (h *hub) resetOne(m *member, upTo int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m.client.mu.Lock()
	defer m.client.mu.Unlock()
	h.reset(m, upTo)
}

// replayState is how far a client is with catching up.
type replayState int

const (
	notReplayed replayState = iota
	stillQueued             // the follower has something for it in its hands
	replays
)

// replaysAt is the position up to which all subscriptions of a client have been
// replayed.
func (h *hub) replaysAt(c *client) (int64, replayState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !c.catchUp:
		return 0, notReplayed
	case h.done < c.entered:
		return 0, stillQueued
	}
	at := h.position
	for _, m := range c.members {
		at = min(at, m.from)
	}
	return at, replays
}

// resumed notes that a client has what there was up to a position, and lets it
// join the others once they are there too.
func (h *hub) resumed(c *client, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range c.members {
		m.from = max(m.from, at)
	}
	if at < h.position {
		return
	}
	c.catchUp = false
	if !c.positions {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.push(positionMessage(max(at, c.told)))
}

// beginOf is the position after which a subscription gets events.
func (h *hub) beginOf(m *member) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return m.from
}

// lookUpFor is lookUp for one client that resumes.
func (h *hub) lookUpFor(c *client, collection *core.Collection, record string, position int64) []audience {
	if collection == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []audience
	for _, m := range c.members {
		name, of := topicOf(m.spec.raw)
		if name != collection.Name && name != collection.Id || m.from >= position {
			continue
		}
		if of == record || of == "*" || of == "" && !strings.Contains(m.spec.topic, "/") {
			found = append(found, audience{spec: m.spec, single: of == record, listeners: []listener{{m, c.caller}}})
		}
	}
	return found
}

// mergedChange is what a page of changes comes to for one record.
type mergedChange struct {
	last    int64 // the position of the last of them
	created int64 // that of the one that made the record, 0 if none did
	// unsure are the subscriptions for which one of them could not be told as it was
	unsure map[*member]bool
}

// merge looks for the changes of a page that a later one follows.
func merge(page []changes.Change) map[callerKey]*mergedChange {
	merged := make(map[callerKey]*mergedChange, len(page))
	for _, change := range page {
		key := callerKey{change.Collection, change.Record}
		if merged[key] == nil {
			merged[key] = &mergedChange{unsure: map[*member]bool{}}
		}
		merged[key].last = change.Seq
		if change.Before == nil {
			merged[key].created = change.Seq
		}
	}
	return merged
}

// replayChange queues the events of one change that a client missed. Where it is
// certain who could see a row when it was written, the client gets the row as it
// was. Otherwise it gets what it may see now.
func (p *Plugin) replayChange(ctx context.Context, c *client, change changes.Change, merged map[callerKey]*mergedChange, end int64) {
	collection := p.collectionOf(change)
	all := merged[callerKey{change.Collection, change.Record}]
	c.setReplaying(true)
	defer c.setReplaying(false)
	var certain []audience
	for _, a := range p.hub.lookUpFor(c, collection, change.Record, change.Seq) {
		// who does not resume has missed some milliseconds only, and would have got
		// them as those who listen live
		m := a.listeners[0].member
		if !c.positions || !all.unsure[m] && p.isCertain(ctx, change, collection, a) {
			certain = append(certain, a)
			continue
		}
		all.unsure[m] = true // so what follows of the record is told together
		told, err := p.replayNow(ctx, change, collection, a, all)
		if err != nil {
			p.app.Logger().Error("A missed realtime event could not be made.", slog.String("collection", collection.Name),
				slog.String("record", change.Record), slog.Any("error", err))
		}
		if !told {
			p.hub.resetOne(m, end)
		}
	}
	p.deliver(ctx, change, certain, nil)
}

func (c *client) setReplaying(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replaying = on
}

// isCertain tells whether it can be known who could see the rows of a change when
// it was made.
func (p *Plugin) isCertain(ctx context.Context, change changes.Change, collection *core.Collection, a audience) bool {
	if len(p.unpinned(collection, a, a.listeners[0].caller)) == 0 {
		return true
	}
	stands, err := p.stands(ctx, change, collection, a)
	if err != nil {
		p.app.Logger().Warn("It is not known whether a realtime rule gives what it gave.", slog.String("collection", collection.Name),
			slog.Any("error", err))
	}
	return stands
}

// unpinned are the conditions that decide what a caller gets, and look at more than
// the row and who asks.
func (p *Plugin) unpinned(collection *core.Collection, a audience, who *caller) []*condition {
	g := p.access(collection, ruleOf(collection, a), a.spec)
	conditions := []*condition{g.filter}
	if !who.superuser() {
		conditions = append(conditions, g.rule)
		if collection.IsAuth() && collection.ManageRule != nil {
			conditions = append(conditions, p.access(collection, collection.ManageRule, a.spec).rule)
		}
	}
	return slices.DeleteFunc(conditions, func(c *condition) bool { return c == nil || c.pinned })
}

func ruleOf(collection *core.Collection, a audience) *string {
	if a.single {
		return collection.ViewRule
	}
	return collection.ListRule
}

// replayNow tells a client of the record of a change as it is now. It reports false
// if it cannot know what to tell: the record is gone, so that nobody knows who
// could see it, or it may have left the client's sight.
func (p *Plugin) replayNow(
	ctx context.Context, change changes.Change, collection *core.Collection, a audience, merged *mergedChange,
) (told bool, err error) {
	defer func() {
		if r := recover(); r != nil { // in a hook of the app
			told, err = false, fmt.Errorf("panic: %v", r)
		}
	}()
	switch {
	case change.After == nil:
		return false, nil
	case change.Seq < merged.last:
		return true, nil // will be, with that
	}
	who := a.listeners[0].caller
	g := p.access(collection, ruleOf(collection, a), a.spec)
	// a page may begin before the subscription does, which then knows the record
	created := merged.created > p.hub.beginOf(a.listeners[0].member)
	action := actionUpdate
	if created {
		action = actionCreate
	}
	for range 3 {
		now, err := p.currentImage(ctx, collection, change.Record)
		if err != nil || now == nil {
			return false, err
		}
		may, err := p.mayNow(ctx, g, change.Record, who)
		if err != nil {
			return false, err
		}
		if !may {
			return created || !a.spec.enterLeave, nil
		}
		ev := &event{change: change, collection: collection, after: now, payloads: map[payloadKey][]byte{}}
		data, err := p.payload(ctx, ev, action, who, a.spec)
		if err != nil {
			return false, err
		}
		// The row that was judged is the one that is shown, if it still is the same.
		again, err := p.currentImage(ctx, collection, change.Record)
		if err != nil || again == nil {
			return false, err
		}
		if bytes.Equal(now.raw, again.raw) {
			m := message{
				name: a.spec.raw, data: data, position: change.Seq - 1, spec: a.spec, record: change.Record, update: action == actionUpdate,
			}
			return a.listeners[0].client.enqueue(m, who), nil
		}
	}
	return false, errors.New("the record changes too often")
}

// mayNow tells whether a caller gets the row that is in the table.
func (p *Plugin) mayNow(ctx context.Context, g *gate, id string, who *caller) (bool, error) {
	rule, superuser := g.rule, who.superuser()
	if superuser {
		rule = nil
	} else if g.superusersOnly || g.filter != nil && g.filter.superusersOnly {
		return false, nil
	}
	for _, c := range []*condition{rule, g.filter} {
		if c == nil {
			continue
		}
		met, err := p.matching(ctx, g, c, source{id: id}, []*caller{who})
		if err != nil || !met[who] {
			return false, err
		}
	}
	return true, nil
}

// resetUndecided tells clients of which it is not known who could see a record that
// is gone to load anew.
func (p *Plugin) resetUndecided(change changes.Change, audiences []audience) {
	collection := p.collectionOf(change)
	for _, a := range audiences {
		for _, l := range a.listeners {
			if l.client.positions && len(p.unpinned(collection, a, l.caller)) > 0 {
				p.hub.resetOne(l.member, change.Seq)
			}
		}
	}
}

// isPinned tells whether a condition depends on nothing but the row and who asks:
// not on other records, nor on what the caller or the time is like. Then it gives
// for a row of the past what it gave at that time.
func isPinned(collection *core.Collection, text string) bool {
	groups, err := fexpr.Parse(text)
	if err != nil {
		return false
	}
	for _, group := range groups {
		if !isPinnedItem(collection, group.Item) {
			return false
		}
	}
	return true
}

func isPinnedItem(collection *core.Collection, item any) bool {
	switch it := item.(type) {
	case fexpr.Expr:
		return isPinnedToken(collection, it.Left) && isPinnedToken(collection, it.Right)
	case fexpr.ExprGroup:
		return isPinnedItem(collection, it.Item)
	case []fexpr.ExprGroup:
		for _, group := range it {
			if !isPinnedItem(collection, group.Item) {
				return false
			}
		}
		return true
	}
	return false
}

func isPinnedToken(collection *core.Collection, t fexpr.Token) bool {
	switch t.Type {
	case fexpr.TokenText, fexpr.TokenNumber:
		return true
	case fexpr.TokenIdentifier:
	default:
		return false
	}
	switch t.Literal {
	case "@request.auth.id", "@request.auth.collectionId", "@request.auth.collectionName":
		return true
	}
	if f := collection.Fields.GetByName(t.Literal); f != nil {
		return isLogged(f)
	}
	switch strings.ToLower(t.Literal) {
	case "null", "true", "false":
		return true
	}
	return false
}
