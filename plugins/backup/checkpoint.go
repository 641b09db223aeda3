package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/benbjohnson/litestream"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// checkpointPages is how much the log grows before it is moved to the database, as
	// SQLite has it.
	checkpointPages = 1000

	// checkpointEvery is how long a shorter one waits for more.
	checkpointEvery = time.Minute

	// A part of the log of at most fewPages that is moved within quickMove, while at most
	// fewWrites come, leaves little to do with writers locked out. Writers are slowed
	// down after fullSpeed parts, and no more than movesFirst are moved.
	quickMove  = 50 * time.Millisecond
	fewPages   = 250
	fewWrites  = 30
	fullSpeed  = 3
	movesFirst = 8

	// slowDisk is how long moving little takes on a disk that is busy. Then the last
	// step would take long, too, and waits for a better time, but not more often
	// than putOffMost, and not while the log has mostPages.
	slowDisk   = 100 * time.Millisecond
	putOffMost = 10
	mostPages  = 100_000

	// brakeEvery is how often is seen whether the log has mostPages while it is captured,
	// and brakeAgain after how many times writers wait for short again: for 32 ms at most,
	// however long it takes.
	brakeEvery = 50 * time.Millisecond
	brakeAgain = 100

	// captureBytes is how much of the log is one capture at most. Less is at hand in
	// memory, and no sync waits for much more.
	captureBytes = 16 << 20

	// freePages are written by a checkpoint itself.
	freePages = 4

	// lockPatience is how long a checkpoint waits for its turn among the writers.
	lockPatience = 5 * time.Second
)

// quietly keeps litestream from checkpoints of its own.
func quietly(db *litestream.DB) {
	db.MinCheckpointPageN = math.MaxInt32
	db.TruncatePageN = math.MaxInt32
	db.CheckpointInterval = 0
	db.BusyTimeout = lockPatience
}

// checkpoint moves what is captured from the log to the database, if it is time.
//
// The last step keeps writers out: it sees to it that what it moves is captured, and
// only then lets the log begin anew. At full speed the log has a hundred megabytes
// by then, and writing and syncing these takes half a second. So most of it is moved
// before, beside the writers. A reader holds the log's end meanwhile: as long as it
// is there the log cannot begin anew, whatever is moved.
func (s *shipment) checkpoint(ctx context.Context) error {
	frame, size := s.frame(), s.logEnd()
	grown := size - s.left
	if grown < checkpointPages*frame && (grown <= freePages*frame || time.Since(s.checkpointed) < checkpointEvery) {
		return nil
	}
	if grown >= checkpointPages*frame {
		if took, err := s.moveMost(ctx, frame); err != nil {
			return unlessBusy(err)
		} else if took > slowDisk && s.putOff < putOffMost && size < s.mostPages.Load()*frame {
			s.putOff++
			return nil
		}
	}
	s.putOff = 0
	before := s.salt()
	err := s.renew(ctx)
	s.checkpointed, s.left = time.Now(), size
	if s.salt() != before {
		s.left = 0
	}
	return unlessBusy(err)
}

// capture captures what is committed by now. It does not end while writers add as much as
// it takes, which may be for as long as they write: from mostPages on they are slowed
// down, until it has ended and what it has captured is moved.
func (s *shipment) capture(ctx context.Context) error {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { s.brake(done) })
	defer watching.Wait()
	defer close(done)
	return s.db.Sync(ctx)
}

// brake slows writers down once the log is too long, unless done is closed before.
func (s *shipment) brake(done <-chan struct{}) {
	ticker := time.NewTicker(brakeEvery)
	defer ticker.Stop()
	for braked := 0; ; {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		if s.logEnd() < s.mostPages.Load()*s.frame() {
			continue
		}
		if braked%brakeAgain == 0 {
			s.gate.Slow()
		}
		braked++
	}
}

// frame is how many bytes of the log a page takes.
func (s *shipment) frame() int64 { return int64(s.db.PageSize() + litestream.WALFrameHeaderSize) }

// logEnd is where in the log the last capture ended.
func (s *shipment) logEnd() int64 { return s.db.SyncDiagnostic().LastSyncedWALOffset }

