package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/jobs"
)

func TestCronTimes(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cron  string
		zone  *time.Location
		after string
		want  []string
	}{
		{"*/15 * * * *", time.UTC, "2030-01-01T00:01:30Z", []string{"2030-01-01T00:15:00Z", "2030-01-01T00:30:00Z"}},
		{"@daily", time.UTC, "2030-01-01T00:00:00Z", []string{"2030-01-02T00:00:00Z", "2030-01-03T00:00:00Z"}},
		{"30 9 * * 1", time.UTC, "2030-01-01T00:00:00Z", []string{"2030-01-07T09:30:00Z", "2030-01-14T09:30:00Z"}},
		{"0 0 29 2 *", time.UTC, "2096-03-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		{"59 23 31 12 *", time.UTC, "2030-12-31T23:58:59Z", []string{"2030-12-31T23:59:00Z", "2031-12-31T23:59:00Z"}},
		{"0 9 * * *", berlin, "2030-03-30T12:00:00Z", []string{"2030-03-31T07:00:00Z", "2030-04-01T07:00:00Z"}},
		// 02:30 is skipped on March 31st and comes twice on October 27th
		{"30 2 * * *", berlin, "2030-03-30T12:00:00Z", []string{"2030-04-01T00:30:00Z"}},
		{"30 2 * * *", berlin, "2030-10-26T12:00:00Z", []string{"2030-10-27T00:30:00Z", "2030-10-27T01:30:00Z", "2030-10-28T01:30:00Z"}},
		{"0 0 30 2 *", time.UTC, "2030-01-01T00:00:00Z", []string{"never"}},
		{"nonsense", time.UTC, "2030-01-01T00:00:00Z", []string{"never"}},
	} {
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			next, err := jobs.After(jobs.Schedule{Cron: c.cron, Zone: c.zone}, at)
			got := next.UTC().Format(time.RFC3339)
			if err != nil {
				got = "never"
			}
			if got != want {
				t.Errorf("%s after %s: got %s, want %s", c.cron, at, got, want)
			}
			at = next
		}
	}
}

// TestMissedTimes stops the clock's progress for a while, as a server that is down.
func TestMissedTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		missed  jobs.Missed
		away    time.Duration
		options []jobs.Option
		want    []string // the times of the jobs
		ticks   []string // outcomes, the oldest first
	}{
		{jobs.MissedSkip, 30 * time.Second, nil, []string{"07:01"}, []string{"enqueued"}},
		{jobs.MissedSkip, 5 * time.Minute, nil, []string{"07:05"}, []string{"skipped", "enqueued"}},
		{jobs.MissedOnce, 5 * time.Minute, nil, []string{"07:05"}, []string{"skipped", "enqueued"}},
		{jobs.MissedAll, 4 * time.Minute, nil, []string{"07:01", "07:02", "07:03", "07:04"}, []string{"enqueued", "enqueued", "enqueued", "enqueued"}},
		{
			jobs.MissedAll, 2 * time.Minute,
			[]jobs.Option{jobs.Unique("one")},
			[]string{"07:01"},
			[]string{"enqueued", "duplicate"},
		},
		{"", 5 * time.Minute, nil, []string{"07:05"}, []string{"skipped", "enqueued"}},
	} {
		clock := clocktest.New(epoch)
		app, p := newQueue(t, jobs.Config{Clock: clock, Lease: 20 * time.Second})
		ran := make(chan jobs.Job[task], 100)
		handle(t, p, "report", func(_ context.Context, job jobs.Job[task]) error {
			ran <- job
			return nil
		})
		err := p.Schedule(jobs.Schedule{Name: "reports", Cron: "* * * * *", Kind: "report", Args: task{"x"}, Missed: c.missed, Options: c.options})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Pause(t.Context(), jobs.DefaultQueue); err != nil {
			t.Fatal(err)
		}
		p.Start()
		awaitSchedules(t, p, 1)
		clock.Advance(c.away)
		p.Lead() // its lease may be over
		p.Wake()
		var state jobs.ScheduleState
		pbtest.Eventually(t, patience, func() error {
			state = awaitSchedules(t, p, 1)[0]
			if !state.Next.After(clock.Now()) {
				return fmt.Errorf("got next time %v at %v", state.Next, clock.Now())
			}
			return nil
		})
		if err := p.Resume(t.Context(), jobs.DefaultQueue); err != nil {
			t.Fatal(err)
		}
		var times, outcomes []string
		for range c.want {
			times = append(times, receive(t, ran).DueAt.Format("15:04"))
		}
		for _, tick := range slices.Backward(state.Last) {
			outcomes = append(outcomes, tick.Outcome)
		}
		slices.Sort(times)
		if !slices.Equal(times, c.want) || !slices.Equal(outcomes, c.ticks) || len(ran) > 0 {
			t.Errorf("%q, away for %v: got jobs of %v, history %v and %d more, want %v and %v", c.missed, c.away, times, outcomes, len(ran), c.want, c.ticks)
		}
		page, err := p.List(t.Context(), jobs.Filter{Schedule: "reports"})
		if err != nil || len(page.Items) != len(c.want) || page.Items[0].Schedule != "reports" {
			t.Errorf("%q: got %+v, error %v, want the schedule's jobs", c.missed, page.Items, err)
		}
		pbtest.Terminate(t, app)
	}
}

