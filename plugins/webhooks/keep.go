package webhooks

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock"
)

// retainEvery is how often what is past its retention is deleted.
const retainEvery = 10 * time.Minute

// retain deletes what is finished and old, and keeps the log's history on.
func (p *Plugin) retain(ctx context.Context) {
	kept := time.Now()
	for {
		if err := forgetFinished(ctx, p.app, p.config.RetentionClock.Now().Add(-p.config.Retention)); err != nil && ctx.Err() == nil {
			p.app.Logger().Error("Old deliveries could not be deleted.", slog.Any("error", err))
		}
		if err := p.mendTimes(ctx); err != nil && ctx.Err() == nil {
			p.app.Logger().Error("Attempts could not be compared with the clock.", slog.Any("error", err))
		}
		if time.Since(kept) >= keepEvery {
			p.keepHistoryOrLog(ctx)
			kept = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retainEvery):
		}
	}
}

// mendTimes makes due what a clock that was ahead has put off for years, once it has
// been set back.
func (p *Plugin) mendTimes(ctx context.Context) error {
	now := p.config.Clock.Now()
	for _, statement := range []string{
		`UPDATE _webhooksDeliveries SET nextAt = {:now} WHERE ready = 1 AND nextAt > {:far}`,
		`UPDATE _webhooksInbox SET nextAt = {:now} WHERE state = 'pending' AND nextAt > {:far}`,
	} {
		_, err := p.app.NonconcurrentDB().NewQuery(statement).WithContext(ctx).
			Bind(dbx.Params{"now": now.UnixMilli(), "far": now.Add(clock.LongestPause).UnixMilli()}).Execute()
		if err != nil {
			return fmt.Errorf("webhooks: mend the times of attempts: %w", err)
		}
	}
	return nil
}

// prepare makes the app ready to serve: the log is followed and keeps what
// endpoints ask for, and what was stored before there was a key is encrypted.
func (p *Plugin) prepare(app core.App) error {
	if err := app.RunInTransaction(p.followLog); err != nil {
		return err
	}
	if err := p.keepHistory(context.Background()); err != nil {
		return err
	}
	return p.sealAll(app)
}
