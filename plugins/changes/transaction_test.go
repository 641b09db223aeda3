package changes_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
)

// TestOthersCommitMeanwhile lets another process commit after everything that the
// log reads on the writing connection, where that one has not kept it from doing so.
// A transaction that reads before it is the writer cannot write any more then.
func TestOthersCommitMeanwhile(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(core.App, *changes.Log) error{
		"attributed deletion": func(app core.App, log *changes.Log) error {
			return log.Attribute(app, nil, "test", func(tx core.App) error { return exec(tx, "DELETE FROM tasks") })
		},
		"kept history": func(app core.App, log *changes.Log) error {
			c, err := app.FindCollectionByNameOrId("projects")
			if err != nil {
				return err
			}
			return log.KeepHistory(context.Background(), c.Id, time.Now().Add(time.Hour))
		},
		"begun consumer": func(app core.App, log *changes.Log) error {
			return app.RunInTransaction(func(tx core.App) error { return log.Begin(tx, "late") })
		},
		"start": func(app core.App, _ *changes.Log) error {
			return errors.Join(exec(app, "DROP TRIGGER _changes_0_insert"), app.ResetBootstrapState(), app.Bootstrap())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			before, _ := newApp(t, dir)
			if err := create(before, "tasks", id("a"), nil); err != nil {
				t.Fatal(err)
			}
			pbtest.Terminate(t, before)
			other, err := sql.Open("sqlite", filepath.Join(dir, "data.db"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.Close() })
			if _, err := other.ExecContext(t.Context(), "CREATE TABLE beside (n INTEGER)"); err != nil {
				t.Fatal(err)
			}

			commits := 0
			meanwhile := func(context.Context, time.Duration, string, *sql.Rows, error) {
				if _, err := other.Exec("INSERT INTO beside VALUES (1)"); err == nil {
					commits++
				}
			}
			app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: func(path string) (*dbx.DB, error) {
				db, err := core.DefaultDBConnect(path)
				if err == nil && filepath.Base(path) == "data.db" {
					db.QueryLogFunc = meanwhile
				}
				return db, err
			}})
			log, err := changes.Register(app, changes.Config{}) // its engine would begin as the writer
			if err == nil {
				err = log.Consume(changes.Consumer{Name: "late", OnDemand: true, History: true, Handle: func(context.Context, changes.Change) error { return nil }})
			}
			if err := errors.Join(err, app.Bootstrap()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { pbtest.Terminate(t, app) })
			if err := do(app, log); err != nil || commits == 0 {
				t.Errorf("got error %v while another process committed %d times", err, commits)
			}
		})
	}
}
