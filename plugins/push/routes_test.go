package push_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

func TestRoutesAreForSuperusers(t *testing.T) {
	t.Parallel()
	app, p, _ := newApp(t, push.Config{})
	user, token := pbtest.User(t, app, "users", nil)
	id := send(t, app, p, push.Message{To: push.Users(user), Title: "s3cret", At: time.Now().Add(time.Hour)})
	root := pbtest.Superuser(t, app)
	handler := pbtest.Handler(t, app)
	routes := []struct {
		method, path string
		body         any
		status       int
	}{
		{"GET", "/api/push/status", nil, 200},
		{"GET", "/api/push/messages", nil, 200},
		{"POST", "/api/push/messages", map[string]any{"to": map[string]any{"everyone": true}, "title": "x"}, 200},
		{"GET", "/api/push/messages/" + id, nil, 200},
		{"GET", "/api/push/messages/nothing", nil, 404},
		{"GET", "/api/push/deliveries", nil, 200},
		{"POST", "/api/push/test", map[string]any{"device": "nothing"}, 404},
		{"POST", "/api/push/resume", map[string]any{"service": "fcm"}, 204},
		{"POST", "/api/push/resume", map[string]any{"service": "pigeon"}, 400},
		{"POST", "/api/push/messages/" + id + "/cancel", nil, 200},
	}
	for token, want := range map[string]int{"": 401, "nonsense": 401, token: 403} {
		for _, r := range routes {
			got := client{t, handler, token}.do(r.method, r.path, r.body)
			if got.Status != want || strings.Contains(string(got.Body), "s3cret") {
				t.Errorf("%s %s with token %.10q: got %d %s, want %d", r.method, r.path, token, got.Status, got.Body, want)
			}
		}
	}
	if list, err := p.Messages(t.Context(), push.MessageQuery{}); err != nil || len(list) != 1 || list[0].State != "pending" {
		t.Fatalf("after those who may not: got %+v, error %v", list, err)
	}
	for _, r := range routes {
		client{t, handler, root}.want(r.status, r.method, r.path, r.body)
	}
}

