package realtime

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// client is a connection. Everything that PocketBase and others do with a client
// of the broker works on it; its subscriptions are indexed in the hub, and what
// is sent to it waits in a bounded queue.
type client struct {
	id  string
	hub *hub

	// positions tells that the connection asked for resumable events
	positions bool
	signer    positions
	refreshed int64 // up to where identities are fresh for a replay, its goroutine's own

	// guarded by the hub's lock
	members []*member
	caller  *caller
	joined  bool // the hub knows it
	parted  bool // and has forgotten it
	catchUp bool // it is replayed what it missed and gets nothing else
	// entered is the position after which others than its own goroutine queue
	// nothing for a client that catches up.
	entered int64
	// resumeAt is after which position a new connection goes on, as the client
	// says, 0 for now.
	resumeAt mark
	lost     bool // events were dropped when it became somebody else

	mu        sync.Mutex
	authValue any // what is stored as the auth record and the address: all
	address   any // clients have these, and need no map for it
	store     map[string]any
	queue     []message
	bytes     int
	reader    *caller // as caller, for the queue
	binding   string  // of positions, see [bindingOf]
	told      int64   // the last position that was queued
	replaying bool    // its own goroutine fills the queue
	closing   string  // the reason, once it is decided
	ended     bool
	discarded bool
	writing   bool
	active    time.Time     // of the last message that was written
	wake      chan struct{} // nil if the connection was taken over
	wire
	// rewrite changes what is sent, see [client.Rewrite]
	rewrite  func(name string, data []byte) (string, []byte)
	channel  chan subscriptions.Message
	response *http.ResponseController
	timer    *time.Timer
}

var _ subscriptions.Client = (*client)(nil)

// Id implements [subscriptions.Client].
func (c *client) Id() string { return c.id }

// Channel implements [subscriptions.Client]. Nothing is ever sent on it: messages
// go through the queue. It is closed when the client is discarded.
func (c *client) Channel() chan subscriptions.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.channel == nil {
		c.channel = make(chan subscriptions.Message)
		if c.discarded {
			close(c.channel)
		}
	}
	return c.channel
}

// Subscriptions implements [subscriptions.Client].
func (c *client) Subscriptions(prefixes ...string) map[string]subscriptions.SubscriptionOptions {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	found := make(map[string]subscriptions.SubscriptionOptions, len(c.members))
	for _, m := range c.members {
		matches := len(prefixes) == 0
		for _, prefix := range prefixes {
			matches = matches || strings.HasPrefix(m.spec.raw+"?", prefix)
		}
		if matches {
			found[m.spec.raw] = m.spec.options
		}
	}
	return found
}

// Subscribe implements [subscriptions.Client]. The subscriptions get what is
// committed from now on as far as the server has noticed it, and to a collection
// that nobody listened to before, once it is logged in full, which is soon. Those
// of a request get what is committed after the request, those that a connect hook
// makes what is committed after PB_CONNECT.
func (c *client) Subscribe(subs ...string) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	for _, raw := range subs {
		c.hub.add(c, raw, c.hub.position)
	}
	c.hub.keepSoon()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rebind()
}

// Unsubscribe implements [subscriptions.Client].
func (c *client) Unsubscribe(subs ...string) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if len(subs) == 0 {
		c.hub.removeAll(c)
	}
	for _, raw := range subs {
		c.hub.remove(c, raw)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rebind()
}

// HasSubscription implements [subscriptions.Client].
func (c *client) HasSubscription(sub string) bool {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	return c.member(sub) != nil
}

// member finds a subscription. The hub's lock is held.
func (c *client) member(raw string) *member {
	for _, m := range c.members {
		if m.spec.raw == raw {
			return m
		}
	}
	return nil
}

// Get implements [subscriptions.Client].
func (c *client) Get(key string) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch key {
	case apis.RealtimeClientAuthKey:
		return c.authValue
	case apis.RealtimeClientIPKey:
		return c.address
	}
	return c.store[key]
}

// Set implements [subscriptions.Client].
func (c *client) Set(key string, value any) {
	if key == apis.RealtimeClientAuthKey {
		c.hub.mu.Lock()
		defer c.hub.mu.Unlock()
		c.setAuth(value)
		c.hub.keepSoon()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(key, value)
}

func (c *client) set(key string, value any) {
	switch key {
	case apis.RealtimeClientAuthKey:
		c.authValue = value
		return
	case apis.RealtimeClientIPKey:
		c.address = value
		return
	}
	if c.store == nil {
		c.store = map[string]any{}
	}
	c.store[key] = value
}

// Unset implements [subscriptions.Client].
func (c *client) Unset(key string) {
	if key == apis.RealtimeClientAuthKey {
		c.hub.mu.Lock()
		defer c.hub.mu.Unlock()
		c.signOut()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == apis.RealtimeClientIPKey {
		c.address = nil
	}
	delete(c.store, key)
}

// setAuth makes value, which should be an auth record, the one on whose behalf
// the client listens. What waits for somebody who is no longer there is dropped:
// it was decided for an identity that has been taken away. The hub's lock is held.
func (c *client) setAuth(value any) {
	record, _ := value.(*core.Record)
	if c.parted {
		record = nil
	}
	before := c.caller
	c.caller = c.hub.call(record)
	if before != c.caller {
		c.hub.leave(before, c)
		c.hub.arrive(c.caller, c)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(apis.RealtimeClientAuthKey, value)
	c.reader = c.caller
	if before != c.caller && before.id != "" && !c.hub.keepQueues {
		c.purge()
		c.lost = true
	}
	if before != c.caller {
		c.hub.stopReplay(c)
		c.rebind()
	}
}

// auth is the record on whose behalf the client listens, nil for guests.
func (c *client) auth() *core.Record {
	record, _ := c.Get(apis.RealtimeClientAuthKey).(*core.Record)
	return record
}

// Discard implements [subscriptions.Client].
func (c *client) Discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.discarded {
		return
	}
	c.discarded, c.ended = true, true
	c.queue, c.bytes = nil, 0
	if c.channel != nil {
		close(c.channel)
	}
	c.nudge()
}

// IsDiscarded implements [subscriptions.Client].
func (c *client) IsDiscarded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.discarded
}

// Send implements [subscriptions.Client]. Unlike the client of PocketBase it does
// not wait for the message to be written.
func (c *client) Send(m subscriptions.Message) {
	c.mu.Lock()
	c.hold(message{name: m.Name, data: m.Data})
	c.mu.Unlock()
	p := pens.Get().(*pen)
	defer pens.Put(p)
	c.writeNow(p, c.hub.hooked(), time.Now())
}

// Rewrite lets f change the name and the data of each event that the client is sent,
// such as for one that knows other names of fields. Neither may be changed in place:
// other clients share them. Only such a client pays for it: its events are written by
// its own goroutine. nil changes nothing any more. OnRealtimeMessageSend handlers see an event
// before it is changed.
func (c *client) Rewrite(f func(name string, data []byte) (string, []byte)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rewrite = f
}

// rewriting is what changes the events, nil if nothing does.
func (c *client) rewriting() func(name string, data []byte) (string, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rewrite
}

// nudge wakes the connection's goroutine. c.mu is held.
func (c *client) nudge() {
	if c.conn == nil {
		select {
		case c.wake <- struct{}{}:
		default:
		}
		return
	}
	if c.woken = true; c.waiting {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	}
}
