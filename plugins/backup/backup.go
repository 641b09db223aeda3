// Package backup copies the app's data to another place all the time, and brings
// back what it was like at any moment.
//
//	engine := backup.NewEngine()
//	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
//	backup.MustRegister(app, backup.Config{Engine: engine, Directory: "/mnt/other-disk/backup"})
//
// While the app serves, what is committed to its two databases is in a directory on
// another disk, in an S3 bucket or in both about a second later, and so are uploaded
// files. Writes do not wait for it, unless [Config.Sync] asks for that. The commands
// "backup" and "restore" show what there is and restore it, to another directory or
// in place, wholly or a few records.
//
// PocketBase's own backups, the zip files, stay, and no longer lock writers out.
package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/internal/sqlite"
)

// Engine opens the app's databases in a way that lets their logs be copied.
type Engine = sqlite.Engine

// NewEngine returns an engine for one app.
func NewEngine() *Engine { return sqlite.New() }

// Config says where to copy to, and how. Without a Directory and without an
// S3.Bucket nothing is copied; then only PocketBase's own backups are changed.
type Config struct {
	// Directory is where backups are kept in the file system. It should be on another
	// disk than the data. It has to exist, so that a disk that is not mounted is
	// noticed.
	Directory string

	// S3 is the bucket where backups are kept.
	S3 S3

	// Engine is what opens the app's databases. It is needed if anything is copied:
	// PocketBase's checkpoints would freeze all writers for ten seconds each.
	Engine *Engine

	// Interval is how often changes are copied, and so what is lost at most with the
	// machine, besides the time that the target takes. Defaults to 1s.
	Interval time.Duration

	// Sync lets requests that write wait until the change is in all targets, so that
	// nothing is lost with the machine that was acknowledged.
	Sync bool

	// SyncTimeout is how long such a request waits. Then it is answered all the same,
	// and none waits until the targets have caught up. Defaults to 5s.
	SyncTimeout time.Duration

	// Retention is how far back the data can be restored. Defaults to 30 days.
	Retention time.Duration

	// RetentionClock tells the time by which what is old is deleted. One that does not
	// follow the machine's when that jumps ahead keeps it from going early. Defaults to
	// the clock of the machine.
	RetentionClock clock.Clock

	// Precise is how far back it can be restored to each Interval. Before that it is
	// one moment in each CompactInterval. Defaults to 24h.
	Precise time.Duration

	// CompactInterval is how often small pieces are put together. Defaults to 1m.
	CompactInterval time.Duration

	// SnapshotInterval is how often the databases are copied as a whole, which bounds
	// how long a restore takes. Defaults to 24h.
	SnapshotInterval time.Duration

	// FilesInterval is how often all uploaded files are compared with the backup. Those
	// of records that this process writes are copied at once. Defaults to 10m; -1 leaves
	// files out.
	FilesInterval time.Duration

	// Recipients are public keys of age, such as "age1…". If there are any, everything
	// is encrypted for them before it leaves the machine.
	Recipients []string

	// Identity is a secret key of age, such as "AGE-SECRET-KEY-1…", for restores and
	// drills of what is encrypted. A server without drills does not need it.
	Identity string

	// DrillInterval is how often the backup is restored to a scratch directory and
	// checked. Defaults to 7 days; -1 never does it.
	DrillInterval time.Duration

	// MaxPending is how many bytes may wait beside a database for a target that cannot be
	// reached. What is more is dropped: the databases go on, and the backup begins
	// anew with a snapshot when the target is back, which then has a gap. Defaults to
	// 10 GiB; -1 never drops anything.
	MaxPending int64

	// StopTimeout is how long the end of the program waits for the last changes to
	// reach the targets. Defaults to 10s.
	StopTimeout time.Duration

	// Setup is what the dashboard says about how to name a target as long as there is
	// none. Defaults to naming Directory and S3.
	Setup string

	// RootCmd, if set, gains the commands "backup" and "restore".
	RootCmd *cobra.Command
}

