// Package bg runs the background goroutines of a plugin and ends them before the
// database closes.
//
//	group := bg.New(app, "webhooks", 10*time.Second)
//	group.Go("deliver", func(ctx context.Context) { ... })
package bg

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Group owns goroutines of one plugin of one app.
type Group struct {
	app    core.App
	id     string
	grace  time.Duration
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running sync.WaitGroup
}

// New returns a group that ends with the app: when the app terminates, the
// context of its goroutines is cancelled, and they have the time grace to
// return before the database closes.
func New(app core.App, id string, grace time.Duration) *Group {
	ctx, cancel := context.WithCancel(context.Background())
	g := &Group{app: app, id: id, grace: grace, ctx: ctx, cancel: cancel}
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallBg_" + id,
		Func: func(e *core.TerminateEvent) error {
			if !g.Stop() {
				e.App.Logger().Error("Background work did not end in time.", slog.String("plugin", id), slog.Duration("grace", grace))
			}
			return e.Next()
		},
		// after the HTTP server's drain, before everything that closes something
		Priority: -999,
	})
	return g
}

// Go runs fn until it returns. It reports false, and runs nothing, once the
// group has been stopped. A panic is logged and ends fn only.
func (g *Group) Go(name string, fn func(ctx context.Context)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	g.running.Add(1)
	go func() {
		defer g.running.Done()
		defer func() {
			if r := recover(); r != nil {
				g.app.Logger().Error("Background work panicked.", slog.String("plugin", g.id), slog.String("work", name),
					slog.Any("error", r), slog.String("stack", string(debug.Stack())))
			}
		}()
		fn(g.ctx)
	}()
	return true
}

// Stop cancels the goroutines, waits for them up to the grace period and tells
// whether all have returned. It may be called more than once.
func (g *Group) Stop() bool {
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	g.cancel()

	done := make(chan struct{})
	go func() {
		g.running.Wait()
		close(done)
	}()
	timer := time.NewTimer(g.grace)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
