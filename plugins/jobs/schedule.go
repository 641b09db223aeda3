package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Missed says what becomes of the times of a schedule at which nothing ran that
// could have enqueued a job.
type Missed string

// The policies.
const (
	// MissedOnce makes one job up for all of them.
	MissedOnce Missed = "once"
	// MissedSkip lets them go.
	MissedSkip Missed = "skip"
	// MissedAll makes a job for each, the last 1000 at most.
	MissedAll Missed = "all"
)

// Schedule enqueues jobs at the times of a cron expression. Of several processes
// on the database one does it.
type Schedule struct {
	// Name identifies the schedule, its next time and its history.
	Name string

	// Cron is an expression of five fields, or a macro such as @daily, as
	// PocketBase's own cron has them.
	Cron string

	// Zone is where the expression is read. A time that daylight saving skips does
	// not come that day, one that it repeats comes twice. Defaults to UTC.
	Zone *time.Location

	// Kind is the kind of the jobs, and Args what each of them is given.
	Kind string
	Args any

	// Missed is the policy for times that were missed. A time counts as missed
	// when it is over a minute, and over two leases, ago. Defaults to MissedOnce.
	Missed Missed

	// Options are those of the jobs. With [Unique] a time is left out as long as
	// the job of an earlier one waits or runs.
	Options []Option
}

type schedule struct {
	Schedule
	times times
}

// maxMade is how many jobs a schedule makes up for.
const maxMade = 1000

// Schedule adds a schedule. Its kind must have a handler. PocketBase's own cron
// stays as it is; this one is for what must not be missed, or must not run in
// two processes at a time.
func (p *Plugin) Schedule(s Schedule) error {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	if s.Missed == "" {
		s.Missed = MissedOnce
	}
	if err := p.validateSchedule(s); err != nil {
		return fmt.Errorf("jobs: schedule %s: %w", s.Name, err)
	}
	parsed, err := parseCron(s)
	if err != nil {
		return fmt.Errorf("jobs: schedule %s: %w", s.Name, err)
	}
	added := &schedule{Schedule: s, times: parsed}
	if _, err := added.times.after(p.now()); err != nil {
		return fmt.Errorf("jobs: schedule %s: %w", s.Name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.schedules[s.Name] != nil {
		return fmt.Errorf("jobs: there is a schedule %s already", s.Name)
	}
	p.schedules[s.Name] = added
	if p.leader {
		p.leader = false // so that it is installed when this process leads again
	}
	return nil
}

func (p *Plugin) validateSchedule(s Schedule) error {
	if !name.MatchString(s.Name) {
		return fmt.Errorf("the name must match %s", name)
	}
	switch s.Missed {
	case MissedOnce, MissedSkip, MissedAll:
	default:
		return fmt.Errorf("there is no policy %q", s.Missed)
	}
	_, err := p.newRow(s.Kind, s.Args, append([]Option{}, s.Options...))
	return err
}

// install stores the schedules that are new, or that have changed since.
func (p *Plugin) install(ctx context.Context) error {
	now := p.now()
	for _, s := range p.allSchedules() {
		next, err := s.times.after(now)
		if err != nil {
			return err
		}
		if err := p.store.installSchedule(ctx, p.app.NonconcurrentDB(), s, next); err != nil {
			return err
		}
	}
	return nil
}

// allSchedules is a copy: nothing may hold the lock while it waits for the
// database, as transactions need it.
func (p *Plugin) allSchedules() []*schedule {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.schedules))
}

// tickIfDue enqueues the jobs of the schedules that are due, if this process leads.
func (p *Plugin) tickIfDue(ctx context.Context, view outlook, now time.Time) error {
	if !view.Ticks.Valid || view.Ticks.Int64 > now.UnixMilli() || !p.leads() {
		return nil
	}
	due, err := p.store.dueSchedules(ctx, p.app.ConcurrentDB(), now)
	if err != nil {
		return fmt.Errorf("find due schedules: %w", err)
	}
	for _, d := range due {
		p.mu.Lock()
		s := p.schedules[d.Name]
		p.mu.Unlock()
		if s == nil || s.Cron != d.Cron || s.Zone.String() != d.Zone {
			continue // of a newer or older version of the program
		}
		if err := p.tick(ctx, s, time.UnixMilli(d.Next), now); err != nil {
			return fmt.Errorf("schedule %s: %w", s.Name, err)
		}
		p.wake() // to look when it is due next
	}
	return nil
}

// tick enqueues what the schedule has due and moves it on, in one transaction,
// which only the leader's commits.
func (p *Plugin) tick(ctx context.Context, s *schedule, due, now time.Time) error {
	made, skipped, next, err := p.plan(s, due, now)
	if err != nil {
		return err
	}
	return p.app.RunInTransaction(func(tx core.App) error {
		db := tx.NonconcurrentDB()
		leads, err := p.store.lead(ctx, db, p.owner, now, now.Add(p.config.Lease))
		if err != nil {
			return err
		}
		moved, err := p.store.moveSchedule(db, s.Name, due, next)
		if err != nil || !moved || !leads {
			return errors.Join(err, p.unless(leads))
		}
		if skipped > 0 {
			if err := p.store.addTick(db, Tick{Schedule: s.Name, Outcome: TickSkipped, Error: fmt.Sprintf("%d times were missed", skipped)}, due, now); err != nil {
				return err
			}
		}
		for _, at := range made {
			if err := p.store.addTick(db, p.enqueueTick(tx, s, at), at, now); err != nil { //nolint:contextcheck // the trace is that of the goroutine
				return err
			}
		}
		return nil
	})
}

