package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/observe"
	"github.com/holdall-go/holdall/plugins/protect"
)

// readProtect says when the server only reads, and how far it believes its clock.
func (cfg *config) readProtect(r *env.Reader) {
	r.Group("Self-protection")
	c := &cfg.protect
	c.MinFree = orOff(env.Get(r, env.Size, "PROTECT_MIN_FREE", 256<<20,
		"With less free space than this on the data directory's file system, changes are refused and reading goes on. 0 asks for none."))
	c.MinFreePercent = float64(env.Get(r, env.Int, "PROTECT_MIN_FREE_PERCENT", 0,
		"The same in percent of the file system. The larger of both counts. 0 asks for none."))
	c.LeaveFree = env.Get(r, env.Size, "PROTECT_LEAVE_FREE", 0,
		"With this much free, changes are accepted again. 0 is one and a half times PROTECT_MIN_FREE.")
	c.Interval = notDefault(env.Get(r, env.Duration, "PROTECT_INTERVAL", 5*time.Second,
		"How often the disk is looked at, 1ms or more."))
	c.ClockTolerance = notDefault(env.Get(r, env.Duration, "PROTECT_CLOCK_TOLERANCE", 24*time.Hour,
		"How far the clock may jump, or be ahead of when the server ran last, until it is doubted. At least a minute."))
	c.ClockHold = notDefault(env.Get(r, env.Duration, "PROTECT_CLOCK_HOLD", 72*time.Hour,
		"For how long a clock that is doubted must go on without a jump until it is believed. Nothing is deleted for its age before. At least a minute."))
	c.Allow = []string{"POST /api/v1/invitations/preview"}
}

// registerProtect guards the app, and gives the guarded clock to those who delete what
// is old.
func registerProtect(app core.App, cfg *config) error {
	if cfg.changes.Engine != nil {
		cfg.protect.Statements = cfg.changes.Engine
	}
	guard, err := protect.Register(app, cfg.protect)
	if err != nil {
		return err
	}
	cfg.health.Degraded = guard.Degraded
	cfg.observe.Sources = append(cfg.observe.Sources, protectFigures(guard))
	cfg.limits.Now = guard.Clock().Now
	cfg.changes.RetentionClock = guard.Clock()
	cfg.jobs.RetentionClock = guard.Clock()
	cfg.webhooks.RetentionClock = guard.Clock()
	cfg.push.RetentionClock = guard.Clock()
	cfg.backup.RetentionClock = guard.Clock()
	return nil
}

// protectFigures are how the machine is, for the metrics.
func protectFigures(guard *protect.Plugin) observe.Source {
	return observe.Source{Name: "protect", Collect: func(_ context.Context, emit func(observe.Figure)) error {
		guard.Figures(func(name, help string, value float64) {
			emit(observe.Figure{Name: name, Help: help, Value: value, Counter: strings.HasSuffix(name, "_total")})
		})
		return nil
	}}
}

// awaitDisk returns when the data directory can be written to.
func awaitDisk(ctx context.Context, app core.App) error {
	return protect.Await(ctx, app.DataDir(), func(sentence string) {
		fmt.Fprintln(os.Stderr, "holdall:", sentence)
	})
}
