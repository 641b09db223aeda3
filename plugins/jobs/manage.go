package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"
)

// Errors of what changes jobs from outside.
var (
	// ErrNotFound is returned for a job or queue that does not exist.
	ErrNotFound = errors.New("there is none of that name")
	// ErrState is returned when the job is in a state in which that cannot be done.
	ErrState = errors.New("the state of the job does not allow it")
	// ErrKeyTaken is returned when another job has the unique key meanwhile.
	ErrKeyTaken = errors.New("another job has the unique key")
)

// Summary is what lists tell of a job.
type Summary struct {
	ID          string `json:"id"`
	Kind        string `json:"kind" doc:"What there is to do."`
	Queue       string `json:"queue"`
	Priority    int    `json:"priority" doc:"Of the jobs of a queue, those with higher numbers run first."`
	State       State  `json:"state"`
	Attempts    int    `json:"attempts" doc:"How many there were."`
	MaxAttempts int    `json:"maxAttempts" doc:"After how many it is dead."`
	// Progress is in 0..1, and Message what the handler said with it.
	Progress float64 `json:"progress" minimum:"0" maximum:"1" doc:"How much of it is done, as far as it says."`
	Message  string  `json:"message" doc:"What it said with its progress."`
	// Error is the latest, of whichever attempt.
	Error string `json:"error" doc:"The latest, of whichever attempt."`
	// Schedule is the name of the schedule that the job is of.
	Schedule   string         `json:"schedule" doc:"The name of the schedule that it is of, empty if of none."`
	EnqueuedAt types.DateTime `json:"enqueuedAt"`
	// DueAt is when it was to run first, RunAt when it is or was to run last.
	DueAt      types.DateTime `json:"dueAt" doc:"When it was to run first."`
	RunAt      types.DateTime `json:"runAt" doc:"When it is to run, or was to run last."`
	StartedAt  types.DateTime `json:"startedAt" doc:"When the last attempt began, empty before the first."`
	FinishedAt types.DateTime `json:"finishedAt" doc:"Empty until it is done, dead or cancelled."`
	// CancelRequested tells that a running job was told to end.
	CancelRequested bool `json:"cancelRequested" doc:"Whether it runs and was told to end."`
}

// Info is what there is to know about a job.
type Info struct {
	Summary

	// Details is left out of lists.
	*Details
}

// Details are what can be large or confidential.
type Details struct {
	UniqueKey string          `json:"uniqueKey" doc:"No other job with this key waits or runs. Empty for none."`
	Args      json.RawMessage `json:"args" doc:"What it is given, any JSON."`
	// Result is null until the job is done, and if it left none.
	Result json.RawMessage `json:"result" doc:"What it left, any JSON. It is null until the job is done, and if it left nothing."`
	// Errors are the latest ten, oldest first.
	Errors []Failure `json:"errors" maxItems:"10" doc:"The latest, oldest first."`
}

// Failure is an attempt that failed.
type Failure struct {
	At      types.DateTime `json:"at"`
	Attempt int            `json:"attempt" doc:"Which it was, from 1."`
	Error   string         `json:"error"`
}

// info turns a row into what is shown.
func (r row) info(details bool) Info {
	i := Info{Summary: Summary{
		ID: r.ID, Kind: r.Kind, Queue: r.Queue, Priority: r.Priority, State: State(r.State),
		Attempts: r.Attempts, MaxAttempts: r.MaxAttempts, Progress: r.Progress, Message: r.Message, Schedule: r.Schedule,
		EnqueuedAt: dateTime(r.EnqueuedAt), DueAt: dateTime(r.DueAt), RunAt: dateTime(r.RunAt),
		StartedAt: dateTime(r.StartedAt), FinishedAt: dateTime(r.FinishedAt), CancelRequested: r.CancelRequested,
	}}
	var failures []failure
	_ = json.Unmarshal([]byte(r.Errors), &failures) // SQLite wrote it
	if n := len(failures); n > 0 {
		i.Error = failures[n-1].Error
	}
	if !details {
		return i
	}
	i.Details = &Details{UniqueKey: r.UniqueKey, Args: json.RawMessage(r.Args), Result: json.RawMessage("null"), Errors: []Failure{}}
	if r.Result != "" {
		i.Result = json.RawMessage(r.Result)
	}
	for _, f := range failures {
		i.Errors = append(i.Errors, Failure{At: dateTime(f.At), Attempt: f.Attempt, Error: f.Error})
	}
	return i
}

