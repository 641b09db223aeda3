package sqlite_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	modernc "modernc.org/sqlite"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// open returns two connections' worth of one database, and what was told of it.
func open(t *testing.T) (writer, reader *dbx.DB, told func() int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.db")
	engine := sqlite.New()
	var mu sync.Mutex
	count := 0
	engine.OnCommit(func(got string) {
		mu.Lock()
		defer mu.Unlock()
		if got != path {
			t.Errorf("told of %s, want %s", got, path)
		}
		count++
	})
	var databases [2]*dbx.DB
	for i := range databases {
		db, err := engine.Connect(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		databases[i] = db
	}
	exec(t, databases[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
	return databases[0], databases[1], func() int {
		mu.Lock()
		defer mu.Unlock()
		n := count
		count = 0
		return n
	}
}

func exec(t *testing.T, db dbx.Builder, sql string) {
	t.Helper()
	if _, err := db.NewQuery(sql).Execute(); err != nil {
		t.Fatal(err)
	}
}

func TestCommitsAreTold(t *testing.T) {
	t.Parallel()
	db, reader, told := open(t)
	insert := func(db dbx.Builder) error {
		_, err := db.NewQuery("INSERT INTO t DEFAULT VALUES").Execute()
		return err
	}
	for _, test := range []struct {
		name string
		do   func() error
		want int
	}{
		{"the table of the test", func() error { return nil }, 1},
		{"a statement", func() error { return insert(db) }, 1},
		{"a transaction of two", func() error {
			return db.Transactional(func(tx *dbx.Tx) error { return errors.Join(insert(tx), insert(tx)) })
		}, 1},
		{"a rollback", func() error {
			_ = db.Transactional(func(tx *dbx.Tx) error { return errors.Join(insert(tx), errors.New("no")) })
			return nil
		}, 0},
		{"a read", func() error { return reader.NewQuery("SELECT count(*) FROM t").Row(new(int)) }, 0},
		{"a statement that returns rows", func() error { return db.NewQuery("INSERT INTO t DEFAULT VALUES RETURNING id").Row(new(int)) }, 1},
		{"a prepared statement", func() error {
			q := db.NewQuery("INSERT INTO t DEFAULT VALUES").Prepare()
			_, err := q.Execute()
			return errors.Join(err, q.Close())
		}, 1},
	} {
		if err := test.do(); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := told(); got != test.want {
			t.Errorf("%s: told of %d commits, want %d", test.name, got, test.want)
		}
	}
}

// TestCommitIsVisibleWhenTold is why nobody has to look twice.
func TestCommitIsVisibleWhenTold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	engine := sqlite.New()
	commits := make(chan struct{}, 1)
	engine.OnCommit(func(string) {
		select {
		case commits <- struct{}{}:
		default:
		}
	})
	db, err := engine.Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := engine.Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	exec(t, db, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	<-commits

	for want := 1; want <= 200; want++ {
		done := make(chan error, 1)
		go func() {
			_, err := db.NewQuery("INSERT INTO t DEFAULT VALUES").Execute()
			done <- err
		}()
		<-commits
		var got int
		if err := other.NewQuery("SELECT count(*) FROM t").Row(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("told of a commit that cannot be seen: got %d rows, want %d", got, want)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// TestReplacedRowFiresItsTrigger is what recursive_triggers is for.
func TestReplacedRowFiresItsTrigger(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t)
	for _, sql := range []string{
		"CREATE TABLE gone (id INTEGER)",
		"CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO gone VALUES (OLD.id); END",
		"INSERT INTO t VALUES (1, 'same')", "REPLACE INTO t VALUES (2, 'same')",
	} {
		exec(t, db, sql)
	}
	var id int
	if err := db.NewQuery("SELECT id FROM gone").Row(&id); err != nil || id != 1 {
		t.Errorf("got row %d and error %v, want the evicted row 1", id, err)
	}
}

// addSeven adds a function to the driver, which takes a name once in a process.
var addSeven = sync.OnceValue(func() error {
	return modernc.RegisterDeterministicScalarFunction("holdall_test_seven", 0,
		func(*modernc.FunctionContext, []driver.Value) (driver.Value, error) { return int64(7), nil })
})

// TestFunctionsOfTheDriver shows that what a program adds to the driver is there.
func TestFunctionsOfTheDriver(t *testing.T) {
	t.Parallel()
	if err := addSeven(); err != nil {
		t.Fatal(err)
	}
	db, _, _ := open(t)
	var got int
	if err := db.NewQuery("SELECT holdall_test_seven()").Row(&got); err != nil || got != 7 {
		t.Errorf("got %d and error %v, want 7", got, err)
	}
}

// TestRawConnectionCanBackUp is how a program copies a database while it is used.
func TestRawConnectionCanBackUp(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t)
	conn, err := db.DB().Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(raw any) error {
		source, ok := raw.(interface {
			NewBackup(string) (*modernc.Backup, error)
		})
		if !ok {
			t.Fatalf("%T makes no backups", raw)
		}
		backup, err := source.NewBackup(filepath.Join(t.TempDir(), "copy.db"))
		if err != nil {
			return err
		}
		if _, err := backup.Step(-1); err != nil {
			return err
		}
		return backup.Finish()
	})
	if err != nil {
		t.Error(err)
	}
}

// TestKeptStatements uses statements again after everything that could make a
// compiled one wrong.
func TestKeptStatements(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t)
	db.DB().SetMaxOpenConns(1)
	insert := func(name any) error {
		_, err := db.NewQuery("INSERT INTO t (name) VALUES ({:name})").Bind(dbx.Params{"name": name}).Execute()
		return err
	}
	count := func(want int) {
		t.Helper()
		var got int
		if err := db.NewQuery("SELECT count(*) FROM t").Row(&got); err != nil || got != want {
			t.Errorf("got %d rows and error %v, want %d", got, err, want)
		}
	}
	if err := errors.Join(insert("a"), insert("b")); err != nil {
		t.Fatal(err)
	}
	if err := insert("a"); err == nil {
		t.Error("a duplicate was inserted")
	}
	count(2)
	exec(t, db, "ALTER TABLE t ADD COLUMN extra TEXT NOT NULL DEFAULT 'x'")
	exec(t, db, "CREATE TRIGGER twice AFTER INSERT ON t WHEN NEW.name = 'c' BEGIN INSERT INTO t (name) VALUES ('d'); END")
	if err := insert("c"); err != nil {
		t.Fatal(err)
	}
	count(4)
	exec(t, db, "VACUUM")
	exec(t, db, "DROP TABLE t")
	if err := insert("e"); err == nil {
		t.Error("something was inserted into a dropped table")
	}
	exec(t, db, "CREATE TABLE t (name BLOB, id INTEGER)")
	err := db.Transactional(func(tx *dbx.Tx) error {
		rows, err := tx.NewQuery("SELECT 1 UNION SELECT 2").Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			_, err := tx.NewQuery("INSERT INTO t (name) VALUES ({:name})").Bind(dbx.Params{"name": []byte{1, 2}}).Execute()
			if err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	count(2)
	result, err := db.NewQuery("UPDATE t SET id = {:id}").Bind(dbx.Params{"id": 7}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 2 {
		t.Errorf("%d rows affected, error %v, want 2", n, err)
	}
	// more than are kept, and two statements in one
	for n := range 600 {
		query := fmt.Sprintf("INSERT INTO t (id) VALUES ({:id} + %d)", n)
		if n%100 == 0 {
			query += "; DELETE FROM t WHERE id = -{:id}"
		}
		if _, err := db.NewQuery(query).Bind(dbx.Params{"id": 1}).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	count(602)
}

// TestCancelledStatementCanBeUsedAgain is a request that was given up.
func TestCancelledStatementCanBeUsedAgain(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t)
	db.DB().SetMaxOpenConns(1)
	query := `INSERT INTO t (name) WITH RECURSIVE n(i) AS (SELECT {:from} UNION ALL SELECT i + 1 FROM n WHERE i < {:to}) SELECT i FROM n`
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := db.NewQuery(query).WithContext(ctx).Bind(dbx.Params{"from": 1, "to": 100_000_000}).Execute(); err == nil {
		t.Fatal("the statement ran to its end")
	}
	if _, err := db.NewQuery(query).Bind(dbx.Params{"from": 1, "to": 3}).Execute(); err != nil {
		t.Fatal(err)
	}
	var got int
	if err := db.NewQuery("SELECT count(*) FROM t").Row(&got); err != nil || got != 3 {
		t.Errorf("got %d rows and error %v, want 3", got, err)
	}
}

// TestKeptQueries runs queries again after everything that could make a compiled
// one wrong, and while one of them is being read.
func TestKeptQueries(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t)
	db.DB().SetMaxOpenConns(1)
	for n := range 5 {
		exec(t, db, fmt.Sprintf("INSERT INTO t VALUES (%d, 'n%d')", n, n))
	}
	query := func(db dbx.Builder, from int) *dbx.Query {
		return db.NewQuery("SELECT * FROM t WHERE id >= {:from} ORDER BY id").Bind(dbx.Params{"from": from})
	}
	expect := func(from int, want string) {
		t.Helper()
		for range 3 { // the second time it is kept
			rows := []dbx.NullStringMap{}
			if err := query(db, from).All(&rows); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, r := range rows {
				got += r["id"].String + r["name"].String + r["extra"].String + " "
			}
			if got != want {
				t.Errorf("from %d: got %q, want %q", from, got, want)
			}
		}
	}
	expect(3, "3n3 4n4 ")
	expect(4, "4n4 ")
	expect(9, "")
	exec(t, db, "UPDATE t SET name = 'new' WHERE id = 4")
	expect(4, "4new ")
	exec(t, db, "ALTER TABLE t ADD COLUMN extra TEXT DEFAULT 'x'")
	expect(4, "4newx ")
	exec(t, db, "VACUUM")
	expect(3, "3n3x 4newx ")

	// within each other, and more than are kept while the first is still read
	err := db.Transactional(func(tx *dbx.Tx) error {
		outer, err := query(tx, 0).Rows()
		if err != nil {
			return err
		}
		defer outer.Close()
		count := 0
		for ; outer.Next(); count++ {
			var inner struct{ ID int }
			if err := query(tx, 4).One(&inner); err != nil || inner.ID != 4 {
				return fmt.Errorf("within: got %d, %w", inner.ID, err)
			}
			for n := range 200 {
				for range 2 {
					var got int
					q := tx.NewQuery(fmt.Sprintf("SELECT id + %d FROM t WHERE id = {:id}", n)).Bind(dbx.Params{"id": 1})
					if err := q.Row(&got); err != nil || got != n+1 {
						return fmt.Errorf("got %d, want %d: %w", got, n+1, err)
					}
				}
			}
		}
		if count != 5 {
			return fmt.Errorf("the outer query has %d rows, want 5", count)
		}
		return outer.Err()
	})
	if err != nil {
		t.Fatal(err)
	}

	endless := func(ctx context.Context, to int64) error {
		var last int
		return db.NewQuery(`SELECT MAX(i) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {:to}) SELECT i FROM n)`).
			WithContext(ctx).Bind(dbx.Params{"to": to}).Row(&last)
	}
	for range 3 {
		if err := endless(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := endless(ctx, 1<<40); err == nil {
			t.Error("the query ran to its end")
		}
		cancel()
	}
	exec(t, db, "DROP TABLE t")
	if err := query(db, 0).Row(new(int)); err == nil {
		t.Error("a dropped table was read")
	}
	exec(t, db, "CREATE TABLE t (id INTEGER, name TEXT)")
	exec(t, db, "INSERT INTO t VALUES (7, 'seven')")
	expect(0, "7seven ")
}

// Statements of many rows are large when they are compiled, and seldom come again.
func TestLongStatementsAreNotKept(t *testing.T) {
	t.Parallel()
	db, _, _ := open(t)
	db.DB().SetMaxOpenConns(1)
	kept := func() (n int) {
		t.Helper()
		conn, err := db.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.Raw(func(raw any) error { n = sqlite.Kept(raw); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	run := func(padding string) {
		t.Helper()
		for range 2 {
			insert := "INSERT INTO t (id, name) VALUES ({:id}, {:name})" + padding
			if _, err := db.NewQuery(insert).Bind(dbx.Params{"id": nil, "name": nil}).Execute(); err != nil {
				t.Fatal(err)
			}
			var n int
			if err := db.NewQuery("SELECT COUNT(*) FROM t WHERE name = {:name}" + padding).Bind(dbx.Params{"name": "x"}).Row(&n); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := kept()
	run(" -- " + strings.Repeat("long ", 5000))
	if got := kept(); got != before {
		t.Errorf("%d long statements are kept", got-before)
	}
	run("")
	if got := kept(); got != before+2 {
		t.Errorf("%d short statements are kept, want 2", got-before)
	}
}