// A policy that makes everything up has a limit.
func TestManyMissedTimes(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	_, p := newQueue(t, jobs.Config{Clock: clock})
	handle(t, p, "report", nothing)
	if err := p.Schedule(jobs.Schedule{Name: "reports", Cron: "* * * * *", Kind: "report", Args: task{"x"}, Missed: jobs.MissedAll}); err != nil {
		t.Fatal(err)
	}
	if err := p.Pause(t.Context(), jobs.DefaultQueue); err != nil {
		t.Fatal(err)
	}
	p.Start()
	awaitSchedules(t, p, 1)
	clock.Advance(48 * time.Hour)
	p.Lead()
	p.Wake()
	pbtest.Eventually(t, patience, func() error {
		stats, err := p.Stats(t.Context())
		// the last ones are not missed, but on time
		if n := stats.States[jobs.StatePending]; err == nil && (n < 1000 || n > 1002) {
			err = fmt.Errorf("got %d jobs, want about 1000", n)
		}
		return err
	})
}

func awaitSchedules(t *testing.T, p *jobs.Plugin, n int) []jobs.ScheduleState {
	t.Helper()
	var states []jobs.ScheduleState
	pbtest.Eventually(t, patience, func() (err error) {
		states, err = p.Schedules(t.Context(), 100)
		if err == nil && len(states) != n {
			err = fmt.Errorf("got %d schedules, want %d", len(states), n)
		}
		return err
	})
	return states
}

// Of two processes one leads. When it stops the other does, and no time is lost or
// taken twice.
func TestOneProcessLeads(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	dir := t.TempDir()
	schedule := jobs.Schedule{Name: "reports", Cron: "* * * * *", Kind: "report", Args: task{"x"}, Missed: jobs.MissedAll}
	open := func() (*jobs.Plugin, func()) {
		app, p := openApp(t, dir, jobs.Config{Clock: clock, PollInterval: often, Lease: 5 * time.Minute})
		handle(t, p, "report", nothing)
		if err := p.Schedule(schedule); err != nil {
			t.Fatal(err)
		}
		p.Start()
		return p, func() { pbtest.Terminate(t, app) }
	}
	first, stopFirst := open()
	awaitSchedules(t, first, 1)
	second, stopSecond := open()
	if second.Lead() {
		t.Fatal("both lead")
	}
	done := func(p *jobs.Plugin, n int64) {
		t.Helper()
		pbtest.Eventually(t, patience, func() error {
			stats, err := p.Stats(t.Context())
			if err == nil && stats.States[jobs.StateDone] != n {
				err = fmt.Errorf("got %v, want %d done", stats.States, n)
			}
			return err
		})
	}
	clock.Advance(time.Minute)
	done(second, 1)
	stopFirst()
	if !second.Lead() {
		t.Fatal("nobody leads")
	}
	clock.Advance(2 * time.Minute)
	done(second, 3)
	third, stopThird := open()
	clock.Advance(time.Minute)
	done(third, 4)
	stopSecond()
	stopThird()
}

// A new expression takes effect, and a time of the old one is not made up.
func TestChangedSchedule(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	dir := t.TempDir()
	for cron, want := range map[string]string{"0 8 * * *": "08:00", "0 9 * * *": "09:00"} {
		app, p := openApp(t, dir, jobs.Config{Clock: clock, KeepDead: -1})
		handle(t, p, "report", nothing)
		if err := p.Schedule(jobs.Schedule{Name: "reports", Cron: cron, Kind: "report", Args: task{"x"}}); err != nil {
			t.Fatal(err)
		}
		p.Start()
		pbtest.Eventually(t, patience, func() error {
			if got := awaitSchedules(t, p, 1)[0].Next.Format("15:04"); got != want {
				return fmt.Errorf("got %s, want %s", got, want)
			}
			return nil
		})
		pbtest.Terminate(t, app)
	}
}

func TestScheduleRefuses(t *testing.T) {
	t.Parallel()
	_, p := newQueue(t, jobs.Config{})
	handle(t, p, "report", nothing)
	good := jobs.Schedule{Name: "reports", Cron: "@daily", Kind: "report", Args: task{"x"}}
	if err := p.Schedule(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*jobs.Schedule){
		"there is a schedule":     func(*jobs.Schedule) {},
		"the name must match":     func(s *jobs.Schedule) { s.Name = "" },
		"invalid cron expression": func(s *jobs.Schedule) { s.Name, s.Cron = "b", "often" },
		"never comes due":         func(s *jobs.Schedule) { s.Name, s.Cron = "b", "0 0 30 2 *" },
		"no handler":              func(s *jobs.Schedule) { s.Name, s.Kind = "b", "nope" },
		"the handler takes":       func(s *jobs.Schedule) { s.Name, s.Args = "b", 7 },
		"no policy":               func(s *jobs.Schedule) { s.Name, s.Missed = "b", "sometimes" },
	} {
		s := good
		change(&s)
		if err := p.Schedule(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", s, err, want)
		}
	}
}
