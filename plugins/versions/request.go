package versions

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// shape is what a route takes and answers.
type shape int

const (
	asItIs shape = iota
	oneRecord
	listOfRecords
	signIn      // a record beside a token
	signInWays  // which fields identify an account
	batchOf     // several answers
	ownBodies   // of a route that has changes
	ownRecords  // of a route that answers with records, somewhere
	withoutBody // only errors
)

// shapes are those of PocketBase's routes. All others are left as they are unless
// a change names them.
var shapes = map[string]shape{
	"GET /api/collections/{collection}/records":             listOfRecords,
	"GET /api/collections/{collection}/records/{id}":        oneRecord,
	"POST /api/collections/{collection}/records":            oneRecord,
	"PATCH /api/collections/{collection}/records/{id}":      oneRecord,
	"DELETE /api/collections/{collection}/records/{id}":     withoutBody,
	"GET /api/collections/{collection}/auth-methods":        signInWays,
	"POST /api/collections/{collection}/auth-refresh":       signIn,
	"POST /api/collections/{collection}/auth-with-password": signIn,
	"POST /api/collections/{collection}/auth-with-oauth2":   signIn,
	"POST /api/collections/{collection}/auth-with-otp":      signIn,
	"POST /api/collections/{collection}/impersonate/{id}":   signIn,
	"POST /api/batch": batchOf,
}

// changeRequest makes a request of an older version one of the newest.
func (p *Plugin) changeRequest(e *core.RequestEvent) error {
	if len(e.Request.Header[p.config.Header]) == 0 {
		return e.Next()
	}
	c, ok := e.Get(callKey).(*call)
	if !ok || c.t.identical() {
		return e.Next()
	}
	pattern := e.Request.Pattern
	c.pattern, c.shape = pattern, shapes[pattern]
	switch {
	case c.shape == batchOf:
		p.markKey(e, c)
		return e.Next()
	case c.shape != asItIs:
		if c.collection = c.t.collection(e.Request.PathValue("collection")); c.collection == nil {
			c.shape = asItIs
			return e.Next() // which answers 404
		}
	case c.t.routes[pattern] != nil:
		c.shape = ownBodies
	case c.t.lists[pattern]:
		c.shape = ownRecords
	default:
		return e.Next()
	}
	if err := c.changeQuery(e); err != nil {
		return err
	}
	if err := p.changeBody(e, c); err != nil {
		return err
	}
	p.changeConditions(e, c)
	return e.Next()
}

// changeQuery rewrites the parameters that have names of fields in them.
func (c *call) changeQuery(e *core.RequestEvent) error {
	if c.collection == nil || e.Request.URL.RawQuery == "" {
		return nil
	}
	prefix := ""
	if c.shape == signIn {
		prefix = "record."
	}
	var auth *core.Collection
	if e.Auth != nil {
		auth = e.Auth.Collection()
	}
	changed, asked, err := c.t.rewriteQuery(c.collection, e.Request.URL.RawQuery, prefix, auth)
	if err != nil {
		return err
	}
	c.pick = asked
	if changed != e.Request.URL.RawQuery {
		setQuery(e, changed)
	}
	return nil
}

// setQuery gives a request another query. Whoever holds the request's address from
// before keeps that.
func setQuery(e *core.RequestEvent, query string) {
	address := *e.Request.URL
	address.RawQuery = query
	e.Request.URL = &address
}

// rewriteQuery rewrites what names fields in a query, and leaves the rest as it is.
func (t *Transformer) rewriteQuery(c *core.Collection, query, prefix string, auth *core.Collection) (string, *pick, error) {
	var asked *pick
	parts := strings.Split(query, "&")
	for i, part := range parts {
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		name, err := url.QueryUnescape(key)
		if err != nil {
			continue
		}
		before, err := url.QueryUnescape(value)
		if err != nil {
			continue
		}
		after := before
		switch name {
		case "filter":
			after, err = t.filter(c, before, auth)
		case "sort":
			after, err = t.sort(c, before)
		case "expand":
			after, err = t.expand(c, before)
		case "fields":
			var p *pick
			after, p, err = t.fields(c, before, prefix)
			if asked == nil {
				asked = p // the first one counts
			}
		}
		if err != nil {
			return "", nil, err
		}
		if after != before {
			parts[i] = key + "=" + url.QueryEscape(after)
		}
	}
	return strings.Join(parts, "&"), asked, nil
}

