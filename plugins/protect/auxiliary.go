package protect

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// auxiliary is what is known of auxiliary.db.
type auxiliary struct {
	damaged   atomic.Bool // SQLite has said so
	restoring atomic.Bool // it is being replaced as it should be

	mu       sync.Mutex
	file     os.FileInfo // the file that is in use, nil before the app serves
	tables   []string    // the statements that make what is in it
	replaced int64
	failure  string // of the last try to heal, so that it is logged once
}

// replacement is how auxiliary.db was replaced.
type replacement struct {
	problem string
	aside   string // where what was there is now, "" if nothing was
	kept    bool   // whether its content was saved
}

// sidecars are the files that SQLite has beside a database.
var sidecars = []string{"-wal", "-shm"}

// checkAuxiliary moves auxiliary.db aside if it is damaged, so that PocketBase makes
// another one.
func (p *Plugin) checkAuxiliary(dir string) (*replacement, error) {
	path := filepath.Join(dir, auxiliaryName)
	problem, err := check(path, p.config.CheckFor)
	if err != nil {
		return nil, fmt.Errorf("protect: look at %s: %w", path, err)
	}
	if problem == "" {
		return nil, nil
	}
	aside, err := p.moveAside(path)
	if err != nil {
		return nil, fmt.Errorf("protect: %s is damaged (%s) and cannot be moved out of the way: %w", path, problem, err)
	}
	return &replacement{problem: problem, aside: aside}, nil
}

// keepAside is how many damaged databases are kept. A disk that fails would fill up
// with them else.
const keepAside = 3

