package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/examples/conduit/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// template has the collections and nothing in them.
var template = pbtest.NewTemplate(
	func(app core.App) error { return schema.Apply(app, collections.All()) },
	pbtest.FastPasswords,
)

// document is the design document, read once, and what finds its operations.
var document = sync.OnceValues(func() (*openapi3.T, routers.Router) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yml")
	if err != nil {
		panic(err)
	}
	doc.Servers = openapi3.Servers{{URL: "/api"}}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return doc, router
})

// world is a running Conduit.
type world struct {
	*tests.TestApp
	tb     testing.TB
	url    string
	tokens map[string]string // by username
}

// newWorld starts Conduit with these users, whose password is [pbtest.Password].
func newWorld(tb testing.TB, usernames ...string) *world {
	tb.Helper()
	w := &world{tb: tb, tokens: map[string]string{"": ""}}
	w.TestApp = template.New(tb, func(app core.App) error {
		registerFeatures(app)
		return nil
	})
	w.url = pbtest.Serve(tb, w)
	for _, name := range usernames {
		body := fmt.Sprintf(`{"user":{"username":%q,"email":"%s@example.com","password":%q}}`, name, name, pbtest.Password)
		created := w.send("", "POST /users", body).must(tb, http.StatusCreated)
		w.tokens[name] = created.text(tb, "user", "token")
	}
	return w
}

// publish creates an article and returns its slug.
func (w *world) publish(author, title string, tags ...string) string {
	w.tb.Helper()
	names, err := json.Marshal(append([]string{}, tags...))
	if err != nil {
		w.tb.Fatal(err)
	}
	body := fmt.Sprintf(`{"article":{"title":%q,"description":"About it.","body":"All of it.","tagList":%s}}`, title, names)
	return w.send(author, "POST /articles", body).must(w.tb, http.StatusCreated).text(w.tb, "article", "slug")
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes a request such as "GET /user" by HTTP as one of the users, "" for a
// guest, and holds the answer to the contract.
func (w *world) send(username, request, body string) answer {
	w.tb.Helper()
	token, known := w.tokens[username]
	if !known {
		w.tb.Fatalf("there is no user %q", username)
	}
	return w.sendWith(authorization(token), request, body)
}

func authorization(token string) http.Header {
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Token "+token)
	}
	return header
}

// sendWith is send with any headers.
func (w *world) sendWith(header http.Header, request, body string) answer {
	w.tb.Helper()
	a := w.sendRaw(header, request, body)
	if err := a.conforms(request); err != nil {
		w.tb.Errorf("%s: got %d %s: %v", request, a.status, a.body, err)
	}
	return a
}

// sendRaw is sendWith for answers of which the contract says nothing.
func (w *world) sendRaw(header http.Header, request, body string) answer {
	w.tb.Helper()
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(w.tb.Context(), method, w.url+"/api"+path, strings.NewReader(body))
	if err != nil {
		w.tb.Fatal(err)
	}
	r.Header = header.Clone()
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.tb.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, content}
}

// conforms says what of the answer is not as the document has it.
func (a answer) conforms(request string) error {
	route, parameters, err := find(request)
	if err != nil {
		return err
	}
	asked, err := http.NewRequestWithContext(context.Background(), route.Method, "/api"+route.Path, nil)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: parameters, Route: route},
		Status:                 a.status,
		Header:                 a.header,
		Body:                   io.NopCloser(bytes.NewReader(a.body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
}

// find returns the operation that the request is for.
func find(request string) (*routers.Route, map[string]string, error) {
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(context.Background(), method, "/api"+path, nil)
	if err != nil {
		return nil, nil, err
	}
	_, router := document()
	route, parameters, err := router.FindRoute(r)
	if err != nil {
		return nil, nil, fmt.Errorf("find the operation: %w", err)
	}
	return route, parameters, nil
}

// must ends the test unless the answer has the status.
func (a answer) must(tb testing.TB, status int) answer {
	tb.Helper()
	if a.status != status {
		tb.Fatalf("got %d %s, want %d", a.status, a.body, status)
	}
	return a
}

// refuses checks status and error: {"errors":{field:[message]}} and no other.
func (a answer) refuses(tb testing.TB, status int, field, message string) {
	tb.Helper()
	want, err := json.Marshal(map[string]map[string][]string{"errors": {field: {message}}})
	if err != nil {
		tb.Fatal(err)
	}
	if got := strings.TrimSpace(string(a.body)); a.status != status || got != string(want) {
		tb.Errorf("got %d %s, want %d %s", a.status, got, status, want)
	}
}

// at returns the value at a path of names and indexes, and fails without one.
func (a answer) at(tb testing.TB, path ...any) any {
	tb.Helper()
	var value any
	if err := json.Unmarshal(a.body, &value); err != nil {
		tb.Fatalf("%v: %s", err, a.body)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			member, ok := object[step]
			if !ok {
				tb.Fatalf("%s has no %v", a.body, path)
			}
			value = member
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				tb.Fatalf("%s has no %v", a.body, path)
			}
			value = list[step]
		}
	}
	return value
}

// text is at for a text.
func (a answer) text(tb testing.TB, path ...any) string {
	tb.Helper()
	text, ok := a.at(tb, path...).(string)
	if !ok {
		tb.Fatalf("%v of %s is no text", path, a.body)
	}
	return text
}

// has checks the value at a path, spelt as JSON.
func (a answer) has(tb testing.TB, want string, path ...any) {
	tb.Helper()
	got, err := json.Marshal(a.at(tb, path...))
	if err != nil {
		tb.Fatal(err)
	}
	if string(got) != want {
		tb.Errorf("%v: got %s, want %s", path, got, want)
	}
}

// slugs are those of a list of articles, in its order.
func (a answer) slugs(tb testing.TB) string {
	tb.Helper()
	var list struct {
		Articles []struct{ Slug string }
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		tb.Fatal(err)
	}
	var slugs []string
	for _, article := range list.Articles {
		slugs = append(slugs, article.Slug)
	}
	return strings.Join(slugs, " ")
}
