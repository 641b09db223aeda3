package versions_test

import (
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/versions"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{Docs: "https://docs.example.com/versions"})
	a := w.send(t, first, http.MethodGet, orders, nil)
	for name, want := range map[string]string{
		"Holdall-Version": first,
		"Deprecation":     "@1801440000", // 2027-02-01
		"Sunset":          "Sat, 01 Jan 2028 00:00:00 GMT",
		"Link":            `<https://docs.example.com/versions>; rel="deprecation"; type="text/html", <https://docs.example.com/versions>; rel="sunset"; type="text/html"`,
	} {
		if got := strings.Join(a.header[http.CanonicalHeaderKey(name)], ", "); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for version, want := range map[string]string{none: "", newest: newest} {
		a := w.send(t, version, http.MethodGet, orders, nil)
		if got := a.header.Get("Holdall-Version"); got != want || a.header.Get("Deprecation") != "" || a.header.Get("Sunset") != "" {
			t.Errorf("in version %q: got %v", version, a.header)
		}
		if !strings.Contains(strings.Join(a.header["Vary"], ","), "Holdall-Version") {
			t.Errorf("in version %q: Vary is %q", version, a.header["Vary"])
		}
	}
}

func TestSunset(t *testing.T) {
	t.Parallel()
	at := func(moment string) func() time.Time {
		return func() time.Time { parsed, _ := time.Parse(time.RFC3339, moment); return parsed }
	}
	cases := map[string]struct {
		config versions.Config
		want   int
	}{
		"the moment before":     {versions.Config{Now: at("2027-12-31T23:59:59Z")}, http.StatusOK},
		"the day itself":        {versions.Config{Now: at("2028-01-01T00:00:00Z")}, http.StatusGone},
		"after, and still here": {versions.Config{Now: at("2029-01-01T00:00:00Z"), ServeAfterSunset: true}, http.StatusOK},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newWorld(t, c.config).send(t, first, http.MethodGet, orders, nil)
			if a.status != c.want {
				t.Fatalf("got %d: %s", a.status, a.raw)
			}
			const why = "Version 2026-11-01 of the API is no longer served since 2028-01-01. Please update to one of 2027-01-01, 2027-06-01."
			if c.want == http.StatusGone && (a.get("message") != why || a.get("data", "code") != "version_sunset") {
				t.Errorf("got %s", a.raw)
			}
		})
	}
}

func TestPin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{Pin: func(e *core.RequestEvent) string {
		if e.Auth != nil && e.Auth.GetString("handle") == "ada" {
			return first
		}
		return ""
	}})
	_, ada := w.person(t, "Ada", "Byron")
	_, bea := w.person(t, "Bea", "Ames")
	w.order(t, nil)
	for _, c := range []struct{ name, version, token, want string }{
		{"who is pinned", none, ada, "title"},
		{"who is pinned and asks for another", second, ada, "caption"},
		{"who is not", none, bea, "subject"},
		{"a guest", none, "", "subject"},
	} {
		a := w.send(t, c.version, http.MethodGet, orders, nil, "Authorization", c.token)
		if a.get("items", "", c.want) != "a pump" {
			t.Errorf("%s: got %s", c.name, a.raw)
		}
	}
}

func TestETags(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{}, func(app core.App) error {
		app.OnRecordViewRequest().BindFunc(func(e *core.RecordRequestEvent) error {
			const tag = `"same"`
			e.Response.Header().Set("ETag", tag)
			if e.Request.Header.Get("If-None-Match") == tag {
				return e.NoContent(http.StatusNotModified)
			}
			return e.Next()
		})
		return nil
	})
	one := orders + "/" + w.order(t, nil).Id
	tag := func(version string) string { return w.send(t, version, http.MethodGet, one, nil).header.Get("ETag") }
	if tag(none) != `"same"` || tag(first) != `"same@2026-11-01"` || tag(second) != `"same@2027-01-01"` {
		t.Errorf("got %s, %s and %s", tag(none), tag(first), tag(second))
	}
	for _, c := range []struct {
		version, known string
		want           int
	}{
		{first, tag(first), http.StatusNotModified},
		{first, `"other", ` + tag(first), http.StatusNotModified},
		{first, tag(second), http.StatusOK},
		{first, tag(none), http.StatusOK},
		{none, tag(first), http.StatusOK},
		{none, tag(none), http.StatusNotModified},
	} {
		a := w.send(t, c.version, http.MethodGet, one, nil, "If-None-Match", c.known)
		if a.status != c.want {
			t.Errorf("version %q with %s: got %d, want %d", c.version, c.known, a.status, c.want)
		}
	}
}

func TestMaxAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{MaxAnswer: 64 << 10})
	w.order(t, map[string]any{"data": strings.Repeat("x", 70<<10)})
	if a := w.send(t, first, http.MethodGet, orders, nil); a.status != 500 || a.get("data", "code") != "version_answer_too_large" {
		t.Errorf("got %d: %.300s", a.status, a.raw)
	}
	if a := w.send(t, none, http.MethodGet, orders, nil); a.status != 200 {
		t.Errorf("without a version: got %d", a.status)
	}
}

// Without versions nothing changes but that there is a list of them.
func TestNoVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{Versions: []versions.Version{}})
	w.order(t, nil)
	a := w.send(t, "nonsense", http.MethodGet, orders, nil)
	if a.get("items", "", "subject") != "a pump" || a.header.Get("Holdall-Version") != "" || strings.Contains(strings.Join(a.header["Vary"], ","), "Holdall") {
		t.Errorf("got %d %v: %s", a.status, a.header, a.raw)
	}
	a = w.send(t, none, http.MethodGet, versions.Path, nil, "Authorization", pbtest.Superuser(t, w.app))
	if a.status != 200 || encode(a.get("versions")) != "[]" {
		t.Errorf("got %d: %s", a.status, a.raw)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	config := versions.Config{Versions: history(), Build: func(e *core.RequestEvent) string { return e.Request.Header.Get("X-Build") }}
	w := newWorld(t, config)
	root := pbtest.Superuser(t, w.app)
	for i := range 5 {
		w.send(t, first, http.MethodGet, orders, nil, "X-Build", []string{"ios 7", "ios 8"}[i/4])
	}
	w.send(t, none, http.MethodGet, orders, nil)
	check := func(app core.App, a answer) {
		t.Helper()
		if a.status != 200 || encode(a.get("versions", "", "usage", "requests")) != "5" || encode(a.get("versions", "", "usage", "month")) != "5" ||
			a.get("versions", "", "usage", "last") != "2027-07-01 12:00:00.000Z" ||
			!strings.Contains(a.raw, `"builds":[{"build":"ios 7","requests":4,"month":4,"last":"2027-07-01 12:00:00.000Z"},{"build":"ios 8"`) {
			t.Errorf("got %d: %s", a.status, a.raw)
		}
	}
	check(w.app, w.send(t, none, http.MethodGet, versions.Path, nil, "Authorization", root))
	if a := w.send(t, none, http.MethodGet, versions.Path, nil); a.status != http.StatusUnauthorized {
		t.Errorf("a guest: got %d", a.status)
	}

	// another process knows what was written down
	if err := versions.Flush(w.plugin, w.app); err != nil {
		t.Fatal(err)
	}
	usage, err := other(t, w).Usage(t.Context(), w.app)
	if err != nil || usage[first].Requests != 5 || usage[first].Builds[0].Build != "ios 7" {
		t.Errorf("got %+v, %v", usage, err)
	}
	check(w.app, w.send(t, none, http.MethodGet, versions.Path, nil, "Authorization", root))
}

// Whoever makes up the names of builds fills neither memory nor the table, however
// often the counts are written down.
func TestUsageOfMadeUpBuilds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{Versions: history(), Build: func(e *core.RequestEvent) string { return e.Request.Header.Get("X-Build") }})
	const requests, apart = 540, 512
	for i := range requests {
		w.send(t, first, http.MethodGet, "/api/health", nil, "X-Build", strconv.Itoa(i))
		if i%200 == 0 {
			if err := versions.Flush(w.plugin, w.app); err != nil {
				t.Fatal(err)
			}
		}
	}
	usage, err := w.plugin.Usage(t.Context(), w.app)
	if err != nil || usage[first].Requests != requests || len(usage[first].Builds) != apart+1 {
		t.Fatalf("got %d requests of %d builds, %v, want %d of %d", usage[first].Requests, len(usage[first].Builds), err, requests, apart+1)
	}
	if most := usage[first].Builds[0]; most.Build != "other" || most.Requests != requests-apart {
		t.Errorf("got %+v, want the others", most)
	}
}

