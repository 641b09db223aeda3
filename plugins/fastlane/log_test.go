package fastlane_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/logger"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// logRows are the rows of requests that are written by now, with those that wait for it.
func (w *world) logRows(tb testing.TB) (rows []logRow) {
	tb.Helper()
	w.plugin.FlushLog()
	if h, ok := w.app.Logger().Handler().(*logger.BatchHandler); ok {
		if err := h.WriteAll(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
	return w.writtenRows(tb)
}

func (w *world) writtenRows(tb testing.TB) (rows []logRow) {
	tb.Helper()
	err := w.app.AuxDB().NewQuery("SELECT id, level, message, data, created FROM _logs WHERE data LIKE '%\"type\":\"request\"%'").All(&rows)
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

// TestLogSettings has the settings of the log, and who else looks at it, decide what is
// written and by whom. Three requests are made: one of the lane's, one that PocketBase
// answers, and one that fails.
func TestLogSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(w *world)
		rows    int
		own     bool // the plugin writes them, but for the one that fails
		has     []string
		hasNot  []string
	}{
		"as it comes": {rows: 3, own: true, has: []string{`"userIP":"10.`, `"auth":"users"`}, hasNot: []string{"authId"}},
		"off":         {prepare: func(w *world) { w.app.Settings().Logs.MaxDays = 0 }},
		"errors only": {rows: 1, prepare: func(w *world) {
			w.app.Settings().Logs.MinLevel = 8
			w.app.Logger().Handler().(*logger.BatchHandler).SetLevel(8)
		}},
		"without addresses": {rows: 3, own: true, hasNot: []string{"userIP", "remoteIP"}, prepare: func(w *world) { w.app.Settings().Logs.LogIP = false }},
		"with accounts":     {rows: 3, own: true, has: []string{`"authId":"author000000000"`}, prepare: func(w *world) { w.app.Settings().Logs.LogAuthId = true }},
		"a handler of models": {rows: 3, own: true, has: []string{`"seen":true`}, prepare: func(w *world) {
			w.app.OnModelCreate(core.LogsTableName).BindFunc(func(e *core.ModelEvent) error {
				e.Model.(*core.Log).Data["seen"] = true
				return e.Next()
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, signedIn := newFrontPosts(t)
			w.app.Settings().Logs.MaxDays = 5
			if c.prepare != nil {
				c.prepare(w)
			}
			for _, address := range []string{onePost, onePost + "?expand=a.b", onePost + "0"} {
				w.ask(false, address, signedIn)
			}
			if waiting := w.plugin.LogWaiting(); (waiting == 2) != c.own {
				t.Errorf("%d rows wait in the plugin", waiting)
			}
			pbtest.Eventually(t, time.Minute, func() error {
				if rows := w.logRows(t); len(rows) != c.rows {
					return fmt.Errorf("%d rows, want %d", len(rows), c.rows)
				}
				return nil
			})
			for _, row := range w.logRows(t) {
				for _, part := range c.has {
					if !strings.Contains(row.Data, part) {
						t.Errorf("%s has no %s", row.Data, part)
					}
				}
				for _, part := range c.hasNot {
					if strings.Contains(row.Data, part) {
						t.Errorf("%s has %s", row.Data, part)
					}
				}
				if strings.HasPrefix(row.Message, "GET "+onePost+"0") != (row.Level == 8) {
					t.Errorf("level %d of %s", row.Level, row.Message)
				}
			}
		})
	}
}

// loggingApp is an app with a logger of its own.
type loggingApp struct {
	core.App
	logger *slog.Logger
}

func (a *loggingApp) Logger() *slog.Logger { return a.logger }

// counting counts records on their way.
type counting struct {
	slog.Handler
	n *atomic.Int64
}

// TestOtherLoggers has apps log elsewhere, or more: the plugin leaves it to them.
func TestOtherLoggers(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t, func(core.App) error { return nil }, fastlane.Config{})
	w.app.Settings().Logs.MaxDays = 5
	if !w.plugin.LogTakes(w.app) {
		t.Error("PocketBase's own logger is not known")
	}
	own := w.app.Logger().Handler()
	for name, h := range map[string]slog.Handler{
		"a handler around it": counting{own, new(atomic.Int64)},
		"with attributes":     own.WithAttrs([]slog.Attr{slog.String("a", "b")}),
		"with a group":        own.WithGroup("g"),
		"a batch elsewhere":   logger.NewBatchHandler(logger.BatchOptions{WriteFunc: (&elsewhere{}).write}),
	} {
		if w.plugin.LogTakes(&loggingApp{w.app, slog.New(h)}) {
			t.Errorf("%s: the plugin writes rows by itself", name)
		}
	}
}

// TestLogFlush waits for rows that nobody asks for: of full batches, of some seconds,
// and of the end.
func TestLogFlush(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		requests, rows int
		end            bool
	}{
		"full batches": {requests: 450, rows: 400},
		"some seconds": {requests: 3, rows: 3},
		"the end":      {requests: 250, rows: 250, end: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, signedIn := newFrontPosts(t)
			w.app.Settings().Logs.MaxDays = 5
			for range c.requests {
				w.ask(false, onePost, signedIn)
			}
			if c.end {
				if err := w.app.OnTerminate().Trigger(&core.TerminateEvent{App: w.app}); err != nil {
					t.Fatal(err)
				}
				if rows := w.writtenRows(t); len(rows) != c.rows {
					t.Errorf("%d rows, want %d", len(rows), c.rows)
				}
				return
			}
			pbtest.Eventually(t, time.Minute, func() error {
				if rows := w.writtenRows(t); len(rows) < c.rows {
					return fmt.Errorf("%d rows, want %d", len(rows), c.rows)
				}
				return nil
			})
		})
	}
}

