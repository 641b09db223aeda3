package protect

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
)

// maxHeld is how many lines of PocketBase's log are kept in memory.
const maxHeld = 2000

// heldLogs are lines that were not written because the app only reads. They would
// take space, and where there is none PocketBase prints an error for each.
type heldLogs struct {
	mu      sync.Mutex
	lines   []core.Log // the newest
	dropped atomic.Int64
}

// holdLog keeps a line for later.
func (p *Plugin) holdLog(e *core.ModelEvent) error {
	line, ok := e.Model.(*core.Log)
	if !ok || !p.mode.on.Load() {
		return e.Next()
	}
	return p.held.keep(e, line)
}

// keep takes the line instead of the database, so the event ends here.
func (h *heldLogs) keep(_ *core.ModelEvent, line *core.Log) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.lines) >= maxHeld {
		h.lines = h.lines[1:]
		h.dropped.Add(1)
	}
	h.lines = append(h.lines, *line) // the caller uses it for the next one
	return nil
}

// guardLogs has PocketBase's own cleanup of its log go by the clock that is believed.
func (p *Plugin) guardLogs(app core.App) {
	const id, asPocketBaseHasIt = "__pbLogsCleanup__", "0 */6 * * *"
	app.Cron().MustAdd(id, asPocketBaseHasIt, func() {
		before := p.clock.Now().AddDate(0, 0, -app.Settings().Logs.MaxDays)
		if err := app.DeleteOldLogs(before); err != nil {
			app.Logger().Warn("Old lines of the log could not be deleted.", slog.String("plugin", "protect"), slog.Any("error", err))
		}
	})
}

// releaseLogs writes what was kept.
func (p *Plugin) releaseLogs(context.Context) {
	h := &p.held
	h.mu.Lock()
	lines := h.lines
	h.lines = nil
	h.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	err := p.app.AuxRunInTransaction(func(tx core.App) error {
		for i := range lines {
			lines[i].MarkAsNew()
			if err := tx.AuxSave(&lines[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.dropped.Add(int64(len(lines)))
		p.app.Logger().Warn("Lines of the log that were kept in memory could not be written.", slog.String("plugin", "protect"),
			slog.Int("lines", len(lines)), slog.Any("error", err))
	}
}
