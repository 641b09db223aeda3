package openapi_test

import (
	"net/http"
	"strings"
	"testing"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

type parcel struct {
	ID     string   `path:"id" doc:"Which parcel."`
	Copies int      `query:"copies" minimum:"1" maximum:"3"`
	Tags   []string `query:"tag" maxItems:"2" enum:"red,blue"`
	Trace  string   `header:"X-Trace" required:"true" minLength:"2"`
	Body   struct {
		To    string   `json:"to" minLength:"1" maxLength:"10" doc:"Who gets it." example:"Ada"`
		Kind  string   `json:"kind" enum:"letter,box"`
		Code  string   `json:"code,omitempty" pattern:"^[a-z]+$"`
		Mail  *string  `json:"mail" format:"email"`
		Sizes []size   `json:"sizes" minItems:"1" maxItems:"2"`
		Due   string   `json:"due,omitempty" format:"date"`
		Mass  *float64 `json:"mass,omitempty" minimum:"0.5"`
	}
}

type size struct {
	Width int `json:"width" minimum:"1"`
}

func (s size) Validate() error {
	if s.Width == 13 {
		return validation.Errors{"width": validation.NewError("validation_unlucky", "Not 13.")}
	}
	return nil
}

type receipt struct {
	ID     string       `json:"id"`
	Sizes  []size       `json:"sizes"`
	Note   *string      `json:"note"`
	Target *core.Record `json:"target,omitempty" collection:"targets"`
}

func bindParcels(app core.App) error {
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		api := openapi.On(e).Group("/api").Group("/v1")
		openapi.Route(api, openapi.Op{Method: "POST", Path: "/parcels/{id}", Summary: "Send a parcel", Errors: []int{404, 409}},
			func(e *core.RequestEvent, in *parcel) (*receipt, error) {
				if in.ID == "missing" {
					return nil, e.NotFoundError("", nil)
				}
				target, err := e.App.FindFirstRecordByData("targets", "name", "depot")
				if err != nil {
					return nil, e.InternalServerError("", err)
				}
				return &receipt{ID: in.ID, Sizes: in.Body.Sizes, Target: target}, nil
			})
		openapi.Route(api, openapi.Op{Method: "DELETE", Path: "/parcels/{id}", Access: openapi.SignedIn, Collections: []string{"users"}},
			func(*core.RequestEvent, *struct {
				ID string `path:"id"`
			},
			) (*openapi.None, error) {
				return nil, nil
			})
		openapi.Route(api, openapi.Op{Method: "GET", Path: "/depot", Access: openapi.Superusers, Collection: "targets"},
			func(e *core.RequestEvent, _ *openapi.None) (*core.Record, error) {
				return e.App.FindFirstRecordByData("targets", "name", "depot")
			})
		openapi.Route(api, openapi.Op{Method: "GET", Path: "/secret", Access: openapi.SignedIn, Visible: func(_ core.App, caller *core.Record) bool {
			return caller.GetString("name") == "Ada"
		}}, func(*core.RequestEvent, *openapi.None) (*openapi.None, error) { return nil, nil })
		e.Router.GET("/api/undescribed/{thing}", func(e *core.RequestEvent) error { return e.JSON(200, true) })
		return e.Next()
	})
	c, err := app.FindCollectionByNameOrId("targets")
	if err != nil {
		return err
	}
	depot := core.NewRecord(c)
	depot.Set("name", "depot")
	return app.Save(depot)
}

