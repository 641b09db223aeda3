package webhooks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

const key = "0123456789abcdef0123456789abcdef"

// TestSecretsAreNotShown asks for endpoints as a superuser.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, fast())
	endpoint := addEndpoint(t, app, "http://127.0.0.1:9/", map[string]any{"headers": map[string]string{"X-Key": "the-key-of-the-receiver"}})
	secret := secretOf(t, app, endpoint.Id)
	if !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("got the secret %q", secret)
	}
	handler, token := pbtest.Handler(t, app), pbtest.Superuser(t, app)
	records := "/api/collections/_webhooks/records"
	for _, r := range []pbtest.Request{
		{Path: records},
		{Path: records + "/" + endpoint.Id},
		{Path: "/api/webhooks/endpoints"},
		// as the dashboard saves a form without the hidden fields
		{Method: http.MethodPatch, Path: records + "/" + endpoint.Id, Body: map[string]any{"name": "New", "secret": "", "headers": nil}},
	} {
		r.Token = token
		answer := pbtest.Do(t, handler, r)
		if answer.Status != http.StatusOK || !strings.Contains(string(answer.Body), endpoint.Id) {
			t.Errorf("%s %s: got %d %s", r.Method, r.Path, answer.Status, answer.Body)
		}
		for _, hidden := range []string{secret, "the-key-of-the-receiver", "previousSecret"} {
			if strings.Contains(string(answer.Body), hidden) {
				t.Errorf("%s %s: the answer holds %q: %s", r.Method, r.Path, hidden, answer.Body)
			}
		}
	}
	if got := secretOf(t, app, endpoint.Id); got != secret {
		t.Errorf("the secret became %q", got)
	}
	// what no record has, nothing can tell: no event, no expand, no hook, no log
	for _, value := range []string{"secret", "headers"} {
		var stored string
		if err := app.DB().NewQuery("SELECT COALESCE(" + value + ", '') FROM _webhooks").Row(&stored); err != nil || len(stored) > len("null") {
			t.Errorf("the record has the %s %q, error %v", value, stored, err)
		}
	}
	answer := pbtest.Do(t, handler, pbtest.Request{Path: "/api/webhooks/endpoints/" + endpoint.Id + "/secret", Token: token})
	if !strings.Contains(string(answer.Body), secret) {
		t.Errorf("asked for the secret: got %d %s", answer.Status, answer.Body)
	}
}

// TestSecretsAreEncrypted looks at the database of an app with a key.
func TestSecretsAreEncrypted(t *testing.T) {
	t.Parallel()
	config := fast()
	config.EncryptionKey = key
	app, p, start := newApp(t, config)
	r := newReceiver(t, nil)
	endpoint := addEndpoint(t, app, r.URL, map[string]any{"headers": map[string]string{"X-Key": "the-key-of-the-receiver"}})
	change(t, app, endpoint, map[string]any{"name": "saved again"})
	stored := map[string]string{}
	var row struct {
		Secret  string `db:"secret"`
		Headers string `db:"headers"`
	}
	if err := app.DB().NewQuery("SELECT secret, headers FROM _webhooksSecrets").One(&row); err != nil {
		t.Fatal(err)
	}
	stored["secret"], stored["headers"] = row.Secret, row.Headers
	for field, value := range stored {
		if !strings.Contains(value, "enc:") || strings.Contains(value, "whsec_") || strings.Contains(value, "the-key") {
			t.Errorf("%s is stored as %s", field, value)
		}
	}
	start()
	addRecord(t, app, "orders", nil)
	c := r.await(t, 1)[0]
	secret, err := p.Secret(endpoint.Id)
	if err != nil || verify(c, secret) != nil || c.header.Get("X-Key") != "the-key-of-the-receiver" {
		t.Errorf("got secret %q and error %v, the call has the headers %v", secret, err, c.header)
	}
}

