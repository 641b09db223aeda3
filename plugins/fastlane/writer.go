package fastlane

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

const (
	// mostAtATime is how many writes one transaction has. PocketBase's own writes wait
	// for it to end.
	mostAtATime = 64

	// longestGroup is after how long a transaction begins no other write. Those that are
	// done wait for its end, as PocketBase's own do, and some take as long as a batch.
	longestGroup = 100 * time.Millisecond

	// guardedFor is for how long jobs of a group are undone one by one, after a group in
	// which one has failed that had changed something.
	guardedFor = 10 * time.Second

	// mostWaiting is how many writes wait. The others wait at PocketBase.
	mostWaiting = 1024
)

// job is a write that waits to be done with others in one transaction.
type job interface {
	// do does the write, within the transaction, or says why PocketBase has to. What it
	// has done by then is undone.
	do(t *transaction) Reason
}

// ticket is a job's place in the queue.
type ticket struct {
	job    job
	reason Reason
	turn   chan bool // true says to lead, false that the job is done
}

// committer does jobs in transactions, as many in one as are there. It has no goroutine
// of its own: whoever finds nobody at work does what waits, once, and hands over to the
// first who waits then. So nobody waits for more to come, and nothing is left to stop.
type committer struct {
	mu      sync.Mutex
	waiting []*ticket
	led     bool
	halved  bool // an ablation: what fails is not undone
	lineage lineage
	// guardedUntil is until when jobs are undone one by one. It is the leader's.
	guardedUntil time.Time
}

// do returns when the job's transaction was committed, or why it was not done.
func (c *committer) do(app core.App, j job) Reason {
	t := &ticket{job: j, turn: make(chan bool, 1)}
	c.mu.Lock()
	if len(c.waiting) >= mostWaiting {
		c.mu.Unlock()
		return ReasonBusy
	}
	c.waiting = append(c.waiting, t)
	lead := !c.led
	c.led = true
	c.mu.Unlock()
	if !lead {
		lead = <-t.turn
	}
	if lead {
		c.lead(app, t)
	}
	return t.reason
}

// lead does the jobs that wait, of which own is the first, and hands over.
func (c *committer) lead(app core.App, own *ticket) {
	runtime.Gosched() // what is ready to run may be about to write, too: one commit for all is much less work
	group := c.commit(app)
	c.mu.Lock()
	if len(c.waiting) > 0 {
		c.waiting[0].turn <- true
	} else {
		c.led = false
	}
	c.mu.Unlock()
	for _, t := range group {
		if t != own {
			t.turn <- false
		}
	}
}

// take takes the jobs that are there by now.
func (c *committer) take() []*ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), mostAtATime)
	group := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return group
}

// back puts back what was not tried. It comes first the next time.
func (c *committer) back(rest []*ticket) {
	if len(rest) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = slices.Concat(rest, c.waiting)
}

// commit does a group of jobs. All of them were done when it returns, or have a reason.
// The connection is PocketBase's only one that writes, and is given back before anybody
// is answered, which is when the commit is told of.
func (c *committer) commit(app core.App) (group []*ticket) {
	committed := false
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("fastlane: panic: %v", r)
			}
		}()
		db, ok := sqliteOf(app.NonconcurrentDB())
		if !ok {
			return errNoQueries
		}
		conn, err := db.DB().Conn(context.Background())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, ignoreDone(conn.Close())) }()
		return conn.Raw(func(raw any) error {
			t := &transaction{raw: raw, halved: c.halved, lineage: &c.lineage}
			var begins, executes bool
			t.beginner, begins = raw.(driver.ConnBeginTx)
			t.execer, executes = raw.(driver.ExecerContext)
			if !begins || !executes {
				return errNoQueries
			}
			group = c.take()
			if err := c.run(t, group); err != nil {
				return err
			}
			committed = true
			c.back(group[t.tried:])
			group = group[:t.tried]
			return nil
		})
	}()
	if group == nil {
		group = c.take() // nobody was asked
	}
	switch {
	case committed && err != nil: // who hears of commits has failed; it is done
		app.Logger().Error("The connection that writes has failed after a commit.", slog.Any("error", err))
	case err != nil:
		app.Logger().Warn("Writes of the fast lane are left to PocketBase.", slog.Any("error", err), slog.Int("writes", len(group)))
		for _, t := range group {
			t.reason = ReasonWrite
		}
	}
	return group
}

