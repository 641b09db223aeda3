// Package sqlite opens PocketBase's databases on its pinned pure-Go driver, keeps
// compiled statements and tells when something was committed.
//
//	engine := sqlite.New()
//	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
//	engine.OnCommit(func(path string) { ... })
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"github.com/pocketbase/dbx"
	modernc "modernc.org/sqlite"
)

// pragmas are PocketBase's own, in its order (busy_timeout has to come first), but for
// the cache: PocketBase has 32 MB for each connection, of which there are 15 and more. A
// quarter is as fast with a table of 40 MB, or faster, as it stays in the processor's own
// caches, and halves what the program takes.
const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
	"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-8000)"

// recursive lets triggers fire triggers: without it a REPLACE that evicts another
// row through a unique index deletes that row without firing its triggers.
const recursive = "&_pragma=recursive_triggers(ON)"

// limited is PocketBase's bound on the size of a write-ahead log that is not in use.
const limited = "&_pragma=journal_size_limit(200000000)"

// copied is instead of it for databases whose write-ahead log is copied, see
// [Engine.KeepWAL]. The bound would empty the log with the last connection.
const copied = "&_pragma=wal_autocheckpoint(0)"

// immediate makes a transaction the database's writer from its beginning. One that
// begins by reading can no longer write once another process has committed: SQLite
// says that the database is locked, however long one is ready to wait. PocketBase
// has one connection that writes, so within a process nobody waits for longer.
// Transactions that say that they only read are left alone.
const immediate = "&_txlock=immediate"

// driverName is what the driver calls itself. Functions and collations that a
// program registers with the driver are found under this name only.
const driverName = "sqlite"

// Engine opens databases and watches their commits. Two engines in one process
// do not notice each other.
type Engine struct {
	// PlainTriggers leaves recursive_triggers off, as PocketBase has it, for
	// databases with triggers of their own that write to the table they are on:
	// with it these fire themselves without end, and each write fails. It is set
	// before the first connection.
	PlainTriggers bool

	// KeepWAL leaves the write-ahead logs of the databases to a part of the program
	// that copies them, and that moves what it has copied to the databases. Their
	// connections do not: PRAGMA wal_checkpoint, which PocketBase runs every night
	// and for each backup, does nothing and says so as SQLite says that nothing was
	// to be done. It would wait for the reader that the copy is made by, for as long
	// as busy_timeout says, and all writers with it. The log outlives the last
	// connection, so that copying goes on where it ended. It is set before the first
	// connection.
	KeepWAL bool

	mu        sync.RWMutex
	listeners []func(path string)
	watchers  []func(Statement)
	gates     map[string]*Gate // by path
	movers    map[string]*checkpointer
	presences map[string]*presence
}

// New returns an engine.
func New() *Engine {
	return &Engine{}
}

// OnCommit registers listener for all commits of this process on connections of
// this engine. It is called as soon as the commit can be seen by others, on the
// goroutine that made it and before the next use of its connection: it may only
// leave a signal, and must not use the database. A transaction that changed
// nothing counts, too. A commit on a [sql.Conn] is told when that is closed.
func (e *Engine) OnCommit(listener func(path string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners = append(e.listeners, listener)
}

// Connect opens the database file at path. It is a [core.DBConnectFunc].
func (e *Engine) Connect(path string) (*dbx.DB, error) {
	registered, err := sql.Open(driverName, "") // opens nothing
	if err != nil {
		return nil, fmt.Errorf("sqlite: find the driver: %w", err)
	}
	defer registered.Close()
	dsn := path + pragmas + immediate
	if !e.PlainTriggers {
		dsn += recursive
	}
	if e.KeepWAL {
		dsn += copied
	} else {
		dsn += limited + autoCheckpoint
	}
	c := connector{
		driver: registered.Driver(), dsn: dsn, keepWAL: e.KeepWAL,
		committed: func() { e.tell(path) },
		watch:     func() func(Statement) { return e.watch(path) },
		gate:      e.Gate(path),
		present:   e.presence(path),
	}
	if !e.KeepWAL {
		c.mover = e.checkpointer(path, c.driver, dsn)
	}
	return dbx.NewFromDB(sql.OpenDB(c), driverName), nil
}

// checkpointer is that of the database at path.
func (e *Engine) checkpointer(path string, d driver.Driver, dsn string) *checkpointer {
	gate := e.Gate(path)
	e.mu.Lock()
	defer e.mu.Unlock()
	k, ok := e.movers[path]
	if !ok {
		k = &checkpointer{path: path, gate: gate, open: func() (driver.Conn, error) { return d.Open(dsn) }}
		if e.movers == nil {
			e.movers = map[string]*checkpointer{}
		}
		e.movers[path] = k
	}
	return k
}

// presence is that of the database at path.
func (e *Engine) presence(path string) *presence {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, ok := e.presences[path]
	if !ok {
		p = new(presence)
		if e.presences == nil {
			e.presences = map[string]*presence{}
		}
		e.presences[path] = p
	}
	return p
}

func (e *Engine) tell(path string) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, listener := range e.listeners {
		listener(path)
	}
}

