package realtime

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// How a connection asks for positions and says where it was: a query parameter,
// a header, and the one that an EventSource sends by itself.
const (
	resumeOption      = "resume"
	resumeHeader      = "X-Realtime-Resume"
	lastEventIDHeader = "Last-Event-ID"

	positionMark  = "~" // between the random part of a client's id and a position
	positionEvent = "PB_POSITION"
)

// resumption tells whether a request asks for positions, and after which one it
// wants to go on, 0 if it names none.
func (p positions) resumption(r *http.Request) (asked bool, at int64) {
	option := r.URL.Query().Get(resumeOption)
	if option == "" {
		option = r.Header.Get(resumeHeader)
	}
	if option == "" || option == "false" || option == "0" {
		return false, 0
	}
	// the header is newer: an EventSource calls the same address again
	if last := r.Header.Get(lastEventIDHeader); last != "" {
		return true, p.parse(last)
	}
	if option == "true" || option == "1" {
		return true, 0
	}
	return true, p.parse(option)
}

// positions writes positions so that clients can only name those that they were
// given. Otherwise anybody who may see a record could have its past, by asking to
// go on from where they never were.
type positions struct{ key []byte }

// unknownPosition is one that no log has, so that the client is told to reset.
const unknownPosition = 2

// positions returns how positions are written. The key is as secret and lasting as
// that of the tokens of superusers.
func (p *Plugin) positions() (positions, error) {
	superusers, err := p.app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return positions{}, fmt.Errorf("find the key of positions: %w", err)
	}
	key := sha256.Sum256([]byte("realtime positions " + superusers.AuthToken.Secret))
	return positions{key[:]}, nil
}

// format writes a position.
func (p positions) format(at int64) string {
	text := strconv.FormatInt(at, 10)
	return text + "." + p.sign(text)
}

func (p positions) sign(text string) string {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// parse reads the id of an event: a position, or a client's id with one.
func (p positions) parse(id string) int64 {
	if i := strings.LastIndex(id, positionMark); i >= 0 {
		id = id[i+len(positionMark):]
	}
	text, signature, _ := strings.Cut(id, ".")
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil || at <= 0 || !hmac.Equal([]byte(signature), []byte(p.sign(text))) {
		return unknownPosition
	}
	return at
}

// resumePlan says which subscriptions of a request go on where the client was,
// and which cannot.
type resumePlan struct {
	from    int64
	resumes map[string]bool
	resets  []string
}

// planResume asks the log how far it reaches back for each subscription. Topics
// that are of no collection are left out: nobody keeps their messages.
func (p *Plugin) planResume(ctx context.Context, at int64, subs []string) (resumePlan, error) {
	plan := resumePlan{from: at, resumes: map[string]bool{}}
	reaches := map[string]bool{}
	for _, raw := range subs {
		name, _ := topicOf(raw)
		collection, err := p.app.FindCachedCollectionByNameOrId(name)
		if err != nil || collection.IsView() {
			continue
		}
		known, seen := reaches[collection.Id]
		if !seen {
			if known, err = p.log.HistoryReaches(ctx, collection.Id, at); err != nil {
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

// resume tells a client that asked for positions where it is, and begins to
// replay what it missed. What it has been listening to before is told it no
// further than it was delivered. h.mu is held.
func (h *hub) resume(c *client, from int64, listened bool, plan resumePlan) {
	c.resumeAt = 0 // done, whatever comes of it
	if listened {
		from = min(from, h.done)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, raw := range plan.resets {
		c.push(message{name: raw, data: resetData, position: from})
	}
	if len(plan.resumes) > 0 {
		c.catchUp = true
		c.nudge()
		return
	}
	if !c.catchUp {
		c.push(positionMessage(from))
	}
}

func positionMessage(at int64) message {
	data := strconv.AppendInt([]byte(`{"position":`), at, 10)
	return message{name: positionEvent, data: append(data, '}'), position: at, quiet: true}
}

// replayPage is how many changes are replayed at once.
const replayPage = 100

// replay gives a client that resumes one page of what it missed, on its own
// goroutine, or lets it join the others.
func (p *Plugin) replay(e *core.RealtimeConnectRequestEvent, c *client) error {
	if !c.positions {
		return nil // and leave the lock to others
	}
	at, resuming := p.hub.resumingAt(c)
	if !resuming {
		return nil
	}
	ctx := e.Request.Context()
	page, err := p.log.History(ctx, at, replayPage)
	if err != nil {
		return err
	}
	for _, change := range page.Changes {
		p.deliver(ctx, change, p.hub.lookUpFor(c, p.collectionOf(change), change.Record, change.Seq))
	}
	p.hub.resumed(c, page.Next)
	c.mu.Lock()
	c.nudge() // there is more
	c.mu.Unlock()
	return nil
}

// resumingAt is the position up to which all subscriptions of a client have been
// replayed.
func (h *hub) resumingAt(c *client) (int64, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !c.catchUp {
		return 0, false
	}
	at := h.position
	for _, m := range c.members {
		at = min(at, m.from)
	}
	return at, true
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.push(positionMessage(at))
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

// announcePositions tells idle clients now and then how far they are, so that
// they need not go through all that happened meanwhile to others.
func (p *Plugin) announcePositions(ctx context.Context) {
	ticker := time.NewTicker(p.config.PositionInterval)
	defer ticker.Stop()
	told := int64(0)
	tell := func(c *client) {
		p.hub.mu.Lock()
		defer p.hub.mu.Unlock()
		if c.catchUp || len(c.members) == 0 {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.push(positionMessage(p.hub.done))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		at := p.hub.at()
		if at == told {
			continue
		}
		told = at
		for _, listening := range p.app.SubscriptionsBroker().Clients() {
			if c, ok := listening.(*client); ok && c.positions {
				tell(c)
			}
		}
	}
}
