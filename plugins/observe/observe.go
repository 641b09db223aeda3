// Package observe measures a running app, for Prometheus and for people.
//
//	observe.MustRegister(app, observe.Config{})
//
// With a [Tracer] it also records traces.
//
// GET /metrics has it in Prometheus' and in the OpenMetrics format: requests by
// route and collection, the databases, the Go runtime, and whatever the other parts
// of the program tell by [Config.Sources]. Superusers may read it, and whoever has
// the token of [Config.Token].
//
// The dashboard gains a page with charts of the last six hours, the routes that
// take most time, and slow queries with SQLite's plans.
//
// Labels come from what the program has, never from what a client sends, so that
// nobody can make the number of series grow.
package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/internal/sqlite"
)

// Path is where metrics are.
const Path = "/metrics"

// Config says what is measured and who may read it. The zero value measures
// requests, databases and the runtime, for superusers.
type Config struct {
	// Token lets others than superusers read the metrics: those who send it as
	// "Authorization: Bearer ...", which is what Prometheus calls credentials. At least
	// 16 characters. Defaults to none.
	Token string

	// Addr, if set, is a second listener that has nothing but the metrics, such as
	// "127.0.0.1:9091". It asks for the Token if there is one, and for nothing
	// otherwise. Defaults to none.
	Addr string

	// Statements, if set, tells of all statements that run, for their durations and
	// to find slow ones: the engine that opens the app's databases.
	Statements Statements

	// SlowQuery is from which duration on a query is told of in the log, with how
	// SQLite goes about it. Defaults to 200ms; -1 tells of none.
	SlowQuery time.Duration

	// Sources bring the figures of other parts of the program.
	Sources []Source

	// SourceTimeout bounds how long a source may take. Defaults to 2s.
	SourceTimeout time.Duration

	// Tracer, if set, records what requests lead to: see package traces.
	Tracer Tracer

	// Version is the program's, for the build's label. Defaults to none.
	Version string
}

// Tracer is what records traces.
type Tracer interface {
	// Bind makes it record the hooks of the app. It closes itself when the app
	// terminates.
	Bind(app core.App)
	// Request begins the span of a request, and returns the request that carries it. end
	// is called on the same goroutine once it is answered.
	Request(r *http.Request) (traced *http.Request, end func(method, route, collection string, status int, bytes int64))
	// Statement records a statement that has run, on its goroutine, and names the trace
	// that it is of. That is "" if it is not recorded.
	Statement(s sqlite.Statement) (traceID string)
}

// Statements is what tells of the statements that run. Its listener is called on
// the goroutine of the statement.
type Statements interface {
	OnStatement(listener func(sqlite.Statement))
}

// Source is a part of the program that has figures of its own.
type Source struct {
	// Name is in the names of its figures: holdall_NAME_….
	Name string
	// Collect emits the figures as they are. It runs for each scrape, beside others,
	// and returns soon after ctx is done.
	Collect func(ctx context.Context, emit func(Figure)) error
}

// Figure is a value at the moment.
type Figure struct {
	// Name follows that of the source, in Prometheus' style: "waiting_jobs".
	Name string
	// Help is a sentence about it.
	Help string
	// Counter is a figure that only grows while the program runs. Its name ends in _total.
	Counter bool
	Value   float64
	// Labels are pairs of a name and a value, such as "queue", "default". A figure has
	// the same names always, and the values are of a small set.
	Labels []string
}

// name is what a source and a figure may be called.
var name = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	var problems []error
	if c.Token != "" && len(c.Token) < 16 {
		problems = append(problems, fmt.Errorf("observe: Token must have at least 16 characters, got %d", len(c.Token)))
	}
	if c.Addr != "" {
		if _, _, err := net.SplitHostPort(c.Addr); err != nil {
			problems = append(problems, fmt.Errorf("observe: Addr must be like 127.0.0.1:9091, got %q", c.Addr))
		}
	}
	if c.SlowQuery < -1 {
		problems = append(problems, fmt.Errorf("observe: SlowQuery must be -1 or more, got %s", c.SlowQuery))
	}
	if c.SourceTimeout < 0 || c.SourceTimeout > time.Minute {
		problems = append(problems, fmt.Errorf("observe: SourceTimeout must be in 0..1m, got %s", c.SourceTimeout))
	}
	seen := map[string]bool{}
	for _, s := range c.Sources {
		problems = append(problems, s.validate(seen))
		seen[s.Name] = true
	}
	return errors.Join(problems...)
}

