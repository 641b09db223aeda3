package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// world is all collections of one database, as they are or as they are to be.
type world []*core.Collection

// loadWorld reads the collections of a database, oldest first.
func loadWorld(app core.App) (world, error) {
	collections, err := app.FindAllCollections()
	if err != nil {
		return nil, fmt.Errorf("read the collections: %w", err)
	}
	return collections, nil
}

// byID returns the collection with the id, nil when there is none.
func (w world) byID(id string) *core.Collection {
	for _, c := range w {
		if c.Id == id {
			return c
		}
	}
	return nil
}

// byName returns the collection with the name, nil when there is none. Tables
// ignore case, so an exact match only comes first.
func (w world) byName(name string) *core.Collection {
	var folded *core.Collection
	for _, c := range w {
		if c.Name == name {
			return c
		}
		if strings.EqualFold(c.Name, name) {
			folded = c
		}
	}
	return folded
}

// nameOf is the name of the collection with the id, or the id itself.
func (w world) nameOf(id string) string {
	if c := w.byID(id); c != nil {
		return c.Name
	}
	return id
}

// with returns w with c in the place of the collection of the same id, or at the end.
func (w world) with(c *core.Collection) world {
	result := slices.Clone(w)
	for i, existing := range result {
		if existing.Id == c.Id {
			result[i] = c
			return result
		}
	}
	return append(result, c)
}

// without returns w without the collection with the id.
func (w world) without(id string) world {
	return slices.DeleteFunc(slices.Clone(w), func(c *core.Collection) bool { return c.Id == id })
}

// cloneCollection returns a copy whose fields, rules, indexes and options can be
// changed without changing c. The fields themselves are shared.
func cloneCollection(c *core.Collection) *core.Collection {
	clone := *c
	clone.Fields = slices.Clone(c.Fields)
	clone.Indexes = slices.Clone(c.Indexes)
	return &clone
}

// fieldOptions are the options of a field as PocketBase's API names them,
// without its identity: id, name, type and whether it is a system field.
// Different spellings of one meaning come out the same.
func fieldOptions(f core.Field) map[string]any {
	options := map[string]any{}
	raw, err := json.Marshal(f)
	if err == nil {
		err = json.Unmarshal(raw, &options)
	}
	if err != nil { // no field of PocketBase does this; a custom one is compared as a whole
		return map[string]any{"field": fmt.Sprintf("%+v", f)}
	}
	for _, identity := range []string{"id", "name", "type", "system"} {
		delete(options, identity)
	}
	if _, ok := f.(core.MultiValuer); ok {
		if n, _ := options["maxSelect"].(float64); n == 0 {
			options["maxSelect"] = 1.0
		}
	}
	for name, value := range options {
		if list, ok := value.([]any); value == nil || (ok && len(list) == 0) {
			delete(options, name)
		}
	}
	return options
}

// sameField reports whether two fields are the same but for their ids.
func sameField(a, b core.Field) bool {
	return a.GetName() == b.GetName() && a.Type() == b.Type() && reflect.DeepEqual(fieldOptions(a), fieldOptions(b))
}

// relationTarget is the id of the collection that a relation points at, "" for
// other fields.
func relationTarget(f core.Field) string {
	if relation, ok := f.(*core.RelationField); ok {
		return relation.CollectionId
	}
	return ""
}

// isMultiple reports whether a field holds a list.
func isMultiple(f core.Field) bool {
	mv, ok := f.(core.MultiValuer)
	return ok && mv.IsMultiple()
}

// defaultFieldID is the id that PocketBase gives the field in an empty collection.
func defaultFieldID(f core.Field) string {
	clone := cloneField(f)
	clone.SetId("")
	core.NewFieldsList(clone)
	return clone.GetId()
}

// defaultCollectionID is the id that PocketBase gives a new collection.
func defaultCollectionID(typ, name string) string {
	return core.NewCollection(typ, name).Id
}

// indexKey is an index in one spelling, so that formatting makes no difference.
// What cannot be parsed stays as it is.
func indexKey(raw, table string) string {
	parsed := dbutils.ParseIndex(raw)
	parsed.TableName = table
	parsed.SchemaName = ""
	parsed.Optional = false
	parsed.Where = strings.TrimRight(parsed.Where, "; \t\r\n")
	if built := parsed.Build(); built != "" {
		return built
	}
	return raw
}

// indexName is the name of an index in lower case, as SQLite compares it.
func indexName(raw string) string {
	return strings.ToLower(dbutils.ParseIndex(raw).IndexName)
}
