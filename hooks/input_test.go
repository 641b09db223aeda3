package hooks_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// target is a route that takes a body, with who may use it, a body that is
// fine, and the field of it that gets tampered with.
type target struct {
	name, caller, path string
	good               map[string]any
	field              string
}

// targets are all routes that take a body.
func (w *world) targets() []target {
	w.tb.Helper()
	order := w.order(w.planned)
	token := w.invite("nora@example.com", "technician")
	w.TestMailer.Reset()
	return []target{
		{"transition", "dispatcher", transitionPath(order.Id), map[string]any{"to": "scheduled", "note": "Hello"}, "to"},
		{"invite", "owner", w.invitationsPath(), map[string]any{"email": "paul@example.com", "role": "viewer"}, "email"},
		{"preview", "", previewPath, map[string]any{"token": token}, "token"},
		{"accept", "", acceptPath, newcomer(token), "token"},
	}
}

// sane fails unless the answer is a refusal in PocketBase's shape that says
// nothing of how the server works.
func (a answer) sane(tb testing.TB) {
	tb.Helper()
	if a.status < 400 || a.status > 499 {
		tb.Errorf("got %d %.300s, want a refusal", a.status, a.body)
		return
	}
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		tb.Errorf("got content type %q", kind)
	}
	checkTexts(tb, a.decodeError(tb))
}

var (
	codePattern  = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	internalText = regexp.MustCompile(`(?i)sql|json:|\.go\b|goroutine|panic|marshal|invalid char|rows|constraint failed|0x[0-9a-f]|/tmp|database|runtime|nil\b|%!|EOF|table|decode`)
)

// checkTexts looks at what the server says, not at the names that clients sent.
func checkTexts(tb testing.TB, body errorBody) {
	tb.Helper()
	check := func(message string) {
		if message == "" || internalText.MatchString(message) || !strings.HasSuffix(message, ".") {
			tb.Errorf("the message %q is not for clients", message)
		}
	}
	check(body.Message)
	for name, raw := range body.Data {
		if name == "code" && raw[0] == '"' {
			if code := strings.Trim(string(raw), `"`); !codePattern.MatchString(code) {
				tb.Errorf("got code %s", raw)
			}
			continue
		}
		var item struct{ Code, Message string }
		if err := json.Unmarshal(raw, &item); err != nil || !codePattern.MatchString(item.Code) {
			tb.Errorf("field %q: got %s, want a code and a message", name, raw)
			continue
		}
		check(item.Message)
	}
}

