package schema

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// target is what the definitions make of a database.
type target struct {
	// collections are all of them: the defined ones, and what no definition names.
	collections world

	// unmanaged are the names of the collections that no definition names,
	// without those of the system.
	unmanaged []string
}

// checkDefinitions reports the problems that show without a database.
func checkDefinitions(definitions []Collection) []error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	names := map[string]bool{}
	previous := map[string]string{}
	for _, d := range definitions {
		if d.Name == "" {
			problem("a collection has no name")
			continue
		}
		if folded := strings.ToLower(d.Name); names[folded] {
			problem("collection %s is defined more than once", d.Name)
		} else {
			names[folded] = true
		}
		switch d.typ() {
		case core.CollectionTypeBase, core.CollectionTypeAuth, core.CollectionTypeView:
		default:
			problem("collection %s has the unknown type %q", d.Name, d.Type)
		}
		if d.Was == d.Name {
			problem("collection %s says that it was %s, its own name", d.Name, d.Was)
		}
		if other := previous[d.Was]; d.Was != "" && other != "" {
			problem("collections %s and %s both say that they were %s", other, d.Name, d.Was)
		}
		previous[d.Was] = d.Name
		problems = append(problems, checkFields(d)...)
	}
	return problems
}

func checkFields(d Collection) []error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	names := map[string]bool{}
	previous := map[string]string{}
	for i, f := range d.Fields {
		if f == nil {
			problem("collection %s: field %d is nil", d.Name, i)
			continue
		}
		plain, was := unwrap(f)
		name := plain.GetName()
		if folded := strings.ToLower(name); name == "" {
			problem("collection %s: field %d has no name", d.Name, i)
		} else if names[folded] {
			problem("collection %s: field %s is defined more than once", d.Name, name)
		} else {
			names[folded] = true
		}
		if was == name && name != "" {
			problem("collection %s: field %s says that it was %s, its own name", d.Name, name, was)
		}
		if other := previous[was]; was != "" && other != "" {
			problem("collection %s: fields %s and %s both say that they were %s", d.Name, other, name, was)
		}
		previous[was] = name
	}
	if d.typ() == core.CollectionTypeView && len(d.Fields) > 0 {
		problem("collection %s: a view has no fields of its own, they come from its query", d.Name)
	}
	return problems
}

// pairing is a definition with the collection of the database that it defines.
type pairing struct {
	Collection
	id   string
	live *core.Collection // nil for a new collection
}

// targetOf says what the definitions make of the database live.
func targetOf(live world, definitions []Collection) (target, error) {
	if err := errors.Join(checkDefinitions(definitions)...); err != nil {
		return target{}, err
	}
	pairings, gone := pair(live, definitions)

	resolve := func(nameOrID string) (string, error) {
		for _, p := range pairings {
			if p.Name == nameOrID {
				return p.id, nil
			}
		}
		c := live.byName(nameOrID)
		if c == nil {
			c = live.byID(nameOrID)
		}
		if c == nil || gone[c.Id] {
			return "", fmt.Errorf("there is no collection %q to relate to", nameOrID)
		}
		return c.Id, nil
	}

	result := target{}
	managed := map[string]bool{}
	var problems []error
	built := world{}
	for _, p := range pairings {
		managed[p.id] = true
		c, err := p.buildAs(p.id, resolve)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if err := adopt(c, p); err != nil {
			problems = append(problems, err)
		}
		built = append(built, c)
	}
	if err := errors.Join(problems...); err != nil {
		return target{}, err
	}

	for _, c := range live {
		switch {
		case managed[c.Id]:
			result.collections = append(result.collections, built.byID(c.Id))
		case !gone[c.Id]:
			result.collections = append(result.collections, c)
			if !c.System {
				result.unmanaged = append(result.unmanaged, c.Name)
			}
		}
	}
	for _, c := range built {
		if live.byID(c.Id) == nil {
			result.collections = append(result.collections, c)
		}
	}
	return result, errors.Join(lostRelations(live, result.collections)...)
}

