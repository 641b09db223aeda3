package fastlane

import (
	"database/sql"
	"net/http"

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
	case batch:
		return p.batch(e)
	case file:
		return p.file(e)
	case refresh:
		return p.refresh(e)
	}
	call, reason := p.prepare(e, a)
	if reason != "" {
		return reason, nil
	}
	return call.answer(e, a)
}

// answer is the second half: it asks the database.
func (c *call) answer(e *core.RequestEvent, a action) (reason Reason, err error) {
	p := c.plugin
	if c.limited && p.refused.lately(c.limitKey(e)) {
		return ReasonLimited, nil
	}
	w := workspaces.Get().(*workspace)
	defer w.release()
	answer, reason := c.content(e, a, w)
	if reason != "" {
		return reason, nil
	}
	if c.limited {
		err := charge(e)
		if err != nil {
			p.refused.note(c.limitKey(e))
		}
		if err != nil || e.Written() {
			return "", err
		}
	}
	if answer.body == nil {
		return "", e.NotFoundError("", sql.ErrNoRows) // which the log tells of
	}
	p.give(e, answer)
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
	// fleeting says that the answer may be another at another time, though nobody
	// writes, and relatedBy what the cache has to know of it besides.
	fleeting  bool
	relatedBy []relatedPlan
}

// prepare finds the plan of a request. It asks the database nothing.
func (p *Plugin) prepare(e *core.RequestEvent, a action) (*call, Reason) {
	if reason := p.untouched(e, a); reason != "" {
		return nil, reason
	}
	if a == view && p.config.ViewHandlers > 0 && e.Request.URL.RawQuery != "" {
		return nil, ReasonTagged
	}
	s, c, db, reason := p.subject(e)
	if reason != "" {
		return nil, reason
	}
	params, reason := readParameters(e.Request.URL.RawQuery, e.Request.URL.Query, a)
	if reason != "" {
		return nil, reason
	}
	return p.find(e, s, db, c, a, params)
}

// subject returns the collection of a request's path, and where it is.
func (p *Plugin) subject(e *core.RequestEvent) (s *schema, c *core.Collection, db *dbx.DB, reason Reason) {
	if s = p.current(e.App); s == nil {
		return nil, nil, nil, ReasonNoCache
	}
	if c = s.find(e.Request.PathValue("collection")); c == nil {
		return nil, nil, nil, ReasonUnknown
	}
	db, ok := sqliteOf(e.App.ConcurrentDB())
	if !ok {
		return nil, nil, nil, ReasonDatabase
	}
	return s, c, db, ""
}

func sqliteOf(builder dbx.Builder) (*dbx.DB, bool) {
	db, ok := builder.(*dbx.DB)
	return db, ok && (db.DriverName() == "sqlite" || db.DriverName() == "sqlite3")
}

// newCall is a request of whom the event says.
func (p *Plugin) newCall(e *core.RequestEvent, s *schema, db *dbx.DB) *call {
	made := &call{app: e.App, db: db, schema: s, plugin: p}
	if e.Auth != nil {
		made.caller.collection = e.Auth.Collection()
		made.caller.verified = s.verified && e.Auth.Verified()
		made.values.callerID = e.Auth.Id
	}
	return made
}

// find finds or makes the plan.
func (p *Plugin) find(e *core.RequestEvent, s *schema, db *dbx.DB, c *core.Collection, a action, params parameters) (*call, Reason) {
	made := p.newCall(e, s, db)
	made.params, made.limited = params, limited(e, c, a)
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
		if rule := key.rule(); rule == nil || *rule != kept.rule {
			return handedOn(ReasonRule) // somebody has changed PocketBase's own copy
		}
	}
	c.note(key, kept)
	return kept
}

// related returns the plan for as many related records.
func (c *call) related(r relation, size int) *plan {
	return c.planOf(planKey{collection: r.to, action: related, caller: c.caller, shape: shape{perPage: size, expand: r.rest}}, template{})
}

// writeJSON answers as PocketBase's e.JSON does.
func writeJSON(e *core.RequestEvent, body []byte) {
	header := e.Response.Header()
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	if w, inFront := e.Response.(*frontWriter); inFront {
		w.announce(len(body))
	}
	e.Response.WriteHeader(http.StatusOK)
	_, _ = e.Response.Write(body) // as PocketBase finds out by the log only
}
