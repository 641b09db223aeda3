package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

const (
	// stopGrace is how long a handler may take to return after its context ended.
	// Then its job is taken from it, and its lease given back.
	stopGrace = 5 * time.Second

	maxErrorBytes   = 1000
	maxMessageBytes = 200
)

// run is one attempt of one job in this process.
type run struct {
	p      *Plugin
	kind   *kind
	row    row
	ctx    context.Context
	cancel context.CancelCauseFunc

	returned chan struct{} // closed when the handler has returned

	mu         sync.Mutex
	leaseUntil time.Time
	progress   float64
	message    string
	dirty      bool // the progress is not in the database
	result     string
	inTx       bool     // Complete was called and its transaction is not known to have failed
	completed  bool     // and it was committed
	outcome    *outcome // once it is decided
}

// outcome is what becomes of a job after an attempt.
type outcome struct {
	state   State // "" when the database has it already, or nothing can be said
	runAt   time.Time
	uncount bool   // the attempt does not count
	problem string // "" for none
}

// execute starts the handler, under its timeout. The rest goes by itself.
func (p *Plugin) execute(r *run) {
	timeout := r.kind.defaults.timeout
	if r.row.Timeout > 0 {
		timeout = time.Duration(r.row.Timeout) * time.Millisecond
	}
	ctx, release := context.WithTimeout(r.ctx, timeout)
	r.ctx = ctx
	stop := context.AfterFunc(ctx, r.abandonLater)
	started := p.workers.Go("job "+r.kind.name, func(context.Context) {
		err := errGoexit
		defer func() {
			stop()
			close(r.returned)
			r.settle(r.judge(err))
			r.cancel(nil)
			release()
		}()
		err = r.traced() //nolint:contextcheck // it has that of the run
	})
	if !started { // the group was stopped in between
		stop()
		release()
		r.cancel(nil)
		r.settle(outcome{state: StatePending, uncount: true})
	}
}

// errGoexit is what came of a handler that did not return, but called
// [runtime.Goexit].
var errGoexit = errors.New("the handler ended its goroutine")

// invoke calls the handler and turns a panic into an error. The stack goes to the
// log only.
func (r *run) invoke(ctx context.Context) (err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		err = fmt.Errorf("panic: %v", value)
		r.p.app.Logger().Error("A job panicked.", slog.String("job", r.row.ID), slog.String("kind", r.row.Kind),
			slog.Any("error", value), slog.String("stack", string(debug.Stack())))
	}()
	return r.kind.call(ctx, r)
}

// abandonLater takes the job from a handler that goes on although its context has
// ended. The goroutine cannot be ended; what it returns counts no more.
func (r *run) abandonLater() {
	timer := time.NewTimer(r.p.grace)
	defer timer.Stop()
	select {
	case <-r.returned:
		return
	case <-timer.C:
	}
	o := r.judge(fmt.Errorf("the handler goes on %v after it was told to end", r.p.grace))
	if r.settle(o) {
		r.p.app.Logger().Error("A job ignores the end of its context and was taken from its handler, which still runs.",
			slog.String("job", r.row.ID), slog.String("kind", r.row.Kind), slog.Any("error", context.Cause(r.ctx)))
	}
}

// judge decides what becomes of the job after its handler returned.
func (r *run) judge(err error) outcome {
	r.mu.Lock()
	completed := r.completed
	r.mu.Unlock()
	cause := context.Cause(r.ctx)
	now := r.p.now()
	var asleep snooze
	var unwanted cancel
	var hopeless fail
	switch {
	case completed, errors.Is(cause, ErrLeaseLost):
		return outcome{}
	case err == nil:
		return outcome{state: StateDone}
	case errors.As(err, &asleep):
		return outcome{state: StateScheduled, runAt: now.Add(asleep.pause), uncount: true}
	case errors.As(err, &unwanted):
		return outcome{state: StateCancelled, problem: unwanted.Error()}
	case errors.As(err, &hopeless):
		return r.p.failed(r.row, err.Error(), false)
	case errors.Is(cause, ErrCancelled):
		return outcome{state: StateCancelled, problem: err.Error()}
	case errors.Is(cause, ErrStopping):
		return outcome{state: StatePending, uncount: true}
	case errors.Is(cause, context.DeadlineExceeded):
		return r.p.failed(r.row, "timed out: "+err.Error(), true)
	default:
		return r.p.failed(r.row, err.Error(), true)
	}
}

