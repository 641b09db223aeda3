// Package channels adds presence, broadcast and a WebSocket to a PocketBase app,
// for what happens between people and is not worth a record: who else looks at
// this page, who is typing, "something changed, look again".
//
//	channels.MustRegister(app, channels.Config{})
//
// Clients connect to /api/ws with an SDK of Centrifuge and a PocketBase token,
// and subscribe to channels:
//
//   - room:<collection>/<record id> is open to whoever may view the record. It
//     has presence, and those in it may send to each other.
//   - user:<collection>/<record id> is that user's own. Only the server sends.
//   - poke:<name> carries no content. It says that there is something to fetch.
//   - What [Config.Namespaces] adds.
//
// Who is let in is decided by the same view rules as everywhere else, and again
// when something changes that may change the answer. See docs/channels.md.
//
// Nothing that is sent is stored: who is not connected misses it. Records do not
// belong into channels, as everybody in one gets the same bytes while PocketBase
// shows each caller their own fields. Poke, and let clients fetch.
package channels

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Path is where clients connect.
const Path = "/api/ws"

// Guard decides whether the caller may subscribe to the channel. It is asked
// again while the caller is subscribed, see docs/channels.md. An error refuses
// too, is logged, and lets the client try again later.
type Guard func(ctx context.Context, caller Caller, channel string) (bool, error)

// PublishGuard decides whether a client may send a message.
type PublishGuard func(ctx context.Context, message Message) (bool, error)

// Message is what a client wants to send to a channel.
type Message struct {
	Caller  Caller
	Channel string
	// Data is valid JSON of at most [Config.MaxPublishBytes].
	Data []byte
	// Subscribed tells whether the caller is in the channel.
	Subscribed bool
}

// Members is the publish guard that lets those send who are subscribed and
// signed in.
func Members(_ context.Context, m Message) (bool, error) {
	return m.Subscribed && m.Caller.Auth != nil, nil
}

// Nobody is the publish guard that leaves sending to the server.
func Nobody(context.Context, Message) (bool, error) { return false, nil }

// Rooms says what holds in the channels of records.
type Rooms struct {
	// Subscribe, if set, is asked after the record's view rule has let the caller in.
	Subscribe Guard

	// DependsOn names the collections that Subscribe reads. Defaults to none.
	DependsOn []string

	// Publish decides who may send. Defaults to [Members].
	Publish PublishGuard

	// NoPresence hides who is there, and who comes and goes.
	NoPresence bool
}

// Namespace is a family of channels of the app's own.
type Namespace struct {
	// Name is what the names of the channels begin with: "cursor" has
	// "cursor:a", "cursor:b". Lower case letters, digits and underscores.
	Name string

	// Subscribe decides who may subscribe. It must be set.
	Subscribe Guard

	// DependsOn names the collections that Subscribe reads: subscriptions are
	// checked again when a record of one changes. Defaults to none.
	DependsOn []string

	// Publish decides who may send. Defaults to [Nobody].
	Publish PublishGuard

	// Presence shows who is there, and who comes and goes.
	Presence bool
}

// Config says who may connect, what they may do and how much of it. The zero
// value works.
type Config struct {
	// Guests lets those in who have no token. They may subscribe where the rules
	// let everybody in, and do not send unless a publish guard says otherwise.
	Guests bool

	// Origins are the origins that browsers may connect from, besides the
	// server's own: "https://app.example.com", "https://*.example.com" for any
	// subdomain, or "*". Give what the app has for CORS. Clients other than
	// browsers send no origin and are let in. Defaults to none.
	Origins []string

	// Info returns what others see of a caller besides the collection and the id
	// of their record, in presence and beside each message. It is encoded as
	// JSON; nil adds nothing. It is asked when a client connects and when it
	// shows a new token. Defaults to nothing.
	Info func(Caller) (any, error)

	// Rooms says what holds in the channels of records.
	Rooms Rooms

	// Poke decides who may subscribe to channels of the namespace poke. Defaults
	// to everybody who is signed in.
	Poke Guard

	// Namespaces are the app's own families of channels. Defaults to none.
	Namespaces []Namespace

	// RecheckDelay is how long changes are collected before the subscriptions
	// that they may end are checked again. Defaults to 100ms.
	RecheckDelay time.Duration

	// RecheckEvery is how often every connection and subscription is checked
	// again, for what the app cannot notice: raw SQL, other processes, rules that
	// depend on the time. Defaults to 1m; -1 does not.
	RecheckEvery time.Duration

	// MaxConnections bounds the open sockets of the process. Defaults to 10,000.
	MaxConnections int

	// MaxConnectionsPerUser bounds those of one signed-in user. Defaults to 10.
	MaxConnectionsPerUser int

	// MaxChannels bounds the channels that one connection is subscribed to.
	// Defaults to 128.
	MaxChannels int

	// MaxMessageBytes bounds what a client sends at once, which may be several
	// commands. Who sends more is disconnected. Defaults to 64 KiB.
	MaxMessageBytes int

	// MaxPublishBytes bounds the data of one message of a client. Defaults to 4 KiB.
	MaxPublishBytes int

	// PublishRate is how many messages a second one connection may send, and how
	// many at once after a pause. Defaults to 30.
	PublishRate int

	// MaxQueueBytes bounds what waits for a client that reads slowly. A client
	// with more is disconnected. Defaults to 1 MiB.
	MaxQueueBytes int

	// PokeEvery is how long pokes of a channel are collected into one. Defaults
	// to 50ms.
	PokeEvery time.Duration

	// ShutdownTimeout bounds how long saying goodbye to the clients takes.
	// Defaults to 5s.
	ShutdownTimeout time.Duration
}

