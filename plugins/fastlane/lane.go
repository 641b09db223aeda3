package fastlane

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/http"
	"strconv"
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// serve is the middleware, the last one before PocketBase's own handler: what others
// do with requests and answers is done.
func (p *Plugin) serve(e *core.RequestEvent) error {
	a, known := routes[e.Request.Pattern]
	if !known {
		return e.Next()
	}
	if p.bypass != nil && p.bypass(e.Request) {
		return e.Next()
	}
	reason, err := p.answer(e, a)
	p.counts.add(a, reason)
	if reason != "" {
		return e.Next()
	}
	return err
}

// answer answers a request, or returns why PocketBase has to and leaves it as it is.
// A limit is charged when it is certain that PocketBase will not do so.
func (p *Plugin) answer(e *core.RequestEvent, a action) (Reason, error) {
	switch a {
	case create, update, remove:
		return p.write(e, a)
	}
	call, reason := p.prepare(e, a)
	if reason == "" && call.limited && p.refused.lately(call.limitKey(e)) {
		reason = ReasonLimited
	}
	if reason != "" {
		return reason, nil
	}
	w := workspaces.Get().(*workspace)
	defer w.release()
	found := true
	if a == view {
		found, reason = call.view(w)
	} else {
		reason = call.list(w)
	}
	if reason != "" {
		return reason, nil
	}
	if call.limited {
		err := charge(e)
		if err != nil {
			p.refused.note(call.limitKey(e))
		}
		if err != nil || e.Written() {
			return "", err
		}
	}
	if !found {
		return "", e.NotFoundError("", sql.ErrNoRows) // which the log tells of
	}
	writeJSON(e, w.out)
	return "", nil
}

// call is a request that the lane can answer if the database does its part.
type call struct {
	app    core.App
	db     *dbx.DB
	schema *schema
	plugin *Plugin
	caller callerKind
	plan   *plan
	params parameters
	values values
	// limited says that a rate limit of the settings applies.
	limited bool
}

// prepare finds the plan of a request. It asks the database nothing.
func (p *Plugin) prepare(e *core.RequestEvent, a action) (*call, Reason) {
	if reason := p.untouched(e, a); reason != "" {
		return nil, reason
	}
	if a == view && p.config.ViewHandlers > 0 && e.Request.URL.RawQuery != "" {
		return nil, ReasonTagged
	}
	s := p.current(e.App)
	if s == nil {
		return nil, ReasonNoCache
	}
	c := s.find(e.Request.PathValue("collection"))
	if c == nil {
		return nil, ReasonUnknown
	}
	db, ok := e.App.ConcurrentDB().(*dbx.DB)
	if !ok || db.DriverName() != "sqlite" && db.DriverName() != "sqlite3" {
		return nil, ReasonDatabase
	}
	params, reason := readParameters(e.Request.URL.RawQuery, e.Request.URL.Query, a)
	if reason != "" {
		return nil, reason
	}
	return p.find(e, s, db, c, a, params)
}

// find finds or makes the plan.
func (p *Plugin) find(e *core.RequestEvent, s *schema, db *dbx.DB, c *core.Collection, a action, params parameters) (*call, Reason) {
	made := &call{app: e.App, db: db, schema: s, plugin: p, params: params, limited: limited(e, c, a)}
	if e.Auth != nil {
		made.caller.collection = e.Auth.Collection()
		made.caller.verified = s.verified && e.Auth.Verified()
		made.values.callerID = e.Auth.Id
	}
	key := planKey{collection: c, action: a, caller: made.caller, shape: shape{fields: params.fields, expand: params.expand}}
	var t template
	if a == list {
		if params.filter != "" {
			var reason Reason
			if t, reason = splitFilter(params.filter); reason != "" {
				return nil, reason
			}
		}
		key.shape.filter, key.shape.sort, key.shape.perPage = t.shape, params.sort, params.perPage
		key.shape.joins = t.joins || hasPath(params.sort)
		made.values.literals = t.literals
		made.values.offset = int64(params.perPage) * int64(params.page-1)
	} else {
		made.values.recordID = e.Request.PathValue("id")
	}
	made.plan = made.planOf(key, t)
	return made, made.plan.reason
}

// planOf returns the plan of a key.
func (c *call) planOf(key planKey, t template) *plan {
	kept := c.schema.plan(key, c.plugin.config.Plans, func() *plan { return compile(c.app, c.db, c.schema, key, t) })
	if kept.reason == "" && !c.plugin.ablation.stalePlans {
		if rule := ruleOf(key.collection, key.action); rule == nil || *rule != kept.rule {
			return handedOn(ReasonRule) // somebody has changed PocketBase's own copy
		}
	}
	return kept
}

