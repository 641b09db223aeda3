package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/clock"
)

// mendTimes brings back what a clock that was ahead has put off, once it has been set
// back: schedules that would not be due for years, leases of processes that are gone,
// jobs that wait for their next attempt. Only the leader does it. It looks at each
// only when it was written later than now, which is when a clock was set back.
func (p *Plugin) mendTimes(ctx context.Context) {
	if !p.leads() {
		return
	}
	now := p.now()
	mended, err := p.store.mendTimes(ctx, p.app.NonconcurrentDB(), now)
	if err == nil {
		err = p.mendSchedules(ctx, &mended)
	}
	if err != nil {
		p.app.Logger().Warn("Times of jobs could not be compared with the clock.", slog.Any("error", err))
		return
	}
	if mended > 0 {
		p.app.Logger().Warn("The clock was set back: jobs and schedules that were put off by it are due again.", slog.Int64("mended", mended))
		p.wake()
	}
}

// mendSchedules moves schedules to their next time that are due after that.
func (p *Plugin) mendSchedules(ctx context.Context, mended *int64) error {
	rows, err := p.store.schedules(ctx, p.app.ConcurrentDB())
	if err != nil {
		return err
	}
	now := p.now() // not before: a tick in between would look as if it came from the future
	for _, r := range rows {
		p.mu.Lock()
		s := p.schedules[r.Name]
		p.mu.Unlock()
		if s == nil || s.Cron != r.Cron || s.Zone.String() != r.Zone {
			continue // of a newer or older version of the program
		}
		next, err := s.times.after(now)
		if err != nil {
			return err
		}
		if r.Next <= next.UnixMilli() {
			continue
		}
		moved, err := p.store.moveSchedule(p.app.NonconcurrentDB(), r.Name, time.UnixMilli(r.Next), next)
		if err != nil {
			return err
		}
		if moved {
			*mended++
		}
	}
	return nil
}

// mendTimes ends leases, and makes jobs due, that were written by a clock that was
// ahead. An attempt that began, or a job that was enqueued, in the future says so.
func (store) mendTimes(ctx context.Context, db dbx.Builder, now time.Time) (int64, error) {
	far := now.Add(clock.LongestLease).UnixMilli()
	total := int64(0)
	for _, statement := range []string{
		`UPDATE _jobs SET leaseUntil = 0 WHERE state = 'running' AND leaseUntil > {:far}`,
		`UPDATE _jobs SET startedAt = {:now}, runAt = MAX({:now}, runAt - (startedAt - {:now}))
			WHERE state = 'scheduled' AND runAt > {:far} AND startedAt > {:far}`,
		`UPDATE _jobs SET enqueuedAt = {:now}, runAt = MAX({:now}, runAt - (enqueuedAt - {:now})), dueAt = MAX({:now}, dueAt - (enqueuedAt - {:now}))
			WHERE state = 'scheduled' AND runAt > {:far} AND enqueuedAt > {:far}`,
	} {
		result, err := db.NewQuery(statement).WithContext(ctx).Bind(dbx.Params{"now": now.UnixMilli(), "far": far}).Execute()
		if err != nil {
			return total, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// depose ends a leadership that ends after the time.
func (store) depose(ctx context.Context, db dbx.Builder, after int64) error {
	_, err := db.NewQuery(`UPDATE _jobsLeader SET owner = '', until = 0 WHERE until > {:after}`).
		WithContext(ctx).Bind(dbx.Params{"after": after}).Execute()
	return err
}
