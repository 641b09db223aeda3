package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// newJoined opens a database of things, each with some of three owners.
func newJoined(t *testing.T) *sql.DB {
	t.Helper()
	db := openWith(t, sqlite.New(), filepath.Join(t.TempDir(), "data.db"))
	execAll(t, db,
		"CREATE TABLE things (id TEXT PRIMARY KEY NOT NULL, class INTEGER, wide TEXT)",
		"CREATE TABLE owners (name TEXT, thing TEXT)",
		"CREATE INDEX owners_thing ON owners (thing)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO things SELECT printf('%04d', (i * 7919) % 1009), i % 7, 'wide' FROM n",
		"INSERT INTO owners SELECT 'a' || (rowid % 3), id FROM things UNION ALL SELECT 'a' || (rowid % 2), id FROM things",
	)
	return db
}

// joined is the part of a query that repeats rows.
const joined = " FROM `things` LEFT JOIN `owners` ON `owners`.`thing` = `things`.`id` WHERE (`owners`.`name` > ? OR `owners`.`name` IS NULL)"

// TestInstead compares pages that are read by row numbers with those of the query
// that they stand for, and expects SQLite to say which ones can be.
func TestInstead(t *testing.T) {
	t.Parallel()
	for end, used := range map[string]bool{
		" ORDER BY `things`.`wide` LIMIT 30 OFFSET ?":                  true,
		" ORDER BY `things`.`class` DESC LIMIT 30 OFFSET ?":            true,
		" ORDER BY `owners`.`name`, `things`.`wide` LIMIT 30 OFFSET ?": true,
		// an index has all that the row number needs, and another order
		" LIMIT 30 OFFSET ?":                                                       false,
		" AND `things`.`wide` > '' LIMIT 30 OFFSET ?":                              false,
		" AND `things`.`class` > (SELECT min(1)) LIMIT 30 OFFSET ?":                false,
		" AND `things`.`id` IN ('0856', '0703', '0550', '0397') LIMIT 30 OFFSET ?": false,
		" ORDER BY `things`.`_rowid_` LIMIT 30 OFFSET ?":                           true,
		" ORDER BY `things`.`_rowid_` DESC LIMIT 30 OFFSET ?":                      true,
	} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			db := newJoined(t)
			q := sqlite.Query{Text: "SELECT DISTINCT `things`.*" + joined + end, Arguments: []sqlite.Value{sqlite.TextValue(""), sqlite.IntegerValue(3)}}
			want, err := read(db, q)
			if err != nil || len(want) == 0 {
				t.Fatalf("%d rows, %v", len(want), err)
			}
			q.Instead = sqlite.Instead("`things`", "SELECT DISTINCT `things`.`_rowid_` AS `holdallRow`"+joined+end)
			for n := range 3 {
				if got, err := read(db, q); err != nil || !slices.Equal(got, want) {
					t.Errorf("time %d: got %.200q, %v, want %.200q", n, got, err, want)
				}
			}
			if got := proven(t, db, q.Instead); got != used {
				t.Errorf("it is used: %v, want %v", got, used)
			}
		})
	}
}

// proven tells whether a query is run instead of another.
func proven(t *testing.T, db *sql.DB, query string) (is bool) {
	t.Helper()
	held, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_ = held.Raw(func(raw any) error {
		is = sqlite.Proven(raw, query)
		return nil
	})
	return is
}

// TestInsteadOfChangedTables makes an index under statements that were compared, by
// which SQLite then reads one of them in another order.
func TestInsteadOfChangedTables(t *testing.T) {
	t.Parallel()
	db := newJoined(t)
	if _, err := db.Exec("ALTER TABLE things ADD COLUMN long VARCHAR(9000)"); err != nil { // so that SQLite likes to spare it
		t.Fatal(err)
	}
	end := " AND `things`.`class` > 0 ORDER BY `things`.`wide` LIMIT 30 OFFSET ?"
	whole := sqlite.Query{Text: "SELECT DISTINCT `things`.*" + joined + end, Arguments: []sqlite.Value{sqlite.TextValue(""), sqlite.IntegerValue(3)}}
	q := whole
	q.Instead = sqlite.Instead("`things`", "SELECT DISTINCT `things`.`_rowid_` AS `holdallRow`"+joined+end)
	for n, change := range []string{
		"", "CREATE INDEX things_covering ON things (id, class, wide)", "DROP INDEX things_covering", "ALTER TABLE things ADD COLUMN a", "ALTER TABLE things ADD COLUMN b",
		"ALTER TABLE things ADD COLUMN c", "ALTER TABLE things ADD COLUMN d", "CREATE INDEX things_class ON things (class)", "ANALYZE",
	} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
		want, err := read(db, whole)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got, err := read(db, q); err != nil || !slices.Equal(got, want) {
				t.Errorf("change %d: got %.200q, %v, want %.200q", n, got, err, want)
			}
		}
		if (n == 0 || strings.HasPrefix(change, "ALTER")) && !proven(t, db, q.Instead) {
			t.Errorf("change %d: it is not used", n)
		}
	}
}

// TestInsteadOfATableChangedMeanwhile has another connection make an index after the
// queries were compared. SQLite compiles the one for the row numbers again only when it
// runs, and would then find them in the order of the index.
func TestInsteadOfATableChangedMeanwhile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	db, other := openWith(t, sqlite.New(), path), openWith(t, sqlite.New(), path)
	execAll(t, db,
		"CREATE TABLE things (id TEXT NOT NULL, wide TEXT, long VARCHAR(9000))",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO things SELECT printf('%04d', (i * 7919) % 1009), 'wide', '' FROM n",
	)
	const end = " FROM `things` WHERE `things`.`id` != ? ORDER BY `things`.`wide` LIMIT 30"
	q := sqlite.Query{Text: "SELECT DISTINCT `things`.*" + end, Arguments: []sqlite.Value{sqlite.TextValue("")}}
	want, err := read(db, q)
	if err != nil || len(want) != 30 {
		t.Fatalf("got %d rows, %v, want 30", len(want), err)
	}
	q.Instead = sqlite.Instead("`things`", "SELECT DISTINCT `things`.`_rowid_` AS `holdallRow`"+end)
	for _, indexed := range []bool{false, true} {
		if indexed {
			if _, err := other.Exec("CREATE INDEX things_covering ON things (id, wide)"); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 3 {
			if got, err := read(db, q); err != nil || !slices.Equal(got, want) {
				t.Errorf("index %v, time %d: got %.200q, %v, want %.200q", indexed, n, got, err, want)
			}
		}
		if got := proven(t, db, q.Instead); got == indexed {
			t.Errorf("index %v: it is used: %v, want %v", indexed, got, !indexed)
		}
	}
}
