package backup_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// Another file in the place of a database is copied from its beginning, and what is
// restored is that file, whole.
func TestAnotherFileInItsPlace(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	if _, err := app.AuxNonconcurrentDB().NewQuery("CREATE TABLE kept (n INTEGER)").Execute(); err != nil {
		t.Fatal(err)
	}
	fill := func(from, to int) {
		t.Helper()
		for n := from; n < to; n++ {
			if _, err := app.AuxNonconcurrentDB().NewQuery("INSERT INTO kept VALUES ({:n})").Bind(dbx.Params{"n": n}).Execute(); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(0, 200)
	if err := plugin.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "auxiliary.db")
	if _, err := app.AuxNonconcurrentDB().NewQuery("VACUUM INTO {:to}").Bind(dbx.Params{"to": path + ".new"}).Execute(); err != nil {
		t.Fatal(err)
	}
	// nobody has the old one open but the backup
	for _, db := range []dbx.Builder{app.AuxNonconcurrentDB(), app.AuxConcurrentDB()} {
		pool := db.(*dbx.DB).DB()
		pool.SetMaxIdleConns(0)
		defer pool.SetMaxIdleConns(1)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	fill(200, 400)
	if err := plugin.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(400, 500)
	if err := plugin.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	pbtest.Terminate(t, app)
	restored := t.TempDir()
	restoreInto(t, quick(target), "directory", "now", restored)
	db, err := sql.Open("sqlite", filepath.Join(restored, "auxiliary.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows int
	var sound string
	err = db.QueryRow("SELECT COUNT(DISTINCT n), (SELECT integrity_check FROM pragma_integrity_check) FROM kept").Scan(&rows, &sound)
	if err != nil || rows != 500 || sound != "ok" {
		t.Errorf("got %d rows, %s and error %v, want 500 and ok", rows, sound, err)
	}
}
