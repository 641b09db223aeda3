package protect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// Reason is why an app only reads.
type Reason string

// The reasons.
const (
	// NoSpace is when less is free than wanted.
	NoSpace Reason = "disk_full"
	// ReadOnlyDisk is a file system that is mounted for reading.
	ReadOnlyDisk Reason = "disk_read_only"
	// WritesFail is when SQLite, or the storage of files, could not write.
	WritesFail Reason = "writes_fail"
)

// sentence says it to everybody.
func (r Reason) sentence() string {
	switch r {
	case NoSpace:
		return "The server does not take changes at the moment, because its disk is nearly full."
	case ReadOnlyDisk:
		return "The server does not take changes at the moment, because its disk is read-only."
	default:
		return "The server does not take changes at the moment, because its disk does not."
	}
}

// mode is whether the app only reads.
type mode struct {
	on atomic.Bool // for requests; everything else is for who tells of it

	mu     sync.Mutex
	reason Reason
	detail string
	since  time.Time
	told   bool // whether the log knows of the mode as it is
	space  Space

	// A write is tried when probeAt has come, by Elapsed. hold grows while the app
	// goes to and fro.
	probeAt, hold, left time.Duration
	entered             int64
}

// longestHold is the longest pause between two tries to write.
const longestHold = 5 * time.Minute

// steady is for how long the app must have written for the next pause to be short.
const steady = time.Minute

// enter lets the app only read from now on. It may be called by whoever sees a write
// fail, in the middle of a statement: so it does not log.
func (p *Plugin) enter(reason Reason, detail string) {
	m := &p.mode
	m.mu.Lock()
	defer m.mu.Unlock()
	now := p.config.Elapsed()
	if m.on.Load() {
		if reason == WritesFail {
			m.probeAt = now + m.hold
			return // what came first says more, or as much
		}
		m.reason, m.detail = reason, detail
		return
	}
	if m.entered > 0 && now-m.left < steady {
		m.hold = min(2*m.hold, longestHold)
	} else {
		m.hold = p.config.Interval
	}
	m.reason, m.detail, m.since, m.told = reason, detail, p.config.Clock.Now(), false
	m.probeAt = now + m.hold
	m.entered++
	m.on.Store(true)
}

// leave lets the app write again.
func (p *Plugin) leave() {
	m := &p.mode
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.on.Load() {
		return
	}
	m.on.Store(false)
	m.left, m.told = p.config.Elapsed(), false
}

// look finds out whether the app can write, and says so when that has changed.
func (p *Plugin) look(ctx context.Context) {
	space, err := p.config.Space(p.app.DataDir())
	switch {
	case err != nil:
		// a file system that does not even say how full it is: SQLite will know
	case space.ReadOnly:
		p.enter(ReadOnlyDisk, "the file system of "+p.app.DataDir()+" is mounted read-only")
	case space.Free < p.wanted(space, p.config.MinFree, p.config.MinFreePercent):
		p.enter(NoSpace, fmt.Sprintf("%d MiB of %d MiB are free", space.Free>>20, space.Total>>20))
	case p.suspect.Swap(false) && !p.mode.on.Load():
		if err := probe(ctx, p.app); err != nil && failureOf(err) == diskFailure {
			p.enter(WritesFail, err.Error())
		}
	case p.mode.on.Load() && space.Free >= p.wantedToLeave(space):
		p.tryToLeave(ctx)
	}
	p.mode.mu.Lock()
	if err == nil {
		p.mode.space = space
	}
	p.mode.mu.Unlock()
	p.tellMode(ctx)
}

// wanted is how many bytes must be free.
func (p *Plugin) wanted(space Space, bytes int64, percent float64) uint64 {
	return max(uint64(max(bytes, 0)), uint64(float64(space.Total)*percent/100))
}

// wantedToLeave is how many bytes must be free for the app to write again.
func (p *Plugin) wantedToLeave(space Space) uint64 {
	p.mode.mu.Lock()
	defer p.mode.mu.Unlock()
	if p.mode.reason != NoSpace {
		return 0 // that is not why
	}
	return p.wanted(space, p.config.LeaveFree, p.config.LeaveFreePercent)
}