// unless stops a former leader.
func (p *Plugin) unless(leads bool) error {
	if leads {
		return nil
	}
	p.mu.Lock()
	p.leader = false
	p.mu.Unlock()
	return errors.New("another process leads")
}

// plan decides which of the times from due up to now get a job, how many do not,
// and when the schedule is due next.
func (p *Plugin) plan(s *schedule, due, now time.Time) (made []time.Time, skipped int, next time.Time, err error) {
	missedBefore := now.Add(-max(time.Minute, 2*p.config.Lease))
	var missed []time.Time
	lost := 0
	for next = due; !next.After(now); {
		if next.Before(missedBefore) {
			missed = append(missed, next)
		} else {
			made = append(made, next)
		}
		if len(missed) > maxMade {
			missed, lost = missed[1:], lost+1
		}
		if next, err = s.times.after(next); err != nil {
			return nil, 0, next, err
		}
	}
	switch {
	case s.Missed == MissedSkip || s.Missed == MissedOnce && len(made) > 0:
		return made, lost + len(missed), next, nil
	case s.Missed == MissedOnce && len(missed) > 0:
		return missed[len(missed)-1:], lost + len(missed) - 1, next, nil
	default:
		return append(missed, made...), lost, next, nil
	}
}

// enqueueTick enqueues the job of one time. That it cannot be must not keep the
// schedule from going on.
func (p *Plugin) enqueueTick(tx core.App, s *schedule, at time.Time) Tick {
	ofSchedule := func(o *options) { o.runAt, o.delay, o.schedule = at, 0, s.Name }
	enqueued, err := p.Enqueue(tx, s.Kind, s.Args, append(append([]Option{}, s.Options...), ofSchedule)...)
	t := Tick{Schedule: s.Name, Outcome: TickEnqueued, Job: enqueued.ID}
	switch {
	case err != nil:
		p.app.Logger().Error("A schedule could not enqueue its job.", slog.String("schedule", s.Name), slog.Any("error", err))
		t.Outcome, t.Error = TickFailed, clip(err.Error(), maxErrorBytes)
	case enqueued.Duplicate:
		t.Outcome = TickDuplicate
	}
	return t
}

// What came of a time of a schedule.
const (
	TickEnqueued  = "enqueued"
	TickDuplicate = "duplicate" // the job of an earlier time still waits or runs
	TickSkipped   = "skipped"   // it was missed
	TickFailed    = "failed"
)

// Tick is an entry in the history of a schedule.
type Tick struct {
	Schedule string `db:"schedule" json:"schedule"`
	// Due is the time on the schedule, At when it was seen to.
	Due time.Time `db:"-" json:"due" doc:"The time on the schedule."`
	At  time.Time `db:"-" json:"at" doc:"When it was seen to."`
	// Outcome is one of the constants.
	Outcome string `db:"outcome" json:"outcome" enum:"enqueued,duplicate,skipped,failed" doc:"It is a duplicate while the job of an earlier time waits or runs, and skipped if it was missed."`
	// Job is the id of the job, of the other one for a duplicate.
	Job   string `db:"job" json:"job" doc:"The id of the job, of the other one for a duplicate."`
	Error string `db:"error" json:"error" doc:"Why it failed."`
}

// ScheduleState says how a schedule is doing.
type ScheduleState struct {
	Name string    `json:"name"`
	Cron string    `json:"cron" doc:"When, as a cron expression of five fields or a macro." example:"0 6 * * 1-5"`
	Zone string    `json:"zone" doc:"The time zone of the expression." example:"Europe/Vienna"`
	Kind string    `json:"kind" doc:"The kind of its jobs."`
	Next time.Time `json:"next"`
	// Known tells whether this program has the schedule. Others are of other
	// versions, and nothing happens at their time.
	Known bool `json:"known" doc:"Whether this server has the schedule. Of others nothing happens at their time."`
	// Last are the latest entries of the history, newest first.
	Last []Tick `json:"last" doc:"The latest entries of its history, newest first."`
}

// Schedules returns all schedules with the latest entries of their history.
func (p *Plugin) Schedules(ctx context.Context, last int) ([]ScheduleState, error) {
	rows, err := p.store.schedules(ctx, p.app.ConcurrentDB())
	if err != nil {
		return nil, fmt.Errorf("jobs: list schedules: %w", err)
	}
	states := make([]ScheduleState, 0, len(rows))
	for _, r := range rows {
		ticks, err := p.store.ticks(ctx, p.app.ConcurrentDB(), r.Name, min(max(last, 0), maxPage))
		if err != nil {
			return nil, fmt.Errorf("jobs: list the history of %s: %w", r.Name, err)
		}
		p.mu.Lock()
		known := p.schedules[r.Name] != nil
		p.mu.Unlock()
		states = append(states, ScheduleState{
			Name: r.Name, Cron: r.Cron, Zone: r.Zone, Kind: r.Kind,
			Next: time.UnixMilli(r.Next).UTC(), Known: known, Last: ticks,
		})
	}
	return states, nil
}

// scheduleRow is a schedule in the database.
type scheduleRow struct {
	Name string `db:"name"`
	Cron string `db:"cron"`
	Zone string `db:"zone"`
	Kind string `db:"kind"`
	Next int64  `db:"next"`
}

func (s *schedule) params(next time.Time) dbx.Params {
	return dbx.Params{"name": s.Name, "cron": s.Cron, "zone": s.Zone.String(), "kind": s.Kind, "next": next.UnixMilli()}
}
