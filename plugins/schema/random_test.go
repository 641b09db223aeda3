package schema_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

var (
	firstSeed = flag.Uint64("schema.seed", 1, "first seed of the random schema edits")
	seeds     = flag.Uint64("schema.seeds", 2+2/slowdown, "number of seeds of the random schema edits")
	edits     = flag.Int("schema.edits", 25/slowdown, "number of random schema edits for each seed")
)

// After any edit of the definitions the migration leads to them, with the data
// that has a place; the way back restores the schema.
func TestRandomEditsMigrateUpAndDown(t *testing.T) {
	t.Parallel()
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			app := pbtest.New(t)
			m := newModel(seed)
			if err := schema.Apply(app, m.definitions()); err != nil {
				t.Fatalf("apply the first definitions: %v", err)
			}
			m.settle()
			for i := range *edits {
				fillTables(t, app)
				var made []string
				for range 1 + m.IntN(4) {
					made = append(made, m.edit())
				}
				migrateUpAndDown(t, app, m.definitions(), fmt.Sprintf("edit %d (%s)", i, strings.Join(made, ", ")))
				if t.Failed() {
					return
				}
				m.settle()
			}
		})
	}
}

// settle makes the model what the database has. Previous names stay declared:
// that has to be harmless.
func (m *model) settle() {
	for _, c := range m.collections {
		c.settle()
		for _, f := range c.fields {
			f.settle()
		}
	}
	if m.yes() {
		m.dropped = nil
	}
}

func migrateUpAndDown(t *testing.T, app core.App, definitions []schema.Collection, edit string) {
	t.Helper()
	plan, err := schema.Diff(app, definitions)
	if err != nil {
		t.Errorf("%s: diff: %v", edit, err)
		return
	}
	journey, err := schema.Prove(plan)
	if err != nil {
		t.Errorf("%s: %v\nplan:\n%s", edit, err, plan)
		return
	}
	before, values := schemaOf(t, app), valuesOf(t, app)
	fail := func(what string, args ...any) {
		t.Helper()
		source, _ := journey.Source("migrations")
		t.Errorf("%s: %s\nplan:\n%s\nmigration:\n%s", edit, fmt.Sprintf(what, args...), plan, source)
	}

	if err := journey.Up(app); err != nil {
		fail("up: %v", err)
		return
	}
	left, err := schema.Diff(app, definitions)
	if err != nil || !left.Empty() {
		fail("after up there is a difference left (%v):\n%s", err, left)
		return
	}
	migrated := valuesOf(t, app)
	if diff := lost(values, migrated); diff != "" {
		fail("up changed values that have a place: %s", diff)
	}
	if err := journey.Down(app); err != nil {
		fail("down: %v", err)
		return
	}
	if got := schemaOf(t, app); got != before {
		fail("down does not restore the schema (+ is wrong, - is missing):\n%s", schema.DiffLines(before, got))
		return
	}
	if diff := lost(migrated, valuesOf(t, app)); diff != "" {
		fail("down changed values that have a place: %s", diff)
	}
	if err := journey.Up(app); err != nil {
		fail("up again: %v", err)
	}
}

// schemaOf is the schema of an app as the API shows it, as one text.
func schemaOf(t *testing.T, app core.App) string {
	t.Helper()
	all, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return normalSchema(t, raw)
}

// normalSchema is a list of collections as one text, ids included, in one order;
// without times, and the fields of views, which PocketBase derives.
func normalSchema(t *testing.T, raw []byte) string {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	byName := map[string]any{}
	for _, data := range all {
		delete(data, "created")
		delete(data, "updated")
		if data["type"] == core.CollectionTypeView {
			delete(data, "fields")
		}
		var indexes []string
		for _, index := range data["indexes"].([]any) {
			indexes = append(indexes, dbutils.ParseIndex(index.(string)).Build()) // PocketBase formats some anew
		}
		slices.Sort(indexes)
		data["indexes"] = indexes
		byName[data["name"].(string)] = withoutEmptyLists(data)
	}
	text, err := json.MarshalIndent(byName, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withoutEmptyLists drops null and empty lists, which mean the same.
func withoutEmptyLists(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			list, isList := item.([]any)
			if item == nil || (isList && len(list) == 0) {
				delete(v, key)
				continue
			}
			v[key] = withoutEmptyLists(item)
		}
	case []any:
		for i, item := range v {
			v[i] = withoutEmptyLists(item)
		}
	}
	return value
}

// fillTables gives tables rows, with a value in each column.
func fillTables(t *testing.T, app core.App) {
	t.Helper()
	all, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.System || c.IsView() {
			continue
		}
		var n int
		if err := app.DB().Select("COUNT(*)").From(c.Name).Row(&n); err != nil {
			t.Fatal(err)
		}
		for i := n; i < 3; i++ {
			row := dbx.Params{"id": fmt.Sprintf("row%d%s", i, strings.Repeat("x", 11))}
			for _, f := range c.Fields {
				if f.GetName() != "id" {
					row[f.GetName()] = sample(f, i)
				}
			}
			if _, err := app.DB().Insert(c.Name, row).Execute(); err != nil {
				t.Fatalf("fill %s: %v", c.Name, err)
			}
		}
	}
}

func sample(f core.Field, i int) any {
	switch f := f.(type) {
	case *core.NumberField, *core.BoolField:
		return 1
	case *core.JSONField:
		return `{"a":1}`
	case *core.GeoPointField:
		return `{"lon":1,"lat":2}`
	case core.MultiValuer:
		if f.IsMultiple() {
			return fmt.Sprintf(`["v%d","w%d"]`, i, i)
		}
	}
	return fmt.Sprintf("v%d", i)
}

// valuesOf are the values of each column, by the ids of collection and field and
// whether the field holds a list.
func valuesOf(t *testing.T, app core.App) map[string]string {
	t.Helper()
	all, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	result := map[string]string{}
	for _, c := range all {
		if c.IsView() || c.System {
			continue
		}
		var keys, columns []string
		for i, f := range c.Fields {
			multiple, ok := f.(core.MultiValuer)
			keys = append(keys, fmt.Sprintf("%s.%s.%t", c.Id, f.GetId(), ok && multiple.IsMultiple()))
			columns = append(columns, fmt.Sprintf("GROUP_CONCAT(COALESCE([[%s]], 'null'), '|') AS v%d", f.GetName(), i))
		}
		row := dbx.NullStringMap{}
		if err := app.DB().NewQuery("SELECT " + strings.Join(columns, ", ") + " FROM {{" + c.Name + "}}").One(row); err != nil {
			t.Fatal(err)
		}
		for i, key := range keys {
			result[key] = row[fmt.Sprintf("v%d", i)].String
		}
	}
	return result
}

// lost tells which column that both have changed its values.
func lost(before, after map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if now, ok := after[key]; ok && now != before[key] {
			return fmt.Sprintf("%s had %q, has %q", key, before[key], now)
		}
	}
	return ""
}
