package schema

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// step is one thing that a migration does to one collection: it creates,
// updates and saves it, checks it, or deletes it. The same steps run in process
// and are written as Go.
type step struct {
	kind stepKind

	// collection is the name that the collection has when the step runs.
	collection string

	// typ and id are those of a collection to create; id is "" for PocketBase's default.
	typ, id string

	ops []op

	// unchecked saves without validation: the rules name something that a later
	// step brings or an earlier one took. That later step validates them.
	unchecked bool

	// note is a comment for the reader of the migration, "" for none.
	note string
}

type stepKind int

const (
	stepUpdate stepKind = iota
	stepCreate
	stepValidate
	stepDelete
)

// op is a change of a collection in memory. It becomes real when the step saves.
type op interface {
	// run changes c.
	run(app core.App, c *core.Collection) error

	// write prints the Go statements that do the same.
	write(w *goWriter, variable string)
}

// runSteps does the steps, in the transaction that app is in.
func runSteps(app core.App, steps []step) error {
	for _, s := range steps {
		if err := s.run(app); err != nil {
			return err
		}
	}
	return nil
}

func (s step) run(app core.App) error {
	var c *core.Collection
	if s.kind == stepCreate {
		c = core.NewCollection(s.typ, s.collection)
		if s.id != "" {
			c = core.NewCollection(s.typ, s.collection, s.id)
		}
	} else {
		var err error
		if c, err = app.FindCollectionByNameOrId(s.collection); err != nil {
			return fmt.Errorf("find collection %s: %w", s.collection, err)
		}
	}
	for _, o := range s.ops {
		if err := o.run(app, c); err != nil {
			return fmt.Errorf("change collection %s: %w", s.collection, err)
		}
	}

	action, err := "save", error(nil)
	switch {
	case s.kind == stepDelete:
		action, err = "drop", app.Delete(c)
	case s.kind == stepValidate:
		action, err = "check", app.Validate(c)
	case s.unchecked:
		err = app.SaveNoValidate(c)
	default:
		err = app.Save(c)
	}
	if err != nil {
		return fmt.Errorf("%s collection %s: %w", action, s.collection, err)
	}
	return nil
}

// setName renames the collection.
type setName struct{ name string }

func (o setName) run(_ core.App, c *core.Collection) error {
	c.Name = o.name
	return nil
}

// detach lets a collection be deleted while others still refer to it; these
// are deleted next.
type detach struct{}

func (detach) run(_ core.App, c *core.Collection) error {
	c.IntegrityChecks(false)
	return nil
}

// dropField removes a field and its column.
type dropField struct {
	name string
	note string
}

func (o dropField) run(_ core.App, c *core.Collection) error {
	c.Fields.RemoveByName(o.name)
	return nil
}

// renameField gives a field another name and keeps its column.
type renameField struct{ was, name string }

func (o renameField) run(_ core.App, c *core.Collection) error {
	f := c.Fields.GetByName(o.was)
	if f == nil {
		return fmt.Errorf("there is no field %s", o.was)
	}
	f.SetName(o.name)
	return nil
}

// putField adds a field, or gives the field of the same name other options.
type putField struct {
	field core.Field // without an id where PocketBase's default is right

	// relation is the name of the collection that the field points at.
	relation string

	// at is the position of a new field, -1 for the end.
	at int

	note string
}

func (o putField) run(app core.App, c *core.Collection) error {
	f := cloneField(o.field)
	if relation, ok := f.(*core.RelationField); ok {
		target := c
		if o.relation != c.Name {
			var err error
			if target, err = app.FindCollectionByNameOrId(o.relation); err != nil {
				return fmt.Errorf("find collection %s: %w", o.relation, err)
			}
		}
		relation.CollectionId = target.Id
	}
	if _, ok := fieldLiteral(f, ""); ok {
		c.Fields.AddAt(o.at, f)
		return nil
	}
	raw, err := fieldJSON(f)
	if err != nil {
		return err
	}
	return c.Fields.AddMarshaledJSONAt(o.at, raw)
}

// patchField changes options of a field that has no Go literal.
type patchField struct {
	name string
	json []byte
	note string
}

func (o patchField) run(_ core.App, c *core.Collection) error {
	if err := json.Unmarshal(o.json, c.Fields.GetByName(o.name)); err != nil {
		return fmt.Errorf("change field %s: %w", o.name, err)
	}
	return nil
}

// orderFields puts the fields in order.
type orderFields struct{ names []string }

func (o orderFields) run(_ core.App, c *core.Collection) error {
	slices.SortStableFunc(c.Fields, func(a, b core.Field) int {
		return slices.Index(o.names, a.GetName()) - slices.Index(o.names, b.GetName())
	})
	return nil
}

// removeIndex drops the index of the name.
type removeIndex struct{ name string }

func (o removeIndex) run(_ core.App, c *core.Collection) error {
	c.RemoveIndex(o.name)
	return nil
}

// addIndex creates an index.
type addIndex struct{ sql string }

func (o addIndex) run(_ core.App, c *core.Collection) error {
	c.Indexes = append(c.Indexes, o.sql)
	return nil
}

// setRule sets a rule; nil locks it.
type setRule struct {
	kind ruleKind
	rule *string
}

func (o setRule) run(_ core.App, c *core.Collection) error {
	o.kind.set(c, o.rule)
	return nil
}

// setOption sets an option.
type setOption struct{ option option }

func (o setOption) run(_ core.App, c *core.Collection) error {
	return o.option.set(c)
}

// fieldJSON is a field as PocketBase stores it, with its type.
func fieldJSON(f core.Field) ([]byte, error) {
	raw, err := json.Marshal(core.FieldsList{f})
	if err != nil {
		return nil, fmt.Errorf("encode field %s: %w", f.GetName(), err)
	}
	return raw[1 : len(raw)-1], nil
}