func dateTime(ms int64) types.DateTime {
	if ms == 0 {
		return types.DateTime{}
	}
	d, _ := types.ParseDateTime(time.UnixMilli(ms)) // of a time it cannot fail
	return d
}

// Filter chooses jobs; empty fields choose all.
type Filter struct {
	State                 State
	Kind, Queue, Schedule string
	// After is Page.Next of the page before. Limit is in 1..500 and defaults to 50.
	After string
	Limit int
}

// maxPage is the most that a list has on a page.
const maxPage = 500

// Page is a part of a list, newest first.
type Page struct {
	Items []Info `json:"items"`
	// Next is Filter.After of the next page, "" if there is none.
	Next string `json:"next"`
}

// List returns jobs, newest first, without their details.
func (p *Plugin) List(ctx context.Context, f Filter) (Page, error) {
	if f.State != "" && !slices.Contains(States, f.State) {
		return Page{}, fmt.Errorf("jobs: there is no state %q", f.State)
	}
	limit := f.Limit
	if limit == 0 {
		limit = 50
	}
	limit = min(max(limit, 1), maxPage)
	var after int64
	if f.After != "" {
		var err error
		if after, err = strconv.ParseInt(f.After, 36, 64); err != nil || after < 1 {
			return Page{}, fmt.Errorf("jobs: %q is not the Next of a page", f.After)
		}
	}
	rows, err := p.store.list(ctx, p.app.ConcurrentDB(), f, after, limit+1)
	if err != nil {
		return Page{}, fmt.Errorf("jobs: list: %w", err)
	}
	page := Page{Items: []Info{}}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = strconv.FormatInt(rows[limit-1].Seq, 36)
	}
	for _, r := range rows {
		page.Items = append(page.Items, r.info(false))
	}
	return page, nil
}

