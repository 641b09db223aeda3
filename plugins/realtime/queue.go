package realtime

import "time"

// message is what waits for a client. Its data is shared with other clients.
type message struct {
	name string // of the event, which is the subscription
	data []byte
	// position is that in the log, 0 for messages that are not from there.
	position int64
	// binding is whose position it is, see [bindingOf].
	binding string
	// spec and record are set for events of records, and update for those that a
	// later one makes superfluous.
	spec   *spec
	record string
	update bool
	// quiet messages are of the protocol's own: no hook sees them and they are no
	// sign of life.
	quiet bool
}

// cost is how much of the limit the message takes.
func (m *message) cost() int { return len(m.data) + len(m.name) }

// closedSlow is the data of the last event of a client that was too slow.
const (
	closeEvent = "PB_CLOSE"
	closedSlow = `{"code":"slow_client","message":"The connection was closed because it did not read its events in time."}`
)

// enqueue queues an event that was decided for a caller. It reports false if the
// client is somebody else by now.
func (c *client) enqueue(m message, decidedFor *caller) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reader != decidedFor {
		return false
	}
	c.collect(m)
	return true
}

// push queues a message that the connection's goroutine is to write. c.mu is held.
func (c *client) push(m message) {
	c.hold(m)
	c.nudge()
}

// hold queues a message. If there is no room left, updates that a later one of
// the same record follows are dropped, and if that is not enough, everything is,
// and the connection closed. What the connection's own goroutine puts in it takes
// out right after, so that has no limit. c.mu is held.
func (c *client) hold(m message) {
	if c.ended || c.closing != "" {
		return
	}
	if m.position > 0 && c.positions {
		m.binding = c.binding
		c.told = max(c.told, m.position)
	}
	if !c.replaying && c.isFull(m) {
		c.coalesce()
		if c.isFull(m) || len(c.queue) > c.hub.config.QueueLength*3/4 {
			c.close(closedSlow)
			return
		}
	}
	c.queue = append(c.queue, m)
	c.bytes += m.cost()
}

func (c *client) isFull(m message) bool {
	return len(c.queue) >= c.hub.config.QueueLength ||
		len(c.queue) > 0 && c.bytes+m.cost() > c.hub.config.QueueBytes
}

// coalesce drops each update of a record that a later update follows. The order
// of what is left stays. c.mu is held.
func (c *client) coalesce() {
	type target struct {
		spec   *spec
		record string
	}
	seen := make(map[target]bool, len(c.queue))
	kept := make([]message, 0, len(c.queue))
	bytes := 0
	for i := len(c.queue) - 1; i >= 0; i-- {
		m := c.queue[i]
		if m.update && !c.hub.keepUpdates {
			t := target{m.spec, m.record}
			if seen[t] {
				continue
			}
			seen[t] = true
		}
		kept = append(kept, m)
		bytes += m.cost()
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	c.queue, c.bytes = kept, bytes
}

// purge drops the events of records. c.mu is held.
func (c *client) purge() {
	kept := c.queue[:0]
	c.bytes = 0
	for _, m := range c.queue {
		if m.spec == nil {
			kept = append(kept, m)
			c.bytes += m.cost()
		}
	}
	clear(c.queue[len(kept):])
	c.queue = kept
}

// close drops what waits and lets the connection end with a reason. A client that
// does not read has some time to get it. c.mu is held.
func (c *client) close(reason string) {
	c.closing = reason
	c.queue, c.bytes = []message{{name: closeEvent, data: []byte(reason), quiet: true}}, 0
	if c.writing {
		c.limitWrite(time.Now().Add(c.hub.config.Grace))
	}
	c.nudge()
}

// end lets the connection end without a word, as PocketBase does at the end of a
// connection's time.
func (c *client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.writing {
		c.limitWrite(time.Now())
	}
	c.nudge()
}

// batchLength limits what is taken from the queue at once: what is taken can no
// longer be coalesced.
const batchLength = 64

// take returns the next messages to write, and whether the connection ends after
// them. It does not wait.
func (c *client) take(into []message) (batch []message, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	if c.ended {
		return nil, true
	}
	n := min(len(c.queue), batchLength)
	batch = append(into[:0], c.queue[:n]...)
	for i := range batch {
		c.bytes -= batch[i].cost()
	}
	c.drop(n)
	c.writing = n > 0
	if c.writing && c.closing != "" {
		c.limitWrite(time.Now().Add(c.hub.config.Grace))
	}
	return batch, c.closing != ""
}

// keptQueue is the room for messages that a queue keeps when it is empty.
const keptQueue = 2

// drop takes the first n messages out of the queue. c.mu is held.
func (c *client) drop(n int) {
	clear(c.queue[:n])
	switch {
	case n < len(c.queue):
		c.queue = c.queue[n:]
	case cap(c.queue) <= keptQueue:
		c.queue = c.queue[:0]
	default:
		c.queue = nil
	}
}