// TestLogOfRoutes has routes of the app say what becomes of the log.
func TestLogOfRoutes(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t, func(core.App) error { return nil }, fastlane.Config{})
	w.app.Settings().Logs.MaxDays = 5
	w.app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		ok := func(e *core.RequestEvent) error { return e.NoContent(http.StatusNoContent) }
		e.Router.GET("/plain", ok)
		e.Router.GET("/skipped", ok).Bind(apis.SkipSuccessActivityLog())
		e.Router.GET("/unbound", ok).Unbind(apis.DefaultActivityLoggerMiddlewareId)
		e.Router.GET("/more", func(e *core.RequestEvent) error {
			e.Set(apis.RequestEventKeyLogMeta, map[string]any{"a": 1})
			return ok(e)
		})
		e.Router.GET("/failed", func(e *core.RequestEvent) error { return e.TooManyRequestsError("", "details") }).Bind(apis.SkipSuccessActivityLog())
		e.Router.GET("/panics", func(*core.RequestEvent) error { panic("broken") })
		return e.Next()
	})
	w.handler = serverHandler(t, w.app)
	for _, path := range []string{"/plain", "/skipped", "/unbound", "/more", "/failed", "/panics"} {
		w.ask(false, path, nil)
	}
	want := map[string]string{
		"GET /plain":  `"status":204`,
		"GET /more":   `"meta":{"a":1}`,
		"GET /failed": `"details":"details"`,
		"GET /panics": `[PANIC RECOVER] broken`,
	}
	pbtest.Eventually(t, time.Minute, func() error {
		if rows := w.logRows(t); len(rows) != len(want) {
			return fmt.Errorf("%d rows, want %d", len(rows), len(want))
		}
		return nil
	})
	for _, row := range w.logRows(t) {
		if part, ok := want[row.Message]; !ok || !strings.Contains(row.Data, part) {
			t.Errorf("%s: %s, want %s in it", row.Message, row.Data, part)
		}
		if !strings.Contains(row.Data, `"execTime":`) {
			t.Errorf("%s took no time: %s", row.Message, row.Data)
		}
	}
}

// elsewhere takes records.
type elsewhere struct{}

func (*elsewhere) write(context.Context, []*logger.Log) error { return nil }
