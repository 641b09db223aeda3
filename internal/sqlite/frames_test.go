package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// logged is a database whose commits are looked at.
type logged struct {
	path string
	db   *sql.DB
	held *sql.Conn
}

// newLogged opens one with pages of a size, and what else is set.
func newLogged(t *testing.T, pageSize int, pragmas ...string) *logged {
	t.Helper()
	l := &logged{path: filepath.Join(t.TempDir(), "data.db")}
	plain, err := sql.Open("sqlite", l.path) // the engine's connections begin with a log
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.ExecContext(t.Context(), fmt.Sprintf("PRAGMA page_size = %d; VACUUM; CREATE TABLE things (id INTEGER PRIMARY KEY, v)", pageSize)); err != nil {
		t.Fatal(err)
	}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	opened, err := sqlite.New().Connect(l.path)
	if err != nil {
		t.Fatal(err)
	}
	l.db = opened.DB()
	t.Cleanup(func() { _ = l.db.Close() })
	if l.held, err = l.db.Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.held.Close() })
	for _, pragma := range pragmas {
		if _, err := l.held.ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// commit runs statements in a transaction, and tells how the log was written.
func (l *logged) commit(ctx context.Context, fail int, statements ...string) (spy sqlite.LogSpy, err error) {
	err = l.held.Raw(func(raw any) error {
		tx, err := raw.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
		if err != nil {
			return err
		}
		for _, statement := range statements {
			if _, err := raw.(driver.ExecerContext).ExecContext(ctx, statement, nil); err != nil {
				return err
			}
		}
		looking, takeBack := sqlite.SpyOnLog(raw)
		defer takeBack()
		looking.Fail = fail
		err = tx.Commit()
		spy = *looking
		return err
	})
	return spy, err
}

// recovered is a hash of the rows that SQLite finds in copies of the files, as after a
// crash: it believes the log as far as its checksums are right.
func (l *logged) recovered(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	for _, ending := range []string{"", "-wal"} {
		content, err := os.ReadFile(l.path + ending)
		if err == nil {
			err = os.WriteFile(path+ending, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var check string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
		t.Errorf("the check says %s, %v", check, err)
	}
	return hashOf(t, db)
}

func hashOf(t *testing.T, db *sql.DB) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT id, v FROM things ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	hash := sha256.New()
	for rows.Next() {
		var id int
		var v string
		if err := rows.Scan(&id, &v); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(hash, id, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// TestGatheredFrames commits at random, as all sorts of databases do, and compares what
// a crash would leave with a database that has had the same statements.
func TestGatheredFrames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pageSize int
		pragmas  []string
	}{
		"as ever":     {4096, nil},
		"small pages": {512, nil},
		"large pages": {65536, nil},
		"waits":       {4096, []string{"synchronous = FULL"}},
		"spills":      {1024, []string{"cache_size = 12", "cache_spill = 1"}}, // pages are written before the commit, and again
		"begins anew": {4096, []string{"wal_autocheckpoint = 20", "journal_size_limit = 9000"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogged(t, c.pageSize, c.pragmas...)
			like, err := sql.Open("sqlite", ":memory:")
			if err != nil {
				t.Fatal(err)
			}
			defer like.Close()
			like.SetMaxOpenConns(1)
			if _, err := like.ExecContext(t.Context(), "CREATE TABLE things (id INTEGER PRIMARY KEY, v)"); err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for n := range 12 {
				var statements []string
				for range 1 + random.IntN(60) {
					v := strings.Repeat(fmt.Sprint(random.Uint64()), 1+random.IntN(60))
					statements = append(statements, fmt.Sprintf("INSERT OR REPLACE INTO things VALUES (%d, '%s')", random.IntN(300), v))
				}
				if n%4 == 3 {
					statements = append(statements, "UPDATE things SET v = v || 'x'", "DELETE FROM things WHERE id % 7 = 0")
				}
				if _, err := l.commit(t.Context(), 0, statements...); err != nil {
					t.Fatal(err)
				}
				if _, err := like.ExecContext(t.Context(), strings.Join(statements, ";")); err != nil {
					t.Fatal(err)
				}
				want := hashOf(t, like)
				if got := hashOf(t, l.db); got != want {
					t.Fatalf("commit %d: another connection finds other rows", n)
				}
				if got := l.recovered(t); got != want {
					t.Fatalf("commit %d: a crash would leave other rows", n)
				}
			}
		})
	}
}

// many is a statement that fills about so many pages.
func many(pages int) string {
	return fmt.Sprintf("INSERT INTO things SELECT NULL, hex(randomblob(1900)) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n)", pages)
}

// TestFramesAreFew counts how often the system is called for a commit.
func TestFramesAreFew(t *testing.T) {
	t.Parallel()
	l := newLogged(t, 4096)
	for n, pages := range []int{1, 3, 100} {
		spy, err := l.commit(t.Context(), 0, many(pages))
		if err != nil {
			t.Fatal(err)
		}
		frames := spy.Bytes / (sqlite.FrameHeader + 4096)
		most := 1 + spy.Bytes/sqlite.MostGathered
		if n == 0 { // the log begins
			continue
		}
		if frames < pages || spy.Calls > most {
			t.Errorf("%d calls for %d frames, want at most %d", spy.Calls, frames, most)
		}
	}
}

// TestFramesFail has the disk be full in the middle of a commit.
func TestFramesFail(t *testing.T) {
	t.Parallel()
	l := newLogged(t, 4096)
	if _, err := l.commit(t.Context(), 0, many(5)); err != nil {
		t.Fatal(err)
	}
	want := l.recovered(t)
	for fail := 1; fail <= 4; fail++ {
		spy, err := l.commit(t.Context(), fail, many(60))
		if err == nil || !strings.Contains(err.Error(), "full") || spy.Calls != fail {
			t.Errorf("at call %d: got %v after %d calls, want that the disk is full", fail, err, spy.Calls)
		}
		if got := l.recovered(t); got != want || hashOf(t, l.db) != want {
			t.Errorf("at call %d: rows were left", fail)
		}
	}
	if _, err := l.commit(t.Context(), 0, many(60)); err != nil {
		t.Fatal(err)
	}
	if got := l.recovered(t); got == want || got != hashOf(t, l.db) {
		t.Error("nothing can be written any more")
	}
}