// failed is the outcome of an attempt that failed: another one after a pause, if
// one is left.
func (p *Plugin) failed(job row, problem string, again bool) outcome {
	attrs := []any{
		slog.String("job", job.ID), slog.String("kind", job.Kind), slog.Int("attempt", job.Attempts),
		slog.Int("maxAttempts", job.MaxAttempts), slog.String("error", clip(problem, maxErrorBytes)),
	}
	if !again || job.Attempts >= job.MaxAttempts {
		p.app.Logger().Error("A job failed for good.", attrs...)
		return outcome{state: StateDead, problem: problem}
	}
	p.app.Logger().Warn("A job failed and will be tried again.", attrs...)
	backoff := p.config.Backoff
	p.mu.Lock()
	if k := p.kinds[job.Kind]; k != nil {
		backoff = k.defaults.backoff
	}
	p.mu.Unlock()
	// any part of the pause, so that what failed together does not come back together
	pause := time.Duration(rand.Float64() * float64(max(backoff(job.Attempts), 0))) //nolint:gosec // it only spreads load
	return outcome{state: StateScheduled, runAt: p.now().Add(min(pause, maxDelay)), problem: problem}
}

// settle notes the outcome for the dispatcher to store. It reports false if there
// is one already.
func (r *run) settle(o outcome) bool {
	r.mu.Lock()
	if r.outcome != nil {
		r.mu.Unlock()
		return false
	}
	r.outcome = &o
	r.mu.Unlock()

	r.p.mu.Lock()
	r.p.settled = append(r.p.settled, r)
	r.p.mu.Unlock()
	r.p.wake()
	return true
}

// end is the outcome with what the attempt left.
func (r *run) end(o outcome) ending {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := ending{job: r.row, outcome: o, share: r.progress, message: r.message}
	if o.state == StateDone {
		e.share, e.result = 1, r.result
	}
	return e
}

// setProgress keeps the progress for the next time that the dispatcher writes.
func (r *run) setProgress(share float64, message string) {
	if math.IsNaN(share) { // nothing of nothing
		share = 0
	}
	r.mu.Lock()
	known := r.dirty
	r.progress, r.message, r.dirty = min(max(share, 0), 1), clip(message, maxMessageBytes), true
	r.mu.Unlock()
	if !known {
		r.p.wake()
	}
}

func (r *run) setResult(value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("jobs: encode the result: %w", err)
	}
	if limit := r.p.config.MaxResultBytes; len(encoded) > limit {
		return fmt.Errorf("jobs: the result has %d bytes, at most %d are allowed: %w", len(encoded), limit, ErrTooLarge)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result = string(encoded)
	return nil
}

// complete stores that the job is done in the transaction.
func (r *run) complete(tx core.App) error {
	r.mu.Lock()
	if r.inTx {
		r.mu.Unlock()
		return errors.New("jobs: Complete was called before")
	}
	r.inTx = true // its row is not running when the lease is renewed next
	r.mu.Unlock()

	lost, err := r.p.store.finishAll(tx.NonconcurrentDB(), []ending{r.end(outcome{state: StateDone})}, r.p.now())
	if len(lost) > 0 {
		err = ErrLeaseLost
	}
	if err != nil {
		r.endTx(err)
		return fmt.Errorf("jobs: complete %s: %w", r.row.ID, err)
	}
	info := tx.TxInfo()
	if info == nil {
		r.endTx(nil)
		return nil
	}
	info.OnComplete(func(txErr error) error {
		r.endTx(txErr)
		return nil
	})
	return nil
}

func (r *run) endTx(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inTx, r.completed = err == nil, err == nil
}

// clip shortens text to at most limit bytes of valid UTF-8.
func clip(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}
