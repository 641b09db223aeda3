package idempotency

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// secretAnswer marks, in a request's event, an answer that holds a token.
const secretAnswer = "holdallIdempotencySecret" //nolint:gosec // the name of the mark

var (
	errTaken   = errors.New("another process has the key")
	errRefused = errors.New("the handler answered that it refuses")
)

// callerOf names who a key belongs to. Guests share their keys.
func callerOf(e *core.RequestEvent) string {
	if e.Auth == nil {
		return ""
	}
	return e.Auth.Collection().Id + "/" + e.Auth.Id
}

// once answers a request with a key: by running it, or as it was answered before.
func (p *Plugin) once(e *core.RequestEvent, r route) error {
	key, err := parseKey(e.Request.Header[keyHeader])
	if err != nil {
		return err
	}
	print, err := fingerprint(e)
	if err != nil {
		return err
	}
	id := identity{callerOf(e), key}
	release, ok := p.locks.acquire(e.Request.Context(), id, p.config.Wait)
	if !ok {
		return retryLater(e, http.StatusConflict, codeInProgress,
			"A request with this Idempotency-Key is still being processed. Try again later.")
	}
	defer release()

	known, err := p.find(e.App, id)
	if err != nil {
		return e.InternalServerError("", err)
	}
	if known == nil {
		c, restore := captureAnswer(e, true)
		defer restore()
		err := p.first(e, r, id, print, c)
		release() // before the client, which may be slow, has read its answer
		if !errors.Is(err, errTaken) {
			c.send()
			return err
		}
		restore()
		if known, err = p.find(e.App, id); err != nil || known == nil {
			return e.InternalServerError("", err)
		}
	}
	release()
	return replay(e, known, print)
}

// first runs the rest of the request and keeps its answer, all in one
// transaction. What is to be sent is in c when it returns no error.
func (p *Plugin) first(e *core.RequestEvent, r route, id identity, print []byte, c *capture) error {
	h := e.Response.Header()
	h.Set(replayedHeader, "false")
	expose(e, replayedHeader)
	before := h.Clone()

	var committed, unknown bool
	err := p.inTransaction(e, func(tx core.App) error {
		tx.TxInfo().OnComplete(func(txErr error) error {
			committed = txErr == nil
			return nil
		})
		if free, err := p.claim(tx, id, print); err != nil || !free {
			return errors.Join(err, taken(free, err))
		}
		within := &transaction{App: tx}
		e.App = within
		if err := e.Next(); err != nil {
			return err
		}
		if within.failed.Load() && c.status < http.StatusBadRequest {
			return refusal(http.StatusInternalServerError, codePartial,
				"A part of the request failed, which cannot be undone by itself with an Idempotency-Key. Nothing was changed.")
		}
		if c.status >= http.StatusBadRequest {
			return errRefused
		}
		if unknown = c.status == 0; unknown {
			return nil // whoever answers after the commit; until then the key says that the write is done
		}
		if r.tagged {
			tag(e, c)
		}
		return keep(tx, id, p.answerOf(e, c, before))
	})
	switch {
	case committed:
		if err != nil {
			e.App.Logger().Error("A hook failed after the write that it followed.",
				slog.String("plugin", "idempotency"), slog.String("route", e.Request.Pattern), slog.Any("error", err))
		}
		if unknown {
			p.keepLate(e, id, c, before)
		}
		return nil
	case errors.Is(err, errRefused):
		return nil
	default:
		discard(c, before)
		return p.refuseTooLong(e, err)
	}
}

func taken(free bool, err error) error {
	if err == nil && !free {
		return errTaken
	}
	return nil
}

// keepLate stores an answer that was given after the commit.
func (p *Plugin) keepLate(e *core.RequestEvent, id identity, c *capture, before http.Header) {
	if c.status == 0 {
		c.status = http.StatusOK // as net/http does for a handler that wrote nothing
	}
	if err := keep(e.App, id, p.answerOf(e, c, before)); err != nil {
		e.App.Logger().Error("An answer could not be kept.", slog.String("plugin", "idempotency"), slog.Any("error", err))
	}
}

// discard forgets an answer whose write was undone.
func discard(c *capture, before http.Header) {
	if c.status == 0 {
		return // headers without an answer are meant for the error's
	}
	c.status = 0
	h := c.Header()
	clear(h)
	maps.Copy(h, before)
}

// answerOf is what is kept of an answer.
func (p *Plugin) answerOf(e *core.RequestEvent, c *capture, before http.Header) *answer {
	a := &answer{status: c.status}
	if e.Get(secretAnswer) != nil || int64(c.body.Len()) > p.config.MaxAnswer ||
		strings.Contains(strings.ToLower(c.Header().Get("Cache-Control")), "no-store") {
		return a
	}
	a.kept, a.header, a.body = true, http.Header{}, c.body.Bytes()
	for name, values := range c.Header() {
		if !unrepeatable[name] && !strings.HasPrefix(name, "Access-Control-") && !slices.Equal(values, before[name]) {
			a.header[name] = values
		}
	}
	return a
}

// unrepeatable are the headers that belong to one answer only, or to whom it was
// given first.
var unrepeatable = map[string]bool{
	"Connection": true, "Content-Length": true, "Date": true, "Keep-Alive": true, "Proxy-Authenticate": true,
	"Set-Cookie": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Vary": true,
	"Www-Authenticate": true, "X-Request-Id": true, replayedHeader: true,
}

// replay answers as before.
func replay(e *core.RequestEvent, a *answer, print []byte) error {
	if !bytes.Equal(a.fingerprint, print) {
		return refusal(http.StatusUnprocessableEntity, codeKeyReused,
			"This Idempotency-Key was used for another request. Use a new key for each new request.")
	}
	if !a.kept {
		return refusal(http.StatusConflict, codeNotKept,
			"The first request with this Idempotency-Key was carried out, and its answer was not kept.")
	}
	h := e.Response.Header()
	maps.Copy(h, a.header)
	if h.Get("Etag") != "" {
		expose(e, "ETag")
	}
	h.Set(replayedHeader, "true")
	expose(e, replayedHeader)
	e.Response.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = e.Response.Write(a.body) // a client that is gone will ask again
	}
	return nil
}
