// Package webhooks tells other systems of changes, at least once and in order,
// and takes what they send, once.
//
//	log := changes.MustRegister(app, changes.Config{})
//	hooks := webhooks.MustRegister(app, webhooks.Config{Log: log})
//	hooks.Receive("/api/v1/hooks/payments", webhooks.Stripe(secret), handle)
//
// Outbound, endpoints are records of the collection _webhooks. For each change in
// the log that an endpoint asks for, a delivery is stored, and stays until the
// endpoint has answered with success or a day of attempts is over. Deliveries of
// one record go out one after the other; those of different records side by side.
//
// Inbound, a message is verified, stored and acknowledged, and then handled in a
// transaction that also marks it as done.
package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/internal/safehttp"
	"github.com/holdall-go/holdall/plugins/changes"
)

// Config are the options of the plugin. All but Log may be left out, and Log too
// by a program that only receives.
type Config struct {
	// Log is the app's change log. Without it nothing is sent but pings.
	Log *changes.Log

	// EncryptionKey, of 32 characters, encrypts the secrets and headers of
	// endpoints in the database. Without it they are stored as they are.
	EncryptionKey string

	// Allow are networks that endpoints may be in although they are not of the
	// public internet. Defaults to none.
	Allow []netip.Prefix

	// AllowHTTP accepts endpoints without TLS. Secrets are not sent, but the data is.
	AllowHTTP bool

	// Timeout bounds one attempt, from resolving the name to the end of the
	// answer. Defaults to 15 s.
	Timeout time.Duration

	// Concurrency is how many deliveries may be under way to one endpoint at the
	// same time, each of another record. Defaults to 4.
	Concurrency int

	// RetryFor is how long a delivery is tried, from its first attempt. An
	// endpoint of which all attempts fail for so long is disabled, and keeps its
	// deliveries. Defaults to 24 h.
	RetryFor time.Duration

	// Backoff is the pause after the given number of failed attempts. Defaults to
	// 5 s, three times as long each time up to 4 h, with up to a fifth more at random.
	Backoff func(attempts int) time.Duration

	// Overlap is how long the previous secret of an endpoint still signs after a
	// rotation. Defaults to 24 h.
	Overlap time.Duration

	// MaxPayload is the size in bytes above which a delivery leaves out the rows
	// and says so. Defaults to 256 KiB.
	MaxPayload int

	// MaxInbound is the size in bytes above which a received message is refused.
	// Defaults to 1 MiB.
	MaxInbound int64

	// Retention is how long finished deliveries and handled messages are kept. For
	// so long a message that comes again is recognised. Defaults to 30 days.
	Retention time.Duration

	// Lease is how long the deliveries of a process that died wait until another
	// process goes on with them. Defaults to 15 s.
	Lease time.Duration

	// Alert is called when an endpoint is disabled, besides an error in the log.
	Alert func(Alert)

	// Queue, if set, runs the handlers of received messages in place of the
	// plugin's own worker, see [Plugin.Process].
	Queue Queue

	// Tracer, if set, makes deliveries parts of the trace in which the change was made,
	// and tells receivers so in the header traceparent. The log has to have a tracer,
	// too.
	Tracer Tracer

	// RootCmd, if set, gains the "webhooks" command.
	RootCmd *cobra.Command

	// Clock tells when attempts are due. Defaults to the clock of the machine.
	Clock clock.Clock

	// RetentionClock tells the time by which what is old is deleted. One that does not
	// follow the machine's when that jumps ahead keeps it from going early. Defaults to
	// Clock.
	RetentionClock clock.Clock
}

// Alert tells of an endpoint that needs somebody's attention.
type Alert struct {
	Endpoint string // the id
	Name     string
	Reason   string
	At       time.Time
}

// Tracer is what the plugin needs of what records traces.
type Tracer interface {
	// Current is where the caller is in a trace: a W3C traceparent, and behind a space
	// the tracestate if there is one, "" outside of traces.
	Current(ctx context.Context) string
	// Join begins what was asked for at from, which is what Current returned then. end is
	// called on the same goroutine with what came of it.
	Join(ctx context.Context, from, name string, attrs ...slog.Attr) (joined context.Context, end func(error))
	// Note adds to what is told of what the caller does.
	Note(ctx context.Context, attrs ...slog.Attr)
}

// Queue is what the plugin needs of a job queue.
type Queue interface {
	// Enqueue adds a job in the transaction tx.
	Enqueue(tx core.App, kind string, payload []byte) error
}

