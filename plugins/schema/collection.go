package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
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

	// dropped marks the declaration that the collection is to go. See [Dropped].
	dropped bool
}

// Dropped declares that the collection name is to be dropped with everything
// that it holds. Without it a collection that no definition names is left
// alone. The declaration may stay after the collection has gone.
func Dropped(name string) Collection {
	return Collection{Name: name, dropped: true}
}

// IsDropped reports whether c is a declaration made by [Dropped], and so
// defines nothing.
func (c Collection) IsDropped() bool { return c.dropped }

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

// build returns the definition as a new PocketBase collection with its default
// id. resolve maps the name of a collection to its id, for relations.
//
// Field ids are PocketBase's defaults; whoever compares with a live database
// matches by name first.
func (c Collection) build(resolve func(name string) (id string, err error)) (*core.Collection, error) {
	return c.buildAs("", resolve)
}

// buildAs is build with a given collection id, "" for the default.
func (c Collection) buildAs(id string, resolve func(name string) (string, error)) (*core.Collection, error) {
	typ := c.typ()
	result := core.NewCollection(typ, c.Name)
	if id != "" {
		result = core.NewCollection(typ, c.Name, id)
	}
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
		// the definition itself stays as written
		plain, _ := unwrap(f)
		plain = cloneField(plain)
		if relation, ok := plain.(*core.RelationField); ok {
			target, err := resolve(relation.CollectionId)
			if err != nil {
				return nil, fmt.Errorf("collection %s, field %s: %w", c.Name, relation.Name, err)
			}
			relation.CollectionId = target
		}
		result.Fields.Add(plain)
	}
	enforceSystemFields(result)

	result.Indexes = append(unreplacedIndexes(result.Indexes, c.Indexes), c.Indexes...)

	if c.Configure != nil {
		before := strings.Join(result.Fields.FieldNames(), ",")
		c.Configure(result)
		if after := strings.Join(result.Fields.FieldNames(), ","); after != before {
			return nil, fmt.Errorf("collection %s: Configure must leave the fields alone, list them in Fields", c.Name)
		}
	}
	return result, nil
}

// enforceSystemFields sets what PocketBase insists on when it saves a
// collection whose system fields were overridden.
func enforceSystemFields(c *core.Collection) {
	for _, f := range c.Fields {
		name := f.GetName()
		if name != core.FieldNameId && (!c.IsAuth() || !slices.Contains(authFieldNames, name)) {
			continue
		}
		f.SetSystem(true)
		switch own := f.(type) {
		case *core.TextField: // id, tokenKey
			own.Required = true
			own.Hidden = name == core.FieldNameTokenKey
			own.PrimaryKey = name == core.FieldNameId
			if own.PrimaryKey && own.Pattern == "" {
				own.Pattern = "^[a-z0-9]+$"
			}
		case *core.PasswordField:
			own.Hidden = true
			own.Required = true
		case *core.EmailField:
			own.Hidden = false
		}
	}
}

// unreplacedIndexes are those of the indexes that every auth collection has for
// which own has no other unique index of the same column.
func unreplacedIndexes(system, own []string) []string {
	return slices.DeleteFunc(system, func(index string) bool {
		_, replaced := dbutils.FindSingleColumnUniqueIndex(own, dbutils.ParseIndex(index).Columns[0].Name)
		return replaced
	})
}

// authFieldNames are the system fields of auth collections, besides the id.
var authFieldNames = []string{
	core.FieldNamePassword,
	core.FieldNameTokenKey,
	core.FieldNameEmail,
	core.FieldNameEmailVisibility,
	core.FieldNameVerified,
}

// cloneField returns a copy of field that can be changed without changing field.
func cloneField(field core.Field) core.Field {
	original := reflect.ValueOf(field).Elem()
	clone := reflect.New(original.Type())
	clone.Elem().Set(original)
	return clone.Interface().(core.Field)
}
