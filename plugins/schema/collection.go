// Package schema keeps a database's collections equal to their definitions in Go.
package schema

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Collection is the definition of one collection, written in Go.
//
// The zero value of everything but Name is meaningful: a base collection with
// an id, no further fields, no indexes, and every rule locked.
type Collection struct {
	// Name is the collection's name, and its table's.
	Name string

	// Type is [core.CollectionTypeBase] (the default), [core.CollectionTypeAuth]
	// or [core.CollectionTypeView].
	Type string

	// Was is the collection's previous name. It is what makes a rename: without
	// it, a changed Name is a new collection and a dropped one. It may stay
	// after the rename has been applied.
	Was string

	// Singular is what one record is called, in the form of Name ("work_order").
	// It names the generated record type, and defaults to the English singular of
	// Name. Nothing in the database depends on it.
	Singular string

	// Rules say who may do what. What is not listed is locked.
	Rules Rules

	// Fields are the collection's own fields in the order of the dashboard.
	// The system fields (id; email, password and so on of auth collections) are
	// there without being listed; a listed field of the same name overrides
	// their options. A relation names its target in CollectionId by the target
	// collection's name. Wrap a renamed field in [Was].
	Fields []core.Field

	// Indexes are CREATE INDEX statements, each with a name of its own.
	Indexes []string

	// Query is the SELECT statement of a view collection.
	Query string

	// Configure sets the options that have no field here, such as the
	// authentication methods, token durations and mail templates of an auth
	// collection. It runs last. It must not add fields.
	Configure func(c *core.Collection)
}

// Rules are the access rules of a collection. See [Rule].
type Rules struct {
	List, View, Create, Update, Delete Rule

	// Auth and Manage exist for auth collections only.
	Auth, Manage Rule
}

// Rule is a PocketBase filter expression that decides an action for everybody
// but superusers. The zero value locks the action.
type Rule string

const (
	// Locked refuses everybody but superusers.
	Locked Rule = ""

	// Public admits everybody, guests included. It stands for PocketBase's
	// empty rule, which is too easy to write by accident.
	Public Rule = "*"
)

// pointer is the rule as PocketBase stores it: nil is locked, "" is public.
func (r Rule) pointer() *string {
	switch r {
	case Locked:
		return nil
	case Public:
		return types.Pointer("")
	default:
		return types.Pointer(string(r))
	}
}

// Was declares that field had another name before. Without it a changed name
// is a dropped field and a new one.
func Was(previous string, field core.Field) core.Field {
	return &renamed{Field: field, was: previous}
}

// renamed is a field with its previous name.
type renamed struct {
	core.Field
	was string
}

// unwrap returns the plain field and its previous name, "" when it never changed.
func unwrap(field core.Field) (plain core.Field, was string) {
	if r, ok := field.(*renamed); ok {
		return r.Field, r.was
	}
	return field, ""
}

// typ is the collection's type with the default filled in.
func (c Collection) typ() string {
	if c.Type == "" {
		return core.CollectionTypeBase
	}
	return c.Type
}

// build returns the definition as a new PocketBase collection. resolve maps
// the name of a collection to its id, for relations.
//
// Field ids are PocketBase's defaults; whoever compares with a live database
// matches by name first.
func (c Collection) build(resolve func(name string) (id string, err error)) (*core.Collection, error) {
	typ := c.typ()
	result := core.NewCollection(typ, c.Name)
	result.ListRule = c.Rules.List.pointer()
	result.ViewRule = c.Rules.View.pointer()
	result.CreateRule = c.Rules.Create.pointer()
	result.UpdateRule = c.Rules.Update.pointer()
	result.DeleteRule = c.Rules.Delete.pointer()
	result.ViewQuery = c.Query
	if typ == core.CollectionTypeAuth {
		result.AuthRule = c.Rules.Auth.pointer()
		result.ManageRule = c.Rules.Manage.pointer()
	}

	for _, f := range c.Fields {
		plain, _ := unwrap(f)
		if relation, ok := plain.(*core.RelationField); ok {
			id, err := resolve(relation.CollectionId)
			if err != nil {
				return nil, fmt.Errorf("collection %s, field %s: %w", c.Name, relation.Name, err)
			}
			// the definition itself stays as written
			resolved := *relation
			resolved.CollectionId = id
			plain = &resolved
		}
		result.Fields.Add(plain)
	}

	for _, index := range c.Indexes {
		result.Indexes = append(result.Indexes, index)
	}

	if c.Configure != nil {
		c.Configure(result)
	}
	return result, nil
}
