package upgrade_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/upgrade"
)

// program is a version of a program.
type program struct {
	version, pocketbase string
	migrations          []migration
	change              func(*upgrade.Config)
	plugin              func(*upgrade.Plugin)
}

type migration struct {
	file string
	up   func(core.App) error
}

// start runs a program on the directory as far as it gets: it opens the databases
// and applies the migrations. The caller ends it.
func (p program) start(t *testing.T, dir string) (core.App, *upgrade.Plugin, error) {
	t.Helper()
	list := &core.MigrationsList{}
	for _, m := range p.migrations {
		list.Register(m.up, nil, m.file)
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: sqlite.New().Connect})
	config := upgrade.Config{Version: p.version, PocketBase: p.pocketbase, Migrations: list, Progress: io.Discard}
	if p.change != nil {
		p.change(&config)
	}
	plugin, err := upgrade.Register(app, config)
	if err != nil {
		t.Fatal(err)
	}
	if p.plugin != nil {
		p.plugin(plugin)
	}
	t.Cleanup(func() { _ = app.ResetBootstrapState() })
	if err := app.Bootstrap(); err != nil {
		return app, plugin, err
	}
	_, err = core.NewMigrationsRunner(app, *list).Up()
	return app, plugin, err
}

// run starts a program that has to succeed, lets it do something and ends it.
func (p program) run(t *testing.T, dir string, do ...func(core.App)) *upgrade.Plugin {
	t.Helper()
	app, plugin, err := p.start(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range do {
		f(app)
	}
	pbtest.Terminate(t, app)
	return plugin
}

// makeThings is a migration.
var makeThings = migration{"1_things.go", func(app core.App) error {
	c := core.NewBaseCollection("things")
	c.ListRule = types.Pointer("")
	c.Fields.Add(&core.TextField{Name: "name"}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
	return app.Save(c)
}}

// fails is one that writes and then fails.
var fails = migration{"2_fails.go", func(app core.App) error {
	if _, err := app.DB().NewQuery("DELETE FROM things").Execute(); err != nil {
		return err
	}
	return errors.New("the migration does not work")
}}

// addThing saves a record.
func addThing(t *testing.T, name string) func(core.App) {
	return func(app core.App) {
		t.Helper()
		c, err := app.FindCollectionByNameOrId("things")
		if err != nil {
			t.Fatal(err)
		}
		record := core.NewRecord(c)
		record.Set("name", name)
		if err := app.Save(record); err != nil {
			t.Fatal(err)
		}
	}
}

// things are the names of the records in a database file.
func things(t *testing.T, path string) []string {
	t.Helper()
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM things ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names := []string{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

var (
	one = program{version: "1.0.0", pocketbase: "v0.39.11", migrations: []migration{makeThings}}
	two = program{version: "1.1.0", pocketbase: "v0.39.11", migrations: []migration{makeThings}}
)

func snapshots(t *testing.T, p *upgrade.Plugin) []upgrade.Snapshot {
	t.Helper()
	list, err := p.List()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestWhenASnapshotIsTaken(t *testing.T) {
	t.Parallel()
	more := append(slices.Clone(one.migrations), migration{"2_more.go", func(core.App) error { return nil }})
	for name, c := range map[string]struct {
		starts []program
		want   []string // from and to of each
	}{
		"an empty directory takes none":      {[]program{one}, nil},
		"the same program takes none":        {[]program{one, one, one}, nil},
		"a new version takes one":            {[]program{one, two, two}, []string{"1.0.0-1.1.0"}},
		"a new PocketBase takes one":         {[]program{one, {version: "1.0.0", pocketbase: "v0.40.0", migrations: one.migrations}}, []string{"1.0.0-1.0.0"}},
		"a migration takes one":              {[]program{one, {version: "1.0.0", pocketbase: "v0.39.11", migrations: more}}, []string{"1.0.0-1.0.0"}},
		"a version that is no number, too":   {[]program{one, {version: "dev build", pocketbase: "v0.39.11", migrations: one.migrations}}, []string{"1.0.0-dev_build"}},
		"a data directory from before it":    {[]program{{change: forget}, one}, []string{"unknown-1.0.0"}},
		"switched off takes none":            {[]program{one, {version: "1.1.0", migrations: one.migrations, change: func(c *upgrade.Config) { c.NoSnapshots = true }}}, nil},
		"a downgrade that is allowed, too":   {[]program{two, {version: "1.0.0", pocketbase: "v0.39.11", migrations: one.migrations, change: allow}}, []string{"1.1.0-1.0.0"}},
		"each of several upgrades takes one": {[]program{one, two, {version: "1.2.0", migrations: one.migrations}}, []string{"1.0.0-1.1.0", "1.1.0-1.2.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var p *upgrade.Plugin
			for _, start := range c.starts {
				p = start.run(t, dir, func(app core.App) {
					if start.version == "" { // one without the plugin
						exec(t, app, "DROP TABLE IF EXISTS _upgrade")
					}
				})
				if start.version == "" {
					dropState(t, dir)
				}
			}
			var got []string
			for _, s := range snapshots(t, p) {
				_, versions, _ := strings.Cut(s.ID, "-")
				got = append(got, versions)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got snapshots %q, want %q", got, c.want)
			}
		})
	}
}

func forget(*upgrade.Config) {}

func allow(c *upgrade.Config) { c.AllowDowngrade = true }

func exec(t *testing.T, app core.App, query string) {
	t.Helper()
	if _, err := app.NonconcurrentDB().NewQuery(query).Execute(); err != nil {
		t.Fatal(err)
	}
}

// dropState makes a data directory one that the plugin has never seen.
func dropState(t *testing.T, dir string) {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	exec(t, app, "DROP TABLE _upgrade")
	if err := app.ResetBootstrapState(); err != nil {
		t.Fatal(err)
	}
}

// TestSnapshotIsWhole has rows in the log only, as after kill -9.
func TestSnapshotIsWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, _, err := one.start(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	addThing(t, "in the log")(app)
	// nobody ends it
	_, p, err := two.start(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	list := snapshots(t, p)
	if len(list) != 1 || list[0].Databases["data.db"] == 0 || list[0].Databases["auxiliary.db"] == 0 {
		t.Fatalf("got snapshots %+v, want one with both databases", list)
	}
	path := filepath.Join(dir, upgrade.Dir, list[0].ID, "data.db")
	if got := things(t, path); !slices.Equal(got, []string{"in the log"}) {
		t.Errorf("got %q in the snapshot", got)
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got mode %v and error %v, want that nobody else may read it", info.Mode(), err)
	}
}

func TestAnUpgradeThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one.run(t, dir, addThing(t, "mine"))
	broken := program{version: "1.1.0", pocketbase: "v0.39.11", migrations: []migration{makeThings, fails}}
	var p *upgrade.Plugin
	for range 4 {
		app, plugin, err := broken.start(t, dir)
		if err == nil || !strings.Contains(err.Error(), "does not work") {
			t.Fatalf("got error %v, want that of the migration", err)
		}
		pbtest.Terminate(t, app)
		p = plugin
	}
	if n := len(snapshots(t, p)); n != 1 {
		t.Errorf("got %d snapshots of one upgrade, want 1", n)
	}
	one.run(t, dir) // not a downgrade: the upgrade was never complete
	if got := things(t, filepath.Join(dir, "data.db")); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("got %q after an upgrade that failed", got)
	}
}

func TestDowngrade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		used, start program
		want        bool
	}{
		"an older program":           {two, one, true},
		"an older PocketBase":        {program{version: "1", pocketbase: "v0.40.0"}, program{version: "2", pocketbase: "v0.39.11"}, true},
		"a prerelease":               {program{version: "1.0.0"}, program{version: "1.0.0-rc.1"}, true},
		"numbers, not letters":       {program{version: "1.10.0"}, program{version: "v1.9.0"}, true},
		"a newer program":            {one, two, false},
		"what cannot be compared":    {two, program{version: "dev", migrations: one.migrations}, false},
		"with permission":            {two, program{version: "1.0.0", migrations: one.migrations, change: allow}, false},
		"the same, spelled like git": {program{version: "v1.0.0"}, program{version: "1.0.0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.used.run(t, dir)
			_, _, err := c.start.start(t, dir)
			if got := errors.Is(err, upgrade.ErrDowngrade); got != c.want {
				t.Fatalf("got error %v, want a refusal: %t", err, c.want)
			}
			if c.want && !strings.Contains(err.Error(), `"app upgrade back"`) {
				t.Errorf("%q does not say what to do", err)
			}
		})
	}
}

func TestOldSnapshotsAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var p *upgrade.Plugin
	for i := range 5 {
		p = program{version: fmt.Sprintf("1.%d.0", i), change: func(c *upgrade.Config) { c.Keep = 2 }}.run(t, dir)
	}
	list := snapshots(t, p)
	if len(list) != 2 || list[0].From.Program != "1.2.0" || list[1].From.Program != "1.3.0" {
		t.Errorf("got %+v, want the newest 2", list)
	}
}

func TestWhatKeepsASnapshotFromBeingTaken(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	for name, c := range map[string]struct {
		plugin  func(*upgrade.Plugin)
		minFree int64
		want    error
	}{
		"the disk gets full": {func(p *upgrade.Plugin) {
			p.OnCopy(func(name string, _, _ int) error {
				if name == "data.db" {
					return full
				}
				return nil
			})
		}, 0, full},
		"there is no room":                       {func(p *upgrade.Plugin) { p.SetFree(16 << 20) }, 0, upgrade.ErrNoRoom},
		"the app would have too little to write": {func(p *upgrade.Plugin) { p.SetFree(256 << 20) }, 256 << 20, upgrade.ErrNoRoom},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			one.run(t, dir)
			newer := program{version: "1.1.0", migrations: []migration{makeThings, {"2_never.go", func(core.App) error {
				t.Error("the upgrade goes on without a snapshot")
				return nil
			}}}, plugin: c.plugin, change: func(config *upgrade.Config) { config.MinFree = c.minFree }}
			app, p, err := newer.start(t, dir)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "set NoSnapshots to go on") {
				t.Errorf("got error %v, want %v and what to do", err, c.want)
			}
			if app.IsBootstrapped() {
				t.Error("the databases were opened")
			}
			entries, err := os.ReadDir(filepath.Join(dir, upgrade.Dir))
			if err != nil || len(entries) != 0 || len(snapshots(t, p)) != 0 {
				t.Errorf("left %v, error %v", entries, err)
			}
			one.run(t, dir)
		})
	}
}

