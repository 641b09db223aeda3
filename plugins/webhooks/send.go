package webhooks

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// send starts a runner for each endpoint that something waits for. Of several
// processes on one database one sends, as long as there is anything to send.
func (p *Plugin) send(ctx context.Context) {
	tick := time.NewTicker(p.config.Lease / 3)
	defer tick.Stop()
	for {
		if err := p.manage(ctx); err != nil && ctx.Err() == nil {
			p.app.Logger().Error("Webhooks cannot be sent at the moment.", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			if err := releaseLease(p.app, p.owner); err != nil {
				p.app.Logger().Warn("The lease of the webhooks was not given back.", slog.Any("error", err))
			}
			return
		case <-tick.C:
		case <-p.wakeSender:
		}
	}
}

func (p *Plugin) manage(ctx context.Context) error {
	pending, err := hasPending(ctx, p.app)
	if err != nil || !pending {
		return err
	}
	// Leases go by the machine's time whatever the deliveries go by.
	now := time.Now()
	if p.heldUntil().Sub(now) < p.config.Lease*2/3 {
		until := now.Add(p.config.Lease)
		held, err := holdLease(ctx, p.app, p.owner, now, until)
		if err != nil || !held {
			return err
		}
		p.mu.Lock()
		p.held = until
		p.mu.Unlock()
	}
	list, err := endpoints(p.app)
	if err != nil {
		return err
	}
	for _, e := range list {
		p.run(e.Id)
	}
	return nil
}

// heldUntil is until when this process may send.
func (p *Plugin) heldUntil() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// wake tells that something waits for an endpoint.
func (p *Plugin) wake(endpoint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.runners[endpoint]; r != nil {
		nudge(r.wake)
		return
	}
	nudge(p.wakeSender)
}

// reconsider tells the endpoint's runner that the endpoint was saved.
func (p *Plugin) reconsider(endpoint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.runners[endpoint]; r != nil {
		r.changed.Store(true)
		nudge(r.wake)
	}
	nudge(p.wakeSender)
}

// run starts the endpoint's runner, or wakes it.
func (p *Plugin) run(endpoint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.runners[endpoint]; r != nil {
		nudge(r.wake)
		return
	}
	r := &runner{
		plugin: p, endpoint: endpoint, wake: make(chan struct{}, 1),
		busy: map[int64]bool{}, done: make(chan result, p.config.Concurrency),
	}
	if p.workers.Go("send to "+endpoint, r.run) {
		p.runners[endpoint] = r
	}
}

// runner sends what waits for one endpoint. It shares nothing with others, so an
// endpoint that hangs delays only itself.
type runner struct {
	plugin   *Plugin
	endpoint string
	wake     chan struct{}

	busy     map[int64]bool // deliveries that are under way
	done     chan result
	failures int       // in a row
	hold     time.Time // until when nothing is begun
	changed  atomic.Bool
}

// result is a delivery that is not under way any more.
type result struct {
	delivery int64
	answer   answer
	at       time.Time // when the answer was there
	err      error     // of saving
}

func (r *runner) run(ctx context.Context) {
	defer r.leave()
	for {
		wait, more, err := r.launch(ctx)
		if err != nil && ctx.Err() == nil {
			r.plugin.app.Logger().Error("An endpoint cannot be served at the moment.", slog.String("endpoint", r.endpoint), slog.Any("error", err))
			more = true
		}
		if ctx.Err() != nil || !more && r.retire() {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		case res := <-r.done:
			r.settle(res)
		}
		timer.Stop()
	}
}

// retire ends the runner unless something came up meanwhile.
func (r *runner) retire() bool {
	r.plugin.mu.Lock()
	defer r.plugin.mu.Unlock()
	if len(r.busy) > 0 || len(r.wake) > 0 {
		return false
	}
	delete(r.plugin.runners, r.endpoint)
	return true
}

// leave makes room for another runner, also after a panic. The deliveries that
// are under way save by themselves how they end.
func (r *runner) leave() {
	r.plugin.mu.Lock()
	defer r.plugin.mu.Unlock()
	if r.plugin.runners[r.endpoint] == r {
		delete(r.plugin.runners, r.endpoint)
	}
}

// launch begins what is due. It returns how long to wait for more, and false if
// there is nothing to wait for.
func (r *runner) launch(ctx context.Context) (wait time.Duration, more bool, err error) {
	p := r.plugin
	// The clock of the deliveries need not be the timer's, so look now and then.
	wait = p.config.Lease / 3
	if time.Now().After(p.heldUntil()) {
		return wait, false, nil // whoever has the lease goes on
	}
	e, err := findEndpoint(p.app, r.endpoint)
	if err != nil || !e.enabled() {
		return wait, false, nil //nolint:nilerr // deleted
	}
	now := p.config.Clock.Now()
	if r.changed.Swap(false) { // what was wrong may be mended
		r.failures, r.hold = 0, time.Time{}
	}
	if pause := r.hold.Sub(now); pause > 0 {
		return min(wait, pause), true, nil
	}
	if free := p.config.Concurrency - len(r.busy); free > 0 {
		due, err := dueDeliveries(ctx, p.app, r.endpoint, now, r.busy, free)
		if err != nil {
			return wait, true, err
		}
		for _, d := range due {
			r.begin(e, d)
		}
	}
	next, err := nextDue(ctx, p.app, r.endpoint, now)
	if err != nil || next.IsZero() {
		return wait, len(r.busy) > 0, err
	}
	return min(wait, max(next.Sub(now), time.Millisecond)), true, nil
}

func (r *runner) begin(e *endpoint, d delivery) {
	r.busy[d.ID] = true
	started := r.plugin.workers.Go("deliver to "+r.endpoint, func(ctx context.Context) {
		res := result{delivery: d.ID}
		// also after a panic, or the slot would be lost
		defer func() { r.done <- res }()
		res.answer = r.plugin.try(ctx, e, d)
		res.at = r.plugin.config.Clock.Now()
		if !res.answer.interrupted {
			res.err = r.plugin.conclude(e, d, res.answer)
		}
	})
	if !started {
		delete(r.busy, d.ID)
	}
}

// settle notes how an attempt went for what comes next.
func (r *runner) settle(res result) {
	delete(r.busy, res.delivery)
	switch {
	case res.err != nil:
		r.plugin.app.Logger().Error("A delivery was made and not noted, so it is made again.", slog.Any("error", res.err))
		r.holdFor(res.at, time.Second)
	case res.answer.success():
		r.failures = 0
	default:
		r.failures++
		r.holdFor(res.at, r.pause(res.answer))
	}
}

// What an endpoint is spared after so many failures in a row, and for how long
// at most: the deliveries have pauses of their own, but there may be many.
const (
	sparedAfter = 3
	maxSpared   = time.Minute
)

func (r *runner) pause(a answer) time.Duration {
	pause := time.Duration(0)
	if r.failures >= sparedAfter {
		pause = min(r.plugin.config.Backoff(r.failures-sparedAfter+1), maxSpared)
	}
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		pause = max(pause, a.retryAfter)
	}
	return pause
}

