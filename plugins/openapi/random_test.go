package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

// Requests made from the document at random are answered as it says, and never
// with a failure of the server. Bodies that fit are accepted, but for what no
// schema can say: that a related record exists, and that a value is unique.
func TestRandomRequests(t *testing.T) {
	t.Parallel()
	app := torture.New(t, pbtest.FastPasswords, register(openapi.Config{}))
	do := serve(t, app)
	root := pbtest.Superuser(t, app)
	document := read(t, fetch(t, do, root))
	const seed = 20261123
	r := &maker{Rand: rand.New(rand.NewPCG(seed, 1)), spec: document, careful: 3}
	newTargets := func() (ids []string) {
		for range 2 {
			answer := do(pbtest.Request{Method: "POST", Path: "/api/collections/targets/records", Body: map[string]any{"name": "x"}})
			ids = append(ids, decode(t, answer.Body)["id"].(string))
		}
		return ids
	}
	r.ids = newTargets()

	// what would end the test, or takes minutes
	skip := map[string]bool{"GET /api/realtime": true, "POST /api/backups": true, "PATCH /api/settings": true, "POST /api/sql": true, "POST /api/crons/{id}": true}
	const rounds = 6
	counts := map[int]int{}
	document.operations(func(method, path string, op map[string]any) {
		if skip[method+" "+path] || strings.HasPrefix(path, "/api/collections/_superusers") && method != "GET" {
			return
		}
		for range rounds {
			request := pbtest.Request{Method: method, Path: r.address(path, op), Token: root}
			schema, _ := at(op, "requestBody", "content", "application/json", "schema").(map[string]any)
			if schema != nil {
				request.Body = r.value(schema, 0)
			}
			answer := do(request)
			counts[answer.Status/100]++
			body, _ := json.Marshal(request.Body)
			if answer.Status >= 500 {
				t.Errorf("%s %s %s: %d %s", method, request.Path, body, answer.Status, answer.Body)
			}
			if err := document.check(request, answer); err != nil {
				t.Errorf("%v\nbody %s", err, body)
			}
		}
	})
	if counts[2] < 50 || counts[4] < 50 {
		t.Errorf("of the answers, %d were successes and %d refusals: the requests do not try much", counts[2], counts[4])
	}
	t.Logf("seed %d: %v", seed, counts)

	r.ids = newTargets() // the others may be deleted
	r.careful = 8
	for _, collection := range []string{"everything", "everything_required", "targets"} {
		path := "/api/collections/" + collection + "/records"
		schema := document.at("paths", path, "post", "requestBody", "content", "application/json", "schema").(map[string]any)
		fitting := 0
		for range 60 {
			body, _ := r.value(schema, 0).(map[string]any)
			delete(body, "id")
			delete(body, "exotic") // its pattern has no form in JSON Schema
			encoded, _ := json.Marshal(body)
			if !r.fits(t, schema, encoded) {
				continue
			}
			fitting++
			answer := do(pbtest.Request{Method: "POST", Path: path, Token: root, Body: body})
			if answer.Status != 200 {
				t.Errorf("%s fits the schema of %s, but the answer is %s", encoded, collection, answer.Body)
			}
		}
		if t.Logf("%s: %d of 60 bodies fit", collection, fitting); fitting < 5 {
			t.Errorf("only %d bodies of 60 fit %s", fitting, collection)
		}
	}
}

// maker makes values that fit schemas, for the most part.
type maker struct {
	*rand.Rand
	spec *spec
	ids  []string
	// careful is how often, of ten times, a value is the example of its schema
	careful int
}

