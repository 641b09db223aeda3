package sqlite

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