// related returns the plan for as many related records.
func (c *call) related(to *core.Collection, size int) *plan {
	return c.planOf(planKey{collection: to, action: related, caller: c.caller, shape: shape{perPage: size}}, template{})
}

// workspace is what requests need memory for, one after the other.
type workspace struct {
	rowBuffer
	out []byte
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

func (w *workspace) release() {
	const most = 1 << 20 // what a rare large answer needs is not kept
	w.clear()
	if cap(w.out) > most {
		w.out = nil
	}
	workspaces.Put(w)
}

// each calls use for each row of a statement of a plan. It fails with a reason only.
func (c *call) each(p *plan, s *statement, v *values, w *workspace, use func(columns []string) error) Reason {
	var ok bool
	if w.arguments, ok = s.bind(w.arguments[:0], v); !ok {
		return ReasonPattern
	}
	ctx := context.Background()
	if !p.bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.plugin.config.QueryTimeout)
		defer cancel()
	}
	if err := query(ctx, c.db.DB(), s.text, &w.rowBuffer, use); err != nil {
		return ReasonRead
	}
	return ""
}

// reader returns what reads rows of a plan with these columns.
func (c *call) reader(p *plan, columns []string) *rowReader {
	if kept := p.reader.Load(); kept != nil && kept.fits(columns) {
		return kept
	}
	made := p.layout.reader(columns, c.plugin.appendValue)
	p.reader.Store(made)
	return made
}

// rows writes the rows of the plan, between commas.
func (c *call) rows(w *workspace) (n int, reason Reason) {
	write := func(columns []string, row []driver.Value, x *expansion) (err error) {
		if n++; n > 1 {
			w.out = append(w.out, ',')
		}
		w.out, err = c.reader(c.plan, columns).appendRow(w.out, row, c.values.callerID, x)
		return err
	}
	if len(c.plan.relations) == 0 {
		reason = c.each(c.plan, c.plan.rows, &c.values, w, func(columns []string) error { return write(columns, w.row, nil) })
		return n, reason
	}
	rows, columns, reason := c.read(w)
	if reason != "" {
		return 0, reason
	}
	x, reason := c.expand(rows, columns, w)
	if reason != "" {
		return 0, reason
	}
	for _, row := range rows {
		if write(columns, row, x) != nil {
			return n, ReasonRead
		}
	}
	return n, ""
}

// view writes one record.
func (c *call) view(w *workspace) (found bool, reason Reason) {
	w.out = w.out[:0]
	n, reason := c.rows(w)
	w.out = append(w.out, '\n')
	return n > 0, reason
}

// list writes one page.
func (c *call) list(w *workspace) Reason {
	w.out = append(w.out[:0], `{"items":[`...)
	n, reason := c.rows(w)
	if reason != "" {
		return reason
	}
	if n == 0 && c.plan.rule != "" && c.params.filter != "" {
		return ReasonNothing
	}
	total, pages := int64(-1), int64(-1)
	if !c.params.skipTotal {
		if total, reason = c.total(w); reason != "" {
			return reason
		}
		pages = (total + int64(c.params.perPage) - 1) / int64(c.params.perPage)
	}
	w.out = append(w.out, `],"page":`...)
	w.out = strconv.AppendInt(w.out, int64(c.params.page), 10)
	w.out = append(w.out, `,"perPage":`...)
	w.out = strconv.AppendInt(w.out, int64(c.params.perPage), 10)
	w.out = append(w.out, `,"totalItems":`...)
	w.out = strconv.AppendInt(w.out, total, 10)
	w.out = append(w.out, `,"totalPages":`...)
	w.out = strconv.AppendInt(w.out, pages, 10)
	w.out = append(w.out, "}\n"...)
	return ""
}

// total counts the rows of all pages.
func (c *call) total(w *workspace) (total int64, reason Reason) {
	counted := false
	reason = c.each(c.plan, c.plan.count, &c.values, w, func([]string) error {
		total, counted = w.row[0].(int64)
		return nil
	})
	if reason == "" && !counted {
		reason = ReasonRead
	}
	return total, reason
}

// writeJSON answers as PocketBase's e.JSON does.
func writeJSON(e *core.RequestEvent, body []byte) {
	header := e.Response.Header()
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	e.Response.WriteHeader(http.StatusOK)
	_, _ = e.Response.Write(body) // as PocketBase finds out by the log only
}