// changeBody rewrites the body, if there is something in it to rewrite.
func (p *Plugin) changeBody(e *core.RequestEvent, c *call) error {
	change := c.bodyChange(e)
	if change == nil || e.Request.ContentLength == 0 {
		return nil
	}
	creating := e.Request.Method == http.MethodPost
	kind := e.Request.Header.Get("Content-Type")
	switch {
	case strings.HasPrefix(kind, "application/json"):
		return c.changeJSON(e, creates(change, creating))
	case c.shape != oneRecord:
		return nil
	case strings.HasPrefix(kind, "multipart/form-data"):
		if err := e.Request.ParseMultipartForm(router.DefaultMaxMemory); err != nil {
			return bodyError(e, err)
		}
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		if err := e.Request.ParseForm(); err != nil {
			return bodyError(e, err)
		}
	default:
		return nil
	}
	if len(e.Request.Header[keyHeader]) > 0 {
		// PocketBase's bodies start anew at their end, for who reads it as it was sent
		if _, err := io.Copy(io.Discard, e.Request.Body); err != nil {
			return bodyError(e, err)
		}
		e.Request.Body = c.unlimited
		p.markKey(e, c)
	}
	return c.changeForm(e.Request, change, creating)
}

// creates says whether a change is one of what a record is made from.
func creates(change func(*Object) error, creating bool) func(*Object) error {
	return func(o *Object) error {
		o.creating = creating
		return change(o)
	}
}

// bodyChange is what happens to the JSON object in a request's body, nil for nothing.
func (c *call) bodyChange(e *core.RequestEvent) func(*Object) error {
	switch c.shape {
	case oneRecord:
		plan := c.t.plan(c.collection)
		if plan == nil || e.Request.Method == http.MethodGet || e.Request.Method == http.MethodHead {
			return nil
		}
		return plan.up
	case signIn:
		plan := c.t.plan(c.collection)
		if plan == nil {
			return nil
		}
		return func(o *Object) error { return c.changeSignIn(o, plan) }
	case ownBodies:
		return c.t.routes[c.pattern].up
	default:
		return nil
	}
}

// changeSignIn rewrites what names fields in a sign-in: the one that identifies an
// account, and those of an account that is made.
func (c *call) changeSignIn(o *Object, plan *plan) error {
	if field, ok := o.Text("identityField"); ok {
		if names, by := plan.resolve(field, 0); by < 0 && names[0] != field {
			o.SetRaw("identityField", quote(names[0]))
		}
	}
	if data := o.Get("createData"); data != nil {
		changed, err := c.t.rewriteObject(data, creates(plan.up, true))
		if err != nil {
			return err
		}
		o.SetRaw("createData", changed)
	}
	return nil
}

func (c *call) changeJSON(e *core.RequestEvent, change func(*Object) error) error {
	body, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return bodyError(e, err)
	}
	changed, err := c.t.rewriteObject(body, change)
	if err != nil {
		return err
	}
	e.Request.Body = &router.RereadableReadCloser{ReadCloser: io.NopCloser(bytes.NewReader(changed))}
	if e.Request.ContentLength > 0 {
		e.Request.ContentLength = int64(len(changed))
	}
	return nil
}

// bodyError is PocketBase's answer to a body that it cannot read.
func bodyError(e *core.RequestEvent, err error) error {
	var answer *router.ApiError
	if errors.As(err, &answer) {
		return answer
	}
	return e.BadRequestError("", err)
}

// payloadKey is the member of a form that is the rest of the body as JSON.
const payloadKey = router.JSONPayloadKey

// changeForm rewrites a form that has been read, which is where PocketBase finds it.
func (c *call) changeForm(r *http.Request, change func(*Object) error, creating bool) error {
	for i, payload := range r.Form[payloadKey] {
		changed, err := c.t.rewriteObject([]byte(payload), creates(change, creating && i == 0))
		if err != nil {
			return err
		}
		r.Form[payloadKey][i] = string(changed)
	}
	values, err := c.changeValues(r.Form, creates(change, creating && len(r.Form[payloadKey]) == 0))
	if err != nil {
		return err
	}
	r.Form = values
	if r.MultipartForm != nil {
		r.MultipartForm.File = renameFiles(c.t.plan(c.collection), r.MultipartForm.File)
	}
	return nil
}

