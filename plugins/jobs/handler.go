package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Why the context of a handler ended, as [context.Cause] tells. After its timeout
// that is [context.DeadlineExceeded].
var (
	// ErrCancelled is the cause when somebody cancelled the job.
	ErrCancelled = errors.New("the job was cancelled")
	// ErrStopping is the cause when the process ends. The job goes back to its
	// queue, and the attempt does not count.
	ErrStopping = errors.New("the process is stopping")
	// ErrLeaseLost is the cause when another process may have taken the job over.
	// Whatever the handler returns then counts for nothing. [Job.Complete] returns
	// it, too.
	ErrLeaseLost = errors.New("another process may have taken the job over")
)

// Job is what a handler gets.
type Job[Args any] struct {
	// ID names the job, the same in each attempt. Effects outside of the database
	// should be keyed by it, as the same job may run more than once.
	ID string
	// Kind and Queue are as it was enqueued.
	Kind, Queue string
	// Attempt counts from 1 up to MaxAttempts.
	Attempt, MaxAttempts int
	// EnqueuedAt is when the job was made, and DueAt when it was to run first:
	// for the job of a schedule the time on the schedule.
	EnqueuedAt, DueAt time.Time
	// Args are what it was enqueued with.
	Args Args

	run *run
}

// Progress tells how far the job is: a share in 0..1 and at most 200 bytes of
// text. It returns at once and is written about twice a second at most.
func (j Job[Args]) Progress(share float64, message string) { j.run.setProgress(share, message) }

// SetResult keeps value as JSON with the job once that is done. It fails with
// [ErrTooLarge] over Config.MaxResultBytes.
func (j Job[Args]) SetResult(value any) error { return j.run.setResult(value) }

// Complete makes the job done in the handler's own transaction, together with
// what else that writes, which therefore happens exactly once. It fails with
// [ErrLeaseLost] if another process may have taken over; return the error, so that
// the transaction is rolled back. After the commit the handler should return: its
// error counts no more.
func (j Job[Args]) Complete(tx core.App) error { return j.run.complete(tx) }

// kind is what handles jobs.
type kind struct {
	name     string
	defaults options
	args     reflect.Type
	// decodable fails on what the handler cannot take, without telling its content.
	decodable func(raw []byte) error
	call      func(ctx context.Context, r *run) error
}

// Handle has handler run the jobs of a kind. Its error makes the job run again
// later, unless it is of [Snooze], [Cancel] or [Fail]; a panic counts as an error.
// ctx ends when handler should: see [context.Cause] for why.
//
// Every process that enqueues the kind has to call it, whether it works or not. A
// process claims only jobs of kinds that it handles. It fails if the kind has a
// handler, or for options that are out of bounds.
func Handle[Args any](p *Plugin, kindName string, handler func(ctx context.Context, job Job[Args]) error, defaults ...Option) error {
	k := &kind{
		name: kindName, args: reflect.TypeFor[Args](),
		decodable: func(raw []byte) error { _, err := decode[Args](raw); return err },
		call: func(ctx context.Context, r *run) error {
			args, err := decode[Args]([]byte(r.row.Args))
			if err != nil {
				return err
			}
			return handler(ctx, Job[Args]{
				ID: r.row.ID, Kind: r.row.Kind, Queue: r.row.Queue, Attempt: r.row.Attempts, MaxAttempts: r.row.MaxAttempts,
				EnqueuedAt: time.UnixMilli(r.row.EnqueuedAt).UTC(), DueAt: time.UnixMilli(r.row.DueAt).UTC(), Args: args, run: r,
			})
		},
	}
	if handler == nil {
		return fmt.Errorf("jobs: handle %s: there is no handler", kindName)
	}
	return p.addKind(k, defaults)
}

func (p *Plugin) addKind(k *kind, defaults []Option) error {
	k.defaults = options{queue: DefaultQueue, maxAttempts: p.config.MaxAttempts, timeout: p.config.Timeout, backoff: p.config.Backoff}
	for _, option := range defaults {
		option(&k.defaults)
	}
	if !name.MatchString(k.name) {
		return fmt.Errorf("jobs: the name of a kind must match %s, got %q", name, k.name)
	}
	if err := errors.Join(k.defaults.validate(p.config.Queues), k.defaults.validateOfKind()); err != nil {
		return fmt.Errorf("jobs: handle %s: %w", k.name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kinds[k.name] != nil {
		return fmt.Errorf("jobs: the kind %s has a handler already", k.name)
	}
	p.kinds[k.name] = k
	return nil
}

// decode reads arguments. Its error names the place and not the content, which
// may be confidential: it ends up in the log.
func decode[Args any](raw []byte) (Args, error) {
	var args Args
	decoder := json.NewDecoder(bytes.NewReader(raw))
	err := decoder.Decode(&args)
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		return args, nil
	case errors.As(err, &mismatch) && mismatch.Field != "":
		return args, fmt.Errorf("the arguments do not fit the handler, at %s", mismatch.Field)
	default:
		return args, errors.New("the arguments do not fit the handler")
	}
}

// snooze, cancel and fail are what handlers return to decide what becomes of the
// job.
type (
	snooze struct{ pause time.Duration }
	cancel struct{ reason string }
	fail   struct{ err error }
)

func (s snooze) Error() string { return fmt.Sprintf("snoozed for %v", s.pause) }
func (c cancel) Error() string { return c.reason }
func (f fail) Error() string   { return f.err.Error() }
func (f fail) Unwrap() error   { return f.err }

// Snooze, returned from a handler, has the job run again after the pause. The
// attempt does not count.
func Snooze(pause time.Duration) error { return snooze{min(max(pause, 0), maxDelay)} }

// Cancel, returned from a handler, ends the job as cancelled.
func Cancel(reason string) error { return cancel{reason} }

// Fail, returned from a handler, makes the job dead at once, for errors that
// would be the same the next time.
func Fail(err error) error {
	if err == nil {
		err = errors.New("failed")
	}
	return fail{err}
}
