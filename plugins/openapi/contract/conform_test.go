package contract_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdall-go/holdall/plugins/openapi/contract"
)

// design is an API of papers, in the words of OpenAPI 3.0.
const design = `
openapi: 3.0.3
info: {title: Papers, version: "1"}
servers: [{url: "https://papers.example/v2"}]
paths:
  /papers:
    get:
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 50}}
      responses:
        "200": {description: A page., content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Paper"}}}}}
        "400": {$ref: "#/components/responses/Refusal"}
    post:
      security: [{token: []}]
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/NewPaper"}}}
      responses:
        "201": {description: Made., content: {application/json: {schema: {$ref: "#/components/schemas/Paper"}}}}
        "400": {$ref: "#/components/responses/Refusal"}
        "401": {$ref: "#/components/responses/Refusal"}
  /papers/{paper}:
    get:
      parameters: [{$ref: "#/components/parameters/paper"}]
      responses:
        "200": {description: It., content: {application/json: {schema: {$ref: "#/components/schemas/Paper"}}}}
        "404": {$ref: "#/components/responses/Refusal"}
    delete:
      security: [{token: []}]
      parameters: [{$ref: "#/components/parameters/paper"}]
      responses:
        "204": {description: Gone.}
        "401": {$ref: "#/components/responses/Refusal"}
        "404": {$ref: "#/components/responses/Refusal"}
components:
  securitySchemes: {token: {type: http, scheme: bearer}}
  parameters:
    paper: {name: paper, in: path, required: true, schema: {type: integer}}
  responses:
    Refusal: {description: No., content: {application/json: {schema: {type: object, required: [error], properties: {error: {type: string}}}}}}
  schemas:
    NewPaper:
      type: object
      required: [title]
      properties:
        title: {type: string, minLength: 1, maxLength: 30}
        grade: {type: string, enum: [draft, final]}
        note: {type: string, nullable: true}
    Paper:
      type: object
      additionalProperties: false
      required: [id, title, grade, note]
      properties:
        id: {type: integer}
        title: {type: string}
        grade: {type: string, enum: [draft, final]}
        note: {type: string, nullable: true}
`

// papers is a backend that is as designed, but for one fault.
type papers struct {
	fault string
	mutex sync.Mutex
	last  int
	all   map[int]map[string]any
	calls []string
}

func (p *papers) has(fault string) bool { return p.fault == fault }

func (p *papers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.calls = append(p.calls, r.Method+" "+r.URL.Path)
	path, found := strings.CutPrefix(r.URL.Path, "/v2/papers")
	id, _ := strconv.Atoi(strings.TrimPrefix(path, "/"))
	paper := p.all[id]
	switch {
	case !found:
		http.NotFound(w, r)
	case path == "" && r.Method == http.MethodGet:
		p.list(w, r)
	case path == "" && r.Method == http.MethodPost:
		p.create(w, r)
	case p.has("no single paper") && r.Method == http.MethodGet:
		http.NotFound(w, r)
	case r.Method == http.MethodDelete && !p.signedIn(r):
		p.answer(w, 401, map[string]any{"error": "Who are you?"})
	case paper == nil && p.has("404 without a reason"):
		p.answer(w, 404, map[string]any{})
	case paper == nil:
		p.answer(w, 404, map[string]any{"error": "There is none."})
	case r.Method == http.MethodGet:
		p.answer(w, 200, paper)
	case p.has("cannot delete"):
		panic(http.ErrAbortHandler)
	case p.has("an answer to a deletion"):
		p.answer(w, 200, map[string]any{})
	default:
		delete(p.all, id)
		w.WriteHeader(204)
	}
}

func (p *papers) signedIn(r *http.Request) bool {
	header := r.Header.Get("Authorization")
	return header == "Bearer good" || p.has("any token") && header != "" || p.has("no sign-in")
}

