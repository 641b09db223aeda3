package schema_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// config is a configuration with a migrations folder and list of its own, on
// which nothing is registered.
func config(t *testing.T, definitions ...schema.Collection) schema.Config {
	t.Helper()
	return schema.Config{
		Collections: definitions,
		Dir:         filepath.Join(t.TempDir(), "pb_migrations"),
		Migrations:  &core.MigrationsList{},
	}
}

// history is a configuration whose migrations gave the database of harbour.
func history(t *testing.T, app core.App, definitions ...schema.Collection) schema.Config {
	t.Helper()
	c := config(t, definitions...)
	const file = "1700000000_boats.go"
	if err := os.Mkdir(c.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(c.Dir, file), "package pb_migrations\n")
	c.Migrations.Register(func(app core.App) error { return schema.Apply(app, []schema.Collection{boats()}) }, nil, file)
	if _, err := app.DB().Insert(core.DefaultMigrationsTable, dbx.Params{"file": file, "applied": 1}).Execute(); err != nil {
		t.Fatal(err)
	}
	return c
}

// migrationFiles are the files in the folder of the migrations, without the one
// of history.
func migrationFiles(t *testing.T, c schema.Config) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(paths, func(path string) bool { return filepath.Base(path) == "1700000000_boats.go" })
}

// prove returns the migration to the definitions.
func prove(t *testing.T, app core.App, definitions ...schema.Collection) schema.Journey {
	t.Helper()
	plan, err := schema.Diff(app, definitions)
	if err != nil {
		t.Fatal(err)
	}
	journey, err := schema.Prove(plan)
	if err != nil {
		t.Fatalf("%v\n%s", err, plan)
	}
	return journey
}

// migrate takes the database to the definitions, and says how to get back.
func migrate(t *testing.T, app core.App, definitions ...schema.Collection) (back func()) {
	t.Helper()
	journey := prove(t, app, definitions...)
	if err := journey.Up(app); err != nil {
		t.Fatal(err)
	}
	if left, err := schema.Diff(app, definitions); err != nil || !left.Empty() {
		t.Fatalf("there is a difference left (%v):\n%s", err, left)
	}
	return func() {
		t.Helper()
		if err := journey.Down(app); err != nil {
			t.Fatal(err)
		}
	}
}

// column is what the rows hold in a column, in the order of their ids.
func column(t *testing.T, app core.App, table, name string) string {
	t.Helper()
	var values []string
	if err := app.DB().Select(name).From(table).OrderBy("id").Column(&values); err != nil {
		t.Fatal(err)
	}
	return strings.Join(values, ",")
}

func TestDroppingAFieldNeedsConsentAndComesBack(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	c := history(t, app, without(boats(), "contact"))
	before := schemaOf(t, app)

	_, err := schema.WriteMigration(app, c, "drop_contact", false)
	var loss *schema.DataLossError
	if !errors.As(err, &loss) || len(loss.Risks) != 1 || loss.Risks[0].Rows != 2 {
		t.Fatalf("got error %v, want a DataLossError about 2 rows", err)
	}
	for _, want := range []string{"drop field boats.contact: loses the value of 2 rows", "--allow-data-loss"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got error %q, want %q in it", err, want)
		}
	}
	if files := migrationFiles(t, c); len(files) > 0 {
		t.Errorf("a refused migration wrote %v", files)
	}

	migration, err := schema.WriteMigration(app, c, "drop_contact", true)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(migration.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"// contact (email) goes with what it holds\n", "// contact comes back empty\n"} {
		if !strings.Contains(string(source), want) {
			t.Errorf("the migration does not say %q:\n%s", want, source)
		}
	}

	back := migrate(t, app, c.Collections...)
	if got := schemaOf(t, app); strings.Contains(got, `"contact"`) {
		t.Errorf("the field is still there: %s", got)
	}
	back()
	if got := schemaOf(t, app); got != before {
		t.Errorf("down does not restore the schema (+ is wrong, - is missing):\n%s", schema.DiffLines(before, got))
	}
	if got := column(t, app, "boats", "contact"); got != ",,," {
		t.Errorf("got %q in the restored column, want blanks", got)
	}
}

