package protect_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/protect"
)

// Whatever is done to auxiliary.db while the app runs, there is one again that holds
// all tables, plugins' as well, and the app never stops to answer.
func TestAuxiliaryHeals(t *testing.T) {
	t.Parallel()
	remove := func(t *testing.T, path string, suffixes ...string) {
		t.Helper()
		for _, suffix := range suffixes {
			if err := os.Remove(path + suffix); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, path string)
		kept   bool // what was in it
		aside  bool
	}{
		{"it is removed", func(t *testing.T, path string) { remove(t, path, "") }, true, false},
		{"all three files are removed", func(t *testing.T, path string) { remove(t, path, "", "-wal", "-shm") }, true, false},
		{"another file takes its place", func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path+".other", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".other", path); err != nil {
				t.Fatal(err)
			}
		}, true, false},
		{"it is overwritten", func(t *testing.T, path string) {
			t.Helper()
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			info, err := file.Stat()
			if err != nil {
				t.Fatal(err)
			}
			_, err = file.Write(bytes.Repeat([]byte{0xAA}, int(info.Size())))
			if err := errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
		}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorldWithTable(t)
			path := auxiliaryPath(w.app)
			// readers come and go; only those who come find out
			w.app.AuxConcurrentDB().(*dbx.DB).DB().SetMaxIdleConns(0)
			c.damage(t, path)
			pbtest.Eventually(t, patience, func() error {
				// what finds the damage: nobody knows of it before
				_, failed := w.logged("before")
				if err := errors.Join(failed, w.app.AuxSave(line("after"))); err != nil {
					return err
				}
				if got := w.p.Status().Replaced; got != 1 {
					return fmt.Errorf("it was replaced %d times, want once", got)
				}
				return nil
			})
			for table, want := range map[string]int{"_logs WHERE message = 'before'": 1, "_plugin": 1} {
				var n int
				// of what is damaged nobody knows how much is left
				if err := w.app.AuxDB().NewQuery("SELECT COUNT(*) FROM " + table).Row(&n); err != nil || c.kept && n != want {
					t.Errorf("%s: got %d rows, error %v, want %d", table, n, err, want)
				}
			}
			if err := w.app.AuxSave(line("later")); err != nil {
				t.Errorf("write to it: %v", err)
			}
			if n, err := w.logged("later"); n != 1 || err != nil {
				t.Errorf("got %d lines, error %v, want 1", n, err)
			}
			aside, err := filepath.Glob(path + ".damaged-*Z")
			if err != nil || (len(aside) > 0) != c.aside {
				t.Errorf("moved aside: %v, error %v, want some %v", aside, err, c.aside)
			}
			pbtest.Terminate(t, w.app)
			if app, _ := mustOpen(t, w.app.DataDir(), protect.Config{}); !app.AuxHasTable("_plugin") {
				t.Error("the next process does not find the table")
			}
		})
	}
}

// TestDamagedFilesDoNotPileUp replaces the file at five starts.
func TestDamagedFilesDoNotPileUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "auxiliary.db")
	now := clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	for n := range 5 {
		if err := os.WriteFile(path, fmt.Appendf(nil, "no database %d", n), 0o600); err != nil {
			t.Fatal(err)
		}
		app, p := mustOpen(t, dir, protect.Config{Clock: now})
		if p.Status().Replaced != 1 {
			t.Fatalf("start %d: it was not replaced", n)
		}
		pbtest.Terminate(t, app)
		now.Advance(time.Hour)
	}
	kept, err := filepath.Glob(path + ".damaged-*")
	if err != nil || len(kept) != 3 {
		t.Fatalf("got %v, error %v, want three files", kept, err)
	}
	if newest, err := os.ReadFile(kept[2]); err != nil || string(newest) != "no database 4" {
		t.Errorf("the newest one says %q, error %v", newest, err)
	}
}

// line is one of PocketBase's log.
func line(message string) *core.Log {
	l := &core.Log{Message: message}
	l.Id = core.GenerateDefaultRandomId()
	return l
}

// newWorldWithTable has something in auxiliary.db, in the file itself.
func newWorldWithTable(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, disk: newDisk()}
	w.app, w.p = mustOpen(t, t.TempDir(), protect.Config{Space: w.disk.of})
	for _, statement := range []string{
		"CREATE TABLE _plugin (id INTEGER PRIMARY KEY, text TEXT)", "CREATE INDEX _plugin_text ON _plugin (text)",
		"INSERT INTO _plugin VALUES (1, 'kept')", "INSERT INTO _logs (message) VALUES ('before')", "PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		if _, err := w.app.AuxNonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	w.handler = pbtest.Handler(t, w.app)
	return w
}

