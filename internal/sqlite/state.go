package sqlite

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"unsafe" // to read what SQLite's connections share

	sqlite3 "modernc.org/sqlite/lib"
)

// State tells whether anything was committed to a database since. It is the header of
// the index of the write-ahead log, in the memory that all connections of all
// processes share. A commit changes it, by a checksum of the log, before it is seen by
// anybody; that a checkpoint, which changes no rows, may do so as well does no harm.
// The zero value is like no other.
type State struct {
	header [headerWords]uint64
	// presence is set while the log is empty, when its header is like that of any other
	// empty log: it tells since when a connection has had it open.
	presence uint64
	known    bool
}

// headerWords is the length of the header.
const headerWords = unsafe.Sizeof(sqlite3.TWalIndexHdr{}) / unsafe.Sizeof(uint64(0))

// RowsUnless is [Rows], but runs no query if same says that the state of the database,
// which is known then, is as good as one that the caller knows. It returns what the state
// was before the query, which is the zero value if it is not known: the database has no
// write-ahead log, or is not an [Engine]'s.
func RowsUnless(same func(now State) bool, db *sql.DB, q Query, use func(columns []string, row []Value) error) (now State, err error) {
	taken := reading.take()
	defer reading.end(taken)
	held, err := db.Conn(context.Background())
	if err != nil {
		return State{}, err
	}
	defer held.Close()
	err = held.Raw(func(raw any) error {
		if c, ok := raw.(*conn); ok {
			if now = c.state(); now.known && same(now) {
				return nil
			}
		}
		return RowsOn(raw, q, use)
	})
	return now, err
}

// StateOfDB is the state of a database as it is now, the zero value if that is not known.
// What is read between two moments in which it is the same is as of that state.
func StateOfDB(db *sql.DB) (now State) {
	held, err := db.Conn(context.Background())
	if err != nil {
		return State{}
	}
	defer held.Close()
	_ = held.Raw(func(raw any) error {
		if c, ok := raw.(*conn); ok {
			now = c.state()
		}
		return nil
	})
	return now
}

// Known tells whether it is not the zero value.
func (s State) Known() bool { return s.known }

// presence is the connections of one database that have its log open. As long as there is
// one, nobody can change the database in another way than by the log, nor remove that.
type presence struct {
	mu    sync.Mutex
	open  int
	since uint64 // the number of the first one
}

// join adds a connection of which the log is open, and returns since when there has been
// one.
func (p *presence) join(number uint64) (since uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open++; p.open == 1 {
		p.since = number
	}
	return p.since
}

// leave takes one out that is about to be closed.
func (p *presence) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
}

// connections is how many have asked for the state.
var connections atomic.Uint64

// state is that of the connection's database. It is what SQLite itself compares to see
// whether its cache is still good. It asks SQLite for nothing, as that would begin a
// transaction, and reads where the connection has mapped what it shares.
func (c *conn) state() State {
	h := c.handles()
	index := h.logIndex()
	if index == 0 {
		return State{}
	}
	if c.since == 0 { // before it looks: as of what it sees, somebody was there
		c.since = c.present.join(h.number)
	}
	// SQLite writes the second copy first, then the first one
	first := header(index)
	second := header(index + unsafe.Sizeof(first))
	s := State{header: first, known: true}
	read := (*sqlite3.TWalIndexHdr)(unsafe.Pointer(&s.header)) //nolint:gosec // of the same length
	if first != second || read.FisInit == 0 {
		return State{} // somebody writes it just now
	}
	if read.FmxFrame == 0 {
		s.presence = c.since
	}
	return s
}

// StateOf is the state that the connection of [database/sql.Conn.Raw] has seen last, by
// beginning a transaction, or has made, by committing it. It is the zero value if that is
// not known, or if the log was empty.
func StateOf(raw any) State {
	c, ok := raw.(*conn)
	if !ok {
		return State{}
	}
	log := c.handles().log()
	if log == nil || log.Fhdr.FisInit == 0 || log.Fhdr.FmxFrame == 0 {
		return State{}
	}
	return State{header: *(*[headerWords]uint64)(unsafe.Pointer(&log.Fhdr)), known: true} //nolint:gosec // of the same length
}

// RowsAreAlone tells whether a statement that changes rows of a table changes no other
// table, as far as the connection of [database/sql.Conn.Raw] knows, which has to be in a
// transaction in which it has run one: there is no trigger in the database and no foreign
// key, and no other database attached.
func RowsAreAlone(raw any) bool {
	const (
		ownDatabases = 2 // main, and the one of temporary tables
		loaded       = sqlite3.DB_SchemaLoaded
	)
	c, ok := raw.(*conn)
	if !ok {
		return false
	}
	h := c.handles()
	if h == nil {
		return false
	}
	db := (*sqlite3.Tsqlite3)(pointer(h.db))
	if db.FnDb != ownDatabases {
		return false
	}
	for i := range uintptr(ownDatabases) {
		database := (*sqlite3.TDb)(pointer(db.FaDb + i*unsafe.Sizeof(sqlite3.TDb{})))
		if database.FpSchema == 0 {
			return false
		}
		schema := (*sqlite3.TSchema)(pointer(database.FpSchema))
		if schema.FschemaFlags&loaded == 0 || schema.FtrigHash.Fcount != 0 || schema.FfkeyHash.Fcount != 0 {
			return false
		}
	}
	return true
}

func header(at uintptr) (words [headerWords]uint64) {
	for i := range words {
		words[i] = atomic.LoadUint64((*uint64)(pointer(at + uintptr(i)*unsafe.Sizeof(words[i]))))
	}
	return words
}

// handles are those of the connection, nil if they are not known.
func (c *conn) handles() *handles { return c.queries.handlesOf(c.driverConn) }

// logIndex is where the index of the write-ahead log begins, 0 if the connection has
// not read the database yet, there is none, or the handles are not known.
func (h *handles) logIndex() uintptr {
	pages := h.log()
	if pages == nil || pages.FnWiData < 1 || pages.FapWiData == 0 {
		return 0
	}
	return *(*uintptr)(pointer(pages.FapWiData))
}

// log is the connection's write-ahead log, nil as long as there is none, or if the
// handles are not known.
func (h *handles) log() *sqlite3.TWal {
	if h == nil {
		return nil
	}
	database := (*sqlite3.TDb)(pointer((*sqlite3.Tsqlite3)(pointer(h.db)).FaDb)) // the first one is main
	if database.FpBt == 0 {
		return nil
	}
	tree := (*sqlite3.TBtShared)(pointer((*sqlite3.TBtree)(pointer(database.FpBt)).FpBt))
	log := (*sqlite3.TPager)(pointer(tree.FpPager)).FpWal
	if log == 0 {
		return nil
	}
	return (*sqlite3.TWal)(pointer(log))
}
