package clienttypes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/fields"
)

// builder makes the model of an app.
type builder struct {
	options Options
	taken   names
	byID    map[string]*collection // and by name
	sources map[*collection]*core.Collection
	model   *model
}

// build makes the model of the app as it is.
func build(app core.App, options Options) (*model, error) {
	all, err := app.FindAllCollections()
	if err != nil {
		return nil, fmt.Errorf("find the collections: %w", err)
	}
	b := &builder{
		options: options, taken: newNames(), model: &model{},
		byID: map[string]*collection{}, sources: map[*collection]*core.Collection{},
	}
	if err := b.choose(all); err != nil {
		return nil, err
	}
	for _, c := range b.model.collections {
		b.fill(c, b.sources[c])
	}
	entries, _, _ := apidoc.Of(app).Snapshot()
	b.addRoutes(entries)
	return b.model, nil
}

// choose picks the collections and names them. Of two that would have the same
// name, the one has it whose own name comes first.
func (b *builder) choose(all []*core.Collection) error {
	slices.SortFunc(all, func(x, y *core.Collection) int { return strings.Compare(x.Name, y.Name) })
	for _, name := range b.options.Collections {
		if !slices.ContainsFunc(all, func(c *core.Collection) bool { return c.Name == name }) {
			return fmt.Errorf("there is no collection %q", name)
		}
	}
	for _, source := range all {
		if len(b.options.Collections) > 0 {
			if !slices.Contains(b.options.Collections, source.Name) {
				continue
			}
		} else if source.System && !b.options.System {
			continue
		}
		c := &collection{
			id: source.Id, name: source.Name, kind: source.Type,
			typeName: b.taken.take(recordName(source.Name), "Record", suffixes...),
		}
		b.model.collections = append(b.model.collections, c)
		b.byID[c.id], b.byID[c.name] = c, c
		b.sources[c] = source
	}
	return nil
}

// fill tells of the fields of a collection and of what leads to it.
func (b *builder) fill(c *collection, source *core.Collection) {
	sent := map[string]*field{}
	for _, f := range source.Fields {
		if f.GetHidden() || source.IsAuth() && (f.GetName() == core.FieldNamePassword || f.GetName() == core.FieldNameTokenKey) {
			continue
		}
		described := b.field(source, f)
		if described.holds == holdsSelect {
			described.typeName = b.taken.take(c.typeName+pascal(splitWords(described.name)), "Value", "")
		}
		sent[f.GetName()] = described
		c.fields = append(c.fields, described)
	}
	if !source.IsView() {
		for _, f := range source.Fields {
			b.addInputs(c, source, f, sent[f.GetName()])
		}
		if !b.options.System {
			c.create = without(c.create, fields.Barred(source.CreateRule, false))
			c.update = without(c.update, fields.Barred(source.UpdateRule, true))
		}
	}
	for _, other := range b.model.collections {
		from := b.sources[other]
		for _, f := range from.Fields {
			relation, ok := f.(*core.RelationField)
			if !ok || relation.Hidden || relation.CollectionId != c.id {
				continue
			}
			_, unique := dbutils.FindSingleColumnUniqueIndex(from.Indexes, relation.Name)
			c.back = append(c.back, &link{name: other.name + "_via_" + relation.Name, from: other, many: relation.IsMultiple() || !unique})
		}
	}
}

// without are the inputs that set none of the fields.
func without(inputs []*input, barred map[string]bool) []*input {
	return slices.DeleteFunc(inputs, func(in *input) bool { return barred[in.field.name] })
}