// At the start auxiliary.db is replaced if it is damaged, and what was there is kept
// under another name. data.db is left as it is, and the app does not start.
func TestDamageAtTheStart(t *testing.T) {
	t.Parallel()
	damages := map[string]func(content []byte) []byte{
		"not a database": func([]byte) []byte { return []byte("this is not a database, but long enough for one\n") },
		"cut off":        func(content []byte) []byte { return content[:len(content)/2] },
		"a page":         func(content []byte) []byte { copy(content[4096:8192], bytes.Repeat([]byte{7}, 4096)); return content },
		"the beginning":  func(content []byte) []byte { copy(content, "SQLite formbt 3"); return content },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, database := range []string{"auxiliary.db", "data.db"} {
				dir := t.TempDir()
				app, _ := mustOpen(t, dir, protect.Config{})
				if _, err := app.AuxNonconcurrentDB().NewQuery("INSERT INTO _logs (message, data) VALUES ('before', {:data})").
					Bind(dbx.Params{"data": strings.Repeat("x", 50_000)}).Execute(); err != nil {
					t.Fatal(err)
				}
				pbtest.Terminate(t, app)
				path := filepath.Join(dir, database)
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				damaged := damage(content)
				if err := os.WriteFile(path, damaged, 0o600); err != nil {
					t.Fatal(err)
				}

				again, p, err := open(dir, protect.Config{})
				t.Cleanup(func() { pbtest.Terminate(t, again) })
				found := path
				if database == "auxiliary.db" {
					if err != nil || !again.AuxHasTable("_logs") || p.Status().Replaced != 1 {
						t.Errorf("%s: got error %v, want another file", database, err)
					}
					names, _ := filepath.Glob(path + ".damaged-*Z")
					if len(names) != 1 {
						t.Fatalf("%s: moved aside: %v", database, names)
					}
					found = names[0]
				} else {
					var refusal *protect.DamagedError
					if !errors.As(err, &refusal) || refusal.Path != path || refusal.ExitCode() != 3 || !strings.Contains(err.Error(), "holdall restore") {
						t.Errorf("%s: got error %v, want one that says what to do", database, err)
					}
				}
				if now, err := os.ReadFile(found); err != nil || !bytes.Equal(now, damaged) {
					t.Errorf("%s: what was there is not there any more: %v", database, err)
				}
			}
		})
	}
}

// Files that are missing or empty are not damaged: SQLite makes databases of them.
func TestEmptyFilesAreNoDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"data.db", "auxiliary.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app, p := mustOpen(t, dir, protect.Config{})
	if !app.AuxHasTable("_logs") || p.Status().Replaced != 0 {
		t.Error("the app did not start with them")
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	silent := func(sentence string) { t.Errorf("it said %q", sentence) }
	if err := protect.Await(t.Context(), filepath.Join(dir, "new"), silent); err != nil {
		t.Errorf("a directory that is to be made: %v", err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "new"))
	if err != nil || len(entries) != 0 {
		t.Errorf("it left %v, error %v", entries, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := protect.Await(t.Context(), file, silent); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("what is no directory: got %v, want an error that names it", err)
	}
}

// Rows that break what their table says are no damage of the file: the app starts.
func TestBrokenRowsAreNoDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, _ := mustOpen(t, dir, protect.Config{})
	for _, db := range []dbx.Builder{app.NonconcurrentDB(), app.AuxNonconcurrentDB()} {
		for _, statement := range []string{ // a CHECK is not looked at on a connection that only reads
			"CREATE TABLE strict (n INTEGER)", "INSERT INTO strict VALUES (NULL)", "PRAGMA writable_schema = ON",
			"UPDATE sqlite_schema SET sql = 'CREATE TABLE strict (n INTEGER NOT NULL)' WHERE name = 'strict'", "PRAGMA writable_schema = RESET",
		} {
			if _, err := db.NewQuery(statement).Execute(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var found string
	if err := app.DB().NewQuery("PRAGMA quick_check").Row(&found); err != nil || !strings.HasPrefix(found, "NULL value in ") {
		t.Fatalf("SQLite says %q, error %v: the test has nothing to show", found, err)
	}
	pbtest.Terminate(t, app)
	if _, p := mustOpen(t, dir, protect.Config{}); p.Status().Replaced != 0 {
		t.Error("auxiliary.db was replaced")
	}
}
