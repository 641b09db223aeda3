package idempotency

import (
	"bufio"
	"bytes"
	"net"
	"net/http"

	"github.com/pocketbase/pocketbase/core"
)

// capture holds back what a handler answers. It shares the headers with the
// writer that it stands for.
type capture struct {
	under  http.ResponseWriter
	status int // 0 as long as nothing was written
	body   bytes.Buffer

	// strict refuses what cannot be held back. Without it, such an answer goes
	// out at once.
	strict  bool
	through bool
}

// captureAnswer puts a capture in the place of the event's response, until
// restore is called.
func captureAnswer(e *core.RequestEvent, strict bool) (c *capture, restore func()) {
	c = &capture{under: e.Response, strict: strict}
	e.Response = c
	return c, func() { e.Response = c.under }
}

func (c *capture) Header() http.Header { return c.under.Header() }

// Written is for PocketBase, which asks before it answers itself.
func (c *capture) Written() bool { return c.status != 0 }

// Status is for PocketBase's log.
func (c *capture) Status() int { return c.status }

// Unwrap is for http.ResponseController.
func (c *capture) Unwrap() http.ResponseWriter { return c.under }

func (c *capture) WriteHeader(status int) {
	if c.status == 0 && status >= http.StatusOK { // 1xx are not the answer yet
		c.status = status
	}
}

func (c *capture) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if !c.through && c.body.Len()+len(b) > maxBuffered {
		if c.strict {
			return 0, refusal(http.StatusInternalServerError, codeAnswerTooBig,
				"The answer is too large for a request with an Idempotency-Key. Nothing was changed.")
		}
		c.pass()
	}
	if c.through {
		return c.under.Write(b)
	}
	return c.body.Write(b)
}

// pass sends what there is and holds nothing back from then on.
func (c *capture) pass() {
	c.send()
	c.through = true
	c.body.Reset()
}

// Flush is for handlers that look for an http.Flusher.
func (c *capture) Flush() { _ = c.FlushError() }

// FlushError is for http.ResponseController, which asks for it first.
func (c *capture) FlushError() error {
	if c.strict {
		return http.ErrNotSupported
	}
	if !c.through {
		if c.status == 0 {
			c.status = http.StatusOK
		}
		c.pass()
	}
	return http.NewResponseController(c.under).Flush()
}

// Hijack is for http.ResponseController.
func (c *capture) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if c.strict {
		return nil, nil, http.ErrNotSupported
	}
	return http.NewResponseController(c.under).Hijack()
}

// send writes what was held back, if anything was.
func (c *capture) send() {
	if c.status == 0 || c.through {
		return
	}
	c.under.WriteHeader(c.status)
	if c.body.Len() > 0 {
		_, _ = c.under.Write(c.body.Bytes()) // a client that is gone will ask again
	}
}
