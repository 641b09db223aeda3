package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/litestream"
	"github.com/superfly/ltx"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// shipment copies one database to all targets: capture writes what was committed
// since the last time to a file beside the database, and a lane for each target
// takes these files there, each at its own pace.
type shipment struct {
	name     string // of the database file
	db       *litestream.DB
	gate     *sqlite.Gate // of its writers
	lanes    []*lane
	interval time.Duration
	log      *slog.Logger

	maxPending int64 // bytes beside the database

	kick chan struct{} // somebody waits

	// of the one goroutine that captures
	checkpointed time.Time
	left         int64    // how much of the log was there before the last checkpoint
	putOff       int      // how often a checkpoint that was due was not made
	file         *os.File // the database, to sync it
	stuck        bool     // the last checkpoint failed
	copied       os.FileInfo

	turns turns // with those who write

	// for tests
	rest        atomic.Int64 // the most of the log that was left for the last step
	renewals    atomic.Int64 // how often there was such a step
	undisturbed atomic.Int64 // and how often nobody wrote during it
	slowness    atomic.Int64 // of the disk, in nanoseconds

	// the constants, or less in tests
	mostPages, captureBytes atomic.Int64

	mu       sync.Mutex
	round    *round        // of those who wait for the next capture
	captures []capture     // that some lane has still to ship, and the one before
	err      error         // of the last capture
	progress chan struct{} // closed whenever a lane gets on

	counting sync.Mutex // held while the files beside the database are counted
	beside   []besides
	counted  time.Time // when they are to be counted again
}

// besides is a file beside the database.
type besides struct {
	last ltx.TXID
	size int64
}

// capture is what the databases held when it began: everything up to a transaction.
type capture struct {
	pos   ltx.TXID
	began time.Time
}

// round is a capture that somebody waits for.
type round struct {
	done chan struct{}
	pos  ltx.TXID
	err  error
}

func newRound() *round { return &round{done: make(chan struct{})} }

// newShipment prepares the copying of the database at path. state is where lanes
// keep what they have to remember.
func newShipment(path, state string, vaults []*vault, config Config, log *slog.Logger) (*shipment, error) {
	s := &shipment{
		name: filepath.Base(path), interval: config.Interval, maxPending: config.MaxPending, log: log.With(slog.String("database", filepath.Base(path))),
		kick: make(chan struct{}, 1), round: newRound(), progress: make(chan struct{}),
		gate: config.Engine.Gate(path),
	}
	s.db = litestream.NewDB(path)
	s.db.SetMetaPath(filepath.Join(state, s.name))
	s.db.MonitorInterval = 0 // capture is up to us
	s.db.ShutdownSyncTimeout = 0
	quietly(s.db)
	s.mostPages.Store(mostPages)
	s.captureBytes.Store(captureBytes)
	s.db.Replica = litestream.NewReplicaWithClient(s.db, local{s.db})
	s.db.Replica.MonitorEnabled = false
	s.db.SetLogger(slog.New(quiet{s.log.Handler(), &s.turns}))
	for _, v := range vaults {
		s.lanes = append(s.lanes, newLane(s, v, filepath.Join(state, v.name()+"-"+s.name+".generation"), config))
	}
	if err := s.db.Open(); err != nil {
		return nil, fmt.Errorf("backup: copy %s: %w", path, err)
	}
	return s, nil
}

// run captures at every interval and whenever somebody waits, until ctx is done.
func (s *shipment) run(ctx context.Context) {
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	for {
		s.take(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.kick:
		}
	}
}

// take captures what is committed by now, and answers those who wait for it.
func (s *shipment) take(ctx context.Context) {
	s.mu.Lock()
	current := s.round
	s.round = newRound()
	s.mu.Unlock()

	began := time.Now()
	defer s.gate.Fast() // if they were slowed down
	if current.err = s.follow(ctx); current.err == nil {
		s.db.MaxSyncWALBytes = s.captureBytes.Load()
		current.err = s.capture(ctx)
	}
	if current.err == nil {
		var pos ltx.Pos
		pos, current.err = s.db.Pos()
		current.pos = pos.TXID
	}
	s.mu.Lock()
	if current.err != nil && ctx.Err() == nil && s.err == nil {
		s.log.Error("the backup cannot read the database", slog.Any("error", current.err))
	}
	s.err = current.err
	if current.err == nil {
		s.note(capture{current.pos, began})
	}
	s.mu.Unlock()
	close(current.done)
	if current.err != nil {
		return
	}
	for _, l := range s.lanes {
		l.wake()
	}
	err := s.checkpoint(ctx)
	if err != nil && ctx.Err() == nil && !s.stuck {
		s.log.Error("the write-ahead log cannot be moved to the database", slog.Any("error", err))
	}
	s.stuck = err != nil
}

