// Package push sends notifications to phones and browsers, at least once, to the
// devices that users have registered.
//
//	p := push.MustRegister(app, push.Config{WebPush: &webpush.Config{}, FCM: &fcm.Config{ServiceAccount: key}})
//	_, err := p.Send(tx, push.Message{To: push.Users(technician), Title: "A new order"})
//
// Apps register their devices at /api/push/devices. A message is stored in the
// transaction that sends it, and becomes a delivery for each device of those it
// is for. A delivery stays until its service has taken it, its time is over or
// the device has gone.
package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// The names of the services that the plugin has clients for.
const (
	ProviderWebPush = "webpush"
	ProviderFCM     = "fcm"
	ProviderAPNs    = "apns"
)

// Config are the options of the plugin. The zero value registers devices of no
// service and sends nothing.
type Config struct {
	// WebPush, if set, sends to browsers. Without a PrivateKey one is made at the
	// first start and kept in the database; without a Subject it is the address
	// that the app's mails come from.
	WebPush *webpush.Config

	// FCM, if set, sends to Android, and to others whose apps use Firebase.
	FCM *fcm.Config

	// APNs, if set, sends to Apple's devices.
	APNs *apns.Config

	// Providers are services besides the ones above, or in place of them, by name.
	Providers map[string]provider.Provider

	// Log is the app's change log. Only Rules need it.
	Log *changes.Log

	// Rules send messages when records change.
	Rules []Rule

	// RootCmd, if set, gains the "push" command.
	RootCmd *cobra.Command

	// EncryptionKey, of 32 characters, encrypts the keys that the plugin makes for
	// itself in the database. Without it they are stored as they are.
	EncryptionKey string

	// Allow are networks that Web Push subscriptions may lead to although they
	// are not of the public internet. Defaults to none.
	Allow []netip.Prefix

	// Topics tells whether a user may subscribe to a topic. By default everybody
	// may subscribe to every topic, so that what is sent to one is for all.
	Topics func(app core.App, user *core.Record, topic string) (bool, error)

	// MaxDevices is how many devices a user can have. The ones that were not seen
	// for longest make room. Defaults to 20.
	MaxDevices int

	// LocaleField and TimezoneField are the fields of users that say which
	// language they read, such as "de-AT", and where they are, such as
	// "Europe/Vienna". Collections need not have them. A device that says
	// something else is overruled. Default to "locale" and "timezone".
	LocaleField   string
	TimezoneField string

	// Timezone is that of users of whom nothing is known, for quiet hours.
	// Defaults to UTC.
	Timezone string

	// TTL is how long a message without a TTL of its own is worth sending.
	// Defaults to 24 h.
	TTL time.Duration

	// Concurrency is how many requests to one service may be under way at the
	// same time. Defaults to 32.
	Concurrency int

	// Rate is how many notifications one service is handed a second at most.
	// Defaults to 500.
	Rate float64

	// Timeout bounds one attempt. Defaults to 30 s.
	Timeout time.Duration

	// Backoff is the pause after the given number of failed attempts. Defaults to
	// 5 s, twice as long each time up to 30 min, with up to a fifth more at random.
	Backoff func(attempts int) time.Duration

	// Probe is the pause after the given number of times that a service did not
	// accept our credentials. Then one notification finds out whether it does.
	// Defaults to 1 min, twice as long each time up to 1 h.
	Probe func(times int) time.Duration

	// Retention is how long messages are kept after they were due, with what
	// became of them. For so long their keys are taken. Defaults to 30 days.
	Retention time.Duration

	// Lease is how long the deliveries of a process that died wait until another
	// process goes on with them. Defaults to 15 s.
	Lease time.Duration

	// Alert is called when a service does not accept our credentials, besides an
	// error in the log.
	Alert func(Alert)

	// Clock tells when messages are due. Defaults to the clock of the machine.
	Clock clock.Clock

	// RetentionClock tells the time by which what is old is deleted. One that does not
	// follow the machine's when that jumps ahead keeps it from going early. Defaults to
	// Clock.
	RetentionClock clock.Clock
}

// Alert tells of a service that needs somebody's attention.
type Alert struct {
	// Service is the provider, and of Web Push the host besides.
	Service string
	Reason  string
	At      time.Time
}

