package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
)

// moved is a database whose log is moved.
type moved struct {
	engine         *sqlite.Engine
	path           string
	writer, reader *dbx.DB
	watcher        *dbx.DB // which looks at the log
}

func newMoved(t *testing.T) *moved {
	t.Helper()
	m := &moved{engine: sqlite.New(), path: filepath.Join(t.TempDir(), "data.db")}
	for _, db := range []**dbx.DB{&m.writer, &m.reader, &m.watcher} {
		opened, err := m.engine.Connect(m.path)
		if err != nil {
			t.Fatal(err)
		}
		opened.DB().SetMaxOpenConns(1)
		t.Cleanup(func() { _ = opened.Close() })
		*db = opened
	}
	exec(t, m.writer, "CREATE TABLE things (content BLOB)")
	return m
}

// write commits about so many pages, forty at a time.
func (m *moved) write(t *testing.T, pages uint32) {
	t.Helper()
	for ; pages > 40; pages -= 40 {
		exec(t, m.writer, "INSERT INTO things VALUES (randomblob(163840))")
	}
	exec(t, m.writer, "INSERT INTO things VALUES (randomblob(163840))")
}

// log returns how long the log is when nothing moves it.
func (m *moved) log(t *testing.T) (all, moved uint32) {
	t.Helper()
	m.engine.WaitForCheckpoint(m.path)
	return m.logNow(t)
}

func (m *moved) logNow(t *testing.T) (all, moved uint32) {
	t.Helper()
	conn, err := m.watcher.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "SELECT 1 FROM things LIMIT 1"); err != nil { // it has to have read once, and not for long
		t.Fatal(err)
	}
	err = conn.Raw(func(raw any) error {
		all, moved = sqlite.LogPages(raw)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, moved
}

// TestLogIsMovedBesideWriters writes less at a time than what SQLite would move itself.
func TestLogIsMovedBesideWriters(t *testing.T) {
	t.Parallel()
	m := newMoved(t)

	m.write(t, sqlite.MoveAfter/2)
	if all, moved := m.log(t); all < sqlite.MoveAfter/2 || moved != 0 {
		t.Errorf("after a few writes %d of %d pages of the log are in the database, want none", moved, all)
	}
	m.write(t, sqlite.MoveAfter/2+40)
	all, moved := m.log(t)
	if all < sqlite.MoveAfter || moved < sqlite.MoveAfter {
		t.Errorf("%d of %d pages of the log are in the database, want at least %d", moved, all, sqlite.MoveAfter)
	}

	for range 3 {
		for before := uint32(0); all >= before; {
			if all > sqlite.RenewAfter+sqlite.MoveAfter+400 {
				t.Fatalf("the log has %d pages, %d of them in the database, and does not begin anew", all, moved)
			}
			before = all
			m.write(t, 200)
			all, moved = m.log(t)
		}
	}
}

// TestLogBeginsAnewAmongWrites has a writer that never stops. When the log began anew
// before it was so long that SQLite would have moved it, it is because it was locked
// out.
func TestLogBeginsAnewAmongWrites(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		for ctx.Err() == nil {
			if _, err := m.writer.NewQuery("INSERT INTO things VALUES (randomblob(4000))").Execute(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	before, anew := uint32(0), 0
	pbtest.Eventually(t, time.Minute, func() error {
		all, _ := m.logNow(t)
		switch {
		case all >= sqlite.OwnPages:
			anew = 0
		case all < before && before < sqlite.OwnPages:
			anew++
		}
		before = all
		if anew < 6 {
			return fmt.Errorf("the log has %d pages and began anew %d times in a row, want 6", all, anew)
		}
		return nil
	})
}

// TestReaderHoldsTheLog has a reader that sees the database as it was, and so keeps the
// log from beginning anew until it ends.
func TestReaderHoldsTheLog(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	m.write(t, 40)
	reading, err := m.reader.DB().BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Rollback() //nolint:errcheck // nothing was written
	count := func() (n int) {
		if err := reading.QueryRowContext(t.Context(), "SELECT count(*) FROM things").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	seen := count()

	begunBefore, lockedBefore := m.engine.Checkpoints(m.path)
	started := time.Now()
	for range 100 {
		m.write(t, (sqlite.RenewAfter+sqlite.MoveAfter)/100)
		m.engine.WaitForCheckpoint(m.path)
	}
	most := 4 + int64(time.Since(started)/sqlite.TriedAgain)
	long, moved := m.log(t)
	begun, locked := m.engine.Checkpoints(m.path)
	if begun -= begunBefore; begun > most || locked > lockedBefore {
		t.Errorf("moving was tried %d times in vain, want at most %d, and writers were locked out %d times, want none", begun, most, locked-lockedBefore)
	}
	if long < sqlite.RenewAfter || moved >= long {
		t.Errorf("%d of %d pages of the log are in the database, want less than all of more than %d", moved, long, sqlite.RenewAfter)
	}
	if got := count(); got != seen {
		t.Errorf("the reader sees %d rows, want %d as before", got, seen)
	}

	if err := reading.Rollback(); err != nil {
		t.Fatal(err)
	}
	written := uint32(0)
	pbtest.Eventually(t, time.Minute, func() error {
		m.write(t, 40)
		written += 40
		if all, _ := m.log(t); all >= long {
			return fmt.Errorf("the log has %d pages without the reader, want it to begin anew", all)
		}
		return nil
	})
	if written > sqlite.MoveAfter/2 {
		t.Errorf("it began anew after %d pages, want that it does before %d", written, sqlite.MoveAfter)
	}
	begun, _ = m.engine.Checkpoints(m.path)
	m.write(t, 40)
	m.engine.WaitForCheckpoint(m.path)
	if again, _ := m.engine.Checkpoints(m.path); again != begun {
		t.Errorf("moving the log was tried %d times when it had just begun anew, want none", again-begun)
	}
}

// TestClosedDatabaseHasNoLog closes the database while its log is moved. Nothing is left
// that has it open, as SQLite removes the log with the last connection.
func TestClosedDatabaseHasNoLog(t *testing.T) {
	t.Parallel()
	for range 5 {
		m := newMoved(t)
		m.write(t, sqlite.MoveAfter+80)
		if err := errors.Join(m.watcher.Close(), m.reader.Close(), m.writer.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(m.path + "-wal"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the log is there after the database was closed: %v", err)
		}
	}
}