// changeValues rewrites the values of a form but its payload.
func (c *call) changeValues(form url.Values, change func(*Object) error) (url.Values, error) {
	body := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if name == payloadKey {
			continue
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = append(appendName(body, []byte(name)), ':')
		if values := form[name]; len(values) == 1 {
			body = append(body, quote(values[0])...)
		} else {
			encoded, err := encode(values)
			if err != nil {
				return nil, err
			}
			body = append(body, encoded...)
		}
	}
	o := objects.Get().(*Object)
	defer o.release()
	if _, err := o.parse(append(body, '}'), 0); err != nil {
		return nil, err
	}
	if err := change(o); err != nil {
		return nil, c.t.requestError(err)
	}
	changed := url.Values{}
	if payload, ok := form[payloadKey]; ok {
		changed[payloadKey] = payload
	}
	for i := range o.members {
		values, err := formValues(o.members[i].value)
		if err != nil {
			return nil, err
		}
		changed[string(o.members[i].name)] = values
	}
	return changed, nil
}

// formValues is a JSON value as a form has it.
func formValues(value []byte) ([]string, error) {
	if text, ok := textOf(value); ok {
		return []string{text}, nil
	}
	if value[0] == '{' {
		return []string{string(value)}, nil
	}
	var values []string
	_, err := eachItem(value, 0, func(start, end int) error {
		text, ok := textOf(value[start:end])
		if !ok {
			text = string(value[start:end])
		}
		values = append(values, text)
		return nil
	})
	return values, err
}

// renameFiles gives uploads the names of their fields in the newest shape.
func renameFiles(p *plan, files map[string][]*multipart.FileHeader) map[string][]*multipart.FileHeader {
	changed := make(map[string][]*multipart.FileHeader, len(files))
	for name, uploads := range files {
		if !p.isNew(name) {
			changed[p.renamed(name)] = uploads
		}
	}
	return changed
}

// isNew tells whether a member of a request is about a field that clients of the
// version cannot know, as [Change.forward] has it, so that it makes way.
func (p *plan) isNew(name string) bool {
	_, base := baseName([]byte(name))
	field := string(base)
	if names, by := p.resolve(field, 0); by >= 0 || names[0] != field {
		return false // it was there under this name
	}
	return slices.ContainsFunc(p.changes, func(c *Change) bool {
		return c.kind != transformFields && slices.Contains(c.new, field)
	})
}

// renamed is what a member of a request is called in the newest shape, which may
// have a modifier.
func (p *plan) renamed(name string) string {
	prefix, base := baseName([]byte(name))
	names, by := p.resolve(string(base), 0)
	if by >= 0 || names[0] == string(base) {
		return name
	}
	return name[:prefix] + names[0] + name[prefix+len(base):]
}

// keyHeader is that of plugins/idempotency, which tells requests apart by their
// address and body.
const keyHeader = "Idempotency-Key"

// markKey puts the version of a request into its address, where its body stays as
// it was sent: the same bytes mean something else in another version.
func (p *Plugin) markKey(e *core.RequestEvent, c *call) {
	if len(e.Request.Header[keyHeader]) == 0 || strings.Contains(e.Request.URL.RawQuery, p.query+"=") {
		return
	}
	query := e.Request.URL.RawQuery
	if query != "" {
		query += "&"
	}
	setQuery(e, query+p.query+"="+c.date)
}

// changeConditions takes the version out of the tags that a client has, and drops
// those of other versions from what it says to have.
func (p *Plugin) changeConditions(e *core.RequestEvent, c *call) {
	if c.shape != oneRecord && c.shape != listOfRecords && c.shape != withoutBody {
		return
	}
	header := e.Request.Header
	if known := header["If-None-Match"]; len(known) > 0 {
		var own []string
		for part := range strings.SplitSeq(strings.Join(known, ","), ",") {
			tag := strings.TrimSpace(part)
			if plain, ok := withoutVersion(tag, c.date); ok || tag == "*" {
				own = append(own, plain)
			}
		}
		if header.Del("If-None-Match"); len(own) > 0 {
			header.Set("If-None-Match", strings.Join(own, ", "))
		}
	}
	if wanted := header["If-Match"]; len(wanted) > 0 {
		parts := strings.Split(strings.Join(wanted, ","), ",")
		for i, part := range parts {
			parts[i], _ = withoutVersion(strings.TrimSpace(part), c.date)
		}
		header.Set("If-Match", strings.Join(parts, ", "))
	}
}

// withVersion is a tag of an answer in a version.
func withVersion(tag, date string) string {
	if !strings.HasSuffix(tag, `"`) {
		return tag
	}
	return tag[:len(tag)-1] + "@" + date + `"`
}

// withoutVersion is the tag that [withVersion] was given. It reports false, and
// returns the tag as it is, if that was another version.
func withoutVersion(tag, date string) (string, bool) {
	if plain, ok := strings.CutSuffix(tag, "@"+date+`"`); ok {
		return plain + `"`, true
	}
	return tag, false
}