// TestKeyComesLater encrypts what was stored without a key.
func TestKeyComesLater(t *testing.T) {
	t.Parallel()
	config := fast()
	config.EncryptionKey = key
	app, p, _ := newApp(t, config)
	endpoint := addEndpoint(t, app, "http://127.0.0.1:9/", nil)
	plain := webhooks.NewSecret()
	if _, err := app.DB().NewQuery("UPDATE _webhooksSecrets SET secret = '" + plain + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	pbtest.Serve(t, app)
	if stored := secretOf(t, app, endpoint.Id); !strings.HasPrefix(stored, "enc:") {
		t.Errorf("stored is %q", stored)
	}
	if got, err := p.Secret(endpoint.Id); got != plain || err != nil {
		t.Errorf("got %q and error %v, want %q", got, err, plain)
	}
}

// TestRotation signs with both secrets until the overlap is over.
func TestRotation(t *testing.T) {
	t.Parallel()
	for _, encrypted := range []string{"", key} {
		config, clock := withClock()
		config.EncryptionKey = encrypted
		app, p, start := newApp(t, config)
		r := newReceiver(t, nil)
		endpoint := addEndpoint(t, app, r.URL, nil)
		start()
		first, err := p.Secret(endpoint.Id)
		if err != nil {
			t.Fatal(err)
		}
		second, until, err := p.Rotate(endpoint.Id)
		if err != nil || second == first || !until.Equal(noon.Add(24*time.Hour)) {
			t.Fatalf("got %q until %v and error %v", second, until, err)
		}
		for i, step := range []struct {
			after         time.Duration
			first, second bool
		}{{0, true, true}, {23 * time.Hour, true, true}, {time.Hour + time.Second, false, true}} {
			clock.Advance(step.after)
			addRecord(t, app, "orders", nil)
			c := r.await(t, i+1)[i]
			in := webhooks.Incoming{Header: c.header, Body: c.body, Now: clock.Now()}
			_, errFirst := webhooks.Standard(first).Verify(in)
			_, errSecond := webhooks.Standard(second).Verify(in)
			if (errFirst == nil) != step.first || (errSecond == nil) != step.second {
				t.Errorf("step %d: got errors %v and %v", i, errFirst, errSecond)
			}
		}
	}
}

// TestRotationAfterTheKeyIsLost has secrets that were encrypted with another key.
func TestRotationAfterTheKeyIsLost(t *testing.T) {
	t.Parallel()
	lost, err := security.Encrypt([]byte(webhooks.NewSecret()), strings.Repeat("x", 32))
	if err != nil {
		t.Fatal(err)
	}
	config := fast()
	config.EncryptionKey = key
	app, p, start := newApp(t, config)
	r := newReceiver(t, nil)
	endpoint := addEndpoint(t, app, r.URL, nil)
	start()
	for i, rotate := range []func() (string, error){
		func() (string, error) { secret, _, err := p.Rotate(endpoint.Id); return secret, err },
		func() (string, error) {
			secret := webhooks.NewSecret()
			change(t, app, endpoint, map[string]any{"secret": secret})
			return secret, nil
		},
	} {
		_, err := app.NonconcurrentDB().NewQuery("UPDATE _webhooksSecrets SET secret = {:lost}, previous = {:lost}, previousUntil = {:until}").
			Bind(dbx.Params{"lost": "enc:" + lost, "until": time.Now().Add(time.Hour).UnixMilli()}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		secret, err := rotate()
		if err != nil {
			t.Fatal(err)
		}
		addRecord(t, app, "orders", nil)
		if err := verify(r.await(t, i+1)[i], secret); err != nil {
			t.Errorf("way %d: %v", i+1, err)
		}
	}
}

func TestEndpointsAreValidated(t *testing.T) {
	t.Parallel()
	config := fast()
	config.AllowHTTP = false
	app, _, _ := newApp(t, config)
	for name, c := range map[string]struct {
		url    string
		fields map[string]any
		want   string // the field that is refused
	}{
		"all is well":              {"https://erp.example.com/in", nil, ""},
		"no URL":                   {"", nil, "url"},
		"no TLS":                   {"http://erp.example.com/", nil, "url"},
		"a private address":        {"https://10.0.0.1/", nil, "url"},
		"a user in the URL":        {"https://a:b@erp.example.com/", nil, "url"},
		"no name":                  {"https://erp.example.com/", map[string]any{"name": ""}, "name"},
		"an unknown collection":    {"https://erp.example.com/", map[string]any{"collections": []string{"nowhere"}}, "collections"},
		"a collection of secrets":  {"https://erp.example.com/", map[string]any{"collections": []string{"_superusers"}}, "collections"},
		"its own collection":       {"https://erp.example.com/", map[string]any{"collections": []string{"_webhooks"}}, "collections"},
		"collections as a text":    {"https://erp.example.com/", map[string]any{"collections": "orders"}, "collections"},
		"an unknown field":         {"https://erp.example.com/", map[string]any{"filter": "nowhere = 1"}, "filter"},
		"an unknown old field":     {"https://erp.example.com/", map[string]any{"filter": "@old.nowhere = 1"}, "filter"},
		"a filter of a request":    {"https://erp.example.com/", map[string]any{"filter": "@request.auth.id != ''"}, "filter"},
		"a broken filter":          {"https://erp.example.com/", map[string]any{"filter": "title ="}, "filter"},
		"a filter for all":         {"https://erp.example.com/", map[string]any{"collections": nil, "filter": "title = 'a'"}, "filter"},
		"an action":                {"https://erp.example.com/", map[string]any{"actions": []string{"truncate"}}, "actions"},
		"a version":                {"https://erp.example.com/", map[string]any{"version": "1999-01-01"}, "version"},
		"a short secret":           {"https://erp.example.com/", map[string]any{"secret": "whsec_c2hvcnQ="}, "secret"},
		"a secret of another kind": {"https://erp.example.com/", map[string]any{"secret": "password"}, "secret"},
		"a header of ours":         {"https://erp.example.com/", map[string]any{"headers": map[string]string{"webhook-id": "1"}}, "headers"},
		"a header with a break":    {"https://erp.example.com/", map[string]any{"headers": map[string]string{"X-A": "a\r\nX-B: b"}}, "headers"},
		"headers as a list":        {"https://erp.example.com/", map[string]any{"headers": []int{1}}, "headers"},
		"fields as a text":         {"https://erp.example.com/", map[string]any{"fields": "title"}, "fields"},
	} {
		err := app.Save(newEndpoint(t, app, c.url, c.fields))
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want+":") {
			t.Errorf("%s: got error %v, want one of %q", name, err, c.want)
		}
	}
}

// TestDeletedEndpointLeavesNothing looks at the tables.
func TestDeletedEndpointLeavesNothing(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	r := newReceiver(t, nil)
	endpoint := addEndpoint(t, app, r.URL, nil)
	start()
	addRecord(t, app, "orders", nil)
	awaitDeliveries(t, p, "delivered", 1)
	if err := app.Delete(endpoint); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"_webhooksDeliveries", "_webhooksAttempts", "_webhooksHealth", "_webhooksSecrets", "_changesConsumers"} {
		var n int
		if err := app.DB().NewQuery("SELECT COUNT(*) FROM " + table).Row(&n); err != nil || n > 0 {
			t.Errorf("%s has %d rows, error %v", table, n, err)
		}
	}
}

