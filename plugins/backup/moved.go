package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// follow begins anew when the file at the path of the database is not the one that is
// copied, as when it was removed and something has put another one there. Litestream
// goes on to read the old one, and the log of the new one.
func (s *shipment) follow(ctx context.Context) error {
	now, err := os.Stat(s.db.Path())
	if err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	if s.copied == nil || os.SameFile(s.copied, now) {
		s.copied = now
		return nil
	}
	s.log.Warn("the database is another file than before: its backup begins anew", slog.String("path", s.db.Path()))
	for _, l := range s.lanes {
		l.shipping.Lock()
		defer l.shipping.Unlock()
	}
	// it would copy a last time, of two databases
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_ = s.db.Close(ended)
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	s.checkpointed, s.left, s.putOff, s.stuck = time.Time{}, 0, 0, false
	for _, l := range s.lanes {
		l.restart()
	}
	s.mu.Lock()
	s.captures = nil
	s.mu.Unlock()
	if err := errors.Join(s.db.ResetLocalState(ctx), s.db.Open()); err != nil {
		return fmt.Errorf("begin anew with %s: %w", s.db.Path(), err)
	}
	s.copied = now
	return nil
}

// restart lets the lane begin another generation. l.shipping is held.
func (l *lane) restart() {
	l.ready = false
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pos = 0
}
