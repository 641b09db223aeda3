package fastlane

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// writing is how records of a collection are written.
type writing struct {
	columns []column
	names   []string // of the columns
	id      int      // which of them it is
	// check gives a row if the rule lets a new record in, nil if all are let in. Its
	// values are those of the columns.
	check *statement
	// fixed says that the answer depends on nothing but the caller.
	fixed bool
	// change inserts, updates or deletes. Its values are those of the columns.
	change *statement
	// related give a row if a record is there, by column.
	related []*statement
	// references give a row if something is related to the record.
	references []*statement
}

// find returns the place of a column, -1 if there is none.
func (w *writing) find(name string) int { return slices.Index(w.names, name) }

// write compiles what is written, and the rule that says whether it may be.
func (c compiler) write(made *plan) Reason {
	collection := c.key.collection
	if collection.IsAuth() {
		return ReasonAuth
	}
	if collection.System {
		return ReasonSystem // it has handlers of PocketBase's own
	}
	w := &writing{id: -1}
	made.writing = w
	blank := core.NewRecord(collection)
	for _, field := range collection.Fields {
		made, reason := newColumn(field, blank)
		if reason != "" {
			return reason
		}
		w.columns, w.names = append(w.columns, made), append(w.names, made.name)
	}
	if w.id = w.find(core.FieldNameId); w.id < 0 {
		return ReasonKey
	}
	var reason Reason
	switch c.key.action {
	case create:
		reason = c.create(made)
	case update:
		reason = c.update(made)
	case remove:
		reason = c.remove(made)
	}
	return reason
}

func (c compiler) create(made *plan) Reason {
	w, table := made.writing, c.key.collection.Name
	if c.rule != "" {
		if w.find(core.FieldNameVerified) >= 0 {
			return ReasonField // the rule sees none that is
		}
		if reason := c.createCheck(made); reason != "" {
			return reason
		}
	}
	var err error
	if w.change, err = newStatement(c.db, c.db.Insert(table, c.marked(w)), c.m); err != nil {
		return ReasonValues
	}
	return c.relations(w)
}

// marked are marks for all columns.
func (c compiler) marked(w *writing) dbx.Params {
	params := dbx.Params{}
	for i, name := range w.names {
		params[name] = c.m.textOf(i)
	}
	return params
}

// createCheck builds the query by which PocketBase's recordCreate asks whether a new
// record satisfies the rule: on a table of one row, which stands for the collection.
// What the rule does not speak of is not in it.
func (c compiler) createCheck(made *plan) Reason {
	const suffix = "__pb_create__holdall"
	stand := *c.key.collection
	stand.Id += suffix
	stand.Name += suffix
	resolver := core.NewRecordFieldResolver(c.app, &stand, c.info, true)
	query := c.db.Select("(1)").From(stand.Name)
	expression, err := search.FilterData(c.rule).BuildExpr(resolver)
	if err != nil {
		return ReasonRefused
	}
	query.AndWhere(expression)
	if resolver.UpdateQuery(query) != nil {
		return ReasonRefused
	}
	asked := query.Limit(1).Build().SQL()
	var values []string
	params := dbx.Params{}
	for i, name := range made.writing.names {
		if !hasWord(asked, name) {
			continue
		}
		mark := c.m.textOf(i)
		if name == core.FieldNameId {
			mark = c.m.record // which is not the one that it gets
		}
		params["__pb_create__"+name] = mark
		values = append(values, "{:__pb_create__"+name+"} AS [["+name+"]]")
	}
	if len(values) == 0 {
		values = []string{"1 AS [[" + core.FieldNameId + "]]"}
	}
	query.PreFragment(fmt.Sprintf("WITH {{%s}} as (SELECT %s)", stand.Name, strings.Join(values, ","))).AndBind(params)
	if made.writing.check, err = newStatement(c.db, query.Build(), c.m); err != nil {
		return ReasonValues
	}
	const selects = 2 // the row, and whether it is there
	made.bounded = !strings.Contains(asked, " JOIN ") && strings.Count(made.writing.check.text, "SELECT") == selects
	made.writing.fixed = made.bounded && len(params) == 0 && !strings.Contains(asked, "strftime")
	return ""
}

// hasWord tells whether a name is in a text, and not part of another.
func hasWord(text, name string) bool {
	for {
		before, after, found := strings.Cut(text, name)
		if !found {
			return false
		}
		if (before == "" || !isWordPart(before[len(before)-1])) && (after == "" || !isWordPart(after[0])) {
			return true
		}
		text = text[len(before)+1:]
	}
}

