// Package changes keeps an ordered, durable log of every change to every record.
//
// The log is written by SQLite triggers in the transaction of the change itself,
// so it can neither miss a change nor invent one, whichever way the data was
// written: API, hooks, batch, cascade, import, raw SQL, another process.
//
//	log := changes.MustRegister(app, changes.Config{})
//	log.Consume(changes.Consumer{
//		Name: "search",
//		Handle: func(ctx context.Context, c changes.Change) error { ... },
//	})
//
// There are two logs with one sequence. The compact one has one row per record,
// which moves to the end with each change: it says what changed since a
// position, and its size is bounded by the data. The full one is append-only and
// holds the row before and after, for the collections where a consumer asks for
// it.
package changes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/internal/clock"
)

// Config are the options of the log. The zero value works.
type Config struct {
	// TombstoneRetention is how long the compact log remembers that a record was
	// deleted. A reader that was away for longer has to compare what it holds
	// with what there is, see [Log.Check]. Defaults to 30 days.
	TombstoneRetention time.Duration

	// HistoryRetention is how long the full log keeps a row after the consumers
	// have read it. Defaults to 7 days.
	HistoryRetention time.Duration

	// HistoryRows is how many rows the full log keeps. Beyond it the oldest go, like
	// those past HistoryRetention: not before the consumers have read them. It is
	// looked at every hour. Defaults to 1,000,000.
	HistoryRows int

	// History names collections, by name or id, that are logged in full even if
	// no consumer asks for it, for [Log.History].
	History []string

	// Engine, if set, is what opens the app's databases, see [NewEngine]: it wakes
	// readers at the commit of any statement of this process, raw SQL included, and
	// fires triggers for the rows that a REPLACE evicts. Without it readers are woken
	// by PocketBase's hooks, and for other writes by polling, and evicted rows are
	// logged within an hour.
	Engine *Engine

	// PollInterval is how often the log looks for commits that nothing announced,
	// such as those of another process, and for tables that lost their triggers.
	// Defaults to 100 ms.
	PollInterval time.Duration

	// Lease is how long the consumers of a process that died wait until another
	// process goes on with them. Defaults to 10 s.
	Lease time.Duration

	// RetentionClock tells the time by which what is old is deleted. One that does not
	// follow the machine's when that jumps ahead keeps it from going early. Defaults to
	// the clock of the machine.
	RetentionClock clock.Clock

	// RequestID names the request that a change came from. Defaults to the
	// X-Request-Id header of the response, then of the request.
	RequestID func(*core.RequestEvent) string

	// Tracer, if set, tells which trace a change is made in. It is asked on the
	// goroutine that makes the change. Changes by raw SQL have none.
	Tracer Tracer
}

// Tracer is what the log needs of what records traces.
type Tracer interface {
	// Current returns a W3C traceparent, and behind a space the tracestate if there is
	// one, or "" outside of traces.
	Current(ctx context.Context) string
	// Recorded names the trace if it is recorded, else it returns "".
	Recorded(ctx context.Context) string
}

func (c Config) withDefaults() Config {
	if c.TombstoneRetention == 0 {
		c.TombstoneRetention = 30 * 24 * time.Hour
	}
	if c.HistoryRetention == 0 {
		c.HistoryRetention = 7 * 24 * time.Hour
	}
	if c.HistoryRows == 0 {
		c.HistoryRows = 1_000_000
	}
	if c.PollInterval == 0 {
		c.PollInterval = 100 * time.Millisecond
	}
	if c.Lease == 0 {
		c.Lease = 10 * time.Second
	}
	if c.RetentionClock == nil {
		c.RetentionClock = clock.System()
	}
	if c.RequestID == nil {
		c.RequestID = requestID
	}
	return c
}

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.TombstoneRetention < time.Hour {
		errs = append(errs, fmt.Errorf("changes: TombstoneRetention must be at least 1h, got %v", c.TombstoneRetention))
	}
	if c.HistoryRetention < time.Minute {
		errs = append(errs, fmt.Errorf("changes: HistoryRetention must be at least 1m, got %v", c.HistoryRetention))
	}
	if c.HistoryRows < 1 {
		errs = append(errs, fmt.Errorf("changes: HistoryRows must be at least 1, got %d", c.HistoryRows))
	}
	if c.PollInterval < time.Millisecond || c.PollInterval > time.Minute {
		errs = append(errs, fmt.Errorf("changes: PollInterval must be in 1ms..1m, got %v", c.PollInterval))
	}
	if c.Lease < 100*time.Millisecond || c.Lease > time.Hour {
		errs = append(errs, fmt.Errorf("changes: Lease must be in 100ms..1h, got %v", c.Lease))
	}
	return errors.Join(errs...)
}

// Log is the change log of one app.
type Log struct {
	app       core.App
	config    Config
	signal    *signal
	workers   *bg.Group
	started   sync.Once
	consumers []*consumer
	owner     string // of the leases of this process
}

// MustRegister is [Register] for main functions: it panics on an error.
func MustRegister(app core.App, config Config) *Log {
	log, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return log
}

// Register adds the log to app. Tables and triggers are made when the app is
// bootstrapped, and kept in step with every later change of a collection, in the
// same transaction.
func Register(app core.App, config Config) (*Log, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	l := &Log{app: app, config: config.withDefaults(), signal: newSignal(), owner: security.PseudorandomString(12)}
	l.workers = bg.New(app, "changes", 10*time.Second)

	if app.IsBootstrapped() {
		if err := l.install(app); err != nil {
			return nil, err
		}
	}
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallChangesInstall",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return l.install(e.App)
		},
	})
	l.bindCollections()
	l.bindAttribution()
	l.bindWakeUp()
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallChangesStart",
		Func: func(e *core.ServeEvent) error {
			// migrations may have written SQL of their own
			if err := l.installTriggers(e.App); err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				return err
			}
			l.Start()
			return nil
		},
	})
	return l, nil
}

// Disable is the opposite of [Register], for a program that has stopped to keep
// the log: it removes the triggers of earlier starts, which would go on to write,
// when the app is bootstrapped. The tables stay. A later Register logs everything
// anew, because it cannot know what it missed.
func Disable(app core.App) error {
	if app.IsBootstrapped() {
		return dropTriggers(app)
	}
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallChangesInstall",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return dropTriggers(e.App)
		},
	})
	return nil
}

// Start runs the background work: the wake-up of readers, the consumers and the
// retention. Serving an app starts it by itself; a program that does not serve
// calls it after Bootstrap. Calling it twice is harmless.
func (l *Log) Start() {
	l.started.Do(func() {
		l.workers.Go("poll", l.poll)
		l.workers.Go("retention", l.retain)
		if len(l.consumers) > 0 {
			l.workers.Go("leases", l.keepLeases)
		}
		for _, c := range l.consumers {
			l.workers.Go("consumer "+c.Name, c.run)
		}
	})
}
