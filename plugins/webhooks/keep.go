package webhooks

import (
	"context"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
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

// prepare makes the app ready to serve: the log keeps what endpoints ask for, and
// what was stored before there was a key is encrypted.
func (p *Plugin) prepare(app core.App) error {
	if err := p.keepHistory(context.Background()); err != nil {
		return err
	}
	if p.config.EncryptionKey == "" {
		return nil
	}
	records, err := app.FindAllRecords(Collection)
	if err != nil {
		return err
	}
	for _, record := range records {
		e := endpointOf(record)
		before := e.GetString(fieldSecret) + e.GetString(fieldPreviousSecret) + e.GetString(fieldHeaders)
		if err := p.sealEndpoint(app, e); err != nil {
			return err
		}
		if before == e.GetString(fieldSecret)+e.GetString(fieldPreviousSecret)+e.GetString(fieldHeaders) {
			continue
		}
		// no hooks: what is stored means the same as before
		_, err := app.NonconcurrentDB().Update(Collection, map[string]any{
			fieldSecret: e.GetString(fieldSecret), fieldPreviousSecret: e.GetString(fieldPreviousSecret), fieldHeaders: e.GetString(fieldHeaders),
		}, dbx.HashExp{core.FieldNameId: e.Id}).Execute()
		if err != nil {
			return err
		}
	}
	return nil
}
