package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
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

	// quickMove is how long moving may take that writers have to wait for. What takes
	// longer is done beside them first, at most so often.
	quickMove  = 20 * time.Millisecond
	movesFirst = 4

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
// The last step, litestream's, keeps writers out: it sees to it that what it moves is
// captured, and only then lets the log begin anew. At full speed the log has a
// hundred megabytes by then, and writing and syncing these took half a second. So
// most of it is moved before, beside the writers. A reader holds the log's end
// meanwhile: as long as it is there the log cannot begin anew, whatever is moved.
func (s *shipment) checkpoint(ctx context.Context) error {
	frame := int64(s.db.PageSize() + litestream.WALFrameHeaderSize)
	size := s.db.SyncDiagnostic().LastSyncedWALOffset
	grown := size - s.left
	if grown < checkpointPages*frame && (grown <= freePages*frame || time.Since(s.checkpointed) < checkpointEvery) {
		return nil
	}
	if grown >= checkpointPages*frame {
		for range movesFirst {
			began := time.Now()
			if err := s.move(ctx); err != nil {
				return unlessBusy(err)
			}
			if time.Since(began) < quickMove {
				break
			}
		}
	}
	before := s.salt()
	err := s.db.Checkpoint(ctx, litestream.CheckpointModePassive)
	s.checkpointed, s.left = time.Now(), size
	if s.salt() != before {
		s.left = 0
	}
	return unlessBusy(err)
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
	return s.file.Sync()
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
