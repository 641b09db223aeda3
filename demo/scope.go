package demo

import (
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

// scope is the demo's part of each collection.
type scope struct {
	organizations, users, superusers []any
}

func newScope(m *mark) scope {
	s := scope{organizations: values(m.Organizations), users: values(m.Users)}
	if m.Superuser != "" {
		s.superusers = []any{m.Superuser}
	}
	return s
}

func values(ids []string) []any {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = id
	}
	return list
}

// of is the condition for a record of the collection to be the demo's. It is
// true for none of a collection that the demo does not write to.
func (s scope) of(collection string) dbx.Expression {
	switch collection {
	case core.CollectionNameSuperusers:
		return dbx.In(core.FieldNameId, s.superusers...)
	case collections.Users:
		return dbx.In(core.FieldNameId, s.users...)
	case collections.Organizations:
		return dbx.In(core.FieldNameId, s.organizations...)
	case collections.Memberships, collections.Sites, collections.WorkOrders:
		return dbx.In(collections.WorkOrderFieldOrganization, s.organizations...)
	case collections.Notes, collections.Photos:
		return within(collections.NoteFieldWorkOrder, collections.WorkOrders, dbx.In(collections.WorkOrderFieldOrganization, s.organizations...))
	default:
		return dbx.NewExp("1=0")
	}
}

// ofSignIns is the condition for rows of PocketBase's own tables about sign-ins.
func (s scope) ofSignIns() dbx.Expression {
	return dbx.In("recordRef", append(slices.Clone(s.users), s.superusers...)...)
}

// countOutside counts the records of the collection from that refer to the
// demo's records of target without being the demo's themselves.
func (s scope) countOutside(app core.App, target, from, field string, multiple bool) (n int, err error) {
	refers := within(field, target, s.of(target))
	if multiple {
		refers = nested{
			before: "EXISTS (SELECT 1 FROM json_each([[" + field + "]]) [[one]] WHERE ",
			inner:  within("one.value", target, s.of(target)),
			after:  ")",
		}
	}
	err = app.DB().Select("COUNT(*)").From(from).Where(dbx.And(refers, dbx.Not(s.of(from)))).Row(&n)
	return n, err
}

// within is the condition for a column to hold the id of one of the table's
// rows that meet a condition.
func within(column, table string, condition dbx.Expression) dbx.Expression {
	return nested{before: "[[" + column + "]] IN (SELECT [[id]] FROM {{" + table + "}} WHERE ", inner: condition, after: ")"}
}

// nested puts a condition into a text of SQL.
type nested struct {
	before string
	inner  dbx.Expression
	after  string
}

// Build implements [dbx.Expression].
func (n nested) Build(db *dbx.DB, params dbx.Params) string {
	return n.before + n.inner.Build(db, params) + n.after
}
