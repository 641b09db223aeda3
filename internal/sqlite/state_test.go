package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// openWith opens a database on one connection.
func openWith(t *testing.T, engine *sqlite.Engine, path string) *sql.DB {
	t.Helper()
	opened, err := engine.Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	opened.DB().SetMaxOpenConns(1)
	return opened.DB()
}

// execAll runs statements.
func execAll(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, query := range queries {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
}

// TestState has several connections change a database, in every way that there is, and
// expects to be told of each change and of nothing else.
func TestState(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	db := openWith(t, sqlite.New(), path)
	other, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Exec("PRAGMA journal_mode=WAL; CREATE TABLE things (n INTEGER); INSERT INTO things VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	var since sqlite.State
	ask := func() (ran bool) {
		t.Helper()
		q := sqlite.Query{Text: "SELECT n FROM things WHERE n > ?", Arguments: []sqlite.Value{sqlite.IntegerValue(0)}}
		since, err = sqlite.RowsUnless(func(now sqlite.State) bool { return now == since }, db, q, func([]string, []sqlite.Value) error { ran = true; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return ran
	}
	if !ask() {
		t.Fatal("it did not run")
	}
	for _, c := range []struct {
		name    string
		by      *sql.DB
		change  string
		noticed bool
	}{
		{"nothing", db, "SELECT 1", false},
		{"a reader", other, "SELECT * FROM things", false},
		{"the same connection", db, "UPDATE things SET n = n + 1", true},
		{"nothing, again", db, "SELECT 1", false},
		{"another connection", other, "UPDATE things SET n = n + 1", true},
		{"what is rolled back", other, "BEGIN; UPDATE things SET n = 0; ROLLBACK", false},
		{"a table", other, "CREATE TABLE others (n INTEGER)", true},
		{"after a checkpoint", other, "PRAGMA wal_checkpoint(TRUNCATE); UPDATE things SET n = n + 1", true},
		{"after another", other, "PRAGMA wal_checkpoint(TRUNCATE); UPDATE things SET n = n + 1; PRAGMA wal_checkpoint(TRUNCATE)", true},
	} {
		if _, err := c.by.Exec(c.change); err != nil {
			t.Fatal(err)
		}
		if got := ask(); got != c.noticed {
			t.Errorf("%s: noticed is %v, want %v", c.name, got, c.noticed)
		}
	}
}

// TestStateOfEmptyLogs closes all connections, so that the log is removed, and changes
// the database meanwhile. Then its state looks as before.
func TestStateOfEmptyLogs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	engine := sqlite.New()
	var since sqlite.State
	for n := range 4 {
		db := openWith(t, engine, path)
		if n == 0 {
			if _, err := db.Exec("CREATE TABLE things (n INTEGER); INSERT INTO things VALUES (1)"); err != nil {
				t.Fatal(err)
			}
			db.Close()
			continue
		}
		q := sqlite.Query{Text: "SELECT n FROM things WHERE n > ?", Arguments: []sqlite.Value{sqlite.IntegerValue(0)}}
		for time := range 3 {
			ran := false
			now, err := sqlite.RowsUnless(func(now sqlite.State) bool { return now == since }, db, q, func([]string, []sqlite.Value) error { ran = true; return nil })
			if err != nil {
				t.Fatal(err)
			}
			if time == 0 && !ran {
				t.Errorf("database %d is taken for the one before", n)
			}
			if time == 2 && ran {
				t.Errorf("database %d is not taken for itself", n)
			}
			since = now
		}
		db.Close()
		plain, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plain.Exec("UPDATE things SET n = n + 1"); err != nil {
			t.Fatal(err)
		}
		plain.Close()
	}
}

// TestRowsAreAlone asks within a transaction that has written.
func TestRowsAreAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string
		want   bool
	}{
		"a table":                 {"SELECT 1", true},
		"an index":                {"CREATE UNIQUE INDEX one ON things (n)", true},
		"a trigger":               {"CREATE TRIGGER one AFTER INSERT ON things BEGIN DELETE FROM others; END", false},
		"a trigger on another":    {"CREATE TRIGGER one AFTER INSERT ON others BEGIN DELETE FROM things; END", false},
		"a temporary trigger":     {"CREATE TEMP TRIGGER one AFTER INSERT ON main.things BEGIN DELETE FROM others; END", false},
		"a trigger that was":      {"CREATE TRIGGER one AFTER INSERT ON things BEGIN DELETE FROM others; END; DROP TRIGGER one", true},
		"a foreign key":           {"CREATE TABLE more (n INTEGER REFERENCES things (n) ON DELETE CASCADE)", false},
		"another database":        {"ATTACH ':memory:' AS another", false},
		"a database that was one": {"ATTACH ':memory:' AS another; DETACH another", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data.db")
			db, other := openWith(t, sqlite.New(), path), openWith(t, sqlite.New(), path)
			if _, err := db.Exec("CREATE TABLE things (n INTEGER); CREATE TABLE others (n INTEGER); INSERT INTO things VALUES (1)"); err != nil {
				t.Fatal(err)
			}
			by := other // the connection that is asked has to hear of it
			if strings.Contains(c.before, "TEMP") || strings.Contains(c.before, "ATTACH") {
				by = db
			}
			if _, err := by.Exec(c.before); err != nil {
				t.Fatal(err)
			}
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE; INSERT INTO things VALUES (2)"); err != nil {
				t.Fatal(err)
			}
			defer conn.ExecContext(context.Background(), "ROLLBACK") //nolint:errcheck // of the test's end
			err = conn.Raw(func(raw any) error {
				if got := sqlite.RowsAreAlone(raw); got != c.want {
					t.Errorf("rows are alone: %v, want %v", got, c.want)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestStateOfConnections asks several connections for the state of one database, of which
// one after the other is closed.
func TestStateOfConnections(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	engine := sqlite.New()
	open := func() *sql.DB {
		db := openWith(t, engine, path)
		if _, err := db.Exec("SELECT * FROM sqlite_schema"); err != nil {
			t.Fatal(err)
		}
		return db
	}
	execute := func(db *sql.DB, text string) {
		t.Helper()
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	for name, prepare := range map[string]string{
		"an empty log": "CREATE TABLE IF NOT EXISTS things (n INTEGER); PRAGMA wal_checkpoint(TRUNCATE)",
		"a log":        "CREATE TABLE IF NOT EXISTS things (n INTEGER); INSERT INTO things VALUES (1)",
	} {
		one := open()
		execute(one, prepare)
		state := sqlite.StateOfDB(one)
		if !state.Known() {
			t.Fatalf("%s: the state is not known", name)
		}
		for range 3 {
			next := open()
			if got := sqlite.StateOfDB(next); got != state {
				t.Errorf("%s: another connection sees another state", name)
			}
			one.Close()
			one = next
		}
		if got := sqlite.StateOfDB(one); got != state {
			t.Errorf("%s: the last connection sees another state", name)
		}
		execute(one, "UPDATE things SET n = n + 1; INSERT INTO things VALUES (2)")
		if got := sqlite.StateOfDB(one); got == state || !got.Known() {
			t.Errorf("%s: a write is not noticed", name)
		}
		one.Close()
	}
}
