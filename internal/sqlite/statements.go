package sqlite

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"hash/maphash"
	"strings"
	"time"
)

const (
	// writesKept is how many compiled statements that write a connection keeps. One
	// takes some kilobytes, more with the triggers that it runs.
	writesKept = 256

	// queriesKept is how many compiled queries. There are more connections that read.
	queriesKept = 64

	// longestKept is how long a statement is that is kept, in bytes. One of many rows
	// takes a hundred kilobytes when it is compiled, and seldom comes again.
	longestKept = 16 << 10

	// queriesSeen is how many queries a connection remembers to have run once.
	queriesSeen = 512
)

// exec runs a statement. PocketBase writes by the same few over and over, with
// other values. Compiling one costs as much as running it, the more so if its
// table has triggers, so they are kept.
func (c *conn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if result, ok := c.skipped(query); ok {
		return result, nil
	}
	if len(args) == 0 || len(query) > longestKept || !isWrite(query) {
		return c.driverConn.ExecContext(ctx, query, args)
	}
	k, err := c.writes.get(ctx, c.driverConn, as(query))
	if err != nil {
		return nil, err
	}
	return k.statement.ExecContext(ctx, args)
}

// query runs a query. It keeps those that come a second time: those of rules and
// filters often have a random name in them and never do.
func (c *conn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.keepWAL && isCheckpoint(query) {
		query = checkpointRows
	}
	if len(args) == 0 || len(query) > longestKept || !startsWith(query, "SELECT ") && !startsWith(query, "WITH ") || !c.seen.before(query) {
		return c.driverConn.QueryContext(ctx, query, args)
	}
	k, err := c.queries.get(ctx, c.driverConn, as(query))
	if err != nil {
		return nil, err
	}
	if k == nil || k.busy {
		return c.driverConn.QueryContext(ctx, query, args)
	}
	rows, err := k.statement.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	k.busy = true
	return &keptRows{driverRows: rows.(driverRows), of: k}, nil
}

// read runs a query of which the rows are wanted as SQLite has them. Like query it
// keeps those that come a second time.
func (c *conn) read(q Query, use func(columns []string, row []Value) error) error {
	if done, err := c.readInstead(q, use); done {
		return err
	}
	k := c.compiled(key{q.Text, q.Steady})
	if k == nil {
		return readSlowly(c, q, use)
	}
	err := c.readKept(k, q, use)
	if errors.Is(err, errTimes) { // before the first row
		return readSlowly(c, q, use)
	}
	return err
}

func (c *conn) readKept(k *kept, q Query, use func(columns []string, row []Value) error) (err error) {
	k.busy = true
	defer func() { k.busy = false }()
	if c.watch == nil {
		return k.compiled.read(q, nil, use)
	}
	s := Statement{Context: context.Background(), Kind: Read, Query: q.Text, Values: len(q.Arguments), Started: time.Now()}
	defer func() {
		s.Err = err
		c.watch(s)
	}()
	return k.compiled.read(q, &s.Took, use)
}

// compiled returns the kept statement of a query that came before, nil if there is
// none whose handle is known.
func (c *conn) compiled(query key) *kept {
	if _, is := c.queries.byKey[query]; !is && !c.seen.has(query.text) {
		return nil
	}
	return c.keep(query)
}

// keep returns the kept statement of a query, nil if it cannot be kept or used.
func (c *conn) keep(query key) *kept {
	if len(query.text) > longestKept {
		return nil
	}
	c.queries.handlesOf(c.driverConn)
	k, err := c.queries.get(context.Background(), c.driverConn, query)
	if err != nil || k == nil || k.busy || k.compiled == nil {
		return nil // the driver says what is wrong
	}
	return k
}

// isWrite tells whether a statement changes rows.
func isWrite(query string) bool {
	for _, verb := range []string{"INSERT ", "UPDATE ", "DELETE ", "REPLACE "} {
		if startsWith(query, verb) {
			return true
		}
	}
	return false
}

func startsWith(query, verb string) bool {
	return len(query) > len(verb) && strings.EqualFold(query[:len(verb)], verb)
}

