// Package upgrade keeps a way back from an upgrade: before a new version of the
// program, or of PocketBase, touches the databases, they are copied.
//
//	upgrade.MustRegister(app, upgrade.Config{Version: version, RootCmd: app.RootCmd})
//
// The copies are in the directory "upgrades" of the data directory. The command
// "upgrade" lists them, and returns to one. A program that is older than the one
// that used the data last does not start.
package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/disk"
)

// Dir is the directory of the copies, in the data directory.
const Dir = "upgrades"

// Config says what an upgrade is and how many ways back are kept. The zero value
// copies before migrations and new versions of PocketBase.
type Config struct {
	// Version is the program's, such as "1.4.0". One that is no such version, such as
	// "dev", is neither older nor newer than another. Defaults to none.
	Version string

	// PocketBase is the version of PocketBase in the program. Defaults to what the
	// program was built with.
	PocketBase string

	// Migrations are the app's. Defaults to [core.AppMigrations].
	Migrations *core.MigrationsList

	// Keep is how many upgrades there is a way back from. Defaults to 3.
	Keep int

	// MinFree is how many bytes of the disk the app wants free. A copy does not take
	// them, where they are. Defaults to none; 16 MiB stay free in any case.
	MinFree int64

	// NoSnapshots upgrades without a copy.
	NoSnapshots bool

	// AllowDowngrade lets a program start that is older than the one that used the
	// data last.
	AllowDowngrade bool

	// Beside are names in the data directory that belong to the databases: they are
	// put aside with them by a way back. Defaults to none.
	Beside []string

	// SetNoSnapshots and SetDowngrade say how the two are switched on, for the
	// sentences that refuse: "set NO_SNAPSHOTS=true". Default to the names of the
	// fields.
	SetNoSnapshots, SetDowngrade string

	// Progress is where is told how far the copy of a large database is. Defaults to
	// standard error.
	Progress io.Writer

	// RootCmd, if set, gains the command "upgrade".
	RootCmd *cobra.Command
}

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	var problems []error
	if c.Keep < 0 || c.Keep > 100 {
		problems = append(problems, fmt.Errorf("upgrade: Keep must be in 1..100, got %d", c.Keep))
	}
	if c.MinFree < 0 {
		problems = append(problems, fmt.Errorf("upgrade: MinFree must be 0 or more, got %d", c.MinFree))
	}
	for _, name := range c.Beside {
		if name != filepath.Base(name) || name == "." || name == ".." || name == Dir {
			problems = append(problems, fmt.Errorf("upgrade: Beside must be names in the data directory, got %q", name))
		}
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.Keep == 0 {
		c.Keep = 3
	}
	if c.Migrations == nil {
		c.Migrations = &core.AppMigrations
	}
	if c.PocketBase == "" {
		c.PocketBase = builtWith("github.com/pocketbase/pocketbase")
	}
	if c.SetNoSnapshots == "" {
		c.SetNoSnapshots = "set NoSnapshots"
	}
	if c.SetDowngrade == "" {
		c.SetDowngrade = "set AllowDowngrade"
	}
	if c.Progress == nil {
		c.Progress = os.Stderr
	}
	return c
}

// builtWith is the version of a module in the program, "" if it does not say.
func builtWith(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return ""
}

// ErrDowngrade is returned by the bootstrap of a program that is older than the one
// that used the data last.
var ErrDowngrade = errors.New("the program is older than the one that used the data last")

// ErrNoRoom is returned by the bootstrap of an app whose databases would have to be
// copied, when the disk has no room for that.
var ErrNoRoom = errors.New("the disk has no room for a copy of the databases")