// Enabled tells whether anything is copied.
func (c Config) Enabled() bool { return c.Directory != "" || c.S3.Bucket != "" }

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.Interval, time.Second},
		{&c.SyncTimeout, 5 * time.Second},
		{&c.Retention, 30 * 24 * time.Hour},
		{&c.Precise, 24 * time.Hour},
		{&c.CompactInterval, time.Minute},
		{&c.SnapshotInterval, 24 * time.Hour},
		{&c.FilesInterval, 10 * time.Minute},
		{&c.DrillInterval, 7 * 24 * time.Hour},
		{&c.StopTimeout, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	if c.RetentionClock == nil {
		c.RetentionClock = clock.System()
	}
	if c.MaxPending == 0 {
		c.MaxPending = 10 << 30
	}
	if c.Setup == "" {
		c.Setup = "Set Directory or S3 in the config of the plugin, and start the program again."
	}
	return c
}

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	c = c.withDefaults()
	problems := []error{c.S3.validate()}
	for _, d := range []struct {
		name             string
		value, low, high time.Duration
		orNever          bool
	}{
		{"Interval", c.Interval, 10 * time.Millisecond, time.Hour, false},
		{"SyncTimeout", c.SyncTimeout, 100 * time.Millisecond, time.Minute, false},
		{"Retention", c.Retention, time.Minute, 10 * 365 * 24 * time.Hour, false},
		{"Precise", c.Precise, time.Second, 10 * 365 * 24 * time.Hour, false},
		{"CompactInterval", c.CompactInterval, 10 * time.Millisecond, time.Hour, false},
		{"SnapshotInterval", c.SnapshotInterval, time.Second, 30 * 24 * time.Hour, false},
		{"FilesInterval", c.FilesInterval, 10 * time.Millisecond, 24 * time.Hour, true},
		{"DrillInterval", c.DrillInterval, time.Second, 365 * 24 * time.Hour, true},
		{"StopTimeout", c.StopTimeout, time.Millisecond, time.Hour, false},
	} {
		if (d.value < d.low || d.value > d.high) && (!d.orNever || d.value != -1) {
			problems = append(problems, fmt.Errorf("backup: %s must be in %s..%s, got %s", d.name, d.low, d.high, d.value))
		}
	}
	if c.MaxPending < -1 {
		problems = append(problems, fmt.Errorf("backup: MaxPending must be -1 or more, got %d", c.MaxPending))
	}
	if c.Directory != "" && !filepath.IsAbs(c.Directory) {
		problems = append(problems, fmt.Errorf("backup: Directory must be an absolute path, got %q", c.Directory))
	}
	if c.Sync && !c.Enabled() {
		problems = append(problems, errors.New("backup: Sync needs a Directory or an S3.Bucket"))
	}
	if c.Enabled() && c.Engine == nil {
		problems = append(problems, errors.New("backup: Engine must be what opens the app's databases, see NewEngine"))
	}
	_, err := parseRecipients(c.Recipients)
	_, err2 := parseIdentity(c.Identity)
	return errors.Join(append(problems, err, err2)...)
}

// databases are the files that are copied.
var databases = []string{"data.db", "auxiliary.db"}

// stateDir is where the plugin keeps its own files, in the data directory. Who
// removes it makes the backup begin anew, and loses nothing.
const stateDir = ".backup"

// Plugin is the backup of one app.
type Plugin struct {
	app    core.App
	config Config

	workers *bg.Group
	started sync.Once
	stopped sync.Once
	running chan struct{} // closed when copying has begun
	waiting *waiting

	drills   drills
	drilling sync.Mutex   // held during a drill
	underWay atomic.Int32 // drills that run or wait for another

	mu        sync.Mutex
	startedAt time.Time
	shipments []*shipment
	mirrors   []*mirror
}

// MustRegister is [Register] for main functions: it panics on an error.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// registered marks an app that has the plugin.
const registered = "holdallBackup"

