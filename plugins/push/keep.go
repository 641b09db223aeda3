package push

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock"
)

// retainEvery is how often what is past its time is ended or deleted.
const retainEvery = time.Minute

// retain ends what waits for a service that is paused or gone and is past its
// time, and deletes what is old.
func (p *Plugin) retain(ctx context.Context) {
	for {
		p.logError(ctx, "Old push messages could not be deleted.", p.sweep(ctx))
		select {
		case <-ctx.Done():
			return
		case <-time.After(retainEvery):
		}
	}
}

// sweepOnce is how many rows change in one transaction, so that others can write in between.
const sweepOnce = 500

func (p *Plugin) sweep(ctx context.Context) error {
	now := p.now()
	params := dbx.Params{"now": now.UnixMilli(), "before": p.config.RetentionClock.Now().Add(-p.config.Retention).UnixMilli(), "limit": sweepOnce, "far": now.Add(clock.LongestPause).UnixMilli()}
	for _, statement := range []string{
		// what a clock that was ahead has put off, once it has been set back
		`UPDATE _pushDeliveries SET nextAt = {:now} WHERE id IN (
			SELECT id FROM _pushDeliveries WHERE state = 'pending' AND nextAt > {:far} LIMIT {:limit})`,
		`UPDATE _pushDeliveries SET state = 'expired', finished = {:now} WHERE id IN (
			SELECT id FROM _pushDeliveries WHERE state = 'pending' AND expires <= {:now} LIMIT {:limit})`,
		`UPDATE _pushServices SET pausedUntil = {:now} WHERE name IN (SELECT name FROM _pushServices WHERE pausedUntil > {:far} LIMIT {:limit})`,
		`DELETE FROM _pushDeliveries WHERE id IN (SELECT d.id FROM _pushMessages m JOIN _pushDeliveries d ON d.message = m.id
			WHERE m.created < {:before} AND m.at < {:before} AND d.state <> 'pending' LIMIT {:limit})`,
		`DELETE FROM _pushMessages WHERE id IN (SELECT id FROM _pushMessages m WHERE created < {:before} AND at < {:before} AND state <> 'pending'
			AND NOT EXISTS (SELECT 1 FROM _pushDeliveries d WHERE d.message = m.id) LIMIT {:limit})`,
		`DELETE FROM _pushServices WHERE name IN (SELECT name FROM _pushServices WHERE MAX(pausedUntil, lastSuccess, lastFailure) < {:before} LIMIT {:limit})`,
	} {
		if err := repeat(ctx, p.app, statement, params); err != nil {
			return err
		}
	}
	return nil
}

// repeat executes a statement until it changes less than its limit.
func repeat(ctx context.Context, app core.App, statement string, params dbx.Params) error {
	for ctx.Err() == nil {
		result, err := app.NonconcurrentDB().NewQuery(statement).WithContext(ctx).Bind(params).Execute()
		if err != nil {
			return fmt.Errorf("push: delete what is old: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n < sweepOnce {
			return err
		}
	}
	return nil
}
