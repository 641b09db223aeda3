package schema

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
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
