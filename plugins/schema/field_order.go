package schema

import (
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// adoptFieldOrder leaves the system fields of c where the live collection has
// them. A definition does not say where they are: collections that were created
// through the API have them behind their own fields, the others in front.
//
// Where the order of the own fields is to change, everything is put in order.
func adoptFieldOrder(c, live *core.Collection) {
	system := core.NewCollection(c.Type, c.Name).Fields
	isOwn := func(f core.Field) bool { return system.GetByName(f.GetName()) == nil }
	ownOf := func(a, b *core.Collection) []string {
		return slices.DeleteFunc(keptOrder(a, b), func(id string) bool { return !isOwn(a.Fields.GetById(id)) })
	}
	if !slices.Equal(ownOf(c, live), ownOf(live, c)) {
		return
	}

	var ordered core.FieldsList
	for _, f := range live.Fields {
		if kept := c.Fields.GetById(f.GetId()); kept != nil {
			ordered = append(ordered, kept)
		}
	}
	at := func(f core.Field) int {
		return slices.IndexFunc(ordered, func(other core.Field) bool { return other.GetId() == f.GetId() })
	}
	for i, f := range c.Fields {
		if live.Fields.GetById(f.GetId()) != nil {
			continue
		}
		// a new field goes behind its neighbour, the first one before the next
		position := len(ordered)
		before, after := c.Fields[:i], c.Fields[i+1:]
		if n := lastIndex(before, isOwn); n >= 0 {
			position = at(before[n]) + 1
		} else if n := slices.IndexFunc(after, func(f core.Field) bool { return isOwn(f) && at(f) >= 0 }); n >= 0 {
			position = at(after[n])
		}
		ordered = slices.Insert(ordered, position, f)
	}
	c.Fields = ordered
}

// lastIndex is the index of the last field that matches, -1 for none.
func lastIndex(fields []core.Field, matches func(core.Field) bool) int {
	for i, f := range slices.Backward(fields) {
		if matches(f) {
			return i
		}
	}
	return -1
}
