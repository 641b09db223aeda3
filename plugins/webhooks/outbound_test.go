package webhooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

func TestPayload(t *testing.T) {
	t.Parallel()
	app, _, start := newApp(t, fast())
	r := newReceiver(t, nil)
	endpoint := addEndpoint(t, app, r.URL+"/in?token=abc", map[string]any{"headers": map[string]string{"X-Tenant": "blue"}})
	start()
	order := addRecord(t, app, "orders", map[string]any{
		"title": "Pump", "status": "draft", "tags": []string{"a", "b"}, "count": 2.5, "urgent": true, "list": []int{1, 2}, "internal": "no",
	})
	change(t, app, order, map[string]any{"status": "active", "internal": "still no"})
	if _, err := app.DB().Update("orders", dbx.Params{"title": "Raw"}, dbx.HashExp{"id": order.Id}).Execute(); err != nil {
		t.Fatal(err)
	}
	if err := app.Delete(order); err != nil {
		t.Fatal(err)
	}
	calls := r.await(t, 4)

	created := calls[0].payload
	if created.Type != "orders.create" || created.Version != webhooks.Version20261101 || created.Data.Record != order.Id || created.Data.Before != nil {
		t.Errorf("the creation is %+v", created)
	}
	want := map[string]any{
		"id": order.Id, "title": "Pump", "status": "draft", "tags": []any{"a", "b"}, "count": 2.5, "urgent": true, "list": []any{1.0, 2.0}, "site": "",
	}
	if !reflect.DeepEqual(created.Data.After, want) {
		t.Errorf("after the creation: got %v, want %v", created.Data.After, want)
	}
	updated := calls[1].payload.Data
	if !reflect.DeepEqual(updated.Changed, []string{"status"}) || updated.Before["status"] != "draft" || updated.After["status"] != "active" {
		t.Errorf("the update is %+v", updated)
	}
	if raw := calls[2].payload.Data; !reflect.DeepEqual(raw.Changed, []string{"title"}) || raw.After["title"] != "Raw" {
		t.Errorf("the update by raw SQL is %+v", raw)
	}
	deleted := calls[3].payload
	if deleted.Type != "orders.delete" || deleted.Data.After != nil || deleted.Data.Before["title"] != "Raw" {
		t.Errorf("the deletion is %+v", deleted)
	}
	secret := secretOf(t, app, endpoint.Id)
	for i, c := range calls {
		if c.header.Get("X-Tenant") != "blue" || c.header.Get("Content-Type") != "application/json" {
			t.Errorf("call %d has the headers %v", i, c.header)
		}
		if strings.Contains(string(c.body), "still no") {
			t.Errorf("call %d tells a hidden field: %s", i, c.body)
		}
		if err := verify(c, secret); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
		if c.payload.ID != c.header.Get("Webhook-Id") {
			t.Errorf("call %d is %s in the header and %s in the payload", i, c.header.Get("Webhook-Id"), c.payload.ID)
		}
	}
}