// moveMost moves parts of the log until little is left, and returns how long the
// last one took. Moving what came while the part before was moved takes less and
// less, unless writers are as fast as the disk: so these are slowed down.
func (s *shipment) moveMost(ctx context.Context, frame int64) (took time.Duration, err error) {
	for n := range movesFirst {
		began, from, passed := time.Now(), s.logEnd(), s.gate.Passed()
		if err := s.move(ctx); err != nil {
			return 0, err
		}
		took = time.Since(began)
		if took < quickMove && s.logEnd()-from <= fewPages*frame && s.gate.Passed()-passed <= fewWrites {
			break
		}
		if took < quickMove || n+1 >= fullSpeed {
			s.gate.Slow()
		}
	}
	return took, nil
}

// renew moves the rest of the log with writers shut out, so that it begins anew.
func (s *shipment) renew(ctx context.Context) error {
	open := s.gate.Shut(ctx, lockPatience)
	if open == nil {
		return nil // a long transaction; the next time
	}
	defer open()
	from := s.logEnd()
	if err := s.db.Sync(ctx); err != nil {
		return err
	}
	s.rest.Store(max(s.rest.Load(), s.logEnd()-from))
	s.renewals.Add(1)
	sealed, err := s.db.Pos()
	if err != nil {
		return err
	}
	s.beSlow(ctx)
	done := make(chan struct{})
	defer close(done)
	go s.openEarly(open, done)
	if err := s.db.Checkpoint(ctx, litestream.CheckpointModePassive); err != nil {
		return err
	}
	if pos, err := s.db.Pos(); err == nil && pos.TXID <= sealed.TXID+1 { // litestream's own write
		s.undisturbed.Add(1)
	}
	return nil
}

// openEarly lets writers in once the log has begun anew. Litestream has still to
// capture its own first page then, and syncs it.
func (s *shipment) openEarly(open func(), done <-chan struct{}) {
	ticker := time.NewTicker(500 * time.Microsecond)
	defer ticker.Stop()
	for moving := false; ; {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		now := s.db.SyncDiagnostic().Phase == "checkpoint_exec"
		if moving && !now {
			open()
			return
		}
		moving = now
	}
}

// salt is what changes in the log's header when it begins anew.
func (s *shipment) salt() (salt [8]byte) {
	file, err := os.Open(s.db.WALPath())
	if err != nil {
		return salt // as if it had not
	}
	defer file.Close()
	_, _ = file.ReadAt(salt[:], 16)
	return salt
}

// move moves a part of the log to the disk of the database, and keeps nobody out.
func (s *shipment) move(ctx context.Context) error {
	if err := s.lazily(ctx); err != nil {
		return err
	}
	reader, err := s.db.SQLDB().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("hold the log: %w", err)
	}
	defer reader.Rollback() //nolint:errcheck // it only reads
	if err := reader.QueryRowContext(ctx, "SELECT count(*) FROM _litestream_seq").Scan(new(int)); err != nil {
		return fmt.Errorf("hold the log: %w", err)
	}
	// SQLite takes it for a passive one, and litestream for one that needs no lock
	if err := s.db.Checkpoint(ctx, "passive"); err != nil {
		return err
	}
	if s.file == nil {
		// it stays open: closing a file takes away all locks of the process on it
		if s.file, err = os.OpenFile(s.db.Path(), os.O_RDWR, 0); err != nil {
			return err
		}
	}
	s.beSlow(ctx)
	return s.file.Sync()
}

// beSlow is what a slow disk is in tests.
func (s *shipment) beSlow(ctx context.Context) {
	if slow := time.Duration(s.slowness.Load()); slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
		}
	}
}

// unlessBusy lets a checkpoint that found no turn be made the next time.
func unlessBusy(err error) error {
	var busy *modernc.Error
	if errors.As(err, &busy) && busy.Code()&0xff == sqlite3.SQLITE_BUSY {
		return nil
	}
	return err
}

// lazily lets litestream's own writes, of a counter, be synced with the next
// checkpoint, as the app's are.
func (s *shipment) lazily(ctx context.Context) error {
	pool := s.db.SQLDB()
	pool.SetMaxIdleConns(8)
	for range pool.Stats().Idle {
		conn, err := pool.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close() // so that the next one is another
		if _, err := conn.ExecContext(ctx, "PRAGMA synchronous = NORMAL"); err != nil {
			return err
		}
	}
	return nil
}