// TestInstall boots an app twice, as a program does: the second start must change
// nothing.
func TestInstall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var updated []string
	for range 2 {
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
		webhooks.MustRegister(app, webhooks.Config{})
		if err := app.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		c, err := app.FindCollectionByNameOrId(webhooks.Collection)
		if err != nil {
			t.Fatal(err)
		}
		if c.ListRule != nil || c.ViewRule != nil || c.CreateRule != nil || c.UpdateRule != nil || c.DeleteRule != nil || !c.System {
			t.Error("the collection is not closed")
		}
		updated = append(updated, c.Updated.String())
		if err := app.ResetBootstrapState(); err != nil {
			t.Fatal(err)
		}
	}
	if updated[0] != updated[1] {
		t.Errorf("the second start saved the collection: %v", updated)
	}
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	bad := webhooks.Config{EncryptionKey: "short", Timeout: 1, Concurrency: 1000, RetryFor: 1, Overlap: 1, MaxPayload: 1, MaxInbound: 1, Retention: 1, Lease: 1}
	err := bad.Validate()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, option := range []string{"EncryptionKey", "Timeout", "Concurrency", "RetryFor", "Overlap", "MaxPayload", "MaxInbound", "Retention", "Lease"} {
		if !strings.Contains(err.Error(), "webhooks: "+option) {
			t.Errorf("got %v, want %s in it", err, option)
		}
	}
	if err := (webhooks.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

// TestRoutesAreForSuperusers asks for each as a guest, as a user and as a superuser.
func TestRoutesAreForSuperusers(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	r := newReceiver(t, nil)
	endpoint := addEndpoint(t, app, r.URL, nil)
	p.Receive("/in", hmacOf("s"), nothing)
	start()
	addRecord(t, app, "orders", nil)
	awaitDeliveries(t, p, "delivered", 1)
	handler := pbtest.Handler(t, app)
	if answer := send(t, handler, "/in", "hello", sign("s", "hello")); answer.Code != http.StatusNoContent {
		t.Fatalf("the message was answered with %d", answer.Code)
	}
	awaitMessages(t, p, "done", 1)
	_, user := pbtest.User(t, app, "users", nil)
	superuser := pbtest.Superuser(t, app)
	for _, c := range []struct {
		method, path string
		body         any
		want         int
	}{
		{http.MethodGet, "/api/webhooks/endpoints", nil, 200},
		{http.MethodGet, "/api/webhooks/endpoints/" + endpoint.Id + "/secret", nil, 200},
		{http.MethodGet, "/api/webhooks/endpoints/nowhere/secret", nil, 404},
		{http.MethodPost, "/api/webhooks/endpoints/" + endpoint.Id + "/rotate", nil, 200},
		{http.MethodPost, "/api/webhooks/endpoints/nowhere/rotate", nil, 404},
		{http.MethodPost, "/api/webhooks/endpoints/" + endpoint.Id + "/ping", nil, 200},
		{http.MethodPost, "/api/webhooks/endpoints/nowhere/ping", nil, 404},
		{http.MethodPost, "/api/webhooks/endpoints/" + endpoint.Id + "/replay", map[string]any{"since": "2020-01-01T00:00:00Z"}, 200},
		{http.MethodPost, "/api/webhooks/endpoints/" + endpoint.Id + "/replay", map[string]any{"since": "yesterday"}, 400},
		{http.MethodPost, "/api/webhooks/endpoints/" + endpoint.Id + "/replay", map[string]any{}, 400},
		{http.MethodPost, "/api/webhooks/endpoints/nowhere/replay", map[string]any{"since": "2020-01-01T00:00:00Z"}, 404},
		{http.MethodGet, "/api/webhooks/deliveries?state=delivered&endpoint=" + endpoint.Id + "&limit=1", nil, 200},
		{http.MethodGet, "/api/webhooks/deliveries/1", nil, 200},
		{http.MethodGet, "/api/webhooks/deliveries/999", nil, 404},
		{http.MethodGet, "/api/webhooks/deliveries/x", nil, 404},
		{http.MethodPost, "/api/webhooks/deliveries/1/redeliver", nil, 200},
		{http.MethodPost, "/api/webhooks/deliveries/999/redeliver", nil, 404},
		{http.MethodGet, "/api/webhooks/inbox?state=done", nil, 200},
		{http.MethodGet, "/api/webhooks/inbox/1", nil, 200},
		{http.MethodGet, "/api/webhooks/inbox/999", nil, 404},
		{http.MethodPost, "/api/webhooks/inbox/1/retry", nil, 404}, // it is done
	} {
		for who, want := range map[string]int{"": 401, user: 403, superuser: c.want} {
			answer := pbtest.Do(t, handler, pbtest.Request{Method: c.method, Path: c.path, Body: c.body, Token: who})
			if answer.Status != want {
				t.Errorf("%s %s: got %d %s, want %d", c.method, c.path, answer.Status, answer.Body, want)
			}
			if who != superuser && strings.Contains(string(answer.Body), endpoint.Id) {
				t.Errorf("%s %s: tells %s", c.method, c.path, answer.Body)
			}
		}
	}
	for who, want := range map[string]int{"": 403, user: 403, superuser: 200} {
		if got := pbtest.Do(t, handler, pbtest.Request{Path: "/api/collections/_webhooks/records", Token: who}).Status; got != want {
			t.Errorf("the records of endpoints: got %d, want %d", got, want)
		}
	}
}
