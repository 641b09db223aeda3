package webhooks

import (
	"context"
	"log/slog"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// retainEvery is how often what is past its retention is deleted.
const retainEvery = 10 * time.Minute

// retain deletes what is finished and old, and keeps the log's history on.
func (p *Plugin) retain(ctx context.Context) {
	kept := time.Now()
	for {
		if err := forgetFinished(ctx, p.app, p.config.Clock.Now().Add(-p.config.Retention)); err != nil && ctx.Err() == nil {
			p.app.Logger().Error("Old deliveries could not be deleted.", slog.Any("error", err))
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