func TestMigrationSource(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	d := with(without(boats(), "log"), &core.TextField{Name: "name", Required: true, Max: 200})
	d = renamed(d, "launched", &core.DateField{Name: "built", Max: schema.Date("2030-01-01 00:00:00.000Z")})
	d.Rules.Create = `owner = @request.auth.id`
	d = with(d, &core.RelationField{Name: "owner", CollectionId: "people", MaxSelect: 1})
	people := schema.Collection{
		Name: "people", Type: core.CollectionTypeAuth, Rules: schema.Rules{Auth: schema.Public},
		Configure: func(c *core.Collection) { c.AuthToken.Duration = 3600 },
	}

	source, err := prove(t, app, d, people).Source("pb_migrations")
	if err != nil {
		t.Fatal(err)
	}
	const want = "package pb_migrations\n" + `
import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"
)

func init() {
	m.Register(func(app core.App) error {
		people := core.NewAuthCollection("people")
		people.AuthToken.Duration = 3600
		if err := app.Save(people); err != nil {
			return fmt.Errorf("save people: %w", err)
		}

		boats, err := app.FindCollectionByNameOrId("boats")
		if err != nil {
			return fmt.Errorf("find boats: %w", err)
		}
		// log (json) goes with what it holds
		boats.Fields.RemoveByName("log")
		if field := boats.Fields.GetByName("launched"); field != nil {
			field.SetName("built")
		} else {
			return errors.New("boats has no field launched")
		}
		// name: max 100 -> 200
		boats.Fields.Add(&core.TextField{Name: "name", Max: 200, Required: true})
		// built: max none -> 2030-01-01 00:00:00.000Z
		if err := json.Unmarshal([]byte(` + "`" + `{"max":"2030-01-01 00:00:00.000Z"}` + "`" + `), boats.Fields.GetByName("built")); err != nil {
			return fmt.Errorf("change field built of boats: %w", err)
		}
		boats.Fields.Add(&core.RelationField{Name: "owner", CollectionId: people.Id, MaxSelect: 1})
		boats.CreateRule = types.Pointer(` + "`owner = @request.auth.id`" + `)
		if err := app.Save(boats); err != nil {
			return fmt.Errorf("save boats: %w", err)
		}

		return nil
	}, func(app core.App) error {
		boats, err := app.FindCollectionByNameOrId("boats")
		if err != nil {
			return fmt.Errorf("find boats: %w", err)
		}
		// owner (relation) goes with what it holds
		boats.Fields.RemoveByName("owner")
		if field := boats.Fields.GetByName("built"); field != nil {
			field.SetName("launched")
		} else {
			return errors.New("boats has no field built")
		}
		// name: max 200 -> 100
		boats.Fields.Add(&core.TextField{Name: "name", Max: 100, Required: true})
		// log comes back empty
		boats.Fields.AddAt(7, &core.JSONField{Name: "log"})
		// launched: max 2030-01-01 00:00:00.000Z -> none
		boats.Fields.Add(&core.DateField{Name: "launched"})
		boats.CreateRule = nil // locked
		if err := app.Save(boats); err != nil {
			return fmt.Errorf("save boats: %w", err)
		}

		people, err := app.FindCollectionByNameOrId("people")
		if err != nil {
			return fmt.Errorf("find people: %w", err)
		}
		if err := app.Delete(people); err != nil {
			return fmt.Errorf("drop people: %w", err)
		}

		return nil
	})
}
`
	if got := string(source); got != want {
		t.Errorf("migration (+ is wrong, - is missing):\n%s", schema.DiffLines(want, got))
	}
}

// What is simple takes one save for each collection.
func TestMigrationsAreShort(t *testing.T) {
	t.Parallel()
	people := schema.Collection{Name: "people", Type: core.CollectionTypeAuth, Rules: schema.Rules{Auth: schema.Public, List: `boats_via_crew.name ?= @request.body.nick`}, Fields: []core.Field{text("nick")}}
	crewed := with(boats(), &core.RelationField{Name: "crew", CollectionId: "people", MaxSelect: 5})
	for _, c := range []struct {
		name        string
		definitions []schema.Collection
		want        int
	}{
		{"a field", []schema.Collection{with(boats(), text("home"))}, 1},
		{"a rule about a new field", []schema.Collection{func() schema.Collection {
			d := with(boats(), text("home"))
			d.Rules.Update = `home = "x" && name != "home"`
			return d
		}()}, 1},
		{"a new collection with rules about itself and others", []schema.Collection{boats(), {
			Name: "ports", Rules: schema.Rules{List: `boat.name != "" && code != ""`},
			Fields: []core.Field{relation("boat", "boats"), text("code")},
		}}, 1},
		{"a new collection that relates to itself", []schema.Collection{boats(), {
			Name: "ports", Rules: schema.Rules{List: `ports_via_next.code ?= "x"`},
			Fields: []core.Field{relation("next", "ports"), text("code")},
		}}, 2},
		{"a rule that needs the relation of another collection", []schema.Collection{crewed, people}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := prove(t, harbour(t), c.definitions...).Saves(); got != c.want {
				t.Errorf("got %d saves, want %d", got, c.want)
			}
		})
	}
}