// moveAside gives a database and the files beside it another name, and removes the
// oldest of those that it has given one before.
func (p *Plugin) moveAside(path string) (aside string, err error) {
	aside = path + ".damaged-" + p.config.Clock.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(path, aside); err != nil {
		return "", err
	}
	for _, suffix := range sidecars {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := pruneAside(path); err != nil {
		p.app.Logger().Warn("A damaged database that nobody needs any more could not be removed.", slog.String("plugin", "protect"), slog.Any("error", err))
	}
	return aside, nil
}

func pruneAside(path string) error {
	kept, err := filepath.Glob(path + ".damaged-*Z") // the names are in the order of time
	if err != nil {
		return err
	}
	var problems []error
	for _, old := range kept[:max(0, len(kept)-keepAside)] {
		for _, suffix := range append([]string{""}, sidecars...) {
			if err := os.Remove(old + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				problems = append(problems, err)
			}
		}
	}
	return errors.Join(problems...)
}

func (p *Plugin) tellReplaced(r replacement) {
	p.aux.mu.Lock()
	p.aux.replaced++
	p.aux.mu.Unlock()
	p.app.Logger().Error("The database of the logs, auxiliary.db, was replaced.", slog.String("plugin", "protect"),
		slog.String("problem", r.problem), slog.String("movedTo", r.aside), slog.Bool("contentSaved", r.kept))
}

// remember notes which file is in use and what is in it.
func (a *auxiliary) remember(app core.App) error {
	var tables []string
	err := app.AuxNonconcurrentDB().NewQuery(`SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
		ORDER BY type <> 'table', rowid`).Column(&tables)
	if err != nil {
		return fmt.Errorf("protect: read the schema of %s: %w", auxiliaryName, err)
	}
	file, err := os.Stat(filepath.Join(app.DataDir(), auxiliaryName))
	if err != nil {
		return fmt.Errorf("protect: look at %s: %w", auxiliaryName, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.file, a.tables = file, tables
	return nil
}

// healAuxiliary replaces auxiliary.db if it is not the file that is in use, or is
// damaged.
func (p *Plugin) healAuxiliary(ctx context.Context) {
	if p.aux.restoring.Load() {
		return
	}
	path := filepath.Join(p.app.DataDir(), auxiliaryName)
	p.aux.mu.Lock()
	used := p.aux.file
	p.aux.mu.Unlock()
	now, err := os.Stat(path)
	var problem string
	switch {
	case used == nil:
		_ = p.aux.remember(p.app) // it could not be read before
		return
	case p.aux.damaged.Load() || unreadable(ctx, p.app.AuxConcurrentDB()):
		p.aux.damaged.Store(true)
		problem = "it is damaged"
	case errors.Is(err, fs.ErrNotExist):
		problem = "it was removed"
	case err == nil && !os.SameFile(used, now):
		problem = "another file is in its place"
	default:
		return
	}
	done, err := p.replaceAuxiliary(ctx, path, problem)
	if ctx.Err() != nil {
		return
	}
	p.aux.mu.Lock()
	again := err != nil && err.Error() == p.aux.failure
	p.aux.failure = ""
	if err != nil {
		p.aux.failure = err.Error()
	}
	p.aux.mu.Unlock()
	switch {
	case err == nil:
		p.aux.damaged.Store(false)
		p.tellReplaced(done)
	case !again:
		p.app.Logger().Error("The database of the logs, auxiliary.db, cannot be replaced yet.", slog.String("plugin", "protect"),
			slog.String("problem", problem), slog.Any("error", err))
	}
}

// unreadable tells whether a database is damaged so that it cannot even be opened,
// which is no statement that fails.
func unreadable(ctx context.Context, db dbx.Builder) bool {
	if db == nil {
		return false
	}
	var one int
	err := db.NewQuery("SELECT COUNT(*) FROM sqlite_master").WithContext(ctx).Row(&one)
	return err != nil && failureOf(err) == damage
}

// replaceFor bounds how long the connections to auxiliary.db are waited for, and the
// copying of what is in it.
const replaceFor = time.Minute

// replaceAuxiliary puts another file into the place of auxiliary.db: a copy of the
// one that is in use, which open connections still have although nobody finds it any
// more, or an empty one.
func (p *Plugin) replaceAuxiliary(ctx context.Context, path, problem string) (replacement, error) {
	ctx, cancel := context.WithTimeout(ctx, replaceFor)
	defer cancel()
	done := replacement{problem: problem}
	var conns []*sql.Conn
	for _, builder := range []dbx.Builder{p.app.AuxNonconcurrentDB(), p.app.AuxConcurrentDB()} {
		db, ok := builder.(*dbx.DB)
		if !ok {
			return done, fmt.Errorf("unexpected database %T", builder)
		}
		conn, giveBack, err := occupy(ctx, db.DB())
		defer giveBack()
		if err != nil {
			return done, err
		}
		conns = append(conns, conn)
	}
	// From here to the end nobody has a connection but us: two files with the same
	// name must not be in use at the same time, as they would share what is beside it.
	fresh, err := p.copyInUse(ctx, conns, path)
	if err != nil {
		return done, err
	}
	defer os.Remove(fresh) // if it is not in its place by then
	done.kept = fresh != ""
	if p.aux.damaged.Load() {
		if done.aside, err = p.moveAside(path); err != nil {
			return done, err
		}
	}
	if !p.aux.damaged.Load() && hasLogs(path) {
		done.kept = false // somebody put it there
	} else if err := put(fresh, path); err != nil {
		return done, err
	}
	for _, conn := range conns {
		// not to be used again; SQLite notices that the file has moved, and leaves alone
		// what is beside the new one
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return done, p.openReplaced(path)
}

// occupy takes the only connection that a pool may have from now on. giveBack ends
// that.
func occupy(ctx context.Context, pool *sql.DB) (conn *sql.Conn, giveBack func(), err error) {
	limit := pool.Stats().MaxOpenConnections
	pool.SetMaxOpenConns(1)
	conn, err = pool.Conn(ctx)
	return conn, func() {
		if conn != nil {
			_ = conn.Close()
		}
		pool.SetMaxOpenConns(limit)
		if limit > 1 {
			pool.SetMaxIdleConns(core.DefaultAuxMaxIdleConns) // PocketBase's, which the limit of 1 took with it
		}
	}, err
}

// copyInUse copies the database that is in use, if one of the connections still has
// it, to a file beside path, and returns its name, "" if there is none.
func (p *Plugin) copyInUse(ctx context.Context, conns []*sql.Conn, path string) (string, error) {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, conn := range conns {
		var bytes int64
		err := conn.QueryRowContext(ctx, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size
			WHERE EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_logs')`).Scan(&bytes)
		if err != nil {
			continue // it has a new file, or a damaged one
		}
		if space, err := p.config.Space(filepath.Dir(path)); err == nil && space.Free < uint64(bytes)+p.wanted(space, p.config.MinFree, p.config.MinFreePercent) {
			continue // the logs are not worth a full disk
		}
		if _, err := conn.ExecContext(ctx, "VACUUM INTO ?", fresh); err == nil {
			return fresh, nil
		}
		if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", ctx.Err()
}

// hasLogs tells whether the file at path is a database with PocketBase's logs.
func hasLogs(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	db, err := openReadOnly(path)
	if err != nil {
		return false
	}
	defer db.Close()
	var has bool
	err = db.QueryRow("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_logs')").Scan(&has) //nolint:noctx // what is there does not depend on the time left
	return err == nil && has
}

// put makes fresh the file at path, or leaves none there.
func put(fresh, path string) error {
	names := []string{path, path + sidecars[0], path + sidecars[1]}
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if fresh == "" {
		return nil
	}
	return os.Rename(fresh, path)
}

// openReplaced makes what the plugins had in auxiliary.db, where it lacks, in a
// connection of its own, and remembers the file.
func (p *Plugin) openReplaced(path string) error {
	p.aux.mu.Lock()
	tables := p.aux.tables
	p.aux.mu.Unlock()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range tables {
		if _, err := db.Exec(ifMissing(statement)); err != nil { //nolint:noctx // what is begun is ended
			return fmt.Errorf("make what was in %s: %w", auxiliaryName, err)
		}
	}
	file, err := os.Stat(path)
	if err != nil {
		return err
	}
	p.aux.mu.Lock()
	defer p.aux.mu.Unlock()
	p.aux.file = file
	return nil
}

// ifMissing makes a statement of sqlite_master one that may be repeated.
func ifMissing(statement string) string {
	for _, begin := range []string{"CREATE TABLE ", "CREATE UNIQUE INDEX ", "CREATE INDEX ", "CREATE VIEW ", "CREATE TRIGGER "} {
		if rest, ok := strings.CutPrefix(statement, begin); ok {
			return begin + "IF NOT EXISTS " + rest
		}
	}
	return statement
}
