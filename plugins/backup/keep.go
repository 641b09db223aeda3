package backup

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/benbjohnson/litestream"
)

// The levels that captures are put together in, so that a restore takes few pieces.
const (
	minuteLevel = 1
	hourLevel   = 2
)

// keep puts the pieces of a lane together, takes snapshots and removes what is too
// old, until ctx is done.
func (l *lane) keep(ctx context.Context) {
	ticker := time.NewTicker(l.config.CompactInterval)
	defer ticker.Stop()
	var hourly, old time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			l.of.tidy()
			pieces := l.current()
			if pieces == nil {
				continue
			}
			err := l.compact(ctx, pieces, minuteLevel)
			if err == nil && now.Sub(hourly) >= 60*l.config.CompactInterval {
				hourly = now
				err = errors.Join(l.compact(ctx, pieces, hourLevel), l.snapshotIfDue(ctx, pieces, now), l.expire(ctx, pieces))
			}
			if err == nil && now.Sub(old) >= 24*time.Hour {
				old = now
				err = l.expireGenerations(ctx, pieces, l.config.RetentionClock.Now())
			}
			if err != nil && ctx.Err() == nil {
				l.log.Warn("the backup cannot be tidied up", slog.Any("error", err))
			}
		}
	}
}

// current are the pieces of a generation that is complete.
func (l *lane) current() *segments {
	l.shipping.Lock()
	defer l.shipping.Unlock()
	if !l.ready {
		return nil
	}
	return l.pieces
}

func (l *lane) compact(ctx context.Context, pieces *segments, level int) error {
	compactor := litestream.NewCompactor(pieces, slog.New(slog.DiscardHandler))
	if level == minuteLevel {
		compactor.LocalFileOpener = l.of.open
	}
	_, err := compactor.Compact(ctx, level)
	if errors.Is(err, litestream.ErrNoCompaction) {
		return nil
	}
	return err
}

func (l *lane) snapshotIfDue(ctx context.Context, pieces *segments, now time.Time) error {
	infos, err := litestream.FindLTXFiles(ctx, pieces, litestream.SnapshotLevel, false, everyPiece)
	if err != nil || len(infos) == 0 {
		return err
	}
	newest := infos[len(infos)-1]
	if now.Sub(newest.CreatedAt) < l.config.SnapshotInterval || newest.MaxTXID >= l.position() {
		return nil
	}
	_, err = l.snapshot(ctx, pieces)
	return err
}

// expire removes the pieces that no instant within the retention needs.
func (l *lane) expire(ctx context.Context, pieces *segments) error {
	compactor := litestream.NewCompactor(pieces, slog.New(slog.DiscardHandler))
	// it goes by the clock of the machine
	ahead := max(0, time.Since(l.config.RetentionClock.Now()))
	// the snapshot before the oldest instant is needed
	oldest, err := compactor.EnforceSnapshotRetention(ctx, l.config.Retention+l.config.SnapshotInterval+ahead)
	if err != nil {
		return err
	}
	for _, level := range []int{minuteLevel, hourLevel} {
		if err := compactor.EnforceRetentionByTXID(ctx, level, oldest); err != nil {
			return err
		}
	}
	return compactor.EnforceL0Retention(ctx, l.config.Precise+ahead)
}

// expireGenerations removes generations that ended before the retention.
func (l *lane) expireGenerations(ctx context.Context, current *segments, now time.Time) error {
	all, err := generations(ctx, l.vault, l.of.name)
	if err != nil {
		return err
	}
	for _, g := range all {
		_, to, _, _, err := g.span(ctx)
		if err != nil || g.prefix == current.prefix || now.Sub(to) < l.config.Retention {
			continue
		}
		for level := range litestream.SnapshotLevel + 1 {
			infos, err := litestream.FindLTXFiles(ctx, g, level, false, everyPiece)
			if err == nil {
				err = g.DeleteLTXFiles(ctx, infos)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
