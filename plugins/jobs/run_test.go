package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/jobs"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	app, p := newQueue(t, jobs.Config{Clock: clock})
	p.Start()
	broken := errors.New("broken")
	for i, c := range []struct {
		name     string
		handler  func(ctx context.Context, job jobs.Job[task]) error
		options  []jobs.Option
		state    jobs.State
		attempts int
		problem  string
	}{
		{"success", nothing, nil, jobs.StateDone, 1, ""},
		{"an error", func(context.Context, jobs.Job[task]) error { return broken }, nil, jobs.StateScheduled, 1, "broken"},
		{
			"the last error", func(context.Context, jobs.Job[task]) error { return broken },
			[]jobs.Option{jobs.MaxAttempts(1)},
			jobs.StateDead, 1, "broken",
		},
		{"failed for good", func(context.Context, jobs.Job[task]) error { return fmt.Errorf("x: %w", jobs.Fail(broken)) }, nil, jobs.StateDead, 1, "x: broken"},
		{"snoozed", func(context.Context, jobs.Job[task]) error { return jobs.Snooze(time.Hour) }, nil, jobs.StateScheduled, 0, ""},
		{
			"snoozed at the last attempt", func(context.Context, jobs.Job[task]) error { return jobs.Snooze(time.Hour) },
			[]jobs.Option{jobs.MaxAttempts(1)},
			jobs.StateScheduled, 0, "",
		},
		{"cancelled", func(context.Context, jobs.Job[task]) error { return jobs.Cancel("not wanted") }, nil, jobs.StateCancelled, 1, "not wanted"},
		{"a panic", func(context.Context, jobs.Job[task]) error { panic("boom") }, nil, jobs.StateScheduled, 1, "panic: boom"},
		{
			"the end of its goroutine", func(context.Context, jobs.Job[task]) error { runtime.Goexit(); return nil },
			nil, jobs.StateScheduled, 1, "the handler ended its goroutine",
		},
		{
			"a timeout", func(ctx context.Context, _ jobs.Job[task]) error { <-ctx.Done(); return ctx.Err() },
			[]jobs.Option{jobs.Timeout(time.Millisecond)},
			jobs.StateScheduled, 1, "timed out: context deadline exceeded",
		},
		{
			"success after the timeout", func(ctx context.Context, _ jobs.Job[task]) error { <-ctx.Done(); return nil },
			[]jobs.Option{jobs.Timeout(time.Millisecond)},
			jobs.StateDone, 1, "",
		},
	} {
		kind := fmt.Sprintf("kind%d", i)
		pause := jobs.Backoff(func(int) time.Duration { return time.Hour })
		handle(t, p, kind, c.handler, append(c.options, pause)...)
		job := await(t, p, enqueue(t, app, kind, "x"), c.state)
		if job.Attempts != c.attempts || job.Error != c.problem {
			t.Errorf("%s: got %d attempts and error %q, want %d and %q", c.name, job.Attempts, job.Error, c.attempts, c.problem)
		}
		if final := c.state != jobs.StateScheduled; job.FinishedAt.IsZero() == final {
			t.Errorf("%s: finished at %v", c.name, job.FinishedAt)
		}
	}
}

// A job is tried until it succeeds, after pauses that are random and no longer
// than they may be, and remembers its last errors.
func TestRetries(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	app, p := newQueue(t, jobs.Config{Clock: clock})
	handle(t, p, "flaky", func(_ context.Context, job jobs.Job[task]) error {
		if job.Attempt < 13 {
			return fmt.Errorf("error %d", job.Attempt)
		}
		return nil
	}, jobs.MaxAttempts(13), jobs.Backoff(func(attempts int) time.Duration { return time.Duration(attempts) * time.Minute }))
	p.Start()
	id := enqueue(t, app, "flaky", "x")
	different := map[time.Duration]bool{}
	for attempt := 1; attempt < 13; attempt++ {
		var job jobs.Info
		pbtest.Eventually(t, patience, func() error {
			if job = find(t, p, id); job.State != jobs.StateScheduled || job.Attempts != attempt {
				return fmt.Errorf("got %s after %d attempts, want scheduled after %d", job.State, job.Attempts, attempt)
			}
			return nil
		})
		pause := job.RunAt.Time().Sub(clock.Now())
		if longest := time.Duration(attempt) * time.Minute; pause < 0 || pause > longest {
			t.Errorf("attempt %d: got a pause of %v, want at most %v", attempt, pause, longest)
		}
		different[pause/time.Duration(attempt)] = true
		clock.Advance(pause + time.Millisecond)
		p.Wake()
	}
	job := await(t, p, id, jobs.StateDone)
	if job.Attempts != 13 || len(job.Errors) != 10 || job.Errors[0].Error != "error 3" || job.Errors[9].Attempt != 12 {
		t.Errorf("got %d attempts and errors %+v, want 13 and the last ten", job.Attempts, job.Errors)
	}
	if len(different) < 6 {
		t.Errorf("got pauses %v, want random ones", different)
	}
}

