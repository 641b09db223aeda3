package schema

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// Action says what a change does.
type Action string

// The actions. Retype is a drop and an addition under one name: PocketBase
// cannot change the type of a field or the target of a relation.
const (
	Add    Action = "add"
	Drop   Action = "drop"
	Rename Action = "rename"
	Retype Action = "retype"
	Update Action = "update"
)

// Subject is the kind of thing that a change concerns.
type Subject string

// The subjects. Order is the order of a collection's fields.
const (
	SubjectField  Subject = "field"
	SubjectOrder  Subject = "order"
	SubjectIndex  Subject = "index"
	SubjectRule   Subject = "rule"
	SubjectOption Subject = "option"
)

// CollectionChange is everything that is to change about one collection.
type CollectionChange struct {
	// Name is the collection's name, Was its previous one if it is renamed.
	Name string `json:"name"`
	Was  string `json:"was,omitempty"`
	Type string `json:"type"`

	// Action is [Add], [Drop] or [Update]. A rename is an update.
	Action Action `json:"action"`

	// Changes are what is different inside. It is empty for a dropped collection.
	Changes []Change `json:"changes,omitempty"`

	// Stake is what a dropped collection takes along.
	Stake *Stake `json:"stake,omitempty"`

	from, to *core.Collection
}

// Change is one difference inside a collection.
type Change struct {
	Subject Subject `json:"subject"`
	Action  Action  `json:"action"`

	// Name is that of the field, index, rule or option, as PocketBase's API spells
	// it. Was is the previous name of a renamed field.
	Name string `json:"name"`
	Was  string `json:"was,omitempty"`

	// Type is the type of an added or dropped field.
	Type string `json:"type,omitempty"`

	// Values are what differs, old and new. An added field has none.
	Values []Value `json:"values,omitempty"`

	// Stake is what the change does to rows that exist, nil when it does nothing.
	Stake *Stake `json:"stake,omitempty"`

	from, to core.Field
}

// Value is an old and a new value. A rule is nil when it is locked.
type Value struct {
	// Name is the option of the field, "" where the change has one value only.
	Name string `json:"name,omitempty"`
	Old  any    `json:"old"`
	New  any    `json:"new"`
}

// compare lists what leads from one world to the other.
func compare(from, to world) []CollectionChange {
	var changes []CollectionChange
	for _, c := range to {
		old := from.byID(c.Id)
		if old == c {
			continue
		}
		if old == nil {
			changes = append(changes, addedCollection(c, to))
			continue
		}
		change := CollectionChange{Name: c.Name, Type: c.Type, Action: Update, from: old, to: c}
		if old.Name != c.Name {
			change.Was = old.Name
		}
		change.Changes = compareCollections(old, c, from, to)
		if change.Was != "" || len(change.Changes) > 0 {
			changes = append(changes, change)
		}
	}
	for _, c := range from {
		if to.byID(c.Id) == nil {
			changes = append(changes, CollectionChange{Name: c.Name, Type: c.Type, Action: Drop, from: c})
		}
	}
	return changes
}

func addedCollection(c *core.Collection, to world) CollectionChange {
	blank := core.NewCollection(c.Type, c.Name, c.Id)
	return CollectionChange{
		Name: c.Name, Type: c.Type, Action: Add, to: c,
		Changes: compareCollections(blank, c, to, to),
	}
}

// compareCollections lists what differs inside a collection.
func compareCollections(from, to *core.Collection, fromWorld, toWorld world) []Change {
	var changes []Change
	if !to.IsView() {
		changes = append(changes, compareFields(from, to, fromWorld, toWorld)...)
		changes = append(changes, compareIndexes(from, to)...)
	}
	for _, kind := range ruleKinds {
		if a, b := kind.get(from), kind.get(to); !sameRule(a, b) {
			changes = append(changes, Change{
				Subject: SubjectRule, Action: Update, Name: kind.name,
				Values: []Value{{Old: ruleValue(a), New: ruleValue(b)}},
			})
		}
	}
	for _, pair := range changedOptions(from, to) {
		changes = append(changes, Change{
			Subject: SubjectOption, Action: Update, Name: pair[1].name,
			Values: []Value{{Old: pair[0].show(), New: pair[1].show()}},
		})
	}
	return changes
}

func ruleValue(rule *string) any {
	if rule == nil {
		return nil
	}
	return *rule
}

