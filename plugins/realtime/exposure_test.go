package realtime_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// serveBoth is serve, with the plugin and its log.
func serveBoth(t *testing.T, config realtime.Config) (core.App, string, *realtime.Plugin, *changes.Log) {
	t.Helper()
	var plugin *realtime.Plugin
	app := template.New(t, func(app core.App) (err error) {
		config.Log, err = changes.Register(app, changes.Config{PollInterval: pollInterval})
		if err != nil {
			return err
		}
		plugin, err = realtime.Register(app, config)
		return err
	})
	app.OnRealtimeMessageSend().UnbindAll()
	app.OnRecordEnrich().UnbindAll() // the test app counts these, too
	return app, pbtest.Serve(t, app), plugin, config.Log
}

// withHeaders writes a topic with an expand and a header.
func withHeader(topic, expand, name, value string) string {
	text, _ := json.Marshal(map[string]any{"query": map[string]string{"expand": expand}, "headers": map[string]string{name: value}})
	return topic + "?options=" + url.QueryEscape(string(text))
}

func TestExpandedRecordsFollowTheOptionsOfEachSubscription(t *testing.T) {
	t.Parallel()
	app, address, _, _ := serveBoth(t, realtime.Config{})
	setRules(t, app, "groups", types.Pointer("@request.headers.x_key = 'sesame'"))
	group := create(t, app, "groups", map[string]any{"name": "TOPSECRET"})
	knows, guesses := connect(t, address, ""), connect(t, address, "")
	knows.subscribe("", withHeader("posts/*", "group", "x_key", "sesame"))
	guesses.subscribe("", withHeader("posts/*", "group", "x_key", "no"))

	for _, title := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		create(t, app, "posts", map[string]any{"title": title, "group": group.Id})
	}
	knows.record("create", "8")
	guesses.record("create", "8")
	if got := strings.Count(knows.bytes(), "TOPSECRET"); got != 8 {
		t.Errorf("with the key: got the group %d times, want 8", got)
	}
	if got := strings.Count(guesses.bytes(), "TOPSECRET"); got != 0 {
		t.Errorf("without the key: got the group %d times, want 0", got)
	}
}

func TestSlowSubscribeRequestBringsNoOldIdentityBack(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]any{
		"demoted": {"role": "none"},
		"revoked": {"tokenKey": strings.Repeat("k", 50), "role": "none"},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, address := serve(t, realtime.Config{})
			setRules(t, app, "posts", types.Pointer("@request.auth.role = 'admin'"))
			ann := create(t, app, "people", map[string]any{"email": "ann@example.com", "password": "1234567890", "role": "admin"})
			token, err := ann.NewAuthToken()
			if err != nil {
				t.Fatal(err)
			}
			one, two := connect(t, address, ""), connect(t, address, "")
			one.subscribe(token, "posts/*", "groups/*")
			create(t, app, "posts", map[string]any{"title": "as admin"})
			one.record("create", "as admin")

			var changed atomic.Bool
			app.OnRealtimeSubscribeRequest().BindFunc(func(e *core.RealtimeSubscribeRequestEvent) error {
				if changed.CompareAndSwap(false, true) { // while the request of the other tab is under way
					found, err := app.FindRecordById("people", ann.Id)
					if err != nil {
						return err
					}
					found.Load(change)
					if err := app.Save(found); err != nil {
						return err
					}
					// until nothing else brings the new state in
					create(t, app, "groups", map[string]any{"name": "seen"})
					one.wait(func(f frame) bool { return f.payload().Record["name"] == "seen" })
				}
				return e.Next()
			})
			two.subscribe(token, "posts/*", "groups/*")
			create(t, app, "posts", map[string]any{"title": "after"})
			create(t, app, "groups", map[string]any{"name": "last"})
			for _, s := range []*stream{one, two} {
				s.wait(func(f frame) bool { return f.payload().Record["name"] == "last" })
				if got := s.events(); slices.Contains(got, "create after") {
					t.Errorf("got %v, want nothing after the change", got)
				}
			}
		})
	}
}

