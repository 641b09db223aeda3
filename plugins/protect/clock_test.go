package protect_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/protect"
)

const (
	day   = 24 * time.Hour
	years = 3 * 365 * day
)

// How far the clock for retention is behind or ahead of where it was expected, while
// the machine's is set.
func TestClock(t *testing.T) {
	t.Parallel()
	type step struct {
		set     time.Duration // the machine's clock, by somebody
		pass    time.Duration
		want    time.Duration // what the clock says, since the start
		doubted bool
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"nobody sets it", []step{{0, 100 * day, 100 * day, false}, {0, years, 100*day + years, false}}},
		{"a small step", []step{{day, 0, day, false}, {-2 * time.Hour, time.Hour, day - time.Hour, false}}},
		{"three years ahead, and back", []step{
			{years, 0, 0, true}, {0, time.Hour, time.Hour, true}, {-years, 0, time.Hour, false}, {0, day, day + time.Hour, false},
		}},
		{"three years ahead, for long", []step{{years, 0, 0, true}, {0, 3*day - 1, 3*day - 1, true}, {0, 1, years + 3*day, false}}},
		{"it jumps again before it is believed", []step{
			{years, 0, 0, true}, {0, 2 * day, 2 * day, true}, {years, 0, 2 * day, true}, {0, 2 * day, 4 * day, true}, {0, day, 2*years + 5*day, false},
		}},
		// behind it nothing is older than it was
		{"back, and ahead again", []step{{-years, 0, -years, true}, {0, time.Hour, time.Hour - years, true}, {years, 0, time.Hour, false}}},
		{"back, for long", []step{{-years, 0, -years, true}, {0, 3 * day, 3*day - years, false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clocks := newClocks()
			start := clocks.wall.Now()
			_, p := mustOpen(t, t.TempDir(), protect.Config{Clock: clocks.wall, Elapsed: clocks.elapsed})
			for i, s := range c.steps {
				clocks.wall.Advance(s.set)
				clocks.pass(s.pass)
				if got := p.Clock().Now().Sub(start); got != s.want {
					t.Errorf("step %d: got %v, want %v", i, got, s.want)
				}
				if got := p.Status().Clock.Doubted != nil; got != s.doubted {
					t.Errorf("step %d: doubted %v, want %v", i, got, s.doubted)
				}
			}
		})
	}
}

// How a process goes on that begins a while after the last one.
func TestClockOfTheNextProcess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		off     time.Duration // what the machine's clock says has passed
		remove  bool          // the file with the time, so that only the databases tell
		want    time.Duration // since the last process
		doubted bool
		then    time.Duration // the clock is set so far, and believed
	}{
		{"at once", 0, false, 0, false, 0},
		{"a day later", day, false, day, false, 0},
		{"three years later", years, false, 0, true, -years},
		{"three years before", -years, false, -years, true, years},
		{"three years later, without a file", years, true, 0, true, -years},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			clocks := newClocks()
			config := protect.Config{Clock: clocks.wall, Elapsed: clocks.elapsed}
			app, p := mustOpen(t, dir, config)
			serve(t, app)
			last := p.Clock().Now()
			pbtest.Terminate(t, app)
			if c.remove {
				if err := os.Remove(filepath.Join(dir, ".holdall-clock.json")); err != nil {
					t.Fatal(err)
				}
			}
			clocks.wall.Advance(c.off)
			next, p := mustOpen(t, dir, config)
			serve(t, next)
			const about = time.Minute // the files have the machine's times
			if got := p.Clock().Now().Sub(last); (got - c.want).Abs() > about {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if got := p.Status().Clock.Doubted != nil; got != c.doubted {
				t.Errorf("doubted %v, want %v", got, c.doubted)
			}
			if !c.doubted {
				return
			}
			// a third one, soon after, goes on with the doubt of the second
			pbtest.Terminate(t, next)
			clocks.pass(2 * day / 3)
			third, p := mustOpen(t, dir, config)
			since := p.Status().Clock.Doubted
			if since == nil || clocks.wall.Now().Sub(*since) < 2*day/3 {
				t.Errorf("the third process doubts since %v", since)
			}
			pbtest.Terminate(t, third)
			clocks.wall.Advance(c.then)
			_, p = mustOpen(t, dir, config)
			if p.Status().Clock.Doubted != nil {
				t.Error("a clock that was set right is doubted")
			}
		})
	}
}

// A superuser who knows better ends the doubt.
func TestTrustClock(t *testing.T) {
	t.Parallel()
	clocks := newClocks()
	w := newWorld(t, protect.Config{Clock: clocks.wall, Elapsed: clocks.elapsed})
	clocks.wall.Advance(years)
	if w.p.Status().Clock.Doubted == nil || !w.p.Clock().Now().Before(clocks.wall.Now()) {
		t.Fatal("the clock is not doubted")
	}
	if answer := w.do("POST", protect.ClockPath, w.user, nil); answer.Status != http.StatusForbidden {
		t.Errorf("a user: got %d, want 403", answer.Status)
	}
	// the tokens are of before, as everybody's are: the clock of PocketBase is the machine's
	answer := w.do("POST", protect.ClockPath, w.root, nil)
	var status protect.Status
	answer.JSON(t, &status)
	if answer.Status != http.StatusOK || status.Clock.Doubted != nil || !w.p.Clock().Now().Equal(clocks.wall.Now()) {
		t.Errorf("got %d and %+v, want the clock to be believed", answer.Status, status.Clock)
	}
}

// PocketBase deletes old lines of its log by the clock that is believed.
func TestLogsAreKept(t *testing.T) {
	t.Parallel()
	clocks := newClocks()
	app, _ := mustOpen(t, t.TempDir(), protect.Config{Clock: clocks.wall, Elapsed: clocks.elapsed})
	if _, err := app.AuxNonconcurrentDB().NewQuery("INSERT INTO _logs (message) VALUES ('before')").Execute(); err != nil {
		t.Fatal(err)
	}
	clean := func() (left int) {
		t.Helper()
		for _, job := range app.Cron().Jobs() {
			if job.Id() == "__pbLogsCleanup__" {
				job.Run()
			}
		}
		if err := app.AuxDB().NewQuery("SELECT COUNT(*) FROM _logs WHERE message = 'before'").Row(&left); err != nil {
			t.Fatal(err)
		}
		return left
	}
	clocks.wall.Advance(years)
	if clean() != 1 {
		t.Error("the line is gone after the clock jumped")
	}
	clocks.pass(3 * day) // until the jump is believed
	if clean() != 0 {
		t.Error("the line is still there although it is old")
	}
}

// A program that runs now and then believes its clock in the end, when it has run for
// as long as one that is always on must.
func TestClockOfAProgramThatRunsNowAndThen(t *testing.T) {
	t.Parallel()
	dir, clocks := t.TempDir(), newClocks()
	config := protect.Config{Clock: clocks.wall, Elapsed: clocks.elapsed}
	runs := 0
	for ; runs < 12; runs++ {
		app, p := mustOpen(t, dir, config)
		serve(t, app)
		if runs > 0 && p.Status().Clock.Doubted == nil {
			t.Fatalf("the clock is believed at the start of run %d, after a week off", runs)
		}
		clocks.pass(20 * time.Hour)
		believed := p.Status().Clock.Doubted == nil
		pbtest.Terminate(t, app)
		clocks.wall.Advance(7 * day)
		if runs > 0 && believed {
			break
		}
	}
	if runs != 4 { // the first does not doubt it, and 3.6 times 20 hours are 72
		t.Errorf("the clock was believed in run %d, want 4", runs)
	}
}
