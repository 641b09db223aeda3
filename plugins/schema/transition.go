package schema

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// transition works out the steps from one world to another.
//
// PocketBase validates the rules, indexes and queries of a collection each time
// it saves it, against the collections as they are at that moment. Hence the
// order: views step aside; collections that go but whose name is needed; the
// rest, each after what it relates to; collections that go; views; and last
// the rules that name something a later step brought.
type transition struct {
	from, to world

	// now is the world as it is after the steps so far.
	now   world
	steps []step

	caution caution

	// parked are the ids of the views that stepped aside.
	parked map[string]bool

	// toCheck are the ids of the collections that were saved without validation.
	toCheck map[string]bool
}

// caution says which rules wait for the end. What a rule names can only be
// guessed from its words; trying the steps tells whether the guess was good.
type caution int

const (
	// brief lets a rule wait for a name that nothing has yet.
	brief caution = iota
	// wary lets a rule wait for a name that something is still to have.
	wary
	// thorough lets all rules wait, and validates nothing before.
	thorough
)

// cautions are all of them, the one with the shortest migrations first.
var cautions = []caution{brief, wary, thorough}

// stepsBetween returns the steps that lead from one world to the other.
func stepsBetween(from, to world, c caution) []step {
	t := &transition{
		from: from, to: to, now: slices.Clone(from), caution: c,
		parked: map[string]bool{}, toCheck: map[string]bool{},
	}
	t.parkViews()
	t.freeNames()
	t.freeIndexNames()
	t.saveTables()
	t.dropTables()
	t.saveViews()
	t.finishRules()
	return t.steps
}

// freeNames clears the names that another collection is to have: by dropping
// the collection that has the name, or renaming it right away.
func (t *transition) freeNames() {
	for range 2 * len(t.from) {
		holder := t.nameHolder()
		if holder == nil {
			return
		}
		goal := t.to.byID(holder.Id)
		if goal == nil {
			t.clearReferences(holder.Id)
			t.drop(t.now.byID(holder.Id))
			continue
		}
		name := goal.Name
		if other := t.now.byName(name); other != nil && other.Id != holder.Id {
			name += "_renamed" // they swap names, or pass them round
		}
		renamed := cloneCollection(holder)
		renamed.Name = name
		t.save(holder.Id, renamed, true, "")
	}
}

// nameHolder is a table whose name another collection is to have.
func (t *transition) nameHolder() *core.Collection {
	var blocked *core.Collection
	for _, goal := range t.to {
		holder := t.now.byName(goal.Name)
		if holder == nil || holder.Id == goal.Id {
			continue
		}
		// prefer one that can move at once
		if next := t.to.byID(holder.Id); next == nil || t.now.byName(next.Name) == nil {
			return holder
		}
		blocked = holder
	}
	return blocked
}

// clearReferences drops the relation fields that point at a collection which
// goes before its turn.
func (t *transition) clearReferences(id string) {
	for _, c := range slices.Clone(t.now) {
		if c.IsView() || t.to.byID(c.Id) == nil {
			continue
		}
		goal := cloneCollection(c)
		goal.Fields = slices.DeleteFunc(goal.Fields, func(f core.Field) bool { return relationTarget(f) == id })
		if len(goal.Fields) == len(c.Fields) {
			continue
		}
		goal.Indexes = slices.DeleteFunc(goal.Indexes, func(raw string) bool {
			return slices.ContainsFunc(c.Fields, func(f core.Field) bool {
				return relationTarget(f) == id && words(raw)[strings.ToLower(f.GetName())]
			})
		})
		t.save(c.Id, goal, true, "")
	}
}

// freeIndexNames drops the indexes whose name another table is to have. Names of
// indexes are unique in the whole database.
func (t *transition) freeIndexNames() {
	owner := map[string]string{}
	for _, c := range t.to {
		for _, raw := range c.Indexes {
			owner[indexName(raw)] = c.Id
		}
	}
	for _, c := range slices.Clone(t.now) {
		goal := cloneCollection(c)
		goal.Indexes = slices.DeleteFunc(goal.Indexes, func(raw string) bool {
			id, wanted := owner[indexName(raw)]
			return wanted && id != c.Id
		})
		if len(goal.Indexes) < len(c.Indexes) {
			t.save(c.Id, goal, true, "another collection is to have the name of its index")
		}
	}
}

