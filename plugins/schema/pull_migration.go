package schema

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pocketbase/pocketbase/core"
)

// catchUp writes the migration for what the database of app has and the
// migrations lack: other databases need it, this one got it in the dashboard,
// and so has it marked as applied. It writes nothing when the migrations give
// the definitions.
//
// The database has to match the definitions, and to have had every migration.
func catchUp(app core.App, config Config, name string, allowDataLoss bool) (Migration, error) {
	var migration Migration
	err := withScratch(func(scratch core.App) error {
		if _, err := core.NewMigrationsRunner(scratch, *config.Migrations).Up(); err != nil {
			return fmt.Errorf("apply the migrations to an empty database: %w", err)
		}
		if err := scratch.ReloadCachedCollections(); err != nil {
			return err
		}
		plan, err := Diff(scratch, config.Collections)
		if err != nil {
			return fmt.Errorf("compare the migrations with the definitions: %w", err)
		}
		if plan.Empty() {
			migration.Plan = plan
			return nil
		}
		migration, err = writePlan(plan, config, name, allowDataLoss)
		return err
	})
	if err != nil || migration.Path == "" {
		return migration, err
	}
	if err := (store{app}).markApplied(filepath.Base(migration.Path)); err != nil {
		// this database would refuse it: it must not stay
		_ = os.Remove(migration.Path)
		return Migration{Plan: migration.Plan}, err
	}
	migration.Applied = true
	return migration, nil
}
