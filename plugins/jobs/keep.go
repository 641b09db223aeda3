package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
)

// keepEvery is how often retention is looked after.
const keepEvery = time.Minute

// keep renews the leases of this process, and its leadership, beside the work. It
// ends after the dispatcher, which goes on for a while when the app stops.
func (p *Plugin) keep(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	beat := time.NewTicker(p.config.Lease / 3)
	defer beat.Stop()
	sweep := time.NewTicker(keepEvery)
	defer sweep.Stop()
	p.lead(ctx)
	for {
		select {
		case <-p.drained:
			p.resign()
			return
		case <-beat.C:
			p.renew(ctx)
			p.lead(ctx)
		case <-sweep.C:
			p.mendTimes(ctx)
			p.sweep(ctx)
		}
	}
}

// renew prolongs the leases of the jobs that run here, and ends the work on those
// that another process may have.
func (p *Plugin) renew(ctx context.Context) {
	if !p.busy() {
		return
	}
	until := p.now().Add(p.config.Lease)
	// a database that does not answer must not keep us from noticing
	ctx, cancel := context.WithTimeout(ctx, p.config.Lease/3)
	defer cancel()
	before := p.running()
	leases, err := p.store.renew(ctx, p.app.NonconcurrentDB(), p.owner, until)
	if err != nil {
		p.app.Logger().Warn("The leases of running jobs could not be renewed.", slog.Any("error", err))
	}
	kept := map[lease]bool{}
	for _, l := range leases {
		kept[lease{l.ID, l.Claims}] = true
	}
	now := p.now()
	for _, r := range before {
		r.mu.Lock()
		switch {
		case kept[lease{r.row.ID, r.row.Claims}]:
			r.leaseUntil = until
		case r.inTx || r.completed || r.outcome != nil:
			// it is over, and its row need not be running any more
		case err == nil || now.After(r.leaseUntil):
			r.cancel(ErrLeaseLost)
		}
		r.mu.Unlock()
	}
}

// running is what runs in this process.
func (p *Plugin) running() []*run {
	p.mu.Lock()
	defer p.mu.Unlock()
	runs := make([]*run, 0, len(p.runs))
	for r := range p.runs {
		runs = append(runs, r)
	}
	return runs
}

// lead takes the leadership if nobody has it, and keeps it if this process has.
// Only a leader writes; the others look.
func (p *Plugin) lead(ctx context.Context) {
	leads, err := p.tryToLead(ctx)
	if err != nil {
		p.app.Logger().Warn("Jobs could not find out who leads.", slog.Any("error", err))
	}
	p.mu.Lock()
	began := leads && !p.leader
	p.leader = leads
	p.mu.Unlock()
	if !began {
		return
	}
	if err := p.install(ctx); err != nil {
		p.app.Logger().Error("The schedules could not be stored.", slog.Any("error", err))
		p.mu.Lock()
		p.leader = false // the next time again
		p.mu.Unlock()
		return
	}
	p.mendTimes(ctx)
	p.sweep(ctx)
	p.wake()
}

func (p *Plugin) tryToLead(ctx context.Context) (bool, error) {
	now := p.now()
	owner, until, err := p.store.leaderUntil(ctx, p.app.ConcurrentDB())
	if err != nil {
		return false, err
	}
	far := now.Add(clock.LongestLease).UnixMilli()
	if owner != p.owner && until >= now.UnixMilli() && until <= far {
		return false, nil
	}
	if until > far {
		if err := p.store.depose(ctx, p.app.NonconcurrentDB(), far); err != nil {
			return false, err
		}
	}
	return p.store.lead(ctx, p.app.NonconcurrentDB(), p.owner, now, now.Add(p.config.Lease))
}

func (p *Plugin) leads() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leader
}

// resign lets another process lead at once.
func (p *Plugin) resign() {
	if !p.leads() {
		return
	}
	if err := p.store.resign(p.app.NonconcurrentDB(), p.owner); err != nil {
		p.app.Logger().Warn("The leadership of jobs could not be given back.", slog.Any("error", err))
	}
}

// sweep deletes what has been kept for long enough.
func (p *Plugin) sweep(ctx context.Context) {
	if !p.leads() {
		return
	}
	now := p.config.RetentionClock.Now()
	err := func() error {
		for state, keep := range map[State]time.Duration{
			StateDone: p.config.KeepDone, StateCancelled: p.config.KeepDone, StateDead: p.config.KeepDead,
		} {
			if keep < 0 {
				continue
			}
			if err := p.store.deleteFinished(ctx, p.app.NonconcurrentDB(), state, now.Add(-keep), now); err != nil {
				return err
			}
		}
		if p.config.KeepDead < 0 {
			return nil
		}
		return p.store.deleteTicks(ctx, p.app.NonconcurrentDB(), now.Add(-p.config.KeepDead))
	}()
	if err != nil {
		p.app.Logger().Warn("Old jobs could not be deleted.", slog.Any("error", err))
	}
}