func TestClientThatLeavesWhileItSubscribesLeavesNothing(t *testing.T) {
	t.Parallel()
	app, address, plugin, _ := serveBoth(t, realtime.Config{})
	ann := create(t, app, "people", map[string]any{"email": "ann@example.com", "password": "1234567890"})
	token, err := ann.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	var s *stream
	app.OnRealtimeSubscribeRequest().BindFunc(func(e *core.RealtimeSubscribeRequestEvent) error {
		s.close() // the tab is closed while the request is under way
		eventually(t, "the client is gone", func() bool { return app.SubscriptionsBroker().TotalClients() == 0 })
		return e.Next()
	})
	s = connect(t, address, "")
	s.trySubscribe(token, "posts/*")
	if topics, callers, clients := plugin.Indexed(); topics+callers+clients != 0 {
		t.Errorf("got %d topics, %d callers, %d clients left, want none", topics, callers, clients)
	}
}

func TestConnectionThatIsRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	app, address, plugin, _ := serveBoth(t, realtime.Config{})
	ann := create(t, app, "people", map[string]any{"email": "ann@example.com", "password": "1234567890"})
	app.OnRealtimeConnectRequest().BindFunc(func(e *core.RealtimeConnectRequestEvent) error {
		e.Client.Set("auth", ann)
		e.Client.Subscribe("posts/*")
		return e.ForbiddenError("", nil)
	})
	response, err := http.Get(address + "/api/realtime")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Fatalf("got status %d, want 403", response.StatusCode)
	}
	if topics, callers, clients := plugin.Indexed(); topics+callers+clients != 0 {
		t.Errorf("got %d topics, %d callers, %d clients left, want none", topics, callers, clients)
	}
}

// eventually waits for something without a signal of its own.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen that %s", what)
		}
		<-ticker.C
	}
}

func TestSubscriptionOfAConnectHookGetsEvents(t *testing.T) {
	t.Parallel()
	app, address, _, _ := serveBoth(t, realtime.Config{})
	app.OnRealtimeConnectRequest().BindFunc(func(e *core.RealtimeConnectRequestEvent) error {
		e.Client.Subscribe("posts/*")
		return e.Next()
	})
	s := connect(t, address, "")
	create(t, app, "posts", map[string]any{"title": "seen"})
	s.record("create", "seen")
}

func TestLaterSubscriptionInGoGetsEventsSoon(t *testing.T) {
	t.Parallel()
	app, address, _, log := serveBoth(t, realtime.Config{})
	s := connect(t, address, "")
	client, err := app.SubscriptionsBroker().ClientById(s.clientID)
	if err != nil {
		t.Fatal(err)
	}
	posts, err := app.FindCollectionByNameOrId("posts")
	if err != nil {
		t.Fatal(err)
	}
	client.Subscribe("posts/*")
	eventually(t, "posts are logged in full", func() bool {
		head, err := log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		reaches, err := log.HistoryReaches(t.Context(), posts.Id, head)
		return err == nil && reaches
	})
	create(t, app, "posts", map[string]any{"title": "seen"})
	s.record("create", "seen")
}

// wrapped is a client that a hook put around another.
type wrapped struct{ subscriptions.Client }

