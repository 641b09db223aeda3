package apidoc_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// What the database lacks is told with what to do, and nothing if it lacks nothing.
func TestUnmigrated(t *testing.T) {
	t.Parallel()
	migrations := core.MigrationsList{}
	nothing := func(core.App) error { return nil }
	migrations.Register(nothing, nothing, "1_one.go")
	migrations.Register(nothing, nothing, "2_two.go")
	own := func(app core.App) error { return app.Save(core.NewBaseCollection("parcels")) }

	app := pbtest.New(t)
	said := func(list core.MigrationsList) string {
		t.Helper()
		text, err := apidoc.Unmigrated(app, list)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := said(migrations); !strings.Contains(got, app.DataDir()+" lacks 2 of the program's 2 migrations") || !strings.Contains(got, "--migrate") {
		t.Errorf("with two missing: got %q", got)
	}
	if got := said(core.MigrationsList{}); !strings.Contains(got, "has no collections of its own") {
		t.Errorf("with nothing: got %q", got)
	}
	if _, err := core.NewMigrationsRunner(app, migrations).Up(); err != nil {
		t.Fatal(err)
	}
	if got := said(migrations); got != "" {
		t.Errorf("with all migrations: got %q", got)
	}
	if err := own(app); err != nil {
		t.Fatal(err)
	}
	if got := said(core.MigrationsList{}); got != "" {
		t.Errorf("with a collection: got %q", got)
	}
}
