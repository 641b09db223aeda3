package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// newSampled opens a database with an index of which SQLite has samples.
func newSampled(t *testing.T) *sql.DB {
	t.Helper()
	db, _ := newValues(t)
	execAll(t, db,
		"CREATE TABLE numbered (id TEXT PRIMARY KEY, n INT)",
		"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 500) INSERT INTO numbered SELECT 'id' || n, n FROM numbers",
		"ANALYZE",
	)
	return db
}

// compilations is how often a kept query was compiled again.
func compilations(t *testing.T, db *sql.DB, q sqlite.Query) (times int32) {
	t.Helper()
	held, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_ = held.Raw(func(raw any) error {
		var kept bool
		if times, kept = sqlite.Compilations(raw, q); !kept {
			t.Errorf("%q is not kept", q.Text)
		}
		return nil
	})
	return times
}

// TestSteadyQueries asks for rows by ids again and again. With samples of the index
// SQLite compiles a query for each other id, unless it is steady.
func TestSteadyQueries(t *testing.T) {
	t.Parallel()
	db := newSampled(t)
	ask := func(q sqlite.Query, from int) {
		t.Helper()
		var want []string
		for n := range 2 {
			q.Arguments = append(q.Arguments, sqlite.TextValue(fmt.Sprint("id", from+n)))
			want = append(want, fmt.Sprintf("n=%d:%d:0:%q", sqlite.Integer, from+n, ""))
		}
		got, err := read(db, q)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	steady := sqlite.Query{Text: "SELECT n FROM numbered WHERE id IN (?, ?)", Steady: true}
	other := sqlite.Query{Text: steady.Text}
	ask(steady, 98)
	for n := range 10 {
		ask(steady, 100+2*n)
		ask(other, 100+2*n)
	}
	if times := compilations(t, db, steady); times != 0 {
		t.Errorf("the steady query was compiled again %d times, want none", times)
	}
	if times := compilations(t, db, other); times < 5 {
		t.Errorf("the other query was compiled again %d times, want a time for each id", times)
	}

	if _, err := db.Exec("ALTER TABLE numbered ADD COLUMN more"); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		ask(steady, 300+2*n)
	}
	if times := compilations(t, db, steady); times != 0 {
		t.Errorf("after a change of the table the steady query was compiled again %d times, want none", times)
	}
}