// note remembers a capture, and forgets those that all lanes are past. s.mu is held.
func (s *shipment) note(c capture) {
	if n := len(s.captures); n > 0 && s.captures[n-1].pos == c.pos {
		s.captures[n-1] = c // nothing was committed between
		return
	}
	everywhere := s.everywhere()
	past := 0
	for past+1 < len(s.captures) && s.captures[past+1].pos <= everywhere {
		past++
	}
	s.captures = append(s.captures[past:], c)
}

// everywhere is the last transaction that all targets have.
func (s *shipment) everywhere() ltx.TXID {
	pos := ^ltx.TXID(0)
	for _, l := range s.lanes {
		pos = min(pos, l.position())
	}
	return pos
}

// captured returns when the last capture began that is in a target which has all
// up to a transaction, and whether there was a capture at all.
func (s *shipment) captured(pos ltx.TXID) (began time.Time, some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Backward(s.captures) {
		if c.pos <= pos {
			return c.began, true
		}
	}
	return time.Time{}, len(s.captures) > 0
}

// wait returns when all targets have what was committed before the call.
func (s *shipment) wait(ctx context.Context) error {
	s.mu.Lock()
	r := s.round
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.err != nil {
		return r.err
	}
	for {
		s.mu.Lock()
		progress := s.progress
		s.mu.Unlock()
		behind := false
		for _, l := range s.lanes {
			behind = behind || l.position() < r.pos
		}
		if !behind {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// advanced tells those who wait that a lane got on.
func (s *shipment) advanced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.progress)
	s.progress = make(chan struct{})
}

// tidy removes the files beside the database that all targets have, and all if they
// are too much.
func (s *shipment) tidy() {
	everywhere := s.everywhere()
	dir := s.db.LTXLevelDir(0)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	if files, bytes := s.beyond(everywhere); s.maxPending > 0 && bytes > s.maxPending {
		s.log.Error("too much waits for the backup and is dropped; it begins anew, with a gap, when its target can be reached",
			slog.Int("files", files), slog.Int64("bytes", bytes))
		everywhere = ^ltx.TXID(0)
		s.forget()
	}
	newest := 0 // it says where to go on
	for i, e := range entries {
		if _, last, err := ltx.ParseFilename(e.Name()); err == nil && last > 0 {
			newest = i // they are in order
		}
	}
	for i, e := range entries {
		_, last, err := ltx.ParseFilename(e.Name())
		if err != nil || last >= everywhere || i >= newest {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("a file that was backed up cannot be removed", slog.Any("error", err))
		}
	}
}

// forget drops what is remembered of captures that are dropped.
func (s *shipment) forget() {
	s.counting.Lock()
	s.counted = time.Time{}
	s.counting.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.captures = s.captures[max(len(s.captures)-1, 0):]
}

// beyond counts the files beside the database that a target has not which has all up
// to a transaction. A backlog of days has many files, so they are looked at rarely.
func (s *shipment) beyond(pos ltx.TXID) (files int, bytes int64) {
	s.counting.Lock()
	defer s.counting.Unlock()
	if began := time.Now(); began.After(s.counted) {
		s.beside = s.beside[:0]
		entries, _ := os.ReadDir(s.db.LTXLevelDir(0)) // there is none at first
		for _, e := range entries {
			_, last, err := ltx.ParseFilename(e.Name())
			info, err2 := e.Info()
			if err == nil && err2 == nil {
				s.beside = append(s.beside, besides{last, info.Size()})
			}
		}
		s.counted = time.Now().Add(max(countEvery, 100*time.Since(began)))
	}
	for _, b := range s.beside {
		if b.last > pos {
			files++
			bytes += b.size
		}
	}
	return files, bytes
}

// countEvery is how often files beside the database are counted at most.
const countEvery = 2 * time.Second

// close captures a last time, lets the lanes finish until ctx is done, and lets go
// of the database.
func (s *shipment) close(ctx context.Context) error {
	s.take(ctx)
	var errs []error
	for _, l := range s.lanes {
		if err := l.ship(ctx); err != nil {
			errs = append(errs, fmt.Errorf("backup: the last changes of %s are not in %s: %w", s.name, l.vault.name(), err))
		}
	}
	s.tidy()
	errs = append(errs, s.db.Close(context.WithoutCancel(ctx)))
	if s.file != nil {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// open opens a capture that is still beside the database.
func (s *shipment) open(level int, low, high ltx.TXID) (io.ReadCloser, error) {
	return os.Open(s.db.LTXPath(level, low, high))
}