func compareFields(from, to *core.Collection, fromWorld, toWorld world) []Change {
	var changes []Change
	for _, f := range to.Fields {
		if old := from.Fields.GetById(f.GetId()); old != nil {
			changes = append(changes, compareField(old, f)...)
			continue
		}
		change := Change{Subject: SubjectField, Action: Add, Name: f.GetName(), Type: f.Type(), to: f}
		if old := from.Fields.GetByName(f.GetName()); old != nil && to.Fields.GetById(old.GetId()) == nil {
			change.Action = Retype
			change.from = old
			change.Values = []Value{{Name: "type", Old: old.Type(), New: f.Type()}}
			if old.Type() == f.Type() {
				change.Values = []Value{{
					Name: "collection",
					Old:  fromWorld.nameOf(relationTarget(old)), New: toWorld.nameOf(relationTarget(f)),
				}}
			}
		}
		changes = append(changes, change)
	}
	for _, f := range from.Fields {
		if to.Fields.GetById(f.GetId()) != nil || to.Fields.GetByName(f.GetName()) != nil && !isRenamedTo(from, to, f.GetName()) {
			continue
		}
		changes = append(changes, Change{Subject: SubjectField, Action: Drop, Name: f.GetName(), Type: f.Type(), from: f})
	}
	if kept := keptOrder(from, to); !slices.Equal(kept, keptOrder(to, from)) {
		changes = append(changes, Change{
			Subject: SubjectOrder, Action: Update, Name: "fields",
			Values: []Value{{Old: from.Fields.FieldNames(), New: to.Fields.FieldNames()}},
		})
	}
	return changes
}

// isRenamedTo reports whether the field that to calls name is one that from
// called otherwise, so that a field which from calls name is not the same.
func isRenamedTo(from, to *core.Collection, name string) bool {
	f := to.Fields.GetByName(name)
	return f != nil && from.Fields.GetById(f.GetId()) != nil
}

// keptOrder are the ids of the fields of c that other has too, in their order.
func keptOrder(c, other *core.Collection) []string {
	var ids []string
	for _, f := range c.Fields {
		if other.Fields.GetById(f.GetId()) != nil {
			ids = append(ids, f.GetId())
		}
	}
	return ids
}

func compareField(from, to core.Field) []Change {
	if from == to {
		return nil
	}
	var changes []Change
	if from.GetName() != to.GetName() {
		changes = append(changes, Change{
			Subject: SubjectField, Action: Rename,
			Name: to.GetName(), Was: from.GetName(), from: from, to: to,
		})
	}
	if values := changedFieldOptions(from, to); len(values) > 0 {
		changes = append(changes, Change{
			Subject: SubjectField, Action: Update,
			Name: to.GetName(), Values: values, from: from, to: to,
		})
	}
	return changes
}

// changedFieldOptions are the options that differ, by name.
func changedFieldOptions(from, to core.Field) []Value {
	a, b := fieldOptions(from), fieldOptions(to)
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	var values []Value
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !sameJSON(a[name], b[name]) {
			values = append(values, Value{Name: name, Old: a[name], New: b[name]})
		}
	}
	return values
}

func sameJSON(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

func compareIndexes(from, to *core.Collection) []Change {
	old := map[string]string{}
	for _, raw := range from.Indexes {
		old[indexName(raw)] = raw
	}
	var changes []Change
	for _, raw := range to.Indexes {
		previous, exists := old[indexName(raw)]
		delete(old, indexName(raw))
		name := dbutils.ParseIndex(raw).IndexName
		switch {
		case !exists:
			changes = append(changes, Change{Subject: SubjectIndex, Action: Add, Name: name, Values: []Value{{New: raw}}})
		case indexKey(previous, to.Name) != indexKey(raw, to.Name):
			changes = append(changes, Change{
				Subject: SubjectIndex, Action: Update, Name: name,
				Values: []Value{{Old: previous, New: raw}},
			})
		}
	}
	for _, raw := range from.Indexes {
		if old[indexName(raw)] != "" {
			changes = append(changes, Change{Subject: SubjectIndex, Action: Drop, Name: dbutils.ParseIndex(raw).IndexName, Values: []Value{{Old: raw}}})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(string(a.Action), string(b.Action)), strings.Compare(a.Name, b.Name))
	})
	return changes
}
