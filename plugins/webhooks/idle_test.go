package webhooks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// TestNoEndpointCostsNothing looks at what the plugin and the log have written
// before the first endpoint and after the last one.
func TestNoEndpointCostsNothing(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	start()
	handler, token := pbtest.Handler(t, app), pbtest.Superuser(t, app)
	create := func() {
		answer := pbtest.Do(t, handler, pbtest.Request{Method: "POST", Path: "/api/collections/orders/records", Token: token, Body: map[string]any{"title": "a"}})
		if answer.Status != 200 {
			t.Fatalf("got %d %s", answer.Status, answer.Body)
		}
	}
	idle := func(when string) {
		t.Helper()
		for _, table := range []string{"_changesConsumers", "_webhooksDeliveries", "_webhooksSecrets"} {
			var n int
			if err := app.DB().NewQuery("SELECT COUNT(*) FROM " + table).Row(&n); err != nil || n > 0 {
				t.Errorf("%s: %s has %d rows, error %v", when, table, n, err)
			}
		}
	}
	create()
	idle("before")
	var history, leased int
	err := app.DB().NewQuery("SELECT (SELECT COUNT(*) FROM _changesHistory) + (SELECT COUNT(*) FROM _changesKept), until FROM _webhooksLease").Row(&history, &leased)
	if err != nil || history > 0 || leased > 0 {
		t.Errorf("before: %d rows of history, a lease until %d, error %v", history, leased, err)
	}
	r := newReceiver(t, nil)
	endpoint := addEndpoint(t, app, r.URL, nil)
	create()
	r.await(t, 1)
	awaitDeliveries(t, p, "pending", 0)
	if err := app.Delete(endpoint); err != nil {
		t.Fatal(err)
	}
	create()
	idle("after")
}

// TestOldChangesAreNotSent has a log that others keep: an endpoint is told of what
// happens while it is enabled.
func TestOldChangesAreNotSent(t *testing.T) {
	t.Parallel()
	var log *changes.Log
	config := fast()
	app := template.New(t, func(app core.App) (err error) {
		if log, err = changes.Register(app, changes.Config{}); err != nil {
			return err
		}
		config.Log = log
		_, err = webhooks.Register(app, config)
		return err
	})
	orders, err := app.FindCollectionByNameOrId("orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := log.KeepHistory(t.Context(), orders.Id, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	pbtest.Serve(t, app)
	order := addRecord(t, app, "orders", map[string]any{"title": "before"})
	r := newReceiver(t, nil)
	endpoint := addEndpoint(t, app, r.URL, nil)
	change(t, app, order, map[string]any{"title": "first"})
	r.await(t, 1)
	change(t, app, endpoint, map[string]any{"enabled": false})
	change(t, app, order, map[string]any{"title": "meanwhile"})
	change(t, app, endpoint, map[string]any{"enabled": true})
	change(t, app, order, map[string]any{"title": "second"})
	var titles []string
	for _, c := range r.await(t, 2) {
		titles = append(titles, c.payload.Data.After["title"].(string))
	}
	if got, want := strings.Join(titles, " "), "first second"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
