package collections_test

import (
	"encoding/json"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/collections"
	_ "github.com/holdall-go/holdall/pb_migrations"
	"github.com/holdall-go/holdall/plugins/schema"
)

// The migrations, applied to an empty database, give what is defined.
func TestMigrationsGiveTheDefinitions(t *testing.T) {
	t.Parallel()

	app, err := tests.NewTestApp(t.TempDir()) // applies every registered migration
	if err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	migrated := export(t, app)
	if err := schema.Apply(app, collections.All()); err != nil {
		t.Fatal(err)
	}
	defined := export(t, app)

	for name, want := range defined {
		if got := migrated[name]; got != want {
			t.Errorf("collection %s\n got %s\nwant %s", name, got, want)
		}
	}
}

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
		m := map[string]any{}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "created")
		delete(m, "updated")
		if raw, err = json.Marshal(m); err != nil {
			t.Fatal(err)
		}
		result[c.Name] = string(raw)
	}
	return result
}
