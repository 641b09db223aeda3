// Package protect keeps an app alive, and its data whole, when the machine under it
// misbehaves: the disk fills up or cannot be written to, the database of the logs is
// gone or damaged, the clock jumps.
//
//	guard := protect.MustRegister(app, protect.Config{Statements: engine})
//	jobs.MustRegister(app, jobs.Config{RetentionClock: guard.Clock()})
//
// With little space left, or when SQLite cannot write, the app only reads: requests
// that write are answered with 503 and the code read_only, until there is space again.
// See docs/protect.md for what works meanwhile and how to make space.
//
// auxiliary.db is replaced when it is missing or damaged, while the app runs as well.
// data.db never is: the app does not start with one that is damaged.
//
// [Plugin.Clock] is for code that deletes what is old. It does not follow a clock
// that jumps ahead until that has proved itself.
package protect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/internal/disk"
	"github.com/holdall-go/holdall/internal/sqlite"
)

// Config says when the app only reads, and how far its clock is believed. The zero
// value works.
type Config struct {
	// MinFree is how many bytes the file system of the data directory must have
	// free. With less the app only reads. Defaults to 256 MiB; -1 asks for none.
	MinFree int64

	// MinFreePercent is the same as a share of the file system, in 0..90. The larger
	// of both counts. Defaults to 0, which asks for none.
	MinFreePercent float64

	// LeaveFree and LeaveFreePercent are how much must be free for the app to write
	// again. Both default to one and a half times the minimum, and may not be less
	// than that.
	LeaveFree        int64
	LeaveFreePercent float64

	// Interval is how often the disk is looked at, which takes some microseconds, and
	// how soon after a write that failed another one is tried. Defaults to 5s.
	Interval time.Duration

	// Statements, if set, tells of all statements that run, so that the app stops to
	// write with the first that the disk does not take: the engine that opens its
	// databases.
	Statements Statements

	// Allow are routes that do not write although their method is not GET, as they
	// were registered: "POST /api/v1/prices/preview". They are served as usual.
	Allow []string

	// CheckFor is how long the pages of a database may be checked when the app
	// starts. What is not checked by then counts as sound. Defaults to 5s; -1 only
	// looks whether the files are databases.
	CheckFor time.Duration

	// ClockTolerance is how far the clock may be from what was expected of it: when
	// the program ran last, or how much time has passed since. Defaults to 24h.
	ClockTolerance time.Duration

	// ClockHold is how long a clock beyond that must go on without another jump until
	// it is believed. What is old is kept for so long. Defaults to 72h.
	ClockHold time.Duration

	// Space tells how full the file system of a directory is. Defaults to asking the
	// system.
	Space func(dir string) (Space, error)

	// Clock is the machine's. Defaults to that.
	Clock clock.Clock

	// Elapsed is the time since some moment by a clock that nobody sets. Defaults to
	// the system's monotonic clock.
	Elapsed func() time.Duration
}

// Statements is what tells of the statements that run. Its listener is called on
// the goroutine of the statement.
type Statements interface {
	OnStatement(listener func(sqlite.Statement))
}

// Space is how full a file system is, in bytes.
type Space = disk.Usage

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("protect: "+format, args...))
		}
	}
	refuse(c.MinFree < -1, "MinFree must be -1 or more, got %d", c.MinFree)
	refuse(c.MinFreePercent < 0 || c.MinFreePercent > 90, "MinFreePercent must be in 0..90, got %v", c.MinFreePercent)
	refuse(c.LeaveFree < c.MinFree, "LeaveFree must be MinFree, %d, or more, got %d", c.MinFree, c.LeaveFree)
	refuse(c.LeaveFreePercent < c.MinFreePercent || c.LeaveFreePercent > 95,
		"LeaveFreePercent must be in MinFreePercent, %v, to 95, got %v", c.MinFreePercent, c.LeaveFreePercent)
	refuse(c.Interval < time.Millisecond || c.Interval > time.Hour, "Interval must be in 1ms..1h, got %s", c.Interval)
	refuse(c.CheckFor < -1 || c.CheckFor > time.Hour, "CheckFor must be -1 or in 0..1h, got %s", c.CheckFor)
	refuse(c.ClockTolerance < time.Minute, "ClockTolerance must be at least 1m, got %s", c.ClockTolerance)
	refuse(c.ClockHold < time.Minute, "ClockHold must be at least 1m, got %s", c.ClockHold)
	for _, route := range c.Allow {
		method, path, _ := strings.Cut(route, " ")
		refuse(method == "" || !strings.HasPrefix(path, "/"), "Allow must be routes such as POST /api/v1/preview, got %q", route)
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.MinFree == 0 {
		c.MinFree = 256 << 20
	}
	if c.LeaveFree == 0 {
		c.LeaveFree = max(c.MinFree, c.MinFree+c.MinFree/2)
	}
	if c.LeaveFreePercent == 0 {
		c.LeaveFreePercent = min(c.MinFreePercent*1.5, 95)
	}
	if c.Interval == 0 {
		c.Interval = 5 * time.Second
	}
	if c.CheckFor == 0 {
		c.CheckFor = 5 * time.Second
	}
	if c.ClockTolerance == 0 {
		c.ClockTolerance = 24 * time.Hour
	}
	if c.ClockHold == 0 {
		c.ClockHold = 72 * time.Hour
	}
	if c.Space == nil {
		c.Space = disk.Space
	}
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	if c.Elapsed == nil {
		started := time.Now()
		c.Elapsed = func() time.Duration { return time.Since(started) }
	}
	return c
}

