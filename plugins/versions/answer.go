package versions

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// changeAnswer makes the answer one of the version that the request has.
func (p *Plugin) changeAnswer(e *core.RequestEvent) error {
	if len(e.Request.Header[p.config.Header]) == 0 {
		return e.Next()
	}
	c, ok := e.Get(callKey).(*call)
	if !ok || c.shape == asItIs {
		return e.Next()
	}
	a := answers.Get().(*answer)
	a.under, a.call, a.limit = e.Response, c, p.config.MaxAnswer
	e.Response = a
	defer func() {
		e.Response = a.under
		a.release()
	}()
	err := e.Next()
	switch {
	case a.tooLarge:
		e.Response.Header().Del("Etag") // which is of the answer that nobody gets
		return errTooLarge
	case err != nil:
		if a.status == 0 {
			return c.changeError(err)
		}
		return errors.Join(err, p.finish(e, c, a))
	default:
		return p.finish(e, c, a)
	}
}

// finish sends what was held back.
func (p *Plugin) finish(e *core.RequestEvent, c *call, a *answer) error {
	if a.status == 0 || a.through {
		return nil
	}
	body, err := a.body, a.err
	if !a.changed && err == nil {
		body, err = c.changed(a.status, body)
	}
	header := a.Header()
	if err != nil {
		header.Del("Etag")
		e.App.Logger().Error("An answer could not be made one of an older version.", slog.String("plugin", "versions"),
			slog.String("version", c.date), slog.String("route", e.Request.Pattern), slog.Any("error", err))
		return router.NewInternalServerError("", err)
	}
	delete(header, "Content-Length")
	if tag := header["Etag"]; len(tag) > 0 && (c.shape == oneRecord || c.shape == listOfRecords) {
		header["Etag"] = []string{withVersion(tag[0], c.date)}
	}
	a.under.WriteHeader(a.status)
	if len(body) > 0 {
		_, _ = a.under.Write(body) // a client that is gone asks again
	}
	return nil
}

// changed is the body of an answer in the version, which may be that itself.
func (c *call) changed(status int, body []byte) ([]byte, error) {
	if status >= http.StatusBadRequest {
		return c.changedRefusal(body), nil
	}
	if len(body) == 0 || c.onlyExpands() && !bytes.Contains(body, []byte(`"expand":{`)) {
		return body, nil
	}
	out, end, err := c.appendAnswer(make([]byte, 0, grown(len(body))), body, space(body, 0))
	if errors.Is(err, errNotJSON) {
		return body, nil
	}
	if err != nil || end < 0 {
		return body, err
	}
	return append(out, body[end:]...), nil
}

// grown is the room for a body of that length once it is changed.
func grown(length int) int { return length + length/8 + 256 }

// onlyExpands tells that there is nothing to change but records in others' expand.
func (c *call) onlyExpands() bool { return c.collection != nil && c.t.plan(c.collection) == nil }

// appendAnswer appends an answer that succeeded.
func (c *call) appendAnswer(out, body []byte, i int) ([]byte, int, error) {
	t := c.t
	switch c.shape {
	case oneRecord:
		return t.appendRecord(out, body, i, c.collection, c.pick)
	case listOfRecords:
		return c.appendWith(out, body, i, "items")
	case signIn:
		return c.appendWith(out, body, i, "record")
	case signInWays:
		return c.appendWays(out, body, i)
	case batchOf:
		return c.appendBatch(out, body, i)
	case ownBodies:
		return c.appendOwn(out, body, i)
	case ownRecords:
		return t.appendAny(out, body, i)
	default:
		return append(out, body...), len(body), nil
	}
}

// appendWith appends an object of which one member is a record, or a list of them.
// That is read once: it is nearly all of the answer.
func (c *call) appendWith(out, body []byte, i int, name string) ([]byte, int, error) {
	if i >= len(body) || body[i] != '{' {
		return out, -1, errNotJSON
	}
	out = append(out, '{')
	for i = space(body, i+1); i < len(body) && body[i] == '"'; i = space(body, i+1) {
		key := i
		keyEnd := stringEnd(body, i)
		if keyEnd < 0 {
			break
		}
		if i = space(body, keyEnd); i >= len(body) || body[i] != ':' {
			break
		}
		out = append(append(out, body[key:keyEnd]...), ':')
		i = space(body, i+1)
		var end int
		if string(body[key+1:keyEnd-1]) == name {
			var err error
			if out, end, err = c.t.appendRecords(out, body, i, c.collection, c.pick); err != nil {
				return out, end, err
			}
		} else if end = valueEnd(body, i); end >= 0 {
			out = append(out, body[i:end]...)
		}
		if end < 0 {
			break
		}
		if i = space(body, end); i >= len(body) {
			break
		}
		if body[i] == '}' {
			return append(out, '}'), i + 1, nil
		}
		if body[i] != ',' {
			break
		}
		out = append(out, ',')
	}
	return out, -1, errNotJSON
}

// appendWays appends the ways to sign in, where fields are named that identify an
// account.
func (c *call) appendWays(out, body []byte, i int) ([]byte, int, error) {
	plan := c.t.plan(c.collection)
	o, password := objects.Get().(*Object), objects.Get().(*Object)
	defer o.release()
	defer password.release()
	end, err := o.parse(body, i)
	if err != nil {
		return out, end, err
	}
	if value := o.Get("password"); value != nil {
		if _, err := password.parse(value, 0); err != nil {
			return out, end, err
		}
		names := []string{}
		_, err := eachItem(password.Get("identityFields"), 0, func(start, end int) error {
			name, _ := textOf(password.Get("identityFields")[start:end])
			names = append(names, plan.before(name))
			return nil
		})
		if err == nil {
			if err := password.Set("identityFields", names); err != nil {
				return out, end, err
			}
			o.SetRaw("password", password.append(nil))
		}
	}
	return o.append(out), end, nil
}