func TestDefaultBackoff(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 12: 2048 * time.Second, 13: time.Hour, 1000: time.Hour} {
		if got := jobs.Doubling(attempts); got != want {
			t.Errorf("after %d attempts: got %v, want %v", attempts, got, want)
		}
	}
}

// A handler that ignores the end of its context loses its job, and its place.
func TestStubbornHandler(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{Queues: map[string]int{jobs.DefaultQueue: 1}})
	p.SetGrace(time.Millisecond)
	release, returned := make(chan struct{}), make(chan struct{})
	handle(t, p, "stubborn", func(_ context.Context, job jobs.Job[task]) error {
		defer close(returned)
		<-release
		return job.SetResult("late")
	}, jobs.Timeout(time.Millisecond), jobs.MaxAttempts(1))
	handle(t, p, "note", nothing)
	p.Start()
	id := enqueue(t, app, "stubborn", "x")
	job := await(t, p, id, jobs.StateDead)
	if !strings.Contains(job.Error, "the handler goes on") {
		t.Errorf("got error %q", job.Error)
	}
	await(t, p, enqueue(t, app, "note", "x"), jobs.StateDone)
	close(release)
	receive(t, returned)
	await(t, p, enqueue(t, app, "note", "y"), jobs.StateDone)
	if got := find(t, p, id); got.State != jobs.StateDead || string(got.Result) != "null" {
		t.Errorf("after its return: got %s with %s, want dead with nothing", got.State, got.Result)
	}
}

func TestProgressOfNothing(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	handle(t, p, "note", func(_ context.Context, job jobs.Job[task]) error {
		var done, all float64
		job.Progress(done/all, "0 of 0")
		return jobs.Fail(errors.New("nothing to do"))
	})
	p.Start()
	id := enqueue(t, app, "note", "x")
	if job := await(t, p, id, jobs.StateDead); job.Progress != 0 || job.Message != "0 of 0" {
		t.Errorf("got %v %q, want 0 and the message", job.Progress, job.Message)
	}
}

func TestProgressAndResult(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{MaxResultBytes: 20})
	step := make(chan struct{})
	tooLarge := make(chan error, 1)
	handle(t, p, "note", func(_ context.Context, job jobs.Job[task]) error {
		job.Progress(0.25, strings.Repeat("ü", 150))
		<-step
		job.Progress(7, "nearly")
		<-step
		tooLarge <- job.SetResult(strings.Repeat("x", 20))
		return job.SetResult(map[string]int{"pages": 3})
	})
	p.Start()
	id := enqueue(t, app, "note", "x")
	shows := func(share float64, message string) {
		t.Helper()
		pbtest.Eventually(t, patience, func() error {
			if job := find(t, p, id); job.Progress != share || job.Message != message {
				return fmt.Errorf("got %v %q, want %v %q", job.Progress, job.Message, share, message)
			}
			return nil
		})
	}
	shows(0.25, strings.Repeat("ü", 100))
	step <- struct{}{}
	shows(1, "nearly")
	step <- struct{}{}
	job := await(t, p, id, jobs.StateDone)
	if string(job.Result) != `{"pages":3}` || job.Progress != 1 {
		t.Errorf("got result %s and progress %v", job.Result, job.Progress)
	}
	if err := receive(t, tooLarge); !errors.Is(err, jobs.ErrTooLarge) {
		t.Errorf("a large result: got %v, want ErrTooLarge", err)
	}
}

// What a handler writes in the transaction that completes its job happens once,
// though the job runs again after whatever goes wrong.
func TestComplete(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	if _, err := app.DB().NewQuery("CREATE TABLE effects (job TEXT)").Execute(); err != nil {
		t.Fatal(err)
	}
	work := func(job jobs.Job[task], after error) error {
		return app.RunInTransaction(func(tx core.App) error {
			if _, err := tx.DB().NewQuery("INSERT INTO effects VALUES ('" + job.ID + "')").Execute(); err != nil {
				return err
			}
			if err := job.Complete(tx); err != nil {
				return err
			}
			return after
		})
	}
	var attempts atomic.Int32
	handle(t, p, "note", func(_ context.Context, job jobs.Job[task]) error {
		attempts.Add(1)
		_ = job.SetResult("kept")
		switch job.Attempt {
		case 1:
			return work(job, errors.New("rolled back"))
		case 2:
			_ = work(job, errors.New("rolled back"))
			return errors.New("before")
		default:
			if err := work(job, nil); err != nil {
				return err
			}
			if err := job.Complete(app); err == nil {
				t.Error("the second Complete: got no error")
			}
			return errors.New("after the commit")
		}
	}, jobs.Backoff(never))
	p.Start()
	id := enqueue(t, app, "note", "x")
	job := await(t, p, id, jobs.StateDone)
	await(t, p, enqueueOther(t, app, p), jobs.StateDone)
	var effects int
	if err := app.DB().NewQuery("SELECT COUNT(*) FROM effects").Row(&effects); err != nil {
		t.Fatal(err)
	}
	if effects != 1 || attempts.Load() != 3 || job.Attempts != 3 || string(job.Result) != `"kept"` {
		t.Errorf("got %d effects after %d attempts, job %+v with %s, want 1 after 3", effects, attempts.Load(), job, job.Result)
	}
}

