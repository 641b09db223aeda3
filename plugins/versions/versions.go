// Package versions lets clients that cannot be updated go on with the API that they
// were built against.
//
//	versions.MustRegister(app, versions.Config{Versions: []versions.Version{
//		{Date: "2026-11-01", Sunset: "2028-01-01"},
//		{Date: "2027-03-15", Description: "Orders have subjects.", Changes: []versions.Change{
//			versions.Rename("work_orders", "title", "subject"),
//		}},
//	}})
//
// A request with "Holdall-Version: 2026-11-01" is served as on that day: its bodies,
// filters and subscriptions are made what the newest version takes, and the answers
// and events what that version was sent. Hooks, rules and other plugins only ever
// see the newest. A request that names no version gets the newest.
//
// See docs/versions.md for what goes through it, and how a version is added.
package versions

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/bg"
)

// Config are the options. The zero value works, and does nothing.
type Config struct {
	// Versions are all that are still served, in any order. Without any, requests
	// pass as if the plugin was not there.
	Versions []Version

	// Header names the version, in a request and in its answer. In lower case it is
	// also the parameter of a query, for requests that can have no header, such as
	// those of an EventSource. Defaults to "Holdall-Version".
	Header string

	// Pin says which version a request gets that names none, by who asks (e.Auth) or
	// by the build of their app. "" is the newest. It must not read the body, nor call
	// e.RequestInfo, which would keep the request as it was sent. Defaults to none.
	Pin func(e *core.RequestEvent) string

	// Build says which build of an app has sent a request that has a version, so that
	// its use is counted for each, at most 64 bytes of it. After 512 builds in a day,
	// further ones count as "other". What Pin must not do, it must not either. Defaults
	// to none.
	Build func(e *core.RequestEvent) string

	// Docs is an address where clients read how to move on. It is linked to in
	// answers of versions that are deprecated or will be refused. Defaults to none.
	Docs string

	// ServeAfterSunset goes on serving a version after its Sunset. Defaults to
	// false: it is refused with 410.
	ServeAfterSunset bool

	// MaxAnswer is the size of the largest answer that is changed, in bytes. A larger
	// one to a client of an older version is refused with 500. In 64 KiB..1 GiB.
	// Defaults to 32 MiB.
	MaxAnswer int64

	// FlushInterval is how often the counts of use are written down; they are when
	// the app ends, too. In 1s..24h. Defaults to 5m.
	FlushInterval time.Duration

	// Now tells the time. Defaults to time.Now.
	Now func() time.Time

	// RootCmd, if set, gains the "versions" command.
	RootCmd *cobra.Command
}

// Validate reports every option that is out of bounds, and all that is wrong with
// the versions.
func (c Config) Validate() error {
	_, err := arrange(c.Versions)
	problems := []error{err}
	c = c.withDefaults()
	if strings.ContainsFunc(c.Header, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		problems = append(problems, fmt.Errorf("versions: Header must be letters, digits and hyphens, got %q", c.Header))
	}
	if u, err := url.Parse(c.Docs); err != nil || strings.ContainsAny(c.Docs, "<>\r\n") || c.Docs != "" && u.Path == "" && u.Host == "" {
		problems = append(problems, fmt.Errorf("versions: Docs must be a URL, got %q", c.Docs))
	}
	if c.MaxAnswer < 64<<10 || c.MaxAnswer > 1<<30 {
		problems = append(problems, fmt.Errorf("versions: MaxAnswer must be in 65536..%d, got %d", 1<<30, c.MaxAnswer))
	}
	if c.FlushInterval < time.Second || c.FlushInterval > 24*time.Hour {
		problems = append(problems, fmt.Errorf("versions: FlushInterval must be in 1s..24h, got %s", c.FlushInterval))
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	c.Header = http.CanonicalHeaderKey(cmp.Or(c.Header, "Holdall-Version"))
	c.MaxAnswer = cmp.Or(c.MaxAnswer, 32<<20)
	c.FlushInterval = cmp.Or(c.FlushInterval, 5*time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Plugin is what Register adds to an app.
type Plugin struct {
	app      core.App
	config   Config
	query    string // the parameter
	releases []*release
	byDate   map[string]*release
	usage    usage
	feeds    feedCache
	messages sync.Once // see [Plugin.rewriteMessages]
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
const registered = "holdallVersions"

// Register binds the plugin to app. Without versions that is the route and the
// command which list them, and nothing else. It fails on an invalid config, and on
// an app that has the plugin already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("versions: the app has the plugin already")
	}
	app.Store().Set(registered, true)

	p := &Plugin{app: app, config: config.withDefaults(), byDate: map[string]*release{}}
	p.query = strings.ToLower(p.config.Header)
	p.releases, _ = arrange(config.Versions) // which Validate has found right
	for _, r := range p.releases {
		r.transformer = transformerOf(app, p.releases, r)
		p.byDate[r.Date] = r
		p.setHeaders(r)
	}
	p.usage.counts = map[use]*count{}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "holdallVersionsRoutes", Func: p.bindRoutes})
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command(app))
	}
	if len(p.releases) > 0 {
		p.bind(app)
	}
	return p, nil
}