func (p *papers) list(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("limit")
	limit, err := strconv.Atoi(text)
	if text != "" && (err != nil || limit < 1 || limit > 50) {
		if p.has("fails on a strange limit") {
			p.answer(w, 500, map[string]any{"error": "strconv: parsing"})
			return
		}
		p.answer(w, 400, map[string]any{"error": "The limit is wrong."})
		return
	}
	all := []any{}
	for _, paper := range p.all {
		all = append(all, paper)
	}
	if p.has("null for an empty list") && len(all) == 0 {
		p.answer(w, 200, nil)
		return
	}
	p.answer(w, 200, all)
}

func (p *papers) create(w http.ResponseWriter, r *http.Request) {
	if !p.signedIn(r) {
		p.answer(w, 401, map[string]any{"error": "Who are you?"})
		return
	}
	var body map[string]any
	err := json.NewDecoder(r.Body).Decode(&body)
	title, isText := body["title"].(string)
	grade, hasGrade := body["grade"]
	note, hasNote := body["note"]
	_, noteIsText := note.(string)
	length := len([]rune(title))
	shortest, longest := 1, 30
	if p.has("a shorter title") {
		longest = 20
	}
	bad := err != nil || body == nil || !isText || length < shortest || length > longest && !p.has("any title") ||
		hasGrade && grade != "draft" && grade != "final" || hasNote && note != nil && !noteIsText
	if p.has("refuses null") && hasNote && note == nil || p.has("refuses everything") {
		bad = true
	}
	switch {
	case p.has("fails on other scripts") && strings.Contains(title+textOf(note), "日本語"):
		p.answer(w, 500, map[string]any{"error": "panic"})
		return
	case bad && p.has("422"):
		p.answer(w, 422, map[string]any{"error": "It is wrong."})
		return
	case bad:
		p.answer(w, 400, map[string]any{"error": "It is wrong."})
		return
	}
	if !hasGrade {
		grade = "draft"
	}
	p.last++
	paper := map[string]any{"id": p.last, "title": title, "grade": grade, "note": note}
	switch p.fault {
	case "the id as a text":
		paper["id"] = strconv.Itoa(p.last)
	case "another member":
		paper["secret"] = "x"
	case "no note":
		delete(paper, "note")
	case "another grade":
		paper["grade"] = "review"
	}
	p.all[p.last] = paper
	status := 201
	if p.has("200 for 201") {
		status = 200
	}
	p.answer(w, status, paper)
}

func textOf(value any) string {
	text, _ := value.(string)
	return text
}

