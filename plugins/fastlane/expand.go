package fastlane

import (
	"database/sql/driver"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// relation is one that a request expands.
type relation struct {
	field    string
	to       *core.Collection
	multiple bool
}

// mostRelations is how many a request may expand.
const mostRelations = 8

// Relations of the records themselves. What goes on from there, or comes back from
// other collections, is left to PocketBase.
var (
	simpleExpand = regexp.MustCompile(`^\w+(,\w+)*$`)
	backRelation = regexp.MustCompile(`^\w+_via_\w+$`)
)

// parseExpand reads the parameter expand. The relations are in the order that
// encoding/json gives them.
func parseExpand(s *schema, c *core.Collection, expand string) ([]relation, Reason) {
	if expand == "" {
		return nil, ""
	}
	if !simpleExpand.MatchString(expand) {
		return nil, ReasonExpand
	}
	var relations []relation
	for _, name := range strings.Split(expand, ",") {
		if slices.ContainsFunc(relations, func(r relation) bool { return r.field == name }) {
			continue
		}
		field, ok := c.Fields.GetByName(name).(*core.RelationField)
		if !ok || backRelation.MatchString(name) || len(relations) == mostRelations {
			return nil, ReasonExpand
		}
		to := s.find(field.CollectionId)
		if to == nil {
			return nil, ReasonExpand
		}
		relations = append(relations, relation{field: name, to: to, multiple: field.IsMultiple()})
	}
	slices.SortFunc(relations, func(a, b relation) int { return strings.Compare(a.field, b.field) })
	return relations, ""
}

// related builds the query for as many related records as the key says, as
// PocketBase's FindRecordsByIds does.
func (c compiler) related(made *plan) Reason {
	ids := make([]any, c.key.shape.perPage)
	for i := range ids {
		ids[i] = c.m.textOf(i)
	}
	collection := c.key.collection
	query := c.app.RecordQuery(collection).AndWhere(dbx.In(collection.Name+".id", ids...))
	if c.rule != "" {
		info := *c.info
		info.Context = core.RequestInfoContextExpand
		resolver := core.NewRecordFieldResolver(c.app, collection, &info, true)
		expression, err := search.FilterData(c.rule).BuildExpr(resolver)
		if err != nil {
			return ReasonRefused
		}
		query.AndWhere(expression)
		if err := resolver.UpdateQuery(query); err != nil {
			return ReasonRefused
		}
	}
	var err error
	if made.rows, err = newStatement(c.db, query.Build(), c.m); err != nil {
		return ReasonValues
	}
	made.bounded = isLookup(made.rows.text)
	return ""
}

// expansion is what the rows of an answer are related to, as JSON.
type expansion struct {
	relations []relation
	at        []int // the columns of the relations
	found     []map[string][]byte
}

// read reads all rows of the plan, before anything is written.
func (c *call) read(w *workspace) (rows [][]driver.Value, columns []string, reason Reason) {
	reason = c.each(c.plan, c.plan.rows, &c.values, w, func(names []string) error {
		rows, columns = append(rows, slices.Clone(w.row)), names
		return nil
	})
	return rows, columns, reason
}

// expand reads what the rows are related to.
func (c *call) expand(rows [][]driver.Value, columns []string, w *workspace) (*expansion, Reason) {
	x := &expansion{relations: c.plan.relations}
	for _, r := range x.relations {
		at := slices.Index(columns, r.field)
		var wanted []any
		seen := map[string]bool{}
		for _, row := range rows {
			ids, ok := relatedIDs(value(row, at), r.multiple)
			if !ok {
				return nil, ReasonRead
			}
			for _, id := range ids {
				if !seen[id] {
					seen[id] = true
					wanted = append(wanted, id)
				}
			}
		}
		found := make(map[string][]byte, len(wanted))
		if reason := c.find(r.to, wanted, found, w); reason != "" {
			return nil, reason
		}
		x.at, x.found = append(x.at, at), append(x.found, found)
	}
	return x, ""
}

// relatedIDs are those in a relation's column. It fails on what PocketBase has not
// written.
func relatedIDs(value any, multiple bool) ([]string, bool) {
	v, ok := value.(string)
	switch {
	case value == nil || ok && v == "":
		return nil, true
	case !ok:
		return nil, false
	case multiple:
		return plainNames(v)
	}
	return []string{v}, strings.IndexByte(v, '[') < 0
}

// mostAtOnce is how many related records one query asks for.
const mostAtOnce = 256

// find reads related records that the caller may view. The queries have places for
// 1, 2, 4 and so on ids, so that few are kept; what is too many repeats the last one.
func (c *call) find(to *core.Collection, ids []any, found map[string][]byte, w *workspace) Reason {
	for len(ids) > 0 {
		size := 1
		for size < len(ids) && size < mostAtOnce {
			size *= 2
		}
		n := min(size, len(ids))
		some := values{callerID: c.values.callerID, literals: slices.Clone(ids[:n])}
		for len(some.literals) < size {
			some.literals = append(some.literals, ids[n-1])
		}
		ids = ids[n:]
		p := c.related(to, size)
		if p.reason != "" {
			return p.reason
		}
		reason := c.each(p, p.rows, &some, w, func(columns []string) error {
			reader := c.reader(p, columns)
			row, err := reader.appendRow(nil, w.row, c.values.callerID, nil)
			id, _ := value(w.row, reader.id).(string)
			found[id] = row
			return err
		})
		if reason != "" {
			return reason
		}
	}
	return ""
}

// append appends the object of what a row is related to.
func (x *expansion) append(dst []byte, row []driver.Value) []byte {
	next := byte('{')
	for i, r := range x.relations {
		ids, _ := relatedIDs(value(row, x.at[i]), r.multiple)
		start, any := len(dst), false
		dst = append(append(dst, next), quoted(r.field)...)
		if r.multiple {
			dst = append(dst, '[')
		}
		for _, id := range ids {
			related, ok := x.found[i][id]
			if !ok {
				continue // it is gone, or not for the caller
			}
			if any {
				dst = append(dst, ',')
			}
			dst, any = append(dst, related...), true
		}
		if !any {
			dst = dst[:start]
			continue
		}
		if r.multiple {
			dst = append(dst, ']')
		}
		next = ','
	}
	if next == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}
