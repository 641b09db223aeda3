package changes_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
)

// rebuild makes the table of the tasks anew by hand, as some tools do, and
// writes unseen.
func rebuild(app core.App) error {
	for _, sql := range []string{
		"CREATE TABLE rebuilt AS SELECT * FROM tasks", "DROP TABLE tasks", "ALTER TABLE rebuilt RENAME TO tasks",
		"DELETE FROM tasks WHERE id = '" + id("a") + "'", "INSERT INTO tasks (id) VALUES ('" + id("c") + "')",
	} {
		if err := exec(app, sql); err != nil {
			return err
		}
	}
	return nil
}

func TestLostTriggersAreNoticedAtTheNextStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, _ := newApp(t, dir)
	if err := errors.Join(create(app, "tasks", id("a"), nil), create(app, "tasks", id("b"), nil)); err != nil {
		t.Fatal(err)
	}
	if err := rebuild(app); err != nil {
		t.Fatal(err)
	}
	pbtest.Terminate(t, app)

	again, log := newApp(t, dir)
	page, err := log.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	got := summary(page.Changes)
	for _, want := range []string{"-a", "+b", "+c"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %v, want %s in it", got, want)
		}
	}
	if err := create(again, "tasks", id("d"), nil); err != nil {
		t.Fatal(err)
	}
	if page, _ = log.Read(t.Context(), page.Next, 10); !slices.Equal(summary(page.Changes), []string{"+d"}) {
		t.Errorf("after the repair: got %v, want [+d]", summary(page.Changes))
	}
}

func TestLostTriggersAreNoticedWhileTheAppRuns(t *testing.T) {
	t.Parallel()
	app, log := newApp(t, t.TempDir())
	log.Start()
	if err := errors.Join(create(app, "tasks", id("a"), nil), create(app, "tasks", id("b"), nil), rebuild(app)); err != nil {
		t.Fatal(err)
	}
	pbtest.Eventually(t, time.Minute, func() error {
		page, err := log.Read(t.Context(), 0, 1000)
		got := summary(page.Changes)
		for _, want := range []string{"-a", "+b", "+c"} {
			if !slices.Contains(got, want) {
				err = errors.Join(err, fmt.Errorf("got %v, want %s in it", got, want))
			}
		}
		return err
	})
}

// TestCollectionOfAProcessWithoutTheLog is one that a stock PocketBase makes on
// the same data.
func TestCollectionOfAProcessWithoutTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, log := newApp(t, dir)
	log.Start()
	stock := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := stock.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, stock) })
	save(t, stock, core.NewBaseCollection("foreign"))
	if err := create(stock, "foreign", id("f"), nil); err != nil {
		t.Fatal(err)
	}
	pbtest.Eventually(t, time.Minute, func() error {
		page, err := log.Read(t.Context(), 0, 1000)
		if got := summary(page.Changes); !slices.Contains(got, "+f") {
			return errors.Join(err, fmt.Errorf("got %v, want +f in it", got))
		}
		return err
	})
	if err := create(stock, "tasks", id("t"), nil); err != nil {
		t.Errorf("stock PocketBase cannot write beside the log: %v", err)
	}
	tasks, err := stock.FindCollectionByNameOrId("tasks")
	if err != nil {
		t.Fatal(err)
	}
	tasks.Fields.RemoveByName("title")
	if err := stock.Save(tasks); err != nil {
		t.Errorf("stock PocketBase cannot change a collection beside the compact log: %v", err)
	}
	_ = app
}

// TestSecondStartChangesNothing is what makes installing at every start harmless.
func TestSecondStartChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := changes.Config{History: []string{"tasks"}}
	app, log, err := openApp(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(create(app, "tasks", id("a"), nil), exec(app, "ALTER TABLE projects RENAME TO other"), exec(app, "ALTER TABLE other RENAME TO projects")); err != nil {
		t.Fatal(err)
	}
	for start := range 3 {
		head, err := log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		version := schemaVersion(t, app)
		pbtest.Terminate(t, app)
		if app, log, err = openApp(dir, config); err != nil {
			t.Fatal(err)
		}
		page, err := log.Read(t.Context(), head, 10)
		if err != nil || len(page.Changes) > 0 {
			t.Errorf("start %d: got %v and error %v, want no changes", start, summary(page.Changes), err)
		}
		// the first one has the rename to tidy up after
		if got := schemaVersion(t, app); start > 0 && got != version {
			t.Errorf("start %d: schema version %d, want %d as before", start, got, version)
		}
	}
	pbtest.Terminate(t, app)
}

func schemaVersion(t *testing.T, app core.App) (version int) {
	t.Helper()
	if err := app.DB().NewQuery("PRAGMA schema_version").Row(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

func TestDisable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, log, err := openApp(dir, changes.Config{History: []string{"tasks"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := create(app, "tasks", id("a"), nil); err != nil {
		t.Fatal(err)
	}
	before, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pbtest.Terminate(t, app)

	stock := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := changes.Disable(stock); err != nil {
		t.Fatal(err)
	}
	if err := stock.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := stock.DB().NewQuery("SELECT COUNT(*) FROM sqlite_master WHERE type = 'trigger'").Row(&left); err != nil || left > 0 {
		t.Errorf("%d triggers are left, error %v", left, err)
	}
	if err := errors.Join(create(stock, "tasks", id("b"), nil), exec(stock, "DELETE FROM tasks WHERE id = '"+id("a")+"'")); err != nil {
		t.Fatal(err)
	}
	pbtest.Terminate(t, stock)

	_, log = newApp(t, dir)
	page, err := log.Read(t.Context(), before, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(page.Changes); !slices.Contains(got, "-a") || !slices.Contains(got, "+b") {
		t.Errorf("got %v after it was switched on again, want -a and +b in it", got)
	}
}

// TestIdsThatLookAlike are of collections whose triggers must not get in each
// other's way.
func TestIdsThatLookAlike(t *testing.T) {
	t.Parallel()
	app, log := newApp(t, t.TempDir())
	for i, id := range []string{"look", "LOOK", "look_insert", "schema"} {
		c := core.NewBaseCollection(fmt.Sprint("alike", i))
		c.Id = id
		save(t, app, c)
	}
	for i := range 4 {
		c, err := app.FindCollectionByNameOrId(fmt.Sprint("alike", i))
		if err != nil {
			t.Fatal(err)
		}
		save(t, app, c)
	}
	position, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := create(app, fmt.Sprint("alike", i), id(fmt.Sprint("r", i+1)), nil); err != nil {
			t.Fatal(err)
		}
	}
	page, err := log.Read(t.Context(), position, 100)
	if got := summary(page.Changes); err != nil || !slices.Equal(got, []string{"+r1", "+r2", "+r3", "+r4"}) {
		t.Errorf("got %v and error %v, want one change of each", got, err)
	}
}
