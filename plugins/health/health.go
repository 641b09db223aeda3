// Package health tells orchestrators and load balancers how the server is.
//
//	health.MustRegister(app, health.Config{})
//
// It adds two routes, for GET and HEAD, and leaves PocketBase's GET /api/health alone:
//
//   - /api/health/live answers 200 as long as the process serves. Restart it when
//     it does not.
//   - /api/health/ready answers 200 while the server can do its work, and 503
//     when a check fails or the server is shutting down. Send it no requests then.
//
// Ready runs these checks, at most once a second however often it is asked:
// both databases take a write, the disk has space, every migration is applied.
// Each has its line in the answer:
//
//	{"status":"ok","checks":[{"name":"database","status":"ok","durationMs":0.21,"message":"It accepts writes."}, ...]}
//
// Everybody may read the status of a check. Details (errors, free bytes) are for
// superusers, and in the app's log when a check changes its mind.
package health

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"
)

// The statuses of a check, and of all of them together.
const (
	// StatusOK is a check that passed.
	StatusOK = "ok"
	// StatusBusy is a check that could not be done in time, which does not count
	// as a failure until it has lasted for [Config.BusyTolerance], or one that
	// [Config.Degraded] excuses.
	StatusBusy = "busy"
	// StatusFailed is a check that failed.
	StatusFailed = "failed"
)

// Check is one thing that must be so for the server to be ready.
type Check struct {
	// Name is its name in the answer: lower case letters, digits, dashes.
	Name string

	// Run returns what a superuser may read of the result, or an error if the
	// check fails. It must return soon after ctx is done. Checks run beside each other.
	Run func(ctx context.Context) (detail string, err error)

	// Passed and Failed are the sentences that everybody may read. They default
	// to "Passed." and "Failed.".
	Passed, Failed string

	writes bool // it fails on a disk that takes no writes
}

// Config says what is checked. The zero value works.
type Config struct {
	// MinFreeBytes is how much space the file system of the data directory must
	// have. Defaults to 256 MiB; -1 does not check it.
	MinFreeBytes int64

	// CacheFor is how long an answer stands before the checks run again.
	// Defaults to 1s.
	CacheFor time.Duration

	// CheckTimeout bounds a run of the checks. Defaults to 2s.
	CheckTimeout time.Duration

	// BusyTolerance is how long a database may be kept from writing by other
	// work, such as a backup, before it counts as failed. Defaults to 1m.
	BusyTolerance time.Duration

	// Checks are run besides the built-in ones. See also [Plugin.Add].
	Checks []Check

	// Degraded, if set, is asked before the checks run. As long as it returns a
	// sentence, the server is known to only read: that a database takes no write, or
	// the disk has no space, is told as busy with that sentence and is no failure. A
	// server that reads is better than none.
	Degraded func(ctx context.Context) string

	// Draining, if set, is asked at every request; ready answers 503 once it
	// returns true.
	Draining func() bool

	// RootCmd, if set, gains the "health" command, which asks a running server.
	RootCmd *cobra.Command

	// Address is where the health command finds the server unless it is told: as
	// it is given to serve, such as "0.0.0.0:8090", or a whole URL. Defaults to
	// "127.0.0.1:8090".
	Address string

	// ServerName is for a server that has HTTPS of its own, and so a certificate
	// for its name only, such as "app.example.com": the health command asks by
	// HTTPS for this name, but connects to Address. Defaults to plain HTTP.
	ServerName string
}

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	var problems []error
	if c.MinFreeBytes < -1 {
		problems = append(problems, fmt.Errorf("health: MinFreeBytes must be -1 or more, got %d", c.MinFreeBytes))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"CacheFor", c.CacheFor}, {"CheckTimeout", c.CheckTimeout}, {"BusyTolerance", c.BusyTolerance}} {
		if d.value < 0 || d.value > time.Hour {
			problems = append(problems, fmt.Errorf("health: %s must be in 0..1h, got %s", d.name, d.value))
		}
	}
	if strings.ContainsAny(c.ServerName, "/: ") {
		problems = append(problems, fmt.Errorf("health: ServerName must be a domain such as app.example.com, got %q", c.ServerName))
	}
	seen := map[string]bool{}
	for _, check := range c.Checks {
		problems = append(problems, check.validate(seen))
		seen[check.Name] = true
	}
	return errors.Join(problems...)
}

var checkName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (c Check) validate(taken map[string]bool) error {
	switch {
	case !checkName.MatchString(c.Name):
		return fmt.Errorf("health: a check's Name must be lower case letters, digits and dashes, got %q", c.Name)
	case taken[c.Name]:
		return fmt.Errorf("health: there are two checks with the Name %q", c.Name)
	case c.Run == nil:
		return fmt.Errorf("health: the check %q has no Run", c.Name)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MinFreeBytes == 0 {
		c.MinFreeBytes = 256 << 20
	}
	if c.CacheFor == 0 {
		c.CacheFor = time.Second
	}
	if c.CheckTimeout == 0 {
		c.CheckTimeout = 2 * time.Second
	}
	if c.BusyTolerance == 0 {
		c.BusyTolerance = time.Minute
	}
	if c.Address == "" {
		c.Address = "127.0.0.1:8090"
	}
	return c
}

// Plugin is a registered health check.
type Plugin struct {
	app    core.App
	config Config

	mu     sync.Mutex // held while the checks run, so that they run once
	checks []*state
	latest Report
	at     time.Time
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register adds the routes, and the command if there is a RootCmd. It fails on an
// invalid config, and on an app that has the plugin already.
func Register(app core.App, config Config) (*Plugin, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("health: the app has health checks already")
	}
	app.Store().Set(registered, true)

	p := &Plugin{app: app, config: config}
	for _, check := range append(p.builtIn(), config.Checks...) {
		if err := p.Add(check); err != nil {
			return nil, err
		}
	}
	p.bindTables(app)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "holdallHealthRoutes", Func: p.routes})
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command())
	}
	return p, nil
}

// registered marks an app that has the plugin.
const registered = "holdallHealth"

// Add adds a check, for instance one of another plugin's. It fails if the check
// is incomplete or its name is taken.
func (p *Plugin) Add(check Check) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := map[string]bool{}
	for _, s := range p.checks {
		taken[s.Name] = true
	}
	if err := check.validate(taken); err != nil {
		return err
	}
	if check.Passed == "" {
		check.Passed = "Passed."
	}
	if check.Failed == "" {
		check.Failed = "Failed."
	}
	p.checks = append(p.checks, &state{Check: check})
	p.at = time.Time{}
	return nil
}
