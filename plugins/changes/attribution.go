package changes

import (
	"context"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// attributionKey holds the attribution on a record between the request and the
// statement. Records keep values of unknown names and never store them, and show
// none of this prefix, not even to a hook that asks for custom data.
const attributionKey = "@pbInternalHoldallChangesAttribution"

// bindAttribution notes for each record request who made it, and stamps that on
// what the request adds to the full log. It costs nothing where no collection has
// a full log.
func (l *Log) bindAttribution() {
	mark := &hook.Handler[*core.RecordRequestEvent]{
		Id: "holdallChangesAttribution",
		Func: func(e *core.RecordRequestEvent) error {
			if l.keepsHistory() {
				e.Record.SetRaw(attributionKey, l.attributionOf(e.RequestEvent))
			}
			return e.Next()
		},
	}
	l.app.OnRecordCreateRequest().Bind(mark)
	l.app.OnRecordUpdateRequest().Bind(mark)
	l.app.OnRecordDeleteRequest().Bind(mark)

	// around the statement of the request's own record
	own := &hook.Handler[*core.RecordEvent]{
		Id: "holdallChangesAttribution",
		Func: func(e *core.RecordEvent) error {
			if !l.mayHaveHistory(e.Record.Collection()) {
				return e.Next()
			}
			return l.attributed(e, `UPDATE _changesHistory `+setAuthor+` WHERE seq = `+ownChange)
		},
		Priority: -98,
	}
	l.app.OnRecordCreateExecute().Bind(own)
	l.app.OnRecordUpdateExecute().Bind(own)

	// around the deletion of the record and then of all that goes with it
	l.app.OnRecordDeleteExecute().Bind(&hook.Handler[*core.RecordEvent]{
		Id: "holdallChangesAttribution",
		Func: func(e *core.RecordEvent) error {
			return l.attributed(e, `UPDATE _changesHistory `+setAuthor+` WHERE seq >= `+ownChange+` AND origin = ''`)
		},
		Priority: -98,
	})
}

const (
	setAuthor = `SET actorCollection = {:collection}, actor = {:actor}, request = {:request}, origin = {:origin},
		trace = CASE trace WHEN '' THEN {:trace} ELSE trace END`

	// ownChange is the last change of a record, which is that of the transaction.
	ownChange = `(SELECT seq FROM _changes WHERE record = {:record} AND c = (SELECT n FROM _changesNames WHERE collection = {:of}))`
)

// attributed goes on with e, and stamps what that adds to the full log by a
// statement, if e is of a request or of a trace that is recorded. It needs no look at
// the log before.
func (l *Log) attributed(e *core.RecordEvent, stamp string) error {
	a, ok := e.Record.GetRaw(attributionKey).(Attribution)
	if l.config.Tracer != nil {
		if a.Trace = l.config.Tracer.Current(e.Context); !ok {
			ok = l.config.Tracer.Recorded(e.Context) != "" // the rest is not worth a statement
		}
	}
	if !ok {
		return e.Next()
	}
	original := e.App
	defer func() { e.App = original }()
	return original.RunInTransaction(func(tx core.App) error {
		e.App = tx
		if err := e.Next(); err != nil {
			return err
		}
		params := a.params()
		params["record"], params["of"] = e.Record.Id, e.Record.Collection().Id
		return execute(tx, "attribute", params, stamp)
	})
}

func (a Attribution) params() dbx.Params {
	return dbx.Params{"collection": a.ActorCollection, "actor": a.Actor, "request": a.Request, "origin": a.Origin, "trace": a.Trace}
}

// Attribute runs fn in a transaction of app and names the caller of e as the
// author of all that fn writes. It is for custom routes and jobs; the record API
// needs no help. e may be nil, then only origin is noted.
func (l *Log) Attribute(app core.App, e *core.RequestEvent, origin string, fn func(tx core.App) error) error {
	attribution := Attribution{}
	if e != nil {
		attribution = l.attributionOf(e)
	}
	if origin != "" {
		attribution.Origin = origin
	}
	if l.config.Tracer != nil {
		attribution.Trace = l.config.Tracer.Current(context.Background())
	}
	return write(app, func(tx core.App) error {
		return attribute(tx, attribution, func() error { return fn(tx) })
	})
}

// attribute stamps what fn appends to the full log. It needs a transaction, which
// keeps the changes of other writers out.
func attribute(tx core.App, a Attribution, fn func() error) error {
	before, err := historyEnd(tx)
	if err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	params := a.params()
	params["before"] = before
	return execute(tx, "attribute", params, `UPDATE _changesHistory `+setAuthor+` WHERE seq > {:before} AND origin = ''`)
}

func historyEnd(app core.App) (int64, error) {
	var seq int64
	if err := app.DB().NewQuery(`SELECT COALESCE(MAX(seq), 0) FROM _changesHistory`).Row(&seq); err != nil {
		return 0, fmt.Errorf("changes: read history: %w", err)
	}
	return seq, nil
}

func (l *Log) attributionOf(e *core.RequestEvent) Attribution {
	a := Attribution{Request: l.config.RequestID(e), Origin: "api"}
	if e.Auth != nil {
		a.ActorCollection, a.Actor = e.Auth.Collection().Id, e.Auth.Id
	}
	return a
}

func requestID(e *core.RequestEvent) string {
	if id := e.Response.Header().Get("X-Request-Id"); id != "" {
		return id
	}
	return e.Request.Header.Get("X-Request-Id")
}
