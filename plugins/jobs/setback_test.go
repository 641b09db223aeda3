package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/jobs"
)

// years is how far a clock is ahead that somebody sets back.
const years = 3 * 365 * 24 * time.Hour

// A process that ran three years ahead, and was killed there, must not keep the next
// one from leading, from its schedules, nor from its jobs.
func TestClockIsSetBack(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch.Add(years))
	dir := t.TempDir()
	config := jobs.Config{Clock: clock, PollInterval: often}
	open := func() (*jobs.Plugin, func(string) string) {
		app, p := openApp(t, dir, config)
		handle(t, p, "note", nothing, jobs.Backoff(func(int) time.Duration { return time.Hour }))
		if err := p.Schedule(jobs.Schedule{Name: "daily", Cron: "0 9 * * *", Kind: "note", Args: task{"x"}}); err != nil {
			t.Fatal(err)
		}
		return p, func(statement string) (id string) {
			t.Helper()
			id = enqueue(t, app, "note", "x", jobs.Delay(time.Hour))
			if statement == "" {
				return id
			}
			if _, err := app.DB().NewQuery(statement + " WHERE id = '" + id + "'").Execute(); err != nil {
				t.Fatal(err)
			}
			return id
		}
	}
	ahead, add := open()
	if !ahead.Lead() {
		t.Fatal("nobody leads")
	}
	far := clock.Now().Add(time.Hour).UnixMilli()
	running := add(fmt.Sprintf("UPDATE _jobs SET state = 'running', owner = 'gone', attempts = 1, maxAttempts = 5, leaseUntil = %d", far))
	retried := add(fmt.Sprintf("UPDATE _jobs SET attempts = 1, enqueuedAt = %d, startedAt = %d", epoch.UnixMilli(), clock.Now().UnixMilli()))
	delayed := add("")

	clock.Set(epoch)
	p, _ := open() // the other one holds its lease for another three years
	if !p.Lead() {
		t.Fatal("nobody leads after the clock was set back")
	}
	states, err := p.Schedules(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := states[0].Next, time.Date(2030, 5, 6, 9, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("the schedule is due at %v, want %v", got, want)
	}
	p.Start()
	clock.Advance(time.Hour + time.Minute)
	for what, id := range map[string]string{"retried": retried, "delayed": delayed} {
		if job := await(t, p, id, jobs.StateDone); job.State != jobs.StateDone {
			t.Errorf("the job that was %s: got %s, want done", what, job.State)
		}
	}
	pbtest.Eventually(t, patience, func() error {
		clock.Advance(time.Minute) // its attempt counts as failed, so there is a backoff
		if job := find(t, p, running); job.State != jobs.StateDone {
			return fmt.Errorf("the job that ran: got %s, want done", job.State)
		}
		return nil
	})
}

// Old jobs are deleted by the clock for retention, not by one that has jumped.
func TestRetentionClock(t *testing.T) {
	t.Parallel()
	clock, retention := clocktest.New(epoch), clocktest.New(epoch)
	app, p := newQueue(t, jobs.Config{Clock: clock, RetentionClock: retention, KeepDone: time.Hour, KeepDead: time.Hour})
	handle(t, p, "note", nothing)
	handle(t, p, "bad", func(context.Context, jobs.Job[task]) error { return jobs.Fail(nil) })
	p.Start()
	await(t, p, enqueue(t, app, "note", "x"), jobs.StateDone)
	await(t, p, enqueue(t, app, "bad", "x"), jobs.StateDead)
	pbtest.Eventually(t, patience, func() error {
		if !p.Lead() {
			return errors.New("does not lead")
		}
		return nil
	})
	count := func() int {
		t.Helper()
		p.Lead() // its lease is over, too
		p.Sweep()
		page, err := p.List(t.Context(), jobs.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Items)
	}
	clock.Advance(years)
	if got := count(); got != 2 {
		t.Errorf("after the clock jumped: got %d jobs, want 2", got)
	}
	retention.Advance(2 * time.Hour)
	if got := count(); got != 0 {
		t.Errorf("when they are old: got %d jobs, want none", got)
	}
}
