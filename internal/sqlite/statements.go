package sqlite

import (
	"container/list"
	"context"
	"database/sql/driver"
	"strings"
)

// statementsKept is how many compiled statements a connection keeps. One takes
// some kilobytes, more with the triggers that it runs.
const statementsKept = 256

// ExecContext implements [driver.ExecerContext]. PocketBase writes by the same
// few statements over and over, with other values. Compiling one costs as much
// as running it, the more so if its table has triggers, so they are kept.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 || !isWrite(query) {
		return c.driverConn.ExecContext(ctx, query, args)
	}
	statement, err := c.statements.get(ctx, c.driverConn, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args)
}

// isWrite tells whether a statement changes rows. Others are seldom repeated.
func isWrite(query string) bool {
	for _, verb := range []string{"INSERT ", "UPDATE ", "DELETE ", "REPLACE "} {
		if len(query) > len(verb) && strings.EqualFold(query[:len(verb)], verb) {
			return true
		}
	}
	return false
}

// statement is what the driver prepares.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
}

// statements are the compiled statements of one connection, those that were used
// last. SQLite compiles one again by itself after a change of the schema.
type statements struct {
	byQuery map[string]*list.Element // of *kept
	used    *list.List               // the last one first
}

type kept struct {
	query     string
	statement statement
}

func newStatements() statements {
	return statements{byQuery: map[string]*list.Element{}, used: list.New()}
}

func (s *statements) get(ctx context.Context, c driverConn, query string) (statement, error) {
	if element, ok := s.byQuery[query]; ok {
		s.used.MoveToFront(element)
		return element.Value.(*kept).statement, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	for s.used.Len() >= statementsKept {
		if err := s.drop(s.used.Back()); err != nil {
			return nil, err
		}
	}
	k := &kept{query: query, statement: prepared.(statement)}
	s.byQuery[query] = s.used.PushFront(k)
	return k.statement, nil
}

func (s *statements) drop(element *list.Element) error {
	k := s.used.Remove(element).(*kept)
	delete(s.byQuery, k.query)
	return k.statement.Close()
}

// close frees all of them.
func (s *statements) close() error {
	for s.used.Len() > 0 {
		if err := s.drop(s.used.Back()); err != nil {
			return err
		}
	}
	return nil
}
