package apidoc_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// What is described again replaces what was said before, and is told in order.
func TestRegistry(t *testing.T) {
	t.Parallel()
	var r apidoc.Registry
	entry := func(method, path, summary string) apidoc.Entry {
		return apidoc.Entry{Op: apidoc.Op{Method: method, Path: path, Summary: summary}, In: reflect.TypeFor[apidoc.None](), Out: reflect.TypeFor[apidoc.None]()}
	}
	r.Add(entry("GET", "/b", "first"))
	r.Add(entry("POST", "/a", "posted"))
	r.Add(entry("GET", "/a", "got"))
	_, _, before := r.Snapshot()
	r.Add(entry("GET", "/b", "second"))
	entries, _, after := r.Snapshot()
	var got []string
	for _, e := range entries {
		got = append(got, e.Method+" "+e.Path+" "+e.Summary)
	}
	if want := []string{"GET /a got", "POST /a posted", "GET /b second"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if before == after {
		t.Error("a new description leaves the version as it was")
	}
	r.AddRule(apidoc.Rule{ID: "a"})
	r.AddRule(apidoc.Rule{ID: "a"})
	if _, rules, _ := r.Snapshot(); len(rules) != 1 {
		t.Errorf("a rule that replaces another makes %d", len(rules))
	}
}

// The writer's own way with text and numbers is that of encoding/json.
func TestAppendJSON(t *testing.T) {
	t.Parallel()
	odd := "\"quoted\" \\ back\x00\n\u2028 ä 日本 <b>&</b> \xff"
	half, third := 0.5, 1e300
	d := apidoc.Document{
		OpenAPI: "3.1.0",
		Info:    apidoc.Info{Title: odd},
		Paths: apidoc.Paths{{Path: "/" + odd, Operations: map[string]*apidoc.Operation{"get": {
			OperationID: odd,
			Responses:   map[string]apidoc.Response{"200": {Content: apidoc.JSON(&apidoc.Schema{Ref: "#/x"})}},
		}}}},
		Components: apidoc.Components{Schemas: map[string]*apidoc.Schema{"x": {
			Type: []string{"string", "null"}, Description: odd, Enum: []any{odd, nil, 1, 0.25, true, []any{odd}, map[string]any{"a": odd}},
			Minimum: &half, Maximum: &third, Properties: apidoc.Properties{{Name: odd, Schema: &apidoc.Schema{}}},
		}}},
	}
	var decoded struct {
		Info       struct{ Title string }
		Paths      map[string]any
		Components struct {
			Schemas map[string]struct {
				Description      string
				Enum             []any
				Minimum, Maximum float64
				Properties       map[string]any
			}
		}
	}
	if err := json.Unmarshal(d.AppendJSON(nil), &decoded); err != nil {
		t.Fatalf("%v: %s", err, d.AppendJSON(nil))
	}
	valid := "\"quoted\" \\ back\x00\n\u2028 ä 日本 <b>&</b> \ufffd"
	x := decoded.Components.Schemas["x"]
	if decoded.Info.Title != valid || x.Description != valid || x.Properties[valid] == nil || decoded.Paths["/"+valid] == nil {
		t.Errorf("the text is another: %q", decoded.Info.Title)
	}
	if want := []any{valid, nil, 1.0, 0.25, true, []any{valid}, map[string]any{"a": valid}}; !reflect.DeepEqual(x.Enum, want) {
		t.Errorf("got the values %v, want %v", x.Enum, want)
	}
	if x.Minimum != half || x.Maximum != third {
		t.Errorf("got the numbers %v and %v", x.Minimum, x.Maximum)
	}
}
