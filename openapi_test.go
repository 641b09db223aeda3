//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// member is one of the demo's people, who belong to one organization.
type member struct {
	Email, Password, Name, Role, Organization string
	token                                     string
}

// described is the program with the demo's data, and what it says of itself.
type described struct {
	*server
	root     string // a superuser's token
	document *apispec.Document
	people   map[string]member // by role, all of one organization
	id       string            // of that organization
}

func serveDescribed(t *testing.T) *described {
	t.Helper()
	d := &described{server: serve(t, "", nil, "--demo"), people: map[string]member{}}
	d.root = d.signIn(t, rootPassword)
	body := d.documentFor(t, d.root)
	apispec.Validate(t, body)
	d.document = apispec.Read(t, body)

	var demo struct{ Accounts []member }
	d.ask(t, "", "GET", "/api/v1/demo", nil, &demo)
	for _, m := range demo.Accounts {
		if m.Organization != demo.Accounts[0].Organization || d.people[m.Role].token != "" {
			continue
		}
		var auth struct{ Token string }
		d.must(t, http.MethodPost, "/api/collections/users/auth-with-password", "",
			fmt.Sprintf(`{"identity":%q,"password":%q}`, m.Email, m.Password), &auth)
		m.token = auth.Token
		d.people[m.Role] = m
	}
	var found struct{ Items []struct{ ID string } }
	d.must(t, http.MethodGet, "/api/collections/organizations/records", d.people["viewer"].token, "", &found)
	if len(d.people) != 4 || len(found.Items) != 1 {
		t.Fatalf("got people with the roles %v of %d organizations", slices.Collect(maps.Keys(d.people)), len(found.Items))
	}
	d.id = found.Items[0].ID
	return d
}

func (d *described) documentFor(t *testing.T, token string) []byte {
	t.Helper()
	var raw json.RawMessage
	d.must(t, http.MethodGet, "/api/openapi.json", token, "", &raw)
	return raw
}

// ask sends a request and compares the answer with the superuser's document.
func (d *described) ask(t *testing.T, token, method, path string, body, result any) (status int) {
	t.Helper()
	var content io.Reader = http.NoBody
	if text, ok := body.(string); ok {
		content = strings.NewReader(text)
	} else if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, d.url+path, content)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := pbtest.Response{Status: response.StatusCode, Header: response.Header, Body: answer}
	if err := d.document.Check(pbtest.Request{Method: method, Path: path}, got); err != nil {
		t.Error(err)
	}
	if result != nil {
		if err := json.Unmarshal(answer, result); err != nil {
			t.Errorf("%s %s: %v: %s", method, path, err, answer)
		}
	}
	return got.Status
}

// The app's own routes are described, are listed for whom they are, and answer as
// they say.
func TestRoutesOfTheReferenceApp(t *testing.T) {
	t.Parallel()
	d := serveDescribed(t)

	var routes []string
	d.document.Operations(func(method, path string, op map[string]any) {
		if strings.HasPrefix(path, "/api/v1/") {
			routes = append(routes, method+" "+path)
			if op["description"] == "This route has not been described." {
				t.Errorf("%s %s is not described", method, path)
			}
		}
	})
	slices.Sort(routes)
	want := []string{
		"DELETE /api/v1/organizations/{id}/erp-secret",
		"GET /api/v1/demo",
		"GET /api/v1/organizations/{id}/board",
		"GET /api/v1/organizations/{id}/export",
		"POST /api/v1/hooks/erp/{organization}",
		"POST /api/v1/invitations/accept",
		"POST /api/v1/invitations/preview",
		"POST /api/v1/organizations/{id}/erp-secret",
		"POST /api/v1/organizations/{id}/invitations",
		"POST /api/v1/work-orders/{id}/transition",
	}
	if !slices.Equal(routes, want) {
		t.Errorf("got the routes\n%s\nwant\n%s", strings.Join(routes, "\n"), strings.Join(want, "\n"))
	}
	t.Run("by role", d.routesByRole)
	t.Run("transitions", d.transitions)
	t.Run("boards", d.boards)
	t.Run("invitations", d.invitations)
}