func (p *Plugin) tryToLeave(ctx context.Context) {
	p.mode.mu.Lock()
	due := p.config.Elapsed() >= p.mode.probeAt
	p.mode.mu.Unlock()
	if !due {
		return
	}
	if err := probe(ctx, p.app); err != nil {
		p.enter(WritesFail, err.Error()) // so that the next try waits
		return
	}
	p.leave()
}

// tellMode logs a change of the mode once.
func (p *Plugin) tellMode(ctx context.Context) {
	m := &p.mode
	m.mu.Lock()
	if m.told || m.entered == 0 {
		m.mu.Unlock()
		return
	}
	m.told = true
	on, reason, detail, since := m.on.Load(), m.reason, m.detail, m.since
	m.mu.Unlock()
	if on {
		p.app.Logger().Error("The disk is nearly full or cannot be written to: changes are refused until it can.",
			slog.String("plugin", "protect"), slog.String("reason", string(reason)), slog.String("detail", detail))
		return
	}
	p.releaseLogs(ctx)
	p.app.Logger().Info("The disk can be written to: changes are accepted again.", slog.String("plugin", "protect"),
		slog.String("after", p.config.Clock.Now().Sub(since).Round(time.Second).String()))
}

// note is told of each statement.
func (p *Plugin) note(s sqlite.Statement) {
	if s.Err == nil || filepath.Dir(s.Path) != filepath.Clean(p.app.DataDir()) {
		return
	}
	kind, name := failureOf(s.Err), filepath.Base(s.Path)
	switch {
	case name == dataName && kind == diskFailure && s.Kind != sqlite.Read:
		p.enter(WritesFail, s.Err.Error())
		p.wake()
	case name == auxiliaryName && kind != noFailure:
		if kind == damage {
			p.aux.damaged.Store(true)
		}
		p.wake() // the file may be gone
	}
}

// The probe is a row of some size that is written and emptied: a smaller one might
// find place in a page that the database has already.
const (
	createProbe = "CREATE TABLE IF NOT EXISTS {{_protect}} ([[id]] INTEGER PRIMARY KEY, [[filler]] BLOB)"
	writeProbe  = "INSERT INTO {{_protect}} ([[id]], [[filler]]) VALUES (1, randomblob({:size})) " +
		"ON CONFLICT ([[id]]) DO UPDATE SET [[filler]] = [[excluded.filler]]"
	emptyProbe = "UPDATE {{_protect}} SET [[filler]] = NULL WHERE [[id]] = 1"
	probeSize  = 64 << 10
	probeFor   = 2 * time.Second
)

// installProbe makes the table. A disk that is full must not keep the app from
// starting: what cannot be made now is when it is needed.
func installProbe(app core.App) error {
	_, err := app.NonconcurrentDB().NewQuery(createProbe).Execute()
	if err != nil && failureOf(err) != diskFailure {
		return fmt.Errorf("protect: create the table: %w", err)
	}
	return nil
}

// probe writes, and tells whether the disk took it.
func probe(ctx context.Context, app core.App) error {
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	db := app.NonconcurrentDB()
	if db == nil {
		return errors.New("the database is closed")
	}
	for _, statement := range []string{createProbe, writeProbe, emptyProbe} {
		if _, err := db.NewQuery(statement).Bind(dbx.Params{"size": probeSize}).WithContext(ctx).Execute(); err != nil {
			return fmt.Errorf("try to write: %w", err)
		}
	}
	return nil
}

// ReadOnly tells whether the app only reads at the moment. It costs next to nothing.
func (p *Plugin) ReadOnly() bool { return p.mode.on.Load() }

// Degraded looks at the disk and returns a sentence for everybody if the app only
// reads, "" if it writes as well. It is for health checks.
func (p *Plugin) Degraded(ctx context.Context) string {
	p.look(ctx)
	if !p.mode.on.Load() {
		return ""
	}
	p.mode.mu.Lock()
	defer p.mode.mu.Unlock()
	return p.mode.reason.sentence()
}
