package protect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
)

// guarded is a clock that does not follow the machine's at once when that jumps.
//
// What it expects is base and the time that has passed since, by a clock that nobody
// sets. Within the tolerance the machine's clock is believed, and becomes the base.
// Beyond it the machine's clock is doubted, until it is back within it, or has gone on
// for long enough without another jump.
type guarded struct {
	wall            clock.Clock
	elapsed         func() time.Duration
	tolerance, hold time.Duration

	mu     sync.Mutex
	base   time.Time
	baseAt time.Duration // by elapsed
	doubt  time.Time     // since when, by the machine's clock; zero if it is believed
	seen   time.Time     // the machine's clock, last time that it was doubted
	seenAt time.Duration
	jumps  int64
	told   bool // whether the log knows of the doubt, or of its end
}

var _ clock.Clock = (*guarded)(nil)

func newGuarded(c Config) *guarded {
	return &guarded{
		wall: c.Clock, elapsed: c.Elapsed, tolerance: c.ClockTolerance, hold: c.ClockHold, told: true,
		base: c.Clock.Now().Round(0), baseAt: c.Elapsed(),
	}
}

// Now implements [clock.Clock].
func (g *guarded) Now() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	wall, _ := g.look()
	return wall
}

// look returns the time that is believed, and that of the machine.
func (g *guarded) look() (believed, wall time.Time) {
	wall, at := g.wall.Now().Round(0), g.elapsed()
	expected := g.base.Add(at - g.baseAt)
	if within(wall, expected, g.tolerance) {
		g.believe(wall, at)
		return wall, wall
	}
	if g.doubt.IsZero() || !within(wall, g.seen.Add(at-g.seenAt), g.tolerance) {
		g.doubt, g.told = wall, false
		g.jumps++
	}
	g.seen, g.seenAt = wall, at
	if wall.Sub(g.doubt) >= g.hold {
		g.believe(wall, at)
		return wall, wall
	}
	if wall.Before(expected) {
		return wall, wall // nothing is older than it was
	}
	return expected, wall
}

func (g *guarded) believe(wall time.Time, at time.Duration) {
	g.base, g.baseAt = wall, at
	if !g.doubt.IsZero() {
		g.doubt, g.told = time.Time{}, false
	}
}

func within(a, b time.Time, tolerance time.Duration) bool {
	return a.Sub(b).Abs() <= tolerance
}

// trust believes the machine's clock from now on.
func (g *guarded) trust() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.believe(g.wall.Now().Round(0), g.elapsed())
}

// clockName is the file in the data directory that tells the next process the time.
const clockName = ".holdall-clock.json"

// clockFile is what is in it.
type clockFile struct {
	// Believed is the last time that was.
	Believed time.Time `json:"believed"`
	// Machine is what the machine's clock said then.
	Machine time.Time `json:"machine"`
	// Doubted is since when the machine's clock has been doubted.
	Doubted *time.Time `json:"doubted,omitempty"`
}

// longestOff is how long a program may have been off for its clock not to have jumped
// once more meanwhile.
const longestOff = 100 * 24 * time.Hour

// load goes on from what the process before knew. If it left nothing, the databases
// were written to no later than it ran.
func (g *guarded) load(dir string) error {
	content, err := os.ReadFile(filepath.Join(dir, clockName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("protect: read the time of the last process: %w", err)
	}
	var last clockFile
	if err != nil || json.Unmarshal(content, &last) != nil || last.Believed.IsZero() {
		last = clockFile{}
		for _, name := range []string{dataName, dataName + sidecars[0]} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.ModTime().After(last.Believed) {
				last.Believed = info.ModTime()
			}
		}
	}
	if last.Believed.IsZero() {
		return nil // a new database
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.elapsed()
	g.base, g.baseAt = last.Believed.Round(0), at
	if last.Doubted != nil {
		g.doubt, g.seen, g.seenAt = *last.Doubted, last.Machine, at
		// a program that runs now and then would doubt its clock for ever if each time
		// that it was off were another jump; that time just does not count
		now := g.wall.Now().Round(0)
		if off := now.Sub(last.Machine); off > g.tolerance && off <= longestOff {
			g.doubt, g.seen = g.doubt.Add(off), now
		}
	}
	return nil
}

// save leaves the time to the next process.
func (g *guarded) save(dir string) error {
	g.mu.Lock()
	believed, wall := g.look()
	file := clockFile{Believed: believed, Machine: wall}
	if !g.doubt.IsZero() {
		doubt := g.doubt
		file.Doubted = &doubt
		// a clock that is behind is not what the next process is to expect
		file.Believed = g.base.Add(g.elapsed() - g.baseAt)
	}
	g.mu.Unlock()
	content, err := json.Marshal(file)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, clockName)
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// tellClock logs once that the clock is doubted, or no longer is.
func (p *Plugin) tellClock() {
	g := p.clock
	g.mu.Lock()
	believed, wall := g.look()
	told, doubt := g.told, g.doubt
	g.told = true
	g.mu.Unlock()
	if told {
		return
	}
	_ = p.clock.save(p.app.DataDir()) // look tells of a disk that does not take it
	if doubt.IsZero() {
		p.app.Logger().Info("The clock is believed again: what is old is deleted as usual.", slog.String("plugin", "protect"))
		return
	}
	p.app.Logger().Error("The clock is not what was expected: what is old is kept until it is set right, or has gone on for a while.",
		slog.String("plugin", "protect"), slog.Time("clock", wall), slog.Time("believed", believed),
		slog.String("keptFor", p.config.ClockHold.String()))
}
