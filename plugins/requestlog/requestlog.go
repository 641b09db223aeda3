// Package requestlog writes one line a request, and the app's own log, to
// standard output as JSON.
//
//	requestlog.MustRegister(app, requestlog.Config{})
//
// A request line says who asked for what, what came of it and how long it took:
//
//	{"time":"...","level":"INFO","msg":"request","request_id":"...","method":"GET",
//	 "path":"/api/collections/notes/records","route":"GET /api/collections/{collection}/records",
//	 "status":200,"duration_ms":1.3,"bytes":512,"user_id":"...","user_collection":"users","ip":"...","user_agent":"..."}
//
// Headers, cookies and bodies are never written; tokens in the address are
// replaced. Every request has an id: the one in X-Request-Id if it is sane, else
// a new one. Handlers find it in that header of the request, clients in that
// header of the response.
//
// PocketBase keeps its own log in auxiliary.db, for the dashboard. That goes on.
package requestlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// The formats of a line.
const (
	FormatJSON = "json"
	FormatText = "text"
)

// Config says what is written, and how. The zero value writes everything from
// level info on as JSON to standard output.
type Config struct {
	// Format is FormatJSON or FormatText, which is for people: key=value pairs.
	// Defaults to FormatJSON.
	Format string

	// Level is the lowest level that is written. Requests are info, those that
	// end in a status of 500 or more are errors. Defaults to info.
	Level slog.Level

	// SkipPaths are not logged as long as they succeed, such as health checks.
	// An entry that ends in a slash stands for everything below it. Defaults to none.
	SkipPaths []string

	// SkipAppLog leaves out what the app and its hooks write to app.Logger().
	SkipAppLog bool

	// FlushInterval is how long a line may wait for others, so that they are
	// written together. Lines of level warn and above do not wait. Defaults to
	// 200ms; -1 writes every line at once.
	FlushInterval time.Duration

	// Trace, if set, names the trace and the span that a line of the app's log is
	// written in, or returns "" for none. It is asked on the goroutine that writes the
	// line. Lines of requests have both from the header traceparent.
	Trace func(ctx context.Context) (traceID, spanID string)

	// Output is where lines go. Defaults to os.Stdout.
	Output io.Writer
}

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	var problems []error
	if c.Format != "" && c.Format != FormatJSON && c.Format != FormatText {
		problems = append(problems, fmt.Errorf("requestlog: Format must be %s or %s, got %q", FormatJSON, FormatText, c.Format))
	}
	if c.FlushInterval > time.Minute || c.FlushInterval < -1 {
		problems = append(problems, fmt.Errorf("requestlog: FlushInterval must be -1 or in 0..1m, got %s", c.FlushInterval))
	}
	for _, path := range c.SkipPaths {
		if !strings.HasPrefix(path, "/") {
			problems = append(problems, fmt.Errorf("requestlog: SkipPaths must start with a slash, got %q", path))
		}
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.Format == "" {
		c.Format = FormatJSON
	}
	if c.FlushInterval == 0 {
		c.FlushInterval = 200 * time.Millisecond
	}
	if c.Output == nil {
		c.Output = os.Stdout
	}
	return c
}

// Plugin is a registered request log.
type Plugin struct {
	config  Config
	out     *lineWriter
	lines   slog.Handler
	skip    map[string]bool
	skipDir []string
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register adds the request log to app. It fails on an invalid config, and on an
// app that has one already.
func Register(app core.App, config Config) (*Plugin, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("requestlog: the app has a request log already")
	}
	app.Store().Set(registered, true)

	p := &Plugin{config: config, out: newLineWriter(config.Output, config.FlushInterval), skip: map[string]bool{}}
	p.lines = p.newHandler(nil)
	for _, path := range config.SkipPaths {
		if strings.HasSuffix(path, "/") {
			p.skipDir = append(p.skipDir, path)
		} else {
			p.skip[path] = true
		}
	}
	p.bind(app)
	describe(app)
	return p, nil
}

// registered marks an app that has the plugin.
const registered = "holdallRequestLog"

// Flush writes the lines that wait.
func (p *Plugin) Flush() error { return p.out.Flush() }

func (p *Plugin) newHandler(replace func([]string, slog.Attr) slog.Attr) slog.Handler {
	options := &slog.HandlerOptions{Level: p.config.Level, ReplaceAttr: replace}
	var inner slog.Handler = slog.NewJSONHandler(p.out, options)
	if p.config.Format == FormatText {
		inner = slog.NewTextHandler(p.out, options)
	}
	return &urgentHandler{Handler: inner, out: p.out}
}

func (p *Plugin) bind(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallRequestLogServe",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id:       "holdallRequestLogNote",
				Priority: apis.DefaultActivityLoggerMiddlewarePriority - 1,
				Func:     note,
			})
			if err := e.Next(); err != nil {
				return err
			}
			// PocketBase has set the handler by now and does not serve yet. Around
			// the whole router, a line also knows of what no middleware sees: error
			// bodies, redirects of the mux, aborted responses.
			if e.Server != nil {
				e.Server.Handler = p.wrap(e.Server.Handler)
			}
			return nil
		},
		Priority: -999, // outermost, to see the handler that others have wrapped
	})
	if !p.config.SkipAppLog {
		p.bindAppLog(app)
	}
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallRequestLogFlush",
		Func: func(e *core.TerminateEvent) error {
			// from here on nothing waits: nobody says when the process ends
			p.out.unbuffer()
			return e.Next()
		},
		Priority: -99999,
	})
}
