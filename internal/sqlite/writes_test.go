package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	modernc "modernc.org/sqlite"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// written is one statement of TestExecOn, with the same arguments as the driver takes
// them and as ExecOn does.
type written struct {
	query     string
	named     []any
	arguments []sqlite.Value
}

var statements = []written{
	{"INSERT INTO things (id, a, b) VALUES (?, ?, ?)", []any{"one", nil, int64(-7)}, []sqlite.Value{sqlite.TextValue("one"), {}, sqlite.IntegerValue(-7)}},
	{"INSERT INTO things (id, a, b) VALUES (?, ?, ?)", []any{"two", "", 1.5}, []sqlite.Value{sqlite.TextValue("two"), sqlite.TextValue(""), sqlite.FloatValue(1.5)}},
	{"INSERT INTO things (id, a, b) VALUES (?, ?, ?)", []any{"three", strings.Repeat("caf\u00e9\x00", 9000), []byte("\x00\xff")}, []sqlite.Value{sqlite.TextValue("three"), sqlite.TextValue(strings.Repeat("caf\u00e9\x00", 9000)), {Type: sqlite.Blob, Text: "\x00\xff"}}},
	{"INSERT INTO things (id, a, b) VALUES (?, ?, ?)", []any{"one", "twice", nil}, []sqlite.Value{sqlite.TextValue("one"), sqlite.TextValue("twice"), {}}},
	{"INSERT INTO things (id, a, b) VALUES (?, ?, ?)", []any{nil, "no id", nil}, []sqlite.Value{{}, sqlite.TextValue("no id"), {}}},
	{"INSERT INTO things (id, a, b) VALUES (?, ?, ?)", []any{"checked", nil, "refused"}, []sqlite.Value{sqlite.TextValue("checked"), {}, sqlite.TextValue("refused")}},
	{"INSERT INTO things (id, a, b) VALUES (?, ?, ?)", []any{"raised", nil, "raise"}, []sqlite.Value{sqlite.TextValue("raised"), {}, sqlite.TextValue("raise")}},
	{"UPDATE things SET a = ? WHERE id = ? RETURNING b", []any{"changed", "two"}, []sqlite.Value{sqlite.TextValue("changed"), sqlite.TextValue("two")}},
	{"UPDATE things SET id = ?", []any{"all"}, []sqlite.Value{sqlite.TextValue("all")}},
	{"UPDATE nothing SET id = ?", []any{"all"}, []sqlite.Value{sqlite.TextValue("all")}},
	{"DELETE FROM things WHERE id = ?", []any{"one"}, []sqlite.Value{sqlite.TextValue("one")}},
	{"DELETE FROM things WHERE id = ?", []any{"nobody"}, []sqlite.Value{sqlite.TextValue("nobody")}},
	{"SELECT ?", []any{"no write"}, []sqlite.Value{sqlite.TextValue("no write")}},
	{"INSERT INTO things (id, a, b) VALUES (?, ?, ?)", []any{"last", "a", true}, []sqlite.Value{sqlite.TextValue("last"), sqlite.TextValue("a"), sqlite.IntegerValue(1)}},
}

