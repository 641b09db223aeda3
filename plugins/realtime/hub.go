package realtime

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// hub is the index of who listens to what.
type hub struct {
	config Config

	mu      sync.Mutex
	clients int
	// topics are the subscriptions by the part before the options, then by all of it
	topics map[string]map[string]*spec
	// callers are the identities on whose behalf clients listen
	callers map[callerKey]*caller
	guest   *caller
	// connections are the clients by their ids, from before they join
	connections map[string]*client
	// position is that of the last change whose subscribers were looked up, and
	// done that of the last one whose events are all in the queues
	position, done int64

	// changed tells that something is listened to that the log may have to keep
	changed chan struct{}

	// identities is held while an auth record is read and given to its clients, so
	// that the newer of two comes last
	identities sync.Mutex

	// idOf returns the id of the collection that a topic is of, "" if of none that
	// is logged
	idOf func(name string) string

	// hooked tells whether messages have to pass hooks
	hooked    func() bool
	collected collected

	keepQueues, keepUpdates bool // see ablations
}

// spec is a subscription as the clients spell it. All who spell it the same share
// the work of serving it.
type spec struct {
	raw, topic string
	options    subscriptions.SubscriptionOptions
	// enterLeave asks for events when a record starts or stops to match.
	enterLeave bool
	members    map[*client]*member
}

// member is the subscription of one client.
type member struct {
	spec   *spec
	client *client
	// from is the position after which it gets events
	from int64
}

type callerKey struct{ collection, id string }

// caller is an identity, and whoever listens on its behalf.
type caller struct {
	callerKey
	record  atomic.Pointer[core.Record] // nil for guests
	super   bool                        // may see everything
	clients map[*client]struct{}
}

func newHub(config Config) *hub {
	return &hub{
		config: config, topics: map[string]map[string]*spec{}, callers: map[callerKey]*caller{},
		guest:       &caller{clients: map[*client]struct{}{}},
		connections: map[string]*client{}, changed: make(chan struct{}, 1),
	}
}

// superuser tells whether the caller may see everything.
func (c *caller) superuser() bool { return c.super }

// call returns the caller for an auth record. One that is known keeps the record it
// has, which is at least as new: that of a request is of when the request began.
// h.mu is held.
func (h *hub) call(record *core.Record) *caller {
	if record == nil {
		return h.guest
	}
	key := callerKey{record.Collection().Id, record.Id}
	c := h.callers[key]
	if c == nil {
		c = &caller{callerKey: key, super: record.IsSuperuser()}
		c.record.Store(record)
		h.callers[key] = c
	}
	return c
}

// join makes the hub know the client.
func (h *hub) join(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.parted {
		return
	}
	c.joined = true
	h.clients++
}

// part makes the hub forget the client, for good: a request that is still under
// way on its behalf changes nothing any more.
func (h *hub) part(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removeAll(c)
	delete(h.connections, c.id)
	if !c.parted {
		c.parted = true
		h.leave(c.caller, c)
	}
	if c.joined {
		c.joined = false
		h.clients--
	}
}

// meet notes a client that is about to connect.
func (h *hub) meet(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connections[c.id] = c
}

// own returns the client of this package that a client of the broker is, or
// stands for: a hook may have wrapped it.
func (h *hub) own(of subscriptions.Client) *client {
	if c, ok := of.(*client); ok {
		return c
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connections[of.Id()]
}

// arrive and leave keep the list of a caller's clients. Guests have none: nothing
// ever happens to all of them. h.mu is held.
func (h *hub) arrive(to *caller, c *client) {
	if to == h.guest {
		return
	}
	if to.clients == nil {
		to.clients = make(map[*client]struct{}, 1)
	}
	to.clients[c] = struct{}{}
	h.callers[to.callerKey] = to
}

func (h *hub) leave(from *caller, c *client) {
	delete(from.clients, c)
	if from != h.guest && len(from.clients) == 0 {
		delete(h.callers, from.callerKey)
	}
}

// add subscribes the client. A subscription that it has stays as it is. h.mu is held.
func (h *hub) add(c *client, raw string, from int64) {
	if raw == "" || c.parted || c.member(raw) != nil {
		return
	}
	topic, _, _ := strings.Cut(raw, "?")
	specs := h.topics[topic]
	if specs == nil {
		specs = map[string]*spec{}
		h.topics[topic] = specs
	}
	s := specs[raw]
	if s == nil {
		s = newSpec(raw, topic)
		specs[raw] = s
	}
	m := &member{spec: s, client: c, from: from}
	s.members[c] = m
	c.members = append(c.members, m)
}

// newSpec reads the options of a subscription as PocketBase does.
func newSpec(raw, topic string) *spec {
	reader := subscriptions.NewDefaultClient()
	reader.Subscribe(raw)
	s := &spec{raw: raw, topic: topic, options: reader.Subscriptions()[raw], members: map[*client]*member{}}
	s.enterLeave = isTrue(s.options.Query[enterLeaveOption]) || isTrue(s.options.Headers[enterLeaveHeader])
	return s
}

// How a subscription asks for enter and leave events: by an option of its query
// or a header. Header names are as PocketBase normalises them.
const (
	enterLeaveOption = "enterLeave"
	enterLeaveHeader = "x_enter_leave"
)

func isTrue(option string) bool {
	return option == "true" || option == "1"
}

// remove unsubscribes the client. h.mu is held.
func (h *hub) remove(c *client, raw string) {
	m := c.member(raw)
	if m == nil {
		return
	}
	c.members = slices.DeleteFunc(c.members, func(o *member) bool { return o == m })
	delete(m.spec.members, c)
	if len(m.spec.members) > 0 {
		return
	}
	delete(h.topics[m.spec.topic], raw)
	if len(h.topics[m.spec.topic]) == 0 {
		delete(h.topics, m.spec.topic)
	}
}

// removeAll unsubscribes the client from everything. h.mu is held.
func (h *hub) removeAll(c *client) {
	for len(c.members) > 0 {
		h.remove(c, c.members[len(c.members)-1].spec.raw)
	}
}

// total is the number of clients.
func (h *hub) total() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clients
}

// listener is a subscription in a snapshot of the index: whoever the client was
// at that moment.
type listener struct {
	*member
	caller *caller
}

// audience are the listeners of one subscription, and whether it is to a single
// record.
type audience struct {
	spec      *spec
	single    bool
	listeners []listener
}

// lookUp returns who listens to a record of a collection, and moves on to the
// position of the change, in one step: whoever joins later has its own account of
// what it got.
func (h *hub) lookUp(collection *core.Collection, record string, position int64) []audience {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.position = max(h.position, position)
	if collection == nil || len(h.topics) == 0 {
		return nil
	}
	var found []audience
	for _, name := range []string{collection.Name, collection.Id} {
		for suffix, single := range map[string]bool{"/" + record: true, "/*": false, "": false} {
			for _, s := range h.topics[name+suffix] {
				a := audience{spec: s, single: single, listeners: make([]listener, 0, len(s.members))}
				for c, m := range s.members {
					if !c.catchUp && (position == 0 || m.from < position) {
						a.listeners = append(a.listeners, listener{m, c.caller})
					}
				}
				if len(a.listeners) > 0 {
					found = append(found, a)
				}
			}
		}
		if collection.Name == collection.Id {
			break
		}
	}
	return found
}
