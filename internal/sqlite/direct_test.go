package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// read returns all rows as texts.
func read(db *sql.DB, q sqlite.Query) (rows []string, err error) {
	err = sqlite.Rows(db, q, func(columns []string, row []sqlite.Value) error {
		var values []string
		for i, v := range row {
			values = append(values, fmt.Sprintf("%s=%d:%d:%v:%q", columns[i], v.Type, v.Integer, v.Float, v.Text))
		}
		rows = append(rows, strings.Join(values, " "))
		return nil
	})
	return rows, err
}

// newValues opens a database twice: with an engine and with the driver alone.
func newValues(t *testing.T) (engine, plain *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.db")
	opened, err := sqlite.New().Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	engine = opened.DB()
	engine.SetMaxOpenConns(1)
	if plain, err = sql.Open("sqlite", path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	for _, query := range []string{
		"CREATE TABLE things (a, b TEXT, c REAL, d JSON, e DATETIME)",
		"INSERT INTO things VALUES (NULL, 'text', 1.5, '{}', NULL), (1, '', 2, x'00ff', 5), (9007199254740993, char(0) || 'caf" + "\u00e9" + "', -1e300, x'', NULL)",
		"INSERT INTO things VALUES ('" + strings.Repeat("long ", 3000) + "', 7, 'seven', zeroblob(9), NULL)",
	} {
		if _, err := engine.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	return engine, plain
}

// TestRows compares the rows that are read from SQLite's memory with those that the
// driver returns.
func TestRows(t *testing.T) {
	t.Parallel()
	engine, plain := newValues(t)
	for _, q := range []sqlite.Query{
		{Text: "SELECT a, b, c, d FROM things ORDER BY rowid LIMIT ?", Arguments: []sqlite.Value{sqlite.IntegerValue(9)}},
		{Text: "SELECT ?, ?, ?, ?, ? || 'x'", Arguments: []sqlite.Value{{}, sqlite.TextValue(strings.Repeat("x", 9000)), sqlite.FloatValue(.5), {Type: sqlite.Blob, Text: "\x00b"}, sqlite.TextValue("")}},
		{Text: "SELECT count(*) FROM things WHERE b = ?", Arguments: []sqlite.Value{sqlite.TextValue("nothing")}},
		{Text: "SELECT a FROM things WHERE b = ?", Arguments: []sqlite.Value{sqlite.TextValue("nothing")}},
		{Text: "SELECT a, e FROM things WHERE rowid = ?", Arguments: []sqlite.Value{sqlite.IntegerValue(1)}, Timeout: time.Minute},
	} {
		want, err := read(plain, q)
		if err != nil {
			t.Fatalf("%s: %v", q.Text, err)
		}
		for n := range 4 { // from the second time on the statement is kept
			got, err := read(engine, q)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, time %d: got %.300q, %v, want %.300q", q.Text, n, got, err, want)
			}
		}
	}
}

// TestRowsFail has SQLite, and the caller, find something wrong. The connection is
// as good as before, and the table is not locked.
func TestRowsFail(t *testing.T) {
	t.Parallel()
	engine, _ := newValues(t)
	ours := errors.New("enough")
	endless := "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n) SELECT * FROM n)"
	for n := range 4 {
		if _, err := read(engine, sqlite.Query{Text: endless, Arguments: []sqlite.Value{sqlite.IntegerValue(1)}, Timeout: time.Millisecond}); err == nil {
			t.Errorf("time %d: an endless query ended", n)
		}
		if _, err := read(engine, sqlite.Query{Text: "SELECT abs(?)", Arguments: []sqlite.Value{sqlite.IntegerValue(-1 << 63)}}); err == nil {
			t.Errorf("time %d: SQLite found nothing wrong", n)
		}
		if _, err := read(engine, sqlite.Query{Text: "SELECT a FROM things WHERE rowid > ?"}); err == nil {
			t.Errorf("time %d: an argument is not missed", n)
		}
		q := sqlite.Query{Text: "SELECT a FROM things WHERE rowid > ?", Arguments: []sqlite.Value{sqlite.IntegerValue(0)}}
		if err := sqlite.Rows(engine, q, func([]string, []sqlite.Value) error { return ours }); !errors.Is(err, ours) {
			t.Errorf("time %d: got %v, want the caller's error", n, err)
		}
		if _, err := engine.Exec("ALTER TABLE things ADD COLUMN " + fmt.Sprint("new", n)); err != nil {
			t.Errorf("time %d: %v", n, err)
		}
	}
	if got, err := read(engine, sqlite.Query{Text: "SELECT abs(?)", Arguments: []sqlite.Value{sqlite.IntegerValue(-1)}}); err != nil || len(got) != 1 {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
}

// TestRowsOfChangedTables changes a table under a statement that is kept.
func TestRowsOfChangedTables(t *testing.T) {
	t.Parallel()
	engine, plain := newValues(t)
	q := sqlite.Query{Text: "SELECT * FROM things WHERE e IS NULL AND rowid < ? ORDER BY rowid", Arguments: []sqlite.Value{sqlite.IntegerValue(3)}}
	for n, change := range []string{"SELECT 1", "SELECT 1", "ALTER TABLE things ADD COLUMN f TEXT DEFAULT 'f'", "ALTER TABLE things RENAME COLUMN b TO other", "ALTER TABLE things DROP COLUMN a"} {
		if _, err := plain.Exec(change); err != nil {
			t.Fatal(err)
		}
		want, err := read(plain, q)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := read(engine, q); err != nil || !slices.Equal(got, want) {
				t.Errorf("change %d: got %q, %v, want %q", n, got, err, want)
			}
		}
	}
}

// TestRowsTellListeners counts the statements that listeners hear of.
func TestRowsTellListeners(t *testing.T) {
	t.Parallel()
	e := sqlite.New()
	heard := map[string]int{}
	e.OnStatement(func(s sqlite.Statement) {
		if s.Kind == sqlite.Read && s.Took > 0 {
			heard[fmt.Sprint(s.Query, s.Values, s.Err != nil)]++
		}
	})
	opened, err := e.Connect(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	held, err := opened.DB().Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	for range 3 {
		_, _ = read(opened.DB(), sqlite.Query{Text: "SELECT abs(?)", Arguments: []sqlite.Value{sqlite.IntegerValue(1)}})
		_, _ = read(opened.DB(), sqlite.Query{Text: "SELECT abs(? + 0)", Arguments: []sqlite.Value{sqlite.IntegerValue(-1 << 63)}})
	}
	if heard["SELECT abs(?)1 false"] != 3 || heard["SELECT abs(? + 0)1 true"] != 3 {
		t.Errorf("heard %v", heard)
	}
}
