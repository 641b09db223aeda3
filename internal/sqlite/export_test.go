package sqlite

// Kept is how many statements a connection keeps, as [database/sql.Conn.Raw] shows it.
func Kept(raw any) int {
	c := raw.(*conn)
	return c.writes.used.Len() + c.queries.used.Len()
}

// Proven tells whether a connection runs a query instead of another.
func Proven(raw any, query string) bool {
	element, ok := raw.(*conn).queries.byQuery[query]
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