// field tells of a field as it is sent.
func (b *builder) field(source *core.Collection, f core.Field) *field {
	d := &field{name: f.GetName(), doc: sentences(fields.Help(f), meaning(b, f))}
	switch f := f.(type) {
	case *core.NumberField:
		d.holds, d.integer = holdsNumber, f.OnlyInt && !source.IsView()
	case *core.BoolField:
		d.holds = holdsBool
	case *core.DateField, *core.AutodateField:
		d.holds = holdsDate
	case *core.JSONField:
		d.holds = holdsJSON
	case *core.GeoPointField:
		d.holds = holdsPoint
	case *core.SelectField:
		d.holds, d.values, d.many = holdsSelect, f.Values, f.IsMultiple()
		d.empty = !d.many && (source.IsView() || !f.Required)
	case *core.RelationField:
		d.holds, d.many, d.target = holdsRelation, f.IsMultiple(), b.byID[f.CollectionId]
		d.empty = !d.many && !f.Required
	case *core.FileField:
		d.holds, d.many = holdsFile, f.IsMultiple()
		d.empty = !d.many
	case *core.TextField, *core.EmailField, *core.URLField, *core.EditorField, *core.PasswordField:
		// text
	default:
		d.holds = holdsJSON // a type of field that a plugin adds
	}
	// an address shows only when its owner or a manager asks, or with emailVisibility
	if source.IsAuth() && f.GetName() == core.FieldNameEmail {
		d.omitted = true
		d.doc = sentences(d.doc, "Only there for the account itself and whoever manages it, or with emailVisibility.")
	}
	return d
}

// addInputs tells how bodies set a field. described is nil if it is never sent.
func (b *builder) addInputs(c *collection, source *core.Collection, f core.Field, described *field) {
	name := f.GetName()
	if _, ok := f.(*core.AutodateField); ok {
		return
	}
	if described == nil {
		if source.IsAuth() && name == core.FieldNamePassword {
			b.addPassword(c, f)
		}
		return
	}
	set := &input{name: name, field: described, required: fields.MustSend(f), doc: sentences(fields.Help(f), limits(f))}
	if flag, ok := f.(*core.BoolField); ok && flag.Required {
		set.only = true
	}
	manages := b.options.System || source.ManageRule != nil
	if !source.IsAuth() || name != core.FieldNameVerified || manages {
		c.create = append(c.create, set)
	}
	if text, ok := f.(*core.TextField); ok && text.AutogeneratePattern != "" && !text.PrimaryKey {
		c.create = append(c.create, &input{name: name + ":autogenerate", how: prefixes, field: described, doc: "What a generated " + name + " begins with."})
	}
	if name == core.FieldNameId || source.IsAuth() && (name == core.FieldNameVerified || name == core.FieldNameEmail) && !manages {
		return
	}
	change := *set
	change.required = false
	c.update = append(c.update, &change)
	c.update = append(c.update, modifiers(described)...)
}

func (b *builder) addPassword(c *collection, f core.Field) {
	text := func(name, doc string, required bool) *input {
		return &input{name: name, field: &field{name: name}, required: required, doc: doc}
	}
	c.create = append(c.create, text(f.GetName(), limits(f), true), text("passwordConfirm", "The same password again.", true))
	c.update = append(c.update,
		text(f.GetName(), sentences(limits(f), "With passwordConfirm."), false), text("passwordConfirm", "The same password again.", false),
		text("oldPassword", "The present password, unless somebody else changes it who may.", false))
}

// modifiers are the names by which a body changes a field instead of setting it.
func modifiers(f *field) []*input {
	switch {
	case f.holds == holdsNumber:
		return []*input{
			{name: f.name + "+", how: adds, field: f, doc: "Added to " + f.name + "."},
			{name: f.name + "-", how: subtracts, field: f, doc: "Subtracted from " + f.name + "."},
		}
	case f.many:
		return []*input{
			{name: f.name + "+", how: appends, field: f, doc: "Appended to " + f.name + "."},
			{name: "+" + f.name, how: prepends, field: f, doc: "Put before what is in " + f.name + "."},
			{name: f.name + "-", how: removes, field: f, doc: "Removed from " + f.name + "."},
		}
	default:
		return nil
	}
}
