package channels

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdall-go/holdall/internal/bg"
)

// Plugin is registered channels.
type Plugin struct {
	app        core.App
	config     Config
	namespaces map[string]namespace
	background *bg.Group

	// node is nil until the server starts and after it has stopped: a node that
	// does not run panics when it is given something to publish.
	node    atomic.Pointer[centrifuge.Node]
	sockets atomic.Int64 // that are open

	handlers handlers
	rooms    roster
	dirty    changed
	outbox   outbox
}

func newPlugin(app core.App, config Config) *Plugin {
	p := &Plugin{
		app:        app,
		config:     config,
		background: bg.New(app, "channels", config.ShutdownTimeout),
		rooms:      roster{channels: map[string]map[string]map[*centrifuge.Client]struct{}{}},
		dirty:      newChanged(),
		outbox:     newOutbox(),
	}
	p.namespaces = p.allNamespaces()
	return p
}

// Connections is the number of clients that are connected to this process.
func (p *Plugin) Connections() int {
	if node := p.node.Load(); node != nil {
		return node.Hub().NumClients()
	}
	return 0
}

// bindServer starts the node with the server and stops it with the app.
func (p *Plugin) bindServer() {
	p.app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallChannelsServe",
		Func: func(e *core.ServeEvent) error {
			p.route(e)
			if err := e.Next(); err != nil {
				return err
			}
			return p.start()
		},
	})
	p.app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallChannelsDrain",
		Func: func(e *core.TerminateEvent) error {
			p.stop()
			return e.Next()
		},
		// After the HTTP server has stopped at -9999: clients that connect again
		// reach another server, and what the last requests published is delivered.
		Priority: -9998,
	})
}

// start makes a node and its workers. It does nothing if there is one.
func (p *Plugin) start() error {
	if p.node.Load() != nil {
		return nil
	}
	node, err := centrifuge.New(centrifuge.Config{
		LogLevel:                centrifuge.LogLevelWarn,
		LogHandler:              p.log,
		ClientQueueMaxSize:      p.config.MaxQueueBytes,
		ClientChannelLimit:      p.config.MaxChannels,
		UserConnectionLimit:     p.config.MaxConnectionsPerUser,
		ChannelMaxLength:        maxChannelLength,
		ClientExpiredCloseDelay: 2 * refreshLead, // each connection has a timer of its own, to the moment
		// the default registry is the process's, and there may be two apps in it
		Metrics: centrifuge.MetricsConfig{RegistererGatherer: prometheus.NewRegistry()},
	})
	if err != nil {
		return fmt.Errorf("channels: make the node: %w", err)
	}
	p.bindNode(node)
	if err := node.Run(); err != nil {
		return fmt.Errorf("channels: start the node: %w", err)
	}
	p.node.Store(node)
	p.background.Go("publish", p.deliver)
	p.background.Go("recheck", p.recheckLoop)
	return nil
}

// stop delivers what waits, closes every socket and waits until nothing of
// ours uses the database. It may be called more than once.
func (p *Plugin) stop() {
	node := p.node.Load()
	if node == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.config.ShutdownTimeout)
	defer cancel()
	if err := p.outbox.close(ctx); err != nil {
		p.app.Logger().Warn("Messages were still waiting when the channels closed.", slog.Any("error", err))
	}
	p.node.Store(nil)
	if err := node.Shutdown(ctx); err != nil {
		p.app.Logger().Warn("Not all clients of the channels said goodbye in time.", slog.Any("error", err))
	}
	if !p.handlers.stop(ctx) {
		p.app.Logger().Warn("Clients of the channels were still being answered when the time was over.")
	}
}

// log hands on what the node has to say.
func (p *Plugin) log(entry centrifuge.LogEntry) {
	level := slog.LevelWarn
	if entry.Level == centrifuge.LogLevelError {
		level = slog.LevelError
	}
	attributes := make([]slog.Attr, 0, len(entry.Fields))
	for name, value := range entry.Fields {
		attributes = append(attributes, slog.Any(name, value))
	}
	p.app.Logger().LogAttrs(context.Background(), level, "channels: "+entry.Message, attributes...)
}

// errStopping refuses work that comes after the end.
var errStopping = errors.New("the channels are closed")

// handle runs what a client has asked for. It keeps the database open as long,
// and a panic from the process: it runs on goroutines of the node.
func (p *Plugin) handle(what string, fn func() error) (err error) {
	if !p.handlers.enter() {
		return errStopping
	}
	defer p.handlers.leave()
	defer func() {
		if r := recover(); r != nil {
			p.app.Logger().Error("A handler of the channels panicked.", slog.String("handler", what),
				slog.Any("error", r), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("%s panicked", what)
		}
	}()
	return fn()
}

// handlers counts what runs.
type handlers struct {
	mu      sync.Mutex
	running sync.WaitGroup
	stopped bool
}

func (h *handlers) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return false
	}
	h.running.Add(1)
	return true
}

func (h *handlers) leave() { h.running.Done() }

// stop lets nothing more in and waits for what runs. It reports whether all has ended.
func (h *handlers) stop(ctx context.Context) bool {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		h.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// after calls fn in d, at once if that has passed.
func after(d time.Duration, fn func()) *time.Timer { return time.AfterFunc(max(d, 0), fn) }