// Those who are refused whatever they ask for have no such route in their
// document, and those who have it are not refused.
func (d *described) routesByRole(t *testing.T) {
	order, status := d.orderOf(t, "technician", "")
	routes := []struct {
		method, path, actual, body string
		roles                      string // who may
	}{
		{"GET", "/api/v1/organizations/{id}/board", "", "", "owner dispatcher viewer root"},
		{"GET", "/api/v1/organizations/{id}/export", "", "", "owner root"},
		{"POST", "/api/v1/organizations/{id}/invitations", "", `{"email":"","role":"viewer"}`, "owner root"},
		{"POST", "/api/v1/organizations/{id}/erp-secret", "", "", "owner root"},
		{"DELETE", "/api/v1/organizations/{id}/erp-secret", "", "", "owner root"},
		{"POST", "/api/v1/work-orders/{id}/transition", "/api/v1/work-orders/" + order + "/transition", `{"to":"` + status + `"}`, "owner dispatcher technician root"},
		{"POST", "/api/v1/invitations/preview", "", `{"token":"x"}`, "guest owner dispatcher technician viewer root"},
		{"POST", "/api/v1/invitations/accept", "", `{"token":"x"}`, "guest owner dispatcher technician viewer root"},
	}
	for _, role := range []string{"guest", "viewer", "technician", "dispatcher", "owner", "root"} {
		token := d.people[role].token
		if role == "root" {
			token = d.root
		}
		document := apispec.Read(t, d.documentFor(t, token))
		for _, r := range routes {
			if r.actual == "" {
				r.actual = strings.ReplaceAll(r.path, "{id}", d.id)
			}
			var body any
			if r.body != "" {
				body = r.body
			}
			may := slices.Contains(strings.Fields(r.roles), role)
			listed := document.At("paths", r.path, strings.ToLower(r.method)) != nil
			answered := d.ask(t, token, r.method, r.actual, body, nil)
			refused := answered == http.StatusUnauthorized || answered == http.StatusForbidden
			if listed != may || refused == may {
				t.Errorf("%s: %s %s is listed: %v, answers %d, want it listed and allowed: %v", role, r.method, r.path, listed, answered, may)
			}
		}
	}
}

// orderOf is an order that somebody with the role sees, and its status.
func (d *described) orderOf(t *testing.T, role, filter string) (id, status string) {
	t.Helper()
	var found struct{ Items []struct{ ID, Status string } }
	path := "/api/collections/work_orders/records?perPage=1&filter=" + url.QueryEscape(filter)
	d.must(t, http.MethodGet, path, d.people[role].token, "", &found)
	if len(found.Items) == 0 {
		t.Fatalf("the %s sees no order with %q", role, filter)
	}
	return found.Items[0].ID, found.Items[0].Status
}

