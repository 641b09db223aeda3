package realtime

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// newClient returns the client of a connection that is about to be made.
func (p *Plugin) newClient(e *core.RealtimeConnectRequestEvent) (*client, error) {
	c := &client{id: security.RandomString(40), hub: p.hub, caller: p.hub.guest, reader: p.hub.guest, wake: make(chan struct{}, 1)}
	if ip, ok := e.Client.Get(apis.RealtimeClientIPKey).(string); ok {
		c.Set(apis.RealtimeClientIPKey, ip)
	}
	positions, err := p.positions()
	if err != nil {
		return nil, err
	}
	asked, at := resumption(e.Request)
	if !asked {
		return c, nil
	}
	c.positions, c.resumeAt, c.signer = true, at, positions
	if at.position == 0 {
		head, err := p.log.Head(e.Request.Context())
		if err != nil {
			return nil, err
		}
		at = positions.mark(head, bindingOf(callerKey{}, nil))
	}
	// The id of the first event is the client's id, for that is where the SDKs
	// take it from, and the first thing that an EventSource sends back after a
	// disconnect. So it has the position in it, which is still whose it was.
	c.id += positionMark + at.String()
	return c, nil
}

// stream serves a connection until it ends.
func (p *Plugin) stream(e *core.RealtimeConnectRequestEvent, c *client) error {
	broker := e.App.SubscriptionsBroker()
	broker.Register(e.Client) // which may wrap c
	p.hub.join(c)
	defer func() {
		broker.Unregister(c.id)
		p.hub.part(c)
	}()
	logger := e.App.Logger()
	if err := p.keepClient(e.Request.Context(), c); err != nil {
		return e.InternalServerError("", err)
	}
	logger.Debug("Realtime connection established", slog.String("clientId", c.id))

	now := time.Now()
	c.mu.Lock()
	c.response, c.active = http.NewResponseController(e.Response), now
	c.timer = time.AfterFunc(min(e.IdleTimeout, e.MaxTimeout), func() { c.expire(now.Add(e.MaxTimeout), e.IdleTimeout) })
	c.mu.Unlock()
	defer c.timer.Stop()

	var taking http.Hijacker
	if !p.hub.hooked() { // whose handlers may write to the answer
		taking = hijacker(e.RequestEvent)
	}
	if taking != nil {
		e.Response.Header().Set("Connection", "close") // nothing can follow the stream
	}
	hello := message{name: "PB_CONNECT", data: []byte(`{"clientId":"` + c.id + `"}`)}
	if err := p.write(e.RequestEvent, c, []message{hello}); err != nil {
		logger.Debug("Realtime connection closed (failed to deliver PB_CONNECT)", slog.String("clientId", c.id), slog.Any("error", err))
		return nil
	}
	if taking != nil {
		c.takeOver(taking)
	}
	reason := p.pump(e, c)
	logger.Debug("Realtime connection closed", slog.String("clientId", c.id), slog.String("reason", reason))
	return nil
}

// pump writes what the client is sent until the connection ends, and says why it did.
func (p *Plugin) pump(e *core.RealtimeConnectRequestEvent, c *client) string {
	ctx := e.Request.Context()
	whole := false
	if c.conn != nil {
		defer func() { c.hangUp(whole) }()
		stop := context.AfterFunc(ctx, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.nudge()
		})
		defer stop()
	}
	for {
		batch, last, err := p.flush(e, c)
		switch {
		case err != nil:
			return "failed to deliver: " + err.Error()
		case last:
			whole = true
			return "ended"
		case batch > 0:
			continue
		}
		switch ended, err := p.replay(e, c); {
		case err != nil:
			return "failed to resume: " + err.Error()
		case ended:
			whole = true
			return "ended"
		}
		if c.idle(ctx) != nil {
			whole = true
			return "cancelled request"
		}
	}
}

// idle waits until there is something to do. It returns an error if the client has
// left, or the server stops.
func (c *client) idle(ctx context.Context) error {
	if c.conn != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.await()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.wake:
		return nil
	}
}

// flush writes one batch and returns its length, and whether it was the last.
func (p *Plugin) flush(e *core.RealtimeConnectRequestEvent, c *client) (int, bool, error) {
	if err := c.sendRest(); err != nil {
		return 0, false, err
	}
	scratch := batches.Get().(*[]message)
	defer batches.Put(scratch)
	batch, last := c.take(*scratch)
	if len(batch) == 0 {
		return 0, last, nil
	}
	defer clear(batch)
	err := p.write(e.RequestEvent, c, batch)
	return len(batch), last, err
}

// Connections that have nothing to write hold no buffer.
var (
	batches = sync.Pool{New: func() any { b := make([]message, 0, batchLength); return &b }}
	buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}
)

// write writes messages in one go, or each through the hook if it has handlers.
func (p *Plugin) write(e *core.RequestEvent, c *client, batch []message) error {
	scratch := buffers.Get().(*[]byte)
	defer buffers.Put(scratch)
	buffer := append((*scratch)[:0], spaceForChunk[:]...)
	hooked := p.app.OnRealtimeMessageSend().Length() > 0
	rewrite := c.rewriting()
	alive := false
	for i := range batch {
		m := &batch[i]
		alive = alive || !m.quiet
		if !hooked || m.quiet {
			name, data := m.name, m.data
			if rewrite != nil && !m.quiet {
				name, data = rewrite(name, data)
			}
			buffer = appendEvent(buffer, name, data, c.eventID(m))
			continue
		}
		if err := c.transmit(e, buffer); err != nil {
			return err
		}
		buffer = buffer[:chunkSpace]
		if err := p.writeHooked(e, c, m); err != nil {
			return err
		}
	}
	*scratch = buffer
	if err := c.transmit(e, buffer); err != nil {
		return err
	}
	if cap(buffer) > maxBuffer {
		*scratch = nil
	}
	if alive {
		c.mu.Lock()
		c.active = time.Now()
		c.mu.Unlock()
	}
	return nil
}

// maxBuffer is how large a buffer may be to be used again.
const maxBuffer = 64 << 10

// writeHooked writes one message through the hook, whose handlers may change it
// or refuse it, which ends the connection.
func (p *Plugin) writeHooked(e *core.RequestEvent, c *client, m *message) error {
	event := new(core.RealtimeMessageEvent)
	event.RequestEvent = e
	event.Client = c
	event.Message = &subscriptions.Message{Name: m.name, Data: m.data}
	return p.app.OnRealtimeMessageSend().Trigger(event, func(me *core.RealtimeMessageEvent) error {
		name, data := me.Message.Name, me.Message.Data
		if rewrite := c.rewriting(); rewrite != nil {
			name, data = rewrite(name, data)
		}
		buffer := appendEvent(append([]byte(nil), spaceForChunk[:]...), name, data, c.eventID(m))
		return c.transmit(me.RequestEvent, buffer)
	})
}

// eventID is the id of an event: that of the client, as in PocketBase, or for
// clients that can resume the position, and none where it has none.
func (c *client) eventID(m *message) string {
	switch {
	case !c.positions || m.name == "PB_CONNECT":
		return c.id
	case m.position > 0:
		return c.signer.mark(m.position, m.binding).String()
	}
	return ""
}

// appendEvent appends an event as PocketBase writes it.
func appendEvent(to []byte, name string, data []byte, id string) []byte {
	if id != "" {
		to = append(to, "id:"...)
		to = append(to, id...)
		to = append(to, '\n')
	}
	to = append(to, "event:"...)
	to = append(to, name...)
	to = append(to, "\ndata:"...)
	to = append(to, data...)
	return append(to, "\n\n"...)
}

// expire ends the connection at the end of its time, or when nothing was sent for
// too long, and looks again later otherwise.
func (c *client) expire(end time.Time, idle time.Duration) {
	c.mu.Lock()
	due := c.active.Add(idle)
	if due.After(end) {
		due = end
	}
	left := time.Until(due)
	if left > 0 {
		c.timer.Reset(left)
	}
	c.mu.Unlock()
	if left <= 0 {
		c.end()
	}
}
