package push

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/push/provider"
)

// lane hands a service what waits for it. It shares nothing with other lanes, so a
// service that hangs delays only what goes by itself.
type lane struct {
	plugin  *Plugin
	service string
	client  provider.Provider // nil if the server has none for it
	wake    chan struct{}

	busy     map[int64]bool // deliveries that are under way
	done     chan result
	limit    limiter
	failures int             // in a row
	suspects map[string]bool // users for whom our credentials were doubted since they were last accepted
	hold     time.Time       // until when nothing is begun
	paused   bool            // by a refusal of our credentials
	messages map[string]*Message
}

// result is a delivery that is not under way any more.
type result struct {
	parcel parcel
	id     string
	err    error
	at     time.Time
	// interrupted attempts do not count: the server stops.
	interrupted bool
}

func (l *lane) run(ctx context.Context) {
	defer l.leave()
	l.paused = true // to find out whether it is
	for {
		wait, more, err := l.launch(ctx)
		if err != nil && ctx.Err() == nil {
			l.plugin.app.Logger().Error("A push service cannot be served at the moment.", slog.String("service", l.service), slog.Any("error", err))
			wait, more = time.Second, true
		}
		if ctx.Err() != nil {
			l.drain(ctx)
			return
		}
		if !more && l.retire() {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-timer.C:
		case first := <-l.done:
			l.settle(ctx, l.gather(first))
		}
		timer.Stop()
	}
}

// stopGrace is how long requests may go on when the server stops.
const stopGrace = 3 * time.Second

// drain stores what becomes of the requests that are under way.
func (l *lane) drain(ctx context.Context) {
	patience := time.NewTimer(2 * stopGrace)
	defer patience.Stop()
	for len(l.busy) > 0 {
		select {
		case first := <-l.done:
			l.settle(context.WithoutCancel(ctx), l.gather(first))
		case <-patience.C:
			return
		}
	}
}

// gatherFor is how long outcomes wait for others, to be stored together.
const gatherFor = 5 * time.Millisecond

// gather returns what else is done, at once or in a moment.
func (l *lane) gather(first result) []result {
	results := []result{first}
	moment := time.NewTimer(gatherFor)
	defer moment.Stop()
	for len(results) < len(l.busy) {
		select {
		case r := <-l.done:
			results = append(results, r)
		case <-moment.C:
			return results
		}
	}
	return results
}

// retire ends the lane unless something came up meanwhile.
func (l *lane) retire() bool {
	l.plugin.mu.Lock()
	defer l.plugin.mu.Unlock()
	if len(l.busy) > 0 || len(l.wake) > 0 {
		return false
	}
	delete(l.plugin.lanes, l.service)
	return true
}

// leave makes room for another lane, also after a panic.
func (l *lane) leave() {
	l.plugin.mu.Lock()
	defer l.plugin.mu.Unlock()
	if l.plugin.lanes[l.service] == l {
		delete(l.plugin.lanes, l.service)
	}
}

// launch begins deliveries that are due. It tells when to look again, and whether
// there is anything to wait for.
func (l *lane) launch(ctx context.Context) (wait time.Duration, more bool, err error) {
	p := l.plugin
	idle := p.config.Lease / 3
	if time.Until(p.heldUntil()) <= 0 {
		return idle, false, nil
	}
	if l.paused {
		until, err := pausedUntil(ctx, p.app, l.service)
		if err != nil {
			return 0, true, err
		}
		l.hold = until
		l.paused = !until.IsZero()
	}
	now := p.now()
	if l.hold.After(now) {
		return min(l.hold.Sub(now), idle), true, nil
	}
	free, pause := l.limit.take(l.slots(), time.Now())
	if free <= 0 {
		if pause == 0 {
			pause = idle // until something is done
		}
		return pause, true, nil
	}
	due, err := dueParcels(ctx, p.app, l.service, now, l.busy, free)
	if err != nil || len(due) == 0 {
		return idle, false, err
	}
	return l.begin(ctx, due, now, idle)
}

// slots is how many more deliveries may be under way. Until the service is known
// to accept our credentials, one finds out for all.
func (l *lane) slots() int {
	l.plugin.mu.Lock()
	defer l.plugin.mu.Unlock()
	if !l.plugin.proved[l.service] {
		return 1 - len(l.busy)
	}
	return l.plugin.config.Concurrency - len(l.busy)
}