func (p *papers) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if p.has("plain text") {
		w.Header().Set("Content-Type", "text/plain")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// check judges a backend with a fault.
func check(t *testing.T, fault string, options contract.Options) (*contract.Report, *papers) {
	t.Helper()
	backend := &papers{fault: fault, all: map[int]map[string]any{}}
	server := httptest.NewServer(backend)
	t.Cleanup(server.Close)
	parsed, err := contract.ParseDocument([]byte(design))
	if err != nil {
		t.Fatal(err)
	}
	if options.Header == nil {
		options.Header = http.Header{"Authorization": {"Bearer good"}}
	}
	report, err := contract.Conform(t.Context(), parsed, server.URL, options)
	if err != nil {
		t.Fatal(err)
	}
	return report, backend
}

func text(t *testing.T, report *contract.Report) string {
	t.Helper()
	var out strings.Builder
	if err := report.WriteText(&out, true); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestABackendAsDesigned(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		report, _ := check(t, "", contract.Options{Seed: seed + 1, Calls: 60})
		if report.Failed() {
			t.Fatalf("seed %d: got\n%s", seed+1, text(t, report))
		}
	}
}

// Each fault is found, where it is, and nothing else is blamed.
func TestFaults(t *testing.T) {
	t.Parallel()
	const list, create, view, remove = "GET /v2/papers", "POST /v2/papers", "GET /v2/papers/{paper}", "DELETE /v2/papers/{paper}"
	cases := []struct {
		fault     string
		operation string
		verdict   contract.Verdict
		where     string
		got       string
	}{
		{"no single paper", view, contract.Missing, "the router", "404"},
		{"cannot delete", remove, contract.CallFailed, "the connection", "EOF"},
		{"an answer to a deletion", remove, contract.CallFailed, "status", "200"},
		{"404 without a reason", view, contract.CallFailed, "answer 404 /error", "nothing"},
		{"any token", create, contract.CallFailed, "sign-in", "with a broken token"},
		{"no sign-in", create, contract.CallFailed, "sign-in", "without a token"},
		{"fails on a strange limit", list, contract.CallFailed, "status", "500"},
		{"null for an empty list", list, contract.CallFailed, "answer 200", "null"},
		{"fails on other scripts", create, contract.CallFailed, "status", "500"},
		{"a shorter title", create, contract.OK, "", ""}, // a 400 is what the design foresees; a document of its own would tell
		{"any title", create, contract.CallFailed, "body /title of 31 characters", "201"},
		{"refuses everything", create, contract.Refused, "status", "400"},
		{"refuses everything", remove, contract.Untried, "path", "nothing"},
		{"422", create, contract.CallFailed, "status", "422"},
		{"the id as a text", create, contract.CallFailed, "answer 201 /id", `"1"`},
		{"another member", create, contract.CallFailed, "answer 201 /secret", `"x"`},
		{"no note", create, contract.CallFailed, "answer 201 /note", "nothing"},
		{"another grade", create, contract.CallFailed, "answer 201 /grade", `"review"`},
		{"200 for 201", create, contract.CallFailed, "status", "200"},
		{"plain text", list, contract.CallFailed, "answer 200, header Content-Type", "text/plain"},
	}
	for _, c := range cases {
		t.Run(c.fault+" "+c.operation, func(t *testing.T) {
			t.Parallel()
			report, _ := check(t, c.fault, contract.Options{Calls: 60})
			i := slices.IndexFunc(report.Operations, func(op contract.Operation) bool { return op.Method+" "+op.Path == c.operation })
			op := report.Operations[i]
			if op.Verdict != c.verdict {
				t.Fatalf("%s is %s, want %s:\n%s", c.operation, op.Verdict, c.verdict, text(t, report))
			}
			if report.Failed() != (c.verdict != contract.OK) {
				t.Errorf("the check as a whole failed: %t", report.Failed())
			}
			if c.verdict == contract.OK {
				return
			}
			found := slices.ContainsFunc(op.Findings, func(f contract.Finding) bool {
				return f.Kind == c.verdict && f.Where == c.where && strings.Contains(f.Got, c.got) && (f.Try != "" || f.Kind == contract.Missing || f.Kind == contract.Untried)
			})
			if !found {
				t.Errorf("nothing at %q that is %q, but\n%s", c.where, c.got, text(t, report))
			}
		})
	}
}

// What the backend's own document says is compared without a call.
func TestShapes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, old, new string // what is replaced in the design to make the backend's document
		operation      string
		where, got     string // "" for no difference
	}{
		{"the same", "Papers", "Sheets", "", "", ""},
		{"other names of variables", "{paper}:", "{id}:", "", "", ""},
		{"an operation less", "    delete:\n", "    x-delete:\n", "DELETE /v2/papers/{paper}", "the backend's document", "no such operation"},
		{"a body with more required", "required: [title]", "required: [title, grade]", "POST /v2/papers", "body /grade", "required"},
		{"a lower limit", "maxLength: 30", "maxLength: 20", "POST /v2/papers", "body /title", "at most 20 characters"},
		{"a value less", "grade: {type: string, enum: [draft, final]}\n        note: {type: string, nullable: true}\n    Paper", "grade: {type: string, enum: [draft]}\n        note: {type: string, nullable: true}\n    Paper", "POST /v2/papers", "body /grade", `["draft"]`},
		{"another type", "id: {type: integer}", "id: {type: string}", "GET /v2/papers/{paper}", "answer 200 /id", `text-`},
		{"a member less", "required: [id, title, grade, note]", "required: [id, title, grade]", "GET /v2/papers/{paper}", "answer 200 /note", "nothing"},
		{"null", "title: {type: string}", "title: {type: string, nullable: true}", "GET /v2/papers/{paper}", "answer 200 /title", "null"},
		{"another status", `"201": {description`, `"200": {description`, "POST /v2/papers", "status", "200"},
		{"a parameter less", "name: limit", "name: size", "GET /v2/papers", "query limit", "none of this name"},
		{"a sign-in more", "    get:\n      parameters:\n", "    get:\n      security: [{token: []}]\n      parameters:\n", "GET /v2/papers", "sign-in", "needed"},
		{"a body where there was none", `"204": {description: Gone.}`, `"204": {description: Gone., content: {application/json: {schema: {type: object}}}}`, "DELETE /v2/papers/{paper}", "answer 204", "a body"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(design, c.old) {
				t.Fatalf("the design has no %q", c.old)
			}
			own := strings.Replace(design, c.old, c.new, 1)
			report, _ := check(t, "", contract.Options{Own: []byte(own), Only: regexp.MustCompile("^none$")})
			for _, op := range report.Operations {
				blamed := len(op.Findings) > 0
				if name := op.Method + " " + op.Path; blamed && name != c.operation && c.name != "another type" && c.name != "a member less" && c.name != "null" {
					t.Errorf("%s is blamed:\n%s", name, text(t, report))
				} else if name == c.operation && !slices.ContainsFunc(op.Findings, func(f contract.Finding) bool {
					return f.Where == c.where && strings.Contains(f.Got, c.got)
				}) {
					t.Errorf("nothing at %q that is %q, but\n%s", c.where, c.got, text(t, report))
				}
			}
			if report.Failed() != (c.operation != "") {
				t.Errorf("the check as a whole failed: %t", report.Failed())
			}
		})
	}
}

