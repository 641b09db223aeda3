package versions_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/versions"
)

const (
	orders = "/api/collections/orders/records"
	crew   = "/api/collections/crew/records"
	notes  = "/api/collections/notes/records"
)

// names are those of the members of an object, sorted.
func names(v any) string {
	object, _ := v.(map[string]any)
	var all []string
	for name := range object {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	ada, token := w.person(t, "Ada", "Byron")
	w.person(t, "Bea", "Ames")
	order := w.order(t, map[string]any{"technician": ada.Id, "subject": "the title", "data": map[string]any{
		"collectionName": "orders", "subject": "of the user's own", "expand": map[string]any{"technician": map[string]any{"given": "x"}},
	}})
	w.save(t, "notes", map[string]any{"order": order.Id, "from": "a", "to": "b", "percent": 60})
	one := orders + "/" + order.Id

	cases := map[string]struct {
		version, path string
		at            []string
		want          any // text, or the names of the members
	}{
		"the newest shape without a version":      {none, one, nil, "collectionId collectionName created data effort id picture source subject tags technician"},
		"the newest shape in the newest version":  {newest, one, nil, "collectionId collectionName created data effort id picture source subject tags technician"},
		"the shape of the version in between":     {second, one, nil, "assignee caption collectionId collectionName created data effort id picture tags"},
		"the shape of the oldest version":         {first, one, nil, "assignee collectionId collectionName created data effort id mark photo tags title"},
		"a value under its old name":              {first, one, []string{"title"}, "the title"},
		"a removed field":                         {first, one, []string{"mark"}, "none"},
		"JSON of the user's own that looks so":    {first, one, []string{"data", "subject"}, "of the user's own"},
		"the version in the query":                {none, one + "?holdall-version=" + first, []string{"title"}, "the title"},
		"a collection by its id":                  {first, "/api/collections/" + order.Collection().Id + "/records/" + order.Id, []string{"title"}, "the title"},
		"a list":                                  {first, orders, []string{"items", "", "title"}, "the title"},
		"a list with its totals":                  {first, orders, nil, "items page perPage totalItems totalPages"},
		"a split field":                           {first, crew + "?filter=login='ada'", []string{"items", "", "name"}, "Ada Byron"},
		"an expanded record":                      {first, one + "?expand=assignee", []string{"expand", "assignee", "name"}, "Ada Byron"},
		"an expanded record, newest":              {none, one + "?expand=technician", []string{"expand", "technician", "given"}, "Ada"},
		"a record by a relation back":             {first, crew + "/" + ada.Id + "?expand=orders_via_assignee", []string{"expand", "orders_via_assignee", "", "title"}, "the title"},
		"a record two relations away":             {first, notes + "?expand=order.assignee", []string{"items", "", "expand", "order", "expand", "assignee", "name"}, "Ada Byron"},
		"a transformed field":                     {first, notes, []string{"items", "", "stars"}, 3.0},
		"a relation back through a renamed field": {first, one + "?expand=notes_via_order", []string{"expand", "notes_via_order", "", "range"}, "a b"},
		"fields":                                        {first, one + "?fields=id,title", nil, "id title"},
		"fields of a split one":                         {first, crew + "/" + ada.Id + "?fields=name,id", nil, "id name"},
		"fields that are all gone":                      {first, one + "?fields=mark", nil, "mark"},
		"fields without the removed one":                {first, one + "?fields=id", nil, "id"},
		"all fields":                                    {first, crew + "/" + ada.Id + "?fields=*", []string{"name"}, "Ada Byron"},
		"fields below expand":                           {first, one + "?expand=assignee&fields=title,expand.assignee.name", []string{"expand", "assignee"}, "name"},
		"fields with a modifier":                        {first, one + "?fields=title:excerpt(3,true)", []string{"title"}, "the..."},
		"a filter":                                      {first, orders + "?filter=" + url.QueryEscape("title='the title'"), []string{"totalItems"}, 1.0},
		"a filter that does not match":                  {first, orders + "?filter=" + url.QueryEscape("title='title'"), []string{"totalItems"}, 0.0},
		"a filter by a split field":                     {first, crew + "?filter=" + url.QueryEscape("name = 'Ada Byron'"), []string{"items", "", "id"}, ada.Id},
		"a filter by a split field far away":            {first, orders + "?filter=" + url.QueryEscape("(assignee.name ~ 'yro' && title != '')"), []string{"items", "", "id"}, order.Id},
		"a filter by a split field that does not match": {first, orders + "?filter=" + url.QueryEscape("assignee.name ~ 'zzz'"), []string{"totalItems"}, 0.0},
		"a filter back through a relation":              {first, crew + "?filter=" + url.QueryEscape("orders_via_assignee.title ?= 'the title'"), []string{"items", "", "id"}, ada.Id},
		"a sort":                                        {first, orders + "?sort=-title,assignee.login", []string{"items", "", "title"}, "the title"},
		"a sort by a split field":                       {first, crew + "?sort=name", []string{"items", "", "name"}, "Bea Ames"},
		"records of a route that has some":              {first, "/api/v1/desk/" + order.Id, []string{"orders", "", "order", "title"}, "the title"},
		"ways to sign in":                               {first, "/api/collections/crew/auth-methods", []string{"password", "identityFields"}, []any{"email", "login"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.send(t, c.version, http.MethodGet, c.path, nil, "Authorization", token)
			if a.status != http.StatusOK {
				t.Fatalf("got %d: %s", a.status, a.raw)
			}
			got := a.get(c.at...)
			if object, ok := got.(map[string]any); ok {
				got = names(object)
			}
			if encode(got) != encode(c.want) {
				t.Errorf("got %v, want %v in %s", got, c.want, a.raw)
			}
		})
	}
}

func encode(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	cases := map[string]struct {
		version, method, path string
		body                  any
		status                int
		at                    []string
		want                  string
	}{
		"a field under its old name":               {first, "POST", orders, map[string]any{"title": "x"}, 400, []string{"data", "title", "code"}, "validation_min_text_constraint"},
		"a field under its name in between":        {second, "POST", orders, map[string]any{"caption": "x"}, 400, []string{"data", "caption", "code"}, "validation_min_text_constraint"},
		"a field under its new name":               {none, "POST", orders, map[string]any{"subject": "x", "source": "y"}, 400, []string{"data", "subject", "code"}, "validation_min_text_constraint"},
		"a part of a split field":                  {first, "POST", crew, map[string]any{"name": "x " + strings.Repeat("y", 60), "password": "1234567890", "passwordConfirm": "1234567890", "email": "x@example.com"}, 400, []string{"data", "name", "code"}, "validation_max_text_constraint"},
		"a modifier of a split field":              {first, "POST", crew, map[string]any{"name:autogenerate": ""}, 400, []string{"data", "name:autogenerate", "code"}, "version_field_changed"},
		"a filter nobody can translate":            {first, "GET", notes + "?filter=" + url.QueryEscape("range = 'a b'"), nil, 400, []string{"data", "filter", "code"}, "version_field_changed"},
		"a filter that a translation refuses":      {first, "GET", crew + "?filter=" + url.QueryEscape("name > 'a'"), nil, 400, []string{"data", "filter", "message"}, "Names can only be searched."},
		"a filter by a split field on the right":   {first, "GET", crew + "?filter=" + url.QueryEscape("'a' = name"), nil, 400, []string{"data", "filter", "code"}, "version_field_changed"},
		"a filter by a removed field":              {first, "GET", orders + "?filter=" + url.QueryEscape("mark = ''"), nil, 400, []string{"data", "filter", "code"}, "version_field_changed"},
		"a sort nobody can translate":              {first, "GET", notes + "?sort=range", nil, 400, []string{"data", "sort", "code"}, "version_field_changed"},
		"a filter that makes no sense":             {first, "GET", orders + "?filter=" + url.QueryEscape("title = "), nil, 400, []string{"message"}, "Something went wrong while processing your request."},
		"an excerpt of a split field":              {first, "GET", crew + "?fields=name:excerpt(3)", nil, 400, []string{"data", "fields", "code"}, "version_field_changed"},
		"no JSON":                                  {first, "POST", orders, strings.NewReader(`{"title": `), 400, []string{"message"}, "Something went wrong while processing your request."},
		"JSON that ends wrong":                     {first, "POST", orders, strings.NewReader(`{"title": "abc"]`), 400, []string{"message"}, "Something went wrong while processing your request."},
		"a list in place of an object":             {first, "POST", orders, strings.NewReader(`["title"]`), 400, []string{"message"}, "Something went wrong while processing your request."},
		"a record that is not there":               {first, "GET", orders + "/nowhere", nil, 404, []string{"message"}, "The requested resource wasn't found."},
		"a collection that is not there":           {first, "GET", "/api/collections/nowhere/records", nil, 404, []string{"message"}, "Missing collection context."},
		"a version that is not there":              {"2026-10-31", "GET", orders, nil, 400, []string{"data", "code"}, "version_unknown"},
		"a version that is none":                   {"latest; DROP", "GET", orders, nil, 400, []string{"message"}, `There is no version "latest; DROP" of the API. The versions are 2026-11-01, 2027-01-01, 2027-06-01.`},
		"a version in the query that is not there": {none, "GET", orders + "?holdall-version=x", nil, 400, []string{"data", "code"}, "version_unknown"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.send(t, c.version, c.method, c.path, c.body)
			if a.status != c.status || a.get(c.at...) != c.want {
				t.Errorf("got %d and %v, want %d and %q: %s", a.status, a.get(c.at...), c.status, c.want, a.raw)
			}
		})
	}
}