// Requests are checked by what the document says of them, and refused with the
// errors of each field.
func TestRoutes(t *testing.T) {
	t.Parallel()
	app := torture.New(t, bindParcels, register(openapi.Config{}))
	handler := pbtest.Handler(t, app)
	root := pbtest.Superuser(t, app)
	body := fetch(t, func(r pbtest.Request) pbtest.Response { return pbtest.Do(t, handler, r) }, root)
	apispec.Validate(t, body)
	document := apispec.Read(t, body)
	const good = `{"to":"Ada","kind":"box","mail":null,"sizes":[{"width":1}]}`

	cases := []struct {
		name, query, trace, body string
		kind                     string // the content type
		status                   int
		want                     string // code by field, as they are sorted
	}{
		{name: "fits", body: good, status: 200},
		{name: "everything", query: "?copies=3&tag=red&tag=blue", status: 200, body: `{"to":"Ada","kind":"letter","code":"ab","mail":"a@example.com","sizes":[{"width":1},{"width":2}],"due":"2026-01-31","mass":0.5}`},
		{name: "no such parcel", query: "missing", body: good, status: 404},
		{name: "nothing", body: `{}`, status: 400, want: "kind=validation_required mail=- sizes=validation_required to=validation_required"},
		{name: "empty", body: `{"to":"","kind":"box","sizes":[]}`, status: 400, want: "sizes=validation_required to=validation_required"},
		{name: "too long", body: strings.Replace(good, "Ada", "Ada Ada Ada", 1), status: 400, want: "to=validation_length_out_of_range"},
		{name: "characters, not bytes", body: strings.Replace(good, "Ada", "äääääääääа", 1), status: 200},
		{name: "not of the kinds", body: strings.Replace(good, "box", "crate", 1), status: 400, want: "kind=validation_in_invalid"},
		{name: "pattern", body: strings.Replace(good, `"mail"`, `"code":"A","mail"`, 1), status: 400, want: "code=validation_match_invalid"},
		{name: "format", body: strings.Replace(good, "null", `"nonsense"`, 1), status: 400, want: "mail=validation_is_email"},
		{name: "no date", body: strings.Replace(good, `"mail"`, `"due":"2026-02-30","mail"`, 1), status: 400, want: "due=validation_invalid_date"},
		{name: "wrong types", body: `{"to":1,"kind":null,"mail":[],"sizes":{}}`, status: 400, want: "kind=validation_invalid_type mail=validation_invalid_type sizes=validation_invalid_type to=validation_invalid_type"},
		{name: "within a list", body: strings.Replace(good, `{"width":1}`, `{"width":1},{"width":0}`, 1), status: 400, want: "sizes.1.width=validation_min_greater_equal_than_required"},
		{name: "its own check", body: strings.Replace(good, `"width":1`, `"width":13`, 1), status: 400, want: "sizes.0.width=validation_unlucky"},
		{name: "too many", body: strings.Replace(good, `{"width":1}`, `{"width":1},{"width":1},{"width":1}`, 1), status: 400, want: "sizes=validation_too_many_values"},
		{name: "too little mass", body: strings.Replace(good, `"mail"`, `"mass":0.1,"mail"`, 1), status: 400, want: "mass=validation_min_greater_equal_than_required"},
		{name: "unknown", body: strings.Replace(good, `"mail"`, `"male"`, 1), status: 400, want: "male=validation_unknown_field"},
		{name: "unknown inside", body: strings.Replace(good, `"width":1`, `"width":1,"x":1`, 1), status: 400, want: "sizes.0.x=validation_unknown_field"},
		{name: "twice", body: strings.Replace(good, `"mail"`, `"to":"Bo","mail"`, 1), status: 400, want: "to=validation_duplicate_field"},
		{name: "query", query: "?copies=4&tag=green", body: good, status: 400, want: "copies=validation_max_less_equal_than_required tag=validation_in_invalid"},
		{name: "no number", query: "?copies=two", body: good, status: 400, want: "copies=validation_invalid_type"},
		{name: "no header", trace: "-", body: good, status: 400, want: "X-Trace=validation_required"},
		{name: "no JSON", body: `{"to":`, status: 400, want: "code=body_invalid"},
		{name: "no object", body: `[]`, status: 400, want: "code=body_invalid"},
		{name: "a form", body: "to=Ada", kind: "application/x-www-form-urlencoded", status: 415, want: "code=body_not_json"},
		{name: "too large", body: `"` + strings.Repeat("x", 1<<20) + `"`, status: 413},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			id := "p1"
			if c.query == "missing" {
				id, c.query = "missing", ""
			}
			if c.trace == "" {
				c.trace = "trace"
			}
			request := pbtest.Request{Method: "POST", Path: "/api/v1/parcels/" + id + c.query, Body: strings.NewReader(c.body), ContentType: c.kind}
			answer := doWithHeader(t, handler, request, "X-Trace", c.trace)
			if answer.Status != c.status {
				t.Fatalf("got %d %s, want %d", answer.Status, answer.Body, c.status)
			}
			if err := document.Check(request, answer); err != nil {
				t.Error(err)
			}
			if c.want != "" {
				want := strings.Join(strings.Fields(strings.ReplaceAll(c.want, "mail=-", "")), " ")
				if got := codes("", decode(t, answer.Body)["data"].(map[string]any)); strings.Join(got, " ") != want {
					t.Errorf("got the codes %q, want %q", strings.Join(got, " "), want)
				}
			}
		})
	}
}