// Limits that the design is silent about are notes.
func TestSilentLimitsAreNotes(t *testing.T) {
	t.Parallel()
	own := strings.Replace(design, "note: {type: string, nullable: true}", "note: {type: string, nullable: true, maxLength: 100}", 1)
	report, _ := check(t, "", contract.Options{Own: []byte(own)})
	if report.Failed() {
		t.Fatalf("got\n%s", text(t, report))
	}
	if got := text(t, report); !strings.Contains(got, "note: body /note") || !strings.Contains(got, "at most 100 characters") {
		t.Errorf("got no note on the limit:\n%s", got)
	}
}

func TestTheSameSeedMakesTheSameCalls(t *testing.T) {
	t.Parallel()
	_, first := check(t, "", contract.Options{Seed: 7})
	_, second := check(t, "", contract.Options{Seed: 7})
	if !slices.Equal(first.calls, second.calls) {
		t.Errorf("got %d calls and then %d others", len(first.calls), len(second.calls))
	}
}

func TestReadOnlySendsNothingElse(t *testing.T) {
	t.Parallel()
	report, backend := check(t, "", contract.Options{ReadOnly: true})
	for _, call := range backend.calls {
		if !strings.HasPrefix(call, "GET ") {
			t.Errorf("got %s", call)
		}
	}
	if report.Failed() || len(backend.calls) == 0 {
		t.Errorf("got %d calls:\n%s", len(backend.calls), text(t, report))
	}
}

func TestSkippedOperationsAreNotCalled(t *testing.T) {
	t.Parallel()
	_, backend := check(t, "", contract.Options{Skip: regexp.MustCompile("^DELETE /papers/")})
	for _, call := range backend.calls {
		if strings.HasPrefix(call, "DELETE ") {
			t.Errorf("got %s", call)
		}
	}
}

