package collections_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	_ "github.com/holdall-go/holdall/pb_migrations"
	"github.com/holdall-go/holdall/plugins/schema"
)

// emptyApp is an app that has had none of the migrations.
func emptyApp(t *testing.T) core.App {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.ResetBootstrapState(); err != nil {
			t.Error(err)
		}
	})
	return app
}

// The migrations, applied to an empty database, give what is defined.
func TestMigrationsGiveTheDefinitions(t *testing.T) {
	t.Parallel()
	app := emptyApp(t)
	if _, err := core.NewMigrationsRunner(app, core.AppMigrations).Up(); err != nil {
		t.Fatal(err)
	}
	plan, err := schema.Diff(app, collections.All())
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Empty() {
		t.Errorf("the migrations do not give the definitions; \"collections migrate NAME\" writes what is missing:\n%s", plan)
	}
}

// All migrations can be taken back, and applied again.
func TestMigrationsGoBack(t *testing.T) {
	t.Parallel()
	app := emptyApp(t)
	before := export(t, app)
	runner := core.NewMigrationsRunner(app, core.AppMigrations)
	for range 2 {
		applied, err := runner.Up()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := runner.Down(len(applied)); err != nil {
			t.Fatal(err)
		}
		if got := export(t, app); !maps.Equal(got, before) {
			t.Fatalf("the way back does not restore the schema:\n got %v\nwant %v", got, before)
		}
	}
}

// export is each collection as one text, ids included, without times.
func export(t *testing.T, app core.App) map[string]string {
	t.Helper()
	all, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	result := map[string]string{}
	for _, c := range all {
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		data := map[string]any{}
		if err := json.Unmarshal(raw, &data); err != nil {
			t.Fatal(err)
		}
		delete(data, "created")
		delete(data, "updated")
		if raw, err = json.Marshal(data); err != nil {
			t.Fatal(err)
		}
		result[c.Name] = string(raw)
	}
	return result
}
