package sqlite

// Kept is how many statements a connection keeps, as [database/sql.Conn.Raw] shows it.
func Kept(raw any) int {
	c := raw.(*conn)
	return c.writes.used.Len() + c.queries.used.Len()
}

// How long writers wait at a gate.
const (
	GatePatience = gatePatience
	SlowStep     = slowStep
)