func TestRenamesKeepTheData(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	vessels := renamed(boats(), "name", &core.TextField{Name: "title", Required: true, Max: 100})
	vessels.Name, vessels.Was = "vessels", "boats"
	vessels.Indexes = []string{"CREATE INDEX `idx_boats_kind` ON `vessels` (`kind`)"}
	// a new collection and a new field take the old names
	vessels = with(vessels, &core.NumberField{Name: "name"})
	again := schema.Collection{Name: "boats", Fields: []core.Field{&core.RelationField{Name: "vessel", CollectionId: "vessels"}}}
	before := schemaOf(t, app)

	back := migrate(t, app, vessels, again)
	if got, want := column(t, app, "vessels", "title"), "Ant,Bee,Bee,Cow"; got != want {
		t.Errorf("got %q under the new names, want %q", got, want)
	}
	if got, want := column(t, app, "vessels", "name"), "0,0,0,0"; got != want {
		t.Errorf("got %q in the new field of the old name, want %q", got, want)
	}
	if plan, err := schema.Diff(app, []schema.Collection{vessels, again}); err != nil || !plan.Empty() {
		t.Errorf("what was renamed is renamed again (%v):\n%s", err, plan)
	}
	back()
	if got, want := column(t, app, "boats", "name"), "Ant,Bee,Bee,Cow"; got != want {
		t.Errorf("got %q after down, want %q", got, want)
	}
	if got := schemaOf(t, app); got != before {
		t.Errorf("down does not restore the schema (+ is wrong, - is missing):\n%s", schema.DiffLines(before, got))
	}
}

// Without a declaration a new name is a new field, and the old one is dropped.
func TestRenamesAreNeverGuessed(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	plan, err := schema.Diff(app, []schema.Collection{with(without(boats(), "name"), &core.TextField{Name: "title", Required: true, Max: 100})})
	if err != nil {
		t.Fatal(err)
	}
	text := plan.String()
	if strings.Contains(text, "renamed") || !strings.Contains(text, "- field  name (text)  ! loses the value of 4 rows") {
		t.Errorf("got a plan that guesses:\n%s", text)
	}
}

func TestNothingToMigrate(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	c := history(t, app, boats())
	migration, err := schema.WriteMigration(app, c, "nothing", false)
	if err != nil || migration.Path != "" || len(migrationFiles(t, c)) > 0 {
		t.Errorf("got %q, error %v, files %v, want nothing written", migration.Path, err, migrationFiles(t, c))
	}
}