// with returns a JSON object like good, with raw JSON for one field.
func with(good map[string]any, field, raw string) string {
	members := []string{fmt.Sprintf("%q:%s", field, raw)}
	for name, value := range good {
		if name != field {
			encoded, _ := json.Marshal(value) // strings
			members = append(members, fmt.Sprintf("%q:%s", name, encoded))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestBadBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	targets := w.targets()
	before := w.dump()

	type bad struct {
		name string
		body func(g target) string
		code func(g target) (field, code string)
	}
	whole := func(string) func(g target) (string, string) {
		return func(target) (string, string) { return "", "body_invalid" }
	}("")
	onField := func(code string) func(g target) (string, string) {
		return func(g target) (string, string) { return g.field, code }
	}
	fixed := func(body string) func(target) string { return func(target) string { return body } }
	value := func(raw string) func(target) string {
		return func(g target) string { return with(g.good, g.field, raw) }
	}
	cases := []bad{
		{"nothing", fixed(""), whole},
		{"spaces", fixed("  \n"), whole},
		{"null", fixed("null"), whole},
		{"a list", fixed("[]"), whole},
		{"a list of objects", fixed(`[{}]`), whole},
		{"a text", fixed(`"text"`), whole},
		{"a number", fixed("1"), whole},
		{"an open object", fixed(`{"a":"b"`), whole},
		{"an open text", fixed(`{"a":"b`), whole},
		{"no JSON", fixed(`to=scheduled`), whole},
		{"XML", fixed(`<to>scheduled</to>`), whole},
		{"single quotes", fixed(`{'to':'scheduled'}`), whole},
		{"a comment", fixed(`{/* */}`), whole},
		{"a byte order mark", fixed("\ufeff{}"), whole},
		{"invalid UTF-8", value("\"\xff\xfe\""), whole},
		{"an invalid escape", value(`"\x"`), whole},
		{"something after the object", func(g target) string { return with(g.good, g.field, `"x"`) + "{}" }, whole},
		{"a bracket after the object", func(g target) string { return with(g.good, g.field, `"x"`) + "]" }, whole},
		{"nested too deeply", value(strings.Repeat("[", 20000) + strings.Repeat("]", 20000)), whole},
		{"nested deeply", value(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)), onField("validation_invalid_type")},
		{"an empty object", fixed("{}"), onField("validation_required")},
		{"null for text", value("null"), onField("validation_invalid_type")},
		{"a number for text", value("1"), onField("validation_invalid_type")},
		{"a huge number for text", value("1e999"), onField("validation_invalid_type")},
		{"true for text", value("true"), onField("validation_invalid_type")},
		{"a list for text", value(`["scheduled"]`), onField("validation_invalid_type")},
		{"an object for text", value(`{"$ne":""}`), onField("validation_invalid_type")},
		{"no text", value(`""`), onField("validation_required")},
		{"the null character", value(`"a\u0000b"`), onField("validation_invalid_characters")},
		{"SQL", value(`"' OR 1=1; DROP TABLE users; --"`), onField("")},
		{"HTML", value(`"<script>alert(1)</script>"`), onField("")},
		{"a lone surrogate", value(`"\ud800"`), onField("")},
		{"the field twice", func(g target) string { return `{"` + g.field + `":"a","` + g.field + `":"b"}` }, onField("validation_duplicate_field")},
		{"the field in capitals", func(g target) string { return with(g.good, strings.ToUpper(g.field), `"x"`) }, func(g target) (string, string) {
			return strings.ToUpper(g.field), "validation_unknown_field"
		}},
		{"an unknown field", func(g target) string { return with(g.good, "status", `"completed"`) }, func(target) (string, string) {
			return "status", "validation_unknown_field"
		}},
		{"a prototype", func(g target) string { return with(g.good, "__proto__", `{}`) }, func(target) (string, string) {
			return "__proto__", "validation_unknown_field"
		}},
		{"a field called code", func(g target) string { return with(g.good, "code", `"x"`) }, func(target) (string, string) {
			return "code", "validation_unknown_field"
		}},
	}
	for _, g := range targets {
		for _, c := range cases {
			t.Run(g.name+" with "+c.name, func(t *testing.T) {
				w := &world{TestApp: w.TestApp, tb: t, people: w.people, handler: w.router()}
				got := w.ask(g.caller, "POST", g.path, c.body(g))
				got.sane(t)
				if got.status != http.StatusBadRequest {
					t.Errorf("got %d %.300s, want 400", got.status, got.body)
					return
				}
				if field, code := c.code(g); code != "" && got.code(t, field) != code {
					t.Errorf("got %.300s, want %s for %q", got.body, code, field)
				} else if code == "" && got.decodeError(t).Data[field] == nil {
					t.Errorf("got %.300s, want an error of %q", got.body, field)
				}
			})
		}
	}
	if w.dump() != before {
		t.Error("something changed")
	}
	if sent := w.TestMailer.TotalSend(); sent != 0 {
		t.Errorf("%d mails went out", sent)
	}
}

func TestUnknownFieldsOfOneAnswerAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	members := make([]string, 5000)
	for i := range members {
		members[i] = fmt.Sprintf(`"f%d":1`, i)
	}
	got := w.ask("", "POST", previewPath, "{"+strings.Join(members, ",")+"}")
	got.sane(t)
	if n := len(got.decodeError(t).Data); n != 20 {
		t.Errorf("got %d field errors, want 20", n)
	}
}

func TestBodiesOfOtherTypesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	targets := w.targets()
	before := w.dump()
	for _, g := range targets {
		for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "application/jsonp", ";"} {
			request := w.request(g.caller, "POST", g.path, g.good)
			request.Header.Set("Content-Type", kind)
			got := w.send(request)
			got.sane(t)
			if got.status != http.StatusUnsupportedMediaType || got.code(t, "") != "body_not_json" {
				t.Errorf("%s as %q: got %d %s, want 415", g.name, kind, got.status, got.body)
			}
		}
	}
	if w.dump() != before {
		t.Error("something changed")
	}
	request := w.request("dispatcher", "POST", targets[0].path, targets[0].good)
	request.Header.Set("Content-Type", "Application/JSON; charset=utf-8")
	if got := w.send(request); got.status != http.StatusOK {
		t.Errorf("JSON with a charset: got %d %s", got.status, got.body)
	}
}

// endless is a body of unknown length.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = ' '
	}
	e.left -= n
	return n, nil
}

func TestLargeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	targets := w.targets()
	before := w.dump()
	server := httptest.NewServer(w.router())
	t.Cleanup(server.Close)
	ask := func(g target, body io.Reader) answer {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+g.path, body)
		w.must(err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", w.token(g.caller))
		response, err := http.DefaultClient.Do(request)
		w.must(err)
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		w.must(err)
		return answer{response.StatusCode, response.Header, string(content)}
	}
	for _, g := range targets {
		for name, body := range map[string]io.Reader{
			"10 MB":                   strings.NewReader(with(g.good, g.field, `"`+strings.Repeat("a", 10<<20)+`"`)),
			"10 MB of unknown length": &endless{10 << 20},
			"one byte too many":       strings.NewReader(with(g.good, g.field, `"x"`) + strings.Repeat(" ", 64<<10)),
		} {
			got := ask(g, body)
			got.sane(t)
			if got.status != http.StatusRequestEntityTooLarge || got.message(t) != "Request entity too large." {
				t.Errorf("%s with %s: got %d %s, want 413", g.name, name, got.status, got.body)
			}
		}
		short := with(g.good, g.field, `"x"`)
		if got := ask(g, strings.NewReader(short+strings.Repeat(" ", 64<<10-len(short)))); got.status == http.StatusRequestEntityTooLarge {
			t.Errorf("%s with 64 KiB: got %d %s", g.name, got.status, got.body)
		}
	}
	if w.dump() != before {
		t.Error("something changed")
	}
}

// Ids that are none, and those of other tenants.
func TestBadPathsAreAMiss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreign := w.order()
	_, err := w.DB().NewQuery("UPDATE work_orders SET organization = '" + w.otherOrganization.Id + "'").Execute()
	w.must(err)
	before := w.dump()
	ids := map[string]string{
		"of another tenant": foreign.Id, "that is none": "doesnotexist000", "with a quote": "'%20OR%20'1'='1", "with markup": "%3Cscript%3E",
		"with a null character": "a%00b", "with invalid UTF-8": "%ff%fe", "that is long": strings.Repeat("a", 5000), "with a slash": "a%2Fb", "of dots": "%2e%2e",
	}
	for name, id := range ids {
		got := w.ask("dispatcher", "POST", transitionPath(id), map[string]any{"to": "cancelled"})
		got.sane(t)
		if got.status != http.StatusNotFound {
			t.Errorf("an order %s: got %d %s", name, got.status, got.body)
		}
		if name == "of another tenant" {
			id = w.otherOrganization.Id
		}
		for _, request := range []*http.Request{
			w.request("owner", "GET", "/api/v1/organizations/"+id+"/board", nil),
			w.request("owner", "GET", "/api/v1/organizations/"+id+"/export", nil),
			w.request("owner", "POST", "/api/v1/organizations/"+id+"/invitations", map[string]any{"email": "paul@example.com", "role": "viewer"}),
		} {
			got := w.send(request)
			got.sane(t)
			if got.status != http.StatusNotFound {
				t.Errorf("an organization %s at %s: got %d %s", name, request.URL.Path, got.status, got.body)
			}
		}
	}
	if w.dump() != before {
		t.Error("something changed")
	}
}
