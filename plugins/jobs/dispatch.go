package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

const (
	// progressInterval is how often progress is written at most.
	progressInterval = 500 * time.Millisecond

	// retryTurn is the pause after the database refused a turn.
	retryTurn = 200 * time.Millisecond
)

// dispatch is the one goroutine that claims jobs and stores what became of them.
// Each of its turns is one transaction, whatever has gathered meanwhile, so that
// many short jobs share their commits. It sleeps until it is woken, something
// falls due, or the poll interval has passed.
func (p *Plugin) dispatch(ctx context.Context) {
	defer close(p.drained)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.drain(context.WithoutCancel(ctx))
			return
		case <-p.woken:
		case <-timer.C:
		}
		pause, err := p.turn(ctx, true)
		if err != nil && ctx.Err() == nil {
			p.app.Logger().Error("Jobs could not be claimed or stored; the next try follows.", slog.Any("error", err))
			pause = retryTurn
		}
		p.signals.turned()
		timer.Reset(pause)
	}
}

// turn does what there is to do and tells how long nothing will be due.
func (p *Plugin) turn(ctx context.Context, claim bool) (time.Duration, error) {
	w := p.takeWork(claim)
	now := p.now()
	view, err := p.look(ctx, w)
	if err != nil {
		p.putBack(w)
		return 0, fmt.Errorf("look for jobs: %w", err)
	}
	p.cancelRequested(view)
	until := p.untilNext(view, now, w)
	w.due = view.Expires.Valid && view.Expires.Int64 < now.UnixMilli() || view.Due.Valid && view.Due.Int64 <= now.UnixMilli()
	if len(w.settled) == 0 && len(w.progress) == 0 && (!claim || !view.Ready && !w.due) {
		return until, p.tickIfDue(ctx, view, now)
	}

	var claimed, lost []row
	err = p.app.RunInTransaction(func(tx core.App) (err error) {
		claimed, lost, err = p.turnIn(tx, w, now)
		return err
	})
	if err != nil {
		p.putBack(w)
		return 0, err
	}
	p.forget(w.settled, lost)
	p.begin(ctx, claimed, now)
	p.wake() // to look again: the view is from before
	if err := p.tickIfDue(ctx, view, now); err != nil {
		return 0, err
	}
	return until, nil
}

// lookInterval is how often a busy dispatcher looks beyond its own jobs.
const lookInterval = 50 * time.Millisecond

// look finds out what there is to do. If there is something to store it need not
// know: the turn that follows looks.
func (p *Plugin) look(ctx context.Context, w work) (outlook, error) {
	if len(w.settled) > 0 && time.Since(p.looked) < lookInterval {
		return outlook{}, nil
	}
	p.looked = time.Now()
	return p.store.look(ctx, p.app.ConcurrentDB(), p.owner, w.queues(), w.kinds)
}

// work is what a turn starts from.
type work struct {
	settled  []*run
	progress []*run
	later    bool // there is progress that may be written only later
	free     map[string]int
	kinds    []string
	claim    bool
	due      bool // jobs' time has come, or their lease has ended
}

func (w work) queues() []string {
	var queues []string
	for queue, free := range w.free {
		if free > 0 {
			queues = append(queues, queue)
		}
	}
	slices.Sort(queues)
	return queues
}

// takeWork collects what is to be written, and how many jobs each queue can take
// once it is.
func (p *Plugin) takeWork(claim bool) work {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := work{settled: p.settled, free: map[string]int{}, claim: claim}
	p.settled = nil
	due := time.Since(p.flushed) >= progressInterval
	for queue, concurrency := range p.config.Queues {
		w.free[queue] = concurrency
	}
	done := map[*run]bool{}
	for _, r := range w.settled {
		done[r] = true
	}
	for r := range p.runs {
		if done[r] {
			continue
		}
		w.free[r.row.Queue]--
		r.mu.Lock()
		dirty := r.dirty && !r.inTx
		r.mu.Unlock()
		if dirty && due {
			w.progress = append(w.progress, r)
		}
		w.later = w.later || dirty && !due
	}
	if len(w.progress) > 0 {
		p.flushed = time.Now()
	}
	for kind := range p.kinds {
		w.kinds = append(w.kinds, kind)
	}
	slices.Sort(w.kinds)
	return w
}

// putBack keeps what a turn failed to write for the next one.
func (p *Plugin) putBack(w work) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = append(w.settled, p.settled...)
	for _, r := range w.progress {
		r.mu.Lock()
		r.dirty = true
		r.mu.Unlock()
	}
}

// untilNext is how long nothing will be due.
func (p *Plugin) untilNext(view outlook, now time.Time, w work) time.Duration {
	until := p.config.PollInterval
	// what is past is done in this turn, or is not for this process
	for _, at := range []sql.NullInt64{view.Due, view.Ticks} {
		if at.Valid && at.Int64 > now.UnixMilli() {
			until = min(until, time.UnixMilli(at.Int64).Sub(now))
		}
	}
	if w.later {
		until = min(until, progressInterval)
	}
	return until
}

