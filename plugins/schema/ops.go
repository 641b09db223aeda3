package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// opsBetween are the changes that turn one collection into another. names are
// the collections by id, for the targets of relations.
func opsBetween(from, to *core.Collection, names world) []op {
	var ops []op
	if from.Name != to.Name {
		ops = append(ops, setName{to.Name})
	}
	if !to.IsView() {
		ops = append(ops, fieldOps(from, to, names)...)
		ops = append(ops, indexOps(from, to)...)
	}
	for _, pair := range changedOptions(from, to) {
		ops = append(ops, setOption{pair[1]})
	}
	for _, kind := range ruleKinds {
		if rule := kind.get(to); !sameRule(kind.get(from), rule) {
			ops = append(ops, setRule{kind, rule})
		}
	}
	return ops
}

func fieldOps(from, to *core.Collection, names world) []op {
	var ops []op
	var order []string // ids, as the ops so far leave them
	for _, f := range from.Fields {
		if to.Fields.GetById(f.GetId()) == nil {
			ops = append(ops, dropField{name: f.GetName(), note: dropNote(f, to)})
			continue
		}
		order = append(order, f.GetId())
	}
	ops = append(ops, renameOps(from, to)...)

	kept := slices.Clone(order)
	reordered := !slices.Equal(kept, keptOrder(to, from))
	for i, f := range to.Fields {
		id := f.GetId()
		if old := from.Fields.GetById(id); old != nil {
			if old == f {
				continue
			}
			if values := changedFieldOptions(old, f); len(values) > 0 {
				ops = append(ops, changeField(f, values, names))
			}
			continue
		}
		at := len(order)
		if !reordered && i > 0 {
			at = slices.Index(order, to.Fields[i-1].GetId()) + 1
		}
		order = slices.Insert(order, at, id)
		put := putField{field: identified(f), relation: names.nameOf(relationTarget(f)), at: at}
		if at == len(order)-1 {
			put.at = -1
		}
		ops = append(ops, put)
	}
	if reordered {
		ops = append(ops, orderFields{to.Fields.FieldNames()})
	}
	return ops
}

// renameOps rename fields in an order in which no name is taken, by way of a
// temporary name where they swap.
func renameOps(from, to *core.Collection) []op {
	type rename struct{ was, name string }
	var pending []rename
	taken := map[string]bool{}
	for _, f := range from.Fields {
		goal := to.Fields.GetById(f.GetId())
		if goal == nil {
			continue
		}
		taken[f.GetName()] = true
		if goal.GetName() != f.GetName() {
			pending = append(pending, rename{f.GetName(), goal.GetName()})
		}
	}
	var ops []op
	for len(pending) > 0 {
		i := slices.IndexFunc(pending, func(r rename) bool { return !taken[r.name] })
		if i < 0 { // a circle
			temporary := pending[0].was + "_renamed"
			ops = append(ops, renameField{pending[0].was, temporary})
			delete(taken, pending[0].was)
			pending[0].was = temporary
			continue
		}
		r := pending[i]
		ops = append(ops, renameField(r))
		delete(taken, r.was)
		taken[r.name] = true
		pending = slices.Delete(pending, i, i+1)
	}
	return ops
}

// dropNote says what becomes of what a dropped field holds.
func dropNote(f core.Field, to *core.Collection) string {
	if same := to.Fields.GetByName(f.GetName()); same != nil {
		if same.Type() == f.Type() {
			return f.GetName() + " points elsewhere, so what it holds goes"
		}
		return f.GetName() + " becomes a " + same.Type() + " field, so what it holds goes"
	}
	return f.GetName() + " (" + f.Type() + ") goes with what it holds"
}

// identified returns the field with its id only where it is not the default.
func identified(f core.Field) core.Field {
	clone := cloneField(f)
	if f.GetId() == defaultFieldID(f) {
		clone.SetId("")
	}
	return clone
}

// changeField gives an existing field other options.
func changeField(f core.Field, values []Value, names world) op {
	note := f.GetName() + ": " + showValues(values)
	clone := cloneField(f)
	clone.SetId("") // a field without an id replaces the one of its name
	if _, ok := fieldLiteral(clone, ""); ok {
		return putField{field: clone, relation: names.nameOf(relationTarget(f)), at: -1, note: note}
	}
	options := map[string]any{}
	raw, err := fieldJSON(f)
	if err == nil {
		err = json.Unmarshal(raw, &options)
	}
	patch := map[string]any{}
	for _, v := range values {
		patch[v.Name] = options[v.Name]
	}
	if err == nil {
		raw, err = json.Marshal(patch)
	}
	if err != nil { // what was read from a database or built by Go encodes
		raw = []byte(fmt.Sprintf("%q", err))
	}
	return patchField{name: f.GetName(), json: raw, note: note}
}

func indexOps(from, to *core.Collection) []op {
	var ops []op
	wanted := map[string]string{}
	for _, raw := range to.Indexes {
		wanted[indexName(raw)] = indexKey(raw, to.Name)
	}
	kept := map[string]bool{}
	for _, raw := range from.Indexes {
		name := indexName(raw)
		if wanted[name] == indexKey(raw, to.Name) {
			kept[name] = true
			continue
		}
		ops = append(ops, removeIndex{name: dbutils.ParseIndex(raw).IndexName})
	}
	for _, raw := range to.Indexes {
		if !kept[indexName(raw)] {
			ops = append(ops, addIndex{strings.TrimSpace(raw)})
		}
	}
	return ops
}
