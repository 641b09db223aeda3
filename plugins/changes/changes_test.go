package changes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
)

// newApp returns an app on the engine with a log, and projects that have tasks.
func newApp(t *testing.T, dir string, consumers ...changes.Consumer) (core.App, *changes.Log) {
	t.Helper()
	app, log, err := openApp(dir, changes.Config{}, consumers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	return app, log
}

func openApp(dir string, config changes.Config, consumers ...changes.Consumer) (core.App, *changes.Log, error) {
	config.Engine = sqlite.New()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: config.Engine.Connect})
	app.OnBootstrap().Unbind("__pbNotifyWatcherSystemHook__") // its goroutine outlives the app
	log, err := changes.Register(app, config)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range consumers {
		if err := log.Consume(c); err != nil {
			return nil, nil, err
		}
	}
	if err := app.Bootstrap(); err != nil {
		return nil, nil, err
	}
	if _, err := app.FindCollectionByNameOrId("tasks"); err == nil {
		return app, log, nil
	}
	return app, log, errors.Join(app.RunAllMigrations(), makeCollections(app))
}

func makeCollections(app core.App) error {
	projects := core.NewBaseCollection("projects")
	projects.Fields.Add(&core.TextField{Name: "name"})
	if err := app.Save(projects); err != nil {
		return err
	}
	tasks := core.NewBaseCollection("tasks")
	tasks.Fields.Add(
		&core.TextField{Name: "title"},
		&core.NumberField{Name: "count"},
		&core.TextField{Name: "secret", Hidden: true},
		&core.JSONField{Name: "data"},
		&core.RelationField{Name: "project", CollectionId: projects.Id, MaxSelect: 1, CascadeDelete: true},
		&core.SelectField{Name: "tag", Values: []string{"a", "b"}, MaxSelect: 1},
	)
	tasks.ListRule, tasks.ViewRule = types.Pointer(""), types.Pointer("")
	tasks.CreateRule, tasks.UpdateRule, tasks.DeleteRule = types.Pointer(""), types.Pointer(""), types.Pointer("")
	return app.Save(tasks)
}

func save(t *testing.T, app core.App, model core.Model) {
	t.Helper()
	if err := app.Save(model); err != nil {
		t.Fatal(err)
	}
}

func exec(app core.App, sql string) error {
	_, err := app.DB().NewQuery(sql).Execute()
	return err
}

func create(app core.App, collection, id string, fields map[string]any) error {
	c, err := app.FindCollectionByNameOrId(collection)
	if err != nil {
		return err
	}
	r := core.NewRecord(c)
	r.Id = id
	r.Load(fields)
	return app.Save(r)
}

// id pads a name to the length of PocketBase's ids.
func id(name string) string {
	return name + strings.Repeat("0", 15-len(name))
}

func summary(list []changes.Change) []string {
	result := make([]string, 0, len(list))
	for _, c := range list {
		name := strings.TrimRight(c.Record, "0")
		if c.Collection == changes.SchemaCollection {
			name = "schema"
		}
		result = append(result, map[bool]string{true: "-", false: "+"}[c.Deleted]+name)
	}
	return result
}

func TestPositions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, log := newApp(t, dir)
	if err := create(app, "tasks", id("a"), nil); err != nil {
		t.Fatal(err)
	}
	first, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now := time.Now().UnixMilli() << 10; first < now-(1<<40) || first > now+(1<<20) || first >= 1<<53 {
		t.Errorf("position %d is not near the clock %d", first, now)
	}
	copyDir(t, app, dir+"-backup")

	if err := create(app, "tasks", id("lost"), nil); err != nil {
		t.Fatal(err)
	}
	lost, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	// a day later, the backup is restored
	restored, restoredLog := newApp(t, dir+"-backup")
	if err := create(restored, "tasks", id("other"), nil); err != nil {
		t.Fatal(err)
	}
	last, err := restoredLog.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		position int64
		want     error
	}{
		"the beginning":                     {0, nil},
		"before the backup":                 {first, nil},
		"of the timeline that was lost":     {lost, changes.ErrUnknownPosition},
		"after the restore":                 {last, nil},
		"of the future":                     {last + 1, changes.ErrUnknownPosition},
		"negative":                          {-1, changes.ErrUnknownPosition},
		"between the timelines (never out)": {(lost + last) / 2, changes.ErrUnknownPosition},
	} {
		if got := restoredLog.Check(t.Context(), test.position); !errors.Is(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	if last <= lost {
		t.Errorf("position %d of the restored database was given out before (%d)", last, lost)
	}
}

// copyDir copies the databases as a backup would.
func copyDir(t *testing.T, app core.App, to string) {
	t.Helper()
	mkdir(t, to)
	for db, name := range map[dbx.Builder]string{app.NonconcurrentDB(): "data.db", app.AuxNonconcurrentDB(): "auxiliary.db"} {
		if _, err := db.NewQuery("VACUUM INTO '" + to + "/" + name + "'").Execute(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForgetting(t *testing.T) {
	t.Parallel()
	app, log := newApp(t, t.TempDir())
	if err := errors.Join(create(app, "tasks", id("a"), nil), create(app, "tasks", id("b"), nil)); err != nil {
		t.Fatal(err)
	}
	before, _ := log.Head(t.Context())
	if err := exec(app, "DELETE FROM tasks WHERE id = '"+id("a")+"'"); err != nil {
		t.Fatal(err)
	}
	if err := create(app, "tasks", id("c"), nil); err != nil { // the last change is not forgotten
		t.Fatal(err)
	}
	after, _ := log.Head(t.Context())

	if err := log.Forget(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := log.Check(t.Context(), before); err != nil {
		t.Errorf("within the retention: got %v, want nil", err)
	}
	if err := log.Forget(t.Context(), time.Now().Add(31*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := log.Check(t.Context(), before); !errors.Is(err, changes.ErrTooOld) {
		t.Errorf("before a forgotten deletion: got %v, want %v", err, changes.ErrTooOld)
	}
	if err := log.Check(t.Context(), after); err != nil {
		t.Errorf("after the forgotten deletion: got %v, want nil", err)
	}
	page, err := log.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(page.Changes); !slices.Contains(got, "+b") || slices.Contains(got, "-a") {
		t.Errorf("got %v, want the living b and no tombstone", got)
	}
	// the floor never falls
	if err := log.Forget(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := log.Check(t.Context(), before); !errors.Is(err, changes.ErrTooOld) {
		t.Errorf("after another round: got %v, want %v", err, changes.ErrTooOld)
	}
}

func TestWaitWakesUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, log := newApp(t, dir)
	log.Start()
	other, _ := newApp(t, dir) // a second process on the same files, as far as SQLite is concerned

	for name, write := range map[string]func(i int) error{
		"a save":                 func(i int) error { return create(app, "tasks", id(fmt.Sprint("s", i)), nil) },
		"raw SQL":                func(i int) error { return exec(app, fmt.Sprintf("INSERT INTO tasks (id) VALUES ('r%d')", i)) },
		"SQL of another process": func(i int) error { return exec(other, fmt.Sprintf("INSERT INTO tasks (id) VALUES ('o%d')", i)) },
	} {
		for i := range 5 {
			position, err := log.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := write(i); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			head, err := log.Wait(ctx, position)
			cancel()
			if err != nil || head <= position {
				t.Fatalf("%s: Wait returned %d, %v after %d", name, head, err, position)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Wait(ctx, 1<<60); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
