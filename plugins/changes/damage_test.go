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

// TestPositionsAreNotGivenOutTwice goes through what could take away the row that
// the next position is counted from.
func TestPositionsAreNotGivenOutTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, log := newApp(t, dir)
	last := int64(0)
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"create", func() error { return create(app, "tasks", id("a"), nil) }},
		{"update of the last", func() error { return exec(app, "UPDATE tasks SET title = 'x'") }},
		{"and again", func() error { return exec(app, "UPDATE tasks SET title = 'y'") }},
		{"delete of the last", func() error { return exec(app, "DELETE FROM tasks") }},
		{"a tombstone that is forgotten", func() error {
			return errors.Join(log.Forget(t.Context(), time.Now().Add(31*24*time.Hour)), create(app, "tasks", id("b"), nil))
		}},
		{"lost triggers", func() error {
			err := rebuild(app)
			pbtest.Terminate(t, app)
			app, log = newApp(t, dir)
			return errors.Join(err, exec(app, "UPDATE tasks SET title = 'z'"))
		}},
		{"drop of the collection that changed last", func() error {
			c, err := app.FindCollectionByNameOrId("tasks")
			if err != nil {
				return err
			}
			return app.Delete(c)
		}},
		{"create after it", func() error { return create(app, "projects", id("p"), nil) }},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		head, err := log.Head(t.Context())
		if err != nil || head <= last {
			t.Errorf("%s: got position %d after %d, error %v", step.name, head, last, err)
		}
		last = head
	}
}

// TestDroppedTables takes the tables of the log away while the app runs. Writes
// have to succeed again, what is there is in the log, and nobody trusts a position
// from before.
func TestDroppedTables(t *testing.T) {
	t.Parallel()
	for _, table := range []string{
		"_changes", "_changesNames", "_changesBoots", "_changesFloor", "_changesHistory", "_changesKept", "_changesConsumers", "_changesDead",
	} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			app, log, err := openApp(t.TempDir(), changes.Config{History: []string{"tasks"}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { pbtest.Terminate(t, app) })
			log.Start()
			if err := errors.Join(create(app, "tasks", id("a"), nil), create(app, "tasks", id("b"), nil)); err != nil {
				t.Fatal(err)
			}
			before, err := log.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := exec(app, "DROP TABLE "+table); err != nil {
				t.Fatal(err)
			}
			pbtest.Eventually(t, time.Minute, func() error {
				return errors.Join(exec(app, "SELECT * FROM "+table), exec(app, "UPDATE tasks SET title = 'after' WHERE id = '"+id("a")+"'"))
			})
			if err := create(app, "tasks", id("c"), nil); err != nil {
				t.Fatal(err)
			}
			// once the triggers are all back
			pbtest.Eventually(t, time.Minute, func() error {
				page, err := log.Read(t.Context(), 0, 1000)
				got := summary(page.Changes)
				for _, want := range []string{"+a", "+b", "+c"} {
					if !slices.Contains(got, want) {
						err = errors.Join(err, fmt.Errorf("got %v, want %s in it", got, want))
					}
				}
				if page.Next <= before {
					err = errors.Join(err, fmt.Errorf("position %d was given out before %d", page.Next, before))
				}
				return err
			})
			essential := !slices.Contains([]string{"_changesHistory", "_changesKept", "_changesConsumers", "_changesDead"}, table)
			if err := log.Check(t.Context(), before); (err != nil) != essential {
				t.Errorf("a position from before: got %v, want an error: %v", err, essential)
			}
			head, err := log.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := log.Check(t.Context(), head); err != nil {
				t.Errorf("a position from after: %v", err)
			}
			if err := create(app, "tasks", id("d"), nil); err != nil {
				t.Fatal(err)
			}
			page, err := log.History(t.Context(), head, 10)
			if got := summary(page.Changes); err != nil || !slices.Equal(got, []string{"+d"}) {
				t.Errorf("the full log has %v, error %v, want [+d]", got, err)
			}
		})
	}
}

// TestStockConnections is an app that opens its databases itself: SQLite does not
// tell of a row that a REPLACE evicts, and the log finds out.
func TestStockConnections(t *testing.T) {
	t.Parallel()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	log, err := changes.Register(app, changes.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	if err := errors.Join(app.RunAllMigrations(), makeCollections(app)); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"CREATE UNIQUE INDEX u ON tasks (title) WHERE title <> ''",
		"INSERT INTO tasks (id, title) VALUES ('" + id("j") + "', 'same')",
		"REPLACE INTO tasks (id, title) VALUES ('" + id("k") + "', 'same')",
	} {
		if err := exec(app, sql); err != nil {
			t.Fatal(err)
		}
	}
	page, err := log.Read(t.Context(), 0, 1000)
	if got := summary(page.Changes); err != nil || !slices.Contains(got, "+k") || !slices.Contains(got, "+j") {
		t.Errorf("got %v and error %v, want +k, and +j as long as nobody looked", got, err)
	}
	log.Start()
	if _, err := log.Wait(t.Context(), page.Next); err != nil {
		t.Fatal(err)
	}
	page, err = log.Read(t.Context(), page.Next, 1000)
	if got := summary(page.Changes); err != nil || !slices.Equal(got, []string{"-j"}) {
		t.Errorf("got %v and error %v, want [-j]", got, err)
	}
	// a commit wakes readers here, too
	for name, write := range map[string]func() error{
		"save": func() error { return create(app, "tasks", id("l"), nil) },
		"SQL":  func() error { return exec(app, "UPDATE tasks SET count = 1") },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if page.Next, err = log.Wait(t.Context(), page.Next); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
