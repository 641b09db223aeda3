package versions

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Change is one thing that a version changed. [Rename], [Add], [Remove], [Split]
// and [Transform] change the records of a collection, [Route] the requests and
// answers of a route of your own, and [Records] says that such a route answers with
// records.
type Change struct {
	kind       kind
	collection string   // or the pattern of a route
	old, new   []string // names of fields before and after

	before   []byte // the first of old
	up, down func(*Object) error
	value    any
	encoded  []byte // the value
	split    func(string) []string
	join     func([]string) string

	sortBy   []string
	filterBy func(Comparison) (string, error)
}

type kind int

const (
	noChange kind = iota
	renameField
	addField
	removeField
	splitField
	transformFields
	routeBodies
	routeRecords
)

// Rename says that the field was called otherwise before.
func Rename(collection, before, after string) Change {
	return Change{kind: renameField, collection: collection, old: []string{before}, new: []string{after}}
}

// Add says that the field was not there before. Clients of older versions are not
// sent it, and the records that they create get the value, unless it is nil.
func Add(collection, field string, value any) Change {
	return Change{kind: addField, collection: collection, new: []string{field}, value: value}
}

// Remove says that the field was there before. Clients of older versions are sent
// the value instead of it, and what they write to it is ignored.
func Remove(collection, field string, value any) Change {
	return Change{kind: removeField, collection: collection, old: []string{field}, value: value}
}

// Split says that several fields hold what was in one before, all of them text. A
// client that writes the old one writes all of these. split must return as many
// texts as there are fields, and join(split(text)) should be text.
//
//	versions.Split("contacts", "name", []string{"given", "family"}, cutName, joinName).
//		SortBy("given", "family")
//
// Nobody can filter or sort by the old field unless [Change.FilterBy] and
// [Change.SortBy] say how.
func Split(collection, before string, after []string, split func(string) []string, join func([]string) string) Change {
	return Change{kind: splitField, collection: collection, old: []string{before}, new: after, split: split, join: join}
}

// Transform says that the fields before became the fields after in a way of its
// own. up makes a request of an older client one of a newer, where any of the old
// fields may be missing; down makes a record one for an older client, where fields
// may be missing that the caller may not see or did not ask for. Names that are in
// both lists are of fields whose values have changed. nil does nothing.
//
// Either may return an error of PocketBase for a request, such as
// validation.Errors with the names of the old fields.
func Transform(collection string, before, after []string, up, down func(*Object) error) Change {
	return Change{kind: transformFields, collection: collection, old: before, new: after, up: up, down: down}
}

// Route says how the bodies of a route of your own have changed, which is named as
// it was registered: "POST /api/v1/parcels/{id}/hand-over". up gets the body of a
// request, if it is a JSON object, and down that of an answer that succeeded. nil
// does nothing.
func Route(pattern string, up, down func(*Object) error) Change {
	return Change{kind: routeBodies, collection: pattern, up: up, down: down}
}

// Records says that a route of your own answers with records, somewhere in its JSON,
// which are changed as everywhere else. They are found by their collectionName.
func Records(pattern string) Change {
	return Change{kind: routeRecords, collection: pattern}
}

// SortBy says which fields to sort by for who sorts by the old one, each of them
// in the direction that was asked for.
func (c Change) SortBy(fields ...string) Change {
	c.sortBy = fields
	return c
}

// FilterBy says which filter means the same as a comparison with the old field.
// What it returns is put into brackets. An error tells the client why there is
// none.
func (c Change) FilterBy(translate func(Comparison) (string, error)) Change {
	c.filterBy = translate
	return c
}

// Comparison is a part of a filter, such as author.name ~ "Ada".
type Comparison struct {
	// Operator is PocketBase's: "=", "?~" and so on.
	Operator string
	// Operand is the right side as it is written, with quotes if it is text.
	Operand string
	// Text is the right side if IsText.
	Text   string
	IsText bool

	path func(field string) (string, error)
	err  *error
}

// Field is how the filter has to name one of the fields after the change.
func (c Comparison) Field(name string) string {
	path, err := c.path(name)
	if err != nil && *c.err == nil {
		*c.err = err
	}
	return path
}