// lostRelations reports the relations to collections that go. Those of the
// defined collections were resolved by name; this is about the others.
func lostRelations(live, wanted world) []error {
	var problems []error
	for _, c := range wanted {
		for _, f := range c.Fields {
			gone := live.byID(relationTarget(f))
			if c.IsView() || gone == nil || wanted.byID(gone.Id) != nil {
				continue
			}
			problems = append(problems, fmt.Errorf(
				"collection %s is to go, but %s, which is not defined, relates to it by the field %s: define or drop that too",
				gone.Name, c.Name, f.GetName()))
		}
	}
	return problems
}

// pair finds the collection of each definition, and the ids of those that go:
// declared as dropped, or replaced because a collection's type cannot change.
func pair(live world, definitions []Collection) (pairings []pairing, gone map[string]bool) {
	gone = map[string]bool{}
	claimed := map[string]bool{}
	matches := make([]*core.Collection, len(definitions))

	// A rename comes first: while the new name is free, the old one is what has to
	// be renamed, even when a new collection takes the old name. Each rename may
	// free the name of another.
	for again := true; again; {
		again = false
		for i, d := range definitions {
			if d.dropped || d.Was == "" || matches[i] != nil {
				continue
			}
			if holder := live.byName(d.Name); holder != nil && !claimed[holder.Id] {
				continue
			}
			if c := live.byName(d.Was); c != nil && !claimed[c.Id] {
				matches[i] = c
				claimed[c.Id] = true
				again = true
			}
		}
	}
	for i, d := range definitions {
		if c := live.byName(d.Name); matches[i] == nil && c != nil && !claimed[c.Id] {
			matches[i] = c
			claimed[c.Id] = true
		}
	}

	for i, d := range definitions {
		c := matches[i]
		if c != nil && (d.dropped || c.Type != d.typ()) {
			gone[c.Id] = true
			c = nil
		}
		if d.dropped {
			continue
		}
		p := pairing{Collection: d, live: c}
		if c != nil {
			p.id = c.Id
		} else {
			p.id = newCollectionID(d, live, pairings)
		}
		pairings = append(pairings, p)
	}
	return pairings, gone
}

// newCollectionID is PocketBase's default id with a number where it is taken,
// as PocketBase itself would number it.
func newCollectionID(d Collection, live world, pairings []pairing) string {
	base := defaultCollectionID(d.typ(), d.Name)
	taken := func(id string) bool {
		for _, p := range pairings {
			if p.id == id {
				return true
			}
		}
		return live.byID(id) != nil
	}
	id := base
	for n := 2; taken(id); n++ {
		id = base + strconv.Itoa(n)
	}
	return id
}

// adopt gives the built collection c the identity of what it defines: the ids
// of the fields, and the spelling of everything that means the same.
func adopt(c *core.Collection, p pairing) error {
	live := p.live
	if live == nil {
		live = core.NewCollection(c.Type, c.Name, c.Id)
	}
	c.System = live.System
	c.Created = live.Created
	c.Updated = live.Updated

	if c.IsView() {
		c.Fields = live.Fields
		if strings.TrimSpace(c.ViewQuery) == strings.TrimSpace(live.ViewQuery) {
			c.ViewQuery = live.ViewQuery
		}
		return nil
	}
	was := map[string]string{}
	for _, f := range p.Fields {
		if plain, previous := unwrap(f); previous != "" {
			was[plain.GetName()] = previous
		}
	}
	if err := adoptFields(c, live, was); err != nil {
		return err
	}
	adoptFieldOrder(c, live)
	adoptIndexes(c, live, p.Indexes)
	adoptOptions(c, live)
	return nil
}