func (r *runner) holdFor(now time.Time, pause time.Duration) {
	if until := now.Add(pause); until.After(r.hold) {
		r.hold = until
	}
}

// conclude saves an attempt and decides what it means for the delivery and for
// the endpoint.
func (p *Plugin) conclude(e *endpoint, d delivery, a answer) error {
	now := p.config.Clock.Now()
	if a.success() {
		return saveAttempt(p.app, d, a.attempt, outcome{state: stateDelivered, nextAt: now}, now)
	}
	pause := max(p.config.Backoff(d.Attempts+1), a.retryAfter)
	o := outcome{state: statePending, nextAt: now.Add(pause)}
	since, err := failingSince(p.app, e.Id)
	if err != nil {
		return err
	}
	given := d.FirstAt != 0 && now.Sub(time.UnixMilli(d.FirstAt)) >= p.config.RetryFor
	dead := !since.IsZero() && now.Sub(since) >= p.config.RetryFor
	switch {
	case a.Status == http.StatusGone:
		o.state = stateFailed
	case given && !dead:
		o.state = stateFailed // others get through, so it is this one
	}
	if err := saveAttempt(p.app, d, a.attempt, o, now); err != nil {
		return err
	}
	if o.state == stateFailed {
		p.app.Logger().Warn("A webhook was given up.", slog.String("endpoint", e.Id), slog.String("event", d.Event), slog.String("error", a.Error))
	}
	switch {
	case a.Status == http.StatusGone:
		p.disable(e.Id, "The receiver answered 410 Gone.", now)
	case dead:
		p.disable(e.Id, "All attempts since "+since.UTC().Format(time.RFC3339)+" have failed: "+a.Error, now)
	}
	return nil
}
