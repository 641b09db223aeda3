package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/jobs"
)

// often looks for work of other processes without much waiting.
const often = 5 * time.Millisecond

// A process whose lease is over cannot complete what another one has claimed: not
// with its result, and not in a transaction of its own.
func TestLostLease(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	config := jobs.Config{Clock: clock, PollInterval: often, Lease: time.Minute, Queues: map[string]int{jobs.DefaultQueue: 2}}
	dir := t.TempDir()
	late, first := openApp(t, dir, config)
	if _, err := late.DB().NewQuery("CREATE TABLE effects (job TEXT)").Execute(); err != nil {
		t.Fatal(err)
	}
	started, release, ended := make(chan struct{}, 2), make(chan struct{}), make(chan error, 2)
	handle(t, first, "note", func(_ context.Context, job jobs.Job[task]) error {
		started <- struct{}{}
		<-release
		_ = job.SetResult("late")
		if job.Args.Name == "in a transaction" {
			err := late.RunInTransaction(func(tx core.App) error {
				_, err := tx.DB().NewQuery("INSERT INTO effects VALUES ('late')").Execute()
				return errors.Join(err, job.Complete(tx))
			})
			ended <- err
			return err
		}
		ended <- nil
		return nil
	})
	first.Start()
	plain := enqueue(t, late, "note", "plain")
	inTx := enqueue(t, late, "note", "in a transaction")
	receive(t, started)
	receive(t, started)

	other, second := openApp(t, dir, config)
	handle(t, second, "note", func(_ context.Context, job jobs.Job[task]) error { return job.SetResult("second") }, jobs.Backoff(never))
	second.Start()
	clock.Advance(2 * time.Minute)
	for _, id := range []string{plain, inTx} {
		pbtest.Eventually(t, patience, func() error {
			clock.Advance(time.Second) // to the end of the backoff, which the first process may have chosen
			if job := find(t, second, id); job.State != jobs.StateDone {
				return fmt.Errorf("the second process: got %s, want done", job.State)
			}
			return nil
		})
	}
	close(release)
	var lost error
	for range 2 {
		lost = errors.Join(lost, receive(t, ended))
	}
	if !errors.Is(lost, jobs.ErrLeaseLost) {
		t.Errorf("Complete after the lease: got %v, want ErrLeaseLost", lost)
	}
	pbtest.Terminate(t, late) // has stored what it could
	for _, id := range []string{plain, inTx} {
		job := find(t, second, id)
		if job.State != jobs.StateDone || string(job.Result) != `"second"` || job.Attempts != 2 {
			t.Errorf("got %s after %d attempts with %s, want what the second process made of it", job.State, job.Attempts, job.Result)
		}
	}
	var effects int
	if err := other.DB().NewQuery("SELECT COUNT(*) FROM effects").Row(&effects); err != nil || effects != 0 {
		t.Errorf("got %d effects of the late transaction, error %v, want none", effects, err)
	}
}

// A worker is told when its lease is lost, so that it can stop.
func TestWorkersHearOfLostLeases(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	started, causes := make(chan struct{}), make(chan error, 1)
	handle(t, p, "note", func(ctx context.Context, _ jobs.Job[task]) error {
		close(started)
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil
	})
	p.Start()
	id := enqueue(t, app, "note", "x")
	receive(t, started)
	p.Renew()
	if len(causes) != 0 {
		t.Error("the worker was stopped although it has its lease")
	}
	// as if another process had claimed it, and still ran it
	if _, err := app.DB().NewQuery("UPDATE _jobs SET claims = claims + 1, owner = 'other' WHERE id = '" + id + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	p.Renew()
	if got := receive(t, causes); !errors.Is(got, jobs.ErrLeaseLost) {
		t.Errorf("got cause %v, want ErrLeaseLost", got)
	}
	await(t, p, enqueueOther(t, app, p), jobs.StateDone)
	if got := find(t, p, id); got.State != jobs.StateRunning {
		t.Errorf("got %s, want it to be the other process's", got.State)
	}
}

// A job that takes longer than its lease is not taken away as long as its process
// lives.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	const lease = 2 * time.Second // longer than a busy machine holds up a heartbeat
	dir := t.TempDir()
	config := jobs.Config{PollInterval: often, Lease: lease}
	app, p := openApp(t, dir, config)
	_, rival := openApp(t, dir, config)
	release := make(chan struct{})
	var mu sync.Mutex
	ran := 0
	work := func(context.Context, jobs.Job[task]) error {
		mu.Lock()
		ran++
		mu.Unlock()
		<-release
		return nil
	}
	handle(t, p, "note", work)
	handle(t, rival, "note", work)
	turns := make(chan struct{}, 1000)
	rival.OnTurn(func() {
		select {
		case turns <- struct{}{}:
		default:
		}
	})
	p.Start()
	rival.Start()
	id := enqueue(t, app, "note", "x")
	await(t, p, id, jobs.StateRunning)
	for end := time.Now().Add(3 * lease / 2); time.Now().Before(end); {
		receive(t, turns) // the rival has looked for expired leases
	}
	close(release)
	job := await(t, p, id, jobs.StateDone)
	mu.Lock()
	defer mu.Unlock()
	if ran != 1 || job.Attempts != 1 {
		t.Errorf("ran %d times, in %d attempts, want once", ran, job.Attempts)
	}
}