func (c Config) withDefaults() Config {
	orDefault(&c.MaxDevices, 20)
	orDefault(&c.LocaleField, "locale")
	orDefault(&c.TimezoneField, "timezone")
	orDefault(&c.Timezone, "UTC")
	orDefault(&c.TTL, 24*time.Hour)
	orDefault(&c.Concurrency, 32)
	orDefault(&c.Rate, 500)
	orDefault(&c.Timeout, 30*time.Second)
	orDefault(&c.Retention, 30*24*time.Hour)
	orDefault(&c.Lease, 15*time.Second)
	if c.Backoff == nil {
		c.Backoff = backoff
	}
	if c.Probe == nil {
		c.Probe = probePause
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

// maxTTL is how long a message can be worth sending: FCM keeps none longer.
const maxTTL = 28 * 24 * time.Hour

var providerName = regexp.MustCompile(`^[a-z][a-z0-9]{0,19}$`)

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("push: "+format, args...))
		}
	}
	if c.WebPush != nil {
		errs = append(errs, c.WebPush.Validate())
	}
	if c.FCM != nil {
		errs = append(errs, c.FCM.Validate())
	}
	if c.APNs != nil {
		errs = append(errs, c.APNs.Validate())
	}
	for name, p := range c.Providers {
		refuse(p == nil || !providerName.MatchString(name), "Providers must have names of 1..20 small letters and digits, and values, got %q", name)
	}
	refuse(len(c.Rules) > 0 && c.Log == nil, "Rules need a Log")
	names := map[string]bool{}
	for _, r := range c.Rules {
		errs = append(errs, r.check())
		refuse(names[r.Name], "there are two Rules with the name %q", r.Name)
		names[r.Name] = true
	}
	refuse(c.EncryptionKey != "" && len(c.EncryptionKey) != 32, "EncryptionKey must have 32 characters, got %d", len(c.EncryptionKey))
	refuse(c.MaxDevices < 1 || c.MaxDevices > 1000, "MaxDevices must be in 1..1000, got %d", c.MaxDevices)
	_, err := time.LoadLocation(c.Timezone)
	refuse(err != nil, "Timezone must be a name such as Europe/Vienna, got %q", c.Timezone)
	refuse(c.TTL < time.Second || c.TTL > maxTTL, "TTL must be in 1s..%v, got %v", maxTTL, c.TTL)
	refuse(c.Concurrency < 1 || c.Concurrency > 1000, "Concurrency must be in 1..1000, got %d", c.Concurrency)
	refuse(c.Rate < 0.01 || c.Rate > 1e6, "Rate must be in 0.01..1000000, got %v", c.Rate)
	refuse(c.Timeout < 10*time.Millisecond || c.Timeout > 5*time.Minute, "Timeout must be in 10ms..5m, got %v", c.Timeout)
	refuse(c.Retention < time.Hour, "Retention must be at least 1h, got %v", c.Retention)
	refuse(c.Lease < 100*time.Millisecond || c.Lease > time.Hour, "Lease must be in 100ms..1h, got %v", c.Lease)
	return errors.Join(errs...)
}

// Plugin is push for one app.
type Plugin struct {
	app     core.App
	config  Config
	zone    *time.Location
	rules   []rule
	workers *bg.Group
	owner   string // of the lease of this process
	wakeUp  chan struct{}
	started sync.Once

	mu        sync.Mutex
	providers map[string]provider.Provider // nil for Web Push until it has a key
	vapidKey  string                       // the public one
	lanes     map[string]*lane
	proved    map[string]bool // lanes whose service has accepted our credentials
	held      time.Time       // until when this process has the lease
	secret    []byte          // that receipts are signed with
}

// MustRegister is [Register] for main functions: it panics on an error.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register adds push to app. The collection and the tables are made when the app
// is bootstrapped; sending begins when it serves.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	zone, err := time.LoadLocation(config.Timezone)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	p := &Plugin{
		app: app, config: config, zone: zone, owner: security.PseudorandomString(12),
		providers: map[string]provider.Provider{},
		workers:   bg.New(app, "push", 10*time.Second),
		wakeUp:    make(chan struct{}, 1),
		lanes:     map[string]*lane{},
		proved:    map[string]bool{},
	}
	if err := p.addProviders(); err != nil {
		return nil, err
	}
	if err := p.bindInstall(); err != nil {
		return nil, err
	}
	p.bindDevices()
	if err := p.consume(); err != nil {
		return nil, err
	}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallPushServe",
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

func (p *Plugin) bindInstall() error {
	if p.app.IsBootstrapped() {
		if err := install(p.app); err != nil {
			return err
		}
	}
	p.app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallPushInstall",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return install(e.App)
		},
	})
	return nil
}

// Start runs the background work. Serving an app starts it by itself; a program
// that does not serve calls it after Bootstrap. Calling it twice is harmless.
func (p *Plugin) Start() {
	p.started.Do(func() {
		if err := p.prepare(p.app); err != nil {
			p.app.Logger().Error("Web Push cannot be used.", slog.Any("error", err))
		}
		p.workers.Go("send", p.send)
		p.workers.Go("retention", p.retain)
	})
}

// now is the time that messages go by.
func (p *Plugin) now() time.Time { return p.config.Clock.Now() }

// wake tells that there may be something to send.
func (p *Plugin) wake() { nudge(p.wakeUp) }

// wakeAfter wakes the sender when the transaction is over: before, it would see
// nothing.
func (p *Plugin) wakeAfter(tx core.App) {
	info := tx.TxInfo()
	if info == nil {
		p.wake()
		return
	}
	info.OnComplete(func(error) error {
		p.wake()
		return nil
	})
}

func nudge(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// logError notes what went wrong where nobody waits for an answer.
func (p *Plugin) logError(ctx context.Context, message string, err error) {
	if err != nil && ctx.Err() == nil {
		p.app.Logger().Error(message, slog.Any("error", err))
	}
}
