package schema_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// boats is a definition with a field of most types.
func boats() schema.Collection {
	return schema.Collection{
		Name: "boats",
		Rules: schema.Rules{
			List: `@request.auth.id != ""`,
			View: `@request.auth.id != ""`,
		},
		Fields: []core.Field{
			&core.TextField{Name: "name", Required: true, Max: 100},
			&core.NumberField{Name: "length"},
			&core.SelectField{Name: "kind", MaxSelect: 1, Values: []string{"sail", "motor", "oars"}},
			&core.SelectField{Name: "gear", MaxSelect: 3, Values: []string{"anchor", "radio", "raft"}},
			&core.RelationField{Name: "crew", CollectionId: "users", MaxSelect: 5},
			&core.EmailField{Name: "contact"},
			&core.JSONField{Name: "log"},
			&core.BoolField{Name: "afloat"},
			&core.GeoPointField{Name: "berth"},
			&core.DateField{Name: "launched"},
			&core.FileField{Name: "papers", MaxSelect: 4},
		},
		Indexes: []string{"CREATE INDEX `idx_boats_kind` ON `boats` (`kind`)"},
	}
}

// harbour is an app with four boats. The values of the first two are set, the
// third is a twin of the second, the fourth is blank but for its name.
func harbour(t *testing.T) core.App {
	t.Helper()
	app := pbtest.New(t)
	if err := schema.Apply(app, []schema.Collection{boats()}); err != nil {
		t.Fatal(err)
	}
	for i, row := range []dbx.Params{
		{
			"name": "Ant", "length": 7, "kind": "sail", "gear": `["anchor","radio"]`, "crew": `["a","b","c"]`, "contact": "ant@one.example",
			"log": `{"a":1}`, "afloat": true, "berth": `{"lon":1,"lat":2}`, "launched": "2026-01-02 00:00:00.000Z", "papers": `["a.txt","b.txt"]`,
		},
		{
			"name": "Bee", "length": 12, "kind": "motor", "gear": `["raft"]`, "crew": `["a"]`, "contact": "bee@two.example",
			"log": `[]`, "afloat": true, "launched": "2026-02-02 00:00:00.000Z", "papers": `["c.txt"]`,
		},
		{"name": "Bee", "length": 12, "kind": "motor"},
		{"name": "Cow"},
	} {
		row["id"] = fmt.Sprintf("boat0000000000%d", i)
		if _, err := app.DB().Insert("boats", row).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	return app
}

// with returns the definition with the field in the place of the one of its name.
func with(d schema.Collection, field core.Field) schema.Collection {
	d.Fields = slices.Clone(d.Fields)
	for i, f := range d.Fields {
		if f.GetName() == field.GetName() {
			d.Fields[i] = field
			return d
		}
	}
	d.Fields = append(d.Fields, field)
	return d
}

// renamed returns the definition with field in the place of the one it was.
func renamed(d schema.Collection, was string, field core.Field) schema.Collection {
	d.Fields = slices.Clone(d.Fields)
	for i, f := range d.Fields {
		if f.GetName() == was {
			d.Fields[i] = schema.Was(was, field)
		}
	}
	return d
}

// without returns the definition without the fields.
func without(d schema.Collection, names ...string) schema.Collection {
	d.Fields = slices.DeleteFunc(slices.Clone(d.Fields), func(f core.Field) bool { return slices.Contains(names, f.GetName()) })
	return d
}

func TestPlanText(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	d := without(boats(), "contact")
	d.Rules.List = schema.Public
	d.Rules.View = schema.Locked
	d.Rules.Create = `@request.auth.id != "" && kind = "sail"`
	d = with(d, &core.TextField{Name: "name", Required: true, Max: 60, Presentable: true})
	d = with(d, &core.TextField{Name: "length"})
	d = with(d, &core.SelectField{Name: "kind", MaxSelect: 1, Values: []string{"motor", "oars", "steam"}})
	d = renamed(d, "afloat", &core.BoolField{Name: "floating"})
	d = with(d, &core.TextField{Name: "home", Required: true})
	d.Indexes = []string{"CREATE UNIQUE INDEX `idx_boats_name` ON `boats` (`name`)"}
	users := schema.Collection{
		Name: "crews", Was: "users", Type: core.CollectionTypeAuth,
		Rules:     schema.Rules{Auth: schema.Public},
		Fields:    []core.Field{&core.TextField{Name: "name", Max: 255}},
		Configure: func(c *core.Collection) { c.AuthToken.Duration = 3600; c.OAuth2.MappedFields.Name = "name" },
	}
	d = with(d, &core.RelationField{Name: "crew", CollectionId: "crews", MaxSelect: 5})
	ports := schema.Collection{Name: "ports", Fields: []core.Field{&core.SelectField{Name: "flags", Values: []string{"a", "b"}, MaxSelect: 2}}}

	plan, err := schema.Diff(app, []schema.Collection{d, users, ports})
	if err != nil {
		t.Fatal(err)
	}
	const want = `~ crews (renamed from users)
  - field  avatar (file)  ! no row holds a value
  - field  created (autodate)  ! no row holds a value
  - field  updated (autodate)  ! no row holds a value
  ~ rule   listRule
      - id = @request.auth.id
      + locked
  ~ rule   viewRule
      - id = @request.auth.id
      + locked
  ~ rule   createRule
      - public
      + locked
  ~ rule   updateRule
      - id = @request.auth.id
      + locked
  ~ rule   deleteRule
      - id = @request.auth.id
      + locked
  ~ option oauth2.mappedFields.avatarURL: avatar -> none
  ~ option authToken.duration: 432000 -> 3600

~ boats
  ~ field  name: max 100 -> 60, presentable false -> true
  - field  length: type number -> text  ! loses the value of 3 rows
  ~ field  kind: values -sail +steam  ! 1 row holds what is no longer allowed
  ~ field  afloat -> floating (renamed)
  + field  home (text, required)  ! 4 rows will be blank and cannot be saved until filled
  - field  contact (email)  ! loses the value of 2 rows
  + index  idx_boats_name  ! 2 rows share their values: the index cannot be created
      + CREATE UNIQUE INDEX ` + "`idx_boats_name` ON `boats` (`name`)" + `
  - index  idx_boats_kind
      - CREATE INDEX ` + "`idx_boats_kind` ON `boats` (`kind`)" + `
  ~ rule   listRule
      - @request.auth.id != ""
      + public
  ~ rule   viewRule
      - @request.auth.id != ""
      + locked
  ~ rule   createRule
      - locked
      + @request.auth.id != "" && kind = "sail"

+ ports (new base collection)
  + field  flags (select, up to 2)

1 collection to add, 2 collections to change.
8 changes put data at stake, marked with "!": a migration needs --allow-data-loss.
`
	if got := plan.String(); got != want {
		t.Errorf("plan (+ is wrong, - is missing):\n%s", schema.DiffLines(want, got))
	}

	var coloured strings.Builder
	if err := plan.Write(&coloured, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(coloured.String(), "\x1b[31m  ! loses the value of 3 rows\x1b[0m") {
		t.Errorf("the plan for a terminal does not mark the data at stake:\n%q", coloured.String())
	}
}

func TestPlanWithoutDifference(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	plan, err := schema.Diff(app, []schema.Collection{boats()})
	if err != nil {
		t.Fatal(err)
	}
	const want = "The database matches the definitions.\n\nNot defined, so left alone: users.\n"
	if got := plan.String(); got != want || !plan.Empty() {
		t.Errorf("got %q, empty %t, want %q", got, plan.Empty(), want)
	}
	raw, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(raw), `{"collections":[],"unmanaged":["users"]}`; got != want {
		t.Errorf("got JSON %s, want %s", got, want)
	}
}

// What each change does to the rows of harbour.
func TestPlanCountsWhatIsAtStake(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	index := func(sql string) schema.Collection {
		d := boats()
		d.Indexes = append(d.Indexes, sql)
		return d
	}
	for _, c := range []struct {
		name       string
		definition schema.Collection
		want       string // effect of the only risk, "" for none
		rows       int64
	}{
		{"drop a text field", without(boats(), "name"), "loses the value of 4 rows", 4},
		{"drop a number field", without(boats(), "length"), "loses the value of 3 rows", 3},
		{"drop a select field", without(boats(), "kind"), "loses the value of 3 rows", 3},
		{"drop a field with a list", without(boats(), "gear"), "loses the value of 2 rows", 2},
		{"drop a relation field", without(boats(), "crew"), "loses the value of 2 rows", 2},
		{"drop a JSON field", without(boats(), "log"), "loses the value of 1 row", 1},
		{"drop a bool field", without(boats(), "afloat"), "loses the value of 2 rows", 2},
		{"drop a point field", without(boats(), "berth"), "loses the value of 1 row", 1},
		{"drop a date field", without(boats(), "launched"), "loses the value of 2 rows", 2},
		{"drop a file field", without(boats(), "papers"), "loses the value of 2 rows", 2},
		{"drop the collection", schema.Dropped("boats"), "loses 4 rows", 4},
		{"change the type of the collection", schema.Collection{Name: "boats", Type: core.CollectionTypeAuth}, "loses 4 rows", 4},
		{"retype a field", with(boats(), &core.TextField{Name: "length"}), "loses the value of 3 rows", 3},
		{"point a relation elsewhere", with(boats(), &core.RelationField{Name: "crew", CollectionId: "boats", MaxSelect: 5}), "loses the value of 2 rows", 2},
		{
			"take a value from a select", with(boats(), &core.SelectField{Name: "kind", MaxSelect: 1, Values: []string{"motor", "oars"}}),
			"1 row holds what is no longer allowed", 1,
		},
		{
			"take an unused value from a select", with(boats(), &core.SelectField{Name: "kind", MaxSelect: 1, Values: []string{"motor", "sail"}}),
			"0 rows hold what is no longer allowed", 0,
		},
		{
			"take a value from a list", with(boats(), &core.SelectField{Name: "gear", MaxSelect: 2, Values: []string{"anchor", "radio"}}),
			"1 row holds what is no longer allowed", 1,
		},
		{
			"one value instead of a list", with(boats(), &core.SelectField{Name: "gear", MaxSelect: 1, Values: []string{"anchor", "radio", "raft"}}),
			"1 row keeps only the last of its values", 1,
		},
		{
			"one relation instead of a list", with(boats(), &core.RelationField{Name: "crew", CollectionId: "users", MaxSelect: 1}),
			"1 row keeps only the last of its values", 1,
		},
		{
			"a shorter list of relations", with(boats(), &core.RelationField{Name: "crew", CollectionId: "users", MaxSelect: 2}),
			"1 row holds what is no longer allowed", 1,
		},
		{"a longer list of relations", with(boats(), &core.RelationField{Name: "crew", CollectionId: "users", MaxSelect: 9}), "", 0},
		{
			"at least two relations", with(boats(), &core.RelationField{Name: "crew", CollectionId: "users", MinSelect: 2, MaxSelect: 5}),
			"1 row does not fit and cannot be saved until changed", 1,
		},
		{"fewer files", with(boats(), &core.FileField{Name: "papers", MaxSelect: 3}), "0 rows hold what is no longer allowed", 0},
		{"a required number", with(boats(), &core.NumberField{Name: "length", Required: true}), "1 row does not fit and cannot be saved until changed", 1},
		{"a required file", with(boats(), &core.FileField{Name: "papers", MaxSelect: 4, Required: true}), "2 rows do not fit and cannot be saved until changed", 2},
		{"a required bool", with(boats(), &core.BoolField{Name: "afloat", Required: true}), "2 rows do not fit and cannot be saved until changed", 2},
		{"a required point", with(boats(), &core.GeoPointField{Name: "berth", Required: true}), "3 rows do not fit and cannot be saved until changed", 3},
		{"a lower maximum", with(boats(), &core.NumberField{Name: "length", Max: types.Pointer(10.0)}), "2 rows do not fit and cannot be saved until changed", 2},
		{"a maximum that all keep", with(boats(), &core.NumberField{Name: "length", Max: types.Pointer(12.0)}), "", 0},
		{"a pattern", with(boats(), &core.TextField{Name: "name", Required: true, Max: 100, Pattern: "^[AB]"}), "1 row does not fit and cannot be saved until changed", 1},
		{"a shorter text", with(boats(), &core.TextField{Name: "name", Required: true, Max: 2}), "4 rows do not fit and cannot be saved until changed", 4},
		{"fewer domains", with(boats(), &core.EmailField{Name: "contact", OnlyDomains: []string{"one.example"}}), "1 row does not fit and cannot be saved until changed", 1},
		{
			"an earlier last day", with(boats(), &core.DateField{Name: "launched", Max: schema.Date("2026-01-31 00:00:00.000Z")}),
			"1 row does not fit and cannot be saved until changed", 1,
		},
		{"less JSON", with(boats(), &core.JSONField{Name: "log", MaxSize: 5}), "1 row does not fit and cannot be saved until changed", 1},
		{"a new field", with(boats(), &core.TextField{Name: "home"}), "", 0},
		{"a new required field", with(boats(), &core.TextField{Name: "home", Required: true}), "4 rows will be blank and cannot be saved until filled", 4},
		{"a new required relation", with(boats(), &core.RelationField{Name: "port", CollectionId: "users", Required: true}), "4 rows will be blank and cannot be saved until filled", 4},
		{"a unique index with duplicates", index("CREATE UNIQUE INDEX `idx_name` ON `boats` (`name`)"), "2 rows share their values: the index cannot be created", 2},
		{"a unique index that ignores case", index("CREATE UNIQUE INDEX `idx_name` ON `boats` (`name` COLLATE NOCASE, `kind`)"), "2 rows share their values: the index cannot be created", 2},
		{"a unique index on an expression", index("CREATE UNIQUE INDEX `idx_name` ON `boats` (lower(name))"), "2 rows share their values: the index cannot be created", 2},
		{"a unique index without duplicates", index("CREATE UNIQUE INDEX `idx_name` ON `boats` (`name`, `launched`)"), "", 0},
		{"a unique index on some rows", index("CREATE UNIQUE INDEX `idx_name` ON `boats` (`name`) WHERE `length` < 10"), "", 0},
		{"an index", index("CREATE INDEX `idx_name` ON `boats` (`name`)"), "", 0},
		{"a rule", func() schema.Collection { d := boats(); d.Rules.List = schema.Locked; return d }(), "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plan, err := schema.Diff(app, []schema.Collection{c.definition})
			if err != nil {
				t.Fatal(err)
			}
			if plan.Empty() {
				t.Fatal("got no difference")
			}
			risks := plan.Risks()
			if c.want == "" {
				if len(risks) > 0 {
					t.Errorf("got %+v, want nothing at stake", risks)
				}
				return
			}
			if len(risks) != 1 || risks[0].Effect != c.want || risks[0].Rows != c.rows {
				t.Errorf("got %+v, want %d: %s", risks, c.rows, c.want)
			}
		})
	}
}

// A long rule is shown condition by condition, with what changed.
func TestPlanComparesLongRules(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	d := boats()
	const long = `@request.auth.id != "" && (kind = "sail" || kind = "motor") && afloat = true && length > 3 && contact != "" && name != ""`
	d.Rules.Update = long
	if err := schema.Apply(app, []schema.Collection{d}); err != nil {
		t.Fatal(err)
	}
	d.Rules.Update = schema.Rule(strings.Replace(long, "length > 3", "length > 4", 1))
	plan, err := schema.Diff(app, []schema.Collection{d})
	if err != nil {
		t.Fatal(err)
	}
	const want = `~ boats
  ~ rule   updateRule
        && (kind = "sail" || kind = "motor")
        && afloat = true
      - && length > 3
      + && length > 4
        && contact != ""
        && name != ""
`
	if got := plan.String(); !strings.Contains(got, want) {
		t.Errorf("got plan\n%s\nwant in it\n%s", got, want)
	}
}

// Of a mail template only the lines that changed are shown.
func TestPlanComparesLongOptions(t *testing.T) {
	t.Parallel()
	plan, err := schema.Diff(pbtest.New(t), []schema.Collection{{Name: "users", Type: core.CollectionTypeAuth, Configure: func(c *core.Collection) {
		c.VerificationTemplate.Body = strings.Replace(c.VerificationTemplate.Body, "<p>Hello,</p>", "<p>Good day,</p>", 1)
	}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `
  ~ option verificationTemplate.body
      - <p>Hello,</p>
      + <p>Good day,</p>
        <p>Thank you for joining us at {APP_NAME}.</p>
`
	if got := plan.String(); !strings.Contains(got, want) {
		t.Errorf("got plan\n%s\nwant in it\n%s", got, want)
	}
}

// A unique index on a renamed and on a new column is looked up by what it will hold.
func TestPlanCountsDuplicatesUnderNewNames(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	d := renamed(boats(), "name", &core.TextField{Name: "title", Required: true, Max: 100})
	d = with(d, &core.TextField{Name: "home"})
	d.Indexes = append(d.Indexes, "CREATE UNIQUE INDEX `idx_title` ON `boats` (`title`, `home`) WHERE `home` = ''")
	plan, err := schema.Diff(app, []schema.Collection{d})
	if err != nil {
		t.Fatal(err)
	}
	if risks := plan.Risks(); len(risks) != 1 || risks[0].Rows != 2 {
		t.Errorf("got %+v, want 2 rows that share their values", risks)
	}
}

func TestDefinitionsThatContradictThemselves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		definitions []schema.Collection
		want        string
	}{
		{"two collections of one name", []schema.Collection{{Name: "a"}, {Name: "A"}}, "collection A is defined more than once"},
		{"defined and dropped", []schema.Collection{{Name: "a"}, schema.Dropped("a")}, "collection a is defined more than once"},
		{"no name", []schema.Collection{{}}, "a collection has no name"},
		{"an unknown type", []schema.Collection{{Name: "a", Type: "table"}}, `collection a has the unknown type "table"`},
		{"two that were one", []schema.Collection{{Name: "a", Was: "c"}, {Name: "b", Was: "c"}}, "collections a and b both say that they were c"},
		{"two fields of one name", []schema.Collection{{Name: "a", Fields: []core.Field{text("x"), text("X")}}}, "collection a: field X is defined more than once"},
		{
			"two fields that were one",
			[]schema.Collection{{Name: "a", Fields: []core.Field{schema.Was("z", text("x")), schema.Was("z", text("y"))}}},
			"collection a: fields x and y both say that they were z",
		},
		{"a collection that was itself", []schema.Collection{{Name: "a", Was: "a"}}, "collection a says that it was a, its own name"},
		{"a field that was itself", []schema.Collection{{Name: "a", Fields: []core.Field{schema.Was("x", text("x"))}}}, "collection a: field x says that it was x, its own name"},
		{"a nil field", []schema.Collection{{Name: "a", Fields: []core.Field{nil}}}, "collection a: field 0 is nil"},
		{"a view with fields", []schema.Collection{{Name: "a", Type: core.CollectionTypeView, Fields: []core.Field{text("x")}}}, "collection a: a view has no fields of its own"},
		{
			"a relation to nothing",
			[]schema.Collection{{Name: "a", Fields: []core.Field{&core.RelationField{Name: "x", CollectionId: "nowhere"}}}},
			`collection a, field x: there is no collection "nowhere" to relate to`,
		},
		{
			"fields from Configure",
			[]schema.Collection{{Name: "a", Configure: func(c *core.Collection) { c.Fields.Add(text("x")) }}},
			"collection a: Configure must leave the fields alone",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := schema.Diff(pbtest.New(t), c.definitions)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}
