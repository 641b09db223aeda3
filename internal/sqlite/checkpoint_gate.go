package sqlite

import (
	"context"
	"database/sql/driver"
	"sync"
	"time"
)

const (
	// slowStep is by how much longer each write waits than the one before, see [Gate.Slow].
	slowStep = 100 * time.Microsecond

	// gatePatience is how long a write waits before a gate that is shut. Then it tries
	// SQLite's own lock.
	gatePatience = 5 * time.Second
)

// Gate is where the writers of a database pass. Who moves its log to it, or copies the
// log, has to lock writers out now and then. SQLite lets those who wait for its lock
// sleep and ask again, for up to a tenth of a second: whoever asks beside busy writers
// does not get it for seconds, and they sleep long after it is free. Here they wait for
// what they are told.
//
// It is a courtesy among the connections of an [Engine]. What keeps the data whole
// is SQLite's lock, and other processes know only that.
type Gate struct {
	mu     sync.Mutex
	inside int           // writers
	shut   chan struct{} // closed when the gate opens; nil if it is open
	empty  chan struct{} // closed when the last one is out; nil if nobody waits for it
	slow   bool
	waited time.Duration // how long the last one had to wait, if they are slow
	passed int64
}

// Gate is where the writers of the database at path pass. It is for those who move its
// log, see [Engine.KeepWAL].
func (e *Engine) Gate(path string) *Gate {
	e.mu.Lock()
	defer e.mu.Unlock()
	g, ok := e.gates[path]
	if !ok {
		g = &Gate{}
		if e.gates == nil {
			e.gates = map[string]*Gate{}
		}
		e.gates[path] = g
	}
	return g
}

// Slow lets writers pass one by one, each after a longer wait than the one before:
// the hundredth after 10 ms. So in whatever time not many pass, and none waits
// much longer than another. Each call begins again with short waits. [Gate.Fast]
// ends it.
func (g *Gate) Slow() { g.pace(true) }

// Fast lets writers pass as they come.
func (g *Gate) Fast() { g.pace(false) }

func (g *Gate) pace(slow bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slow, g.waited = slow, 0
}

// Passed is how many transactions that write have passed.
func (g *Gate) Passed() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.passed
}

// Shut keeps writers out until open is called, and returns when the last one is
// out. If that takes longer than patience, or ctx is done, the gate is open again and
// open is nil. Only one at a time may do that: the engine itself does, unless
// [Engine.KeepWAL] leaves the log to somebody else. Calling open twice is harmless.
func (g *Gate) Shut(ctx context.Context, patience time.Duration) (open func()) {
	empty := make(chan struct{})
	g.mu.Lock()
	g.shut = make(chan struct{})
	if g.inside > 0 {
		g.empty = empty
	} else {
		close(empty)
	}
	g.mu.Unlock()
	open = sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(g.shut)
		g.shut, g.empty = nil, nil
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-empty:
		return open
	case <-timer.C:
	case <-ctx.Done():
	}
	open()
	return nil
}

// enter waits until a writer may pass.
func (g *Gate) enter(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.slow && g.shut == nil {
		g.waited += slowStep
		if err := g.wait(ctx, nil, g.waited); err != nil {
			return err
		}
	}
	var until time.Time
	for g.shut != nil { // again, maybe, before this one is awake
		if until.IsZero() {
			until = time.Now().Add(gatePatience)
		}
		left := time.Until(until)
		if left <= 0 {
			break
		}
		if err := g.wait(ctx, g.shut, left); err != nil {
			return err
		}
	}
	g.inside++
	g.passed++
	return nil
}

// wait returns when woken is closed, or after a while. g.mu is held, but not meanwhile.
func (g *Gate) wait(ctx context.Context, woken <-chan struct{}, longest time.Duration) error {
	g.mu.Unlock()
	defer g.mu.Lock()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-woken:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// begin passes the gate with a transaction that writes.
func (c *conn) begin(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if c.gate == nil || options.ReadOnly {
		return c.driverConn.BeginTx(ctx, options)
	}
	if err := c.gate.enter(ctx); err != nil {
		return nil, err
	}
	tx, err := c.driverConn.BeginTx(ctx, options)
	if err != nil {
		c.gate.leave()
		return nil, err
	}
	c.inside = true
	return gatedTx{tx, c}, nil
}

// gatedTx is a transaction that has passed the gate.
type gatedTx struct {
	driver.Tx
	of *conn
}

// Commit implements [driver.Tx].
func (tx gatedTx) Commit() error {
	defer tx.of.out()
	defer tx.of.handles().gather().end()
	return tx.Tx.Commit()
}

// Rollback implements [driver.Tx].
func (tx gatedTx) Rollback() error {
	defer tx.of.out()
	return tx.Tx.Rollback()
}

// out is called when a transaction has ended, or its connection.
func (c *conn) out() {
	if c.inside {
		c.inside = false
		c.gate.leave()
	}
}

// execAlone passes the gate with a statement that is a transaction of its own. One
// must not wait within a transaction, whose end is what the gate waits for. A
// transaction that was begun by a statement is not known to the gate: until its
// connection is given back, all pass.
func (c *conn) execAlone(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.gate == nil || c.inside || c.unknown {
		return c.exec(ctx, query, args)
	}
	if !isWrite(query) {
		c.unknown = true
		return c.exec(ctx, query, args)
	}
	if err := c.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer c.gate.leave()
	return c.exec(ctx, query, args)
}

// ResetSession implements [driver.SessionResetter]. database/sql calls it before a
// connection is used again.
func (c *conn) ResetSession(ctx context.Context) error {
	c.unknown = false
	return c.driverConn.ResetSession(ctx)
}