// A body that PocketBase refuses is refused in the same words in every version.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	deep := strings.Repeat(`[`, 20000)
	for name, body := range map[string]string{
		"nothing":              " ",
		"null":                 "null",
		"a number":             "17",
		"half a string":        `{"title":"a`,
		"half an escape":       `{"title":"a\`,
		"half a name":          `{"tit`,
		"a name alone":         `{"title"}`,
		"no value":             `{"title":}`,
		"two values":           `{"title":1 2}`,
		"a comma too many":     `{"title":"abc",}`,
		"a wrong escape":       `{"title":"\x"}`,
		"a wrong name":         `{"\u00":"abc"}`,
		"brackets that cross":  `{"title":[1,{2]}}`,
		"depth without an end": `{"title":` + deep,
		"a control character":  "{\"title\":\"a\x01b\"}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := w.send(t, first, http.MethodPost, orders, strings.NewReader(body))
			without := w.send(t, none, http.MethodPost, orders, strings.NewReader(body))
			if with.status != without.status || with.get("message") != without.get("message") {
				t.Errorf("got %d %v, without a version %d %v", with.status, with.get("message"), without.status, without.get("message"))
			}
		})
	}
	t.Run("too much", func(t *testing.T) {
		t.Parallel()
		a := w.send(t, first, http.MethodPost, orders, strings.NewReader(`{"title":"`+strings.Repeat("x", 40<<20)+`"}`))
		if a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d: %.200s", a.status, a.raw)
		}
	})
	t.Run("what follows an object", func(t *testing.T) {
		t.Parallel()
		a := w.send(t, first, http.MethodPost, orders, strings.NewReader(`{"title":"three words here"} and more`))
		if a.get("title") != "three words here" {
			t.Errorf("got %d: %s", a.status, a.raw)
		}
	})
}

func TestWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	ada, _ := w.person(t, "Ada", "Byron")
	order := w.order(t, map[string]any{"tags": []string{"a"}})
	one := orders + "/" + order.Id

	created := w.send(t, first, http.MethodPost, orders, map[string]any{
		"title": "by an old app", "assignee": ada.Id, "mark": "x", "subject": "unknown then", "source": "likewise", "effort": 2, "tags": []string{"b"},
	})
	id, _ := created.get("id").(string)
	if created.status != http.StatusOK || created.get("title") != "by an old app" || created.get("mark") != "none" {
		t.Fatalf("got %d: %s", created.status, created.raw)
	}
	stored := w.stored(t, "orders", id)
	if got := stored.GetString("subject") + "|" + stored.GetString("technician") + "|" + stored.GetString("source"); got != "by an old app|"+ada.Id+"|app" {
		t.Errorf("stored %q", got)
	}

	for name, c := range map[string]struct {
		version    string
		path       string
		body       map[string]any
		collection string
		id         string
		field      string
		want       string
	}{
		"a renamed field":            {first, one, map[string]any{"title": "changed"}, "orders", order.Id, "subject", "changed"},
		"what was not known then":    {first, one, map[string]any{"source": "changed"}, "orders", order.Id, "source", "desk"},
		"a split field":              {first, crew + "/" + ada.Id, map[string]any{"name": "Augusta King"}, "crew", ada.Id, "family", "King"},
		"a field with a modifier":    {first, one, map[string]any{"tags+": "c"}, "orders", order.Id, "tags", "a,c"},
		"in the version in between":  {second, one, map[string]any{"effort": 7}, "orders", order.Id, "effort", "7"},
		"a name that is not changed": {first, crew + "/" + ada.Id, map[string]any{"login": "augusta"}, "crew", ada.Id, "handle", "augusta"},
	} {
		a := w.send(t, c.version, http.MethodPatch, c.path, c.body)
		record := w.stored(t, c.collection, c.id)
		got := record.GetString(c.field)
		if c.field == "tags" {
			got = strings.Join(record.GetStringSlice(c.field), ",")
		}
		if a.status != http.StatusOK || got != c.want {
			t.Errorf("%s: got %d and stored %q, want %q: %s", name, a.status, got, c.want, a.raw)
		}
	}
	if a := w.send(t, first, http.MethodPost, orders, map[string]any{"title:autogenerate": "abc-"}); !strings.HasPrefix(a.get("title").(string), "abc-") {
		t.Errorf("autogenerate: got %s", a.raw)
	}
	if a := w.send(t, first, http.MethodDelete, one, nil); a.status != http.StatusNoContent || a.header.Get("Holdall-Version") != first {
		t.Errorf("delete: got %d, %v", a.status, a.header)
	}
	if a := w.send(t, first, http.MethodPost, "/api/v1/hand-over", map[string]any{"to": "Bea"}); a.raw != `{"receipt":{"receiver":"Bea"}}`+"\n" {
		t.Errorf("a route of its own: got %s", a.raw)
	}
}

