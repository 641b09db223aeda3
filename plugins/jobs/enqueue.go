package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Errors of [Enqueue].
var (
	// ErrUnknownKind is returned for a kind without a handler.
	ErrUnknownKind = errors.New("no handler has this kind")
	// ErrTooLarge is returned for arguments, or a result, over the limit of the [Config].
	ErrTooLarge = errors.New("too large")
)

// Option says how a job is run. Given to [Handle] it holds for all jobs of the
// kind, given to [Enqueue] for one.
type Option func(*options)

type options struct {
	queue       string
	priority    int
	maxAttempts int
	timeout     time.Duration
	backoff     func(attempts int) time.Duration // only of a kind
	runAt       time.Time                        // the rest only of a job
	delay       time.Duration
	key         string
	window      time.Duration
	schedule    string
}

// InQueue puts jobs into a queue of [Config.Queues]. Defaults to [DefaultQueue].
func InQueue(name string) Option { return func(o *options) { o.queue = name } }

// Priority lets jobs pass those of a lower priority in their queue, -100..100.
// Defaults to 0.
func Priority(n int) Option { return func(o *options) { o.priority = n } }

// MaxAttempts is how often a job is tried before it is dead, 1..1000.
func MaxAttempts(n int) Option { return func(o *options) { o.maxAttempts = n } }

// Timeout bounds one attempt: the context of the handler ends with
// [context.DeadlineExceeded]. At most 24 h.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Backoff is the longest pause after the given number of failed attempts; the
// pause is a random part of it. It is for [Handle] only.
func Backoff(pause func(attempts int) time.Duration) Option {
	return func(o *options) { o.backoff = pause }
}

// RunAt lets a job wait until t. It is for [Enqueue] only.
func RunAt(t time.Time) Option { return func(o *options) { o.runAt = t } }

// Delay lets a job wait for d. It is for [Enqueue] only.
func Delay(d time.Duration) Option { return func(o *options) { o.delay = d } }

// Unique enqueues nothing as long as another job of the kind with the same key
// waits or runs. The key has at most 200 bytes. It is for [Enqueue] only.
func Unique(key string) Option { return UniqueFor(key, 0) }

// UniqueFor is [Unique], and goes on for the window after the other job was
// enqueued, even if that is done. At most 366 days. It is for [Enqueue] only.
func UniqueFor(key string, window time.Duration) Option {
	return func(o *options) { o.key, o.window = key, window }
}

// Bounds of options.
const (
	maxPriority = 100
	maxKeyBytes = 200
	maxWindow   = 366 * 24 * time.Hour
	maxDelay    = 10 * 366 * 24 * time.Hour
)

func (o options) validate(queues map[string]int) error {
	var errs []error
	if _, ok := queues[o.queue]; !ok {
		errs = append(errs, fmt.Errorf("there is no queue %q in Config.Queues", o.queue))
	}
	if o.priority < -maxPriority || o.priority > maxPriority {
		errs = append(errs, fmt.Errorf("Priority must be in -%d..%d, got %d", maxPriority, maxPriority, o.priority))
	}
	if o.maxAttempts < 1 || o.maxAttempts > maxAttempts {
		errs = append(errs, fmt.Errorf("MaxAttempts must be in 1..%d, got %d", maxAttempts, o.maxAttempts))
	}
	if o.timeout < 0 || o.timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("Timeout must be in 0..%v, got %v", maxTimeout, o.timeout))
	}
	if o.delay < 0 || o.delay > maxDelay {
		errs = append(errs, fmt.Errorf("Delay must be in 0..%v, got %v", maxDelay, o.delay))
	}
	if len(o.key) > maxKeyBytes {
		errs = append(errs, fmt.Errorf("a Unique key must have at most %d bytes, got %d", maxKeyBytes, len(o.key)))
	}
	if o.window < 0 || o.window > maxWindow {
		errs = append(errs, fmt.Errorf("the window of UniqueFor must be in 0..%v, got %v", maxWindow, o.window))
	}
	return errors.Join(errs...)
}

// Enqueued is what came of [Enqueue].
type Enqueued struct {
	// ID names the job. It is never given out again.
	ID string
	// Duplicate tells that nothing was enqueued because of [Unique]; ID is then
	// that of the other job.
	Duplicate bool
}

// Enqueue stores a job in the transaction that tx is, so that it runs if that is
// committed, and only then. In a record hook [WithRecord] makes one. An app outside
// of transactions will do if nothing else has to be stored with the job.
//
// args are stored as JSON and have to fit what the handler of the kind takes:
// that type, a pointer to it, or a [json.RawMessage] that decodes into it.
func Enqueue(tx core.App, kind string, args any, opts ...Option) (Enqueued, error) {
	p, err := Of(tx)
	if err != nil {
		return Enqueued{}, err
	}
	return p.Enqueue(tx, kind, args, opts...)
}

