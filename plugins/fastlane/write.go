package fastlane

import (
	"database/sql/driver"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// longestBody is how long a body is that the lane reads, in bytes. PocketBase's limits
// count what is read twice, and are far above.
const longestBody = 1 << 20

// write does a write and answers it, or returns why PocketBase has to and leaves the
// request as it is.
func (p *Plugin) write(e *core.RequestEvent, a action) (Reason, error) {
	call, reason := p.prepareWrite(e, a)
	if reason != "" {
		return reason, nil
	}
	w := &write{call: call, action: a}
	if a != remove {
		var body []byte
		if body, reason = readBody(e); reason == "" {
			reason = w.readSent(asSent(body))
		}
	}
	if reason == "" {
		reason = p.writer.do(e.App, w)
	}
	if reason != "" {
		return reason, nil
	}
	if err := w.tell(e); err != nil {
		return "", err
	}
	if a == remove {
		return "", e.NoContent(http.StatusNoContent)
	}
	space := workspaces.Get().(*workspace)
	defer space.release()
	space.out = append(w.append(space.out[:0]), '\n')
	writeJSON(e, space.out)
	return "", nil
}

// prepareWrite finds the plan of a write. It asks the database nothing.
func (p *Plugin) prepareWrite(e *core.RequestEvent, a action) (*call, Reason) {
	if reason := p.untouchedWrite(e, a); reason != "" {
		return nil, reason
	}
	s, c, db, reason := p.subject(e)
	if reason != "" {
		return nil, reason
	}
	if limited(e, c, a) {
		return nil, ReasonRateLimit
	}
	return p.findWrite(e, s, db, planKey{collection: c, action: a}, e.Request.PathValue("id"))
}

// findWrite finds or makes the plan of a write for the caller.
func (p *Plugin) findWrite(e *core.RequestEvent, s *schema, db *dbx.DB, key planKey, id string) (*call, Reason) {
	made := p.newCall(e, s, db)
	made.values.recordID = id
	key.caller = made.caller
	made.plan = made.planOf(key, template{})
	if made.plan.reason == "" && made.plan.slow() {
		return made, ReasonLate
	}
	return made, made.plan.reason
}

// untouchedWrite returns why a write is not what its route makes of it, "" if it is.
func (p *Plugin) untouchedWrite(e *core.RequestEvent, a action) (reason Reason) {
	if a != remove {
		reason = p.untouchedBody(e, longestBody)
	} else if reason = p.untouchedByOthers(e); reason == "" && e.Request.ContentLength != 0 {
		reason = ReasonBody
	}
	switch {
	case reason != "":
		return reason
	case infoRead(e):
		return ReasonInfo
	}
	return p.unheard(e.App, a)
}

// untouchedByOthers returns what somebody has made of a request that the lane does
// not know, "" if it is as it was sent.
func (p *Plugin) untouchedByOthers(e *core.RequestEvent) Reason {
	switch {
	case e.App.IsTransactional():
		return ReasonTransaction
	case e.Written():
		return ReasonWritten
	case e.Request.URL.RawQuery != "":
		return ReasonParameter
	case e.Auth != nil && e.Auth.IsSuperuser():
		return ReasonSuperuser
	case e.Get(core.RequestEventKeyInfoContext) != nil:
		return ReasonContext
	}
	return ""
}

// untouchedBody does that for a request with a body.
func (p *Plugin) untouchedBody(e *core.RequestEvent, longest int64) Reason {
	switch {
	case e.Request.ContentLength <= 0 || e.Request.ContentLength > longest:
		return ReasonLength
	case !strings.HasPrefix(e.Request.Header.Get("Content-Type"), "application/json"):
		return ReasonContent
	}
	return p.untouchedByOthers(e)
}

// unheard returns who would hear of a write.
func (p *Plugin) unheard(app core.App, a action) Reason {
	switch {
	case p.heard(a):
		return ReasonWriteHook
	case p.listened(app):
		return ReasonRealtime
	}
	return ""
}

// readBody reads the body and leaves it to be read again.
func readBody(e *core.RequestEvent) ([]byte, Reason) {
	again, ok := e.Request.Body.(router.Rereader)
	if !ok {
		return nil, ReasonContent
	}
	defer again.Reread()
	const first = 32 << 10                                         // more is taken for what has come only: it may never do
	body := make([]byte, 0, min(e.Request.ContentLength+1, first)) // and room to find the end
	for {
		if len(body) == cap(body) {
			body = slices.Grow(body, len(body))
		}
		n, err := e.Request.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, ""
		case err != nil || int64(len(body)) > e.Request.ContentLength:
			return nil, ReasonContent
		}
	}
}

// write is one that is asked for. It is done within a transaction that it shares with
// others.
type write struct {
	*call
	action action
	given  []driver.Value // by column, absent where the request has none
	row    []driver.Value // by column, what is written and answered
	old    []driver.Value // by column, what was there
	blank  *core.Record
	with   values
	asked  []sqlite.Value // the arguments of a statement
}

// scratch is a record that values are prepared and validated with.
func (w *write) scratch() *core.Record {
	if w.blank == nil {
		w.blank = core.NewRecord(w.plan.layout.collection)
	}
	return w.blank
}