// A check goes nowhere but to the address that it was given.
func TestOtherMachinesAreNotCalled(t *testing.T) {
	t.Parallel()
	parsed, err := contract.ParseDocument([]byte(design))
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"http://192.0.2.1:8090", "http://[2001:db8::1]:80", "http://0.0.0.0:1"} {
		_, err := contract.Conform(t.Context(), parsed, address, contract.Options{})
		if err == nil || !strings.Contains(err.Error(), "--allow-remote") {
			t.Errorf("%s: got %v, want a refusal", address, err)
		}
	}
	for _, address := range []string{"", "papers", "ftp://127.0.0.1", "127.0.0.1:8090"} {
		if _, err := contract.Conform(t.Context(), parsed, address, contract.Options{}); err == nil || strings.Contains(err.Error(), "connect") {
			t.Errorf("%q: got %v, want that this is no address", address, err)
		}
	}
	sly, err := contract.ParseDocument([]byte(strings.Replace(stock, "  /api/health:", `  "@192.0.2.1:8090/api/health":`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = contract.Conform(t.Context(), sly, "http://127.0.0.1:1", contract.Options{AllowRemote: true})
	if err == nil || !strings.Contains(err.Error(), "begins with a slash") {
		t.Errorf("a path that names a host: got %v, want a refusal", err)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed")
	}))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer here.Close()
	if _, err := contract.Conform(t.Context(), parsed, here.URL, contract.Options{}); err != nil {
		t.Error(err)
	}
}

func TestABackendThatIsNotThere(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	parsed, err := contract.ParseDocument([]byte(design))
	if err != nil {
		t.Fatal(err)
	}
	if report, err := contract.Conform(t.Context(), parsed, gone.URL, contract.Options{}); err == nil {
		t.Errorf("got a report:\n%s", text(t, report))
	}
}

// A backend that never ends its answers is left in time.
func TestTimeout(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	parsed, err := contract.ParseDocument([]byte(design))
	if err != nil {
		t.Fatal(err)
	}
	report, err := contract.Conform(t.Context(), parsed, server.URL, contract.Options{Timeout: time.Second})
	if err != nil || !report.Failed() || !strings.Contains(report.Stopped, "1s") {
		t.Errorf("got %+v, %v, want that it was stopped", report, err)
	}
}

func TestSetup(t *testing.T) {
	t.Parallel()
	backend := &papers{all: map[int]map[string]any{}}
	mux := http.NewServeMux()
	mux.Handle("/", backend)
	mux.HandleFunc("POST /v2/sign-in", func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !strings.HasPrefix(in["name"], "anna-") || len(in["name"]) < 10 {
			w.WriteHeader(400)
		}
		_, _ = w.Write([]byte(`{"session":{"token":"good"}}`))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	parsed, err := contract.ParseDocument([]byte(design))
	if err != nil {
		t.Fatal(err)
	}
	run := func(script string) (*contract.Report, error) {
		setup, err := contract.ParseSetup([]byte(script))
		if err != nil {
			return nil, err
		}
		return contract.Conform(t.Context(), parsed, server.URL, contract.Options{Setup: setup})
	}
	good := `{
		"requests": [{"method": "POST", "path": "/sign-in", "body": {"name": "anna-{{random}}"}, "save": {"token": "/session/token"}}],
		"headers": {"Authorization": "Bearer {{token}}"},
		"bodies": {"POST /papers": {"title": "By hand", "grade": "final"}}
	}`
	report, err := run(good)
	if err != nil || report.Failed() {
		t.Fatalf("got %v\n%s", err, text(t, report))
	}
	for name, c := range map[string]struct{ script, want string }{
		"a request that fails":  {strings.Replace(good, "anna-", "jake-", 1), "request 1 of the setup"},
		"nothing to save":       {strings.Replace(good, "/session/token", "/token", 1), "nothing at /token"},
		"an unknown variable":   {strings.Replace(good, "{{token}}", "{{tokn}}", 1), `"tokn"`},
		"a member that is none": {strings.Replace(good, "headers", "header", 1), `"header"`},
	} {
		if _, err := run(c.script); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %s", name, err, c.want)
		}
	}
	report, err = run(strings.Replace(good, `"final"`, `"best"`, 1))
	if err != nil || !strings.Contains(text(t, report), "as the setup says what to send") {
		t.Errorf("a body that is refused: got %v\n%s", err, text(t, report))
	}
}