// Enqueue is the function of that name, for who has the plugin at hand.
func (p *Plugin) Enqueue(tx core.App, kind string, args any, opts ...Option) (enqueued Enqueued, err error) {
	row, err := p.newRow(kind, args, opts)
	if err != nil {
		return Enqueued{}, fmt.Errorf("jobs: enqueue %s: %w", kind, err)
	}
	end := p.trace(&row)
	defer func() { end(err) }()
	return p.insert(tx, row)
}

// insert stores the job and wakes who runs it.
func (p *Plugin) insert(tx core.App, row row) (Enqueued, error) {
	inserted, err := p.store.insert(tx.NonconcurrentDB(), row)
	if err != nil {
		return Enqueued{}, fmt.Errorf("jobs: enqueue %s: %w", row.Kind, err)
	}
	p.wakeAfter(tx)
	if !inserted {
		id, err := p.store.holderOf(tx.NonconcurrentDB(), row.UniqueKey, row.EnqueuedAt)
		if err != nil {
			return Enqueued{}, fmt.Errorf("jobs: find the job with the key: %w", err)
		}
		return Enqueued{ID: id, Duplicate: true}, nil
	}
	return Enqueued{ID: row.ID}, nil
}

// wakeAfter wakes the dispatcher when the transaction is over: before, it would
// see nothing.
func (p *Plugin) wakeAfter(tx core.App) {
	info := tx.TxInfo()
	if info == nil {
		p.wake()
		return
	}
	info.OnComplete(func(error) error {
		p.wake()
		return nil
	})
}

func (p *Plugin) newRow(kindName string, args any, opts []Option) (row, error) {
	p.mu.Lock()
	k := p.kinds[kindName]
	p.mu.Unlock()
	if k == nil {
		return row{}, ErrUnknownKind
	}
	encoded, err := k.encode(args)
	if err != nil {
		return row{}, err
	}
	if len(encoded) > p.config.MaxArgsBytes {
		return row{}, fmt.Errorf("the arguments have %d bytes, at most %d are allowed: %w", len(encoded), p.config.MaxArgsBytes, ErrTooLarge)
	}
	o := k.defaults
	o.timeout, o.backoff = 0, nil // those of the kind as it is when the job runs
	for _, option := range opts {
		option(&o)
	}
	if err := errors.Join(o.validate(p.config.Queues), o.validateOfJob()); err != nil {
		return row{}, err
	}
	now := p.now()
	r := row{
		ID: newID(), Kind: kindName, Queue: o.queue, Priority: o.priority, State: string(StatePending), Args: string(encoded),
		Timeout: o.timeout.Milliseconds(), MaxAttempts: o.maxAttempts,
		Schedule: o.schedule, EnqueuedAt: now.UnixMilli(),
	}
	due := now.Add(o.delay)
	if !o.runAt.IsZero() {
		due = o.runAt
	}
	r.DueAt, r.RunAt = due.UnixMilli(), due.UnixMilli()
	if due.After(now) {
		r.State = string(StateScheduled)
	}
	if o.key != "" {
		r.UniqueKey = kindName + ":" + o.key
		r.UniqueUntil = now.Add(o.window).UnixMilli()
	}
	return r, nil
}

// validateOfJob refuses what a single job cannot have.
func (o options) validateOfJob() error {
	if o.backoff != nil {
		return errors.New("Backoff is an option of Handle")
	}
	if !o.runAt.IsZero() && (o.delay != 0 || o.runAt.UnixMilli() < 0 || o.runAt.Year() > 9999) {
		return errors.New("RunAt and Delay exclude each other, and the time has to be in the years 1970..9999")
	}
	return nil
}

// validateOfKind refuses what a kind cannot have.
func (o options) validateOfKind() error {
	if !o.runAt.IsZero() || o.delay != 0 || o.key != "" || o.window != 0 {
		return errors.New("RunAt, Delay and Unique are options of Enqueue")
	}
	if o.backoff == nil {
		return errors.New("Backoff needs a function")
	}
	return nil
}

// newID is like an id of PocketBase. Numbers would be given out again after a
// backup is restored, and whoever keys effects by them would lose some.
func newID() string { return core.GenerateDefaultRandomId() }

// encode turns arguments into JSON that the handler can decode.
func (k *kind) encode(args any) (json.RawMessage, error) {
	if raw, ok := args.(json.RawMessage); ok {
		if !json.Valid(raw) {
			return nil, errors.New("the arguments are not valid JSON")
		}
		return raw, k.decodable(raw)
	}
	given := reflect.TypeOf(args)
	if given != nil && given.Kind() == reflect.Pointer && k.args.Kind() != reflect.Pointer {
		given = given.Elem()
	}
	if given == nil || !given.AssignableTo(k.args) {
		return nil, fmt.Errorf("the handler takes %s, got %T", k.args, args)
	}
	encoded, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("encode the arguments: %w", err)
	}
	return encoded, nil
}
