package realtime

import (
	"log/slog"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// silent is an app whose broker has only the clients that are not served here.
type silent struct {
	core.App
	broker *subscriptions.Broker
}

// SubscriptionsBroker implements [core.App].
func (s silent) SubscriptionsBroker() *subscriptions.Broker { return s.broker }

// silence hides the clients of this package from PocketBase's own broadcast of
// records. Its handlers have no ids to unbind them by, but known priorities, and
// are bound when the server starts: they run between two handlers of ours, the
// first of which gives the event an app without these clients, and the second of
// which gives the app back. The first has the same priority and was bound before,
// so that it comes right before them, and after PocketBase's handlers that run the
// hooks of records.
func (p *Plugin) silence(app core.App) core.App {
	broker := app.SubscriptionsBroker()
	others := subscriptions.NewBroker()
	if broker.TotalClients() > p.hub.total() {
		for _, c := range broker.Clients() {
			if p.hub.own(c) == nil {
				others.Register(c)
			}
		}
	}
	return silent{app, others}
}

func loud(app core.App) core.App {
	if s, ok := app.(silent); ok {
		return s.App
	}
	return app
}

// Priorities of PocketBase's handlers.
const (
	afterSuccessPriority = -99
	onDeletePriority     = 99
)

func (p *Plugin) bindSilence() {
	before := &hook.Handler[*core.ModelEvent]{
		Id: "holdallRealtimeSilence",
		Func: func(e *core.ModelEvent) error {
			e.App = p.silence(e.App)
			return e.Next()
		},
		Priority: afterSuccessPriority,
	}
	after := &hook.Handler[*core.ModelEvent]{
		Id: "holdallRealtimeSound",
		Func: func(e *core.ModelEvent) error {
			e.App = loud(e.App)
			return e.Next()
		},
		Priority: afterSuccessPriority + 1,
	}
	p.app.OnModelAfterCreateSuccess().Bind(before)
	p.app.OnModelAfterCreateSuccess().Bind(after)
	p.app.OnModelAfterUpdateSuccess().Bind(before)
	p.app.OnModelAfterDeleteSuccess().Bind(before)
	p.app.OnModelAfterUpdateSuccess().Bind(&hook.Handler[*core.ModelEvent]{
		Id: after.Id,
		Func: func(e *core.ModelEvent) error {
			e.App = loud(e.App)
			p.authSaved(e.App, e.Model)
			return e.Next()
		},
		Priority: after.Priority,
	})
	p.app.OnModelAfterDeleteSuccess().Bind(&hook.Handler[*core.ModelEvent]{
		Id: after.Id,
		Func: func(e *core.ModelEvent) error {
			e.App = loud(e.App)
			p.hub.authGone(identity(e.App, e.Model))
			return e.Next()
		},
		Priority: after.Priority,
	})
	p.bindDelete()
}

// bindDelete asks who may hear of a deletion, last of all before it.
func (p *Plugin) bindDelete() {
	p.app.OnModelDelete().Bind(&hook.Handler[*core.ModelEvent]{
		Id: "holdallRealtimeSilence",
		Func: func(e *core.ModelEvent) error {
			if record := recordOf(e.Model); record != nil {
				p.beforeDelete(e.Context, record)
			}
			e.App = p.silence(e.App)
			return e.Next()
		},
		Priority: onDeletePriority,
	})
	p.app.OnModelDelete().Bind(&hook.Handler[*core.ModelEvent]{
		Id: "holdallRealtimeSound",
		Func: func(e *core.ModelEvent) error {
			e.App = loud(e.App)
			return e.Next()
		},
		Priority: onDeletePriority + 1,
	})
	p.app.OnModelAfterDeleteError().Bind(&hook.Handler[*core.ModelErrorEvent]{
		Id: "holdallRealtimeForget",
		Func: func(e *core.ModelErrorEvent) error {
			if record := recordOf(e.Model); record != nil {
				p.deletes.take(record.Collection().Id, record.Id)
			}
			return e.Next()
		},
	})
}

func recordOf(model core.Model) *core.Record {
	switch m := model.(type) {
	case *core.Record:
		return m
	case core.RecordProxy:
		return m.ProxyRecord()
	}
	return nil
}

// authSaved gives the clients of an auth record what is committed of it.
func (p *Plugin) authSaved(app core.App, model core.Model) {
	key := identity(app, model)
	if record := recordOf(model); record != nil && !record.Collection().IsAuth() || key.id == "" {
		return
	}
	if err := p.refreshCaller(key); err != nil {
		app.Logger().Error("A realtime caller could not be read and has the state that was saved.", slog.Any("error", err))
		p.hub.authChanged(recordOf(model))
	}
}

// identity returns the ids of the auth record that a model is or stands for.
func identity(app core.App, model core.Model) callerKey {
	if record := recordOf(model); record != nil {
		return callerKey{record.Collection().Id, record.Id}
	}
	table := model.TableName()
	if table == core.LogsTableName {
		return callerKey{}
	}
	collection, err := app.FindCachedCollectionByNameOrId(table)
	if err != nil || !collection.IsAuth() {
		return callerKey{}
	}
	id, _ := model.PK().(string)
	return callerKey{collection.Id, id}
}
