// Package shutdown lets requests finish before the server stops.
//
//	stop := shutdown.MustRegister(app, shutdown.Config{})
//	health.MustRegister(app, health.Config{Draining: stop.Draining})
//
// PocketBase by itself cancels the requests in flight and gives them a second.
// With the plugin, a signal to stop means, in this order:
//
//  1. [Plugin.Draining] turns true, so that a load balancer sends its requests
//     elsewhere, and realtime connections end; their clients connect again, to
//     another server if there is one.
//  2. After [Config.Delay] the server takes no more connections, and waits for the
//     requests in flight, for [Config.Timeout] at most.
//  3. PocketBase stops the server, other plugins stop their workers, the databases
//     are closed.
//
// A second signal ends the process at once.
package shutdown

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Config says how long to wait. The zero value works.
type Config struct {
	// Timeout is how long requests in flight may take to finish. Defaults to 15s.
	Timeout time.Duration

	// Delay is how long the server goes on as usual after it was told to stop,
	// for load balancers to notice. Defaults to 0.
	Delay time.Duration

	// Exit ends the process at the second signal. Defaults to os.Exit.
	Exit func(code int)
}

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	var problems []error
	if c.Timeout < 0 || c.Timeout > time.Hour {
		problems = append(problems, fmt.Errorf("shutdown: Timeout must be in 0..1h, got %s", c.Timeout))
	}
	if c.Delay < 0 || c.Delay > 10*time.Minute {
		problems = append(problems, fmt.Errorf("shutdown: Delay must be in 0..10m, got %s", c.Delay))
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.Exit == nil {
		c.Exit = os.Exit //nolint:forbidigo // ending the process without main is what a second signal asks for
	}
	return c
}

// Plugin is a registered shutdown.
type Plugin struct {
	config Config

	begun context.Context
	begin context.CancelFunc
	once  sync.Once

	flight *flight
	mu     sync.Mutex
	refuse func() // ends taking connections; nil until the server starts
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register binds the plugin to app. It fails on an invalid config, and on an app
// that has the plugin already.
func Register(app core.App, config Config) (*Plugin, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("shutdown: the app has it already")
	}
	app.Store().Set(registered, true)

	p := &Plugin{config: config, flight: newFlight()}
	p.begun, p.begin = context.WithCancel(context.Background())

	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id:       "holdallShutdownServe",
		Func:     p.serve,
		Priority: 99999, // last, as it opens the port
	})
	app.OnRealtimeConnectRequest().Bind(&hook.Handler[*core.RealtimeConnectRequestEvent]{
		Id:       "holdallShutdownRealtime",
		Func:     p.realtime,
		Priority: -999,
	})
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id:       "holdallShutdownDrain",
		Func:     p.terminate,
		Priority: -10000, // before PocketBase stops the server, at -9999
	})
	return p, nil
}

// registered marks an app that has the plugin.
const registered = "holdallShutdown"

// Draining reports whether the server has been told to stop.
func (p *Plugin) Draining() bool { return p.begun.Err() != nil }

// Begun is closed when the server is told to stop. Handlers that run for long,
// such as streams, should end then, or they are cut off when the time is up.
func (p *Plugin) Begun() <-chan struct{} { return p.begun.Done() }

// realtime ends a realtime connection when the shutdown begins.
func (p *Plugin) realtime(e *core.RealtimeConnectRequestEvent) error {
	if p.Draining() {
		return e.Error(http.StatusServiceUnavailable, "The server is shutting down.", nil)
	}
	ctx, cancel := context.WithCancel(e.Request.Context())
	defer cancel()
	defer context.AfterFunc(p.begun, cancel)()
	e.Request = e.Request.WithContext(ctx)
	return e.Next()
}

// terminate runs before everybody else's handlers.
func (p *Plugin) terminate(e *core.TerminateEvent) error {
	ended := make(chan struct{})
	defer close(ended)
	go p.exitOnSignal(ended)

	// A second caller waits for the first: both go on to close the databases.
	p.once.Do(func() {
		p.begin()
		p.drain(e.App.Logger())
	})
	return e.Next()
}

// exitOnSignal ends the process if a signal comes before ended is closed. The
// one that began the shutdown has been taken by PocketBase.
func (p *Plugin) exitOnSignal(ended <-chan struct{}) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	select {
	case <-signals:
		fmt.Fprintln(os.Stderr, "told to stop a second time, not waiting any longer")
		p.config.Exit(1)
	case <-ended:
	}
}

// drain waits for the requests in flight.
func (p *Plugin) drain(log *slog.Logger) {
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	if refuse == nil {
		return // it does not serve
	}

	started := time.Now()
	log.Info("shutting down", slog.String("delay", p.config.Delay.String()), slog.String("timeout", p.config.Timeout.String()))
	if p.config.Delay > 0 {
		<-time.After(p.config.Delay)
	}
	refuse()

	ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeout)
	defer cancel()
	if left := p.flight.wait(ctx); left > 0 {
		log.Warn("requests were still running when the time for shutting down was over",
			slog.Int64("requests", left), slog.String("timeout", p.config.Timeout.String()))
		return
	}
	log.Info("all requests are finished", slog.String("took", time.Since(started).String()))
}
