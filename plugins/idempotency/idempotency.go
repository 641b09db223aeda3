// Package idempotency makes writes safe to repeat, and safe from overwriting
// what somebody else has changed.
//
//	idempotency.MustRegister(app, idempotency.Config{})
//
// A client that sends an Idempotency-Key with a write may send it again as often
// as it likes: the write happens once, and every repetition gets the first answer,
// byte for byte, with "Idempotency-Replayed: true". The answer is stored in the
// transaction of the write itself, so that neither can be without the other,
// whenever the process dies.
//
// Records are answered with an ETag. A client that sends it back as If-Match with
// an update or a deletion is refused with 412 when the record has changed in
// between, and one that sends it as If-None-Match with a view gets 304 as long as
// nothing has.
//
// Clients that send none of these headers notice nothing but the ETag. See
// docs/idempotency.md for which routes are covered and what the refusals mean.
package idempotency

import (
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Config are the options. The zero value works.
type Config struct {
	// Retention is how long an answer is kept, counted from the start of its
	// write. After that, the key is as good as new. At least a minute. Defaults
	// to 24h.
	Retention time.Duration

	// Wait is how long a repetition waits for the first request with its key to
	// end, before it is refused with 409. At most a minute; -1 refuses at once.
	// Defaults to 5s.
	Wait time.Duration

	// Timeout bounds the transaction of a request. SQLite has one writer at a
	// time, so others wait as long as it runs. When it is over, everything is
	// rolled back and the request is answered with 503. In 10ms..10m. Defaults
	// to 10s.
	Timeout time.Duration

	// MaxAnswer is the size of the largest answer that is kept, in bytes of its
	// body. The write of a larger one is done and answered as usual; its
	// repetition is refused with 409. In 1 KiB..32 MiB. Defaults to 256 KiB.
	MaxAnswer int64

	// Skip are the paths on which a key has no effect, such as those of routes
	// that talk to other services before they answer: as they are requested, or
	// as the route was registered, "/api/v1/orders/{id}/pay". One that ends in a
	// slash stands for all below it. Defaults to none.
	Skip []string

	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
}

// maxBuffered bounds the answer that is held back until its transaction is
// committed, in bytes.
const maxBuffered = 32 << 20

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	if c.Retention < time.Minute {
		problems = append(problems, fmt.Errorf("idempotency: Retention must be at least 1m, got %s", c.Retention))
	}
	if c.Wait < -1 || c.Wait > time.Minute {
		problems = append(problems, fmt.Errorf("idempotency: Wait must be -1 or in 0..1m, got %s", c.Wait))
	}
	if c.Timeout < 10*time.Millisecond || c.Timeout > 10*time.Minute {
		problems = append(problems, fmt.Errorf("idempotency: Timeout must be in 10ms..10m, got %s", c.Timeout))
	}
	if c.MaxAnswer < 1<<10 || c.MaxAnswer > maxBuffered {
		problems = append(problems, fmt.Errorf("idempotency: MaxAnswer must be in 1024..%d, got %d", maxBuffered, c.MaxAnswer))
	}
	for _, path := range c.Skip {
		if path == "" || path[0] != '/' {
			problems = append(problems, fmt.Errorf("idempotency: Skip must be paths that start with a slash, got %q", path))
		}
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.Retention == 0 {
		c.Retention = 24 * time.Hour
	}
	if c.Wait == 0 {
		c.Wait = 5 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.MaxAnswer == 0 {
		c.MaxAnswer = 256 << 10
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Plugin is what Register adds to an app.
type Plugin struct {
	config Config
	locks  locks
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register binds the plugin to app. Its table is made when the app is
// bootstrapped. It fails on an invalid config, and on an app that has the plugin
// already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("idempotency: the app has the plugin already")
	}
	app.Store().Set(registered, true)

	p := &Plugin{config: config.withDefaults(), locks: locks{held: map[identity]chan struct{}{}}}
	if app.IsBootstrapped() {
		if err := install(app); err != nil {
			return nil, err
		}
	}
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallIdempotencyTable",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return install(e.App)
		},
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "holdallIdempotencyRouter", Func: p.bindRouter})
	p.bindRecords(app)
	p.describe(app)
	return p, app.Cron().Add("holdallIdempotencyPrune", "23 * * * *", func() { p.prune(app) })
}

// registered marks an app that has the plugin.
const registered = "holdallIdempotency"

// handlePriority is late among the middlewares: who may not use a route at all,
// or sends too much, is turned away before a transaction is begun for them.
const handlePriority = 900

func (p *Plugin) bindRouter(e *core.ServeEvent) error {
	e.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id:       "holdallIdempotencyBody",
		Priority: apis.DefaultBodyLimitMiddlewarePriority - 1,
		Func:     rememberBody,
	})
	e.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id:       "holdallIdempotency",
		Priority: handlePriority,
		Func:     p.handle,
	})
	return e.Next()
}

func (p *Plugin) bindRecords(app core.App) {
	row := &hook.Handler[*core.RecordRequestEvent]{Id: "holdallIdempotencyRow", Priority: -99990, Func: noteRow}
	app.OnRecordViewRequest().Bind(row)
	app.OnRecordCreateRequest().Bind(row)
	app.OnRecordUpdateRequest().Bind(row)

	match := &hook.Handler[*core.RecordRequestEvent]{Id: "holdallIdempotencyMatch", Priority: -99991, Func: checkMatch}
	app.OnRecordCreateRequest().Bind(match)
	app.OnRecordUpdateRequest().Bind(match)
	app.OnRecordDeleteRequest().Bind(match)

	app.OnRecordAuthRequest().Bind(&hook.Handler[*core.RecordAuthRequestEvent]{
		Id: "holdallIdempotencySecret",
		Func: func(e *core.RecordAuthRequestEvent) error {
			e.RequestEvent.Set(secretAnswer, true)
			return e.Next()
		},
	})
}
