package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/litestream"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/superfly/ltx"
)

// lane takes the captures of one database to one target. What it stores there is a
// generation: a snapshot and all that follows it without a gap. Where it cannot go
// on without one, a new generation begins.
type lane struct {
	of     *shipment
	vault  *vault
	state  string // the file that holds the generation's name
	config Config
	log    *slog.Logger
	woken  chan struct{}

	shipping sync.Mutex // held while pieces are stored
	replica  *litestream.Replica
	pieces   *segments
	ready    bool // the generation has a snapshot, and follows the database

	mu         sync.Mutex
	generation string // the name of the one that is written
	pos        ltx.TXID
	caught     time.Time // everything that was committed before is in the target
	err        error
	since      time.Time // of the first failure since the last success
	failed     int
}

func newLane(of *shipment, v *vault, state string, config Config) *lane {
	return &lane{
		of: of, vault: v, state: state, config: config, woken: make(chan struct{}, 1),
		log: of.log.With(slog.String("target", v.name())),
	}
}

func (l *lane) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// position is the last transaction that is in the target.
func (l *lane) position() ltx.TXID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pos
}

// longestPause is between two tries to reach a target that fails.
const longestPause = 15 * time.Second

// run stores captures as they come, until ctx is done.
func (l *lane) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.woken:
		}
		if err := l.ship(ctx); err == nil || ctx.Err() != nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(l.config.Interval<<min(l.failures(), 10), longestPause)):
			l.wake()
		}
	}
}

func (l *lane) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// ship stores what is captured and not in the target.
func (l *lane) ship(ctx context.Context) error {
	l.shipping.Lock()
	defer l.shipping.Unlock()
	if _, some := l.of.captured(0); !some {
		return errors.New("nothing is captured yet")
	}
	err := l.catchUp(ctx)
	pos := l.position()
	if l.ready { // a part of it may have been stored before an error
		if last, err := l.pieces.last(ctx); err == nil {
			pos = last
		}
	}
	l.settle(ctx, err, pos)
	return err
}

func (l *lane) catchUp(ctx context.Context) error {
	if !l.ready {
		if err := l.resume(ctx); err != nil {
			return err
		}
	}
	if l.replica.Pos().IsZero() { // after a failure
		last, err := l.pieces.last(ctx)
		if err != nil {
			return err
		}
		l.replica.SetPos(ltx.Pos{TXID: last})
	}
	err := l.replica.Sync(ctx)
	if errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
		l.ready = false // a capture that the target lacks is gone
	}
	return err
}

// settle notes how a try to ship ended.
func (l *lane) settle(ctx context.Context, err error, pos ltx.TXID) {
	caught, _ := l.of.captured(pos)
	defer l.of.advanced()
	l.mu.Lock()
	defer l.mu.Unlock()
	if pos > l.pos {
		l.failed = 0
	}
	l.pos = pos
	if caught.After(l.caught) {
		l.caught = caught
	}
	switch {
	case err == nil:
		if l.err != nil {
			l.log.Info("the backup goes on", slog.String("after", time.Since(l.since).Round(time.Second).String()))
		}
		l.err, l.failed, l.since = nil, 0, time.Time{}
	case ctx.Err() == nil:
		if l.err == nil {
			l.since = time.Now()
			l.log.Error("the backup does not reach its target", slog.Any("error", err))
		}
		l.err = err
		l.failed++
	}
}

// resume goes on with the generation that the last process wrote, if it and the
// database fit together, or begins a new one.
func (l *lane) resume(ctx context.Context) error {
	local, err := l.of.db.Pos()
	if err != nil {
		return err
	}
	if l.pieces == nil {
		name, err := os.ReadFile(l.state)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if prefix := l.prefix(strings.TrimSpace(string(name))); generationKey.MatchString(prefix) {
			l.follow(prefix)
			last, err := l.pieces.last(ctx)
			if err != nil {
				l.pieces = nil
				return err
			}
			_, _, _, complete, err := l.pieces.span(ctx)
			if err != nil {
				return err
			}
			if complete && last <= local.TXID && (last == local.TXID || l.has(last+1)) {
				l.replica.SetPos(ltx.Pos{TXID: last})
				l.goOn(strings.TrimSpace(string(name)))
				return nil
			}
		}
	}
	return l.begin(ctx)
}

// has tells whether a capture is still beside the database.
func (l *lane) has(txid ltx.TXID) bool {
	_, err := os.Stat(l.of.db.LTXPath(0, txid, txid))
	return err == nil
}

func (l *lane) prefix(generation string) string {
	return "db/" + l.of.name + "/" + generation + "/"
}

func (l *lane) follow(prefix string) {
	l.pieces = &segments{vault: l.vault, prefix: prefix}
	l.replica = litestream.NewReplicaWithClient(l.of.db, l.pieces)
	l.replica.MonitorEnabled = false
	l.replica.MaxSyncLTXFiles = 0
}

// begin starts a generation with a snapshot.
func (l *lane) begin(ctx context.Context) error {
	name := time.Now().UTC().Format("20060102T150405.000Z") + "-" + strings.ToLower(security.RandomStringWithAlphabet(6, "abcdefghijkmnpqrstuvwxyz23456789"))
	l.follow(l.prefix(name))
	l.pieces.known = map[segmentID]segment{} // it is new
	info, err := l.snapshot(ctx, l.pieces)
	if err != nil {
		l.pieces = nil
		return fmt.Errorf("begin a generation: %w", err)
	}
	if err := os.WriteFile(l.state, []byte(name+"\n"), 0o600); err != nil {
		return err
	}
	l.replica.SetPos(ltx.Pos{TXID: info.MaxTXID})
	l.goOn(name)
	return nil
}

// goOn says that a generation is complete and followed.
func (l *lane) goOn(generation string) {
	l.ready = true
	l.mu.Lock()
	defer l.mu.Unlock()
	l.generation = generation
}

// snapshot stores the whole database as it is now.
func (l *lane) snapshot(ctx context.Context, pieces *segments) (*ltx.FileInfo, error) {
	pos, content, err := l.of.db.SnapshotReader(ctx)
	if err != nil {
		return nil, err
	}
	info, err := pieces.WriteLTXFile(ctx, litestream.SnapshotLevel, 1, pos.TXID, content)
	return info, errors.Join(err, content.Close())
}