func (d *described) transitions(t *testing.T) {
	office := d.people["dispatcher"].token
	order, _ := d.orderOf(t, "dispatcher", "status = 'draft'")
	path := "/api/v1/work-orders/" + order + "/transition"
	for _, c := range []struct {
		name, token, path string
		body              any
		want              int
	}{
		{"move", office, path + "?expand=site,assignee", map[string]any{"to": "cancelled", "note": "Not needed."}, 200},
		{"again", office, path, map[string]any{"to": "cancelled"}, 200},
		{"illegal", office, path, map[string]any{"to": "draft"}, 400},
		{"unknown status", office, path, map[string]any{"to": "nowhere"}, 400},
		{"wrong types", office, path, map[string]any{"to": 1, "note": nil, "code": "x"}, 400},
		{"no object", office, path, "[]", 400},
		{"no JSON", office, path, "{", 400},
		{"too large", office, path, strings.Repeat(" ", 65<<10), 413},
		{"a note of a superuser", d.root, path, map[string]any{"to": "completed", "note": "x"}, 400},
		{"a guest", "", path, map[string]any{"to": "onSite"}, 401},
		{"a viewer", d.people["viewer"].token, path, map[string]any{"to": "onSite"}, 403},
		{"none", office, "/api/v1/work-orders/doesnotexist000/transition", map[string]any{"to": "onSite"}, 404},
	} {
		if got := d.ask(t, c.token, "POST", c.path, c.body, nil); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func (d *described) boards(t *testing.T) {
	path := "/api/v1/organizations/" + d.id
	for query, want := range map[string]int{
		"/board": 200, "/board?from=2026-01-01&to=2099-01-31&priority=high&q=a&assignee=none": 200, "/board?from=&q=": 200,
		"/board?from=x": 400, "/board?from=2026-02-02&to=2026-02-01": 400, "/board?q=a&q=b": 400, "/board?priority=never": 400,
		"/export": 200, "/export?format=csv": 200, "/export?format=xml": 400, "/export?format=json&format=csv": 400,
	} {
		if got := d.ask(t, d.people["owner"].token, "GET", path+query, nil, nil); got != want {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
	for _, what := range []string{"board", "export"} {
		if got := d.ask(t, d.root, "GET", "/api/v1/organizations/doesnotexist000/"+what, nil, nil); got != 404 {
			t.Errorf("the %s of nobody: got %d, want 404", what, got)
		}
	}
	var first struct{ Secret string }
	for range 2 {
		d.ask(t, d.people["owner"].token, "POST", path+"/erp-secret", nil, &first)
	}
	if first.Secret == "" {
		t.Error("there is no secret for the ERP")
	}
	erp := "/api/v1/hooks/erp/" + d.id
	if got := d.ask(t, "", "POST", erp, map[string]any{"type": "order.created", "more": 1}, nil); got != 401 {
		t.Errorf("a message that nobody has signed: got %d, want 401", got)
	}
}

func (d *described) invitations(t *testing.T) {
	// as if it had come by mail: the program under test sends none
	var organization struct{ InvitationKey string }
	d.must(t, http.MethodGet, "/api/collections/organizations/records/"+d.id, d.root, "", &organization)
	invite := func(email string) string {
		token, err := security.NewJWT(map[string]any{
			"type": "invitation", "organization": d.id, "email": email, "role": "viewer",
		}, organization.InvitationKey, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	owner := d.people["owner"]
	fresh, old := invite("nora@example.com"), invite(owner.Email)
	for _, c := range []struct {
		name, token, path string
		body              any
		want              int
	}{
		{"invite a member", owner.token, "/api/v1/organizations/" + d.id + "/invitations", map[string]any{"email": owner.Email, "role": "viewer"}, 400},
		{"preview", "", "/api/v1/invitations/preview", map[string]any{"token": fresh}, 200},
		{"preview nothing", "", "/api/v1/invitations/preview", map[string]any{}, 400},
		{"without a password", "", "/api/v1/invitations/accept", map[string]any{"token": fresh}, 400},
		{"short password", "", "/api/v1/invitations/accept", map[string]any{"token": fresh, "password": "x", "passwordConfirm": "x"}, 400},
		{"as a newcomer", "", "/api/v1/invitations/accept", map[string]any{"token": fresh, "name": "Nora", "password": "a long password", "passwordConfirm": "a long password"}, 200},
		{"again as a guest", "", "/api/v1/invitations/accept", map[string]any{"token": fresh}, 403},
		{"as somebody else", owner.token, "/api/v1/invitations/accept", map[string]any{"token": fresh}, 403},
		{"signed in", owner.token, "/api/v1/invitations/accept", map[string]any{"token": old}, 200},
	} {
		if got := d.ask(t, c.token, "POST", c.path, c.body, nil); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
