package webhooks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// The names of the two rows in a query. The collection is renamed for the query,
// so that a relation back to it finds the table and not the row.
const (
	newTable = "__webhooks_new"
	oldTable = "__webhooks_old"
)

// What filters can name besides the fields of the record as it is now.
const (
	oldPrefix   = "@old."
	actionField = "@action"
)

// filters are the statements that filters compile to.
type filters struct {
	mu    sync.Mutex
	known map[filterKey]statement
}

// filterKey is all that a statement depends on. The collection is that of
// PocketBase's cache, and so another one after each change of any collection.
type filterKey struct {
	collection *core.Collection
	filter     string
}

type statement struct {
	sql    string
	params dbx.Params
}

// maxStatements is when the statements are thrown away to be compiled anew.
const maxStatements = 512

// errFilter is wrapped by the errors of filters that do not fit their collection.
var errFilter = errors.New("the filter cannot be evaluated")

// matches evaluates the filter over the record after a change, or before a
// deletion, and over the one before as @old. Before a creation all of @old is null.
func (f *filters) matches(ctx context.Context, app core.App, ev *event, filter string) (bool, error) {
	if filter == "" {
		return true, nil
	}
	s, err := f.statement(app, ev.collection, filter)
	if err != nil {
		return false, err
	}
	params := dbx.Params{"webhookNew": "{}", "webhookOld": "{}", "webhookAction": ev.action}
	for name, value := range s.params {
		params[name] = value
	}
	if ev.before != nil {
		params["webhookNew"], params["webhookOld"] = string(ev.before.raw), string(ev.before.raw)
	}
	if ev.after != nil {
		params["webhookNew"] = string(ev.after.raw)
	}
	var found bool
	err = app.ConcurrentDB().NewQuery("SELECT EXISTS (" + s.sql + ")").WithContext(ctx).Bind(params).Row(&found)
	if err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, fmt.Errorf("%w: %w", errFilter, err)
	}
	return found, nil
}

func (f *filters) statement(app core.App, c *core.Collection, filter string) (statement, error) {
	key := filterKey{c, filter}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.known[key]; ok {
		return s, nil
	}
	s, err := compile(app, c, filter)
	if err != nil {
		return s, fmt.Errorf("%w: %w", errFilter, err)
	}
	if f.known == nil || len(f.known) >= maxStatements {
		f.known = map[filterKey]statement{}
	}
	f.known[key] = s
	return s, nil
}

// checkFilter reports why a filter does not fit one of the collections.
func checkFilter(app core.App, filter string, collections []*core.Collection) error {
	if len(collections) == 0 {
		return errors.New("a filter needs collections whose fields it names")
	}
	for _, c := range collections {
		if _, err := compile(app, c, filter); err != nil {
			return fmt.Errorf("it does not fit %s: %w", c.Name, err)
		}
	}
	return nil
}

// compile compiles a filter as PocketBase does, over two rows that need not be in
// the table.
func compile(app core.App, c *core.Collection, filter string) (statement, error) {
	r := twoRows{now: rowResolver(app, c, newTable), old: rowResolver(app, c, oldTable)}
	expression, err := search.FilterData(filter).BuildExpr(r)
	if err != nil {
		return statement{}, err
	}
	q := app.ConcurrentDB().Select("(1)").From(newTable, oldTable).AndWhere(expression)
	if err := errors.Join(r.now.UpdateQuery(q), r.old.UpdateQuery(q)); err != nil {
		return statement{}, err
	}
	built := q.Build()
	sql := "WITH " + newTable + " AS MATERIALIZED (SELECT " + columns(c, "{:webhookNew}") + "), " +
		oldTable + " AS MATERIALIZED (SELECT " + columns(c, "{:webhookOld}") + ") " + built.SQL()
	return statement{sql: sql, params: built.Params()}, nil
}

func rowResolver(app core.App, c *core.Collection, table string) *core.RecordFieldResolver {
	renamed := *c
	renamed.Id += table
	renamed.Name = table
	return core.NewRecordFieldResolver(app, &renamed, nil, true)
}

// twoRows resolves the names of a filter.
type twoRows struct {
	now, old *core.RecordFieldResolver
}

// UpdateQuery implements [search.FieldResolver]. The two are asked one by one.
func (twoRows) UpdateQuery(*dbx.SelectQuery) error { return nil }

// Resolve implements [search.FieldResolver].
func (r twoRows) Resolve(name string) (*search.ResolverResult, error) {
	if name == actionField {
		return &search.ResolverResult{Identifier: "{:webhookAction}"}, nil
	}
	if old, ok := strings.CutPrefix(name, oldPrefix); ok {
		return r.old.Resolve(old)
	}
	if strings.HasPrefix(name, "@request.") {
		return nil, fmt.Errorf("there is no request, so no %s", name)
	}
	return r.now.Resolve(name)
}

// columns is SQL for the columns of a row from JSON, with the affinities that
// they have in their table, as comparisons go by these.
func columns(c *core.Collection, row string) string {
	list := make([]string, 0, len(c.Fields))
	for _, f := range c.Fields {
		value := `json_extract(` + row + `, '$."` + f.GetName() + `"')`
		switch several, ok := f.(core.MultiValuer); {
		case ok && several.IsMultiple(), f.Type() == core.FieldTypeJSON, f.Type() == core.FieldTypeGeoPoint:
		case f.Type() == core.FieldTypeNumber, f.Type() == core.FieldTypeBool:
			value = "CAST(" + value + " AS NUMERIC)"
		default:
			value = "CAST(" + value + " AS TEXT)"
		}
		list = append(list, value+" AS [["+f.GetName()+"]]")
	}
	return strings.Join(list, ", ")
}
