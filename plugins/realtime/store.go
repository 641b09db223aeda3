package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/security"
)

// callersPerQuery bounds one query, so that it does not hold up other events for long.
const callersPerQuery = 2000

// Names of the tables that a query brings along.
const (
	imageTable   = "__image"
	callersTable = "__callers"
)

// matching returns the callers for whom the row meets a condition, by SQL: with
// one query for all callers of an auth collection where that is possible.
func (p *Plugin) matching(ctx context.Context, g *gate, c *condition, src source, callers []*caller) (map[*caller]bool, error) {
	if fail := p.ablate.fail.Load(); fail != nil {
		if err := (*fail)(); err != nil {
			return nil, err
		}
	}
	met := map[*caller]bool{}
	groups := map[string][]*caller{}
	for _, who := range callers {
		groups[who.collection] = append(groups[who.collection], who)
	}
	var errs []error
	for collection, group := range groups {
		if collection != "" && c.together && len(group) > 1 && !p.ablate.sql {
			err := p.matchTogether(ctx, g, c, src, group, met)
			if !errors.Is(err, errNotTogether) {
				errs = append(errs, err)
				continue
			}
		}
		for _, who := range group {
			matches, err := p.matchOne(ctx, g, c, src, who.record.Load())
			errs = append(errs, err)
			if matches {
				met[who] = true
			}
		}
	}
	return met, errors.Join(errs...)
}

// matchOne asks for one caller.
func (p *Plugin) matchOne(ctx context.Context, g *gate, c *condition, src source, auth *core.Record) (bool, error) {
	statement, params, err := p.statement(g, c, src, auth, false)
	if err != nil {
		return false, err
	}
	p.stats.queries.Add(1)
	var exists bool
	err = p.timed(ctx, c, func(ctx context.Context) error {
		return p.app.ConcurrentDB().NewQuery("SELECT EXISTS (" + statement + ")").WithContext(ctx).Bind(params).Row(&exists)
	})
	if err != nil {
		return false, fmt.Errorf("evaluate %q: %w", c.text, err)
	}
	return exists, nil
}

// errNotTogether is returned for a condition that has to be asked one by one.
var errNotTogether = errors.New("the condition depends on more of the caller than the id")

// matchTogether asks for many callers of one auth collection: the condition is
// compiled for a caller with an invented id, which then becomes a column.
func (p *Plugin) matchTogether(ctx context.Context, g *gate, c *condition, src source, callers []*caller, met map[*caller]bool) error {
	anybody := core.NewRecord(callers[0].record.Load().Collection())
	anybody.Id = "caller" + security.PseudorandomString(20)
	statement, params, err := p.statement(g, c, src, anybody, true)
	if err != nil {
		return err
	}
	for name, value := range params {
		text, ok := value.(string)
		if !ok || !strings.Contains(text, anybody.Id) {
			continue
		}
		if text != anybody.Id {
			return errNotTogether // part of a pattern
		}
		statement = strings.ReplaceAll(statement, "{:"+name+"}", "[["+callersTable+".id]]")
		delete(params, name)
	}
	for len(callers) > 0 {
		n := min(len(callers), callersPerQuery)
		err := p.timed(ctx, c, func(ctx context.Context) error {
			return p.askTogether(ctx, statement, params, callers[:n], met)
		})
		if err != nil {
			return fmt.Errorf("evaluate %q: %w", c.text, err)
		}
		callers = callers[n:]
	}
	return nil
}

func (p *Plugin) askTogether(ctx context.Context, statement string, params dbx.Params, callers []*caller, met map[*caller]bool) error {
	p.stats.queries.Add(1)
	byID := make(map[string]*caller, len(callers))
	ids := make([]string, len(callers))
	for i, who := range callers {
		byID[who.id], ids[i] = who, who.id
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	params["callers"] = string(list)
	found := []string{}
	if err := p.app.ConcurrentDB().NewQuery(statement).WithContext(ctx).Bind(params).Column(&found); err != nil {
		return err
	}
	for _, id := range found {
		met[byID[id]] = true
	}
	return nil
}

// statement compiles a condition as PocketBase does, over a row that need not be
// the one in the table.
//
// The row takes the place of the table where the query starts from it. Where the
// condition comes back to the collection by way of a relation, it sees the table.
func (p *Plugin) statement(g *gate, c *condition, src source, auth *core.Record, together bool) (string, dbx.Params, error) {
	table := g.collection.Name
	resolver := core.NewRecordFieldResolver(p.app, g.collection, requestInfo(g.options, auth), c.trusted)
	expression, err := search.FilterData(c.text).BuildExpr(resolver)
	if err != nil {
		return "", nil, fmt.Errorf("%w %q: %w", errCompile, c.text, err)
	}
	q := p.app.ConcurrentDB().Select(table + ".id")
	from := []string{table}
	if src.row != nil {
		from[0] = imageTable + " " + table
	} else {
		q.AndWhere(dbx.HashExp{table + ".id": src.id})
	}
	if together {
		q.Select(callersTable + ".id").Distinct(true)
		from = append(from, callersTable)
	}
	q.From(from...).AndWhere(expression)
	if err := resolver.UpdateQuery(q); err != nil {
		return "", nil, fmt.Errorf("%w %q: %w", errCompile, c.text, err)
	}
	built := q.Build()
	statement, params := built.SQL(), built.Params()

	var with []string
	if src.row != nil {
		// where a field has several values, PocketBase starts from the table again
		statement = strings.ReplaceAll(statement, "FROM `"+table+"` `__mm_"+table+"`", "FROM `"+imageTable+"` `__mm_"+table+"`")
		with = append(with, imageTable+" AS MATERIALIZED (SELECT "+imageColumns(src.row)+")")
		params["image"] = string(src.row.raw)
	}
	if together {
		with = append(with, callersTable+" AS MATERIALIZED (SELECT CAST(value AS TEXT) AS id FROM json_each({:callers}))")
	}
	if len(with) > 0 {
		statement = "WITH " + strings.Join(with, ", ") + " " + statement
	}
	return statement, params, nil
}

// imageColumns is SQL for the columns of a row, with the affinities that they have
// in their table, as comparisons go by these.
func imageColumns(row *image) string {
	columns := make([]string, 0, len(row.collection.Fields))
	for _, f := range row.collection.Fields {
		name := f.GetName()
		value := `json_extract({:image}, '$."` + name + `"')`
		switch kindOf(f) {
		case textColumn:
			value = "CAST(" + value + " AS TEXT)"
		case numberColumn:
			if _, ok := row.columns[name].(json.Number); ok {
				value = "CAST(" + value + " AS NUMERIC)"
			}
		case otherColumn:
		}
		columns = append(columns, value+" AS [["+name+"]]")
	}
	return strings.Join(columns, ", ")
}

// columnKind is what the values of a column are.
type columnKind int

const (
	otherColumn  columnKind = iota
	textColumn              // TEXT
	numberColumn            // NUMERIC, and BOOLEAN, which is 0 and 1
)

// kindOf tells what the column of a field holds.
func kindOf(f core.Field) columnKind {
	if several, ok := f.(core.MultiValuer); ok && several.IsMultiple() {
		return otherColumn
	}
	switch f.Type() {
	case core.FieldTypeText, core.FieldTypeEmail, core.FieldTypeURL, core.FieldTypeEditor, core.FieldTypeDate,
		core.FieldTypeAutodate, core.FieldTypeSelect, core.FieldTypeRelation, core.FieldTypeFile:
		return textColumn
	case core.FieldTypeNumber, core.FieldTypeBool:
		return numberColumn
	}
	return otherColumn
}
