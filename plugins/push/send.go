package push

import (
	"context"
	"time"

	"github.com/pocketbase/dbx"
)

// send makes deliveries of messages, and starts a lane for each service that
// something is to be handed to. Of several processes on one database one does so,
// as long as there is anything to send.
func (p *Plugin) send(ctx context.Context) {
	p.logError(ctx, "The services that are paused were not tried again.", p.tryAgain(ctx, ""))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.awaitLanes()
			p.logError(context.WithoutCancel(ctx), "The lease of push was not given back.", releaseLease(p.app, p.owner))
			return
		case <-timer.C:
		case <-p.wakeUp:
		}
		wait, err := p.manage(ctx)
		p.logError(ctx, "Push messages cannot be sent at the moment.", err)
		timer.Reset(wait)
	}
}

// manage does what there is to do, and tells when to look again.
func (p *Plugin) manage(ctx context.Context) (time.Duration, error) {
	tick := p.config.Lease / 3
	now := p.now()
	view, err := look(ctx, p.app, now)
	if err != nil {
		return tick, err
	}
	wait := tick
	if view.Next.Valid {
		wait = min(wait, max(time.UnixMilli(view.Next.Int64).Sub(now), time.Millisecond))
	}
	if !view.Due {
		return wait, nil
	}
	for more := true; more && ctx.Err() == nil; {
		held, err := p.hold(ctx)
		if err != nil || !held {
			return tick, err
		}
		if more, err = p.expand(ctx); err != nil {
			return tick, err
		}
		services, err := dueServices(ctx, p.app, p.now())
		if err != nil {
			return tick, err
		}
		for _, name := range services {
			p.run(name)
		}
	}
	return wait, nil
}

// awaitLanes waits until what is under way is stored, so that no other process
// begins it again.
func (p *Plugin) awaitLanes() {
	for giveUp := time.Now().Add(2 * stopGrace); time.Now().Before(giveUp); <-time.After(10 * time.Millisecond) {
		p.mu.Lock()
		left := len(p.lanes)
		p.mu.Unlock()
		if left == 0 {
			return
		}
	}
}

// hold takes the lease, or renews it if a third of it is over. Leases go by the
// machine's time whatever the messages go by.
func (p *Plugin) hold(ctx context.Context) (bool, error) {
	now := time.Now()
	if p.heldUntil().Sub(now) >= p.config.Lease*2/3 {
		return true, nil
	}
	until := now.Add(p.config.Lease)
	held, err := holdLease(ctx, p.app, p.owner, now, until)
	if err != nil || !held {
		return false, err
	}
	p.mu.Lock()
	p.held = until
	p.mu.Unlock()
	return true, nil
}

// heldUntil is until when this process may send.
func (p *Plugin) heldUntil() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// run starts the lane of a service, or wakes it.
func (p *Plugin) run(service string) {
	client := p.client(providerOf(service))
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.lanes[service]; l != nil {
		nudge(l.wake)
		return
	}
	l := &lane{
		plugin: p, service: service, client: client, wake: make(chan struct{}, 1),
		busy: map[int64]bool{}, done: make(chan result, p.config.Concurrency), suspects: map[string]bool{}, messages: map[string]*Message{},
		limit: newLimiter(p.config.Rate),
	}
	if p.workers.Go("send by "+service, l.run) {
		p.lanes[service] = l
	}
}

// tryAgain ends the pause of a service, or of all, as the config may have changed.
// One notification finds out whether it helps.
func (p *Plugin) tryAgain(ctx context.Context, service string) error {
	_, err := p.app.NonconcurrentDB().NewQuery(`UPDATE _pushServices SET pausedUntil = 0 WHERE pausedUntil > 0 AND {:name} IN ('', name)`).
		WithContext(ctx).Bind(dbx.Params{"name": service}).Execute()
	p.wake()
	return err
}

// limiter lets so many notifications through a second.
type limiter struct {
	rate float64
	full float64 // what may go at once
	has  float64
	at   time.Time
}

func newLimiter(rate float64) limiter {
	full := max(1, rate/10)
	return limiter{rate: rate, full: full, has: full, at: time.Now()}
}

// take returns how many of n may go now, and else when one may.
func (l *limiter) take(n int, now time.Time) (int, time.Duration) {
	l.has = min(l.full, l.has+now.Sub(l.at).Seconds()*l.rate)
	l.at = now
	if l.has < 1 {
		return 0, time.Duration((1 - l.has) / l.rate * float64(time.Second))
	}
	return min(n, int(l.has)), 0
}

// spend takes what went out from what may.
func (l *limiter) spend(n int) { l.has -= float64(n) }