// begin sends parcels, and settles at once what is not to be sent.
func (l *lane) begin(ctx context.Context, due []parcel, now time.Time, idle time.Duration) (time.Duration, bool, error) {
	people, err := l.plugin.peopleOf(ctx, due)
	if err != nil {
		return 0, true, err
	}
	var settled []outcome
	var ready []parcel
	var notes []*provider.Notification
	for _, d := range due {
		n, o, err := l.prepare(ctx, d, people[owner{d.UserCollection, d.User}], now)
		switch {
		case err != nil:
			return 0, true, err
		case n == nil:
			settled = append(settled, o)
		default:
			ready, notes = append(ready, d), append(notes, n)
		}
	}
	if len(settled) > 0 {
		err := l.plugin.app.RunInTransaction(func(tx core.App) error { return saveOutcomes(tx, settled, now) })
		if err != nil {
			return 0, true, err
		}
	}
	l.limit.spend(len(ready))
	for i, d := range ready {
		l.start(d, notes[i])
	}
	if len(ready) == 0 {
		idle = 0 // others may be due
	}
	if len(settled) > 0 {
		l.plugin.wake() // to see when they are due again
	}
	return idle, true, nil
}

// start hands one notification to the service.
func (l *lane) start(d parcel, n *provider.Notification) {
	l.busy[d.ID] = true
	p := l.plugin
	started := p.workers.Go("push by "+l.service, func(ctx context.Context) {
		r := result{parcel: d, err: errPanicked}
		// also after a panic, or the slot would be lost
		defer func() {
			r.at = p.now()
			l.done <- r
		}()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.Timeout)
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })()
		target := provider.Target{Token: d.Token, P256dh: d.P256dh, Auth: d.Auth, Topic: d.App, Sandbox: d.Sandbox}
		r.id, r.err = l.client.Send(limited, target, n)
		r.interrupted = r.err != nil && ctx.Err() != nil
	})
	if !started {
		delete(l.busy, d.ID)
	}
}

// settle stores what became of deliveries, and notes how the service is doing.
func (l *lane) settle(ctx context.Context, results []result) {
	var outcomes []outcome
	report := report{service: l.service}
	for _, r := range results {
		delete(l.busy, r.parcel.ID)
		if r.interrupted {
			continue
		}
		outcomes = append(outcomes, l.judge(r, &report))
	}
	if len(outcomes) == 0 {
		return
	}
	now := l.plugin.now()
	var alert bool
	err := l.plugin.app.RunInTransaction(func(tx core.App) (err error) {
		if alert, err = l.plugin.saveReport(tx, report, now); err != nil {
			return err
		}
		return saveOutcomes(tx, outcomes, now)
	})
	if err != nil {
		l.plugin.logError(ctx, "Notifications were sent and that was not noted, so they are sent again.", err)
		l.holdFor(now, time.Second)
		return
	}
	l.conclude(report, alert, now)
	if report.failure != "" {
		l.plugin.wake() // to see when they are due again
	}
}

// conclude decides when to go on.
func (l *lane) conclude(r report, alert bool, now time.Time) {
	p := l.plugin
	if r.refusal != "" {
		l.paused = true // launch reads for how long
		p.setProved(l.service, false)
		if alert {
			p.alert(Alert{Service: l.service, Reason: r.refusal, At: now})
		}
		return
	}
	if r.answered {
		p.setProved(l.service, true)
	}
	if l.failures >= sparedAfter {
		l.holdFor(now, min(max(p.config.Backoff(l.failures-sparedAfter+1), r.retryAfter), maxSpared))
	}
	if r.unavailable {
		l.holdFor(now, min(r.retryAfter, maxPause))
	}
}

// What a service is spared after so many failures in a row, and for how long at
// most: the deliveries have pauses of their own, but there may be many.
const (
	sparedAfter = 3
	maxSpared   = time.Minute
)

func (l *lane) holdFor(now time.Time, pause time.Duration) {
	if until := now.Add(pause); until.After(l.hold) {
		l.hold = until
	}
}

func (p *Plugin) setProved(service string, proved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proved[service] = proved
}

// alert tells somebody that a service does not accept our credentials.
func (p *Plugin) alert(a Alert) {
	p.app.Logger().Error("A push service does not accept our credentials, and is paused.", slog.String("service", a.Service), slog.String("reason", a.Reason))
	if p.config.Alert != nil {
		p.config.Alert(a)
	}
}

// unavailable is the status with which a service as a whole asks for a pause.
const unavailable = http.StatusServiceUnavailable
