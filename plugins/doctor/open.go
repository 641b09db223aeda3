package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// The databases of an app.
const (
	mainFile      = "data.db"
	auxiliaryFile = "auxiliary.db"
)

// looking is an app that cannot write: its databases are those of the data directory,
// opened for reading, and everything else that an app does at its start happens in an
// empty directory. A server may be using the same databases.
type looking struct {
	core.App
	dir string
}

// DataDir is the directory that is looked at.
func (l looking) DataDir() string { return l.dir }

// errBehind is returned by open for a database that PocketBase would have to bring
// up to date first.
var errBehind = errors.New("the database has not had all of PocketBase's migrations")

// open opens the databases in the data directory of app. The caller calls done.
func open(ctx context.Context, app core.App) (opened core.App, done func(), err error) {
	if err := mayOpen(ctx, filepath.Join(app.DataDir(), mainFile)); err != nil {
		return nil, nil, err
	}
	scratch, err := os.MkdirTemp("", "doctor-")
	if err != nil {
		return nil, nil, fmt.Errorf("doctor: %w", err)
	}
	base := core.NewBaseApp(core.BaseAppConfig{
		DataDir:       scratch,
		EncryptionEnv: app.EncryptionEnv(),
		DBConnect:     func(path string) (*dbx.DB, error) { return connect(filepath.Base(path), app.DataDir(), scratch) },
	})
	done = func() {
		_ = base.ResetBootstrapState()
		_ = os.RemoveAll(scratch)
	}
	if err := base.Bootstrap(); err != nil {
		done()
		return nil, nil, fmt.Errorf("doctor: open the databases for reading: %w", err)
	}
	return looking{base, app.DataDir()}, done, nil
}

// mayOpen returns an error if an app on the database would begin by writing to it.
func mayOpen(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, m := range core.SystemMigrations.Items() {
		var applied int
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+core.DefaultMigrationsTable+" WHERE file = ?", m.File).Scan(&applied)
		if err != nil {
			if strings.Contains(err.Error(), "no such table") {
				return errBehind
			}
			return err
		}
		if applied == 0 {
			return errBehind
		}
	}
	return nil
}

// connect opens one of the databases for reading. Without an auxiliary one there is
// an empty one in the scratch directory.
func connect(name, dir, scratch string) (*dbx.DB, error) {
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && name == auxiliaryFile {
		db, err := dbx.Open("sqlite", sqlite.Address(filepath.Join(scratch, name), url.Values{"_pragma": {"journal_mode(WAL)"}}))
		if err == nil {
			_, err = db.NewQuery("CREATE TABLE IF NOT EXISTS _logs (id TEXT, level INTEGER, message TEXT, data JSON, created TEXT)").Execute()
		}
		return db, err
	}
	return dbx.Open("sqlite", sqlite.Address(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)", "query_only(1)"}}))
}
