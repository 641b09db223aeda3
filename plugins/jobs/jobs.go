// Package jobs does work later, durably: a job is stored in the transaction that
// asks for it, runs at least once, is tried again when it fails, and can be
// looked at all the while.
//
//	queue := jobs.MustRegister(app, jobs.Config{})
//	err := jobs.Handle(queue, "report.render", func(ctx context.Context, job jobs.Job[Report]) error {
//		return render(ctx, job.ID, job.Args.Order)
//	})
//
//	app.OnRecordCreate("orders").BindFunc(func(e *core.RecordEvent) error {
//		return jobs.WithRecord(e, func(tx core.App) error {
//			_, err := jobs.Enqueue(tx, "report.render", Report{Order: e.Record.Id})
//			return err
//		})
//	})
//
// With the record the job is committed, or rolled back. Any process on the
// database may run it: one claims it by a lease, and when that process dies,
// another goes on. A handler therefore has to be safe to repeat: let effects
// elsewhere be keyed by Job.ID, and effects in the database end with
// [Job.Complete], which makes them happen exactly once.
//
// Besides there are schedules ([Plugin.Schedule]), an API for superusers under
// /api/jobs and a command. See docs/jobs.md.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/internal/clock"
)

// DefaultQueue is where jobs go that name no other queue.
const DefaultQueue = "default"

// Config are the options. The zero value works.
type Config struct {
	// Queues says for each queue, by name, how many of its jobs this process runs
	// at a time, 1..1000. Queues do not wait for each other. Defaults to 10 for
	// [DefaultQueue], which is always there.
	Queues map[string]int

	// EnqueueOnly leaves all work, schedules included, to other processes.
	EnqueueOnly bool

	// Lease is how long the jobs of a process that died wait until another one
	// takes them. It is renewed three times in that while. Defaults to 30 s.
	Lease time.Duration

	// PollInterval is how often a process looks for work that nothing told it of,
	// such as what another process has enqueued. Defaults to 1 s.
	PollInterval time.Duration

	// StopTimeout is how long jobs may go on when the app terminates. Then their
	// context is cancelled, and what still does not end goes back to its queue.
	// -1 cancels at once. Defaults to 5 s.
	StopTimeout time.Duration

	// Timeout bounds one attempt, unless the kind or the job says otherwise.
	// Defaults to 5 min.
	Timeout time.Duration

	// MaxAttempts is how often a job is tried before it is dead, unless the kind
	// or the job says otherwise. Defaults to 20, which is about four hours.
	MaxAttempts int

	// Backoff is the longest pause after the given number of failed attempts; the
	// pause is a random part of it. Defaults to 1 s, doubling up to 1 h.
	Backoff func(attempts int) time.Duration

	// KeepDone is how long jobs are kept that are done or cancelled. -1 keeps them
	// for ever. Defaults to 24 h.
	KeepDone time.Duration

	// KeepDead is how long dead jobs are kept, and the history of schedules. -1
	// keeps them for ever. Defaults to 30 days.
	KeepDead time.Duration

	// MaxArgsBytes and MaxResultBytes bound the JSON of what a job is given and of
	// what it leaves. Both default to 64 KiB.
	MaxArgsBytes, MaxResultBytes int

	// Tracer, if set, makes enqueueing a job and running it parts of the trace that
	// asked for it.
	Tracer Tracer

	// RootCmd, if set, gains the "jobs" command.
	RootCmd *cobra.Command

	// Clock tells the time. Defaults to the clock of the machine.
	Clock clock.Clock

	// RetentionClock tells the time by which what is old is deleted. One that does not
	// follow the machine's when that jumps ahead keeps it from going early. Defaults to
	// Clock.
	RetentionClock clock.Clock
}

// Tracer is what jobs need of what records traces. The functions that it returns are
// called on the goroutine that asked for them, with what came of it.
type Tracer interface {
	// Step begins a part of what the caller does.
	Step(ctx context.Context, name string, attrs ...slog.Attr) (context.Context, func(error))
	// Current is where the caller is in a trace: text that Join understands, "" outside
	// of traces.
	Current(ctx context.Context) string
	// Join begins what was asked for at from, which is what Current returned then. What
	// nobody asked for has "".
	Join(ctx context.Context, from, name string, attrs ...slog.Attr) (context.Context, func(error))
}

func (c Config) withDefaults() Config {
	queues := map[string]int{DefaultQueue: 10}
	for name, concurrency := range c.Queues {
		queues[name] = concurrency
	}
	c.Queues = queues
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.Lease, 30 * time.Second},
		{&c.PollInterval, time.Second},
		{&c.StopTimeout, 5 * time.Second},
		{&c.Timeout, 5 * time.Minute},
		{&c.KeepDone, 24 * time.Hour},
		{&c.KeepDead, 30 * 24 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	for _, n := range []struct {
		value *int
		def   int
	}{{&c.MaxAttempts, 20}, {&c.MaxArgsBytes, 64 << 10}, {&c.MaxResultBytes, 64 << 10}} {
		if *n.value == 0 {
			*n.value = n.def
		}
	}
	if c.Backoff == nil {
		c.Backoff = doubling
	}
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	if c.RetentionClock == nil {
		c.RetentionClock = c.Clock
	}
	return c
}