func TestSendByRoute(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{})
	user, _ := pbtest.User(t, app, "users", map[string]any{"team": "red"})
	ids := fill(t, app, user, "fcm", tokens("phone", 1)...)
	root := client{t, pbtest.Handler(t, app), pbtest.Superuser(t, app)}
	var sent push.MessageState
	root.want(200, "POST", "/api/push/messages", map[string]any{
		"to":    map[string]any{"segment": map[string]any{"collection": "users", "filter": "team = {:team}", "params": map[string]any{"team": "red"}}},
		"title": "Order", "ttl": "90m", "badge": 0, "quietHours": map[string]any{"from": "22:00", "to": "07:00"}, "high": true,
	}).JSON(t, &sent)
	n := s.await(t, 1)[0].n
	if n.Title != "Order" || n.TTL > 90*time.Minute || n.TTL < 80*time.Minute || n.Badge == nil || *n.Badge != 0 || !n.High {
		t.Errorf("got %+v", n)
	}
	await(t, p, sent.ID, "done", map[string]int64{"sent": 1})
	var page struct {
		Items []push.Delivery `json:"items"`
	}
	root.want(200, "GET", "/api/push/deliveries?state=sent&message="+sent.ID, nil).JSON(t, &page)
	if len(page.Items) != 1 || page.Items[0].Device != ids[0] || page.Items[0].User.ID != user.Id || page.Items[0].Attempts != 1 {
		t.Errorf("got %+v", page.Items)
	}
	for name, body := range map[string]map[string]any{
		"filter": {"to": map[string]any{"segment": map[string]any{"collection": "users", "filter": "nothing = 1"}}, "title": "a"},
		"ttl":    {"to": map[string]any{"everyone": true}, "title": "a", "ttl": "soon"},
		"field":  {"to": map[string]any{"everyone": true}, "title": "a", "colour": "red"},
		"empty":  {},
	} {
		if got := root.do("POST", "/api/push/messages", body); got.Status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", name, got.Status, got.Body)
		}
	}

	// a test send, and one to a device that has gone
	var result push.TestResult
	root.want(200, "POST", "/api/push/test", map[string]any{"device": ids[0], "title": "Hello"}).JSON(t, &result)
	if got := s.all(); !result.Sent || got[len(got)-1].n.Title != "Hello" {
		t.Errorf("got %+v and %+v", result, got[len(got)-1].n)
	}
	s.set(func(context.Context, provider.Target, *provider.Notification) (string, error) {
		return "", &provider.Error{Kind: provider.Gone, Status: 404, Code: "UNREGISTERED", Message: "It has gone."}
	})
	root.want(200, "POST", "/api/push/test", map[string]any{"device": ids[0]}).JSON(t, &result)
	if want := (push.TestResult{Kind: "gone", Status: 404, Error: "404 UNREGISTERED: It has gone."}); result.Sent || result.Kind != want.Kind || result.Error != want.Error {
		t.Errorf("got %+v, want %+v", result, want)
	}
	root.want(404, "POST", "/api/push/test", map[string]any{"device": ids[0]})
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{EncryptionKey: strings.Repeat("k", 32)})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 2)...)
	guest := client{t, pbtest.Handler(t, app), ""}
	id := send(t, app, p, push.Message{To: push.Users(user), Title: "a"})
	calls := s.await(t, 2)
	await(t, p, id, "done", map[string]int64{"sent": 2})
	if calls[0].n.ID == calls[1].n.ID {
		t.Error("two notifications have one name")
	}
	receipt := calls[0].n.ID
	for range 2 {
		guest.want(204, "POST", "/api/push/receipts", map[string]any{"receipt": receipt, "event": "shown"})
	}
	guest.want(204, "POST", "/api/push/receipts", map[string]any{"receipt": receipt, "event": "opened"})
	forged := receipt[:len(receipt)-1] + "x"
	if forged == receipt {
		forged = receipt[:len(receipt)-1] + "y"
	}
	for _, body := range []map[string]any{
		{"receipt": receipt, "event": "burnt"},
		{"receipt": "AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAA", "event": "shown"},
		{"receipt": forged, "event": "shown"},
		{"receipt": "", "event": "shown"},
		{},
	} {
		guest.want(400, "POST", "/api/push/receipts", body)
	}
	got := await(t, p, id, "done", map[string]int64{"sent": 2})
	if got.Shown != 1 || got.Opened != 1 {
		t.Errorf("got %d shown and %d opened, want one each", got.Shown, got.Opened)
	}
	var stored []string
	if err := app.DB().NewQuery("SELECT value FROM _pushKeys").Column(&stored); err != nil || len(stored) != 1 || !strings.HasPrefix(stored[0], "enc:") {
		t.Errorf("got keys %q, error %v, want one that is encrypted", stored, err)
	}
}

func TestVAPIDKeyIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var keys []string
	// the third start encrypts what is there, the fourth reads that
	for _, encryptionKey := range []string{"", "", strings.Repeat("k", 32), strings.Repeat("k", 32)} {
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
		p, err := push.Register(app, push.Config{WebPush: &webpush.Config{}, EncryptionKey: encryptionKey})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		key, err := p.VAPIDKey()
		if err != nil || key == "" {
			t.Fatalf("got %q, error %v", key, err)
		}
		keys = append(keys, key)
		var stored string
		if err := app.DB().NewQuery("SELECT value FROM _pushKeys WHERE name = 'vapid'").Row(&stored); err != nil || strings.HasPrefix(stored, "enc:") != (encryptionKey != "") {
			t.Errorf("with key %q: got %q, error %v", encryptionKey, stored, err)
		}
		pbtest.Terminate(t, app)
	}
	if len(slices.Compact(keys)) != 1 {
		t.Errorf("got different keys %v", keys)
	}

	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	p, err := push.Register(app, push.Config{WebPush: &webpush.Config{}, EncryptionKey: strings.Repeat("x", 32)})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	defer pbtest.Terminate(t, app)
	if key, err := p.VAPIDKey(); err == nil {
		t.Errorf("with another encryption key: got %q, want an error", key)
	}
}