// Plugin keeps the ways back of one app.
type Plugin struct {
	app    core.App
	config Config
	// tell is told how far a copy is.
	tell func(name string, done, all int) error
	// space tells how full the disk is.
	space func(dir string) (disk.Usage, error)
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
const registered = "holdallUpgrade"

// first is before everybody who touches the databases when the app is bootstrapped,
// and last after everybody who writes when it serves or ends.
const (
	first = -99999
	last  = 99999
)

// Register lets the databases of app be copied before an upgrade. It fails on an
// invalid config, and on an app that has the plugin. An app that is bootstrapped
// already is not copied before its next bootstrap.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("upgrade: the app has the plugin already")
	}
	app.Store().Set(registered, true)
	p := &Plugin{app: app, config: config.withDefaults(), space: disk.Space}
	p.tell = newProgress(p.config.Progress).tell
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallUpgradeBefore",
		Func: func(e *core.BootstrapEvent) error {
			if !e.App.IsBootstrapped() {
				if err := p.before(context.Background()); err != nil {
					return err
				}
			}
			return e.Next()
		},
		Priority: first,
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallUpgradeServes",
		Func: func(e *core.ServeEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			if e.Listener != nil || e.CertManager != nil { // not in a test without a server
				p.note(e.App)
			}
			return nil
		},
		Priority: last,
	})
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallUpgradeEnds",
		Func: func(e *core.TerminateEvent) error {
			p.noteMigrated(e.App)
			return e.Next()
		},
		Priority: last,
	})
	p.bindZip()
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command())
	}
	return p, nil
}

// bindZip keeps the copies out of PocketBase's own backups, and where they are when
// one of those is restored.
func (p *Plugin) bindZip() {
	exclude := func(id string) *hook.Handler[*core.BackupEvent] {
		return &hook.Handler[*core.BackupEvent]{Id: id, Func: func(e *core.BackupEvent) error {
			e.Exclude = append(e.Exclude, Dir)
			return e.Next()
		}}
	}
	p.app.OnBackupCreate().Bind(exclude("holdallUpgradeZip"))
	p.app.OnBackupRestore().Bind(exclude("holdallUpgradeUnzip"))
}

// dir is where the copies are.
func (p *Plugin) dir() string { return filepath.Join(p.app.DataDir(), Dir) }

// name is what people type to run the program.
func (p *Plugin) name() string {
	if p.config.RootCmd == nil {
		return "app"
	}
	return p.config.RootCmd.Name()
}

func (p *Plugin) versions() Versions {
	return Versions{Program: p.config.Version, PocketBase: p.config.PocketBase}
}

// before copies the databases if this program is not the one that used them last.
func (p *Plugin) before(ctx context.Context) error {
	defer p.lock()() // a command may start while the server copies
	if err := p.undoInterrupted(); err != nil {
		return err
	}
	known, err := readKnown(ctx, p.database(mainFile))
	if err != nil {
		return fmt.Errorf("upgrade: find out what used %s last: %w", p.app.DataDir(), err)
	}
	if !known.any {
		return nil // there is nothing to lose
	}
	p.removeUnfinished()
	now, pending := p.versions(), p.pending(known)
	if known.state != nil && known.Versions == now && len(pending) == 0 {
		return nil
	}
	if known.state != nil && now.olderThan(known.Versions) && !p.config.AllowDowngrade {
		return p.downgrade(known.Versions)
	}
	if p.config.NoSnapshots {
		return nil
	}
	s := Snapshot{Kind: KindUpgrade, To: now, Pending: pending}
	if known.state != nil {
		s.From, s.Served = known.Versions, known.Served
	}
	if p.has(s) {
		return nil
	}
	return p.take(ctx, s)
}

func (p *Plugin) downgrade(used Versions) error {
	text := fmt.Sprintf("%s was last used by %s, and this is the older %s", p.app.DataDir(), used, p.versions())
	snapshots, _ := p.List() // it is only a hint
	if len(snapshots) > 0 {
		text += fmt.Sprintf("; %q returns to the data from before an upgrade, and says first with --dry-run what that loses", p.name()+" upgrade back")
	} else {
		text += fmt.Sprintf("; there is nothing to return to with %q", p.name()+" upgrade back")
	}
	return fmt.Errorf("upgrade: %w: %s; otherwise start the newer program, or %s to use the data as it is", ErrDowngrade, text, p.config.SetDowngrade)
}

// note remembers that this program has used the databases.
func (p *Plugin) note(app core.App) {
	s := state{Versions: p.versions(), Served: time.Now().UTC().Format(time.RFC3339Nano)}
	if err := writeState(app, s); err != nil {
		app.Logger().Error("the next start takes a snapshot although it is no upgrade", slog.String("plugin", "upgrade"), slog.Any("error", err))
	}
}

// noteMigrated remembers it of a command that has applied all migrations.
func (p *Plugin) noteMigrated(app core.App) {
	if !app.IsBootstrapped() || app.DB() == nil {
		return
	}
	known, err := knownOf(app)
	if err != nil || len(p.pending(known)) > 0 || known.state != nil && known.Versions == p.versions() {
		return
	}
	p.note(app)
}