// enqueueOther enqueues a job that shows that the dispatcher has gone on.
func enqueueOther(t *testing.T, app core.App, p *jobs.Plugin) string {
	t.Helper()
	handle(t, p, "other", nothing)
	return enqueue(t, app, "other", "x")
}

func TestCancelFromOutside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, p := openApp(t, dir, jobs.Config{PollInterval: 5 * time.Millisecond})
	causes := make(chan error, 1)
	started := make(chan struct{}, 1)
	handle(t, p, "long", func(ctx context.Context, _ jobs.Job[task]) error {
		started <- struct{}{}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	})
	handle(t, p, "deaf", func(ctx context.Context, _ jobs.Job[task]) error {
		started <- struct{}{}
		<-ctx.Done()
		return nil
	})
	_, other := openApp(t, dir, jobs.Config{EnqueueOnly: true})

	waiting := enqueue(t, app, "long", "x", jobs.Delay(time.Hour))
	if err := p.Cancel(t.Context(), waiting); err != nil {
		t.Fatal(err)
	}
	if got := find(t, p, waiting); got.State != jobs.StateCancelled || got.FinishedAt.IsZero() {
		t.Errorf("one that waits: got %+v, want it cancelled", got)
	}
	p.Start()
	for name, by := range map[string]*jobs.Plugin{"this process": p, "another process": other} {
		id := enqueue(t, app, "long", "x")
		receive(t, started)
		if err := by.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, causes); !errors.Is(got, jobs.ErrCancelled) {
			t.Errorf("by %s: got cause %v, want ErrCancelled", name, got)
		}
		await(t, p, id, jobs.StateCancelled)
	}
	deaf := enqueue(t, app, "deaf", "x")
	receive(t, started)
	if err := p.Cancel(t.Context(), deaf); err != nil {
		t.Fatal(err)
	}
	await(t, p, deaf, jobs.StateDone) // it was quicker
	if err := p.Cancel(t.Context(), deaf); !errors.Is(err, jobs.ErrState) {
		t.Errorf("one that is done: got %v, want ErrState", err)
	}
	if err := p.Cancel(t.Context(), "nope"); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("none: got %v, want ErrNotFound", err)
	}
}