// Find returns a job with its details. It fails with [ErrNotFound].
func (p *Plugin) Find(ctx context.Context, id string) (Info, error) {
	r, err := p.store.find(ctx, p.app.ConcurrentDB(), id)
	if errors.Is(err, sql.ErrNoRows) {
		return Info{}, fmt.Errorf("jobs: find %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Info{}, fmt.Errorf("jobs: find %s: %w", id, err)
	}
	return r.info(true), nil
}

// Retry runs a dead or cancelled job once more, with all its attempts, and one
// that waits for its time at once. It fails with [ErrNotFound], [ErrState] or
// [ErrKeyTaken].
func (p *Plugin) Retry(ctx context.Context, id string) error {
	changed, err := p.store.retry(ctx, p.app.NonconcurrentDB(), id, p.now())
	if err == nil && !changed {
		var job Info
		if job, err = p.Find(ctx, id); err == nil {
			err = ErrState
			if job.State == StateDead || job.State == StateCancelled {
				err = ErrKeyTaken
			}
		}
	}
	if err != nil {
		return fmt.Errorf("jobs: retry %s: %w", id, err)
	}
	p.wake()
	return nil
}

// replayBatch is how many jobs one call of RetryDead replays.
const replayBatch = 1000

// RetryDead replays dead jobs of the kind and queue, "" for any, oldest first,
// 1000 at most, and tells how many. Of those with the same unique key one is
// replayed, and none as long as another job has the key.
func (p *Plugin) RetryDead(ctx context.Context, kind, queue string) (int64, error) {
	return p.retryDead(ctx, kind, queue, p.now())
}

func (p *Plugin) retryDead(ctx context.Context, kind, queue string, before time.Time) (int64, error) {
	n, err := p.store.retryDead(ctx, p.app.NonconcurrentDB(), kind, queue, before, p.now())
	if err != nil {
		return 0, fmt.Errorf("jobs: retry dead ones: %w", err)
	}
	p.wake()
	return n, nil
}

// Cancel ends a job that waits, and tells one that runs to end: its context is
// cancelled, at once in this process, within Config.PollInterval in another. It
// fails with [ErrNotFound] or [ErrState].
func (p *Plugin) Cancel(ctx context.Context, id string) error {
	changed, err := p.store.cancel(ctx, p.app.NonconcurrentDB(), id, p.now())
	if err == nil && !changed {
		if _, err = p.Find(ctx, id); err == nil {
			err = ErrState
		}
	}
	if err != nil {
		return fmt.Errorf("jobs: cancel %s: %w", id, err)
	}
	p.cancelRuns(ErrCancelled, func(r *run) bool { return r.row.ID == id })
	return nil
}

// Pause keeps all processes from beginning jobs of the queue. What runs goes on.
// It fails with [ErrNotFound].
func (p *Plugin) Pause(ctx context.Context, queue string) error { return p.setPaused(ctx, queue, true) }

// Resume ends a [Plugin.Pause].
func (p *Plugin) Resume(ctx context.Context, queue string) error {
	return p.setPaused(ctx, queue, false)
}

func (p *Plugin) setPaused(ctx context.Context, queue string, paused bool) error {
	_, known := p.config.Queues[queue]
	if !known {
		// of another version of the program
		var err error
		if known, err = p.store.queueHasJobs(ctx, p.app.ConcurrentDB(), queue); err != nil {
			return fmt.Errorf("jobs: find queue %s: %w", queue, err)
		}
	}
	if !known {
		return fmt.Errorf("jobs: queue %q: %w", queue, ErrNotFound)
	}
	if err := p.store.setPaused(ctx, p.app.NonconcurrentDB(), queue, paused, p.now()); err != nil {
		return fmt.Errorf("jobs: pause or resume queue %s: %w", queue, err)
	}
	p.wake()
	return nil
}

// Stats is how all is going.
type Stats struct {
	// States are the numbers of jobs by state.
	States map[State]int64 `json:"states" doc:"The numbers of jobs by state, of every state."`
	Queues []QueueStats    `json:"queues"`
}

// QueueStats is how a queue is going.
type QueueStats struct {
	Name string `json:"name"`
	// Concurrency is how many jobs this process runs at a time, 0 if none.
	Concurrency int   `json:"concurrency" doc:"How many jobs the server runs at a time, 0 if it leaves the queue to others."`
	Paused      bool  `json:"paused" doc:"Whether no jobs of it begin."`
	Pending     int64 `json:"pending"`
	Scheduled   int64 `json:"scheduled"`
	Running     int64 `json:"running"`
	Dead        int64 `json:"dead"`
	// WaitSeconds is how long the oldest pending job has waited.
	WaitSeconds float64 `json:"waitSeconds" minimum:"0" doc:"For how many seconds the oldest pending job has waited."`
}

// Stats counts jobs.
func (p *Plugin) Stats(ctx context.Context) (Stats, error) {
	stats := Stats{States: map[State]int64{}, Queues: []QueueStats{}}
	for _, state := range States {
		stats.States[state] = 0
	}
	rows, err := p.store.counts(ctx, p.app.ConcurrentDB())
	if err != nil {
		return stats, fmt.Errorf("jobs: count: %w", err)
	}
	paused, err := p.store.paused(ctx, p.app.ConcurrentDB())
	if err != nil {
		return stats, fmt.Errorf("jobs: find paused queues: %w", err)
	}
	byName := map[string]*QueueStats{}
	queue := func(name string) *QueueStats {
		if byName[name] == nil {
			byName[name] = &QueueStats{Name: name, Concurrency: p.config.Queues[name], Paused: paused[name]}
		}
		return byName[name]
	}
	for name := range p.config.Queues {
		queue(name)
	}
	for name := range paused {
		queue(name)
	}
	now := p.now()
	for _, r := range rows {
		stats.States[State(r.State)] += r.Count
		switch State(r.State) {
		case StatePending:
			queue(r.Queue).Pending = r.Count
			queue(r.Queue).WaitSeconds = max(now.Sub(time.UnixMilli(r.Oldest)).Seconds(), 0)
		case StateScheduled:
			queue(r.Queue).Scheduled = r.Count
		case StateRunning:
			queue(r.Queue).Running = r.Count
		case StateDead:
			queue(r.Queue).Dead = r.Count
		}
	}
	for _, q := range byName {
		stats.Queues = append(stats.Queues, *q)
	}
	slices.SortFunc(stats.Queues, func(a, b QueueStats) int { return strings.Compare(a.Name, b.Name) })
	return stats, nil
}
