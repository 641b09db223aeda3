package versions_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/versions"
)

// The versions of the test world: an order had a title, a photo, an assignee and an
// obsolete mark, and people had one name.
const (
	first  = "2026-11-01"
	second = "2027-01-01"
	newest = "2027-06-01"
	none   = ""
)

func history() []versions.Version {
	return []versions.Version{
		{Date: first, Deprecated: "2027-02-01", Sunset: "2028-01-01"},
		{Date: second, Description: "Orders have subjects.", Changes: []versions.Change{
			versions.Rename("orders", "title", "caption"),
			versions.Rename("orders", "photo", "picture"),
			versions.Remove("orders", "mark", "none"),
			versions.Rename("crew", "login", "handle"),
		}},
		{Date: newest, Description: "People have two names.", Changes: []versions.Change{
			versions.Rename("orders", "caption", "subject"),
			versions.Rename("orders", "assignee", "technician"),
			versions.Add("orders", "source", "app"),
			versions.Split("crew", "name", []string{"given", "family"}, cut, join).
				SortBy("family", "given").
				FilterBy(byName),
			versions.Split("notes", "range", []string{"from", "to"}, cut, join),
			versions.Transform("notes", []string{"stars"}, []string{"percent"}, starsUp, starsDown),
			versions.Records("GET /api/v1/desk/{id}"),
			versions.Route("POST /api/v1/hand-over", func(o *versions.Object) error {
				o.Rename("to", "receiver")
				return nil
			}, func(o *versions.Object) error {
				o.Rename("paper", "receipt")
				return nil
			}),
		}},
	}
}

func cut(name string) []string {
	given, family, _ := strings.Cut(name, " ")
	return []string{given, family}
}

func join(parts []string) string {
	if parts[1] == "" {
		return parts[0]
	}
	return parts[0] + " " + parts[1]
}

func byName(c versions.Comparison) (string, error) {
	parts := cut(c.Text)
	switch {
	case c.IsText && c.Operator == "=":
		return c.Field("given") + " = " + c.Quote(parts[0]) + " && " + c.Field("family") + " = " + c.Quote(parts[1]), nil
	case c.Operator == "~":
		return c.Field("given") + " ~ " + c.Operand + " || " + c.Field("family") + " ~ " + c.Operand, nil
	}
	return "", errNoName
}

// starsUp and starsDown turn up to five stars into up to a hundred percent.
func starsUp(o *versions.Object) error {
	value := o.Get("stars")
	if value == nil {
		return nil
	}
	var stars int
	if err := json.Unmarshal(value, &stars); err != nil {
		return nil //nolint:nilerr // PocketBase refuses what is no number
	}
	o.Delete("stars")
	return o.Set("percent", stars*20)
}

func starsDown(o *versions.Object) error {
	value := o.Get("percent")
	if value == nil {
		return nil
	}
	var percent int
	if err := json.Unmarshal(value, &percent); err != nil {
		return err
	}
	o.Delete("percent")
	return o.Set("stars", percent/20)
}

type noName struct{}

func (noName) Error() string { return "Names can only be searched." }

var errNoName = noName{}

