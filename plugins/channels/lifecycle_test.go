package channels_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/channels"
)

func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	pbtest.NoGoroutineLeak(t)
	w := newWorld(t, channels.Config{})
	anna, ben := w.dial(w.annaToken), w.dial(w.benToken)
	anna.join(room(w.doc))
	ben.join(own(w.ben))
	for range 100 {
		if err := w.plugin.Publish(t.Context(), own(w.ben), "before"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.plugin.Publish(t.Context(), own(w.ben), "last words"); err != nil {
		t.Fatal(err)
	}
	if err := w.plugin.Poke(t.Context(), room(w.doc)); err != nil {
		t.Fatal(err)
	}
	terminate(w)
	for name, c := range map[string]*client{"anna": anna, "ben": ben} {
		if got := c.end(); got != 3001 {
			t.Errorf("%s: got %d, want 3001", name, got)
		}
	}
	if ben.seen(message(own(w.ben), "last words")) != 1 {
		t.Error("what was published before has not been delivered")
	}
	if anna.seen(message(room(w.doc), "poke")) != 1 {
		t.Error("what was poked before has not been delivered")
	}

	usable(t, w.plugin, "after the end")
	terminate(w) // may come twice
}

// terminate runs the handlers of OnTerminate, without closing the database.
func terminate(w *world) {
	w.Helper()
	event := &core.TerminateEvent{App: w.app}
	err := w.app.OnTerminate().Trigger(event, func(*core.TerminateEvent) error { return nil })
	if err != nil {
		w.Fatal(err)
	}
}

// usable calls what hooks may call while there is no server.
func usable(t *testing.T, p *channels.Plugin, when string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Publish(ctx, "poke:a", 1); err != nil {
		t.Errorf("publish %s: %v", when, err)
	}
	if err := p.Poke(t.Context(), "poke:a"); err != nil {
		t.Errorf("poke %s: %v", when, err)
	}
	if members, err := p.Presence("poke:a"); err != nil || len(members) > 0 {
		t.Errorf("presence %s: got %v (%v), want nobody", when, members, err)
	}
	if got := p.Connections(); got != 0 {
		t.Errorf("connections %s: got %d, want none", when, got)
	}
}

// Migrations and commands save records, and hooks of those publish.
func TestBeforeTheServer(t *testing.T) {
	t.Parallel()
	var plugin *channels.Plugin
	app := pbtest.New(t, func(app core.App) (err error) {
		plugin, err = channels.Register(app, channels.Config{})
		app.OnRecordAfterCreateSuccess().BindFunc(func(e *core.RecordEvent) error {
			if err := plugin.Publish(t.Context(), "user:"+e.Record.Collection().Name+"/"+e.Record.Id, "hello"); err != nil {
				return err
			}
			return e.Next()
		})
		return err
	})
	for range 5000 { // more than wait anywhere
		if usable(t, plugin, "before the server"); t.Failed() {
			return
		}
	}
	pbtest.User(t, app, "users", nil)
	plugin.Recheck()
	base := pbtest.Serve(t, app)
	user, token := pbtest.User(t, app, "users", nil)
	client := dial(t, base, token)
	client.join(own(user))
	client.publish("x", 1)
	if client.seen(func(push) bool { return true }) > 0 {
		t.Errorf("got %v, want nothing from before", client.pushes)
	}
}

// A scenario sends its request before the server has started.
func TestTooEarly(t *testing.T) {
	t.Parallel()
	pbtest.Run(t, []tests.ApiScenario{{
		Name: "a client that comes before the start", Method: http.MethodGet, URL: channels.Path,
		ExpectedStatus: http.StatusServiceUnavailable, ExpectedContent: []string{`"The server is starting or shutting down."`},
		ExpectedEvents: map[string]int{"*": 0},
	}}, func(app core.App) error {
		_, err := channels.Register(app, channels.Config{})
		return err
	})
}

func TestTwoApps(t *testing.T) {
	t.Parallel()
	one, other := newWorld(t, channels.Config{}), newWorld(t, channels.Config{})
	a, b := one.dial(one.annaToken), other.dial(other.annaToken)
	a.join("poke:a")
	b.join("poke:a")
	if err := one.plugin.Poke(t.Context(), "poke:a"); err != nil {
		t.Fatal(err)
	}
	a.await("poke", message("poke:a", "poke"))
	terminate(one)
	if got := a.end(); got != 3001 {
		t.Errorf("closed: got %d, want 3001", got)
	}
	if err := other.plugin.Poke(t.Context(), "poke:a"); err != nil {
		t.Fatal(err)
	}
	b.await("poke", message("poke:a", "poke"))
	if got := b.seen(message("poke:a", "poke")); got != 1 {
		t.Errorf("got %d pokes, want only the own app's", got)
	}
}

// The registry that a program may show at /metrics is not the plugin's to fill.
func TestMetricsAreKeptApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{})
	w.dial(w.annaToken) // the node has started
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "centrifuge") {
			t.Fatalf("the process's registry has %s", family.GetName())
		}
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	if _, err := channels.Register(app, channels.Config{MaxChannels: -1}); err == nil {
		t.Error("an invalid config has been accepted")
	}
	channels.MustRegister(app, channels.Config{})
	if _, err := channels.Register(app, channels.Config{}); err == nil {
		t.Error("a second registration has been accepted")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister has not panicked")
		}
	}()
	channels.MustRegister(app, channels.Config{})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		config   channels.Config
		problems []string
	}{
		{"nothing", channels.Config{}, nil},
		{"everything", channels.Config{
			Origins:      []string{"*", "https://app.example.com", "https://*.example.com", "capacitor://localhost"},
			RecheckEvery: -1, MaxMessageBytes: 1000, Namespaces: []channels.Namespace{openTo("cursor"), openTo("lobby_2")},
		}, nil},
		{"origins", channels.Config{Origins: []string{"app.example.com", "https://app.example.com/x", "https://*"}}, []string{
			`Origins must be like https://app.example.com, without a path, got "app.example.com"`, `got "https://app.example.com/x"`, `got "https://*"`,
		}},
		{"namespaces", channels.Config{Namespaces: []channels.Namespace{
			openTo("Cursor"), openTo(""), openTo("a:b"), openTo("room"), openTo("x"), openTo("x"), {Name: "y"},
		}}, []string{`got "Cursor"`, `got ""`, `got "a:b"`, `"room" is there already`, `"x" is there already`, `"y" has no Subscribe`}},
		{"numbers", channels.Config{MaxChannels: -1, PublishRate: 10_001, MaxMessageBytes: 100, MaxPublishBytes: 101}, []string{
			"MaxChannels must be in 0..10000, got -1", "PublishRate must be in 0..10000, got 10001", "MaxPublishBytes must be at most MaxMessageBytes (100), got 101",
		}},
		{"durations", channels.Config{RecheckEvery: -2, RecheckDelay: time.Hour, PokeEvery: -1, ShutdownTimeout: time.Hour}, []string{
			"RecheckEvery must be -1 or in 0..24h", "RecheckDelay must be in 0..1m0s, got 1h0m0s", "PokeEvery must be", "ShutdownTimeout must be",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.config.Validate()
			if (err == nil) != (len(c.problems) == 0) {
				t.Fatalf("got %v, want %d problems", err, len(c.problems))
			}
			for _, problem := range c.problems {
				if !strings.Contains(err.Error(), problem) {
					t.Errorf("got %v, want it to say %q", err, problem)
				}
			}
			if err != nil && strings.Count(err.Error(), "channels: ") != len(c.problems) {
				t.Errorf("got %v, want %d problems", err, len(c.problems))
			}
		})
	}
}