// secretOf returns the secret that an endpoint has in the database, without a key.
func secretOf(t *testing.T, app core.App, id string) (secret string) {
	t.Helper()
	if err := app.DB().Select("secret").From("_webhooksSecrets").Where(dbx.HashExp{"endpoint": id}).Row(&secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// verify checks the signature of a call.
func verify(c call, secret string) error {
	_, err := webhooks.Standard(secret).Verify(webhooks.Incoming{Header: c.header, Body: c.body, Now: time.Now()})
	return err
}

// TestWhatIsSent gives each case an endpoint and makes the same changes.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		fields map[string]any
		want   string
	}{
		{"all of a collection", nil, "create:Pump update:Pump update:Valve update:Valve delete:Valve"},
		{"all collections", map[string]any{"collections": nil}, "create:Yard create:Pump update:Pump update:Valve update:Valve delete:Valve update:Court"},
		{"another collection", map[string]any{"collections": []string{"sites"}}, "create:Yard update:Court"},
		{"one action", map[string]any{"actions": []string{"delete"}}, "delete:Valve"},
		{"two actions", map[string]any{"actions": []string{"create", "delete"}}, "create:Pump delete:Valve"},
		{"a filter", map[string]any{"filter": `status = "done"`}, "update:Valve delete:Valve"},
		{"a filter over both", map[string]any{"filter": `status = "active" && @old.status = "draft"`}, "update:Pump"},
		{"a filter for a change", map[string]any{"filter": `title != @old.title && @action = "update"`}, "update:Valve"},
		{"a filter for the action", map[string]any{"filter": `@action != "update"`}, "create:Pump delete:Valve"},
		{"a filter through a relation", map[string]any{"filter": `site.name = "Yard"`}, "create:Pump update:Pump update:Valve update:Valve delete:Valve"},
		{"a filter through the old relation", map[string]any{"filter": `@old.site.name = "Yard"`}, "update:Pump update:Valve update:Valve delete:Valve"},
		{"a filter on several values", map[string]any{"filter": `tags:each ?= "b" && count > 1 && urgent = true`}, "create:Pump update:Pump update:Valve update:Valve delete:Valve"},
		{"a filter that nothing meets", map[string]any{"filter": `tags:length > 2`}, ""},
		{"fields", map[string]any{"fields": []string{"title"}}, "create:Pump update:Valve delete:Valve"},
		{"a hidden field by name", map[string]any{"fields": []string{"internal", "title"}}, "create:Pump update:Valve delete:Valve"},
		{"a disabled endpoint", map[string]any{"enabled": false}, ""},
	}
	app, p, start := newApp(t, fast())
	receivers := make([]*receiver, len(cases))
	for i, c := range cases {
		receivers[i] = newReceiver(t, nil)
		addEndpoint(t, app, receivers[i].URL, c.fields)
	}
	start()
	site := addRecord(t, app, "sites", map[string]any{"name": "Yard"})
	order := addRecord(t, app, "orders", map[string]any{
		"title": "Pump", "status": "draft", "tags": []string{"a", "b"}, "count": 2, "urgent": true, "site": site.Id,
	})
	change(t, app, order, map[string]any{"status": "active"})
	change(t, app, order, map[string]any{"title": "Valve"})
	change(t, app, order, map[string]any{"status": "done"})
	receivers[0].await(t, 4)
	if err := app.Delete(order); err != nil {
		t.Fatal(err)
	}
	receivers[0].await(t, 5)
	change(t, app, site, map[string]any{"name": "Court"})
	receivers[1].await(t, 7)
	awaitDeliveries(t, p, "pending", 0)

	for i, c := range cases {
		var got []string
		for _, call := range receivers[i].all() {
			row := call.payload.Data.After
			if row == nil {
				row = call.payload.Data.Before
			}
			name := row["title"]
			if name == nil {
				name = row["name"]
			}
			got = append(got, fmt.Sprintf("%s:%v", call.payload.Data.Action, name))
		}
		// of another record than the rest, so it may come at any time
		if sorted(strings.Join(got, " ")) != sorted(c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if row := receivers[13].all()[0].payload.Data.After; len(row) != 1 {
		t.Errorf("with one field asked for: got %v", row)
	}
}

func sorted(words string) string {
	list := strings.Fields(words)
	for i := range list {
		for j := i; j > 0 && list[j] < list[j-1]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return strings.Join(list, " ")
}

func TestActorIsNamed(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, fast())
	r := newReceiver(t, nil)
	addEndpoint(t, app, r.URL, nil)
	user, token := pbtest.User(t, app, core.CollectionNameSuperusers, nil)
	url := pbtest.Serve(t, app)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/collections/orders/records", strings.NewReader(`{"title":"a"}`))
	request.Header.Set("Authorization", token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-Id", "r-1")
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got %v and error %v", response, err)
	}
	_ = response.Body.Close()
	got := r.await(t, 1)[0].payload.Data
	if got.Actor == nil || got.Actor.ID != user.Id || got.Actor.Collection != core.CollectionNameSuperusers || got.Request != "r-1" || got.Origin != "api" {
		t.Errorf("got %+v by %+v", got, got.Actor)
	}
}

func TestLargeRowsAreLeftOut(t *testing.T) {
	t.Parallel()
	config := fast()
	config.MaxPayload = 1 << 10
	app, _, start := newApp(t, config)
	r := newReceiver(t, nil)
	addEndpoint(t, app, r.URL, nil)
	start()
	addRecord(t, app, "orders", map[string]any{"title": strings.Repeat("x", 2000)})
	c := r.await(t, 1)[0]
	if !c.payload.Data.Truncated || c.payload.Data.After != nil || len(c.body) > 1<<10 || len(c.payload.Data.Changed) == 0 {
		t.Errorf("got %s", c.body)
	}
}

// TestHungEndpointDelaysOnlyItself has one endpoint that answers nothing until all
// events have reached the other.
func TestHungEndpointDelaysOnlyItself(t *testing.T) {
	t.Parallel()
	config := fast()
	config.Timeout = time.Minute
	app, _, start := newApp(t, config)
	hanging := make(chan struct{})
	release := sync.OnceFunc(func() { close(hanging) })
	hung := newReceiver(t, func(http.ResponseWriter, *http.Request, call) { <-hanging })
	t.Cleanup(release)
	addEndpoint(t, app, hung.URL, nil)
	other := newReceiver(t, nil)
	addEndpoint(t, app, other.URL, nil)
	start()
	const n = 30
	for i := range n {
		addRecord(t, app, "orders", map[string]any{"count": i})
	}
	other.await(t, n)
	if got := len(hung.all()); got == 0 || got > 4 {
		t.Errorf("the endpoint that hangs has %d calls, want as many as may be under way at once", got)
	}
	release()
	hung.await(t, n)
}

// outsider records connections to an address that is not allowed.
func outsider(t *testing.T) (url string, connections func() int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	count := make(chan int, 1)
	count <- 0
	server := &http.Server{
		ReadHeaderTimeout: time.Second,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				count <- <-count + 1
			}
		},
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String(), func() int {
		n := <-count
		count <- n
		return n
	}
}

// TestForbiddenAddressesAreNotReached goes round the validation, as an address may
// have become a private one since.
func TestForbiddenAddressesAreNotReached(t *testing.T) {
	t.Parallel()
	config := fast()
	app, p, start := newApp(t, config)
	url, connections := outsider(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	bouncer := newReceiver(t, func(w http.ResponseWriter, r *http.Request, _ call) {
		http.Redirect(w, r, url, http.StatusTemporaryRedirect)
	})
	for i, to := range []string{
		url, bouncer.URL, "http://127.0.0.2:" + port + "/x", "http://localhost:" + port, "http://[::ffff:127.0.0.2]:" + port,
		"http://2130706434:" + port, "http://0x7f000002:" + port, "http://0177.0.0.2:" + port, "http://127.2:" + port, "http://0.0.0.0:" + port,
		"http://[::]:" + port, "http://[::1]:" + port, "http://[64:ff9b::7f00:2]:" + port, "http://[2002:7f00:2::]:" + port,
		"http://169.254.169.254/latest", "http://100.64.0.1/", "http://[fe80::1%25lo]:" + port,
	} {
		e := addEndpoint(t, app, "http://127.0.0.1:9/", map[string]any{"name": fmt.Sprint(i)})
		if _, err := app.DB().Update(webhooks.Collection, dbx.Params{"url": to}, dbx.HashExp{"id": e.Id}).Execute(); err != nil {
			t.Fatal(err)
		}
		id, err := p.Ping(t.Context(), e.Id)
		if err != nil {
			t.Fatal(err)
		}
		if got := awaitDelivery(t, p, id); got.State != "failed" {
			t.Errorf("%s: the ping is %s with %q", to, got.State, got.Error)
		}
	}
	start()
	addRecord(t, app, "orders", nil)
	pbtest.Eventually(t, patience, func() error {
		list, err := p.Endpoints(t.Context())
		for _, e := range list {
			if e.LastFailure == nil {
				err = errors.Join(err, fmt.Errorf("endpoint %s was not tried", e.URL))
			}
		}
		return err
	})
	if n := connections(); n > 0 {
		t.Errorf("the forbidden address was reached %d times", n)
	}
	// or the test proves nothing
	if response, err := http.Get(url); err == nil {
		_ = response.Body.Close()
	}
	if connections() != 1 {
		t.Error("connections are not recorded")
	}
}

func awaitDelivery(t *testing.T, p *webhooks.Plugin, id int64) webhooks.Delivery {
	t.Helper()
	list, err := p.Deliveries(t.Context(), webhooks.DeliveryQuery{Before: id + 1, Limit: 1})
	if err != nil || len(list) != 1 || list[0].ID != id {
		t.Fatalf("delivery %d: got %v and error %v", id, list, err)
	}
	return list[0]
}

// TestLogHoldsNoSecrets has a receiver that answers with all it was sent.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	app, p, _ := newApp(t, fast())
	const token = "s3cr3t-t0ken-of-the-receiver"
	r := newReceiver(t, func(w http.ResponseWriter, r *http.Request, c call) {
		w.Header().Set("Set-Cookie", "session=cookie-of-the-receiver")
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusTeapot)
		_ = json.NewEncoder(w).Encode(r.Header)
		// a secret where the log is cut off
		_, _ = w.Write([]byte(strings.Repeat("x", 4<<10-len(token)/2-1200) + strings.Repeat(token, 40)))
		_, _ = w.Write([]byte(strings.Repeat("long", 100_000)))
	})
	endpoint := addEndpoint(t, app, r.URL, map[string]any{"headers": map[string]string{"Authorization": "Bearer " + token, "X-Api-Key": token}})
	id, err := p.Ping(t.Context(), endpoint.Id)
	if err != nil {
		t.Fatal(err)
	}
	handler := pbtest.Handler(t, app)
	answer := pbtest.Do(t, handler, pbtest.Request{Path: fmt.Sprint("/api/webhooks/deliveries/", id), Token: pbtest.Superuser(t, app)})
	text := string(answer.Body)
	if answer.Status != http.StatusOK || !strings.Contains(text, `"status":418`) || !strings.Contains(text, "[masked]") {
		t.Fatalf("got %d %s", answer.Status, text)
	}
	for _, secret := range []string{token, "s3cr3t-t0", "cookie-of-the-receiver", strings.TrimPrefix(secretOf(t, app, endpoint.Id), "whsec_")} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q: %s", secret, text)
		}
	}
	if len(text) > 20<<10 {
		t.Errorf("the log has %d bytes of a long answer", len(text))
	}
	if got := r.all()[0].header.Get("Authorization"); got != "Bearer "+token {
		t.Errorf("the receiver was sent %q", got)
	}
}