func (c Config) withDefaults() Config {
	orDefault(&c.Timeout, 15*time.Second)
	orDefault(&c.Concurrency, 4)
	orDefault(&c.RetryFor, 24*time.Hour)
	orDefault(&c.Overlap, 24*time.Hour)
	orDefault(&c.MaxPayload, 256<<10)
	orDefault(&c.MaxInbound, 1<<20)
	orDefault(&c.Retention, 30*24*time.Hour)
	orDefault(&c.Lease, 15*time.Second)
	if c.Backoff == nil {
		c.Backoff = backoff
	}
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	if c.RetentionClock == nil {
		c.RetentionClock = c.Clock
	}
	return c
}

func orDefault[T comparable](option *T, value T) {
	var unset T
	if *option == unset {
		*option = value
	}
}

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("webhooks: "+format, args...))
		}
	}
	n := len(c.EncryptionKey)
	refuse(n != 0 && n != 32, "EncryptionKey must have 32 characters, got %d", n)
	refuse(c.Timeout < 100*time.Millisecond || c.Timeout > 5*time.Minute, "Timeout must be in 100ms..5m, got %v", c.Timeout)
	refuse(c.Concurrency < 1 || c.Concurrency > 64, "Concurrency must be in 1..64, got %d", c.Concurrency)
	refuse(c.RetryFor < time.Second || c.RetryFor > 30*24*time.Hour, "RetryFor must be in 1s..720h, got %v", c.RetryFor)
	refuse(c.Overlap < time.Minute || c.Overlap > 30*24*time.Hour, "Overlap must be in 1m..720h, got %v", c.Overlap)
	refuse(c.MaxPayload < 1<<10 || c.MaxPayload > 16<<20, "MaxPayload must be in 1KiB..16MiB, got %d", c.MaxPayload)
	refuse(c.MaxInbound < 1<<10 || c.MaxInbound > 64<<20, "MaxInbound must be in 1KiB..64MiB, got %d", c.MaxInbound)
	refuse(c.Retention < time.Hour, "Retention must be at least 1h, got %v", c.Retention)
	refuse(c.Lease < 100*time.Millisecond || c.Lease > time.Hour, "Lease must be in 100ms..1h, got %v", c.Lease)
	return errors.Join(errs...)
}

// Plugin is the webhooks of one app.
type Plugin struct {
	app      core.App
	config   Config
	client   *http.Client
	workers  *bg.Group
	owner    string // of the lease of this process
	filters  filters
	receives []*receiver

	wakeSender chan struct{}
	wakeInbox  chan struct{}
	started    sync.Once

	mu      sync.Mutex
	runners map[string]*runner
	held    time.Time // until when this process has the lease
}

// MustRegister is [Register] for main functions: it panics on an error.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register adds webhooks to app. The collection and the tables are made when the
// app is bootstrapped; deliveries begin when it serves.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	p := &Plugin{
		app: app, config: config, owner: security.PseudorandomString(12),
		client: safehttp.New(safehttp.Options{
			Allow: config.Allow, DialTimeout: config.Timeout, HeaderTimeout: config.Timeout, MaxIdlePerHost: config.Concurrency,
		}),
		workers:    bg.New(app, "webhooks", 10*time.Second),
		wakeSender: make(chan struct{}, 1),
		wakeInbox:  make(chan struct{}, 1),
		runners:    map[string]*runner{},
	}
	if err := p.bindInstall(); err != nil {
		return nil, err
	}
	p.bindEndpoints()
	if config.Log != nil {
		if err := p.consume(); err != nil {
			return nil, err
		}
	}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallWebhooksServe",
		Func: func(e *core.ServeEvent) error {
			p.bindRoutes(e)
			if err := p.prepare(e.App); err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				return err
			}
			p.Start()
			return nil
		},
	})
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command())
	}
	return p, nil
}

// Start runs the background work. Serving an app starts it by itself; a program
// that does not serve calls it after Bootstrap. Calling it twice is harmless.
func (p *Plugin) Start() {
	p.started.Do(func() {
		p.workers.Go("send", p.send)
		p.workers.Go("retention", p.retain)
		if len(p.receives) > 0 && p.config.Queue == nil {
			p.workers.Go("inbox", p.workInbox)
		}
	})
}

func (p *Plugin) bindInstall() error {
	if p.app.IsBootstrapped() {
		if err := install(p.app); err != nil {
			return err
		}
	}
	p.app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallWebhooksInstall",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return install(e.App)
		},
	})
	return nil
}

func nudge(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
