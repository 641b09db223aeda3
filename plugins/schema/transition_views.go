package schema

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// parkViews moves the views out of the way of the tables that they read, since
// SQLite refuses to drop or rename what a view uses, and deletes those that go.
func (t *transition) parkViews() {
	reshaped := map[string]bool{} // lower case names of tables and views
	for _, c := range t.from {
		if goal := t.to.byID(c.Id); goal == nil || reshapes(c, goal) {
			reshaped[strings.ToLower(c.Name)] = true
		}
	}
	var affected []*core.Collection
	for again := true; again; {
		again = false
		for _, c := range t.from {
			if !c.IsView() || slices.Contains(affected, c) {
				continue
			}
			for word := range words(c.ViewQuery) {
				if reshaped[word] {
					affected = append(affected, c)
					reshaped[strings.ToLower(c.Name)] = true
					again = true
					break
				}
			}
		}
	}

	for _, c := range affected {
		if t.to.byID(c.Id) == nil {
			continue
		}
		goal := cloneCollection(c)
		goal.ViewQuery = parkedQuery
		t.parked[c.Id] = true
		t.save(c.Id, goal, true, "it reads what changes below, so it steps aside until then")
	}
	for {
		gone := t.viewToDrop()
		if gone == nil {
			return
		}
		t.drop(gone)
	}
}

// parkedQuery is a query that reads no table.
const parkedQuery = "SELECT 'parked' AS id"

// viewToDrop is a view that goes and that no other such view reads.
func (t *transition) viewToDrop() *core.Collection {
	for _, c := range t.now {
		if !c.IsView() || t.to.byID(c.Id) != nil {
			continue
		}
		read := slices.ContainsFunc(t.now, func(other *core.Collection) bool {
			return other.IsView() && other.Id != c.Id && t.to.byID(other.Id) == nil &&
				words(other.ViewQuery)[strings.ToLower(c.Name)]
		})
		if !read {
			return c
		}
	}
	return nil
}

// reshapes reports whether a change drops, renames or rebuilds columns, or the
// table or view itself.
func reshapes(from, to *core.Collection) bool {
	if from.Name != to.Name {
		return true
	}
	if from.IsView() {
		return from.ViewQuery != to.ViewQuery
	}
	for _, f := range from.Fields {
		goal := to.Fields.GetById(f.GetId())
		if goal == nil || goal.GetName() != f.GetName() || isMultiple(goal) != isMultiple(f) {
			return true
		}
	}
	return false
}

// saveViews brings the views back, and creates and updates the others, each
// after those it reads.
func (t *transition) saveViews() {
	var pending []*core.Collection
	for _, c := range t.to {
		if c.IsView() && (t.parked[c.Id] || c != t.now.byID(c.Id)) {
			pending = append(pending, c)
		}
	}
	for len(pending) > 0 {
		i := slices.IndexFunc(pending, func(c *core.Collection) bool {
			reads := words(c.ViewQuery)
			return !slices.ContainsFunc(pending, func(other *core.Collection) bool {
				return other.Id != c.Id && reads[strings.ToLower(other.Name)]
			})
		})
		c := pending[max(i, 0)]
		pending = slices.DeleteFunc(pending, func(other *core.Collection) bool { return other == c })

		delete(t.parked, c.Id)
		shape := cloneCollection(c)
		current := t.now.byID(c.Id)
		for _, kind := range ruleKinds {
			var old *string
			if current != nil {
				old = kind.get(current)
			}
			if rule := kind.get(c); !sameRule(old, rule) && (t.caution == thorough || t.namesPending(rule, c)) {
				kind.set(shape, old)
			}
		}
		t.save(c.Id, shape, t.caution == thorough && current != nil, "")
	}
}