// TestFilterThatStopsToFit changes the collection under an endpoint.
func TestFilterThatStopsToFit(t *testing.T) {
	t.Parallel()
	alerts := make(chan webhooks.Alert, 1)
	config := fast()
	config.Alert = func(a webhooks.Alert) { alerts <- a }
	app, p, start := newApp(t, config)
	r := newReceiver(t, nil)
	addEndpoint(t, app, r.URL, map[string]any{"filter": `status = "done"`})
	start()
	collection, err := app.FindCollectionByNameOrId("orders")
	if err != nil {
		t.Fatal(err)
	}
	collection.Fields.RemoveByName("status")
	if err := app.Save(collection); err != nil {
		t.Fatal(err)
	}
	addRecord(t, app, "orders", nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case alert := <-alerts:
		if !strings.Contains(alert.Reason, "filter") {
			t.Errorf("got the alert %+v", alert)
		}
	case <-ctx.Done():
		t.Fatal("there is no alert")
	}
	if s := state(t, p); s.Enabled || s.DisabledAt == nil || s.DisabledReason == "" {
		t.Errorf("got %+v, want it disabled", s)
	}
	if n := len(r.all()); n > 0 {
		t.Errorf("%d events were sent all the same", n)
	}
}

func TestTLSIsChecked(t *testing.T) {
	t.Parallel()
	app, p, _ := newApp(t, fast())
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	endpoint := addEndpoint(t, app, server.URL, nil)
	id, err := p.Ping(t.Context(), endpoint.Id)
	if err != nil {
		t.Fatal(err)
	}
	if got := awaitDelivery(t, p, id); got.State != "failed" || !strings.Contains(got.Error, "certificate") {
		t.Errorf("got %+v, want a complaint about the certificate", got)
	}
}