// Register adds the backup to app. It fails on an invalid config, on an app that
// has a backup already, and on one whose databases were opened before. Copying
// begins when the app serves.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("backup: the app has a backup already")
	}
	if config.Enabled() {
		if app.IsBootstrapped() && !config.Engine.KeepWAL {
			return nil, errors.New("backup: the app's databases are open already; register the backup before, or set the engine's KeepWAL")
		}
		config.Engine.KeepWAL = true
	}
	app.Store().Set(registered, true)
	p := &Plugin{app: app, config: config.withDefaults(), running: make(chan struct{})}
	p.drills.path = func() string { return filepath.Join(app.DataDir(), stateDir, "drills.json") }
	p.workers = bg.New(app, "backup", p.config.StopTimeout)
	p.waiting = newWaiting(p)
	p.bindZip()
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command(), p.restoreCommand())
	}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallBackupStart",
		Func: func(e *core.ServeEvent) error {
			p.routes(e)
			if err := e.Next(); err != nil {
				return err
			}
			return p.Start()
		},
	})
	if !config.Enabled() {
		return p, nil
	}
	p.bindFiles()
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallBackupStop",
		Func: func(e *core.TerminateEvent) error {
			p.stop()
			return e.Next()
		},
		Priority: 99999, // others still write when they stop
	})
	return p, nil
}

// vaults opens what is configured.
func (p *Plugin) vaults(scratch string) ([]*vault, error) {
	recipients, err := parseRecipients(p.config.Recipients)
	if err != nil {
		return nil, err
	}
	identities, err := parseIdentity(p.config.Identity)
	if err != nil {
		return nil, err
	}
	var vaults []*vault
	add := func(t target) {
		vaults = append(vaults, &vault{target: t, scratch: scratch, recipients: recipients, identities: identities})
	}
	if p.config.Directory != "" {
		add(directory{p.config.Directory})
	}
	if p.config.S3.Bucket != "" {
		add(bucket{p.config.S3})
	}
	return vaults, nil
}

// state returns the plugin's directory for the files of one purpose, and makes it.
func (p *Plugin) state(purpose string) (string, error) {
	dir := filepath.Join(p.app.DataDir(), stateDir, purpose)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("backup: %w", err)
	}
	return dir, nil
}

// logger is the app's, which is another one before its databases are open.
func (p *Plugin) logger() *slog.Logger { return p.app.Logger().With(slog.String("plugin", "backup")) }

// Start copies what is committed, from now until the app terminates. Serving an app
// starts it by itself; a program that does not serve calls it after Bootstrap.
// Calling it twice is harmless.
func (p *Plugin) Start() error {
	if !p.config.Enabled() {
		return nil
	}
	var err error
	p.started.Do(func() { err = p.start() })
	return err
}

func (p *Plugin) start() error {
	scratch, err := p.state("tmp")
	if err != nil {
		return err
	}
	if err := removeLeft(scratch); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	state, err := p.state("log")
	if err != nil {
		return err
	}
	vaults, err := p.vaults(scratch)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.startedAt = time.Now()
	for _, name := range databases {
		s, err := newShipment(filepath.Join(p.app.DataDir(), name), state, vaults, p.config, p.logger())
		if err != nil {
			return err
		}
		p.shipments = append(p.shipments, s)
		p.workers.Go("capture "+name, s.run)
		if canStartWriting {
			p.workers.Go("write out "+name, s.writeOut)
		}
		for _, l := range s.lanes {
			p.workers.Go("ship "+name, l.run)
			p.workers.Go("keep "+name, l.keep)
		}
	}
	if p.config.FilesInterval > 0 {
		for _, v := range vaults {
			m := newMirror(p, v, filepath.Join(state, v.name()+"-files.json"))
			p.mirrors = append(p.mirrors, m)
			p.workers.Go("files", m.run)
		}
	}
	p.workers.Go("status", p.keepStatus)
	if p.config.DrillInterval > 0 {
		p.workers.Go("drill", p.drillRegularly)
	}
	close(p.running)
	return nil
}

// stop lets what was committed reach the targets, within StopTimeout.
func (p *Plugin) stop() {
	p.workers.Stop()
	p.stopped.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.config.StopTimeout)
		defer cancel()
		p.mu.Lock()
		shipments, mirrors := p.shipments, p.mirrors
		p.mu.Unlock()
		for _, m := range mirrors {
			m.finish(ctx)
		}
		for _, s := range shipments {
			if err := s.close(ctx); err != nil {
				p.logger().Error("the backup does not have the last changes; it gets them at the next start", slog.Any("error", err))
			}
		}
		if len(shipments) > 0 {
			p.saveStatus()
		}
	})
}

// removeLeft removes what a process that was killed left. A command may be at work
// beside the server, for a while.
func removeLeft(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < 24*time.Hour && !strings.HasPrefix(e.Name(), spoolPrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