// bind adds what changes requests and answers.
func (p *Plugin) bind(app core.App) {
	p.describe(app)
	p.bindUsage(app)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "holdallVersionsRouter", Func: p.bindRouter})
	app.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{
		Id: "holdallVersionsBatch", Func: p.changeBatch, Priority: early,
	})
	app.OnRealtimeConnectRequest().Bind(&hook.Handler[*core.RealtimeConnectRequestEvent]{
		Id: "holdallVersionsConnect", Func: p.connect,
	})
	app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{
		Id: "holdallVersionsSubscribe", Func: p.subscribe, Priority: early,
	})
}

// The places among the middlewares. A version is selected when it is known who asks
// and that they do not ask too often; the request is changed once its body is
// limited, before anybody else reads it; and the answer is captured within what
// compresses it, and around what stores it to be repeated.
const (
	selectPriority  = apis.DefaultBodyLimitMiddlewarePriority - 2
	requestPriority = apis.DefaultBodyLimitMiddlewarePriority + 1
	answerPriority  = 800

	early = -99995 // among the hooks of a request
)

func (p *Plugin) bindRouter(e *core.ServeEvent) error {
	for _, problem := range p.Check(e.App) {
		e.App.Logger().Error("A version does not fit the collections.", slog.Any("error", problem))
	}
	e.Router.Bind(
		&hook.Handler[*core.RequestEvent]{Id: "holdallVersionsSelect", Func: p.selectVersion, Priority: selectPriority},
		&hook.Handler[*core.RequestEvent]{Id: "holdallVersionsRequest", Func: p.changeRequest, Priority: requestPriority},
		&hook.Handler[*core.RequestEvent]{Id: "holdallVersionsAnswer", Func: p.changeAnswer, Priority: answerPriority},
	)
	return e.Next()
}

// bindUsage keeps the counts.
func (p *Plugin) bindUsage(app core.App) {
	if app.IsBootstrapped() {
		if err := install(app); err != nil {
			app.Logger().Error("The use of versions cannot be kept.", slog.Any("error", err))
		}
	}
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallVersionsTable",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return install(e.App)
		},
	})
	workers := bg.New(app, "versions", 5*time.Second)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallVersionsUsage",
		Func: func(e *core.ServeEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			workers.Go("usage", p.keepUsage)
			return nil
		},
	})
}

// Versions are those that are served, oldest first.
func (p *Plugin) Versions() []Info {
	all := make([]Info, len(p.releases))
	for i, r := range p.releases {
		all[i] = r.info(i == len(p.releases)-1)
	}
	return all
}

// For returns what leads from the version of that date to the newest and back.
func (p *Plugin) For(date string) (*Transformer, error) {
	r := p.byDate[date]
	if r == nil {
		return nil, fmt.Errorf("versions: there is no version %q", date)
	}
	return r.transformer, nil
}

// Of returns the same for the version that a request has, nil if it has none: a
// transformer that leaves everything as it is. It is known to hooks, and to
// middlewares with a priority above that of PocketBase's body limit.
func (p *Plugin) Of(e *core.RequestEvent) *Transformer {
	if len(p.releases) == 0 || len(e.Request.Header[p.config.Header]) == 0 {
		return nil
	}
	if c, ok := e.Get(callKey).(*call); ok {
		return c.t
	}
	return nil
}
