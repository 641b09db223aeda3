// Package apispec compares an API with its OpenAPI document, in tests: answers with
// what is said of them, and what becomes of requests that are made from it at
// random.
package apispec

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// Document is one that requests and answers can be compared with.
type Document struct {
	root     map[string]any
	paths    []pathPattern
	mutex    sync.Mutex
	compiler *jsonschema.Compiler
}

type pathPattern struct {
	pattern *regexp.Regexp
	fixed   int // characters that are no variable: the more, the better the match
	path    string
}

var anyVariable = regexp.MustCompile(`\{[^}]+\}`)

// Read takes a document in. Whether it is a valid one, [Validate] says.
func Read(tb testing.TB, body []byte) *Document {
	tb.Helper()
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		tb.Fatalf("decode the document: %v", err)
	}
	d := &Document{root: decoded.(map[string]any), compiler: jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("urn:api", decoded); err != nil {
		tb.Fatalf("add the document: %v", err)
	}
	for path := range d.At("paths").(map[string]any) {
		parts := anyVariable.Split(path, -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		d.paths = append(d.paths, pathPattern{
			pattern: regexp.MustCompile("^" + strings.Join(parts, `[^/]+`) + "$"), path: path, fixed: len(strings.Join(parts, "")),
		})
	}
	slices.SortFunc(d.paths, func(a, b pathPattern) int { return b.fixed - a.fixed })
	return d
}

// At is what is at the end of the keys, nil if there is nothing.
func (d *Document) At(keys ...string) any {
	var value any = d.root
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// Operation finds what describes a request.
func (d *Document) Operation(method, target string) (path string, ok bool) {
	u, err := url.Parse(target)
	if err != nil {
		return "", false
	}
	for _, p := range d.paths {
		if p.pattern.MatchString(u.Path) && d.At("paths", p.path, strings.ToLower(method)) != nil {
			return p.path, true
		}
	}
	return "", false
}

// Operations are all methods of all paths.
func (d *Document) Operations(yield func(method, path string, op map[string]any)) {
	paths := d.At("paths").(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			yield(strings.ToUpper(method), path, item[method].(map[string]any))
		}
	}
}

// schema compiles what is at the end of the keys.
func (d *Document) schema(keys ...string) (*jsonschema.Schema, error) {
	for i, key := range keys {
		keys[i] = url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1"))
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.compiler.Compile("urn:api#/" + strings.Join(keys, "/"))
}

// Check reports how an answer differs from what the document says of it.
func (d *Document) Check(r pbtest.Request, answer pbtest.Response) error {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	path, ok := d.Operation(method, r.Path)
	if !ok {
		return fmt.Errorf("%s %s is not in the document", method, r.Path)
	}
	what := fmt.Sprintf("%s %s: %d", method, r.Path, answer.Status)
	keys := []string{"paths", path, strings.ToLower(method), "responses", strconv.Itoa(answer.Status)}
	response, ok := d.At(keys...).(map[string]any)
	if !ok {
		return fmt.Errorf("%s is not described: %s", what, answer.Body)
	}
	if ref, ok := response["$ref"].(string); ok {
		keys = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		response = d.At(keys...).(map[string]any)
	}
	content, ok := response["content"].(map[string]any)
	if !ok {
		if len(answer.Body) > 0 {
			return fmt.Errorf("%s should have no body, got %s", what, answer.Body)
		}
		return nil
	}
	kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	if _, ok := content[kind]; !ok {
		if _, any := content["*/*"]; any {
			return nil
		}
		return fmt.Errorf("%s has the type %q, want one of %v", what, kind, slices.Collect(maps.Keys(content)))
	}
	if kind != "application/json" {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(answer.Body))
	if err != nil {
		return fmt.Errorf("%s is no JSON: %w", what, err)
	}
	schema, err := d.schema(append(keys, "content", kind, "schema")...)
	if err != nil {
		return fmt.Errorf("%s: compile the schema: %w", what, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s differs: %w\n%s", what, err, answer.Body)
	}
	return nil
}