// run does a group in a transaction. SQLite copies each page that is changed after a
// savepoint, and what fails has seldom changed anything: rules and relations are asked
// before. So the jobs share one transaction without savepoints until one fails that has
// changed something. Then all is undone, and done again with a savepoint for each.
func (c *committer) run(t *transaction, group []*ticket) error {
	_, known := sqlite.InTransaction(t.raw)
	t.guarded = len(group) > 1 && (!known || time.Now().Before(c.guardedUntil))
	err := t.run(group)
	if errors.Is(err, errHalf) && !errors.Is(err, driver.ErrBadConn) {
		c.guardedUntil = time.Now().Add(guardedFor)
		t.guarded, t.tried, t.callers = true, 0, nil
		err = t.run(group)
	}
	return err
}

// ignoreDone leaves out that a connection is closed already, as it was broken.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}

// transaction is one on the connection that writes.
type transaction struct {
	beginner driver.ConnBeginTx
	execer   driver.ExecerContext
	raw      any
	halved   bool
	lineage  *lineage
	guarded  bool            // each job has a savepoint
	changed  bool            // the job may have changed something
	tried    int             // how many jobs
	callers  map[caller]bool // whom rules let write that speak of nothing else
}

// errNoQueries is of a driver whose connections run nothing by themselves.
var errNoQueries = errors.New("fastlane: the driver's connections take no statements")

// errGone is of a transaction that has ended before its time.
var errGone = errors.New("fastlane: the transaction is gone")

// errHalf is of a job that has failed and has changed something.
var errHalf = errors.New("fastlane: a write has failed in the middle")

// run does a group of jobs. If it fails none of them was done. Package sqlite's
// transactions are the database's writer from their beginning, as those of PocketBase
// are then; others become so with the first statement that writes, or fail.
func (t *transaction) run(group []*ticket) error {
	tx, err := t.beginner.BeginTx(context.Background(), driver.TxOptions{})
	if err != nil {
		return err
	}
	found := sqlite.StateOf(t.raw)
	open := true
	defer func() {
		if open { // somebody has panicked
			_ = tx.Rollback()
		}
	}()
	done, err := t.each(group)
	open = false
	if err == nil && done > 0 {
		return t.commit(tx, found)
	}
	if undone := tx.Rollback(); undone != nil {
		// SQLite has done so itself, or cannot: the connection is not used again
		return errors.Join(err, undone, driver.ErrBadConn)
	}
	return err
}

// commit ends the transaction, and undoes what it cannot commit. found is the state
// that it began with.
func (t *transaction) commit(tx driver.Tx, found sqlite.State) error {
	if !sqlite.RowsAreAlone(t.raw) {
		found = sqlite.State{}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	t.lineage.grow(found, sqlite.StateOf(t.raw))
	return nil
}

// each does the jobs. It leaves those that would make the others wait for long.
func (t *transaction) each(group []*ticket) (done int, err error) {
	started := time.Now()
	for _, ticket := range group {
		if t.tried > 0 && time.Since(started) > longestGroup {
			break
		}
		t.tried++
		if t.guarded {
			err = t.guard(ticket)
		} else {
			err = t.bare(ticket, len(group) == 1)
		}
		if err != nil {
			return done, err
		}
		if ticket.reason == "" {
			done++
		}
	}
	return done, nil
}

// guard does a job, and undoes it if it fails.
func (t *transaction) guard(ticket *ticket) error {
	if err := t.exec("SAVEPOINT fastlane"); err != nil {
		return err
	}
	if ticket.reason = t.try(ticket.job); ticket.reason != "" && !t.halved {
		if err := t.exec("ROLLBACK TO fastlane"); err != nil {
			return errors.Join(errGone, err)
		}
	}
	if err := t.exec("RELEASE fastlane"); err != nil {
		return errors.Join(errGone, err)
	}
	return nil
}

// bare does a job. If one of several fails it fails with what it may have changed.
func (t *transaction) bare(ticket *ticket, alone bool) error {
	t.changed = false
	if ticket.reason = t.try(ticket.job); ticket.reason != "" && t.changed && !alone && !t.halved {
		return errHalf
	}
	if in, known := sqlite.InTransaction(t.raw); known && !in {
		return errGone // what comes next would be a transaction of its own
	}
	return nil
}

// try does one job. Its panic is its own.
func (t *transaction) try(j job) (reason Reason) {
	defer func() {
		if recover() != nil {
			reason = ReasonWrite // PocketBase comes by it, too, and tells of it
		}
	}()
	return j.do(t)
}

func (t *transaction) exec(text string) error {
	t.changed = true
	_, err := t.execer.ExecContext(context.Background(), text, nil)
	return err
}
