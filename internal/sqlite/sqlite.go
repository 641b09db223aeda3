// Package sqlite opens PocketBase's databases on its pinned pure-Go driver and
// tells when something was committed.
//
//	engine := sqlite.New()
//	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
//	engine.OnCommit(func(path string) { ... })
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"

	"github.com/pocketbase/dbx"
	modernc "modernc.org/sqlite"
)

// pragmas are PocketBase's own, in its order (busy_timeout has to come first),
// and recursive_triggers: without it a REPLACE that evicts another row through a
// unique index deletes that row without firing its triggers.
const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)" +
	"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)" +
	"&_pragma=recursive_triggers(ON)"

// Engine opens databases and watches their commits. Two engines in one process
// do not notice each other.
type Engine struct {
	mu        sync.RWMutex
	listeners []func(path string)
}

// New returns an engine.
func New() *Engine {
	return &Engine{}
}

// OnCommit registers listener for all transactions that are about to be
// committed by this process on a connection of this engine. It runs within the
// commit, on the committing goroutine and before others can see the result: it
// may only leave a signal, and whoever acts on it has to look until the change
// is there. It must not use the database.
func (e *Engine) OnCommit(listener func(path string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners = append(e.listeners, listener)
}

// Connect opens the database file at path. It is a [core.DBConnectFunc].
func (e *Engine) Connect(path string) (*dbx.DB, error) {
	drv := &modernc.Driver{}
	drv.RegisterConnectionHook(func(conn modernc.ExecQuerierContext, _ string) error {
		if hooks, ok := conn.(modernc.HookRegisterer); ok {
			hooks.RegisterCommitHook(func() int32 {
				e.committing(path)
				return 0 // anything else would turn the commit into a rollback
			})
		}
		return nil
	})
	return dbx.NewFromDB(sql.OpenDB(connector{driver: drv, dsn: path + pragmas}), "sqlite"), nil
}

func (e *Engine) committing(path string) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, listener := range e.listeners {
		listener(path)
	}
}

// connector opens connections of a driver that is registered under no name.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }
