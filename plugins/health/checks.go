package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/disk"
)

// builtIn returns the checks that every server has.
func (p *Plugin) builtIn() []Check {
	checks := []Check{
		{
			Name:   "database",
			Run:    func(ctx context.Context) (string, error) { return "", tryWrite(ctx, p.app.NonconcurrentDB()) },
			Passed: "It accepts writes.", Failed: "It does not accept writes.", writes: true,
		},
		{
			Name:   "auxiliary-database",
			Run:    func(ctx context.Context) (string, error) { return "", tryWrite(ctx, p.app.AuxNonconcurrentDB()) },
			Passed: "It accepts writes.", Failed: "It does not accept writes.", writes: true,
		},
		{
			Name: "migrations", Run: p.checkMigrations,
			Passed: "All are applied.", Failed: "Some are not applied.",
		},
	}
	if p.config.MinFreeBytes >= 0 {
		checks = append(checks, Check{
			Name: "disk", Run: p.checkDisk,
			Passed: "There is space left.", Failed: "There is too little space left.", writes: true,
		})
	}
	return checks
}

// The table that the checks write to, one row in each database. It is a plain
// table: the row means nothing to anybody, and must not fire hooks.
const (
	createTable = "CREATE TABLE IF NOT EXISTS {{_health}} ([[id]] INTEGER PRIMARY KEY, [[checked]] TEXT NOT NULL)"
	writeRow    = "INSERT INTO {{_health}} ([[id]], [[checked]]) VALUES (1, {:now}) " +
		"ON CONFLICT ([[id]]) DO UPDATE SET [[checked]] = [[excluded.checked]]"
)

// bindTables sees to the tables when the app is bootstrapped, now if it is.
func (p *Plugin) bindTables(app core.App) {
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallHealthTables",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			ensureTables(e.App)
			return nil
		},
	})
	if app.IsBootstrapped() {
		ensureTables(app)
	}
}

// ensureTables creates what is missing. It does not fail: a database that cannot
// be written to is what the checks are there to report.
func ensureTables(app core.App) {
	for _, db := range []dbx.Builder{app.NonconcurrentDB(), app.AuxNonconcurrentDB()} {
		if _, err := db.NewQuery(createTable).Execute(); err != nil {
			app.Logger().Error("create the health checks' table", slog.Any("error", err))
		}
	}
}

// tryWrite commits a write. Nothing less shows that the disk takes it: a write
// that is rolled back never leaves memory.
func tryWrite(ctx context.Context, db dbx.Builder) error {
	if db == nil {
		return errors.New("the database is closed")
	}
	_, err := db.NewQuery(writeRow).WithContext(ctx).
		Bind(dbx.Params{"now": time.Now().UTC().Format(time.RFC3339Nano)}).Execute()
	if err == nil {
		return nil
	}
	return busyIfLate(ctx, fmt.Errorf("write: %w", err)) // another write may have the one connection for them
}

// busyIfLate tells a database that has no time from one that does not work.
func busyIfLate(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errBusy{err}
	}
	return err
}

// checkMigrations compares the migrations in the binary with those that the
// database says it has had. A second process may revert one.
func (p *Plugin) checkMigrations(ctx context.Context) (string, error) {
	var applied []string
	err := p.app.ConcurrentDB().Select("file").From(core.DefaultMigrationsTable).WithContext(ctx).Column(&applied)
	if err != nil {
		return "", busyIfLate(ctx, fmt.Errorf("list the applied migrations: %w", err))
	}
	has := make(map[string]bool, len(applied))
	for _, file := range applied {
		has[file] = true
	}
	total := 0
	var missing []string
	for _, list := range []core.MigrationsList{core.SystemMigrations, core.AppMigrations} {
		for _, m := range list.Items() {
			total++
			if !has[m.File] {
				missing = append(missing, m.File)
			}
		}
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("%d of %d migrations are not applied: %v", len(missing), total, missing)
	}
	return fmt.Sprintf("%d applied", total), nil
}

func (p *Plugin) checkDisk(context.Context) (string, error) {
	now, err := disk.Space(p.app.DataDir())
	if err != nil {
		return "", fmt.Errorf("ask for the free space: %w", err)
	}
	if now.Free < uint64(p.config.MinFreeBytes) {
		return "", fmt.Errorf("%s free, at least %s wanted", mib(now.Free), mib(uint64(p.config.MinFreeBytes)))
	}
	return mib(now.Free) + " free", nil
}

func mib(bytes uint64) string { return fmt.Sprintf("%d MiB", bytes>>20) }