// Several processes that claim at the same time get different jobs.
func TestClaimsAreAtomic(t *testing.T) {
	t.Parallel()
	const processes, n = 3, 300
	dir := t.TempDir()
	var mu sync.Mutex
	ran := map[string]int{}
	var apps []core.App
	var queues []*jobs.Plugin
	for range processes {
		app, p := openApp(t, dir, jobs.Config{PollInterval: often})
		handle(t, p, "note", func(_ context.Context, job jobs.Job[task]) error {
			mu.Lock()
			defer mu.Unlock()
			ran[job.Args.Name]++
			return nil
		})
		apps, queues = append(apps, app), append(queues, p)
	}
	err := apps[0].RunInTransaction(func(tx core.App) error {
		for i := range n {
			enqueue(t, tx, "note", fmt.Sprint(i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range queues {
		p.Start()
	}
	pbtest.Eventually(t, patience, func() error {
		stats, err := queues[0].Stats(t.Context())
		if err == nil && stats.States[jobs.StateDone] != n {
			err = fmt.Errorf("got %v, want %d done", stats.States, n)
		}
		return err
	})
	mu.Lock()
	defer mu.Unlock()
	for i := range n {
		if got := ran[fmt.Sprint(i)]; got != 1 {
			t.Errorf("job %d ran %d times, want once", i, got)
		}
	}
}

// One key, many processes and goroutines: one job.
func TestUniqueKeysAreAtomic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids, made := map[string]bool{}, 0
	for range 2 {
		app, p := openApp(t, dir, jobs.Config{})
		handle(t, p, "note", nothing)
		for range 10 {
			wg.Go(func() {
				got, err := jobs.Enqueue(app, "note", task{"x"}, jobs.Unique("k"))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if ids[got.ID] = true; !got.Duplicate {
					made++
				}
			})
		}
	}
	wg.Wait()
	if len(ids) != 1 || made != 1 {
		t.Errorf("got %d jobs and %d ids, want one", made, len(ids))
	}
}

// A process that stops waits for what ends in time, and gives back what does not.
func TestStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, p := openApp(t, dir, jobs.Config{StopTimeout: 300 * time.Millisecond})
	p.SetGrace(time.Millisecond)
	started, release := make(chan string, 3), make(chan struct{})
	stopping := make(chan struct{})
	causes := make(chan error, 1)
	handle(t, p, "note", func(ctx context.Context, job jobs.Job[task]) error {
		started <- job.Args.Name
		switch job.Args.Name {
		case "ends in time":
			<-stopping
			return nil
		case "ends when told":
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		default: // does not end
			<-release
			return nil
		}
	})
	p.Start()
	ids := map[string]string{}
	for _, name := range []string{"ends in time", "ends when told", "does not end"} {
		ids[name] = enqueue(t, app, "note", name)
		receive(t, started)
	}
	app.OnTerminate().BindFunc(func(e *core.TerminateEvent) error { return e.Next() })
	close(stopping)
	// the group waits for the last handler, which returns once its job is given back
	go func() {
		receiveCause := <-causes
		causes <- receiveCause
		for p.Running() > 0 {
			<-time.After(time.Millisecond)
		}
		close(release)
	}()
	pbtest.Terminate(t, app)
	if got := receive(t, causes); !errors.Is(got, jobs.ErrStopping) {
		t.Errorf("got cause %v, want ErrStopping", got)
	}
	_, after := openApp(t, dir, jobs.Config{})
	for name, want := range map[string]struct {
		state    jobs.State
		attempts int
	}{
		"ends in time":   {jobs.StateDone, 1},
		"ends when told": {jobs.StatePending, 0},
		"does not end":   {jobs.StatePending, 0},
	} {
		if job := find(t, after, ids[name]); job.State != want.state || job.Attempts != want.attempts {
			t.Errorf("%s: got %s after %d attempts, want %s after %d", name, job.State, job.Attempts, want.state, want.attempts)
		}
	}
	if !after.Lead() {
		t.Error("the process that stopped still leads")
	}
}

// A job that was running when its process died counts an attempt, so that one
// which kills its process is dead in the end.
func TestJobThatKillsItsProcess(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	app, p := newQueue(t, jobs.Config{Clock: clock, PollInterval: often})
	handle(t, p, "note", nothing, jobs.MaxAttempts(2), jobs.Backoff(never))
	id := enqueue(t, app, "note", "x")
	cancelled := enqueue(t, app, "note", "x")
	die := func() {
		t.Helper()
		_, err := app.DB().NewQuery(`UPDATE _jobs SET state = 'running', claims = claims + 1, attempts = attempts + 1, owner = 'dead',
			leaseUntil = ` + fmt.Sprint(clock.Now().Add(-time.Second).UnixMilli())).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	die()
	die()
	if err := p.Cancel(t.Context(), cancelled); err != nil {
		t.Fatal(err)
	}
	if _, err := app.DB().NewQuery(`UPDATE _jobs SET attempts = 1 WHERE id = '` + cancelled + `'`).Execute(); err != nil {
		t.Fatal(err)
	}
	p.Start()
	await(t, p, id, jobs.StateDead)
	await(t, p, cancelled, jobs.StateCancelled)
}