// collections are as the newest version has them.
func collections(app core.App) error {
	everybody := ""
	crew := core.NewAuthCollection("crew")
	crew.ListRule, crew.ViewRule, crew.CreateRule, crew.UpdateRule = &everybody, &everybody, &everybody, &everybody
	crew.Fields.Add(
		&core.TextField{Name: "given", Max: 50},
		&core.TextField{Name: "family", Max: 50},
		&core.TextField{Name: "handle"},
	)
	crew.AddIndex("idx_crew_handle", true, "handle", "handle != ''")
	crew.PasswordAuth.IdentityFields = []string{"email", "handle"}
	if err := app.Save(crew); err != nil {
		return err
	}
	orders := core.NewBaseCollection("orders")
	orders.ListRule, orders.ViewRule, orders.CreateRule, orders.UpdateRule, orders.DeleteRule = &everybody, &everybody, &everybody, &everybody, &everybody
	orders.Fields.Add(
		&core.TextField{Name: "subject", Required: true, Min: 3, AutogeneratePattern: "[a-z]{8}"},
		&core.FileField{Name: "picture", MaxSelect: 3, MaxSize: 1 << 20},
		&core.RelationField{Name: "technician", CollectionId: crew.Id, MaxSelect: 1},
		&core.TextField{Name: "source", Required: true},
		&core.NumberField{Name: "effort"},
		&core.JSONField{Name: "data"},
		&core.SelectField{Name: "tags", Values: []string{"a", "b", "c"}, MaxSelect: 3},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	if err := app.Save(orders); err != nil {
		return err
	}
	notes := core.NewBaseCollection("notes")
	notes.ListRule, notes.ViewRule, notes.CreateRule, notes.UpdateRule = &everybody, &everybody, &everybody, &everybody
	notes.Fields.Add(
		&core.RelationField{Name: "order", CollectionId: orders.Id, MaxSelect: 1},
		&core.TextField{Name: "from"},
		&core.TextField{Name: "to"},
		&core.NumberField{Name: "percent"},
	)
	if err := app.Save(notes); err != nil {
		return err
	}
	app.Settings().Batch.Enabled = true
	return app.Save(app.Settings())
}

var template = pbtest.NewTemplate(collections, pbtest.FastPasswords)

// world is an app with the plugin.
type world struct {
	app     *tests.TestApp
	plugin  *versions.Plugin
	handler http.Handler
}

func newWorld(tb testing.TB, config versions.Config, register ...func(core.App) error) *world {
	tb.Helper()
	if config.Versions == nil {
		config.Versions = history()
	}
	if config.Now == nil {
		config.Now = func() time.Time { return time.Date(2027, 7, 1, 12, 0, 0, 0, time.UTC) }
	}
	w := &world{}
	w.app = template.New(tb, append(register, routes, func(app core.App) (err error) {
		w.plugin, err = versions.Register(app, config)
		return err
	})...)
	w.handler = pbtest.Handler(tb, w.app)
	return w
}

// routes are of an app's own.
func routes(app core.App) error {
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.GET("/api/v1/desk/{id}", func(e *core.RequestEvent) error {
			order, err := e.App.FindRecordById("orders", e.Request.PathValue("id"))
			if err != nil {
				return e.NotFoundError("", err)
			}
			return e.JSON(http.StatusOK, map[string]any{"at": 1, "orders": []any{map[string]any{"order": order}}})
		})
		e.Router.POST("/api/v1/hand-over", func(e *core.RequestEvent) error {
			var body map[string]any
			if err := e.BindBody(&body); err != nil {
				return e.BadRequestError("", err)
			}
			return e.JSON(http.StatusOK, map[string]any{"paper": body})
		})
		return e.Next()
	})
	return nil
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	raw    string
	json   map[string]any
}

// get follows a path of names through the answer.
func (a answer) get(path ...string) any {
	var at any = a.json
	for _, name := range path {
		switch v := at.(type) {
		case map[string]any:
			at = v[name]
		case []any:
			if len(v) == 0 {
				return nil
			}
			at = v[0]
		}
	}
	return at
}

// send sends a request in a version. A body that is no reader is sent as JSON.
// headers are names and values in turn.
func (w *world) send(tb testing.TB, version, method, path string, body any, headers ...string) answer {
	tb.Helper()
	reader, ok := body.(io.Reader)
	if !ok && body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			tb.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	r := httptest.NewRequestWithContext(tb.Context(), method, path, reader)
	r.Header.Set("Content-Type", "application/json")
	if version != none {
		r.Header.Set("Holdall-Version", version)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	a := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	if strings.HasPrefix(strings.TrimSpace(a.raw), "{") {
		if err := json.Unmarshal([]byte(a.raw), &a.json); err != nil {
			tb.Fatalf("%s %s: %v: %s", method, path, err, a.raw)
		}
	}
	return a
}

// order saves an order.
func (w *world) order(tb testing.TB, fields map[string]any) *core.Record {
	tb.Helper()
	return w.save(tb, "orders", map[string]any{"subject": "a pump", "source": "desk"}, fields)
}

func (w *world) save(tb testing.TB, collection string, all ...map[string]any) *core.Record {
	tb.Helper()
	c, err := w.app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		tb.Fatal(err)
	}
	record := core.NewRecord(c)
	for _, fields := range all {
		record.Load(fields)
	}
	if err := w.app.Save(record); err != nil {
		tb.Fatal(err)
	}
	return record
}

// person saves somebody.
func (w *world) person(tb testing.TB, given, family string) (*core.Record, string) {
	tb.Helper()
	return pbtest.User(tb, w.app, "crew", map[string]any{"given": given, "family": family, "handle": strings.ToLower(given)})
}

func (w *world) stored(tb testing.TB, collection, id string) *core.Record {
	tb.Helper()
	record, err := w.app.FindRecordById(collection, id)
	if err != nil {
		tb.Fatal(err)
	}
	return record
}
