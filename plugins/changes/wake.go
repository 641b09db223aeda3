package changes

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// signal tells waiting readers where the log ends.
type signal struct {
	mu    sync.Mutex
	head  int64
	moved chan struct{} // closed and replaced when head grows
	nudge chan struct{}
}

func newSignal() *signal {
	return &signal{moved: make(chan struct{}), nudge: make(chan struct{}, 1)}
}

// set announces a new end of the log.
func (s *signal) set(head int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if head <= s.head {
		return
	}
	s.head = head
	close(s.moved)
	s.moved = make(chan struct{})
}

// hint says that something may have been committed. It never blocks.
func (s *signal) hint() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

func (s *signal) wait(ctx context.Context, after int64) (int64, error) {
	for {
		s.mu.Lock()
		head, moved := s.head, s.moved
		s.mu.Unlock()
		if head > after {
			return head, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return head, ctx.Err()
		}
	}
}

// bindWakeUp makes commits of this process wake the readers at once. What these
// miss is found by polling.
func (l *Log) bindWakeUp() {
	if l.config.Engine != nil {
		l.config.Engine.OnCommit(func(path string) {
			if filepath.Base(path) == "data.db" {
				l.signal.hint()
			}
		})
		return
	}
	wake := &hook.Handler[*core.ModelEvent]{
		Id: "holdallChangesWake",
		Func: func(e *core.ModelEvent) error {
			l.signal.hint()
			return e.Next()
		},
		Priority: -9999,
	}
	l.app.OnModelAfterCreateSuccess().Bind(wake)
	l.app.OnModelAfterUpdateSuccess().Bind(wake)
	l.app.OnModelAfterDeleteSuccess().Bind(wake)
}

// poll watches PRAGMA data_version on a connection of its own, which changes
// with each commit of any other connection of any process, and costs a few
// microseconds. After a hint it looks often for a short while, because the hint
// comes just before the commit can be seen.
func (l *Log) poll(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.watch(ctx); err != nil && ctx.Err() == nil {
			l.app.Logger().Error("The change log lost its connection and opens another.", slog.Any("error", err))
			pause(ctx, time.Second)
		}
	}
}

func (l *Log) watch(ctx context.Context) error {
	db, ok := l.app.ConcurrentDB().(*dbx.DB)
	if !ok {
		return fmt.Errorf("changes: unexpected database %T", l.app.ConcurrentDB())
	}
	conn, err := db.DB().Conn(ctx)
	if err != nil {
		return fmt.Errorf("changes: open connection: %w", err)
	}
	defer conn.Close()

	version, eagerUntil := int64(-1), time.Time{}
	for {
		current, err := dataVersion(ctx, conn)
		if err != nil {
			return err
		}
		if current != version {
			version = current
			end, err := head(ctx, l.app.ConcurrentDB())
			if err != nil {
				return err
			}
			l.signal.set(end)
		}

		interval := l.config.PollInterval
		if time.Now().Before(eagerUntil) {
			interval = min(interval, eagerInterval)
		}
		timer := time.NewTimer(interval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-l.signal.nudge:
			timer.Stop()
			eagerUntil = time.Now().Add(eagerFor)
		case <-timer.C:
		}
	}
}

// How often and how long the log looks for a commit that was announced.
const (
	eagerInterval = 500 * time.Microsecond
	eagerFor      = 20 * time.Millisecond
)

func dataVersion(ctx context.Context, conn *sql.Conn) (int64, error) {
	var version int64
	if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("changes: read data_version: %w", err)
	}
	return version, nil
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