// statement is what the driver prepares.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// driverRows is what the driver returns and database/sql makes use of.
type driverRows interface {
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// keptRows are the rows of a kept statement, which nobody else may use meanwhile.
type keptRows struct {
	driverRows
	of *kept
}

// Close implements [driver.Rows].
func (r *keptRows) Close() error {
	r.of.busy = false
	return r.driverRows.Close()
}

// statements are compiled statements of one connection, those that were used
// last. SQLite compiles one again by itself after a change of the schema.
type statements struct {
	limit   int
	byKey   map[key]*list.Element // of *kept
	used    *list.List            // the last one first
	handles *handles              // nil if they are not known, or nobody has asked
	asked   bool
}

// key is what a statement is compiled from.
type key struct {
	text   string
	steady bool // see Query.Steady
}

func as(text string) key { return key{text: text} }

type kept struct {
	key       key
	statement statement
	compiled  *compiled // nil if its handle is not known
	busy      bool      // its rows are being read
}

func newStatements(limit int) statements {
	return statements{limit: limit, byKey: map[key]*list.Element{}, used: list.New()}
}

// handlesOf looks for the handles of the connection, once.
func (s *statements) handlesOf(c driverConn) *handles {
	if !s.asked {
		s.asked, s.handles = true, newHandles(c)
	}
	return s.handles
}

// get returns the statement of a query, or nil if there is no place for it.
func (s *statements) get(ctx context.Context, c driverConn, query key) (*kept, error) {
	if element, ok := s.byKey[query]; ok {
		k := element.Value.(*kept)
		if k.compiled == nil { // it was kept before somebody asked
			k.compiled = newCompiled(s.handles, k.statement)
		}
		if k.busy || !k.spoilt() {
			s.used.MoveToFront(element)
			return k, nil
		}
		if err := s.drop(element); err != nil {
			return nil, err
		}
	}
	if s.used.Len() >= s.limit && s.used.Back().Value.(*kept).busy {
		return nil, nil
	}
	prepared, err := s.prepare(ctx, c, query)
	if err != nil {
		return nil, err
	}
	if s.used.Len() >= s.limit {
		if err := s.drop(s.used.Back()); err != nil {
			return nil, err
		}
	}
	k := &kept{key: query, statement: prepared.(statement)}
	k.compiled = newCompiled(s.handles, k.statement)
	s.byKey[query] = s.used.PushFront(k)
	return k, nil
}

// prepare compiles a query.
func (s *statements) prepare(ctx context.Context, c driverConn, query key) (driver.Stmt, error) {
	if query.steady && s.handles != nil {
		s.handles.keepPlans(true)
		defer s.handles.keepPlans(false)
	}
	return c.PrepareContext(ctx, query.text)
}

// spoilt tells whether a steady statement is no longer: SQLite has compiled it again by
// itself, after a change of the schema.
func (k *kept) spoilt() bool {
	return k.key.steady && k.compiled != nil && k.compiled.compilations() > 0
}

func (s *statements) drop(element *list.Element) error {
	k := s.used.Remove(element).(*kept)
	delete(s.byKey, k.key)
	return k.statement.Close()
}

// close frees all of them.
func (s *statements) close() error {
	for s.used.Len() > 0 {
		if err := s.drop(s.used.Back()); err != nil {
			return err
		}
	}
	if s.handles != nil {
		s.handles.free()
	}
	return nil
}

// memory knows the queries that a connection ran lately. It may take one for
// another, which costs nothing but a place.
type memory struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

func newMemory() memory {
	return memory{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
}

// has tells whether the query ran before.
func (m *memory) has(query string) bool {
	_, ok := m.seen[maphash.String(m.seed, query)]
	return ok
}

// before tells whether the query ran before, and remembers it.
func (m *memory) before(query string) bool {
	hash := maphash.String(m.seed, query)
	if _, ok := m.seen[hash]; ok {
		return true
	}
	if len(m.seen) >= queriesSeen {
		clear(m.seen)
	}
	m.seen[hash] = struct{}{}
	return false
}