// Plugin is what guards an app.
type Plugin struct {
	app     core.App
	config  Config
	group   *bg.Group
	allowed map[string]bool

	mode  mode
	held  heldLogs
	aux   auxiliary
	clock *guarded
	kick  chan struct{} // something failed

	refused atomic.Int64
	suspect atomic.Bool // a file could not be written, so it is to be tried whether the database can
	serving atomic.Bool
}

// registered marks an app that has the plugin.
const registered = "holdallProtect"

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register begins to guard app. It fails on an invalid config, and on an app that is
// guarded already. Plugins that delete what is old are given [Plugin.Clock], so this
// one comes before them.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("protect: the app is guarded already")
	}
	app.Store().Set(registered, true)

	config = config.withDefaults()
	p := &Plugin{
		app: app, config: config, group: bg.New(app, "protect", 10*time.Second),
		clock: newGuarded(config), kick: make(chan struct{}, 1), allowed: allowedRoutes(config.Allow),
	}
	if config.Statements != nil {
		config.Statements.OnStatement(p.note)
	}
	if app.IsBootstrapped() {
		if err := p.clock.load(app.DataDir()); err != nil {
			return nil, err
		}
		if err := installProbe(app); err != nil {
			return nil, err
		}
	}
	p.bind()
	return p, nil
}

func (p *Plugin) bind() {
	p.app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id:       "holdallProtectBootstrap",
		Func:     p.bootstrap,
		Priority: -999_999, // before anybody opens a database, or copies one
	})
	p.app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id:       "holdallProtectServe",
		Func:     p.serve,
		Priority: -997, // so that what others make of the database is there afterwards
	})
	p.app.OnModelCreate(core.LogsTableName).Bind(&hook.Handler[*core.ModelEvent]{
		Id:       "holdallProtectLogs",
		Func:     p.holdLog,
		Priority: -9999,
	})
	p.app.OnRecordAuthWithOAuth2Request().Bind(&hook.Handler[*core.RecordAuthWithOAuth2RequestEvent]{
		Id: "holdallProtectSignUp", Func: p.refuseSignUp,
	})
	p.app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallProtectTerminate",
		Func: func(e *core.TerminateEvent) error {
			if p.serving.Load() {
				_ = p.clock.save(p.app.DataDir()) // what is on the disk will do
			}
			return e.Next()
		},
	})
	// the time is this machine's, and not of the data
	keepClock := &hook.Handler[*core.BackupEvent]{
		Id: "holdallProtectBackup",
		Func: func(e *core.BackupEvent) error {
			e.Exclude = append(e.Exclude, clockName)
			return e.Next()
		},
	}
	p.app.OnBackupCreate().Bind(keepClock)
	p.app.OnBackupRestore().Bind(keepClock)
	p.app.OnBackupRestore().Bind(&hook.Handler[*core.BackupEvent]{
		Id: "holdallProtectRestore",
		Func: func(e *core.BackupEvent) error {
			p.aux.restoring.Store(true) // all files are taken away and others put there
			defer p.aux.restoring.Store(false)
			return e.Next()
		},
	})
	p.describe()
}

// bootstrap looks at the files before they are opened.
func (p *Plugin) bootstrap(e *core.BootstrapEvent) error {
	dir := e.App.DataDir()
	if e.App.IsBootstrapped() {
		// again: to open a database beside SQLite would end its locks
		return e.Next()
	}
	if err := checkData(dir, p.config.CheckFor); err != nil {
		return err
	}
	replaced, err := p.checkAuxiliary(dir)
	if err != nil {
		return err
	}
	if err := p.clock.load(dir); err != nil {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	if replaced != nil {
		p.tellReplaced(*replaced)
	}
	p.guardLogs(e.App)
	return installProbe(e.App)
}

func (p *Plugin) serve(e *core.ServeEvent) error {
	e.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id:       "holdallProtectGate",
		Func:     p.gate,
		Priority: apis.DefaultRateLimitMiddlewarePriority - 5, // when it is known who asks
	})
	p.bindRoutes(e)
	if err := e.Next(); err != nil {
		return err
	}
	if err := p.aux.remember(e.App); err != nil {
		e.App.Logger().Error("The database of the logs cannot be read.", slog.String("plugin", "protect"), slog.Any("error", err))
	}
	p.serving.Store(true)
	p.group.Go("watch", p.watch)
	return nil
}

// saveClockEvery is how often the time is written down.
const saveClockEvery = 10 * time.Minute

// watch looks at the disk and the clock, until ctx is done.
func (p *Plugin) watch(ctx context.Context) {
	ticker := time.NewTicker(p.config.Interval)
	defer ticker.Stop()
	var saved time.Duration
	for first := true; ; first = false {
		p.look(ctx)
		p.healAuxiliary(ctx)
		p.tellClock()
		if now := p.config.Elapsed(); first || now-saved >= saveClockEvery {
			saved = now
			_ = p.clock.save(p.app.DataDir()) // a disk that does not take it is told of by look
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-p.kick:
		}
	}
}

// wake lets watch look at once.
func (p *Plugin) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Clock tells the time by which to delete what is old: that of the machine, unless
// this is further ahead than [Config.ClockTolerance] allows. Then it goes on from
// what was known before, until the machine's clock is set right or has proved itself
// for [Config.ClockHold]. It is never ahead of the machine's.
func (p *Plugin) Clock() clock.Clock { return p.clock }