// saveTables creates and updates the tables, each after those it relates to.
// Where they relate to each other, the relation follows in a save of its own.
func (t *transition) saveTables() {
	var pending []*core.Collection
	for _, c := range t.to {
		if !c.IsView() && c != t.now.byID(c.Id) {
			pending = append(pending, c)
		}
	}
	for len(pending) > 0 {
		i := slices.IndexFunc(pending, func(c *core.Collection) bool { return len(t.dangling(c)) == 0 })
		if i >= 0 {
			t.saveTable(pending[i], pending[i])
			pending = slices.Delete(pending, i, i+1)
			continue
		}
		c := t.breakCircle(pending)
		dangling := t.dangling(c)
		partial := cloneCollection(c)
		partial.Fields = slices.DeleteFunc(partial.Fields, func(f core.Field) bool { return slices.Contains(dangling, f) })
		partial.Indexes = slices.DeleteFunc(partial.Indexes, func(raw string) bool {
			return slices.ContainsFunc(dangling, func(f core.Field) bool { return words(raw)[strings.ToLower(f.GetName())] })
		})
		t.saveTable(partial, c)
	}
}

// breakCircle chooses the collection to create without the relations that have
// no target yet: one that waits for nothing but itself if there is one.
func (t *transition) breakCircle(pending []*core.Collection) *core.Collection {
	var missing []*core.Collection
	for _, c := range pending {
		if t.now.byID(c.Id) == nil {
			missing = append(missing, c)
		}
	}
	for _, c := range missing {
		if !slices.ContainsFunc(t.dangling(c), func(f core.Field) bool { return relationTarget(f) != c.Id }) {
			return c
		}
	}
	return missing[0] // what dangles has a target that is missing, so there is one
}

// dangling are the relation fields of c whose target does not exist yet, c
// itself among them.
func (t *transition) dangling(c *core.Collection) []core.Field {
	var fields []core.Field
	for _, f := range c.Fields {
		id := relationTarget(f)
		if id != "" && t.now.byID(id) == nil && t.to.byID(id) != nil {
			fields = append(fields, f)
		}
	}
	return fields
}

// saveTable saves the shape of goal, with those of its rules that hold already.
// final is what goal is on the way to.
func (t *transition) saveTable(goal, final *core.Collection) {
	shape := cloneCollection(goal)
	current := t.now.byID(goal.Id)
	unchecked := t.caution == thorough
	for _, kind := range ruleKinds {
		var old *string
		if current != nil {
			old = kind.get(current)
		}
		rule := kind.get(final)
		if !sameRule(old, rule) && (t.caution == thorough || goal != final || t.namesPending(rule, final)) {
			kind.set(shape, old)
			rule = old
		}
		if current != nil && t.namesGone(rule, goal) {
			unchecked = true
		}
	}
	t.save(goal.Id, shape, unchecked && current != nil, "")
}

// dropTables deletes the tables that go, those that refer to others first.
func (t *transition) dropTables() {
	for {
		var gone []*core.Collection
		for _, c := range t.now {
			if t.to.byID(c.Id) == nil {
				gone = append(gone, c)
			}
		}
		if len(gone) == 0 {
			return
		}
		i := slices.IndexFunc(gone, func(c *core.Collection) bool { return !t.referredTo(c) })
		t.drop(gone[max(i, 0)])
	}
}

// referredTo reports whether another table has a relation to c.
func (t *transition) referredTo(c *core.Collection) bool {
	return slices.ContainsFunc(t.now, func(other *core.Collection) bool {
		return other.Id != c.Id && slices.ContainsFunc(other.Fields, func(f core.Field) bool { return relationTarget(f) == c.Id })
	})
}

// drop deletes a collection.
func (t *transition) drop(c *core.Collection) {
	s := step{kind: stepDelete, collection: c.Name}
	if t.referredTo(c) && t.onlyGoneReferTo(c) {
		s.ops = append(s.ops, detach{})
		s.note = "it is referred to by what goes next"
	}
	t.steps = append(t.steps, s)
	t.now = t.now.without(c.Id)
}

// onlyGoneReferTo reports whether nothing that stays has a relation to c.
func (t *transition) onlyGoneReferTo(c *core.Collection) bool {
	return !slices.ContainsFunc(t.now, func(other *core.Collection) bool {
		return other.Id != c.Id && t.to.byID(other.Id) != nil &&
			slices.ContainsFunc(other.Fields, func(f core.Field) bool { return relationTarget(f) == c.Id })
	})
}

// save adds the step that makes the collection with the id equal to goal, or
// none if it is already.
func (t *transition) save(id string, goal *core.Collection, unchecked bool, note string) {
	current := t.now.byID(id)
	s := step{kind: stepUpdate, unchecked: unchecked, note: note}
	if current == nil {
		s.kind, s.collection, s.typ = stepCreate, goal.Name, goal.Type
		if id != defaultCollectionID(goal.Type, goal.Name) {
			s.id = id
		}
		current = core.NewCollection(goal.Type, goal.Name, id)
	} else {
		s.collection = current.Name
	}
	s.ops = opsBetween(current, goal, t.now.with(goal))
	t.now = t.now.with(goal)
	if len(s.ops) == 0 && s.kind == stepUpdate {
		return
	}
	if unchecked {
		t.toCheck[id] = true
	} else {
		delete(t.toCheck, id)
	}
	t.steps = append(t.steps, s)
}