// fits reports whether a body is as the schema says.
func (m *maker) fits(t *testing.T, schema map[string]any, body []byte) bool {
	t.Helper()
	ref, _ := schema["$ref"].(string)
	compiled, err := m.spec.schema(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	if err != nil {
		t.Fatalf("compile %s: %v", ref, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(value) == nil
}

// address is a path with its variables filled in, and some of its query.
func (m *maker) address(path string, op map[string]any) string {
	var query []string
	parameters, _ := op["parameters"].([]any)
	for _, raw := range parameters {
		p := raw.(map[string]any)
		if ref, ok := p["$ref"].(string); ok {
			p = m.spec.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(map[string]any)
		}
		schema, _ := p["schema"].(map[string]any)
		switch name := p["name"].(string); {
		case p["in"] == "path":
			value := "nothing"
			if enum, ok := schema["enum"].([]any); ok {
				value = fmt.Sprint(enum[0])
			} else if name == "id" && m.IntN(2) == 0 {
				value = m.ids[0]
			}
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		case name == "fields": // which takes from the answer what it must have
		case m.IntN(3) == 0:
			value := m.value(schema, 0)
			if example := p["example"]; example != nil && m.IntN(2) == 0 {
				value = example
			}
			query = append(query, name+"="+escape(fmt.Sprint(value)))
		}
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return path
}

func escape(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&out, "%%%02X", c)
	}
	return out.String()
}

// value is one of the schema, at random. Deeper ones are smaller.
func (m *maker) value(schema map[string]any, depth int) any {
	if ref, ok := schema["$ref"].(string); ok {
		return m.value(m.spec.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(map[string]any), depth)
	}
	if c, ok := schema["const"]; ok && schema["type"] != "object" {
		return c
	}
	if enum, ok := schema["enum"].([]any); ok {
		return enum[m.IntN(len(enum))]
	}
	if schema["x-pocketbase-collection"] != nil && schema["type"] == "string" {
		return m.ids[m.IntN(len(m.ids))]
	}
	if schema["x-pocketbase-collection"] != nil && schema["type"] == "array" {
		return []any{m.ids[0], m.ids[1]}[:1+m.IntN(2)]
	}
	if examples, ok := schema["examples"].([]any); ok && m.IntN(10) < m.careful {
		return examples[0]
	}
	if choices, ok := schema["anyOf"].([]any); ok && schema["format"] == nil {
		if chosen, ok := choices[m.IntN(len(choices))].(map[string]any); ok && (chosen["type"] != nil || chosen["const"] != nil || chosen["$ref"] != nil) {
			return m.value(chosen, depth)
		}
	}
	switch schema["type"] {
	case "object":
		return m.object(schema, depth)
	case "array":
		items, _ := schema["items"].(map[string]any)
		list := []any{}
		for range m.IntN(3) {
			list = append(list, m.value(items, depth+1))
		}
		return list
	case "string":
		return m.text(schema)
	case "integer":
		return m.IntN(200) - 100
	case "number":
		return float64(m.IntN(2000)-1000) / 8
	case "boolean":
		return m.IntN(2) == 0
	}
	return []any{nil, 1, "x", "", true, []any{1, "a"}, map[string]any{"a": nil}, "null", "[1", `"quoted"`, "-"}[m.IntN(11)]
}

func (m *maker) object(schema map[string]any, depth int) map[string]any {
	value := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		value[name.(string)] = m.value(properties[name.(string)].(map[string]any), depth+1)
	}
	if depth > 3 {
		return value
	}
	for name, property := range sorted(properties) {
		if m.IntN(3) == 0 {
			value[name] = m.value(property.(map[string]any), depth+1)
		}
	}
	return value
}

// texts are what breaks programs.
var texts = []string{"", "x", "abc", "AB-12", "ff", "日本語の文章", "0", "null", "a\x00b", "<script>", "' OR 1=1 --", "a@example.com", "https://example.com/x", "2026-01-31", "{}", strings.Repeat("y", 300)}

func (m *maker) text(schema map[string]any) string {
	if schema["format"] == "email" {
		return fmt.Sprintf("a%d@example.com", m.IntN(1<<30))
	}
	return texts[m.IntN(len(texts))]
}

func at(value any, keys ...string) any {
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}
