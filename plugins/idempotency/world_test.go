package idempotency_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/idempotency"
)

const (
	things = "/api/collections/things/records"
	batch  = "/api/batch"
)

// collections creates things that everybody may do everything with, and allows
// batches.
func collections(app core.App) error {
	owners := core.NewBaseCollection("owners")
	owners.ViewRule, owners.UpdateRule = new(string), new(string)
	owners.Fields.Add(&core.TextField{Name: "name"})
	if err := app.Save(owners); err != nil {
		return err
	}
	c := core.NewBaseCollection("things")
	c.ListRule, c.ViewRule, c.CreateRule, c.UpdateRule, c.DeleteRule = new(string), new(string), new(string), new(string), new(string)
	c.Fields.Add(
		&core.TextField{Name: "title", Max: 2 << 20},
		&core.NumberField{Name: "count"},
		&core.BoolField{Name: "done"},
		&core.EmailField{Name: "email"},
		&core.URLField{Name: "link"},
		&core.EditorField{Name: "text"},
		&core.DateField{Name: "due"},
		&core.SelectField{Name: "tags", Values: []string{"a", "b", "c"}, MaxSelect: 3},
		&core.JSONField{Name: "data"},
		&core.GeoPointField{Name: "place"},
		&core.FileField{Name: "file", MaxSize: 1 << 20},
		&core.RelationField{Name: "owner", CollectionId: owners.Id, MaxSelect: 1},
		&core.TextField{Name: "secret", Hidden: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("idx_things_link", true, "link", "link != ''")
	if err := app.Save(c); err != nil {
		return err
	}
	app.Settings().Batch.Enabled = true
	app.Settings().Batch.MaxRequests = 50
	app.Settings().Batch.Timeout = 10
	return app.Save(app.Settings())
}

var template = pbtest.NewTemplate(collections, pbtest.FastPasswords)

// world is an app with the plugin, and its handler.
type world struct {
	app     *tests.TestApp
	handler http.Handler
}

func newWorld(tb testing.TB, config idempotency.Config, register ...func(core.App) error) *world {
	tb.Helper()
	plugin := func(app core.App) error {
		_, err := idempotency.Register(app, config)
		return err
	}
	app := template.New(tb, append([]func(core.App) error{plugin}, register...)...)
	return &world{app: app, handler: pbtest.Handler(tb, app)}
}

// routes registers custom routes.
func routes(bind func(e *core.ServeEvent)) func(core.App) error {
	return func(app core.App) error {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			bind(e)
			return e.Next()
		})
		return nil
	}
}

// response is an answer that tests compare.
type response struct {
	status int
	header http.Header
	body   string
}

// replayed is the value of the header that says so.
func (r response) replayed() string { return r.header.Get("Idempotency-Replayed") }

// code is the stable code of a refusal.
func (r response) code() string {
	var parsed struct {
		Data struct {
			Code string `json:"code"`
		} `json:"data"`
	}
	_ = json.Unmarshal([]byte(r.body), &parsed)
	return parsed.Data.Code
}

// id is the id of the record in the answer.
func (r response) id() string {
	var parsed struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal([]byte(r.body), &parsed)
	return parsed.ID
}

// send makes a request with a body, which is JSON unless it is a reader, and
// with headers: name, value, name, value. An empty value leaves a header out.
func (w *world) send(tb testing.TB, method, path string, body any, headers ...string) response {
	tb.Helper()
	return send(tb, w.handler, method, path, body, headers...)
}

func send(tb testing.TB, handler http.Handler, method, path string, body any, headers ...string) response {
	tb.Helper()
	var content io.Reader
	if body != nil {
		reader, ok := body.(io.Reader)
		if !ok {
			encoded, err := json.Marshal(body)
			if err != nil {
				tb.Fatal(err)
			}
			reader = bytes.NewReader(encoded)
		}
		content = reader
	}
	r := httptest.NewRequest(method, path, content)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return response{recorder.Code, recorder.Header(), recorder.Body.String()}
}

func (w *world) count(tb testing.TB, collection string) int64 {
	tb.Helper()
	n, err := w.app.CountRecords(collection)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// stored is how many keys are remembered.
func (w *world) stored(tb testing.TB) (n int) {
	tb.Helper()
	if err := w.app.DB().NewQuery("SELECT COUNT(*) FROM _idempotency").Row(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// create makes a thing and returns the answer.
func (w *world) create(tb testing.TB, fields map[string]any, headers ...string) response {
	tb.Helper()
	r := w.send(tb, http.MethodPost, things, fields, headers...)
	if r.status != http.StatusOK {
		tb.Fatalf("create a thing: got %d %s", r.status, r.body)
	}
	return r
}

// expect compares status and code.
func expect(tb testing.TB, what string, got response, status int, code string) {
	tb.Helper()
	if got.status != status || got.code() != code {
		tb.Errorf("%s: got %d %s, want %d with code %q", what, got.status, got.body, status, code)
	}
}

// expectReplay compares an answer with the first one.
func expectReplay(tb testing.TB, what string, got, first response) {
	tb.Helper()
	if got.status != first.status || got.body != first.body {
		tb.Errorf("%s: got %d %s, want %d %s again", what, got.status, got.body, first.status, first.body)
	}
	if got.replayed() != "true" || first.replayed() != "false" {
		tb.Errorf("%s: Idempotency-Replayed is %q and first %q, want true and false", what, got.replayed(), first.replayed())
	}
	for _, name := range []string{"Content-Type", "Etag", "Location", "X-Custom"} {
		if got.header.Get(name) != first.header.Get(name) {
			tb.Errorf("%s: %s is %q, want %q", what, name, got.header.Get(name), first.header.Get(name))
		}
	}
}

func many(text string, n int) string { return strings.Repeat(text, n) }