// doubling is the default of Config.Backoff.
func doubling(attempts int) time.Duration {
	const first, longest = time.Second, time.Hour
	return min(first<<min(max(attempts-1, 0), 12), longest)
}

// name is what kinds, queues and schedules may be called.
var name = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// Bounds of what is configured and enqueued.
const (
	maxConcurrency = 1000
	maxAttempts    = 1000
	maxTimeout     = 24 * time.Hour
	maxBytes       = 16 << 20
)

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	for queue, concurrency := range c.Queues {
		if !name.MatchString(queue) {
			errs = append(errs, fmt.Errorf("jobs: the name of a queue must match %s, got %q", name, queue))
		}
		if concurrency < 1 || concurrency > maxConcurrency {
			errs = append(errs, fmt.Errorf("jobs: Queues[%q] must be in 1..%d, got %d", queue, maxConcurrency, concurrency))
		}
	}
	for _, d := range []struct {
		name              string
		value, low, high  time.Duration
		negativeMeansNone bool
	}{
		{"Lease", c.Lease, 100 * time.Millisecond, time.Hour, false},
		{"PollInterval", c.PollInterval, time.Millisecond, time.Minute, false},
		{"StopTimeout", c.StopTimeout, time.Millisecond, time.Hour, true},
		{"Timeout", c.Timeout, time.Millisecond, maxTimeout, false},
		{"KeepDone", c.KeepDone, time.Minute, 10 * 365 * 24 * time.Hour, true},
		{"KeepDead", c.KeepDead, time.Minute, 10 * 365 * 24 * time.Hour, true},
	} {
		none := d.negativeMeansNone && d.value == -1
		if (d.value < d.low || d.value > d.high) && !none {
			errs = append(errs, fmt.Errorf("jobs: %s must be in %v..%v, got %v", d.name, d.low, d.high, d.value))
		}
	}
	for _, n := range []struct {
		name        string
		value, high int
	}{{"MaxAttempts", c.MaxAttempts, maxAttempts}, {"MaxArgsBytes", c.MaxArgsBytes, maxBytes}, {"MaxResultBytes", c.MaxResultBytes, maxBytes}} {
		if n.value < 1 || n.value > n.high {
			errs = append(errs, fmt.Errorf("jobs: %s must be in 1..%d, got %d", n.name, n.high, n.value))
		}
	}
	return errors.Join(errs...)
}

// Plugin is the jobs of one app.
type Plugin struct {
	app    core.App
	config Config
	store  store
	owner  string // of the leases of this process

	workers *bg.Group
	started sync.Once
	woken   chan struct{} // has a value when there may be work
	drained chan struct{} // closed when the dispatcher has ended
	signals signals       // of tests
	grace   time.Duration // stopGrace, but for tests

	mu        sync.Mutex
	kinds     map[string]*kind
	schedules map[string]*schedule
	runs      map[*run]struct{} // what runs in this process
	settled   []*run            // whose outcome is not in the database yet
	flushed   time.Time         // when progress was last written
	leader    bool

	looked time.Time // of the dispatcher alone
}

// registered is where an app has its plugin, so that [Enqueue] finds it through
// any app that stands for the same one, such as that of a transaction.
const registered = "holdallJobs"

// MustRegister is [Register] for main functions: it panics on an error.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register adds jobs to app. It fails on an invalid config, and on an app that
// has them already. The tables are made when the app is bootstrapped; work begins
// when it serves.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("jobs: the app has jobs already")
	}
	config = config.withDefaults()
	p := &Plugin{
		app: app, config: config, owner: security.PseudorandomString(12), grace: stopGrace,
		woken: make(chan struct{}, 1), drained: make(chan struct{}),
		kinds: map[string]*kind{}, schedules: map[string]*schedule{}, runs: map[*run]struct{}{},
	}
	p.workers = bg.New(app, "jobs", max(config.StopTimeout, 0)+2*stopGrace)

	if app.IsBootstrapped() {
		if err := createTables(app); err != nil {
			return nil, err
		}
	}
	app.Store().Set(registered, p)
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallJobsInstall",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return createTables(e.App)
		},
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "holdallJobsRoutes", Func: p.routes})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallJobsStart",
		Func: func(e *core.ServeEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			p.Start()
			return nil
		},
	})
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command())
	}
	return p, nil
}

// Of returns the jobs of the app, or of the app that the transaction is of.
func Of(app core.App) (*Plugin, error) {
	p, ok := app.Store().Get(registered).(*Plugin)
	if !ok {
		return nil, errors.New("jobs: the app has no jobs, see Register")
	}
	return p, nil
}

// Start runs what is enqueued, from now until the app terminates. Serving an app
// starts it by itself; a program that does not serve calls it after Bootstrap.
// Calling it twice is harmless.
func (p *Plugin) Start() {
	if p.config.EnqueueOnly {
		return
	}
	p.started.Do(func() {
		p.workers.Go("dispatch", p.dispatch)
		p.workers.Go("keep", p.keep)
	})
}

// wake says that there may be work. It never blocks.
func (p *Plugin) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *Plugin) now() time.Time { return p.config.Clock.Now() }
