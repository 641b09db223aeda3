package upgrade

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// The databases of an app. The main one comes last where both are replaced.
const (
	auxiliaryFile = "auxiliary.db"
	mainFile      = "data.db"
)

var databases = []string{auxiliaryFile, mainFile}

func (p *Plugin) database(name string) string { return filepath.Join(p.app.DataDir(), name) }

// state is what the main database knows of the program that used it last. It is in
// the database so that it comes back with it, wherever it is restored from.
type state struct {
	Versions
	// Served is when that program began to serve last.
	Served string `json:"served"`
}

// table has the state, in one row. It means nothing to anybody else, and must not
// fire hooks.
const (
	createTable = "CREATE TABLE IF NOT EXISTS _upgrade (id INTEGER PRIMARY KEY, state TEXT NOT NULL)"
	writeRow    = "INSERT INTO _upgrade (id, state) VALUES (1, {:state}) ON CONFLICT (id) DO UPDATE SET state = excluded.state"
	readRow     = "SELECT state FROM _upgrade WHERE id = 1"
	readApplied = "SELECT file FROM " + core.DefaultMigrationsTable
	findTables  = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('_upgrade', '" + core.DefaultMigrationsTable + "')"
)

// known is what a main database tells before an app opens it.
type known struct {
	*state
	any     bool // it has been used at all
	applied map[string]bool
}

// querier is a database, of an app or not.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// readKnown reads it from a file, which may not be there.
func readKnown(ctx context.Context, path string) (known, error) {
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 && !exists(path+"-wal") {
		return known{}, nil
	}
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return known{}, err
	}
	k, err := query(ctx, db)
	return k, errors.Join(err, db.Close())
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}

// knownOf reads it from the database of an app.
func knownOf(app core.App) (known, error) {
	db, ok := app.ConcurrentDB().(*dbx.DB)
	if !ok {
		return known{}, fmt.Errorf("the app's database is a %T", app.ConcurrentDB())
	}
	return query(context.Background(), db.DB())
}

func query(ctx context.Context, db querier) (known, error) {
	k := known{applied: map[string]bool{}}
	tables, err := texts(ctx, db, findTables)
	if err != nil {
		return k, err
	}
	if !slices.Contains(tables, core.DefaultMigrationsTable) {
		return k, nil
	}
	applied, err := texts(ctx, db, readApplied)
	if err != nil {
		return k, err
	}
	for _, file := range applied {
		k.applied[file] = true
	}
	k.any = len(applied) > 0
	if !slices.Contains(tables, "_upgrade") {
		return k, nil
	}
	rows, err := texts(ctx, db, readRow)
	if err != nil || len(rows) == 0 {
		return k, err
	}
	k.state = new(state)
	if err := json.Unmarshal([]byte(rows[0]), k.state); err != nil {
		k.state = nil // as if it were not there
	}
	return k, nil
}

func texts(ctx context.Context, db querier, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

func writeState(app core.App, s state) error {
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if _, err := app.NonconcurrentDB().NewQuery(createTable).Execute(); err != nil {
		return err
	}
	_, err = app.NonconcurrentDB().NewQuery(writeRow).Bind(dbx.Params{"state": string(content)}).Execute()
	return err
}

// pending are the migrations in the program that the database has not had, of
// PocketBase and of the app.
func (p *Plugin) pending(k known) []string {
	var missing []string
	for _, list := range []*core.MigrationsList{&core.SystemMigrations, p.config.Migrations} {
		for _, m := range list.Items() {
			if !k.applied[m.File] {
				missing = append(missing, m.File)
			}
		}
	}
	return missing
}

// Used is what used a database last, as far as it knows.
func Used(ctx context.Context, path string) (used Versions, ok bool, err error) {
	k, err := readKnown(ctx, path)
	if err != nil || k.state == nil {
		return Versions{}, false, err
	}
	return k.Versions, true, nil
}
