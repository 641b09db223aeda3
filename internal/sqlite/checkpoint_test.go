package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
)

// connect opens a database as an engine does whose log is copied, or not.
func connect(t *testing.T, path string, keepWAL bool) *dbx.DB {
	t.Helper()
	engine := sqlite.New()
	engine.KeepWAL = keepWAL
	db, err := engine.Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.DB().SetMaxOpenConns(1)
	return db
}

// TestCheckpointsFreezeNobody is PocketBase's nightly checkpoint beside the reader
// that copies the log: without KeepWAL it locks all writers out.
func TestCheckpointsFreezeNobody(t *testing.T) {
	t.Parallel()
	for name, keepWAL := range map[string]bool{"stock": false, "the log is copied": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data.db")
			writer, other := connect(t, path, keepWAL), connect(t, path, keepWAL)
			exec(t, writer, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
			exec(t, writer, "PRAGMA busy_timeout = 120000")
			exec(t, other, "PRAGMA busy_timeout = 0")

			reader, err := connect(t, path, keepWAL).BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Rollback() //nolint:errcheck // nothing was written
			if err := reader.NewQuery("SELECT count(*) FROM t").Row(new(int)); err != nil {
				t.Fatal(err)
			}
			exec(t, writer, "INSERT INTO t (name) VALUES ('after the reader')")

			done := make(chan error, 1)
			go func() {
				_, err := writer.NewQuery("PRAGMA wal_checkpoint(TRUNCATE)").Execute()
				done <- err
			}()
			insert := func() error {
				_, err := other.NewQuery("INSERT INTO t DEFAULT VALUES").Execute()
				return err
			}
			if keepWAL {
				if err := <-done; err != nil {
					t.Error(err)
				}
				if err := insert(); err != nil {
					t.Errorf("after a checkpoint: %v", err)
				}
				return
			}
			pbtest.Eventually(t, time.Minute, func() error {
				if err := insert(); err == nil || !strings.Contains(err.Error(), "locked") {
					return errNotFrozen
				}
				return nil
			})
			_ = reader.Rollback()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// errNotFrozen says that KeepWAL is no longer needed.
var errNotFrozen = errText("a checkpoint beside a reader lets others write")

type errText string

func (e errText) Error() string { return string(e) }

func TestCheckpointsThatDoNothingAnswer(t *testing.T) {
	t.Parallel()
	db := connect(t, filepath.Join(t.TempDir(), "data.db"), true)
	for _, statement := range []string{"PRAGMA wal_checkpoint", " pragma WAL_CHECKPOINT(TRUNCATE);", "PRAGMA main.wal_checkpoint(PASSIVE)"} {
		exec(t, db, statement)
		var busy, log, moved int
		if err := db.NewQuery(statement).Row(&busy, &log, &moved); err != nil || busy+log+moved != 0 {
			t.Errorf("%s: got %d, %d, %d and error %v, want zeros", statement, busy, log, moved, err)
		}
		q := db.NewQuery(statement).Prepare()
		if _, err := q.Execute(); err != nil {
			t.Errorf("%s, prepared: %v", statement, err)
		}
		_ = q.Close()
	}
	var mode string
	if err := db.NewQuery("PRAGMA journal_mode").Row(&mode); err != nil || mode != "wal" {
		t.Errorf("got mode %q and error %v, want that other pragmas run", mode, err)
	}
}

// TestLogOutlivesTheLastConnection is what keeps a restart from copying the whole
// database again.
func TestLogOutlivesTheLastConnection(t *testing.T) {
	t.Parallel()
	for name, keepWAL := range map[string]bool{"stock": false, "the log is copied": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data.db")
			db := connect(t, path, keepWAL)
			exec(t, db, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			before := header(path)
			if kept := len(before) > 0; kept != keepWAL {
				t.Fatalf("the log is there after the last connection: %v, want %v", kept, keepWAL)
			}
			again := connect(t, path, keepWAL)
			exec(t, again, "INSERT INTO t DEFAULT VALUES")
			if keepWAL && header(path) != before {
				t.Error("the log began anew")
			}
		})
	}
}

// header is that of the log, with the salt that a new log changes.
func header(path string) string {
	content, err := os.ReadFile(path + "-wal")
	if err != nil || len(content) < 32 {
		return ""
	}
	return string(content[:32])
}
