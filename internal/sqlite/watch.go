package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"time"
)

// Kind says what a statement is for.
type Kind string

// The kinds of statements.
const (
	Read  Kind = "read"  // a query
	Write Kind = "write" // everything that is executed
	// Begin is the wait for the database's one writer.
	Begin Kind = "begin"
	// Commit is when the changes of a transaction are written to the log.
	Commit Kind = "commit"
)

// Statement is one that has run.
type Statement struct {
	// Context is that of whoever ran it. It is for values; it may have ended.
	Context context.Context
	// Path is the database file's.
	Path string
	Kind Kind
	// Query is the text, without the values. It is empty for Begin and Commit.
	Query string
	// Values is how many there were.
	Values int
	// Started is when it began.
	Started time.Time
	// Took is the time within SQLite: what the program does between two rows is not
	// in it.
	Took time.Duration
	// Err is why it failed, nil if it did not.
	Err error
}

// OnStatement registers a listener for all statements on connections that are
// opened from then on. It is called on the goroutine that ran the statement, and
// must not use the database. Without a listener no time is taken.
func (e *Engine) OnStatement(listener func(Statement)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watchers = append(e.watchers, listener)
}

// watch returns what is told of the statements of a new connection, nil if nobody
// listens.
func (e *Engine) watch(path string) func(Statement) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if len(e.watchers) == 0 {
		return nil
	}
	watchers := e.watchers[:len(e.watchers):len(e.watchers)]
	return func(s Statement) {
		s.Path = path
		for _, watcher := range watchers {
			watcher(s)
		}
	}
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.watch == nil {
		return c.execAlone(ctx, query, args)
	}
	started := time.Now()
	result, err := c.execAlone(ctx, query, args)
	c.watch(Statement{Context: ctx, Kind: Write, Query: query, Values: len(args), Started: started, Took: time.Since(started), Err: err})
	return result, err
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.watch == nil {
		return c.query(ctx, query, args)
	}
	started := time.Now()
	rows, err := c.query(ctx, query, args)
	s := Statement{Context: ctx, Kind: Read, Query: query, Values: len(args), Started: started, Took: time.Since(started), Err: err}
	if err != nil {
		c.watch(s)
		return nil, err
	}
	return &watchedRows{driverRows: rows.(driverRows), statement: s, tell: c.watch}, nil
}

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if c.watch == nil {
		return c.begin(ctx, options)
	}
	started := time.Now()
	tx, err := c.begin(ctx, options)
	c.watch(Statement{Context: ctx, Kind: Begin, Started: started, Took: time.Since(started), Err: err})
	if err != nil {
		return nil, err
	}
	return watchedTx{tx, ctx, c.watch}, nil
}

// watchedRows are rows that tell how long they took when they are closed.
type watchedRows struct {
	driverRows
	statement Statement
	tell      func(Statement)
}

// Next implements [driver.Rows].
func (r *watchedRows) Next(row []driver.Value) error {
	started := time.Now()
	err := r.driverRows.Next(row)
	r.statement.Took += time.Since(started)
	if err != nil && !errors.Is(err, io.EOF) {
		r.statement.Err = err
	}
	return err
}

// Close implements [driver.Rows].
func (r *watchedRows) Close() error {
	err := r.driverRows.Close()
	if r.tell != nil {
		r.tell(r.statement)
		r.tell = nil // database/sql may close twice
	}
	return err
}

// watchedTx tells how long its commit took.
type watchedTx struct {
	driver.Tx
	ctx  context.Context //nolint:containedctx // of its beginning, as a commit is given none
	tell func(Statement)
}

// Commit implements [driver.Tx].
func (tx watchedTx) Commit() error {
	started := time.Now()
	err := tx.Tx.Commit()
	tx.tell(Statement{Context: tx.ctx, Kind: Commit, Started: started, Took: time.Since(started), Err: err})
	return err
}