// form makes a multipart body of values, and of files where the value has a
// name and a content with a colon between.
func form(tb testing.TB, values ...string) (*bytes.Buffer, string) {
	tb.Helper()
	body := new(bytes.Buffer)
	w := multipart.NewWriter(body)
	for i := 0; i < len(values); i += 2 {
		if name, content, ok := strings.Cut(values[i+1], "::"); ok {
			part, err := w.CreateFormFile(values[i], name)
			if err != nil {
				tb.Fatal(err)
			}
			_, _ = part.Write([]byte(content))
			continue
		}
		if err := w.WriteField(values[i], values[i+1]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return body, w.FormDataContentType()
}

func TestForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	for name, values := range map[string][]string{
		"values":                {"title", "a form", "tags", "a", "tags", "b", "photo", "one.txt::x", "mark", "x"},
		"a payload":             {"@jsonPayload", `{"title":"a form","tags":["a","b"],"mark":"x"}`, "photo", "one.txt::x"},
		"a payload and a value": {"@jsonPayload", `{"title":"a form"}`, "tags", "a", "tags", "b", "photo+", "one.txt::x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, kind := form(t, values...)
			a := w.send(t, first, http.MethodPost, orders, body, "Content-Type", kind)
			if a.status != http.StatusOK || a.get("title") != "a form" || encode(a.get("tags")) != `["a","b"]` || !strings.HasPrefix(encode(a.get("photo")), `["one_`) {
				t.Fatalf("got %d: %s", a.status, a.raw)
			}
			if got := w.stored(t, "orders", a.get("id").(string)).GetString("source"); got != "app" {
				t.Errorf("stored the source %q", got)
			}
			removed := w.send(t, first, http.MethodPatch, orders+"/"+a.get("id").(string), map[string]any{"photo-": a.get("photo", "")})
			if encode(removed.get("photo")) != "[]" {
				t.Errorf("after the removal of a file: %s", removed.raw)
			}
		})
	}
	t.Run("a file with a name that came later", func(t *testing.T) {
		t.Parallel()
		body, kind := form(t, "title", "a form", "picture", "two.txt::x", "photo", "one.txt::x", "picture+", "three.txt::x")
		a := w.send(t, first, http.MethodPost, orders, body, "Content-Type", kind)
		if got := encode(a.get("photo")); !strings.HasPrefix(got, `["one_`) || strings.Contains(got, ",") {
			t.Errorf("got %d, want the file with the old name alone: %s", a.status, a.raw)
		}
	})
	t.Run("encoded", func(t *testing.T) {
		t.Parallel()
		values := url.Values{"name": {"Ada Byron"}, "login": {"ada"}, "email": {"a@example.com"}, "password": {"1234567890"}, "passwordConfirm": {"1234567890"}}
		a := w.send(t, first, http.MethodPost, crew, strings.NewReader(values.Encode()), "Content-Type", "application/x-www-form-urlencoded")
		if a.get("name") != "Ada Byron" || a.get("login") != "ada" {
			t.Errorf("got %d: %s", a.status, a.raw)
		}
	})
	t.Run("half a form", func(t *testing.T) {
		t.Parallel()
		a := w.send(t, first, http.MethodPost, orders, strings.NewReader("--x\r\nContent-Dis"), "Content-Type", "multipart/form-data; boundary=x")
		b := w.send(t, none, http.MethodPost, orders, strings.NewReader("--x\r\nContent-Dis"), "Content-Type", "multipart/form-data; boundary=x")
		if a.status != b.status || a.raw != b.raw {
			t.Errorf("got %d %s, without a version %d %s", a.status, a.raw, b.status, b.raw)
		}
	})
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	w.person(t, "Ada", "Byron")
	body := map[string]any{"identity": "ada", "password": pbtest.Password, "identityField": "login"}
	path := "/api/collections/crew/auth-with-password"
	a := w.send(t, first, http.MethodPost, path, body)
	if a.get("record", "name") != "Ada Byron" || a.get("record", "given") != nil || a.get("token") == nil {
		t.Fatalf("got %d: %s", a.status, a.raw)
	}
	token := a.get("token").(string)
	a = w.send(t, first, http.MethodPost, "/api/collections/crew/auth-refresh?fields=token,record.name", nil, "Authorization", token)
	if names(a.get("record")) != "name" || a.get("record", "name") != "Ada Byron" {
		t.Errorf("refresh: got %d: %s", a.status, a.raw)
	}
	body["identityField"] = "handle"
	if a := w.send(t, none, http.MethodPost, path, body); a.get("record", "given") != "Ada" {
		t.Errorf("without a version: got %d: %s", a.status, a.raw)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	ada, _ := w.person(t, "Ada", "Byron")
	order := w.order(t, nil)
	request := func(method, url string, body map[string]any) map[string]any {
		return map[string]any{"method": method, "url": url, "body": body}
	}
	batch := func(version string, requests ...map[string]any) answer {
		a := w.send(t, version, http.MethodPost, "/api/batch", map[string]any{"requests": requests})
		if strings.HasPrefix(a.raw, "[") {
			var list []any
			if err := json.Unmarshal([]byte(a.raw), &list); err != nil {
				t.Fatal(err)
			}
			a.json = map[string]any{}
			for i, item := range list {
				a.json[string(rune('0'+i))] = item
			}
		}
		return a
	}
	a := batch(first,
		request("POST", orders+"?expand=assignee", map[string]any{"title": "in a batch", "assignee": ada.Id}),
		request("PATCH", orders+"/"+order.Id+"?fields=title,mark", map[string]any{"title": "changed"}),
		request("PUT", orders, map[string]any{"id": order.Id, "title": "put"}),
		request("PUT", orders, map[string]any{"id": "newnewnewnew123", "title": "put anew"}),
		request("PATCH", crew+"/"+ada.Id, map[string]any{"name": "Augusta King"}),
		request("DELETE", orders+"/"+order.Id, nil),
	)
	for path, want := range map[string]any{
		"0 body title": "in a batch", "0 body expand assignee name": "Ada Byron", "1 body title": "changed", "1 body mark": "none", "1 body id": nil,
		"2 body title": "put", "3 body title": "put anew", "4 body name": "Augusta King", "5 status": 204.0, "5 body": nil,
	} {
		if got := a.get(strings.Fields(path)...); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	if t.Failed() {
		t.Fatal(a.raw)
	}
	if got := w.stored(t, "orders", "newnewnewnew123").GetString("source"); got != "app" {
		t.Errorf("the new record has the source %q", got)
	}

	refused := batch(first,
		request("POST", orders, map[string]any{"title": "fine"}),
		request("POST", orders, map[string]any{"title": "x"}),
	)
	if got := refused.get("data", "requests", "1", "response", "data", "title", "code"); refused.status != 400 || got != "validation_min_text_constraint" {
		t.Errorf("got %d: %s", refused.status, refused.raw)
	}
	changed := batch(first, request("POST", crew, map[string]any{"name:autogenerate": "x"}))
	if got := changed.get("data", "requests", "0", "response", "data", "name:autogenerate", "code"); got != "version_field_changed" {
		t.Errorf("got %d: %s", changed.status, changed.raw)
	}

	body, kind := form(t, "@jsonPayload", `{"requests":[{"method":"POST","url":"`+orders+`","body":{"title":"with a file"}}]}`, "requests.0.photo", "a.txt::x")
	with := w.send(t, first, http.MethodPost, "/api/batch", body, "Content-Type", kind)
	if !strings.Contains(with.raw, `"title":"with a file"`) || !strings.Contains(with.raw, `"photo":["a`) {
		t.Errorf("with a file: got %d: %s", with.status, with.raw)
	}
}

// What hooks see is of the newest version.
func TestHooksSeeTheNewest(t *testing.T) {
	t.Parallel()
	var seen []string
	w := newWorld(t, versions.Config{}, func(app core.App) error {
		app.OnRecordCreateRequest("orders").BindFunc(func(e *core.RecordRequestEvent) error {
			info, err := e.RequestInfo()
			if err != nil {
				return err
			}
			seen = append(seen, encode(info.Body["subject"]), info.Query["fields"], e.Request.Header.Get("Holdall-Version"))
			return e.Next()
		})
		return nil
	})
	w.send(t, none, http.MethodPost, orders+"?holdall-version="+first+"&fields=title", map[string]any{"title": "an order"})
	if got := strings.Join(seen, " "); got != `"an order" subject `+first {
		t.Errorf("got %s", got)
	}
}