// taken are the names that figures of the plugin itself begin with.
var taken = []string{"http", "db", "source", "build"}

func (s Source) validate(seen map[string]bool) error {
	for _, t := range taken {
		seen[t] = true
	}
	switch {
	case !name.MatchString(s.Name):
		return fmt.Errorf("observe: a source's Name must be lower case letters, digits and underscores, got %q", s.Name)
	case seen[s.Name]:
		return fmt.Errorf("observe: the name %q of a source is taken", s.Name)
	case s.Collect == nil:
		return fmt.Errorf("observe: the source %q has no Collect", s.Name)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.SlowQuery == 0 {
		c.SlowQuery = 200 * time.Millisecond
	}
	if c.SourceTimeout == 0 {
		c.SourceTimeout = 2 * time.Second
	}
	return c
}

// Plugin is what measures an app.
type Plugin struct {
	app       core.App
	config    Config
	group     *bg.Group
	registry  *prometheus.Registry
	system    *prometheus.Registry // what the system tells of the process
	requests  *requests
	databases *databases
	slow      *slowQueries
	history   history
	started   time.Time

	mu      sync.Mutex
	sources []Source
	// of the listener that has only metrics
	server  *http.Server
	address string
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// registered marks an app that has the plugin.
const registered = "holdallObserve"

// Register begins to measure app. It fails on an invalid config, and on an app
// that is measured already.
func Register(app core.App, config Config) (*Plugin, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("observe: the app is measured already")
	}
	app.Store().Set(registered, true)

	p := &Plugin{
		app: app, config: config, group: bg.New(app, "observe", 5*time.Second),
		registry: prometheus.NewRegistry(), system: prometheus.NewRegistry(), requests: newRequests(), sources: config.Sources,
		started: time.Now(),
	}
	p.slow = newSlowQueries(app, config.SlowQuery)
	p.databases = newDatabases(app, p.slow, config.Tracer)
	p.requests.tracer = config.Tracer
	process := collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	p.system.MustRegister(process)
	p.registry.MustRegister(
		collectors.NewGoCollector(), process,
		buildInfo(config.Version), p.requests, p.databases, (*sources)(p),
	)
	if config.Statements != nil {
		config.Statements.OnStatement(p.databases.note)
	}
	if config.Tracer != nil {
		config.Tracer.Bind(app)
	}
	p.bind()
	return p, nil
}

// Add adds a source, for instance one that is registered later. It fails if the
// source is incomplete or its name is taken.
func (p *Plugin) Add(s Source) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[string]bool{}
	for _, other := range p.sources {
		seen[other.Name] = true
	}
	if err := s.validate(seen); err != nil {
		return err
	}
	p.sources = append(p.sources, s)
	return nil
}

// Address is where the listener that has only metrics is, once the app serves: the
// Addr of the config with the port that it got. It is empty without one.
func (p *Plugin) Address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

func (p *Plugin) bind() {
	p.app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallObserveServe",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id:       "holdallObserveNote",
				Priority: apis.DefaultActivityLoggerMiddlewarePriority - 2,
				Func:     note,
			})
			p.bindRoute(e)
			p.bindReport(e)
			if err := p.listen(); err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				p.close()
				return err
			}
			if e.Server != nil {
				e.Server.Handler = p.requests.wrap(e.Server.Handler)
			}
			p.group.Go("keep history", p.keepHistory)
			if p.config.SlowQuery > 0 {
				p.group.Go("explain slow queries", p.slow.explain)
			}
			return nil
		},
		Priority: -998, // around what others have wrapped
	})
	p.app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallObserveClose",
		Func: func(e *core.TerminateEvent) error {
			p.close()
			return e.Next()
		},
	})
}

// listen opens the listener that has only metrics.
func (p *Plugin) listen() error {
	if p.config.Addr == "" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", p.config.Addr)
	if err != nil {
		return fmt.Errorf("observe: listen for metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, p.private(p.handler()))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute}
	p.mu.Lock()
	p.server, p.address = server, listener.Addr().String()
	p.mu.Unlock()
	p.group.Go("serve metrics", func(context.Context) {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			p.app.Logger().Error("Metrics are not served any more.", slog.Any("error", err))
		}
	})
	return nil
}

// close ends the listener that has only metrics. Nobody is told of metrics that
// were not read to the end.
func (p *Plugin) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		_ = p.server.Close()
	}
}

// bearer returns the token of a request, "" if there is none.
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