func TestWrappedClientIsServedOnce(t *testing.T) {
	t.Parallel()
	app, address, _, _ := serveBoth(t, realtime.Config{})
	app.OnRealtimeConnectRequest().BindFunc(func(e *core.RealtimeConnectRequestEvent) error {
		e.Client = wrapped{e.Client}
		return e.Next()
	})
	s := connect(t, address, "")
	s.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "one"})
	create(t, app, "posts", map[string]any{"title": "two"})
	s.record("create", "two")
	if got, want := s.events(), []string{"create one", "create two"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSubscriptionThatNeedsNoWriteWaitsForNone(t *testing.T) {
	t.Parallel()
	app, address, plugin, _ := serveBoth(t, realtime.Config{})
	known, fresh := connect(t, address, ""), connect(t, address, "")
	known.subscribe("", "posts/*")
	writing, release := make(chan struct{}), make(chan struct{})
	written := make(chan error, 1)
	go func() {
		written <- app.RunInTransaction(func(core.App) error {
			close(writing)
			<-release
			return nil
		})
	}()
	<-writing
	subscribed := make(chan struct{})
	go func() {
		defer close(subscribed)
		fresh.trySubscribe("", "groups/*") // needs a write
	}()
	eventually(t, "the log is asked", func() bool { return plugin.Asking() > 0 })

	answered := make(chan struct{})
	go func() {
		defer close(answered)
		known.trySubscribe("", "posts/*", "posts/x")
	}()
	select {
	case <-answered:
	case <-time.After(patience):
		t.Error("a subscription that needs no write waited for another's")
	}
	close(release)
	<-answered
	<-subscribed
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestGuestsMakeNoWritesDearerThatTheyNeverHearOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rule string
		kept bool
	}{
		"open":                {"", true},
		"depends on the row":  {"title = 'x'", true},
		"signed in":           {"@request.auth.id != ''", false},
		"signed in and more":  {"@request.auth.id != '' && group.members.id ?= @request.auth.id", false},
		"signed in or public": {"@request.auth.id != '' || open = true", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, address, _, log := serveBoth(t, realtime.Config{})
			setRules(t, app, "posts", &test.rule)
			posts, err := app.FindCollectionByNameOrId("posts")
			if err != nil {
				t.Fatal(err)
			}
			connect(t, address, "").subscribe("", "posts/*")
			head, err := log.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			kept, err := log.HistoryReaches(t.Context(), posts.Id, head)
			if err != nil || kept != test.kept {
				t.Errorf("got %v, %v, want %v", kept, err, test.kept)
			}
		})
	}
}

func TestHistoryIsRenewedForThoseWhoListen(t *testing.T) {
	t.Parallel()
	app, address, plugin, _ := serveBoth(t, realtime.Config{})
	connect(t, address, "").subscribe("", "posts/*")
	posts, err := app.FindCollectionByNameOrId("posts")
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour)
	_, err = app.DB().NewQuery("UPDATE _changesKept SET until = {:until}").Bind(dbx.Params{"until": soon.UnixMilli()}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	plugin.Age(posts.Id)
	connect(t, address, "").subscribe("", "posts/*")
	eventually(t, "the history is renewed", func() bool {
		var until int64
		if err := app.DB().NewQuery("SELECT until FROM _changesKept").Row(&until); err != nil {
			t.Fatal(err)
		}
		return until > soon.Add(24*time.Hour).UnixMilli()
	})
}

func TestHistoryIsRenewedWhileNobodySubscribes(t *testing.T) {
	t.Parallel()
	const retention = 8 * time.Hour
	ticks := make(chan time.Time)
	var plugin *realtime.Plugin
	app := template.New(t, func(app core.App) error {
		log, err := changes.Register(app, changes.Config{PollInterval: pollInterval})
		if err != nil {
			return err
		}
		plugin, err = realtime.Register(app, realtime.Config{Log: log, Retention: retention})
		plugin.Tick(func(interval time.Duration) <-chan time.Time {
			if interval == retention/4 {
				return ticks
			}
			return nil
		})
		return err
	})
	connect(t, pbtest.Serve(t, app), "").subscribe("", "posts/*")
	posts, err := app.FindCollectionByNameOrId("posts")
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour).UnixMilli()
	if _, err := app.DB().NewQuery("UPDATE _changesKept SET until = {:until}").Bind(dbx.Params{"until": soon}).Execute(); err != nil {
		t.Fatal(err)
	}
	plugin.Age(posts.Id)
	select {
	case ticks <- time.Now():
	case <-time.After(patience):
		t.Fatal("nobody waits for the next renewal")
	}
	eventually(t, "the history is renewed", func() bool {
		var until int64
		if err := app.DB().NewQuery("SELECT until FROM _changesKept").Row(&until); err != nil {
			t.Fatal(err)
		}
		return until > soon
	})
}