// other is the plugin of another app, which has counted nothing.
func other(t *testing.T, w *world) *versions.Plugin {
	t.Helper()
	return newWorld(t, versions.Config{}).plugin
}

// The table is made when an app starts, and its counts survive the end of it.
func TestUsageSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	start := func() (core.App, *versions.Plugin) {
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
		plugin, err := versions.Register(app, versions.Config{Versions: history()})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		return app, plugin
	}
	app, _ := start()
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	pbtest.Superuser(t, app) // or else PocketBase begins to install itself
	url := pbtest.Serve(t, app)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/health", nil)
	request.Header.Set("Holdall-Version", second)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	event := &core.TerminateEvent{App: app}
	if err := app.OnTerminate().Trigger(event, func(e *core.TerminateEvent) error { return e.App.ResetBootstrapState() }); err != nil {
		t.Fatal(err)
	}
	again, after := start()
	t.Cleanup(func() { _ = again.ResetBootstrapState() })
	usage, err := after.Usage(t.Context(), again)
	if err != nil || usage[second].Requests != 1 {
		t.Errorf("got %+v, %v", usage, err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	version := func(changes ...versions.Change) versions.Config {
		return versions.Config{Versions: []versions.Version{{Date: first, Changes: changes}}}
	}
	for name, c := range map[string]struct {
		config versions.Config
		want   string // "" for none
	}{
		"nothing":               {versions.Config{}, ""},
		"a date that is none":   {versions.Config{Versions: []versions.Version{{Date: "1.2"}}}, `Date must be a day such as 2026-11-01, got "1.2"`},
		"a date twice":          {versions.Config{Versions: []versions.Version{{Date: first}, {Date: first}}}, "there are two of " + first},
		"a sunset first":        {versions.Config{Versions: []versions.Version{{Date: first, Deprecated: "2027-02-01", Sunset: "2027-01-01"}, {Date: second}}}, "must not be after that of Sunset"},
		"a sunset of the last":  {versions.Config{Versions: []versions.Version{{Date: first, Sunset: "2027-01-01"}}}, "is the newest"},
		"an empty change":       {version(versions.Change{}), "a change must be made by"},
		"a rename to itself":    {version(versions.Rename("a", "b", "b")), "b is renamed to itself"},
		"a system field":        {version(versions.Rename("a", "id", "b")), `a field cannot be "id"`},
		"half a split":          {version(versions.Split("a", "b", []string{"c"}, cut, join)), "a split needs two fields or more"},
		"a route without verb":  {version(versions.Route("/api/x", nil, nil)), "a route must be named as in"},
		"a header with a space": {versions.Config{Header: "My Version"}, "Header must be letters"},
		"a limit":               {versions.Config{MaxAnswer: 1}, "MaxAnswer must be in"},
		"an interval":           {versions.Config{FlushInterval: 1}, "FlushInterval must be in"},
	} {
		err := c.config.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// What does not fit the collections is found.
func TestCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	if problems := w.plugin.Check(w.app); len(problems) > 0 {
		t.Errorf("the versions of the world do not fit: %v", problems)
	}
	wrong := newWorld(t, versions.Config{Versions: []versions.Version{{Date: first, Changes: []versions.Change{
		versions.Rename("orders", "title", "topic"),
		versions.Remove("orders", "subject", nil),
		versions.Add("parcels", "weight", nil),
	}}}})
	var got []string
	for _, problem := range wrong.plugin.Check(wrong.app) {
		got = append(got, problem.Error())
	}
	want := []string{"there is no such collection", "there still is a field subject after it", "there is no field topic after it"}
	for i, part := range want {
		if len(got) != len(want) || !strings.Contains(got[i], part) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// The document of a version is what its clients know; routes that no change names
// stay as they are.
func TestDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	header, all := apidoc.Of(w.app).Versions()
	if header != "Holdall-Version" || len(all) != 3 || all[0].Name != first {
		t.Fatalf("got %q and %d versions", header, len(all))
	}
	text := &apidoc.Schema{Type: "string"}
	record := &apidoc.Schema{Required: []string{"subject", "source"}, Properties: apidoc.Properties{
		{Name: "collectionName", Schema: &apidoc.Schema{Const: "orders"}},
		{Name: "subject", Schema: text},
		{Name: "picture", Schema: text},
		{Name: "source", Schema: text},
		{Name: "expand", Schema: apidoc.Ref("OrdersExpand")},
	}}
	answer := func(ref string) *apidoc.Operation {
		return &apidoc.Operation{Responses: map[string]apidoc.Response{"200": {Content: apidoc.JSON(apidoc.Ref(ref))}}}
	}
	create := answer("OrdersRecord")
	create.RequestBody = &apidoc.RequestBody{Content: map[string]apidoc.MediaType{"application/json": {
		Schema: apidoc.Ref("OrdersCreate"), Example: map[string]any{"subject": "x", "source": "y"},
	}}}
	create.Parameters = []apidoc.Parameter{{Name: "expand", Example: "technician", Description: "One of technician, notes_via_order."}}
	d := &apidoc.Document{
		Paths: apidoc.Paths{
			{Path: "/api/collections/orders/records", Operations: map[string]*apidoc.Operation{"post": create}},
			{Path: "/api/v1/desk/{id}", Operations: map[string]*apidoc.Operation{"get": answer("OrdersRecord")}},
			{Path: "/api/v1/shelf", Operations: map[string]*apidoc.Operation{"get": answer("Shelf")}},
			{Path: "/api/v1/hand-over", Operations: map[string]*apidoc.Operation{"post": answer("Shelf")}},
		},
		Components: apidoc.Components{
			Schemas: map[string]*apidoc.Schema{
				"OrdersRecord": record,
				"OrdersExpand": {Properties: apidoc.Properties{{Name: "technician", Schema: apidoc.Ref("CrewRecord")}}},
				"CrewRecord": {Required: []string{"given", "family"}, Properties: apidoc.Properties{
					{Name: "collectionName", Schema: &apidoc.Schema{Const: "crew"}}, {Name: "given", Schema: text}, {Name: "family", Schema: text},
				}},
				"OrdersCreate": {Properties: apidoc.Properties{{Name: "subject", Schema: text}, {Name: "subject:autogenerate", Schema: text}, {Name: "+picture", Schema: text}}},
				"Shelf":        {Type: "array", Items: apidoc.Ref("OrdersRecord")},
			},
			Parameters: map[string]apidoc.Parameter{},
		},
	}
	all[0].Apply(d)

	members := func(component string) string {
		var names []string
		for _, p := range d.Components.Schemas[component].Properties {
			names = append(names, p.Name)
		}
		return strings.Join(append(names, d.Components.Schemas[component].Required...), " ")
	}
	for component, want := range map[string]string{
		"OrdersRecord": "collectionName title photo expand mark title mark",
		"OrdersExpand": "assignee",
		"CrewRecord":   "collectionName name name",
		"OrdersCreate": "title title:autogenerate +photo mark",
		// as routes that have not changed go on to send them
		"OrdersRecordNewest": "collectionName subject picture source expand subject source",
	} {
		if got := members(component); got != want {
			t.Errorf("%s: got %s, want %s", component, got, want)
		}
	}
	schema := func(path int, method string) *apidoc.Schema {
		return d.Paths[path].Operations[method].Responses["200"].Content["application/json"].Schema
	}
	for i, want := range map[int]string{1: "#/components/schemas/OrdersRecord", 2: "#/components/schemas/ShelfNewest"} {
		if got := schema(i, "get").Ref; got != want {
			t.Errorf("%s: got %s, want %s", d.Paths[i].Path, got, want)
		}
	}
	if got := schema(3, "post"); got.Ref != "" {
		t.Errorf("a route that has changed in its own way: got %s", got.Ref)
	}
	op := d.Paths[0].Operations["post"]
	if got := encode(op.RequestBody.Content["application/json"].Example); got != `{"mark":"none","title":"x"}` {
		t.Errorf("the example: got %s", got)
	}
	if p := op.Parameters[0]; p.Example != "assignee" || p.Description != "One of assignee, notes_via_order." || !op.Deprecated || d.Info.Version != first {
		t.Errorf("got %+v, deprecated %t, version %s", p, op.Deprecated, d.Info.Version)
	}
}
