package requestlog

import (
	"context"
	"log/slog"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/logger"
)

// bindAppLog makes app.Logger() write to the output as well as to PocketBase's
// log.
//
// PocketBase has no setter for its logger, and a listener on its _logs table
// would hear of a line seconds later, or never if log retention is off. But
// every copy of the app, in transactions and hooks, shares one *slog.Logger, so
// that a new value behind the pointer reaches all of them. Contract tests tell
// when an upgrade changes that.
func (p *Plugin) bindAppLog(app core.App) {
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallRequestLogAppLog",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			p.attach(e.App)
			return nil
		},
	})
	// PocketBase looks for its handler behind app.Logger() to set the level that
	// the dashboard chose; it is behind ours now.
	app.OnSettingsReload().Bind(&hook.Handler[*core.SettingsReloadEvent]{
		Id: "holdallRequestLogLevel",
		Func: func(e *core.SettingsReloadEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			if fan, ok := e.App.Logger().Handler().(*fanOut); ok && !e.App.IsDev() {
				if batch, ok := fan.store.(*logger.BatchHandler); ok {
					batch.SetLevel(slog.Level(e.App.Settings().Logs.MinLevel))
				}
			}
			return nil
		},
	})
	if app.IsBootstrapped() {
		p.attach(app)
	}
}

// attach puts the output beside the handler that the app's logger has.
func (p *Plugin) attach(app core.App) {
	// in dev mode PocketBase prints its log itself
	if app.IsDev() {
		return
	}
	log := app.Logger()
	if _, done := log.Handler().(*fanOut); done {
		return
	}
	*log = *slog.New(&fanOut{store: log.Handler(), out: &appLines{p.newHandler(hideSecrets)}, trace: p.config.Trace})
}

// hideSecrets replaces the values of attributes that bear a secret's name.
func hideSecrets(_ []string, a slog.Attr) slog.Attr {
	if secretKeys[strings.ToLower(a.Key)] {
		return slog.String(a.Key, redacted)
	}
	if a.Value.Kind() == slog.KindString {
		if s := a.Value.String(); strings.Contains(s, "eyJ") {
			return slog.String(a.Key, redactText(s))
		}
	}
	return a
}

// appLines leaves out PocketBase's own line for each request, as there is one.
type appLines struct{ slog.Handler }

func (h *appLines) Handle(ctx context.Context, r slog.Record) error {
	isRequest := false
	r.Attrs(func(a slog.Attr) bool {
		isRequest = a.Key == "type" && a.Value.Kind() == slog.KindString && a.Value.String() == "request"
		return false // PocketBase puts the type first
	})
	if isRequest {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h *appLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &appLines{h.Handler.WithAttrs(attrs)}
}

func (h *appLines) WithGroup(name string) slog.Handler { return &appLines{h.Handler.WithGroup(name)} }

// fanOut gives each record to PocketBase's handler and to the output.
type fanOut struct {
	store, out slog.Handler
	trace      func(context.Context) (traceID, spanID string) // nil for none
}

func (h *fanOut) Enabled(ctx context.Context, level slog.Level) bool {
	return h.store.Enabled(ctx, level) || h.out.Enabled(ctx, level)
}

func (h *fanOut) Handle(ctx context.Context, r slog.Record) error {
	if h.trace != nil {
		if trace, span := h.trace(ctx); trace != "" {
			r = r.Clone()
			r.AddAttrs(slog.String(traceKey, trace), slog.String(spanKey, span))
		}
	}
	if h.out.Enabled(ctx, r.Level) {
		_ = h.out.Handle(ctx, r.Clone()) // the dashboard's log must not suffer from a full pipe
	}
	if !h.store.Enabled(ctx, r.Level) {
		return nil
	}
	return h.store.Handle(ctx, r)
}

func (h *fanOut) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &fanOut{h.store.WithAttrs(attrs), h.out.WithAttrs(attrs), h.trace}
}

func (h *fanOut) WithGroup(name string) slog.Handler {
	return &fanOut{h.store.WithGroup(name), h.out.WithGroup(name), h.trace}
}