// turnIn is a turn's transaction.
func (p *Plugin) turnIn(tx core.App, w work, now time.Time) (claimed, lost []row, err error) {
	db := tx.NonconcurrentDB()
	if w.due { // first, as it writes: see store
		if err := p.store.promote(db, now); err != nil {
			return nil, nil, fmt.Errorf("promote jobs: %w", err)
		}
		if err := p.expire(tx, now); err != nil {
			return nil, nil, err
		}
	}
	var endings []ending
	for _, r := range w.settled {
		if r.outcome.state != "" {
			endings = append(endings, r.end(*r.outcome))
		}
	}
	if lost, err = p.store.finishAll(db, endings, now); err != nil {
		return nil, nil, fmt.Errorf("store the outcomes of jobs: %w", err)
	}
	for _, r := range w.progress {
		r.mu.Lock()
		share, message := r.progress, r.message
		r.dirty = false
		r.mu.Unlock()
		if err := p.store.saveProgress(db, r.row, share, message); err != nil && !errors.Is(err, ErrLeaseLost) {
			return nil, nil, fmt.Errorf("store the progress of job %s: %w", r.row.ID, err)
		}
	}
	if !w.claim {
		return nil, lost, nil
	}
	for _, queue := range w.queues() {
		rows, err := p.store.claim(db, queue, w.kinds, w.free[queue], p.owner, now, now.Add(p.config.Lease))
		if err != nil {
			return nil, nil, fmt.Errorf("claim jobs of queue %s: %w", queue, err)
		}
		claimed = append(claimed, rows...)
	}
	return claimed, lost, nil
}

// expire decides over jobs whose process has not renewed their lease. That counts
// as a failed attempt: the job may have been what killed the process.
func (p *Plugin) expire(tx core.App, now time.Time) error {
	rows, err := p.store.expired(tx.NonconcurrentDB(), now)
	if err != nil {
		return fmt.Errorf("find expired leases: %w", err)
	}
	endings := make([]ending, len(rows))
	for i, job := range rows {
		endings[i] = ending{
			job: job, outcome: p.failed(job, "the process that ran it ended, or lost its lease", true),
			share: job.Progress, message: job.Message,
		}
	}
	if _, err := p.store.finishAll(tx.NonconcurrentDB(), endings, now); err != nil {
		return fmt.Errorf("end the leases of jobs: %w", err)
	}
	return nil
}

// forget drops the runs whose outcome is stored.
func (p *Plugin) forget(settled []*run, lost []row) {
	for _, job := range lost {
		p.app.Logger().Warn("A job was taken over by another process; what came of it here does not count.",
			slog.String("job", job.ID), slog.String("kind", job.Kind))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range settled {
		delete(p.runs, r)
	}
}

// begin runs what was claimed.
func (p *Plugin) begin(ctx context.Context, claimed []row, now time.Time) {
	for _, job := range claimed {
		r := &run{p: p, row: job, returned: make(chan struct{}), leaseUntil: now.Add(p.config.Lease)}
		r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx)) // drain decides when
		p.mu.Lock()
		r.kind = p.kinds[job.Kind]
		p.runs[r] = struct{}{}
		p.mu.Unlock()
		p.execute(r) //nolint:contextcheck // it has the context of the run
	}
}

// cancelRequested ends the jobs of this process that somebody wants cancelled.
func (p *Plugin) cancelRequested(view outlook) {
	if !view.Cancels.Valid || view.Cancels.String == "[]" {
		return
	}
	var ids []string
	if err := json.Unmarshal([]byte(view.Cancels.String), &ids); err != nil {
		return // SQLite wrote it
	}
	p.cancelRuns(ErrCancelled, func(r *run) bool { return slices.Contains(ids, r.row.ID) })
}

// cancelRuns ends the contexts of the chosen runs of this process.
func (p *Plugin) cancelRuns(cause error, chosen func(*run) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.runs {
		if chosen(r) {
			r.cancel(cause)
		}
	}
}

// drain lets what runs come to its end, for a while, and gives back the rest.
func (p *Plugin) drain(ctx context.Context) {
	patience := time.NewTimer(max(p.config.StopTimeout, 0))
	defer patience.Stop()
	// abandonLater takes care of handlers that ignore their context, so that this
	// ends unless the database does not work
	giveUp := time.Now().Add(max(p.config.StopTimeout, 0) + stopGrace + stopGrace/2)
	for p.busy() && time.Now().Before(giveUp) {
		select {
		case <-patience.C:
			p.cancelRuns(ErrStopping, func(*run) bool { return true })
		case <-p.woken:
		case <-time.After(p.config.PollInterval):
		}
		if _, err := p.turn(ctx, false); err != nil {
			p.app.Logger().Error("Jobs could not be stored while stopping; the next try follows.", slog.Any("error", err))
			pause(retryTurn)
		}
	}
}

func (p *Plugin) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.runs) > 0
}

// pause waits for d.
func pause(d time.Duration) { <-time.After(d) }
