package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	changed := with(boats(), &core.TextField{Name: "home"})
	toBoats := func(app core.App) error { return schema.Apply(app, []schema.Collection{boats()}) }
	toChanged := func(app core.App) error { return schema.Apply(app, []schema.Collection{changed}) }

	for _, c := range []struct {
		name       string
		definition schema.Collection
		migrations []func(core.App) error
		applied    int                  // how many of them the database has had
		database   func(core.App) error // what was done to it besides
		want       map[string]bool      // the checks that pass
		text       string
	}{
		{
			"all agree", boats(),
			[]func(core.App) error{toBoats},
			1, nil,
			map[string]bool{schema.CheckMigrations: true, schema.CheckDatabase: true, schema.CheckApplied: true},
			"ok     migrations  1 migration gives the definitions on an empty database\n" +
				"ok     database    the database matches the definitions\n" +
				"ok     applied     the database has had every migration\n" +
				"Not defined, so left alone: users.\n",
		},
		{
			"a definition was changed", changed,
			[]func(core.App) error{toBoats},
			1, nil,
			map[string]bool{schema.CheckMigrations: false, schema.CheckDatabase: false, schema.CheckApplied: true},
			"drift  migrations  the migrations do not give the definitions; \"collections migrate NAME\" writes what is missing\n" +
				"       ~ boats\n         + field  home (text)\n       \n       1 collection to change.\n" +
				"drift  database    the database differs from the definitions\n       the same difference as above\n",
		},
		{
			"a migration waits", changed,
			[]func(core.App) error{toBoats, toChanged},
			1, nil,
			map[string]bool{schema.CheckMigrations: true, schema.CheckDatabase: false, schema.CheckApplied: false},
			"drift  applied     1 migration waits to be applied: 1.go; start the server or run \"migrate up\"\n",
		},
		{
			"the dashboard changed the database", boats(),
			[]func(core.App) error{toBoats},
			1, toChanged,
			map[string]bool{schema.CheckMigrations: true, schema.CheckDatabase: false, schema.CheckApplied: true},
			"- field  home (text)",
		},
		{
			"a migration fails on an empty database", boats(),
			[]func(core.App) error{func(core.App) error { return errors.New("no such luck") }, toBoats},
			2, toBoats,
			map[string]bool{schema.CheckMigrations: false, schema.CheckDatabase: true, schema.CheckApplied: true},
			"drift  migrations  on an empty database: failed to apply migration 0.go: no such luck\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := pbtest.New(t)
			config := config(t, c.definition)
			for i, up := range c.migrations {
				file := string(rune('0'+i)) + ".go"
				config.Migrations.Register(up, nil, file)
				if i >= c.applied {
					continue
				}
				_ = up(app) // the failing one is for the empty database
				if _, err := app.DB().Insert(core.DefaultMigrationsTable, dbx.Params{"file": file, "applied": i + 1}).Execute(); err != nil {
					t.Fatal(err)
				}
			}
			if c.database != nil {
				if err := c.database(app); err != nil {
					t.Fatal(err)
				}
			}
			report, err := schema.Check(app, config)
			if err != nil {
				t.Fatal(err)
			}
			ok := true
			for _, check := range report.Checks {
				ok = ok && check.OK
				if check.OK != c.want[check.Name] {
					t.Errorf("check %s: got %t, want %t: %s", check.Name, check.OK, c.want[check.Name], check.Message)
				}
			}
			if report.OK != ok || len(report.Checks) != 3 {
				t.Errorf("got OK %t of %d checks, want %t of 3", report.OK, len(report.Checks), ok)
			}
			var text strings.Builder
			if err := report.Write(&text, false); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text.String(), c.text) {
				t.Errorf("got the report\n%s\nwant in it\n%s", text.String(), c.text)
			}
		})
	}
}

// run runs the "collections" command on app as a user would.
func run(t *testing.T, app core.App, c schema.Config, args ...string) (stdout string, err error) {
	t.Helper()
	root := &cobra.Command{Use: "app", SilenceErrors: true}
	c.RootCmd = root
	if _, err := schema.Register(app, c); err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&problems)
	root.SetArgs(append([]string{"collections"}, args...))
	err = root.Execute()
	return out.String(), err
}