// newWritten opens a database in which statements can be refused. told has what is told
// of them.
func newWritten(t *testing.T) (db *sql.DB, told func() []string) {
	t.Helper()
	engine := sqlite.New()
	var mutex sync.Mutex
	var all []string
	engine.OnStatement(func(s sqlite.Statement) {
		mutex.Lock()
		defer mutex.Unlock()
		line := string(s.Kind) + " " + s.Query + strings.Repeat("?", s.Values)
		if s.Err != nil {
			line += " " + s.Err.Error()
		}
		all = append(all, line)
	})
	opened, err := engine.Connect(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	db = opened.DB()
	db.SetMaxOpenConns(1)
	for _, query := range []string{
		"CREATE TABLE things (id TEXT PRIMARY KEY NOT NULL, a TEXT, b CHECK (b IS NOT 'refused'))", "CREATE TABLE log (id, n INTEGER)",
		"CREATE TRIGGER added AFTER INSERT ON things BEGIN INSERT INTO log VALUES (new.id, 1); SELECT raise(ABORT, 'not this one') WHERE new.b = 'raise'; END",
		"CREATE TRIGGER removed AFTER DELETE ON things BEGIN UPDATE log SET n = n + 1 WHERE id = old.id; END",
	} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	return db, func() []string {
		mutex.Lock()
		defer mutex.Unlock()
		return slices.Clone(all)
	}
}

// rowsOf are all rows, as SQLite writes them out.
func rowsOf(t *testing.T, db *sql.DB) (rows string) {
	t.Helper()
	const query = "SELECT group_concat(row, char(10)) FROM (SELECT quote(id) || quote(a) || quote(b) || typeof(b) AS row FROM things" +
		" UNION ALL SELECT quote(id) || n FROM log ORDER BY row)"
	if err := db.QueryRowContext(t.Context(), query).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestExecOn runs statements through the driver, and through SQLite's own functions:
// errors, rows, and what is told have to be the same.
func TestExecOn(t *testing.T) {
	t.Parallel()
	var rows, failed [2][]string
	var heard [2][]string
	for n, directly := range []bool{false, true} {
		db, told := newWritten(t)
		held, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = held.Raw(func(raw any) error {
			tx, err := raw.(driver.ConnBeginTx).BeginTx(t.Context(), driver.TxOptions{})
			if err != nil {
				return err
			}
			for range 2 { // the second time is after something has failed
				for _, s := range statements {
					failed[n] = append(failed[n], failureOf(s.run(raw, directly)))
				}
				if _, err := raw.(driver.ExecerContext).ExecContext(t.Context(), "DELETE FROM things", nil); err != nil {
					return err
				}
			}
			for _, s := range statements {
				_ = s.run(raw, directly)
			}
			if directly && !sqlite.WritesDirectly(raw, statements[0].query) {
				t.Error("the driver has written")
			}
			return tx.Commit()
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		heard[n] = told()
		rows[n] = []string{rowsOf(t, db)}
	}
	for name, both := range map[string][2][]string{"errors": failed, "rows": rows, "told": heard} {
		if !slices.Equal(both[0], both[1]) {
			t.Errorf("the %s are\n%.3000q\nwant\n%.3000q", name, both[1], both[0])
		}
	}
}

func (s written) run(raw any, directly bool) error {
	if directly {
		return sqlite.ExecOn(raw, s.query, s.arguments)
	}
	var named []driver.NamedValue
	for n, value := range s.named {
		named = append(named, driver.NamedValue{Ordinal: n + 1, Value: value})
	}
	_, err := raw.(driver.ExecerContext).ExecContext(context.Background(), s.query, named)
	return err
}

// failureOf is what an error says, and its code.
func failureOf(err error) string {
	var coded interface {
		error
		Code() int
	}
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &coded):
		return "without a code: " + err.Error()
	case coded.Code()&0xff == 0:
		return "a code that is none: " + err.Error()
	}
	return err.Error()
}

// TestExecOnOutside writes without a transaction, and on a connection that is not an
// engine's, which the driver does then.
func TestExecOnOutside(t *testing.T) {
	t.Parallel()
	engine, _ := newWritten(t)
	plain, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	plain.SetMaxOpenConns(1)
	if _, err := plain.ExecContext(t.Context(), "CREATE TABLE things (id PRIMARY KEY, a, b)"); err != nil {
		t.Fatal(err)
	}
	for name, db := range map[string]*sql.DB{"an engine's": engine, "the driver's": plain} {
		held, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = held.Raw(func(raw any) error {
			if in, known := sqlite.InTransaction(raw); in || known != (db == engine) {
				t.Errorf("%s: in a transaction is %v, known %v", name, in, known)
			}
			if err := sqlite.ExecOn(raw, statements[0].query, statements[0].arguments); err != nil {
				return err
			}
			err := sqlite.ExecOn(raw, statements[0].query, statements[0].arguments)
			if refused := (*modernc.Error)(nil); !errors.As(err, &refused) {
				t.Errorf("%s: got %v, want an error of the driver", name, err)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM things").Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: %d rows, %v, want one", name, n, err)
		}
	}
}

// TestInTransaction asks before, within and after a transaction.
func TestInTransaction(t *testing.T) {
	t.Parallel()
	db, _ := newWritten(t)
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	err = held.Raw(func(raw any) error {
		for n, query := range []string{"", "BEGIN", "SAVEPOINT a", "RELEASE a", "ROLLBACK", "SAVEPOINT b", "RELEASE b"} {
			if query != "" {
				if _, err := raw.(driver.ExecerContext).ExecContext(t.Context(), query, nil); err != nil {
					return err
				}
			}
			if in, known := sqlite.InTransaction(raw); !known || in != slices.Contains([]int{1, 2, 3, 5}, n) {
				t.Errorf("after %q: %v, known %v", query, in, known)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