// connector opens connections that tell of their commits.
type connector struct {
	driver    driver.Driver
	dsn       string
	keepWAL   bool
	gate      *Gate
	present   *presence
	mover     *checkpointer // nil if the log is kept
	committed func()
	watch     func() func(Statement)
}

func (c connector) Driver() driver.Driver { return c.driver }

// Close implements [io.Closer]. A closed pool leaves nothing behind that uses its file.
func (c connector) Close() error {
	if c.mover == nil {
		return nil
	}
	return c.mover.close()
}

func (c connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	full, ok := opened.(driverConn)
	if !ok {
		return nil, fmt.Errorf("sqlite: the driver's connection %T lacks a method", opened)
	}
	if c.keepWAL {
		if err := persistWAL(opened); err != nil {
			return nil, errors.Join(err, opened.Close())
		}
	}
	wrapped := &conn{
		driverConn: full, tell: c.committed, watch: c.watch(), keepWAL: c.keepWAL, gate: c.gate, mover: c.mover,
		present: c.present, writes: newStatements(writesKept), queries: newStatements(queriesKept), seen: newMemory(),
	}
	full.RegisterCommitHook(func() int32 {
		wrapped.committed = true
		return 0 // anything else would turn the commit into a rollback
	})
	return wrapped, nil
}

// driverConn is what database/sql makes use of in the driver's connections, and
// what programs reach by [sql.Conn.Raw].
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	modernc.HookRegisterer
	NewBackup(destination string) (*modernc.Backup, error)
	NewRestore(source string) (*modernc.Backup, error)
	Serialize() ([]byte, error)
	Deserialize(content []byte) error
}

// conn is a connection that keeps its statements and tells of its commits. SQLite's hook comes before
// others can see the commit; database/sql asks whether the connection is valid
// when it is done with it, which is after.
type conn struct {
	driverConn
	writes, queries statements
	seen            memory // queries
	committed       bool   // by the hook; a connection has one user at a time
	keepWAL         bool
	gate            *Gate
	present         *presence
	since           uint64        // see presence.join, 0 before
	mover           *checkpointer // nil if the log is kept
	inside          bool          // a transaction has passed the gate
	unknown         bool          // there may be a transaction that has not
	tell            func()
	watch           func(Statement) // nil if nobody listens
}

// Close implements [driver.Conn]. The driver keeps the hook of a closed
// connection unless it is taken back.
func (c *conn) Close() error {
	c.RegisterCommitHook(nil)
	if c.since != 0 {
		c.present.leave() // while its log is open
	}
	defer c.out()
	return errors.Join(c.writes.close(), c.queries.close(), c.driverConn.Close())
}

// IsValid implements [driver.Validator].
func (c *conn) IsValid() bool {
	if c.committed {
		c.committed = false
		if c.mover != nil {
			c.mover.note(c.logPages())
		}
		c.tell()
	}
	return c.driverConn.IsValid()
}