func TestCommands(t *testing.T) {
	t.Parallel()
	changed := with(boats(), &core.TextField{Name: "home"})
	for _, c := range []struct {
		name       string
		definition schema.Collection
		args       []string
		stdout     string // part of it
		err        string // part of it, "" for none
		written    int
	}{
		{"plan", changed, []string{"plan"}, "~ boats\n  + field  home (text)\n", "", 0},
		{"plan without a difference", boats(), []string{"plan"}, "The database matches the definitions.\n", "", 0},
		{"plan as JSON", without(boats(), "contact"), []string{"plan", "--json"}, `"risks": [
    {
      "subject": "drop field boats.contact",
      "rows": 2,
      "effect": "loses the value of 2 rows"
    }
  ],
  "pending": []`, "", 0},
		{"plan with too much", boats(), []string{"plan", "boats"}, "", `unknown command "boats"`, 0},
		{"migrate", changed, []string{"migrate", "add_home"}, "_add_home.go. Read it and commit it; the next start applies it.\n", "", 1},
		{"migrate as JSON", changed, []string{"migrate", "add_home", "--json"}, `_add_home.go",`, "", 1},
		{"migrate without a name", changed, []string{"migrate"}, "", "needs a name for the migration, such as add_due_date", 0},
		{"migrate with two names", changed, []string{"migrate", "a", "b"}, "", "needs a name for the migration", 0},
		{"migrate with a bad name", changed, []string{"migrate", "Add Home"}, "", `got "Add Home"`, 0},
		{"migrate without a difference", boats(), []string{"migrate", "nothing"}, "There is nothing to migrate.\n", "", 0},
		{
			"migrate what loses data", without(boats(), "contact"),
			[]string{"migrate", "drop_contact"},
			"- field  contact (email)  ! loses the value of 2 rows", "repeat with --allow-data-loss", 0,
		},
		{
			"migrate what loses data, as JSON", without(boats(), "contact"),
			[]string{"migrate", "drop_contact", "--json"},
			`"path": ""`, "repeat with --allow-data-loss", 0,
		},
		{"migrate with consent", without(boats(), "contact"), []string{"migrate", "drop_contact", "--allow-data-loss"}, "_drop_contact.go", "", 1},
		{"check", boats(), []string{"check"}, "ok     database", "", 0},
		{"check finds drift", changed, []string{"check"}, "drift  database", "definitions, migrations and database do not agree", 0},
		{"check as JSON", changed, []string{"check", "--json"}, `"ok": false,`, "do not agree", 0},
		{"help", boats(), nil, "Available Commands:", "", 0},
		{"an unknown command", boats(), []string{"plant"}, "", `unknown command "plant"`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := harbour(t)
			config := history(t, app, c.definition)
			stdout, err := run(t, app, config, c.args...)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
			if !strings.Contains(stdout, c.stdout) {
				t.Errorf("got stdout\n%s\nwant in it\n%s", stdout, c.stdout)
			}
			if strings.Contains(stdout, "\x1b") {
				t.Errorf("got colours where there is no terminal: %q", stdout)
			}
			if files := migrationFiles(t, config); len(files) != c.written {
				t.Errorf("got files %v, want %d", files, c.written)
			}
			if strings.Contains(strings.Join(c.args, " "), "--json") && !json.Valid([]byte(stdout)) {
				t.Errorf("got no JSON: %s", stdout)
			}
		})
	}
}

func TestPlanSaysThatMigrationsWait(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	config := history(t, app, boats())
	config.Migrations.Register(nil, nil, "1800000000_waiting.go")
	stdout, err := run(t, app, config, "plan")
	if want := "1 migration waits to be applied: 1800000000_waiting.go."; err != nil || !strings.HasPrefix(stdout, want) {
		t.Errorf("got %q, error %v, want %q first", stdout, err, want)
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	if _, err := schema.Register(app, schema.Config{}); err != nil {
		t.Errorf("the zero configuration: %v", err)
	}
	root := &cobra.Command{Use: "app"}
	if _, err := schema.Register(app, schema.Config{RootCmd: root}); err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Register(app, schema.Config{RootCmd: root}); err == nil {
		t.Error("got no error for a second registration on the same command")
	}

	err := schema.Config{Dir: ".", Collections: []schema.Collection{{Name: "a"}, {Name: "a"}, {}}}.Validate()
	for _, want := range []string{"schema: ", `Dir must be a folder of its own, got "."`, "collection a is defined more than once", "a collection has no name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister did not panic")
		}
	}()
	schema.MustRegister(app, schema.Config{Dir: "."})
}

// The migrations in a folder that the binary lacks are no reason to pass.
func TestCheckWithAnOldBinary(t *testing.T) {
	t.Parallel()
	app := harbour(t)
	config := history(t, app, boats())
	config.Dir = t.TempDir()
	writeFile(t, filepath.Join(config.Dir, "1800000001_not_built.go"), "package pb_migrations\n")
	report, err := schema.Check(app, config)
	if err != nil || report.OK || !strings.Contains(report.Checks[0].Message, "1800000001_not_built.go: build it again") {
		t.Errorf("got %+v, error %v, want drift of the migrations", report, err)
	}
}
