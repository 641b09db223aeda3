package realtime

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// A connection is taken over from the HTTP server once the head of the answer and
// the first event are out, if nothing but the server stands in between. What the
// server holds for it is let go then: its buffers, and the goroutine that waits for
// the client to leave, which that of the request does instead. The bytes are the
// same, a chunk for each write. Others, such as those of HTTP/2, of TLS or of a
// middleware that compresses, are served by their goroutine alone.

// wire is what a client has of a connection that was taken over.
type wire struct {
	conn net.Conn        // nil if the HTTP server has it
	raw  syscall.RawConn // nil if nothing can be written to it without waiting

	unsent  []byte // the rest of what the network took a part of
	waiting bool   // its goroutine reads, until the client leaves or it is woken
	woken   bool   // and has to look for what there is to do
	listed  bool   // in the hub's list of those that something was collected for
	input   [1]byte
	surplus int // bytes that came
}

// maxSurplus is how many bytes a client may send after its request.
const maxSurplus = 1024

var errSurplus = errors.New("the client sent more than a request")

// onlooker is the writer of a middleware that changes nothing, and need not see all
// that is written, such as one that notes the status for a log.
type onlooker interface {
	Unwrap() http.ResponseWriter
	OnlyLooks()
}

// hijacker returns what takes the connection of an answer over, nil if somebody
// else writes to it, or changes what is written.
func hijacker(e *core.RequestEvent) http.Hijacker {
	if e.Request.Method != http.MethodGet || e.Request.ProtoMajor != 1 || e.Request.ProtoMinor < 1 {
		return nil
	}
	header := e.Response.Header()
	if header.Get("Content-Length") != "" || header.Get("Transfer-Encoding") != "" {
		return nil
	}
	w := e.Response
	for found := true; found; {
		switch inner := w.(type) {
		case *router.ResponseWriter:
			w = inner.Unwrap()
		case onlooker:
			w = inner.Unwrap()
		default:
			found = false
		}
	}
	if fmt.Sprintf("%T", w) != "*http.response" { // whose type has no name outside
		return nil
	}
	h, _ := w.(http.Hijacker)
	return h
}

// takeOver takes the connection over. If that fails the HTTP server keeps it.
func (c *client) takeOver(h http.Hijacker) {
	conn, buffers, err := h.Hijack()
	if err != nil {
		return
	}
	// the server's connection lives as long as the request, and need not hold these
	*buffers.Reader, *buffers.Writer = bufio.Reader{}, bufio.Writer{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.wake, c.woken = conn, nil, true
	if tcp, ok := conn.(*net.TCPConn); ok {
		c.raw, _ = tcp.SyscallConn()
	}
}

// await waits on a connection that was taken over until there is something to do.
// It returns an error once the client has left.
func (c *client) await() error {
	for {
		c.mu.Lock()
		if c.woken {
			c.woken = false
			c.mu.Unlock()
			return nil
		}
		c.waiting = true
		c.mu.Unlock()

		n, err := c.conn.Read(c.input[:]) // nothing is expected, and what comes is dropped

		c.mu.Lock()
		c.waiting = false
		if c.woken {
			_ = c.conn.SetReadDeadline(time.Time{})
		}
		c.mu.Unlock()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if c.surplus += n; c.surplus > maxSurplus {
			return errSurplus
		}
	}
}

// hangUp ends a connection that was taken over, as the HTTP server does: with an
// empty chunk, if all that was begun is written.
func (c *client) hangUp(whole bool) {
	c.mu.Lock()
	c.ended = true
	whole = whole && len(c.unsent) == 0
	c.mu.Unlock()
	if whole {
		_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.conn.Write([]byte("0\r\n\r\n"))
	}
	_ = c.conn.Close()
}

// lastWords is how long connections have to end when the app does.
const lastWords = 5 * time.Second

// seeOff ends the connections when the app ends, and waits until they have left:
// the HTTP server does not wait for those that were taken over, and a replay must
// not find the database closed.
func (p *Plugin) seeOff(ctx context.Context) {
	<-ctx.Done()
	late := time.Now().Add(lastWords)
	for left := p.hub.endAll(); left > 0 && time.Now().Before(late); left = p.hub.endAll() {
		_ = pause(context.WithoutCancel(ctx), 2*time.Millisecond)
	}
}

// endAll lets all connections end, and returns how many there are.
func (h *hub) endAll() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.connections {
		c.end()
	}
	return len(h.connections)
}

// chunkSpace is what a buffer begins with, where the length of the chunk goes.
const chunkSpace = 10

var spaceForChunk [chunkSpace]byte

// framed makes a chunk of a buffer that begins with chunkSpace.
func framed(buffer []byte) []byte {
	var digits [chunkSpace]byte
	head := append(strconv.AppendInt(digits[:0], int64(len(buffer)-chunkSpace), 16), '\r', '\n')
	at := chunkSpace - len(head)
	copy(buffer[at:], head)
	return append(buffer, '\r', '\n')[at:]
}

// transmit writes a buffer that begins with chunkSpace, and waits for the network.
func (c *client) transmit(e *core.RequestEvent, buffer []byte) error {
	if len(buffer) == chunkSpace {
		return nil
	}
	if c.conn != nil {
		_, err := c.conn.Write(framed(buffer))
		return err
	}
	if _, err := e.Response.Write(buffer[chunkSpace:]); err != nil {
		return err
	}
	return e.Flush()
}

