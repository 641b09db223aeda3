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
	mu      sync.Mutex
	head    int64
	waiting int
	stale   bool          // something was committed while nobody waited
	moved   chan struct{} // closed and replaced when head grows
	nudge   chan struct{}
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

// hint says that something was committed. It never blocks.
func (s *signal) hint() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// wanted tells whether anybody waits to hear of a commit. If not, the next who
// waits asks for it, so that a write costs no query that nobody needs.
func (s *signal) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = s.waiting == 0
	return !s.stale
}

func (s *signal) wait(ctx context.Context, after int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting++
	defer func() { s.waiting-- }()
	for {
		head, moved := s.head, s.moved
		if head > after {
			return head, nil
		}
		if s.stale {
			s.hint()
		}
		s.mu.Unlock()
		select {
		case <-moved:
			s.mu.Lock()
		case <-ctx.Done():
			s.mu.Lock()
			return head, ctx.Err()
		}
	}
}

// bindWakeUp makes commits of this process wake the readers at once. What these
// miss is found by polling. PocketBase calls the hooks after the commit, too.
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

// poll tells the readers of commits: of those of this process when they are
// announced, of all others within the poll interval. It sees these by PRAGMA
// data_version on a connection of its own, which changes with each commit of any
// other connection of any process, and costs a few microseconds.
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

	ticker := time.NewTicker(l.config.PollInterval)
	defer ticker.Stop()
	seen := struct{ data, schema int64 }{-1, -1}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.signal.nudge:
			if l.announce(ctx) != nil {
				seen.data, seen.schema = -1, -1 // the next tick mends it or tells why not
			}
		case <-ticker.C:
			data, err := pragma(ctx, conn, "data_version")
			if err != nil {
				return err
			}
			if data == seen.data {
				continue
			}
			seen.data = data
			schema, err := pragma(ctx, conn, "schema_version")
			if err != nil {
				return err
			}
			if schema != seen.schema {
				seen.schema = schema
				if err := l.heal(ctx); err != nil {
					return err
				}
			}
			if err := l.announce(ctx); err != nil {
				return err
			}
		}
	}
}

// announce tells the readers where the log ends, if there are any.
func (l *Log) announce(ctx context.Context) error {
	if !l.signal.wanted() {
		return nil
	}
	end, err := head(ctx, l.app.ConcurrentDB())
	if err != nil {
		return err
	}
	l.signal.set(end)
	return nil
}

func pragma(ctx context.Context, conn *sql.Conn, name string) (int64, error) {
	var value int64
	if err := conn.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value); err != nil {
		return 0, fmt.Errorf("changes: read %s: %w", name, err)
	}
	return value, nil
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
