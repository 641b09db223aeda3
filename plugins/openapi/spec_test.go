package openapi_test

import (
	"bytes"
	"encoding/json"
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

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// spec is a document that requests and answers can be compared with.
type spec struct {
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

// parse reads a document and fails the test on anything that is wrong with it.
func parse(tb testing.TB, body []byte) *spec {
	tb.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(body)
	if err != nil {
		tb.Fatalf("load the document: %v", err)
	}
	if err := doc.Validate(tb.Context()); err != nil {
		tb.Fatalf("the document is not valid: %v", err)
	}
	return read(tb, body)
}

// read is parse for a document that has been parsed before, in substance.
func read(tb testing.TB, body []byte) *spec {
	tb.Helper()
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		tb.Fatalf("decode the document: %v", err)
	}
	s := &spec{root: decoded.(map[string]any), compiler: jsonschema.NewCompiler()}
	s.compiler.DefaultDraft(jsonschema.Draft2020)
	s.compiler.AssertFormat()
	if err := s.compiler.AddResource("urn:api", decoded); err != nil {
		tb.Fatalf("add the document: %v", err)
	}
	for path := range s.at("paths").(map[string]any) {
		parts := anyVariable.Split(path, -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		s.paths = append(s.paths, pathPattern{
			pattern: regexp.MustCompile("^" + strings.Join(parts, `[^/]+`) + "$"), path: path, fixed: len(strings.Join(parts, "")),
		})
	}
	slices.SortFunc(s.paths, func(a, b pathPattern) int { return b.fixed - a.fixed })
	return s
}

// at is what is at the end of the keys, nil if there is nothing.
func (s *spec) at(keys ...string) any {
	var value any = s.root
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// operation finds what describes a request.
func (s *spec) operation(method, target string) (path string, ok bool) {
	u, err := url.Parse(target)
	if err != nil {
		return "", false
	}
	for _, p := range s.paths {
		if p.pattern.MatchString(u.Path) && s.at("paths", p.path, strings.ToLower(method)) != nil {
			return p.path, true
		}
	}
	return "", false
}

// operations are all methods of all paths.
func (s *spec) operations(yield func(method, path string, op map[string]any)) {
	paths := s.at("paths").(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			yield(strings.ToUpper(method), path, item[method].(map[string]any))
		}
	}
}

// schema compiles what is at the end of the keys.
func (s *spec) schema(keys ...string) (*jsonschema.Schema, error) {
	for i, key := range keys {
		keys[i] = url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1"))
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.compiler.Compile("urn:api#/" + strings.Join(keys, "/"))
}

// check reports how an answer differs from what the document says of it.
func (s *spec) check(r pbtest.Request, answer pbtest.Response) error {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	path, ok := s.operation(method, r.Path)
	if !ok {
		return fmt.Errorf("%s %s is not in the document", method, r.Path)
	}
	what := fmt.Sprintf("%s %s: %d", method, r.Path, answer.Status)
	keys := []string{"paths", path, strings.ToLower(method), "responses", strconv.Itoa(answer.Status)}
	response, ok := s.at(keys...).(map[string]any)
	if !ok {
		return fmt.Errorf("%s is not described: %s", what, answer.Body)
	}
	if ref, ok := response["$ref"].(string); ok {
		keys = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		response = s.at(keys...).(map[string]any)
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
	schema, err := s.schema(append(keys, "content", kind, "schema")...)
	if err != nil {
		return fmt.Errorf("%s: compile the schema: %w", what, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s differs: %w\n%s", what, err, answer.Body)
	}
	return nil
}

// decode reads JSON as the tests compare it.
func decode(tb testing.TB, body []byte) map[string]any {
	tb.Helper()
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		tb.Fatalf("decode %s: %v", body, err)
	}
	return value
}

// sorted goes through a map in an order that does not change.
func sorted(m map[string]any) func(yield func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