// A disk that has less free than the app wants takes a copy that fits: it is not the
// copy that keeps the app from writing.
func TestSnapshotOnADiskThatIsNearlyFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one.run(t, dir)
	newer := two
	newer.change = func(c *upgrade.Config) { c.MinFree = 256 << 20 }
	newer.plugin = func(p *upgrade.Plugin) { p.SetFree(255 << 20) }
	if n := len(snapshots(t, newer.run(t, dir))); n != 1 {
		t.Errorf("got %d snapshots, want 1", n)
	}
}

func TestWhatAKilledProcessLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one.run(t, dir)
	left := filepath.Join(dir, upgrade.Dir, ".unfinished-20260101T000000.000Z-1.0.0-1.1.0")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data.db", "manifest.json"} {
		if err := os.WriteFile(filepath.Join(left, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := two.run(t, dir)
	if n := len(snapshots(t, p)); n != 1 {
		t.Errorf("got %d snapshots, want that of the upgrade", n)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
}

// TestDamagedLogs do not keep anybody from an upgrade.
func TestDamagedLogs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one.run(t, dir)
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(filepath.Join(dir, "auxiliary.db"+suffix))
	}
	if err := os.WriteFile(filepath.Join(dir, "auxiliary.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, p, _ := two.start(t, dir) // PocketBase cannot open it, whoever repairs it can
	list := snapshots(t, p)
	if len(list) != 1 || list[0].Databases["data.db"] == 0 || list[0].Missing["auxiliary.db"] == "" {
		t.Errorf("got %+v, want a snapshot of the other database", list)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []upgrade.Config{{Keep: -1}, {Keep: 101}, {Beside: []string{"../x"}}, {Beside: []string{""}}, {Beside: []string{"upgrades"}}} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v: got no error", c)
		}
	}
	if err := (upgrade.Config{Keep: 1, Beside: []string{".backup"}}).Validate(); err != nil {
		t.Error(err)
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	if _, err := upgrade.Register(app, upgrade.Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := upgrade.Register(app, upgrade.Config{}); err == nil {
		t.Error("got no error for a second registration")
	}
}

// BenchmarkUsualStart is what the plugin adds to a start that is no upgrade.
func BenchmarkUsualStart(b *testing.B) {
	dir := b.TempDir()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	p, err := upgrade.Register(app, upgrade.Config{Version: "1.0.0", Migrations: &core.MigrationsList{}})
	if err != nil {
		b.Fatal(err)
	}
	if err := app.Bootstrap(); err != nil {
		b.Fatal(err)
	}
	if err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}, func(e *core.TerminateEvent) error { return e.App.ResetBootstrapState() }); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := p.Before(); err != nil {
			b.Fatal(err)
		}
	}
}
