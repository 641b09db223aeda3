package sqlite

import (
	"sync"
	"unsafe" // as what it tests has it

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// Kept is how many statements a connection keeps, as [database/sql.Conn.Raw] shows it.
func Kept(raw any) int {
	c := raw.(*conn)
	return c.writes.used.Len() + c.queries.used.Len()
}

// Proven tells whether a connection runs a query instead of another.
func Proven(raw any, query string) bool {
	element, ok := raw.(*conn).queries.byKey[as(query)]
	return ok && element.Value.(*kept).compiled.proof.same
}

// How long writers wait at a gate.
const (
	GatePatience = gatePatience
	SlowStep     = slowStep
)

// Turns, for tests.
type Turns struct{ turns }

func NewTurns(n int) Turns     { return Turns{make(turns, n)} }
func (t Turns) Take() bool     { return t.take() }
func (t Turns) End(taken bool) { t.end(taken) }

const LongestTurn = longestTurn

// LogPages is how many pages the write-ahead log has, and how many of them are in the
// database, as [database/sql.Conn.Raw]'s connection sees it.
func LogPages(raw any) (all, moved uint32) {
	pages := raw.(*conn).logPages()
	return pages.all, pages.moved
}

// WaitForCheckpoint waits until no log is moved any more.
func (e *Engine) WaitForCheckpoint(path string) {
	e.mu.RLock()
	k := e.movers[path]
	e.mu.RUnlock()
	k.wait()
}

// Checkpoints is how often moving the log was begun, and how often writers were locked
// out for it.
func (e *Engine) Checkpoints(path string) (begun, lockedOut int64) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	k := e.movers[path]
	return k.begun.Load(), k.lockedOut.Load()
}

// When the log is moved.
const (
	MoveAfter  = moveAfter
	RenewAfter = renewAfter
	OwnPages   = ownPages
	TriedAgain = triedAgain
)

// Compilations is how often SQLite has compiled a query again that a connection keeps.
func Compilations(raw any, q Query) (times int32, is bool) {
	element, ok := raw.(*conn).queries.byKey[key{q.Text, q.Steady}]
	if !ok {
		return 0, false
	}
	return element.Value.(*kept).compiled.compilations(), true
}

// WritesDirectly tells whether a connection writes by the handle of a kept statement.
func WritesDirectly(raw any, query string) bool {
	element, ok := raw.(*conn).writes.byKey[as(query)]
	return ok && element.Value.(*kept).compiled != nil
}

// LogSpy counts the calls by which a connection's commits write to its log.
type LogSpy struct {
	Calls, Bytes int
	// Fail is after how many calls they fail, 0 for never.
	Fail int
}

// spies are those of files, by their address.
var spies sync.Map

// SpyOnLog puts itself between SQLite and the log of [database/sql.Conn.Raw]'s
// connection, until the spy is taken back.
func SpyOnLog(raw any) (spy *LogSpy, takeBack func()) {
	h := raw.(*conn).handles()
	at := h.log().FpWalFd
	file := (*sqlite3.Tsqlite3_file)(pointer(at))
	own := file.FpMethods
	table := libc.Xmalloc(h.thread, types.Size_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	methods := (*sqlite3.Tsqlite3_io_methods)(pointer(table))
	*methods = *(*sqlite3.Tsqlite3_io_methods)(pointer(own))
	methods.FxWrite = spyWrite
	spy = &LogSpy{}
	spies.Store(at, spiedFile{spy, (*sqlite3.Tsqlite3_io_methods)(pointer(own)).FxWrite})
	file.FpMethods = table
	return spy, func() {
		file.FpMethods = own
		spies.Delete(at)
		libc.Xfree(h.thread, table)
	}
}

type spiedFile struct {
	spy *LogSpy
	own uintptr
}

var spyWrite = function[writeFunction](func(t *libc.TLS, file, data uintptr, n int32, at int64) int32 {
	found, _ := spies.Load(file)
	of := found.(spiedFile)
	of.spy.Calls++
	of.spy.Bytes += int(n)
	if of.spy.Fail > 0 && of.spy.Calls >= of.spy.Fail {
		return sqlite3.SQLITE_FULL
	}
	return called[writeFunction](of.own)(t, file, data, n, at)
})

// FrameHeader and MostGathered are lengths in bytes.
const (
	FrameHeader  = frameHeader
	MostGathered = mostGathered
)