// sendRest writes the rest of what the network took a part of.
func (c *client) sendRest() error {
	c.mu.Lock()
	if c.ended { // who does not read would hold its goroutine
		c.mu.Unlock()
		return nil
	}
	rest := c.unsent
	c.unsent = nil
	c.writing = c.writing || rest != nil
	if rest != nil && c.closing != "" {
		c.limitWrite(time.Now().Add(c.hub.config.Grace))
	}
	c.mu.Unlock()
	if rest == nil {
		return nil
	}
	_, err := c.conn.Write(rest)
	return err
}

// limitWrite sets until when the client has to take what is being written. c.mu is
// held.
func (c *client) limitWrite(until time.Time) {
	switch {
	case c.conn != nil:
		_ = c.conn.SetWriteDeadline(until)
	case c.response != nil:
		_ = c.response.SetWriteDeadline(until)
	}
}

// pen writes to connections without waiting for any of them.
type pen struct {
	buffer []byte
	data   []byte
	n      int
	err    error
	stroke func(fd uintptr) bool // bound once
}

var pens = sync.Pool{New: func() any {
	p := &pen{}
	p.stroke = p.write
	return p
}}

// collect queues a message that the follower has for the client, to be written
// with others by [hub.release]. c.mu is held.
func (c *client) collect(m message) {
	c.hold(m)
	if c.raw == nil || c.replaying || c.ended || c.closing != "" {
		c.nudge()
		return
	}
	c.hub.list(c)
}

// collected are clients that something was collected for.
type collected struct {
	mu      sync.Mutex
	clients []*client
	full    bool // something should be written soon
}

// list notes that something was collected for a client. c.mu is held.
func (h *hub) list(c *client) {
	full := len(c.queue) >= min(batchLength, h.config.QueueLength/2) || c.bytes >= min(maxBuffer, h.config.QueueBytes/2)
	if c.listed && !full {
		return
	}
	h.collected.mu.Lock()
	defer h.collected.mu.Unlock()
	h.collected.full = h.collected.full || full
	if !c.listed {
		c.listed = true
		h.collected.clients = append(h.collected.clients, c)
	}
}

// releaseIfFull writes what was collected before it is too much for a queue.
func (h *hub) releaseIfFull() {
	h.collected.mu.Lock()
	full := h.collected.full
	h.collected.mu.Unlock()
	if full {
		h.release()
	}
}

// clientsPerWriter is how many clients are worth another goroutine.
const clientsPerWriter = 64

// release writes what was collected, on all processors but one, which is for the
// requests that come meanwhile: nobody looks for those while all of them write. It
// waits for no client: what the network does not take is left to the client's own
// goroutine.
func (h *hub) release() {
	h.collected.mu.Lock()
	clients := h.collected.clients
	h.collected.clients, h.collected.full = nil, false
	h.collected.mu.Unlock()
	if len(clients) == 0 {
		return
	}
	hooked := h.hooked()
	now := time.Now()
	parts := min(max(1, runtime.GOMAXPROCS(0)-1), len(clients)/clientsPerWriter+1)
	var writers sync.WaitGroup
	for i := range parts {
		part := clients[len(clients)*i/parts : len(clients)*(i+1)/parts]
		writers.Go(func() {
			p := pens.Get().(*pen)
			defer pens.Put(p)
			for _, c := range part {
				c.writeNow(p, hooked, now)
			}
		})
	}
	writers.Wait()
	clear(clients)
	h.collected.mu.Lock()
	defer h.collected.mu.Unlock()
	if h.collected.clients == nil {
		h.collected.clients = clients[:0]
	}
}

// writeNow writes what waits for the client as far as the network takes it. Hooks
// are run, events rewritten, and all that takes longer is done, by the client's own
// goroutine.
func (c *client) writeNow(p *pen, hooked bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed = false
	if hooked || c.rewrite != nil || c.raw == nil || c.writing || c.replaying || c.ended || c.closing != "" || len(c.unsent) > 0 {
		c.nudge()
		return
	}
	for len(c.queue) > 0 {
		n := min(len(c.queue), batchLength)
		p.buffer = append(p.buffer[:0], spaceForChunk[:]...)
		for i := range c.queue[:n] {
			m := &c.queue[i]
			p.buffer = appendEvent(p.buffer, m.name, m.data, c.eventID(m))
			c.bytes -= m.cost()
			if !m.quiet {
				c.active = now
			}
		}
		c.drop(n)
		if !p.put(c.raw, framed(p.buffer)) {
			if p.err == nil {
				c.unsent = append([]byte(nil), p.data[p.n:]...)
			} else {
				c.ended = true
			}
			c.nudge()
			break
		}
	}
	if cap(p.buffer) > maxBuffer {
		p.buffer = nil
	}
	p.data = nil
}

// put tells whether all of data was written. If not, and there was no error, p.n
// bytes were.
func (p *pen) put(raw syscall.RawConn, data []byte) bool {
	p.data, p.n, p.err = data, 0, nil
	if err := raw.Write(p.stroke); err != nil {
		p.err = err
	}
	return p.err == nil && p.n == len(data)
}
