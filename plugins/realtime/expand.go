package realtime

import (
	"fmt"
	"log/slog"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// requestInfo is the request that a subscription stands for in rules and hooks.
func requestInfo(options subscriptions.SubscriptionOptions, auth *core.Record) *core.RequestInfo {
	return &core.RequestInfo{
		Context: core.RequestInfoContextRealtime, Method: "GET",
		Query: options.Query, Headers: options.Headers, Auth: auth,
	}
}

// enrich runs the hooks that may change what records show, with last at the
// innermost, once.
func (p *Plugin) enrich(info *core.RequestInfo, records []*core.Record, last func()) error {
	hooks := p.app.OnRecordEnrich()
	var next func(i int) error
	next = func(i int) error {
		if i == len(records) {
			last()
			return nil
		}
		event := new(core.RecordEnrichEvent)
		event.App, event.RequestInfo, event.Record = p.app, info, records[i]
		return hooks.Trigger(event, func(*core.RecordEnrichEvent) error { return next(i + 1) })
	}
	return next(0)
}

// expandFetch reads related records as the record API does: those that the caller
// may view.
func (p *Plugin) expandFetch(info *core.RequestInfo) core.ExpandFetchFunc {
	expanding := *info
	expanding.Context = core.RequestInfoContextExpand
	return func(related *core.Collection, ids []string) ([]*core.Record, error) {
		records, err := p.app.FindRecordsByIds(related.Id, ids, func(q *dbx.SelectQuery) error {
			switch {
			case expanding.HasSuperuserAuth():
				return nil
			case related.ViewRule == nil:
				return fmt.Errorf("only superusers can view records of %q", related.Name)
			case *related.ViewRule == "":
				return nil
			}
			return p.restrict(q, related, &expanding, *related.ViewRule)
		})
		if err != nil {
			return nil, err
		}
		err = p.enrich(&expanding, records, func() {
			if err := p.resolveFlags(related, records, &expanding); err != nil {
				p.app.Logger().Warn("The emails of expanded records stay hidden.", slog.Any("error", err))
			}
		})
		return records, err
	}
}

// restrict limits a query to the records that a rule allows.
func (p *Plugin) restrict(q *dbx.SelectQuery, collection *core.Collection, info *core.RequestInfo, rule string) error {
	resolver := core.NewRecordFieldResolver(p.app, collection, info, true)
	expression, err := search.FilterData(rule).BuildExpr(resolver)
	if err != nil {
		return err
	}
	q.AndWhere(expression)
	return resolver.UpdateQuery(q)
}

// resolveFlags shows hidden fields to superusers, and email addresses to their
// owners and managers.
func (p *Plugin) resolveFlags(collection *core.Collection, records []*core.Record, info *core.RequestInfo) error {
	if len(records) == 0 {
		return nil
	}
	byID := make(map[string]*core.Record, len(records))
	ids := make([]any, len(records))
	for i, record := range records {
		byID[record.Id], ids[i] = record, record.Id
		if info.HasSuperuserAuth() {
			record.Unhide(collection.Fields.FieldNames()...)
			record.IgnoreEmailVisibility(true)
		}
	}
	if !collection.IsAuth() {
		return nil
	}
	if info.Auth != nil && byID[info.Auth.Id] != nil {
		byID[info.Auth.Id].IgnoreEmailVisibility(true)
	}
	if collection.ManageRule == nil || *collection.ManageRule == "" {
		return nil
	}
	column := p.app.ConcurrentDB().QuoteSimpleColumnName(collection.Name) + ".id"
	q := p.app.RecordQuery(collection).Select(column).AndWhere(dbx.In(column, ids...))
	if err := p.restrict(q, collection, info, *collection.ManageRule); err != nil {
		return err
	}
	managed := []string{}
	if err := q.Column(&managed); err != nil {
		return err
	}
	for _, id := range managed {
		if record, ok := byID[id]; ok {
			record.IgnoreEmailVisibility(true)
		}
	}
	return nil
}