func TestMigrationNames(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	for _, c := range []struct{ name, want string }{
		{"", "the name of a migration is lower case letters"},
		{"Add Field", "the name of a migration is lower case letters"},
		{"../escape", "the name of a migration is lower case letters"},
		{"1st", "the name of a migration is lower case letters"},
		{"add_test", "the compiler would leave out a file whose name ends in _test"},
		{"port_to_windows", "the compiler would leave out a file whose name ends in _windows"},
		{"for_arm64", "the compiler would leave out a file whose name ends in _arm64"},
		{"trailing_", "the compiler would leave out"},
		{"boats", "there is a migration of that name already: 1700000000_boats.go"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := history(t, harbour(t), with(boats(), &core.TextField{Name: "home"}))
			_, err := schema.WriteMigration(app, config, c.name, false)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}

// A migration sorts after every other, also while the clock is behind.
func TestMigrationsAreInOrder(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	c := history(t, app, with(boats(), &core.TextField{Name: "home"}))
	const future = "9000000000_future.go"
	c.Migrations.Register(nil, nil, future)
	if _, err := app.DB().Insert(core.DefaultMigrationsTable, dbx.Params{"file": future, "applied": 2}).Execute(); err != nil {
		t.Fatal(err)
	}
	migration, err := schema.WriteMigration(app, c, "add_home", false)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := filepath.Base(migration.Path), "9000000001_add_home.go"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMigrateWaitsForOtherMigrations(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	changed := with(boats(), &core.TextField{Name: "home"})

	pending := history(t, app, changed)
	pending.Migrations.Register(nil, nil, "1800000000_waiting.go")
	_, err := schema.WriteMigration(app, pending, "add_home", false)
	var waits *schema.PendingError
	if !errors.As(err, &waits) || len(waits.Files) != 1 || !strings.Contains(err.Error(), `run "migrate up" first`) {
		t.Errorf("got error %v, want a PendingError", err)
	}

	unknown := config(t, changed)
	if err := os.Mkdir(unknown.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(unknown.Dir, "1800000001_not_built.go"), "package pb_migrations\n")
	writeFile(t, filepath.Join(unknown.Dir, "doc.go"), "package pb_migrations\n")
	if _, err := schema.WriteMigration(app, unknown, "add_home", false); err == nil || !strings.Contains(err.Error(), "1800000001_not_built.go; build it again") {
		t.Errorf("got error %v, want one about the file that the binary lacks", err)
	}
}

// Definitions that PocketBase would refuse are refused before anything is written.
func TestWrongDefinitionsWriteNothing(t *testing.T) {
	t.Parallel()
	rule := func(r schema.Rule) []schema.Collection {
		d := boats()
		d.Rules.Update = r
		return []schema.Collection{d}
	}
	crews := schema.Collection{
		Name: "crews", Rules: schema.Rules{List: `boat.name != ""`},
		Fields: []core.Field{&core.RelationField{Name: "boat", CollectionId: "boats"}},
	}
	for _, c := range []struct {
		name        string
		setup       []schema.Collection
		definitions []schema.Collection
		want        string
	}{
		{"a rule about no field", nil, rule(`nothing = 1`), `unknown field "nothing"`},
		{"a rule that does not parse", nil, rule(`name = `), "Invalid rule"},
		{"an index on no field", nil, func() []schema.Collection {
			d := boats()
			d.Indexes = append(d.Indexes, "CREATE INDEX `idx_nothing` ON `boats` (`nothing`)")
			return []schema.Collection{d}
		}(), "idx_nothing"},
		{"a view of nothing", nil, []schema.Collection{{Name: "v", Type: core.CollectionTypeView, Query: "SELECT id FROM nothing"}}, "nothing"},
		{
			"a dropped field in the rule of a collection that stays",
			[]schema.Collection{boats(), crews},
			[]schema.Collection{without(boats(), "name"), crews},
			"collection crews would no longer be valid",
		},
		{
			"a dropped collection that an undefined one relates to",
			[]schema.Collection{boats(), crews},
			[]schema.Collection{schema.Dropped("boats")},
			"collection boats is to go, but crews, which is not defined, relates to it by the field boat",
		},
		{
			"a dropped field in an undefined view",
			[]schema.Collection{boats(), {Name: "v", Type: core.CollectionTypeView, Query: "SELECT id, name FROM boats"}},
			[]schema.Collection{without(boats(), "name")},
			"save collection v",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := harbour(t)
			if err := schema.Apply(app, c.setup); err != nil {
				t.Fatal(err)
			}
			config := config(t, c.definitions...)
			before := schemaOf(t, app)
			_, err := schema.WriteMigration(app, config, "wrong", true)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
			if files := migrationFiles(t, config); len(files) > 0 {
				t.Errorf("wrote %v", files)
			}
			if got := schemaOf(t, app); got != before {
				t.Errorf("the database changed (+ is new, - is gone):\n%s", schema.DiffLines(before, got))
			}
		})
	}
}

// Migrations of a project are not written somewhere else.
func TestMigrateInAnotherFolder(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	c := history(t, app, with(boats(), text("home")))
	c.Dir = filepath.Join(t.TempDir(), "pb_migrations")
	_, err := schema.WriteMigration(app, c, "add_home", false)
	if err == nil || !strings.Contains(err.Error(), "change to the folder of the project") {
		t.Errorf("got error %v, want one about the folder", err)
	}
	if _, err := os.Stat(c.Dir); !os.IsNotExist(err) {
		t.Errorf("the folder was created, error %v", err)
	}
}

// A view that is broken in the database is in the way of what SQLite renames and
// drops there, so it is in the way of the proof too.
func TestBrokenViewsAreInTheProof(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	if err := schema.Apply(app, []schema.Collection{view("broken", "SELECT id FROM boats")}); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"UPDATE _collections SET options = json_set(options, '$.viewQuery', 'SELECT id FROM nowhere') WHERE name = 'broken'",
		"DROP VIEW broken",
		"CREATE VIEW broken AS SELECT id FROM nowhere",
	} {
		if _, err := app.DB().NewQuery(query).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := schema.Diff(app, []schema.Collection{without(boats(), "name")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Prove(plan); err == nil || !strings.Contains(err.Error(), "error in view broken") {
		t.Errorf("got error %v, want SQLite's about the view", err)
	}
}

func TestMigrationPackageNames(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	for _, c := range []struct{ dir, existing, want string }{
		{"pb_migrations", "", "package pb_migrations\n"},
		{"db-Migrations", "", "package dbmigrations\n"},
		{"2026", "", "package migrations\n"},
		{"anything", "package history\n", "package history\n"},
	} {
		t.Run(c.dir, func(t *testing.T) {
			t.Parallel()
			config := config(t, schema.Collection{Name: "things"})
			config.Dir = filepath.Join(t.TempDir(), c.dir)
			if c.existing != "" {
				if err := os.Mkdir(config.Dir, 0o700); err != nil {
					t.Fatal(err)
				}
				writeFile(t, filepath.Join(config.Dir, "doc.go"), c.existing)
			}
			migration, err := schema.WriteMigration(app, config, "add_things", false)
			if err != nil {
				t.Fatal(err)
			}
			source, err := os.ReadFile(migration.Path)
			if err != nil || !strings.HasPrefix(string(source), c.want) {
				t.Errorf("got %.40q, error %v, want %q", source, err, c.want)
			}
		})
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
