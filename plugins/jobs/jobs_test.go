package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/jobs"
)

// patience is how long a test waits for what should come at once.
const patience = 90 * time.Second

// epoch is where the clocks of tests stand.
var epoch = time.Date(2030, 5, 6, 7, 0, 30, 0, time.UTC)

// task is what the jobs of tests are given.
type task struct {
	Name string `json:"name"`
}

// newQueue returns an app with jobs, which are not started.
func newQueue(t *testing.T, config jobs.Config) (core.App, *jobs.Plugin) {
	t.Helper()
	app := pbtest.New(t)
	return app, register(t, app, config)
}

func register(t *testing.T, app core.App, config jobs.Config) *jobs.Plugin {
	t.Helper()
	p, err := jobs.Register(app, config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// openApp opens the data directory, as one of several processes would.
func openApp(t *testing.T, dir string, config jobs.Config) (core.App, *jobs.Plugin) {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	p := register(t, app, config)
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	return app, p
}

func handle(t *testing.T, p *jobs.Plugin, kind string, handler func(context.Context, jobs.Job[task]) error, options ...jobs.Option) {
	t.Helper()
	if err := jobs.Handle(p, kind, handler, options...); err != nil {
		t.Fatal(err)
	}
}

func enqueue(t *testing.T, app core.App, kind, name string, options ...jobs.Option) string {
	t.Helper()
	enqueued, err := jobs.Enqueue(app, kind, task{name}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return enqueued.ID
}

func find(t *testing.T, p *jobs.Plugin, id string) jobs.Info {
	t.Helper()
	job, err := p.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// await waits until the job is in the state.
func await(t *testing.T, p *jobs.Plugin, id string, want jobs.State) jobs.Info {
	t.Helper()
	var job jobs.Info
	pbtest.Eventually(t, patience, func() (err error) {
		if job, err = p.Find(t.Context(), id); err == nil && job.State != want {
			err = fmt.Errorf("job %s: got state %s (%s), want %s", id, job.State, job.Error, want)
		}
		return err
	})
	return job
}

// receive waits for a value.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case value := <-c:
		return value
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func nothing(context.Context, jobs.Job[task]) error { return nil }

func never(int) time.Duration { return 0 }

func TestJobsShareTheFateOfTheirTransaction(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	ran := make(chan string, 10)
	handle(t, p, "note", func(_ context.Context, job jobs.Job[task]) error {
		ran <- job.Args.Name
		return nil
	})
	p.Start()

	rolledBack := errors.New("rolled back")
	err := app.RunInTransaction(func(tx core.App) error {
		enqueue(t, tx, "note", "never")
		return rolledBack
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	err = app.RunInTransaction(func(tx core.App) error {
		enqueue(t, tx, "note", "committed")
		return tx.RunInTransaction(func(nested core.App) error {
			enqueue(t, nested, "note", "nested")
			if len(ran) > 0 {
				t.Error("a job ran before the commit")
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	enqueue(t, app, "note", "outside")
	got := []string{receive(t, ran), receive(t, ran), receive(t, ran)}
	slices.Sort(got) // they run side by side
	if want := []string{"committed", "nested", "outside"}; !slices.Equal(got, want) {
		t.Errorf("ran: got %v, want %v", got, want)
	}
	page, err := p.List(t.Context(), jobs.Filter{})
	if err != nil || len(page.Items) != 3 {
		t.Errorf("got %d jobs, error %v, want 3", len(page.Items), err)
	}
}

// later refuses an account after its job was enqueued.
func later(email string) error {
	if strings.HasPrefix(email, "late") {
		return errors.New("too late")
	}
	return nil
}

// A record that another hook refuses takes its job with it, and the other way round.
func TestJobsOfHooks(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	handle(t, p, "welcome", nothing)
	app.OnRecordCreate("users").BindFunc(func(e *core.RecordEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		if strings.HasPrefix(e.Record.Email(), "bad") {
			return errors.New("not welcome")
		}
		return nil
	})
	app.OnRecordCreate("users").Bind(&hook.Handler[*core.RecordEvent]{Priority: -1, Func: func(e *core.RecordEvent) error {
		return jobs.WithRecord(e, func(tx core.App) error {
			_, err := jobs.Enqueue(tx, "welcome", task{e.Record.Email()})
			return errors.Join(err, later(e.Record.Email()))
		})
	}})
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"bad@example.com", "late@example.com", "good@example.com"} {
		r := core.NewRecord(users)
		r.SetEmail(email)
		r.SetPassword("a long password")
		if err := app.Save(r); (err == nil) != (email == "good@example.com") {
			t.Errorf("%s: got error %v", email, err)
		}
	}
	var accounts int
	if err := app.DB().NewQuery("SELECT COUNT(*) FROM users").Row(&accounts); err != nil || accounts != 1 {
		t.Errorf("got %d accounts, error %v, want 1", accounts, err)
	}
	page, err := p.List(t.Context(), jobs.Filter{Kind: "welcome"})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("got %d jobs, error %v, want 1", len(page.Items), err)
	}
	if got := string(find(t, p, page.Items[0].ID).Args); got != `{"name":"good@example.com"}` {
		t.Errorf("args: got %s", got)
	}
}

func TestEnqueueRefuses(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{MaxArgsBytes: 100})
	handle(t, p, "note", nothing)
	if err := jobs.Handle(p, "raw", func(context.Context, jobs.Job[json.RawMessage]) error { return nil }); err != nil {
		t.Fatal(err)
	}
	good := task{"x"}
	for name, c := range map[string]struct {
		kind string
		args any
		opts []jobs.Option
		want string // in the error, "" for none
	}{
		"the type":             {"note", good, nil, ""},
		"a pointer to it":      {"note", &good, nil, ""},
		"JSON of it":           {"note", json.RawMessage(`{"name":"x"}`), nil, ""},
		"any JSON for raw":     {"raw", json.RawMessage(`[1,2]`), nil, ""},
		"a year ago":           {"note", good, []jobs.Option{jobs.RunAt(epoch.AddDate(-10, 0, 0))}, ""},
		"an unknown kind":      {"nope", good, nil, "no handler has this kind"},
		"another type":         {"note", "x", nil, "the handler takes jobs_test.task"},
		"nothing":              {"note", nil, nil, "the handler takes jobs_test.task"},
		"JSON of another type": {"note", json.RawMessage(`{"name":1234567}`), nil, "the arguments do not fit the handler, at name"},
		"no JSON":              {"raw", json.RawMessage(`{`), nil, "not valid JSON"},
		"large arguments":      {"note", task{strings.Repeat("x", 100)}, nil, "at most 100 are allowed: too large"},
		"an unknown queue":     {"note", good, []jobs.Option{jobs.InQueue("nope")}, `no queue "nope"`},
		"a high priority":      {"note", good, []jobs.Option{jobs.Priority(101)}, "Priority must be in -100..100, got 101"},
		"no attempts":          {"note", good, []jobs.Option{jobs.MaxAttempts(0)}, "MaxAttempts must be in 1..1000, got 0"},
		"a negative timeout":   {"note", good, []jobs.Option{jobs.Timeout(-1)}, "Timeout must be in"},
		"a negative delay":     {"note", good, []jobs.Option{jobs.Delay(-1)}, "Delay must be in"},
		"a delay and a time":   {"note", good, []jobs.Option{jobs.Delay(1), jobs.RunAt(epoch)}, "exclude each other"},
		"a long key":           {"note", good, []jobs.Option{jobs.Unique(strings.Repeat("k", 201))}, "at most 200 bytes, got 201"},
		"a long window":        {"note", good, []jobs.Option{jobs.UniqueFor("k", 367*24*time.Hour)}, "the window of UniqueFor"},
		"a backoff":            {"note", good, []jobs.Option{jobs.Backoff(never)}, "Backoff is an option of Handle"},
	} {
		_, err := jobs.Enqueue(app, c.kind, c.args, c.opts...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got error %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "1234567") {
			t.Errorf("%s: the error tells the arguments: %v", name, err)
		}
	}
	if _, err := jobs.Enqueue(app, "nope", good); !errors.Is(err, jobs.ErrUnknownKind) {
		t.Errorf("unknown kind: got %v, want ErrUnknownKind", err)
	}
	if _, err := jobs.Enqueue(app, "note", task{strings.Repeat("x", 100)}); !errors.Is(err, jobs.ErrTooLarge) {
		t.Errorf("large arguments: got %v, want ErrTooLarge", err)
	}
	if _, err := jobs.Enqueue(pbtest.New(t), "note", good); err == nil {
		t.Error("an app without jobs: got no error")
	}
}

func TestHandleRefuses(t *testing.T) {
	t.Parallel()
	_, p := newQueue(t, jobs.Config{})
	handle(t, p, "note", nothing)
	for name, err := range map[string]error{
		"the kind twice": jobs.Handle(p, "note", nothing),
		"a bad name":     jobs.Handle(p, "no spaces", nothing),
		"no handler":     jobs.Handle[task](p, "other", nil),
		"a delay":        jobs.Handle(p, "other", nothing, jobs.Delay(time.Second)),
		"a key":          jobs.Handle(p, "other", nothing, jobs.Unique("x")),
		"a queue":        jobs.Handle(p, "other", nothing, jobs.InQueue("nope")),
		"no backoff":     jobs.Handle(p, "other", nothing, jobs.Backoff(nil)),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "jobs: ") {
			t.Errorf("%s: got error %v, want one of jobs", name, err)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]jobs.Config{
		`the name of a queue must match`: {Queues: map[string]int{"a b": 1}},
		`Queues["mail"] must be in 1..`:  {Queues: map[string]int{"mail": 0}},
		"Lease must be in":               {Lease: time.Millisecond},
		"PollInterval must be in":        {PollInterval: time.Hour},
		"StopTimeout must be in":         {StopTimeout: -2},
		"Timeout must be in":             {Timeout: -1},
		"MaxAttempts must be in":         {MaxAttempts: -1},
		"KeepDone must be in":            {KeepDone: time.Second},
		"KeepDead must be in":            {KeepDead: -2},
		"MaxArgsBytes must be in":        {MaxArgsBytes: -1},
		"MaxResultBytes must be in":      {MaxResultBytes: 1 << 30},
	} {
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", config, err, want)
		}
		if _, err := jobs.Register(pbtest.New(t), config); err == nil {
			t.Errorf("%+v: registered", config)
		}
	}
	if err := (jobs.Config{KeepDone: -1, KeepDead: -1, StopTimeout: -1}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	if _, err := jobs.Register(app, jobs.Config{}); err == nil {
		t.Error("the second registration: got no error")
	}
	if found, err := jobs.Of(app); found != p || err != nil {
		t.Errorf("got %p, error %v, want the plugin", found, err)
	}
}

// What an earlier start has stored is still there after the next.
func TestBootAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var id string
	for start := range 2 {
		app, p := openApp(t, dir, jobs.Config{})
		handle(t, p, "note", nothing)
		if start == 0 {
			id = enqueue(t, app, "note", "x")
		} else if got := find(t, p, id).State; got != jobs.StatePending {
			t.Errorf("got state %s, want pending", got)
		}
		pbtest.Terminate(t, app)
	}
}

func TestUniqueJobs(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	app, p := newQueue(t, jobs.Config{Clock: clock})
	handle(t, p, "note", nothing)
	handle(t, p, "other", nothing)
	first := enqueue(t, app, "note", "a", jobs.Unique("k"))
	window := enqueue(t, app, "note", "b", jobs.UniqueFor("w", time.Hour))
	later := enqueue(t, app, "note", "c", jobs.Unique("l"), jobs.Delay(time.Hour))

	try := func(name, kind, duplicateOf string, options ...jobs.Option) string {
		t.Helper()
		got, err := jobs.Enqueue(app, kind, task{"x"}, options...)
		if err != nil {
			t.Fatal(err)
		}
		if got.Duplicate != (duplicateOf != "") || got.Duplicate && got.ID != duplicateOf {
			t.Errorf("%s: got %+v, want a duplicate of %q", name, got, duplicateOf)
		}
		return got.ID
	}
	try("while it waits", "note", first, jobs.Unique("k"))
	try("in its window", "note", window, jobs.UniqueFor("w", time.Hour))
	try("without a window of its own", "note", window, jobs.Unique("w"))
	try("while it is scheduled", "note", later, jobs.Unique("l"))
	try("another kind", "other", "", jobs.Unique("k"))
	try("another key", "note", "", jobs.Unique("k2"))
	try("no key", "note", "")
	if err := p.Cancel(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := p.Cancel(t.Context(), window); err != nil {
		t.Fatal(err)
	}
	again := try("after its end", "note", "", jobs.Unique("k"))
	try("in the window after its end", "note", window, jobs.UniqueFor("w", time.Hour))
	if err := p.Retry(t.Context(), first); !errors.Is(err, jobs.ErrKeyTaken) {
		t.Errorf("retry of the first: got %v, want ErrKeyTaken", err)
	}
	clock.Advance(time.Hour)
	try("after the window", "note", "", jobs.UniqueFor("w", time.Hour))
	try("the second of the key", "note", again, jobs.Unique("k"))
}

// A key that a rolled-back transaction took is free.
func TestUniqueKeyOfRollback(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	handle(t, p, "note", nothing)
	_ = app.RunInTransaction(func(tx core.App) error {
		enqueue(t, tx, "note", "a", jobs.Unique("k"))
		return errors.New("no")
	})
	if got, err := jobs.Enqueue(app, "note", task{"b"}, jobs.Unique("k")); err != nil || got.Duplicate {
		t.Errorf("got %+v, error %v, want a new job", got, err)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{Queues: map[string]int{jobs.DefaultQueue: 1}})
	ran := make(chan string, 10)
	handle(t, p, "note", func(_ context.Context, job jobs.Job[task]) error {
		ran <- job.Args.Name
		return nil
	})
	enqueue(t, app, "note", "low", jobs.Priority(-1))
	enqueue(t, app, "note", "first")
	enqueue(t, app, "note", "second")
	enqueue(t, app, "note", "high", jobs.Priority(5))
	p.Start()
	for _, want := range []string{"high", "first", "second", "low"} {
		if got := receive(t, ran); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestQueuesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{Queues: map[string]int{"slow": 2}})
	started, release := make(chan string, 10), make(chan struct{})
	handle(t, p, "slow", func(_ context.Context, job jobs.Job[task]) error {
		started <- job.Args.Name
		<-release
		return nil
	}, jobs.InQueue("slow"))
	handle(t, p, "note", nothing)
	p.Start()
	for _, name := range []string{"a", "b", "c"} {
		enqueue(t, app, "slow", name)
	}
	receive(t, started)
	receive(t, started)
	await(t, p, enqueue(t, app, "note", "x"), jobs.StateDone)
	page, err := p.List(t.Context(), jobs.Filter{Queue: "slow", State: jobs.StatePending})
	if err != nil || len(page.Items) != 1 || len(started) != 0 {
		t.Errorf("got %d pending, %d more started, error %v, want one job to wait for a place", len(page.Items), len(started), err)
	}
	close(release)
	if got := receive(t, started); got != "c" {
		t.Errorf("got %s, want c", got)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(epoch)
	app, p := newQueue(t, jobs.Config{Clock: clock, PollInterval: time.Minute})
	handle(t, p, "note", nothing)
	turns := make(chan struct{}, 100)
	p.OnTurn(func() { turns <- struct{}{} })
	p.Start()
	id := enqueue(t, app, "note", "x", jobs.Delay(time.Hour))
	at := enqueue(t, app, "note", "x", jobs.RunAt(epoch.Add(2*time.Hour)))
	clock.Advance(time.Hour - time.Millisecond)
	p.Wake()
	receive(t, turns)
	if got := find(t, p, id); got.State != jobs.StateScheduled {
		t.Errorf("before its time: got %s, want scheduled", got.State)
	}
	clock.Advance(time.Millisecond)
	p.Wake()
	await(t, p, id, jobs.StateDone)
	if got := find(t, p, at); got.State != jobs.StateScheduled {
		t.Errorf("the later one: got %s, want scheduled", got.State)
	}
}

// With a poll interval of a minute, only the timer can find a job in time whose
// time comes.
func TestTimerOfWhatIsDueNext(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{PollInterval: time.Minute})
	handle(t, p, "note", nothing)
	p.Start()
	enqueue(t, app, "note", "x", jobs.Delay(time.Hour))
	await(t, p, enqueue(t, app, "note", "y", jobs.Delay(150*time.Millisecond)), jobs.StateDone)
}

// With a poll interval of a minute, only the signal of the commit can find a job in
// time. Another process has no signal, and finds it by polling.
func TestWakeUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	worker, p := openApp(t, dir, jobs.Config{PollInterval: time.Minute})
	handle(t, p, "note", nothing)
	other, outside := openApp(t, dir, jobs.Config{EnqueueOnly: true})
	handle(t, outside, "note", nothing)
	outside.Start() // does nothing
	p.Start()

	for range 10 { // the first may be found because the work begins
		await(t, p, enqueue(t, worker, "note", "x"), jobs.StateDone)
		var id string
		err := worker.RunInTransaction(func(tx core.App) error {
			id = enqueue(t, tx, "note", "x")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		await(t, p, id, jobs.StateDone)
	}
	id := enqueue(t, other, "note", "x")
	if got := find(t, p, id); got.State != jobs.StatePending {
		t.Errorf("without a signal or a poll: got %s, want pending", got.State)
	}
	_, polls := openApp(t, dir, jobs.Config{PollInterval: 5 * time.Millisecond})
	handle(t, polls, "note", nothing)
	polls.Start()
	await(t, p, id, jobs.StateDone)
	for range 10 {
		await(t, p, enqueue(t, other, "note", "x"), jobs.StateDone)
	}
}