// adoptFields gives the fields of c their ids: those of the fields of live that
// they are, new ones to the others.
func adoptFields(c, live *core.Collection, was map[string]string) error {
	matches := map[string]core.Field{} // by name in c
	claimed := map[string]bool{}
	for again := true; again; { // as in pair
		again = false
		for _, f := range c.Fields {
			name := f.GetName()
			if was[name] == "" || matches[name] != nil {
				continue
			}
			if holder := fieldByName(live, name); holder != nil && !claimed[holder.GetId()] {
				continue
			}
			if old := fieldByName(live, was[name]); old != nil && !claimed[old.GetId()] {
				matches[name] = old
				claimed[old.GetId()] = true
				again = true
			}
		}
	}
	for _, f := range c.Fields {
		if old := fieldByName(live, f.GetName()); old != nil && matches[f.GetName()] == nil && !claimed[old.GetId()] {
			matches[f.GetName()] = old
			claimed[old.GetId()] = true
		}
	}

	taken := map[string]bool{}
	for _, f := range live.Fields {
		taken[f.GetId()] = true // also those that go: an id is what keeps a column
	}
	for i, f := range c.Fields {
		old := matches[f.GetName()]
		if old != nil && old.Type() == f.Type() && relationTarget(old) == relationTarget(f) {
			f.SetId(old.GetId())
			f.SetSystem(old.GetSystem())
			if sameField(old, f) {
				c.Fields[i] = old
			}
			continue
		}
		if old != nil && old.GetSystem() {
			return fmt.Errorf("collection %s: the system field %s cannot become a %s field", c.Name, old.GetName(), f.Type())
		}
		base := defaultFieldID(f)
		id := base
		for n := 2; taken[id]; n++ {
			id = base + strconv.Itoa(n)
		}
		taken[id] = true
		f.SetId(id)
	}
	return nil
}

// fieldByName finds a field as SQLite finds a column, without regard to case.
func fieldByName(c *core.Collection, name string) core.Field {
	if f := c.Fields.GetByName(name); f != nil {
		return f
	}
	for _, f := range c.Fields {
		if strings.EqualFold(f.GetName(), name) {
			return f
		}
	}
	return nil
}

// adoptIndexes leaves an auth collection the unique indexes of its system fields
// that it has, and takes over the spelling of indexes that are the same.
func adoptIndexes(c, live *core.Collection, defined []string) {
	indexes := append([]string{}, defined...)
	if c.IsAuth() {
		for _, column := range []string{core.FieldNameTokenKey, core.FieldNameEmail} {
			if _, ok := dbutils.FindSingleColumnUniqueIndex(defined, column); ok {
				continue
			}
			for _, from := range [][]string{live.Indexes, c.Indexes} {
				if raw := uniqueIndexOn(from, column); raw != "" {
					indexes = append(indexes, raw)
					break
				}
			}
		}
	}
	for i, raw := range indexes {
		for _, old := range live.Indexes {
			if indexKey(old, c.Name) == indexKey(raw, c.Name) {
				indexes[i] = old
			}
		}
	}
	c.Indexes = indexes
}

// uniqueIndexOn returns the first unique index on nothing but column.
func uniqueIndexOn(indexes []string, column string) string {
	for _, raw := range indexes {
		if _, ok := dbutils.FindSingleColumnUniqueIndex([]string{raw}, column); ok {
			return raw
		}
	}
	return ""
}

// adoptOptions takes over what a definition leaves to the environment: the
// providers of OAuth2, whose credentials differ from one installation to the next.
func adoptOptions(c, live *core.Collection) {
	if !c.IsAuth() {
		return
	}
	if len(c.OAuth2.Providers) == 0 {
		c.OAuth2.Providers = live.OAuth2.Providers
	}
	if sameProviders(c.OAuth2.Providers, live.OAuth2.Providers) {
		c.OAuth2.Providers = live.OAuth2.Providers
	}
	// PocketBase clears mappings to fields that do not exist
	mapped := &c.OAuth2.MappedFields
	for _, name := range []*string{&mapped.Id, &mapped.Name, &mapped.Username, &mapped.AvatarURL} {
		if *name != "" && c.Fields.GetByName(*name) == nil {
			*name = ""
		}
	}
}
