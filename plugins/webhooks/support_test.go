package webhooks_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// patience is how long a test waits for what other goroutines do.
const patience = 90 * time.Second

// template has sites, and orders at them.
var template = pbtest.NewTemplate(makeCollections)

func makeCollections(app core.App) error {
	sites := core.NewBaseCollection("sites")
	sites.Fields.Add(&core.TextField{Name: "name"})
	if err := app.Save(sites); err != nil {
		return err
	}
	orders := core.NewBaseCollection("orders")
	orders.Fields.Add(
		&core.TextField{Name: "title"},
		&core.SelectField{Name: "status", MaxSelect: 1, Values: []string{"draft", "active", "done"}},
		&core.SelectField{Name: "tags", MaxSelect: 3, Values: []string{"a", "b", "c"}},
		&core.NumberField{Name: "count"},
		&core.BoolField{Name: "urgent"},
		&core.JSONField{Name: "list"},
		&core.TextField{Name: "internal", Hidden: true},
		&core.RelationField{Name: "site", CollectionId: sites.Id, MaxSelect: 1},
	)
	return app.Save(orders)
}

// loopback is where the tests' receivers are. The rest of the loopback network
// stays forbidden.
var loopback = netip.MustParsePrefix("127.0.0.1/32")

// fast is a config for tests.
func fast() webhooks.Config {
	return webhooks.Config{
		Allow: []netip.Prefix{loopback}, AllowHTTP: true, Lease: 300 * time.Millisecond,
		Backoff: func(attempts int) time.Duration {
			return min(time.Duration(attempts)*5*time.Millisecond, 30*time.Millisecond)
		},
	}
}

// newApp returns an app with webhooks. They start by start, or with a server.
func newApp(t *testing.T, config webhooks.Config) (app *tests.TestApp, p *webhooks.Plugin, start func()) {
	t.Helper()
	var log *changes.Log
	app = template.New(t, func(app core.App) (err error) {
		if log, err = changes.Register(app, changes.Config{Lease: 300 * time.Millisecond, PollInterval: 10 * time.Millisecond}); err != nil {
			return err
		}
		config.Log = log
		p, err = webhooks.Register(app, config)
		return err
	})
	return app, p, func() {
		log.Start()
		p.Start()
	}
}

// addEndpoint saves an endpoint. Fields of the map replace the defaults.
func addEndpoint(t *testing.T, app core.App, url string, fields map[string]any) *core.Record {
	t.Helper()
	record := newEndpoint(t, app, url, fields)
	if err := app.Save(record); err != nil {
		t.Fatalf("save an endpoint: %v", err)
	}
	return record
}

func newEndpoint(t *testing.T, app core.App, url string, fields map[string]any) *core.Record {
	t.Helper()
	collection, err := app.FindCollectionByNameOrId(webhooks.Collection)
	if err != nil {
		t.Fatal(err)
	}
	record := core.NewRecord(collection)
	record.Load(map[string]any{"name": "ERP", "url": url, "collections": []string{"orders"}, "enabled": true})
	record.Load(fields)
	return record
}

// addRecord creates a record of a collection.
func addRecord(t *testing.T, app core.App, collection string, fields map[string]any) *core.Record {
	t.Helper()
	c, err := app.FindCollectionByNameOrId(collection)
	if err != nil {
		t.Fatal(err)
	}
	record := core.NewRecord(c)
	record.Load(fields)
	save(t, app, record)
	return record
}

func save(t *testing.T, app core.App, record *core.Record) {
	t.Helper()
	if err := app.Save(record); err != nil {
		t.Fatalf("save a record of %s: %v", record.Collection().Name, err)
	}
}

// change sets fields of a record and saves it.
func change(t *testing.T, app core.App, record *core.Record, fields map[string]any) {
	t.Helper()
	record.Load(fields)
	save(t, app, record)
}

// call is a request that a receiver got.
type call struct {
	header  http.Header
	body    []byte
	payload webhooks.Payload
}

// receiver is somebody who is sent webhooks.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

// newReceiver returns a receiver that notes each call before it answers, with 204
// unless there is a function for it.
func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, c call)) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return // the sender has gone
		}
		c := call{header: request.Header, body: body}
		if err := json.Unmarshal(body, &c.payload); err != nil {
			t.Errorf("decode a payload: %v", err)
		}
		r.mu.Lock()
		r.calls = append(r.calls, c)
		r.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, request, c)
	}))
	t.Cleanup(r.Server.Close)
	return r
}

func (r *receiver) all() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call(nil), r.calls...)
}

// await waits for n calls and returns them.
func (r *receiver) await(t *testing.T, n int) []call {
	t.Helper()
	pbtest.Eventually(t, patience, func() error {
		if got := len(r.all()); got < n {
			return fmt.Errorf("got %d calls, want %d", got, n)
		}
		return nil
	})
	return r.all()
}

// awaitDeliveries waits until there are as many deliveries in a state.
func awaitDeliveries(t *testing.T, p *webhooks.Plugin, state string, n int) []webhooks.Delivery {
	t.Helper()
	var list []webhooks.Delivery
	pbtest.Eventually(t, patience, func() (err error) {
		list, err = p.Deliveries(t.Context(), webhooks.DeliveryQuery{State: state, Limit: 200})
		if err == nil && len(list) != n {
			err = fmt.Errorf("%d deliveries are %s, want %d", len(list), state, n)
		}
		return err
	})
	return list
}

// state returns how the only endpoint is doing.
func state(t *testing.T, p *webhooks.Plugin) webhooks.EndpointState {
	t.Helper()
	list, err := p.Endpoints(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("got %d endpoints and error %v", len(list), err)
	}
	return list[0]
}