func isWordPart(c byte) bool { return isNameStart(c) || isDigit(c) }

// update builds the query for the record under the rule, as PocketBase's recordUpdate
// does, and the statement that writes all columns, which triggers can tell from one
// that writes some.
func (c compiler) update(made *plan) Reason {
	w, table := made.writing, c.key.collection.Name
	if reason := c.view(made); reason != "" {
		return reason
	}
	var err error
	if w.change, err = newStatement(c.db, c.db.Update(table, c.marked(w), dbx.HashExp{core.FieldNameId: c.m.record}), c.m); err != nil {
		return ReasonValues
	}
	return c.relations(w)
}

// remove builds the query for the record under the rule, and those for what PocketBase
// would delete with it or change.
func (c compiler) remove(made *plan) Reason {
	w, collection := made.writing, c.key.collection
	if slices.ContainsFunc(collection.Fields, func(f core.Field) bool { return f.Type() == core.FieldTypeFile }) {
		return ReasonFiles
	}
	if reason := c.view(made); reason != "" {
		return reason
	}
	var err error
	if w.change, err = newStatement(c.db, c.db.Delete(collection.Name, dbx.HashExp{core.FieldNameId: c.m.record}), c.m); err != nil {
		return ReasonValues
	}
	for _, other := range c.schema.collections {
		for _, field := range other.Fields {
			relation, ok := field.(*core.RelationField)
			if !ok || relation.CollectionId != collection.Id || other.IsView() {
				continue
			}
			if relation.IsMultiple() {
				return ReasonReferences
			}
			query := c.db.Select("(1)").From(other.Name).AndWhere(dbx.HashExp{relation.Name: c.m.record}).Limit(1)
			reference, err := newStatement(c.db, query.Build(), c.m)
			if err != nil {
				return ReasonValues
			}
			w.references = append(w.references, reference)
		}
	}
	return ""
}

// relations builds the queries for what records are related to.
func (c compiler) relations(w *writing) Reason {
	w.related = make([]*statement, len(w.columns))
	for i := range w.columns {
		relation, ok := w.columns[i].field.(*core.RelationField)
		if !ok {
			continue
		}
		to := c.schema.find(relation.CollectionId)
		if to == nil || to.IsView() {
			return ReasonField
		}
		query := c.db.Select("(1)").From(to.Name).AndWhere(dbx.HashExp{core.FieldNameId: c.m.record}).Limit(1)
		var err error
		if w.related[i], err = newStatement(c.db, query.Build(), c.m); err != nil {
			return ReasonValues
		}
	}
	return ""
}

// absent marks columns that a request does not speak of.
type absent struct{}

// delta is a number that is added to the one that is there.
type delta float64

// read returns the values of a request by column.
func (w *writing) read(a action, id string, body scanner, scratch func() *core.Record) ([]driver.Value, Reason) {
	given := make([]driver.Value, len(w.columns))
	for i := range given {
		given[i] = absent{}
	}
	reason := readObject(body, func(key []byte, value token) Reason {
		i, sign := w.place(a, key)
		if i < 0 {
			if sign != 0 {
				return ReasonModifier
			}
			return "" // PocketBase leaves it alone
		}
		c := &w.columns[i]
		if _, automatic := c.field.(*core.AutodateField); automatic || c.field.GetHidden() {
			return ""
		}
		if _, file := c.field.(*core.FileField); file {
			return ReasonFiles
		}
		if given[i] != (absent{}) {
			return ReasonJSON
		}
		sent, ok := c.sent(value, scratch)
		switch {
		case !ok:
			return ReasonValue
		case sign != 0:
			given[i] = delta(sent.(float64) * float64(sign))
		case i == w.id && a == update && sent != id:
			return ReasonKey
		default:
			given[i] = sent
		}
		return ""
	})
	return given, reason
}

// place finds the column of a key. The sign is that of a number that is added, and not
// 0 for all that modifies.
func (w *writing) place(a action, key []byte) (i, sign int) {
	for i, name := range w.names {
		if name == string(key) {
			return i, 0
		}
	}
	if !slices.ContainsFunc(key, func(c byte) bool { return c == '+' || c == '-' || c == ':' }) {
		return -1, 0
	}
	last := len(key) - 1
	if i := w.find(string(key[:last])); i >= 0 && a == update && w.columns[i].kind == number && !w.columns[i].field.GetHidden() {
		switch key[last] {
		case '+':
			return i, 1
		case '-':
			return i, -1
		}
	}
	return -1, 1
}
