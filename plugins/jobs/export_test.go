package jobs

import (
	"context"
	"time"
)

// OnTurn has f called after each turn of the dispatcher.
func (p *Plugin) OnTurn(f func()) {
	p.signals.mu.Lock()
	defer p.signals.mu.Unlock()
	p.signals.turn = f
}

// Wake says that there may be work, as a commit does.
func (p *Plugin) Wake() { p.wake() }

// Renew renews the leases now.
func (p *Plugin) Renew() { p.renew(context.Background()) }

// Lead tries to lead now, and tells whether it does.
func (p *Plugin) Lead() bool {
	p.lead(context.Background())
	return p.leads()
}

// Sweep deletes what is old now.
func (p *Plugin) Sweep() { p.sweep(context.Background()) }

// SetGrace shortens the patience with handlers that ignore their context.
func (p *Plugin) SetGrace(d time.Duration) { p.grace = d }

// After is the next time of a cron expression.
func After(s Schedule, t time.Time) (time.Time, error) {
	expression, err := parseCron(s)
	if err != nil {
		return time.Time{}, err
	}
	return expression.after(t)
}

// Doubling is the default backoff.
func Doubling(attempts int) time.Duration { return doubling(attempts) }

// Running is how many jobs this process has.
func (p *Plugin) Running() int { return len(p.running()) }