func TestVAPIDKeyRoute(t *testing.T) {
	t.Parallel()
	off, _, _ := newApp(t, push.Config{})
	client{t, pbtest.Handler(t, off), ""}.want(404, "GET", "/api/push/vapid-key", nil)
	app, p, _ := newApp(t, push.Config{WebPush: &webpush.Config{}, Providers: map[string]provider.Provider{}})
	var got struct{ PublicKey string }
	client{t, pbtest.Handler(t, app), ""}.want(200, "GET", "/api/push/vapid-key", nil).JSON(t, &got)
	if want, err := p.VAPIDKey(); err != nil || got.PublicKey != want || len(want) != 87 {
		t.Errorf("got %q, want %q, error %v", got.PublicKey, want, err)
	}
}

func TestOldMessagesAreDeleted(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	app, p, _ := newApp(t, push.Config{Clock: now, Retention: time.Hour})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 600)...)
	p.Start()
	old := send(t, app, p, push.Message{To: push.Users(user), Title: "old", Key: "k"})
	await(t, p, old, "done", map[string]int64{"sent": 600})
	scheduled := send(t, app, p, push.Message{To: push.Users(user), Title: "scheduled", At: now.Now().Add(3 * time.Hour)})
	now.Advance(time.Hour + time.Minute)
	recent := send(t, app, p, push.Message{To: push.Users(user), Title: "recent"})
	await(t, p, recent, "done", map[string]int64{"sent": 600})
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := p.Messages(t.Context(), push.MessageQuery{})
	if err != nil || len(list) != 2 || list[0].ID != recent || list[1].ID != scheduled || list[0].Deliveries["sent"] != 600 {
		t.Errorf("got %+v, error %v", list, err)
	}
	if again := send(t, app, p, push.Message{To: push.Users(user), Title: "again", Key: "k"}); again == old {
		t.Error("the key of a message that is deleted is still taken")
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	program := &cobra.Command{Use: "holdall"}
	app, p, s := newApp(t, push.Config{RootCmd: program})
	if c, _, err := program.Find([]string{"push", "send"}); err != nil || c.Name() != "send" {
		t.Errorf("got command %v, error %v", c, err)
	}
	user, _ := pbtest.User(t, app, "users", nil)
	ids := fill(t, app, user, "fcm", tokens("phone", 1)...)
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		root := p.Command() // another one each time, as flags keep their values
		root.SetOut(&out)
		root.SetErr(&out)
		root.SilenceErrors, root.SilenceUsage = true, true
		root.SetArgs(args)
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	out, err := run("send", "--user", "users/"+user.Id, "--title", "Hello", "--ttl", "1h", "--json")
	var sent struct{ ID string }
	if err != nil || json.Unmarshal([]byte(out), &sent) != nil {
		t.Fatalf("send: got %q, error %v", out, err)
	}
	p.Start()
	await(t, p, sent.ID, "done", map[string]int64{"sent": 1})
	if got := s.all(); got[0].n.Title != "Hello" {
		t.Errorf("got %+v", got)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"status"}, "fcm"},
		{[]string{"messages"}, "1 sent"},
		{[]string{"test", ids[0]}, "the service has taken it"},
		{[]string{"resume", "fcm"}, "within seconds"},
	} {
		if out, err := run(c.args...); err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%v: got %q, error %v", c.args, out, err)
		}
	}
	for _, args := range [][]string{{"send", "--title", "to nobody"}, {"send", "--user", "somebody", "--title", "a"}, {"test", "nothing"}, {"resume", "pigeon"}, {"keys"}} {
		if out, err := run(args...); err == nil {
			t.Errorf("%v: got %q and no error", args, out)
		}
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]push.Config{
		"MaxDevices":    {MaxDevices: -1},
		"Timezone":      {Timezone: "Moon/Base"},
		"TTL":           {TTL: 100 * 24 * time.Hour},
		"Concurrency":   {Concurrency: -1},
		"Rate":          {Rate: -1},
		"Timeout":       {Timeout: -1},
		"Retention":     {Retention: time.Second},
		"Lease":         {Lease: time.Millisecond},
		"EncryptionKey": {EncryptionKey: "short"},
		"Providers":     {Providers: map[string]provider.Provider{"A b": &service{}}},
		"Subject":       {WebPush: &webpush.Config{Subject: "nobody"}},
	} {
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := (push.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}
