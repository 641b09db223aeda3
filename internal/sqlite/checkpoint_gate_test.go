package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
)

// gated opens a database whose writers pass a gate, on as many connections of one
// engine, and a connection that knows nothing of the gate and waits for no lock. Stock
// writers know nothing of it either.
func gated(t *testing.T, connections int, stock bool) (*sqlite.Gate, []*dbx.DB, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.db")
	engine := sqlite.New()
	engine.KeepWAL = true // so that nobody else shuts it
	open := engine.Connect
	if stock {
		open = core.DefaultDBConnect
	}
	var all []*dbx.DB
	for range connections {
		db, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		db.DB().SetMaxOpenConns(1)
		all = append(all, db)
	}
	exec(t, all[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
	stranger, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Close() })
	stranger.SetMaxOpenConns(1)
	return engine.Gate(path), all, stranger
}

// insertBoth writes a row in a transaction, and one by a statement alone.
func insertBoth(db *dbx.DB) error {
	err := db.Transactional(func(tx *dbx.Tx) error {
		_, err := tx.NewQuery("INSERT INTO t (name) VALUES ('transaction')").Execute()
		return err
	})
	if err != nil {
		return err
	}
	_, err = db.NewQuery("INSERT INTO t (name) VALUES ('alone')").Execute()
	return err
}

// TestShutGateLeavesTheLockFree has writers that never stop. Who shuts the gate finds
// SQLite's lock free each time, and who does not, soon finds it taken.
func TestShutGateLeavesTheLockFree(t *testing.T) {
	t.Parallel()
	for name, stock := range map[string]bool{"stock": true, "an engine's": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate, writers, stranger := gated(t, 4, stock)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			defer running.Wait()
			defer cancel()
			var written atomic.Int64
			for _, db := range writers {
				running.Go(func() {
					for ctx.Err() == nil {
						if err := insertBoth(db); err != nil {
							t.Error(err)
							return
						}
						written.Add(1)
					}
				})
			}
			lock := func() error {
				open := gate.Shut(ctx, time.Minute)
				if open == nil {
					t.Fatal("the gate was not shut within a minute")
				}
				defer open()
				_, err := stranger.ExecContext(ctx, "BEGIN IMMEDIATE; ROLLBACK")
				return err
			}
			if stock {
				pbtest.Eventually(t, time.Minute, func() error {
					if err := lock(); err == nil || !strings.Contains(err.Error(), "locked") {
						return errNeverTaken
					}
					return nil
				})
				return
			}
			for range 50 {
				if err := lock(); err != nil {
					t.Fatalf("with the gate shut: %v", err)
				}
				before := written.Load()
				pbtest.Eventually(t, time.Minute, func() error {
					if written.Load() == before {
						return errStillShut
					}
					return nil
				})
			}
		})
	}
}

// errNeverTaken says that the gate is no longer needed, errStillShut that it is of no use.
var (
	errNeverTaken = errText("the lock is free beside four writers")
	errStillShut  = errText("nobody has written since the gate was opened")
)

func TestShutGateWaitsForTransactions(t *testing.T) {
	t.Parallel()
	gate, writers, stranger := gated(t, 2, false)
	tx, err := writers[0].Begin()
	if err != nil {
		t.Fatal(err)
	}
	if open := gate.Shut(t.Context(), time.Millisecond); open != nil {
		t.Fatal("the gate was shut beside a transaction")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if open := gate.Shut(ended, time.Minute); open != nil {
		t.Fatal("the gate was shut beside a transaction, for somebody who had left")
	}
	if _, err := tx.NewQuery("INSERT INTO t (name) VALUES ('in the end')").Execute(); err != nil {
		t.Fatal(err)
	}
	committed := make(chan error, 1)
	go func() { committed <- tx.Commit() }()
	open := gate.Shut(t.Context(), time.Minute)
	if open == nil {
		t.Fatal("the gate was not shut after the transaction")
	}
	var n int
	if err := stranger.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil || n != 1 {
		t.Errorf("with the gate shut got %d rows and error %v, want what was committed before", n, err)
	}
	if err := <-committed; err != nil {
		t.Error(err)
	}

	leaving, leave := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := writers[1].BeginTx(leaving, nil)
		result <- err
	}()
	leave()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("begin before a gate that stays shut: got %v, want that its context ends the wait", err)
	}
	open()
	open()
	if err := insertBoth(writers[1]); err != nil {
		t.Errorf("after the gate was opened: %v", err)
	}
}

// TestUnknownTransactionsPass is of those that begin by a statement: if they had to
// wait in their middle, nobody would get SQLite's lock.
func TestUnknownTransactionsPass(t *testing.T) {
	t.Parallel()
	gate, writers, stranger := gated(t, 1, false)
	conn, err := writers[0].DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	run("BEGIN IMMEDIATE")
	open := gate.Shut(t.Context(), time.Minute)
	if open == nil {
		t.Fatal("the gate waited for a transaction that it cannot know")
	}
	began := time.Now()
	run("INSERT INTO t (name) VALUES ('a')")
	run("COMMIT")
	if took := time.Since(began); took >= sqlite.GatePatience {
		t.Errorf("it took %s, so it has waited for the gate", took)
	}
	if _, err := stranger.Exec("BEGIN IMMEDIATE; ROLLBACK"); err != nil {
		t.Errorf("after the transaction: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	// the next one on the same connection is known again
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := writers[0].DB().ExecContext(ctx, "INSERT INTO t (name) VALUES ('b')")
		result <- err
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("before a gate that stays shut: got %v, want that the context ends the wait", err)
	}
	open()
}

// TestSlowWritersAreFew holds on any machine: k writers that wait longer each time pass
// less than √(2kT/step) times in a time T.
func TestSlowWritersAreFew(t *testing.T) {
	t.Parallel()
	const k = 4
	gate, writers, _ := gated(t, k, false)
	gate.Slow()
	began := time.Now()
	var running sync.WaitGroup
	var passed atomic.Int64
	for _, db := range writers {
		running.Go(func() {
			for time.Since(began) < 500*time.Millisecond {
				if err := insertBoth(db); err != nil {
					t.Error(err)
					return
				}
				passed.Add(2)
			}
		})
	}
	running.Wait()
	most := math.Sqrt(2*k*float64(time.Since(began))/float64(sqlite.SlowStep)) + k
	if n := float64(passed.Load()); n > most {
		t.Errorf("%.0f writes passed, want at most %.0f", n, most)
	}
	if counted := gate.Passed(); counted != passed.Load() {
		t.Errorf("the gate counted %d writes, want %d", counted, passed.Load())
	}
	gate.Fast()
	if err := insertBoth(writers[0]); err != nil {
		t.Error(err)
	}
}
