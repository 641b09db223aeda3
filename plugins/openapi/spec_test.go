package openapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// spec is a document that answers can be compared with.
type spec struct {
	doc   *openapi3.T
	paths []template
}

type template struct {
	pattern *regexp.Regexp
	fixed   int // characters that are no variable: the more, the better the match
	path    string
}

var inBraces = regexp.MustCompile(`\\\{[^}]+\\\}`)

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
	s := &spec{doc: doc}
	for path := range doc.Paths.Map() {
		expression := "^" + inBraces.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + "$"
		s.paths = append(s.paths, template{
			pattern: regexp.MustCompile(expression), path: path,
			fixed: len(regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(path, "")),
		})
	}
	sort.Slice(s.paths, func(i, j int) bool { return s.paths[i].fixed > s.paths[j].fixed })
	return s
}

// operation finds what describes a request, nil if nothing does.
func (s *spec) operation(method, target string) *openapi3.Operation {
	u, err := url.Parse(target)
	if err != nil {
		return nil
	}
	for _, t := range s.paths {
		if t.pattern.MatchString(u.Path) {
			if op := s.doc.Paths.Value(t.path).GetOperation(method); op != nil {
				return op
			}
		}
	}
	return nil
}

// check reports how an answer differs from what the document says of it.
func (s *spec) check(r pbtest.Request, answer pbtest.Response) error {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	op := s.operation(method, r.Path)
	if op == nil {
		return fmt.Errorf("%s %s is not in the document", method, r.Path)
	}
	response := op.Responses.Status(answer.Status)
	if response == nil {
		return fmt.Errorf("%s %s: status %d is not described: %s", method, r.Path, answer.Status, answer.Body)
	}
	if len(response.Value.Content) == 0 {
		if len(answer.Body) > 0 {
			return fmt.Errorf("%s %s: %d should have no body, got %s", method, r.Path, answer.Status, answer.Body)
		}
		return nil
	}
	kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	media := response.Value.Content.Get(kind)
	if media == nil {
		return fmt.Errorf("%s %s: %d has the type %s, want one of %v", method, r.Path, answer.Status, kind, keys(response.Value.Content))
	}
	if kind != "application/json" {
		return nil
	}
	var value any
	if err := json.Unmarshal(answer.Body, &value); err != nil {
		return fmt.Errorf("%s %s: the answer is no JSON: %w", method, r.Path, err)
	}
	if err := media.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("%s %s: %d differs: %w\n%s", method, r.Path, answer.Status, err, answer.Body)
	}
	return nil
}

func keys(content openapi3.Content) []string {
	var all []string
	for kind := range content {
		all = append(all, kind)
	}
	return all
}
