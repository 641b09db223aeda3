package fastlane

import (
	"context"
	"database/sql"
	"net/http"
	"strconv"
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// serve is the middleware, the last one before PocketBase's own handler: what others
// do with requests and answers is done.
func (p *Plugin) serve(e *core.RequestEvent) error {
	a := view
	switch e.Request.Pattern {
	case viewPattern:
	case listPattern:
		a = list
	default:
		return e.Next()
	}
	if p.bypass != nil && p.bypass(e.Request) {
		return e.Next()
	}
	reason := p.answer(e, a)
	p.counts.add(reason)
	if reason != "" {
		return e.Next()
	}
	return nil
}

// answer answers a request, or returns why PocketBase has to and leaves it as it is.
func (p *Plugin) answer(e *core.RequestEvent, a action) Reason {
	call, reason := p.prepare(e, a)
	if reason != "" {
		return reason
	}
	w := workspaces.Get().(*workspace)
	defer w.release()
	if a == view {
		reason = call.view(e, w)
	} else {
		reason = call.list(e, w)
	}
	if reason == "" {
		writeJSON(e, w.out)
	}
	return reason
}

// call is a request that the lane can answer if the database does its part.
type call struct {
	db     *sql.DB
	plugin *Plugin
	plan   *plan
	params parameters
	values values
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
	if limited(e, c, a) {
		return nil, ReasonRateLimit
	}
	db, ok := e.App.ConcurrentDB().(*dbx.DB)
	if !ok {
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
	key := planKey{collection: c, action: a, shape: shape{fields: params.fields}}
	made := &call{db: db.DB(), plugin: p, params: params}
	if e.Auth != nil {
		key.caller.collection = e.Auth.Collection()
		key.caller.verified = s.verified && e.Auth.Verified()
		made.values.callerID = e.Auth.Id
	}
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
	made.plan = s.plan(key, p.config.Plans, func() *plan { return p.compile(e.App, db, s, key, t) })
	if made.plan.reason != "" {
		return nil, made.plan.reason
	}
	if !p.ablation.stalePlans && made.plan.rule != ruleOf(c, a) {
		return nil, ReasonRule // somebody has changed PocketBase's own copy
	}
	return made, ""
}

func ruleOf(c *core.Collection, a action) string {
	rule := c.ViewRule
	if a == list {
		rule = c.ListRule
	}
	if rule == nil {
		return "\x00" // as no rule is
	}
	return *rule
}

// workspace is what requests need memory for, one after the other.
type workspace struct {
	out       []byte
	arguments []any
	row       []any
	into      []any // pointers to row
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

func (w *workspace) release() {
	const most = 1 << 20 // what a rare large answer needs is not kept
	clear(w.arguments)
	clear(w.row)
	if cap(w.out) > most {
		w.out = nil
	}
	workspaces.Put(w)
}

// columns makes room for a row.
func (w *workspace) columns(n int) {
	if len(w.row) == n {
		return
	}
	w.row, w.into = make([]any, n), make([]any, n)
	for i := range w.row {
		w.into[i] = &w.row[i]
	}
}

// each calls use for each row of a statement. It fails with a reason only.
func (c *call) each(s *statement, w *workspace, use func(columns []string) error) Reason {
	var ok bool
	if w.arguments, ok = s.bind(w.arguments[:0], &c.values); !ok {
		return ReasonPattern
	}
	ctx := context.Background()
	if !c.plan.bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.plugin.config.QueryTimeout)
		defer cancel()
	}
	rows, err := c.db.QueryContext(ctx, s.text, w.arguments...)
	if err != nil {
		return ReasonRead
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return ReasonRead
	}
	w.columns(len(columns))
	for rows.Next() {
		if err := rows.Scan(w.into...); err != nil {
			return ReasonRead
		}
		if err := use(columns); err != nil {
			return ReasonRead
		}
	}
	if rows.Err() != nil {
		return ReasonRead
	}
	return ""
}

// reader returns what reads rows with these columns.
func (c *call) reader(columns []string) *rowReader {
	if kept := c.plan.reader.Load(); kept != nil && kept.fits(columns) {
		return kept
	}
	made := c.plan.layout.reader(columns, c.plugin.appendValue)
	c.plan.reader.Store(made)
	return made
}

// view writes one record.
func (c *call) view(_ *core.RequestEvent, w *workspace) Reason {
	found := false
	w.out = w.out[:0]
	reason := c.each(c.plan.rows, w, func(columns []string) (err error) {
		found = true
		w.out, err = c.reader(columns).appendRow(w.out, w.row, c.values.callerID)
		return err
	})
	if reason == "" && !found {
		return ReasonMissing
	}
	w.out = append(w.out, '\n')
	return reason
}

// list writes one page.
func (c *call) list(_ *core.RequestEvent, w *workspace) Reason {
	n := 0
	w.out = append(w.out[:0], `{"items":[`...)
	reason := c.each(c.plan.rows, w, func(columns []string) (err error) {
		if n++; n > 1 {
			w.out = append(w.out, ',')
		}
		w.out, err = c.reader(columns).appendRow(w.out, w.row, c.values.callerID)
		return err
	})
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
	reason = c.each(c.plan.count, w, func([]string) error {
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