// codes lists the errors of fields, by their paths.
func codes(prefix string, data map[string]any) []string {
	var all []string
	for name, value := range apispec.Sorted(data) {
		switch v := value.(type) {
		case string:
			all = append(all, prefix+name+"="+v)
		case map[string]any:
			if code, ok := v["code"].(string); ok {
				all = append(all, prefix+name+"="+code)
			} else {
				all = append(all, codes(prefix+name+".", v)...)
			}
		}
	}
	return all
}

func TestRoutesAreListedForWhomTheyAre(t *testing.T) {
	t.Parallel()
	app := torture.New(t, bindParcels, register(openapi.Config{}))
	do := serve(t, app)
	_, ada := pbtest.User(t, app, "users", map[string]any{"name": "Ada"})
	_, bo := pbtest.User(t, app, "users", map[string]any{"name": "Bo"})
	_, worker := pbtest.User(t, app, "staff", map[string]any{"username": "wanda"})
	routes := []string{"POST /api/v1/parcels/{id}", "DELETE /api/v1/parcels/{id}", "GET /api/v1/depot", "GET /api/v1/secret", "GET /api/undescribed/{thing}"}
	for _, c := range []struct{ name, token, want string }{
		{"guest", "", "10001"}, {"Ada", ada, "11011"}, {"Bo", bo, "11001"}, {"worker", worker, "10001"}, {"superuser", pbtest.Superuser(t, app), "11111"},
	} {
		document := apispec.Read(t, fetch(t, do, c.token))
		var got strings.Builder
		for _, route := range routes {
			method, path, _ := strings.Cut(route, " ")
			if document.At("paths", path, strings.ToLower(method)) != nil {
				got.WriteByte('1')
			} else {
				got.WriteByte('0')
			}
		}
		if got.String() != c.want {
			t.Errorf("%s sees %s of %v, want %s", c.name, got.String(), routes, c.want)
		}
	}
	document := apispec.Read(t, fetch(t, do, ""))
	if got := document.At("paths", "/api/v1/parcels/{id}", "post", "requestBody", "content", "application/json", "schema", "properties", "to", "maxLength"); got == nil {
		t.Error("the limits of the body are not in the document")
	}
	if answer := do(pbtest.Request{Path: "/api/v1/depot", Token: ada}); answer.Status != 403 {
		t.Errorf("a user gets the superusers' route: %d", answer.Status)
	}
	if answer := do(pbtest.Request{Method: "DELETE", Path: "/api/v1/parcels/x", Token: ada}); answer.Status != 204 {
		t.Errorf("delete a parcel: %d %s", answer.Status, answer.Body)
	}
}

func TestWrongTagsPanic(t *testing.T) {
	t.Parallel()
	app := torture.New(t)
	op := openapi.Op{Method: "POST", Path: "/api/x"}
	panics := func(describe func(*openapi.Router, openapi.Op)) (did bool) {
		t.Helper()
		router, err := apis.NewRouter(app)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { did = recover() != nil }()
		describe(openapi.On(&core.ServeEvent{App: app, Router: router}), op)
		return false
	}
	if panics(openapi.Describe[struct {
		Body struct {
			Name string `json:"name" maxLength:"9" format:"date"`
		}
	}, openapi.None]) {
		t.Error("right tags panic")
	}
	if !panics(openapi.Describe[struct {
		Body struct {
			Names []struct {
				Name string `json:"name" maxLength:"many"`
			} `json:"names"`
		}
	}, openapi.None]) {
		t.Error("a limit that is no number does not panic")
	}
	if !panics(openapi.Describe[struct {
		Day string `query:"day" format:"someday"`
	}, openapi.None]) {
		t.Error("an unknown format does not panic")
	}
	if !panics(openapi.Describe[struct {
		Sizes map[string]int `path:"sizes"`
	}, openapi.None]) {
		t.Error("a map in the path does not panic")
	}
}

// doWithHeader is pbtest.Do with one more header; "-" leaves it out.
func doWithHeader(t *testing.T, handler http.Handler, r pbtest.Request, name, value string) pbtest.Response {
	t.Helper()
	with := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if value != "-" {
			req.Header.Set(name, value)
		}
		handler.ServeHTTP(w, req)
	})
	return pbtest.Do(t, with, r)
}