// readSent reads what the request sends. What of a new record cannot be valid is left
// to PocketBase before anybody waits for it.
func (w *write) readSent(body scanner) (reason Reason) {
	of := w.plan.writing
	if w.given, reason = of.read(w.action, w.values.recordID, body, w.scratch); reason != "" || w.action != create {
		return reason
	}
	w.row = make([]driver.Value, 0, len(of.columns))
	for i := range of.columns {
		if w.given[i] == (absent{}) {
			w.given[i] = of.columns[i].blank
		}
		made, ok := of.columns[i].generate(w.given[i])
		if !ok || !of.columns[i].takes(made, w.app, w.scratch) {
			return ReasonValue
		}
		w.row = append(w.row, made)
	}
	return ""
}

// do implements [job].
func (w *write) do(t *transaction) Reason {
	if reason := w.fresh(); reason != "" {
		return reason
	}
	switch w.action {
	case create:
		return w.create(t)
	case update:
		return w.update(t)
	}
	return w.remove(t)
}

// fresh looks once more whether the plan is the right one and nobody needs to hear of
// the write: it may have waited for a transaction that has changed that.
func (w *write) fresh() Reason {
	if w.plugin.ablation.stalePlans {
		return ""
	}
	if w.plugin.current(w.app) != w.schema {
		return ReasonStale
	}
	if rule := ruleOf(w.plan.layout.collection, w.action); rule == nil || *rule != w.plan.rule {
		return ReasonStale
	}
	if w.plan.slow() {
		return ReasonLate
	}
	return w.plugin.unheard(w.app, w.action)
}

// values are those of a record, or of another that it is related to.
func (w *write) valuesOf(id string, columns []driver.Value) *values {
	w.with = values{recordID: id, callerID: w.values.callerID, columns: columns}
	return &w.with
}

// timeout is after how long the plan's queries are given up, 0 for never.
func (w *write) timeout() time.Duration {
	if w.plan.bounded {
		return 0
	}
	return min(w.plugin.config.QueryTimeout, longestHeld)
}

func (w *write) create(t *transaction) Reason {
	of := w.plan.writing
	if of.check != nil && !w.plugin.ablation.skipRules {
		id, _ := w.given[of.id].(string)
		if id == "" {
			id = "__temp_id____pb_create__holdall"
		}
		found, reason := t.passed(w, w.valuesOf(id, w.given))
		if reason == "" && !found {
			reason = ReasonForbidden
		}
		if reason != "" {
			return reason
		}
	}
	w.stamp(func(f *core.AutodateField) bool { return f.OnCreate })
	return w.change(t, "")
}

// stamp sets the dates of the row that PocketBase sets, all to one moment.
func (w *write) stamp(wanted func(*core.AutodateField) bool) {
	var now string
	for i := range w.plan.writing.columns {
		if f, ok := w.plan.writing.columns[i].field.(*core.AutodateField); ok && wanted(f) {
			if now == "" {
				now = types.NowDateTime().String()
			}
			w.row[i] = now
		}
	}
}

// change looks for what the row is related to, and writes it.
func (w *write) change(t *transaction, id string) Reason {
	of := w.plan.writing
	for i, related := range of.related {
		if related == nil {
			continue
		}
		ids, ok := of.columns[i].names(w.row[i])
		if !ok {
			return ReasonStored
		}
		for _, id := range ids {
			if found, reason := t.found(w, related, w.valuesOf(id, nil), 0); reason != "" || !found {
				return ReasonRelated
			}
		}
	}
	return t.change(w, of.change, w.valuesOf(id, w.row))
}

func (w *write) update(t *transaction) Reason {
	of, id := w.plan.writing, w.values.recordID
	found, reason := t.read(w, w.plan.rows, w.valuesOf(id, nil))
	switch {
	case reason != "":
		return reason
	case !found:
		return ReasonMissing
	}
	w.row = make([]driver.Value, len(of.columns))
	for i := range of.columns {
		c := &of.columns[i]
		var ok bool
		if w.row[i], ok = c.stored(w.old[i], w.scratch); !ok {
			return ReasonStored
		}
		w.old[i] = w.row[i]
		switch given := w.given[i].(type) {
		case absent:
		case delta:
			w.row[i] = w.row[i].(float64) + float64(given)
		default:
			w.row[i] = given
		}
		if i != of.id && !c.takes(w.row[i], w.app, w.scratch) {
			return ReasonValue
		}
	}
	w.stamp(func(f *core.AutodateField) bool { return f.OnUpdate })
	return w.change(t, id)
}

func (w *write) remove(t *transaction) Reason {
	id := w.values.recordID
	found, reason := t.read(w, w.plan.rows, w.valuesOf(id, nil))
	switch {
	case reason != "":
		return reason
	case !found:
		return ReasonMissing
	}
	for _, reference := range w.plan.writing.references {
		if found, reason := t.found(w, reference, w.valuesOf(id, nil), longestHeld); reason != "" || found {
			return ReasonReferences
		}
	}
	return t.change(w, w.plan.writing.change, w.valuesOf(id, nil))
}

// append appends the record as PocketBase answers it: from what was written, and not
// from what SQLite has made of it.
func (w *write) append(dst []byte) []byte {
	out, err := w.reader(w.plan, w.plan.writing.names).appendRow(dst, w.row, "", nil)
	if err != nil {
		w.app.Logger().Error("The answer of a write could not be encoded.", slog.Any("error", err))
	}
	return out
}