// appendOwn appends the answer of a route that has changes.
func (c *call) appendOwn(out, body []byte, i int) ([]byte, int, error) {
	if c.t.lists[c.pattern] {
		changed, end, err := c.t.appendAny(nil, body, i)
		if err != nil {
			return out, end, err
		}
		body, i = append(changed, body[end:]...), 0
	}
	o := objects.Get().(*Object)
	defer o.release()
	end, err := o.parse(body, i)
	if err != nil {
		return out, end, err
	}
	if err := c.t.routes[c.pattern].down(o); err != nil {
		return out, end, err
	}
	return o.append(out), end, nil
}

// changeError gives the fields in a refusal the names that the client knows.
func (c *call) changeError(err error) error {
	var answer *router.ApiError
	if !errors.As(err, &answer) || len(answer.Data) == 0 {
		return err
	}
	data := answer.Data
	switch {
	case c.shape == batchOf:
		data = c.batchErrors(data)
	case c.collection != nil:
		data = c.t.namesBefore(c.collection, data)
	}
	changed := router.NewApiError(answer.Status, answer.Message, err)
	changed.Data = data
	return changed
}

// namesBefore gives the members of the data of a refusal the names that the client
// knows.
func (t *Transformer) namesBefore(c *core.Collection, data map[string]any) map[string]any {
	plan := t.plan(c)
	if plan == nil {
		return data
	}
	changed := make(map[string]any, len(data))
	for name, problem := range data {
		before := plan.before(name)
		if _, taken := changed[before]; taken && before != name {
			continue // of several fields that were one, any will do
		}
		changed[before] = problem
	}
	return changed
}

// changedRefusal does the same with a refusal that a handler has written itself.
func (c *call) changedRefusal(body []byte) []byte {
	plan := c.t.plan(c.collection)
	if plan == nil {
		return body
	}
	changed, err := c.t.rewriteObject(body, func(o *Object) error {
		data := o.Get("data")
		if data == nil {
			return nil
		}
		renamed, err := c.t.rewriteObject(data, func(fields *Object) error {
			for _, name := range fields.Names() {
				fields.Rename(name, plan.before(name))
			}
			return nil
		})
		if err == nil {
			o.SetRaw("data", renamed)
		}
		return err
	})
	if err != nil {
		return body
	}
	return changed
}

// answer holds back what a handler answers, if it is JSON. It shares the headers
// with the writer that it stands for.
type answer struct {
	under  http.ResponseWriter
	call   *call
	limit  int64
	size   int64 // of what was written
	status int   // 0 as long as nothing was
	body   []byte

	changed  bool  // the body is one of the version already, unless err
	err      error // why it cannot be made one
	through  bool  // it is something else, and was passed on
	tooLarge bool
}

const maxPooled = 1 << 20

var answers = sync.Pool{New: func() any { return &answer{} }}

func (a *answer) release() {
	body := a.body[:0]
	if cap(body) > maxPooled {
		body = nil
	}
	*a = answer{body: body}
	answers.Put(a)
}

func (a *answer) Header() http.Header { return a.under.Header() }

// Written is for PocketBase, which asks before it answers itself.
func (a *answer) Written() bool { return a.status != 0 }

// Status is for PocketBase's log.
func (a *answer) Status() int { return a.status }

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.under }

func (a *answer) WriteHeader(status int) {
	if a.status != 0 || status < http.StatusOK { // 1xx are not the answer yet
		return
	}
	a.status = status
	header := a.Header()
	if kind := header.Get("Content-Type"); kind != "" && !isJSON(kind) || header.Get("Content-Encoding") != "" {
		a.through = true
		a.under.WriteHeader(status)
	}
}

func isJSON(kind string) bool {
	media, _, _ := strings.Cut(kind, ";")
	return strings.TrimSpace(media) == "application/json"
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	switch {
	case a.through:
		return a.under.Write(b)
	case a.tooLarge || a.size+int64(len(b)) > a.limit:
		a.tooLarge = true
		return 0, errTooLarge
	}
	first := a.size == 0
	a.size += int64(len(b))
	if !first || !a.change(b) {
		a.body = append(a.body, b...)
	}
	return len(b), nil
}

// change makes the first that is written one of the version, if it is a whole
// answer, as from PocketBase always. What follows it is no part of that. It reports
// false if all has to be there first.
func (a *answer) change(b []byte) bool {
	if a.status >= http.StatusBadRequest || a.call.onlyExpands() {
		return false
	}
	if cap(a.body) < grown(len(b)) {
		a.body = make([]byte, 0, grown(len(b)))
	}
	out, end, err := a.call.appendAnswer(a.body, b, space(b, 0))
	if errors.Is(err, errNotJSON) || err == nil && end < 0 {
		a.body = out[:0]
		return false
	}
	if a.body, a.err, a.changed = out, err, true; err == nil {
		a.body = append(out, b[end:]...)
	}
	return true
}

// Flush is for handlers that look for an http.Flusher.
func (a *answer) Flush() { _ = a.FlushError() }

// FlushError is for http.ResponseController, which asks for it first. What is held
// back stays so: half of it could not be changed.
func (a *answer) FlushError() error {
	if !a.through {
		return nil
	}
	return http.NewResponseController(a.under).Flush()
}

// Hijack is for http.ResponseController.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(a.under).Hijack()
}