var (
	namespaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	builtIn       = []string{namespaceRoom, namespaceUser, namespacePoke}
)

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	var problems []error
	for _, origin := range c.Origins {
		if !validOrigin(origin) {
			problems = append(problems, fmt.Errorf("channels: Origins must be like https://app.example.com, without a path, got %q", origin))
		}
	}
	taken := map[string]bool{}
	for _, name := range builtIn {
		taken[name] = true
	}
	for _, n := range c.Namespaces {
		switch {
		case !namespaceName.MatchString(n.Name):
			problems = append(problems, fmt.Errorf("channels: a namespace's Name must be up to 32 lower case letters, digits and underscores, got %q", n.Name))
		case taken[n.Name]:
			problems = append(problems, fmt.Errorf("channels: the namespace %q is there already", n.Name))
		case n.Subscribe == nil:
			problems = append(problems, fmt.Errorf("channels: the namespace %q has no Subscribe", n.Name))
		}
		taken[n.Name] = true
	}
	return errors.Join(append(problems, c.validateDurations(), c.validateNumbers())...)
}

func (c Config) validateDurations() error {
	var problems []error
	if c.RecheckEvery != -1 && (c.RecheckEvery < 0 || c.RecheckEvery > 24*time.Hour) {
		problems = append(problems, fmt.Errorf("channels: RecheckEvery must be -1 or in 0..24h, got %s", c.RecheckEvery))
	}
	for _, d := range []struct {
		name       string
		value, max time.Duration
	}{
		{"RecheckDelay", c.RecheckDelay, time.Minute},
		{"PokeEvery", c.PokeEvery, time.Minute},
		{"ShutdownTimeout", c.ShutdownTimeout, time.Minute},
	} {
		if d.value < 0 || d.value > d.max {
			problems = append(problems, fmt.Errorf("channels: %s must be in 0..%s, got %s", d.name, d.max, d.value))
		}
	}
	return errors.Join(problems...)
}

func (c Config) validateNumbers() error {
	var problems []error
	for _, n := range []struct {
		name       string
		value, max int
	}{
		{"MaxConnections", c.MaxConnections, 1_000_000},
		{"MaxConnectionsPerUser", c.MaxConnectionsPerUser, 10_000},
		{"MaxChannels", c.MaxChannels, 10_000},
		{"MaxMessageBytes", c.MaxMessageBytes, 16 << 20},
		{"MaxPublishBytes", c.MaxPublishBytes, 16 << 20},
		{"PublishRate", c.PublishRate, 10_000},
		{"MaxQueueBytes", c.MaxQueueBytes, 1 << 30},
	} {
		if n.value < 0 || n.value > n.max {
			problems = append(problems, fmt.Errorf("channels: %s must be in 0..%d, got %d", n.name, n.max, n.value))
		}
	}
	if d := c.withDefaults(); d.MaxPublishBytes > d.MaxMessageBytes {
		problems = append(problems, fmt.Errorf("channels: MaxPublishBytes must be at most MaxMessageBytes (%d), got %d", d.MaxMessageBytes, d.MaxPublishBytes))
	}
	return errors.Join(problems...)
}

// validOrigin accepts what a browser sends as Origin, and * for everything or
// for the subdomains of a host.
func validOrigin(origin string) bool {
	if origin == "*" {
		return true
	}
	plain := strings.Replace(origin, "://*.", "://any.", 1)
	u, err := url.Parse(plain)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == plain && !strings.Contains(plain, "*")
}

func (c Config) withDefaults() Config {
	ownPublishLimit := c.MaxPublishBytes != 0
	if c.Rooms.Publish == nil {
		c.Rooms.Publish = Members
	}
	if c.Poke == nil {
		c.Poke = func(_ context.Context, caller Caller, _ string) (bool, error) { return caller.Auth != nil, nil }
	}
	for _, n := range []struct {
		value     *int
		byDefault int
	}{
		{&c.MaxConnections, 10_000},
		{&c.MaxConnectionsPerUser, 10},
		{&c.MaxChannels, 128},
		{&c.MaxMessageBytes, 64 << 10},
		{&c.MaxPublishBytes, 4 << 10},
		{&c.PublishRate, 30},
		{&c.MaxQueueBytes, 1 << 20},
	} {
		if *n.value == 0 {
			*n.value = n.byDefault
		}
	}
	if !ownPublishLimit {
		c.MaxPublishBytes = min(c.MaxPublishBytes, c.MaxMessageBytes)
	}
	for _, d := range []struct {
		value     *time.Duration
		byDefault time.Duration
	}{
		{&c.RecheckDelay, 100 * time.Millisecond},
		{&c.RecheckEvery, time.Minute},
		{&c.PokeEvery, 50 * time.Millisecond},
		{&c.ShutdownTimeout, 5 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.byDefault
		}
	}
	return c
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register adds the route, and starts with the server. It fails on an invalid
// config, and on an app that has the plugin already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("channels: the app has channels already")
	}
	app.Store().Set(registered, true)

	p := newPlugin(app, config.withDefaults())
	p.bindServer()
	p.bindChanges()
	return p, nil
}

// registered marks an app that has the plugin.
const registered = "holdallChannels"
