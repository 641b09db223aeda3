package traces

import (
	"context"
	"errors"
	"log/slog"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// outermost is before all hooks that have a priority of their own.
const outermost = -1 << 20

// innermost is after all middlewares.
const innermost = 1 << 20

// Bind records the hooks of app's records, and the rules of the requests for them,
// and closes the tracer when the app terminates.
func (t *Tracer) Bind(app core.App) {
	log := app.Logger
	t.exporter.log.Store(&log)
	t.bindHooks(app)
	t.bindRules(app)
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallTracesClose",
		Func: func(e *core.TerminateEvent) error {
			if err := t.Close(context.Background()); err != nil {
				e.App.Logger().Warn("The last traces could not be sent.", slog.Any("error", err))
			}
			return e.Next()
		},
		Priority: -900, // after requests and background work have ended
	})
}

// bindHooks puts a span around what happens to a record, and around what happens after
// it was committed. The context of the event carries it.
func (t *Tracer) bindHooks(app core.App) {
	for _, h := range []struct {
		on   *hook.TaggedHook[*core.RecordEvent]
		name string
	}{
		{app.OnRecordCreate(), "create"},
		{app.OnRecordUpdate(), "update"},
		{app.OnRecordDelete(), "delete"},
		{app.OnRecordAfterCreateSuccess(), "after create"},
		{app.OnRecordAfterUpdateSuccess(), "after update"},
		{app.OnRecordAfterDeleteSuccess(), "after delete"},
	} {
		h.on.Bind(&hook.Handler[*core.RecordEvent]{
			Id: "holdallTraces", Priority: outermost,
			Func: func(e *core.RecordEvent) error {
				if !at(e.Context).IsSampled() {
					return e.Next()
				}
				return t.around(e, h.name)
			},
		})
	}
}

func (t *Tracer) around(e *core.RecordEvent, what string) (err error) {
	collection, original := e.Record.Collection().Name, e.Context
	ctx, end := t.Step(original, what+" "+collection, slog.String("holdall.hook", what), slog.String("holdall.collection", collection))
	e.Context = ctx
	err = errPanicked
	defer func() {
		e.Context = original
		t.Note(ctx, slog.String("holdall.record", e.Record.Id)) // a new one has it only now
		end(err)
	}()
	err = e.Next()
	return err
}

// errPanicked is what came of what did not return.
var errPanicked = errors.New("it panicked")

// ruleKey is where a request has what ends the span of its rule.
const ruleKey = "holdallTracesRule"

// ruled are the routes that have rules, and which.
var ruled = map[string]string{
	"GET /api/collections/{collection}/records":         "list",
	"GET /api/collections/{collection}/records/{id}":    "view",
	"POST /api/collections/{collection}/records":        "create",
	"PATCH /api/collections/{collection}/records/{id}":  "update",
	"DELETE /api/collections/{collection}/records/{id}": "delete",
}

// bindRules puts a span around what comes before the hooks of a request: PocketBase
// finds the record, or the page of records, under the rule, which is part of the
// statement. It also reads the body then.
func (t *Tracer) bindRules(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallTracesRules",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "holdallTracesRule", Priority: innermost, Func: t.rule})
			return e.Next()
		},
	})
	applied := func(e *core.RecordRequestEvent) error {
		endRule(e.RequestEvent)
		return e.Next()
	}
	for _, on := range []*hook.TaggedHook[*core.RecordRequestEvent]{
		app.OnRecordViewRequest(), app.OnRecordCreateRequest(), app.OnRecordUpdateRequest(), app.OnRecordDeleteRequest(),
	} {
		on.Bind(&hook.Handler[*core.RecordRequestEvent]{Id: "holdallTracesRule", Priority: outermost, Func: applied})
	}
	app.OnRecordsListRequest().Bind(&hook.Handler[*core.RecordsListRequestEvent]{
		Id: "holdallTracesRule", Priority: outermost,
		Func: func(e *core.RecordsListRequestEvent) error {
			endRule(e.RequestEvent)
			return e.Next()
		},
	})
}

func (t *Tracer) rule(e *core.RequestEvent) error {
	which := ruled[e.Request.Pattern]
	if which == "" || !at(e.Request.Context()).IsSampled() {
		return e.Next()
	}
	c, err := e.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil {
		return e.Next()
	}
	_, end := t.Step(e.Request.Context(), which+" rule "+c.Name, slog.String("holdall.rule", which), slog.String("holdall.collection", c.Name))
	e.Set(ruleKey, end)
	defer endRule(e) // refused
	return e.Next()
}

// endRule ends the span of a request's rule, unless it has ended.
func endRule(e *core.RequestEvent) {
	if end, ok := e.Get(ruleKey).(func(error)); ok {
		e.Set(ruleKey, nil)
		end(nil)
	}
}
