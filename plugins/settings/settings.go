// Package settings keeps PocketBase's settings as code: what the config names
// is set at each start, what it does not name stays as the dashboard has it.
//
//	settings.MustRegister(app, settings.Config{
//		AppName: new("Example"),
//		SMTP:    settings.SMTP{Host: new("mail.example.com"), Port: new(587)},
//	})
//
// It also creates the first superuser, and gives an app that nobody has set up
// yet rate limits and the batch API. Once somebody has changed either in the
// dashboard, their choice holds.
//
// Settings are written before the server listens, and only if something differs.
package settings

import (
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Config names what is set. A nil field is left alone; the zero value applies
// the defaults to a new app, and nothing else.
type Config struct {
	// AppName and AppURL are what mails and links say.
	AppName, AppURL *string

	// SenderName and SenderAddress are where mails come from.
	SenderName, SenderAddress *string

	// HideControls hides what changes collections in the dashboard.
	HideControls *bool

	// SuperuserIPs are the addresses and subnets that superusers may come from.
	// Empty means anywhere, nil leaves it.
	SuperuserIPs []string

	// SMTP is the mail server.
	SMTP SMTP

	// Files is the S3 storage for uploaded files, Backups that for backups.
	Files, Backups S3

	// BackupsCron is when backups are made, such as "0 3 * * *"; "" is never.
	BackupsCron *string

	// BackupsKeep is how many of them are kept.
	BackupsKeep *int

	// RateLimits turns the rate limiter on or off. When nil, an app whose rate
	// limits are as PocketBase makes them gets [DefaultRateLimits]; true gives
	// them to an app without rules of its own. What false has turned off comes
	// back when it is nil again.
	RateLimits *bool

	// SignUps are the auth collections in which everybody may create an account,
	// such as "users". [DefaultRateLimits] has a rule for each. Defaults to none.
	SignUps []string

	// RateLimitRules are used instead of [DefaultRateLimits].
	RateLimitRules []core.RateLimitRule

	// RateLimitExcludedIPs are the addresses and subnets without limits. Empty
	// means none, nil leaves it.
	RateLimitExcludedIPs []string

	// Batch is the batch API.
	Batch Batch

	// TrustedProxyHeaders are the headers that a proxy writes the client's
	// address to, such as "X-Forwarded-For". Empty means no proxy, nil leaves it.
	TrustedProxyHeaders []string

	// TrustedProxyLeftmost takes the first address of such a header instead of the
	// last. Only for a proxy that replaces the header.
	TrustedProxyLeftmost *bool

	// LogDays is how many days PocketBase keeps its log; 0 keeps none.
	LogDays *int

	// LogLevel is the lowest level in PocketBase's log: -4 debug, 0 info, 4
	// warn, 8 error.
	LogLevel *int

	// LogIP writes the addresses of clients to the log.
	LogIP *bool

	// Superuser is created if it does not exist. No Email means none.
	Superuser Superuser
}

// SMTP is a mail server. It is enabled when Host is given, unless Enabled says
// otherwise.
type SMTP struct {
	Enabled            *bool
	Host               *string
	Port               *int
	Username, Password *string
	AuthMethod         *string // PLAIN or LOGIN
	TLS                *bool   // from the first byte, as on port 465; otherwise STARTTLS if the server offers it
	LocalName          *string // what to say in EHLO
}

// S3 is a bucket. It is enabled when Bucket is given, unless Enabled says
// otherwise.
type S3 struct {
	Enabled                  *bool
	Bucket, Region, Endpoint *string
	AccessKey, Secret        *string
	ForcePathStyle           *bool
}

// Batch bounds the batch API. When nothing of it is given, an app whose batch
// settings are as PocketBase makes them gets [DefaultBatch].
type Batch struct {
	// Enabled turns it on or off. What false has turned off comes back when it is
	// nil again.
	Enabled     *bool
	MaxRequests *int
	TimeoutSec  *int   // seconds
	MaxBodySize *int64 // bytes
}

// Superuser is the account of whoever runs the server.
type Superuser struct {
	Email string
	// Password is needed to create the account, of 8 to 71 bytes.
	Password string
	// ResetPassword gives an existing account the Password at each start. Without
	// it, Password counts only when the account is created.
	ResetPassword bool
}

// The lengths of a superuser's password, in bytes: PocketBase's least, and the
// most that bcrypt reads.
const (
	minPassword = 8
	maxPassword = 71
)

// Plugin is the registered settings.
type Plugin struct {
	config Config
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register binds the settings to app. It fails on an invalid config, and on an
// app that has the plugin already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("settings: the app has settings already")
	}
	app.Store().Set(registered, true)

	p := &Plugin{config: config}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallSettingsServe",
		Func: func(e *core.ServeEvent) error {
			if _, err := p.Apply(e.App); err != nil {
				return err
			}
			if err := p.ensureSuperuser(e.App); err != nil {
				return err
			}
			return e.Next()
		},
		Priority: -99, // before those who look at the settings or for a superuser
	})
	return p, nil
}

// registered marks an app that has the plugin.
const registered = "holdallSettings"

// Apply brings the settings of app to the config and reports whether it had to
// change any. The server does it at each start; programs without a server may.
func (p *Plugin) Apply(app core.App) (changed bool, err error) {
	wanted, err := app.Settings().Clone()
	if err != nil {
		return false, fmt.Errorf("settings: copy the settings: %w", err)
	}
	before, err := snapshot(wanted)
	if err != nil {
		return false, err
	}
	wasOff, err := loadSwitchedOff(app)
	if err != nil {
		return false, err
	}
	wasOff.turnOn(wanted)
	p.config.applyTo(wanted)
	isOff := p.config.turn(wanted)
	after, err := snapshot(wanted)
	if err != nil {
		return false, err
	}
	return before != after, app.RunInTransaction(func(tx core.App) error {
		if isOff != wasOff {
			if err := isOff.save(tx); err != nil {
				return err
			}
		}
		if before == after {
			return nil
		}
		if err := tx.Save(wanted); err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		return nil
	})
}
