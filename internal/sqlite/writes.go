package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// This file writes rows as direct.go reads them: on the driver's connections and kept
// statements, by SQLite's functions. The driver copies each text to memory of its own,
// looks for each argument among all, and makes an interface of each value.

// Error is what SQLite says of a statement that has failed, in the words of the driver.
type Error struct {
	message string
	code    int
}

// Error implements error.
func (e *Error) Error() string { return e.message }

// Code is SQLite's extended result code, as the driver's error has it.
func (e *Error) Code() int { return e.code }

// failure is what SQLite has just said.
func (h *handles) failure(code int32) *Error {
	kind, detail := libc.GoString(sqlite3.Xsqlite3_errstr(h.thread, code)), libc.GoString(sqlite3.Xsqlite3_errmsg(h.thread, h.db))
	if detail != kind {
		kind += ": " + detail
	}
	message := fmt.Sprintf("%s (%d)", kind, code)
	if code == sqlite3.SQLITE_BUSY {
		message += " (SQLITE_BUSY)"
	}
	return &Error{message: message, code: int(code)}
}

// ExecOn runs a statement that changes rows, within a transaction that
// [driver.ConnBeginTx] has begun on a connection as [database/sql.Conn.Raw] has it. It
// is what ExecContext does, for less. There are as many arguments as parameters. Rows that
// the statement returns are left out.
func ExecOn(raw any, query string, arguments []Value) error {
	if c, ok := raw.(*conn); ok && c.inside {
		if k := c.keptWrite(query, arguments); k != nil {
			return c.writeKept(k, arguments)
		}
	}
	execer, ok := raw.(driver.ExecerContext)
	if !ok {
		return errNoQueries
	}
	_, err := execer.ExecContext(context.Background(), query, named(arguments))
	return err
}

// keptWrite returns the kept statement of one that writes, nil if the driver has to run
// it, or to say what is wrong with it.
func (c *conn) keptWrite(query string, arguments []Value) *kept {
	if len(arguments) == 0 || len(query) > longestKept || !isWrite(query) {
		return nil
	}
	c.writes.handlesOf(c.driverConn)
	k, err := c.writes.get(context.Background(), c.driverConn, as(query))
	if err != nil || k == nil || k.compiled == nil {
		return nil
	}
	return k
}

func (c *conn) writeKept(k *kept, arguments []Value) error {
	if c.watch == nil {
		return k.compiled.write(arguments)
	}
	started := time.Now()
	err := k.compiled.write(arguments)
	c.watch(Statement{
		Context: context.Background(), Kind: Write, Query: k.key.text, Values: len(arguments),
		Started: started, Took: time.Since(started), Err: err,
	})
	return err
}

// write runs the statement to its end.
func (s *compiled) write(arguments []Value) error {
	defer s.reset()
	if err := s.bind(arguments); err != nil {
		return err
	}
	for {
		switch code := sqlite3.Xsqlite3_step(s.of.thread, s.handle); code {
		case sqlite3.SQLITE_ROW:
		case sqlite3.SQLITE_DONE:
			return nil
		default:
			return s.of.failure(code)
		}
	}
}

// InTransaction tells whether a connection as [database/sql.Conn.Raw] has it is in a
// transaction, if that is known. SQLite ends one by itself where a disk fails.
func InTransaction(raw any) (in, known bool) {
	c, ok := raw.(*conn)
	if !ok {
		return false, false
	}
	h := c.handles()
	if h == nil {
		return false, false
	}
	return sqlite3.Xsqlite3_get_autocommit(h.thread, h.db) == 0, true
}
