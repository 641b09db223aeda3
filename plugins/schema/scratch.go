package schema

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations" // the system collections of a new database
	"github.com/pocketbase/pocketbase/tools/security"
)

// withScratch calls fn with an app on an empty database in a temporary folder:
// no data, none of the hooks and settings of another app, only what PocketBase
// itself creates. The folder is gone afterwards.
func withScratch(fn func(app core.App) error) (err error) {
	dir, err := os.MkdirTemp("", "holdall-schema-")
	if err != nil {
		return fmt.Errorf("create a folder for a temporary database: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		return fmt.Errorf("create a temporary database: %w", err)
	}
	defer func() { err = errors.Join(err, app.ResetBootstrapState()) }()
	return fn(app)
}

// replicate makes the collections of scratch those of w, without records and
// with secrets of its own.
func replicate(scratch core.App, w world) error {
	err := scratch.RunInTransaction(func(tx core.App) error {
		existing, err := loadWorld(tx)
		if err != nil {
			return err
		}
		for _, c := range existing {
			if err := tx.DeleteTable(c.Name); err != nil {
				return fmt.Errorf("clear the temporary database: %w", err)
			}
		}
		if _, err := tx.DB().Delete("_collections", dbx.NewExp("TRUE")).Execute(); err != nil {
			return fmt.Errorf("clear the temporary database: %w", err)
		}
		for _, c := range w {
			if err := insertCollection(tx, c); err != nil {
				return err
			}
		}
		return replicateViews(tx, w)
	})
	return errors.Join(err, scratch.ReloadCachedCollections())
}

// insertCollection writes a collection as it is, and creates its table.
func insertCollection(tx core.App, c *core.Collection) error {
	clone := cloneCollection(c)
	if clone.IsAuth() {
		for _, token := range []*core.TokenConfig{
			&clone.AuthToken, &clone.FileToken, &clone.PasswordResetToken,
			&clone.EmailChangeToken, &clone.VerificationToken,
		} {
			token.Secret = security.RandomString(50)
		}
		clone.OAuth2.Providers = keepSecrets(clone.OAuth2.Providers, nil)
	}
	row, err := clone.DBExport(tx)
	if err != nil {
		return fmt.Errorf("copy collection %s: %w", c.Name, err)
	}
	if _, err := tx.DB().Insert("_collections", row).Execute(); err != nil {
		return fmt.Errorf("copy collection %s: %w", c.Name, err)
	}
	if clone.IsView() {
		return nil
	}
	if err := tx.SyncRecordTableSchema(clone, nil); err != nil {
		return fmt.Errorf("copy the table of %s: %w", c.Name, err)
	}
	return nil
}

// replicateViews creates the views of w, those that read others after them. One
// that is broken in the original is as broken in the copy.
func replicateViews(tx core.App, w world) error {
	if err := tx.ReloadCachedCollections(); err != nil {
		return err
	}
	var pending []*core.Collection
	for _, c := range w {
		if c.IsView() {
			pending = append(pending, c)
		}
	}
	for progress := true; progress; {
		progress = false
		var left []*core.Collection
		for _, c := range pending {
			if err := tx.SaveView(c.Name, c.ViewQuery); err != nil {
				left = append(left, c)
				continue
			}
			progress = true
		}
		pending = left
	}
	for _, c := range pending {
		// PocketBase does not create a view that reads nothing, SQLite does
		query := "CREATE VIEW {{" + c.Name + "}} AS SELECT * FROM (" + strings.TrimRight(strings.TrimSpace(c.ViewQuery), ";") + ")"
		if _, err := tx.DB().NewQuery(query).Execute(); err != nil {
			return fmt.Errorf("copy the view %s: %w", c.Name, err)
		}
	}
	return nil
}

// inMigration runs fn the way PocketBase runs migrations: in one transaction
// over both databases.
func inMigration(app core.App, fn func(app core.App) error) error {
	err := app.AuxRunInTransaction(func(tx core.App) error {
		return tx.RunInTransaction(fn)
	})
	if err != nil {
		// what was rolled back is still cached
		return errors.Join(err, app.ReloadCachedCollections())
	}
	return nil
}
