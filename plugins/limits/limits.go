// Package limits bounds what one caller can ask of the server: guesses at
// passwords, requests in a while, the size of a query, connections, and how much an
// organization may store.
//
//	limits.MustRegister(app, limits.Config{})
//
// The zero value turns on what nobody notices who means well: sign-ins that fail
// again and again have to wait, longer each time, by account and by address, and
// requests that no client makes are refused. Everything else is for an app to ask
// for. See docs/limits.md for what is answered and when.
package limits

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"
)

// Config are the options. The zero value works.
type Config struct {
	// Lockout is about failed sign-ins.
	Lockout Lockout

	// Rates are limits of requests in a while. Defaults to none, which costs
	// nothing: PocketBase's own limits are in its settings.
	Rates []Rate

	// Costs are how many requests one of a route counts as, by its pattern:
	// "POST /api/v1/reports". Without one it is 1; each request of a batch counts.
	Costs map[string]int

	// Keys tells which API key a request has, for rates by key. Defaults to none.
	Keys Keys

	// Requests bounds single requests.
	Requests Requests

	// Connections bounds connections, and how slowly they may send.
	Connections Connections

	// Quota bounds what is stored.
	Quota Quota

	// Exempt are the addresses whose failed sign-ins and connections are not
	// counted by address, as many people can be behind one. Defaults to loopback
	// and private addresses: a proxy whose headers PocketBase has not been told to
	// trust makes everybody come from one of these.
	Exempt []netip.Prefix

	// RootCmd, if set, gains the "limits" command.
	RootCmd *cobra.Command

	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
}

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	problems := []error{c.Lockout.validate(), c.Requests.validate(), c.Connections.validate(), validateRates(c.Rates)}
	for route, cost := range c.Costs {
		if cost < 0 || cost > 1_000_000 {
			problems = append(problems, fmt.Errorf("limits: Costs must be in 0..1000000, got %d for %s", cost, route))
		}
	}
	for _, rate := range c.Rates {
		if rate.By == ByKey && c.Keys == nil {
			problems = append(problems, fmt.Errorf("limits: Keys must be set for the rate %q, which is by key", rate.Name))
		}
	}
	return errors.Join(problems...)
}

// PrivateAddresses returns those that are not of the internet: what Config.Exempt
// defaults to.
func PrivateAddresses() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func (c Config) withDefaults() Config {
	c.Lockout = c.Lockout.withDefaults()
	c.Connections = c.Connections.withDefaults()
	c.Requests = c.Requests.withDefaults()
	if c.Exempt == nil {
		c.Exempt = PrivateAddresses()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Plugin is what Register adds to an app.
type Plugin struct {
	app    core.App
	config Config
	guard  *guard
	rates  *meter
	daily  *daily // nil if no requests are counted to anybody
}

// registered marks an app that has the plugin.
const registered = "holdallLimits"

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register binds the limits to app. Its tables are made when the app is
// bootstrapped. It fails on an invalid config, and on an app that has the plugin
// already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("limits: the app has the plugin already")
	}
	app.Store().Set(registered, true)

	config = config.withDefaults()
	p := &Plugin{app: app, config: config, rates: newMeter(config)}
	p.guard = newGuard(config, &store{app: app, maxRows: config.Lockout.MaxRows})
	p.bindRates(app)
	p.bindRequests(app)
	p.bindConnections(app)
	p.bindDeadline(app)
	p.describe(app)
	if err := errors.Join(p.bindQuota(app), p.bindDaily(app)); err != nil {
		return nil, err
	}
	if config.Lockout.Off {
		return p, nil
	}
	return p, p.bindLockout(app)
}

func (p *Plugin) bindLockout(app core.App) error {
	if app.IsBootstrapped() {
		if err := install(app); err != nil {
			return err
		}
	}
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallLimitsTables",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return install(e.App)
		},
	})
	p.bindAttempts(app)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "holdallLimitsRoutes", Func: p.routes})
	if p.config.RootCmd != nil {
		p.config.RootCmd.AddCommand(p.command())
	}
	return app.Cron().Add("holdallLimitsPrune", "41 * * * *", p.prune)
}
