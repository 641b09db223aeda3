package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unsafe" // to read what SQLite's connections share

	sqlite3 "modernc.org/sqlite/lib"
)

// A database's write-ahead log is moved to it now and then, which SQLite leaves to
// whoever commits the thousandth page: that one writes them all and waits twice for the
// disk, and all writers behind it wait, too. Here that is done beside them. Only the
// last pages are moved with writers locked out, as the log can begin anew only when
// nothing of it is left.
const (
	// moveAfter is how many pages of the log that are not in the database yet have
	// them moved.
	moveAfter = 2000

	// renewAfter is how many pages the log has when it is to begin anew. Twice as many
	// are few enough that SQLite finds a page in it at once.
	renewAfter = 4000

	// fewLeft is how many pages may be left when writers are locked out for them. Moving
	// what came while the pages before were moved is tried mostMoves times.
	fewLeft   = 200
	mostMoves = 4

	// triedAgain is how soon what a reader needed is tried to be moved again, if less has
	// been written since. One reader after the other would never be met between two else.
	triedAgain = 100 * time.Millisecond

	// lockOut is how long a transaction may take while others wait at the gate.
	lockOut = 200 * time.Millisecond

	// ownPages is where SQLite begins to do it again: the disk is slower than the
	// writers, and these have to wait for it.
	ownPages = 16_000
)

// autoCheckpoint sets at how many pages of the log SQLite moves them itself.
var autoCheckpoint = fmt.Sprintf("&_pragma=wal_autocheckpoint(%d)", ownPages)

// checkpointer moves the log of a database beside its writers.
type checkpointer struct {
	path string
	gate *Gate
	open func() (driver.Conn, error)

	mu      sync.Mutex
	running chan struct{} // closed when it is over; nil if none is
	busy    atomic.Bool   // whether there is one, to be read without the mutex
	conn    driver.Conn   // of who runs, and kept between; nil if there is none
	tried   atomic.Uint32 // how long the log was when it was moved the last time
	triedAt atomic.Int64  // since begun, in nanoseconds

	begun, lockedOut atomic.Int64 // how often the log was moved, and writers locked out for it
}

// note has the log moved if there is enough of it. What a reader needs stays, and is
// tried again when as much has come, or a while later: each commit would else.
func (k *checkpointer) note(pages logPages) {
	if pages.all-pages.moved < moveAfter || k.busy.Load() {
		return
	}
	since := pages.all - k.tried.Load() // many if the log has begun anew, as it wraps around
	if since < moveAfter && time.Since(begun)-time.Duration(k.triedAt.Load()) < triedAgain {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running != nil {
		return
	}
	k.busy.Store(true)
	k.begun.Add(1)
	k.running = make(chan struct{})
	go k.run(k.running)
}

// close waits until nothing is moved any more, and closes the connection.
func (k *checkpointer) close() error {
	k.wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running != nil || k.conn == nil { // another pool has written
		return nil
	}
	defer func() { k.conn = nil }()
	return k.conn.Close()
}

func (k *checkpointer) wait() {
	k.mu.Lock()
	running := k.running
	k.mu.Unlock()
	if running != nil {
		<-running
	}
}

func (k *checkpointer) run(done chan struct{}) {
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.running = nil
		k.busy.Store(false)
		close(done)
	}()
	if err := k.move(context.Background()); err != nil {
		k.abandon()
		slog.Debug("sqlite: the write-ahead log was not moved to the database. It is tried again, and SQLite does it when it is long.",
			slog.String("database", k.path), slog.Any("error", err))
	}
}

// move moves the log, and lets it begin anew if it is long.
func (k *checkpointer) move(ctx context.Context) (err error) {
	if k.conn == nil {
		if k.conn, err = k.open(); err != nil {
			return err
		}
	}
	var before, after logPages
	for range mostMoves {
		if after, err = movePages(ctx, k.conn); err != nil {
			return err
		}
		k.tried.Store(after.all)
		k.triedAt.Store(int64(time.Since(begun)))
		if after.all < renewAfter {
			return nil
		}
		if after.all-before.all <= fewLeft {
			break
		}
		before = after
	}
	if after.all-after.moved > fewLeft {
		return nil // a reader needs them; the next time
	}
	open := k.gate.Shut(ctx, lockOut)
	if open == nil {
		return nil // a long transaction; the next time
	}
	defer open()
	k.lockedOut.Add(1)
	_, err = movePages(ctx, k.conn)
	return err
}

// abandon closes a connection that has failed. The next one may do better.
func (k *checkpointer) abandon() {
	if k.conn != nil {
		_ = k.conn.Close() // it is known that something is wrong
		k.conn = nil
	}
}

// movePages moves what no reader needs in the log, and waits for nobody.
func movePages(ctx context.Context, conn driver.Conn) (pages logPages, err error) {
	queryer, ok := conn.(driver.QueryerContext)
	if !ok {
		return pages, fmt.Errorf("sqlite: the driver's connection %T runs no queries", conn)
	}
	rows, err := queryer.QueryContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)", nil)
	if err != nil {
		return pages, err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil && !errors.Is(err, io.EOF) {
		return pages, err
	}
	if len(row) != 3 {
		return pages, fmt.Errorf("sqlite: a checkpoint answers with %d columns, want 3", len(row))
	}
	all, _ := row[1].(int64)
	moved, _ := row[2].(int64)
	if all < 0 || moved < 0 {
		return pages, nil // there is no log
	}
	return logPages{uint32(all), uint32(moved)}, nil // SQLite has them in as many bits
}

// logPages is how long a write-ahead log is.
type logPages struct {
	all, moved uint32
}

// logPages reads how long the log is from the memory that connections share. Both are 0
// if that is not known.
func (c *conn) logPages() logPages {
	index := c.handles().logIndex()
	if index == 0 {
		return logPages{}
	}
	const headers = 2 * unsafe.Sizeof(sqlite3.TWalIndexHdr{})
	all := index + unsafe.Offsetof(sqlite3.TWalIndexHdr{}.FmxFrame)
	moved := index + headers + unsafe.Offsetof(sqlite3.TWalCkptInfo{}.FnBackfill)
	pages := logPages{atomic.LoadUint32((*uint32)(pointer(all))), atomic.LoadUint32((*uint32)(pointer(moved)))}
	if pages.moved > pages.all { // the log has begun anew between the two
		return logPages{}
	}
	return pages
}