func TestDeadLettersAreReplayed(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	var healthy atomic.Bool
	handle(t, p, "note", func(context.Context, jobs.Job[task]) error {
		if healthy.Load() {
			return nil
		}
		return jobs.Fail(errors.New("down"))
	})
	handle(t, p, "other", func(context.Context, jobs.Job[task]) error { return jobs.Fail(nil) })
	p.Start()
	one := enqueue(t, app, "note", "1")
	await(t, p, one, jobs.StateDead)
	keyed := make([]string, 2)
	for i := range keyed {
		keyed[i] = enqueue(t, app, "note", "k", jobs.Unique("k"))
		await(t, p, keyed[i], jobs.StateDead)
	}
	other := enqueue(t, app, "other", "2")
	await(t, p, other, jobs.StateDead)

	healthy.Store(true)
	if err := p.Retry(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if job := await(t, p, one, jobs.StateDone); job.Attempts != 1 || len(job.Errors) != 1 {
		t.Errorf("got %d attempts and errors %v, want a new count and the old error", job.Attempts, job.Errors)
	}
	if err := p.Retry(t.Context(), one); !errors.Is(err, jobs.ErrState) {
		t.Errorf("a done one: got %v, want ErrState", err)
	}
	if n, err := p.RetryDead(t.Context(), "note", ""); n != 1 || err != nil {
		t.Errorf("replay of all: got %d, error %v, want one of those with the same key", n, err)
	}
	await(t, p, keyed[0], jobs.StateDone)
	if n, err := p.RetryDead(t.Context(), "", "nope"); n != 0 || err != nil {
		t.Errorf("replay of another queue: got %d, error %v, want 0", n, err)
	}
	if got := find(t, p, other); got.State != jobs.StateDead {
		t.Errorf("of another kind: got %s, want dead", got.State)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	handle(t, p, "note", nothing)
	turns := make(chan struct{}, 100)
	if err := p.Pause(t.Context(), jobs.DefaultQueue); err != nil {
		t.Fatal(err)
	}
	p.Start()
	id := enqueue(t, app, "note", "x")
	p.OnTurn(func() { turns <- struct{}{} })
	p.Wake()
	receive(t, turns)
	if got := find(t, p, id); got.State != jobs.StatePending {
		t.Errorf("paused: got %s, want pending", got.State)
	}
	stats, err := p.Stats(t.Context())
	if err != nil || len(stats.Queues) != 1 || !stats.Queues[0].Paused || stats.Queues[0].Pending != 1 || stats.States[jobs.StatePending] != 1 {
		t.Errorf("got %+v, error %v, want a paused queue with one job", stats, err)
	}
	if err := p.Resume(t.Context(), jobs.DefaultQueue); err != nil {
		t.Fatal(err)
	}
	await(t, p, id, jobs.StateDone)
	if err := p.Pause(t.Context(), "nope"); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("an unknown queue: got %v, want ErrNotFound", err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	app, p := newQueue(t, jobs.Config{Clock: clock, KeepDone: time.Hour, KeepDead: 2 * time.Hour})
	handle(t, p, "note", nothing)
	handle(t, p, "bad", func(context.Context, jobs.Job[task]) error { return jobs.Fail(nil) })
	p.Start()
	done := await(t, p, enqueue(t, app, "note", "x"), jobs.StateDone).ID
	keyed := await(t, p, enqueue(t, app, "note", "x", jobs.UniqueFor("k", 3*time.Hour)), jobs.StateDone).ID
	dead := await(t, p, enqueue(t, app, "bad", "x"), jobs.StateDead).ID
	waits := enqueue(t, app, "note", "x", jobs.Delay(100*time.Hour))
	pbtest.Eventually(t, patience, func() error {
		if !p.Lead() {
			return errors.New("does not lead")
		}
		return nil
	})
	for _, c := range []struct {
		advance time.Duration
		want    []string
	}{
		{time.Hour, []string{done, keyed, dead, waits}},
		{time.Minute, []string{keyed, dead, waits}},
		{time.Hour, []string{keyed, waits}},
		{time.Hour, []string{waits}},
	} {
		clock.Advance(c.advance)
		p.Lead() // its lease is over, too
		p.Sweep()
		page, err := p.List(t.Context(), jobs.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		kept := map[string]bool{}
		for _, job := range page.Items {
			kept[job.ID] = true
		}
		for _, id := range c.want {
			if !kept[id] {
				t.Errorf("at %v: %s is gone", clock.Now(), id)
			}
		}
		if len(kept) != len(c.want) {
			t.Errorf("at %v: got %d jobs, want %d", clock.Now(), len(kept), len(c.want))
		}
	}
}

// The log tells of failures and panics with the stack, and never what the jobs
// were given. The job itself keeps no stack.
func TestWhatTheLogTells(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{MaxArgsBytes: 30})
	app.Settings().Logs.MaxDays = 1 // test apps keep no log
	handle(t, p, "panics", func(context.Context, jobs.Job[task]) error { panic("boom") }, jobs.MaxAttempts(1))
	handle(t, p, "fails", func(context.Context, jobs.Job[task]) error { return errors.New("oops") })
	p.Start()
	job := await(t, p, enqueue(t, app, "panics", "s3cret"), jobs.StateDead)
	await(t, p, enqueue(t, app, "fails", "s3cret"), jobs.StateScheduled)
	if _, err := app.DB().NewQuery("UPDATE _jobs SET state = 'pending', args = '{\"name\": 123987}' WHERE kind = 'fails'").Execute(); err != nil {
		t.Fatal(err)
	}
	p.Wake()
	pbtest.Eventually(t, patience, func() error {
		page, err := p.List(t.Context(), jobs.Filter{Kind: "fails"})
		if err == nil && !strings.Contains(page.Items[0].Error, "do not fit") {
			err = fmt.Errorf("got error %q", page.Items[0].Error)
		}
		return err
	})
	if encoded, _ := json.Marshal(job); strings.Contains(string(encoded), "goroutine") {
		t.Errorf("the job tells the stack: %s", encoded)
	}
	if err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}); err != nil { // writes the log
		t.Fatal(err)
	}
	var logs []*core.Log
	if err := app.LogQuery().All(&logs); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(logs)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{job.ID, "A job panicked.", "run_test.go", "A job failed for good.", "oops"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	for _, secret := range []string{"s3cret", "123987"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}
