package apispec

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Maker makes requests from a document, whose values fit it for the most part.
type Maker struct {
	*rand.Rand
	Document *Document
	// IDs are those of records that there are, by collection; "" has others.
	IDs map[string][]string
	// Careful is how often, of ten times, a value is the example of its schema
	Careful int
}

// Fits reports whether a body is as the schema says.
func (m *Maker) Fits(t *testing.T, schema map[string]any, body []byte) bool {
	t.Helper()
	ref, _ := schema["$ref"].(string)
	compiled, err := m.Document.schema(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	if err != nil {
		t.Fatalf("compile %s: %v", ref, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(value) == nil
}

// Address is a path with its variables filled in, and some of its query.
func (m *Maker) Address(path string, op map[string]any) string {
	var query []string
	parameters, _ := op["parameters"].([]any)
	for _, raw := range parameters {
		p := raw.(map[string]any)
		if ref, ok := p["$ref"].(string); ok {
			p = m.Document.At(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(map[string]any)
		}
		schema, _ := p["schema"].(map[string]any)
		switch name := p["name"].(string); {
		case p["in"] == "path":
			value := "nothing"
			if enum, ok := schema["enum"].([]any); ok {
				value = fmt.Sprint(enum[0])
			} else if m.IntN(4) > 0 {
				value = m.id(collectionOf(path, name))
			}
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		case name == "fields": // which takes from the answer what it must have
		case m.IntN(3) == 0:
			value := m.Value(schema, 0)
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

// collectionOf guesses whose id a variable of a path stands for, by what is before
// it: "work_orders" for /work-orders/{id}.
func collectionOf(path, variable string) string {
	before, _, _ := strings.Cut(strings.TrimSuffix(path, "/records/{"+variable+"}"), "/{"+variable+"}")
	return strings.ReplaceAll(before[strings.LastIndex(before, "/")+1:], "-", "_")
}

// id is that of a record of the collection, if there is one.
func (m *Maker) id(collection string) string {
	for _, ids := range [][]string{m.IDs[collection], m.IDs[""]} {
		if len(ids) > 0 {
			return ids[m.IntN(len(ids))]
		}
	}
	return "nothing"
}

func escape(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&out, "%%%02X", c)
	}
	return out.String()
}

// Value is one of the schema, at random. Deeper ones are smaller.
func (m *Maker) Value(schema map[string]any, depth int) any {
	if ref, ok := schema["$ref"].(string); ok {
		return m.Value(m.Document.At(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(map[string]any), depth)
	}
	if c, ok := schema["const"]; ok && schema["type"] != "object" {
		return c
	}
	if enum, ok := schema["enum"].([]any); ok {
		return enum[m.IntN(len(enum))]
	}
	if target, ok := schema["x-pocketbase-collection"].(string); ok && schema["type"] == "string" {
		return m.id(target)
	} else if ok && schema["type"] == "array" {
		return slices.Compact([]any{m.id(target), m.id(target)})[:1]
	}
	if examples, ok := schema["examples"].([]any); ok && m.IntN(10) < m.Careful {
		return examples[0]
	}
	if choices, ok := schema["anyOf"].([]any); ok && schema["format"] == nil {
		if chosen, ok := choices[m.IntN(len(choices))].(map[string]any); ok && (chosen["type"] != nil || chosen["const"] != nil || chosen["$ref"] != nil) {
			return m.Value(chosen, depth)
		}
	}
	switch schema["type"] {
	case "object":
		return m.object(schema, depth)
	case "array":
		items, _ := schema["items"].(map[string]any)
		list := []any{}
		for range m.IntN(3) {
			list = append(list, m.Value(items, depth+1))
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

func (m *Maker) object(schema map[string]any, depth int) map[string]any {
	value := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		value[name.(string)] = m.Value(properties[name.(string)].(map[string]any), depth+1)
	}
	if depth > 3 {
		return value
	}
	for name, property := range Sorted(properties) {
		if m.IntN(3) == 0 {
			value[name] = m.Value(property.(map[string]any), depth+1)
		}
	}
	return value
}

// texts are what breaks programs.
var texts = []string{"", "x", "abc", "AB-12", "ff", "日本語の文章", "0", "null", "a\x00b", "<script>", "' OR 1=1 --", "a@example.com", "https://example.com/x", "2026-01-31", "{}", strings.Repeat("y", 300)}

func (m *Maker) text(schema map[string]any) string {
	if schema["format"] == "email" {
		return fmt.Sprintf("a%d@example.com", m.IntN(1<<30))
	}
	return texts[m.IntN(len(texts))]
}

// Sorted goes through a map in an order that does not change.
func Sorted(m map[string]any) func(yield func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// At is what is at the end of the keys in decoded JSON, nil if there is nothing.
func At(value any, keys ...string) any {
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}