// Quote writes text as a filter has it.
func (Comparison) Quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`
}

// String says what has changed, for who reads a list of versions.
func (c Change) String() string {
	switch c.kind {
	case renameField:
		return fmt.Sprintf("%s: %s is now %s", c.collection, c.old[0], c.new[0])
	case addField:
		return fmt.Sprintf("%s: %s is new", c.collection, c.new[0])
	case removeField:
		return fmt.Sprintf("%s: %s is gone", c.collection, c.old[0])
	case splitField:
		return fmt.Sprintf("%s: %s is now %s", c.collection, c.old[0], strings.Join(c.new, " and "))
	case transformFields:
		return fmt.Sprintf("%s: %s became %s", c.collection, strings.Join(c.old, ", "), strings.Join(c.new, ", "))
	case routeBodies:
		return c.collection + " has changed"
	case routeRecords:
		return c.collection + " answers with records"
	default:
		return "nothing"
	}
}

// prepare reports what is wrong with the change, and readies it.
func (c *Change) prepare() error {
	if c.kind == noChange || c.collection == "" {
		return fmt.Errorf("a change must be made by Rename, Add, Remove, Split, Transform, Route or Records, with a collection or route")
	}
	if c.kind == routeBodies || c.kind == routeRecords {
		if method, path, ok := strings.Cut(c.collection, " "); !ok || method == "" || !strings.HasPrefix(path, "/") {
			return fmt.Errorf("a route must be named as in %q, got %q", "POST /api/v1/parcels/{id}", c.collection)
		}
		return nil
	}
	for _, name := range slices.Concat(c.old, c.new) {
		if name == "" || name == "id" || name == "collectionId" || name == "collectionName" || name == "expand" {
			return fmt.Errorf("%s: a field cannot be %q", c.collection, name)
		}
	}
	if len(c.old) > 0 {
		c.before = []byte(c.old[0])
	}
	switch c.kind {
	case renameField:
		if c.old[0] == c.new[0] {
			return fmt.Errorf("%s: %s is renamed to itself", c.collection, c.old[0])
		}
	case splitField:
		if len(c.new) < 2 || c.split == nil || c.join == nil {
			return fmt.Errorf("%s: a split needs two fields or more, and both functions", c.collection)
		}
		if slices.Contains(c.new, c.old[0]) {
			return fmt.Errorf("%s: %s cannot be split into itself, use Transform", c.collection, c.old[0])
		}
	case addField, removeField:
		encoded, err := json.Marshal(c.value)
		if err != nil {
			return fmt.Errorf("%s: the value of %s: %w", c.collection, slices.Concat(c.old, c.new)[0], err)
		}
		c.encoded = encoded
	}
	return nil
}

// forward changes what an older client sends.
func (c *Change) forward(o *Object) error {
	switch c.kind {
	case renameField:
		o.renameField(c.old[0], c.new[0])
	case addField:
		o.deleteField(c.new[0])
		if o.creating && c.value != nil {
			o.SetRaw(c.new[0], c.encoded)
		}
	case removeField:
		o.deleteField(c.old[0])
	case splitField:
		return c.splitUp(o)
	case transformFields, routeBodies:
		if c.up != nil {
			return c.up(o)
		}
	}
	return nil
}

func (c *Change) splitUp(o *Object) error {
	name := c.old[0]
	if with := o.modified(name); with != "" {
		return fieldRefusal(with, codeFieldChanged, fmt.Sprintf("In this version of the API, %s can only be set.", name))
	}
	for _, part := range c.new {
		o.deleteField(part)
	}
	m := o.find(name)
	if m == nil {
		return nil
	}
	values := make([][]byte, len(c.new))
	text, ok := textOf(m.value)
	if !ok { // PocketBase refuses it, or makes of it what it makes of such a value
		for i := range values {
			values[i] = m.value
		}
	} else {
		parts := c.split(text)
		for i := range values {
			values[i] = []byte(`""`)
			if i < len(parts) {
				values[i] = quote(parts[i])
			}
		}
	}
	o.replace(name, c.new, values)
	return nil
}

// backward changes what an older client is sent.
func (c *Change) backward(o *Object) error {
	switch c.kind {
	case renameField:
		o.rename(c.new[0], c.before)
	case addField:
		o.Delete(c.new[0])
	case removeField:
		o.SetRaw(c.old[0], c.encoded)
	case splitField:
		c.splitDown(o)
	case transformFields, routeBodies:
		if c.down != nil {
			return c.down(o)
		}
	}
	return nil
}

func (c *Change) splitDown(o *Object) {
	first := ""
	var room [4]string
	parts := append(room[:0], make([]string, len(c.new))...)
	for i, name := range c.new {
		if m := o.find(name); m != nil {
			parts[i], _ = textOf(m.value)
			if first == "" {
				first = name
			}
		}
	}
	if first == "" {
		return // not visible, or not asked for
	}
	o.Delete(c.old[0])
	value := o.quote(c.join(parts))
	for i := range o.members {
		if m := &o.members[i]; string(m.name) == first {
			m.name, m.value, m.clean = c.before, value, false
			break
		}
	}
	o.deleteFunc(func(m *member) bool { return contains(c.new, m.name) })
	o.changed = true
}

// isRecord tells whether the change is one of a collection's records.
func (c *Change) isRecord() bool { return c.kind != routeBodies && c.kind != routeRecords }
