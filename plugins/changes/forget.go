package changes

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	forgetEvery = time.Hour
	// forgetAtOnce is how many rows one transaction removes, so that writers need
	// not wait.
	forgetAtOnce = 1000
)

// retain forgets what the retention allows, and mends the log, now and then.
func (l *Log) retain(ctx context.Context) {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		if err := l.Forget(ctx, l.config.RetentionClock.Now()); err != nil && ctx.Err() == nil {
			l.app.Logger().Error("The change log could not be trimmed.", slog.Any("error", err))
		}
		if err := l.mend(ctx); err != nil && ctx.Err() == nil {
			l.app.Logger().Error("The change log could not be compared with the records.", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Forget removes the tombstones and the history that are past their retention
// at the given time, and the oldest history beyond [Config.HistoryRows]. It ends
// the full logs whose time is over by [Config.RetentionClock], see [Log.KeepHistory]. History
// that a consumer has yet to read is kept, unless the consumer has not run for as
// long. There is no index over the time, which each
// write would pay for: the tombstones are searched for outside of a transaction. The last change stays,
// also if it is a tombstone: the next position is counted from it.
func (l *Log) Forget(ctx context.Context, now time.Time) error {
	if err := l.endKept(ctx, l.config.RetentionClock.Now()); err != nil {
		return fmt.Errorf("changes: end histories: %w", err)
	}
	if err := l.forgetHistory(ctx, now.Add(-l.config.HistoryRetention).UnixMilli()); err != nil {
		return fmt.Errorf("changes: forget history: %w", err)
	}
	if err := l.forgetTombstones(ctx, now.Add(-l.config.TombstoneRetention).UnixMilli()); err != nil {
		return fmt.Errorf("changes: forget tombstones: %w", err)
	}
	return nil
}

func (l *Log) forgetHistory(ctx context.Context, before int64) error {
	// the last row before the first one that is too young, or the last one that is
	// too many
	var last int64
	err := l.app.ConcurrentDB().NewQuery(`SELECT COALESCE(MAX(seq), 0) FROM _changesHistory
		WHERE (seq < COALESCE((SELECT seq FROM _changesHistory WHERE at >= {:before} ORDER BY seq LIMIT 1), {:all})
			OR seq <= (SELECT seq FROM _changesHistory ORDER BY seq DESC LIMIT 1 OFFSET {:limit}))
		AND seq <= COALESCE((SELECT MIN(position) FROM _changesConsumers WHERE leaseUntil >= {:before}), {:all})`).
		WithContext(ctx).Bind(dbx.Params{"before": before, "all": int64(1) << 62, "limit": l.config.HistoryRows}).Row(&last)
	if err != nil || last == 0 {
		return err
	}
	for {
		var removed int64
		err := l.app.RunInTransaction(func(tx core.App) error {
			_, err := tx.DB().NewQuery(`UPDATE _changesKept SET since = MAX(since, {:last})`).Bind(dbx.Params{"last": last}).Execute()
			if err != nil {
				return err
			}
			result, err := tx.DB().NewQuery(`DELETE FROM _changesHistory
				WHERE seq IN (SELECT seq FROM _changesHistory WHERE seq <= {:last} ORDER BY seq LIMIT {:limit})`).
				WithContext(ctx).Bind(dbx.Params{"last": last, "limit": forgetAtOnce}).Execute()
			if err != nil {
				return err
			}
			removed, err = result.RowsAffected()
			return err
		})
		if err != nil || removed < forgetAtOnce {
			return err
		}
	}
}

func (l *Log) forgetTombstones(ctx context.Context, before int64) error {
	last := int64(0)
	for {
		var found []int64
		err := l.app.ConcurrentDB().NewQuery(`SELECT seq FROM _changes WHERE seq > {:last} AND seq < ` + endOfLog + `
			AND deleted = 1 AND at < {:before} ORDER BY seq LIMIT {:limit}`).
			WithContext(ctx).Bind(dbx.Params{"last": last, "before": before, "limit": forgetAtOnce}).Column(&found)
		if err != nil || len(found) == 0 {
			return err
		}
		last = found[len(found)-1]
		rows := make([]any, len(found))
		for i, seq := range found {
			rows[i] = seq
		}
		err = l.app.RunInTransaction(func(tx core.App) error {
			_, err := tx.DB().NewQuery(`UPDATE _changesFloor SET seq = MAX(seq, {:last})`).Bind(dbx.Params{"last": last}).Execute()
			if err != nil {
				return err
			}
			_, err = tx.DB().Delete("_changes", dbx.In("seq", rows...)).WithContext(ctx).Execute()
			return err
		})
		if err != nil {
			return err
		}
	}
}
