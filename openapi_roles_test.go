//go:build unix

package main_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// callers in the order in which they may delete things: whoever is last has the
// most to delete.
var callers = []string{"guest", "stranger", "viewer", "technician", "dispatcher", "competitor", "owner", "superuser"}

// noProbe are operations of which no answer tells whether the caller is let in.
var noProbe = map[string]string{
	"GET /api/realtime":  "a stream",
	"POST /api/realtime": "404 without a stream",
	"GET /api/files/{collection}/{recordId}/{filename}": "who may see a file is who may see its record",
	"POST /api/v1/hooks/erp/{organization}":             "the signature decides, not the caller",
}

// onlyInTheory is listed for those who have no such record, as they could come by
// one: what is in records is no part of the document.
var onlyInTheory = map[string]bool{
	"stranger DELETE /api/collections/memberships/records/{id}": true, // their own
}

// What a document lists can be called by whom it is for, and nothing else can:
// every operation is tried by everybody, with requests of which the operator's
// own succeed.
func TestDocumentsListWhatIsAllowed(t *testing.T) {
	t.Parallel()
	a := startAPI(t)
	type operation struct{ method, path string }
	var all []operation
	a.documents["superuser"].Operations(func(method, path string, _ map[string]any) {
		if noProbe[method+" "+path] == "" {
			all = append(all, operation{method, path})
		}
	})
	// accounts go last, as nothing can be tried without them
	rank := func(o operation) int {
		if o.method != http.MethodDelete {
			return 0
		}
		return 1 + slices.Index([]string{"memberships", "organizations", "users"}, collectionIn(o.path))
	}
	slices.SortStableFunc(all, func(x, y operation) int { return rank(x) - rank(y) })

	tried := 0
	attempt := func(who string, o operation) {
		listed := a.documents[who].At("paths", o.path, strings.ToLower(o.method)) != nil
		verdict, last := a.probe(t, who, o.method, o.path)
		switch tried++; {
		case verdict == unclear:
			t.Errorf("%s, %s %s: nothing shows whether this may be called (listed: %t); the last answer is %d %s", who, o.method, o.path, listed, last.Status, last.Body)
		case listed != (verdict == admitted) && !onlyInTheory[who+" "+o.method+" "+o.path]:
			t.Errorf("%s, %s %s: listed %t, but admitted %t; the last answer is %d %s", who, o.method, o.path, listed, verdict == admitted, last.Status, last.Body)
		}
	}
	for _, deleting := range []bool{false, true} {
		for _, who := range callers {
			for _, o := range all {
				// superusers are never refused, but there may be nothing to call it with
				none := who == "superuser" && (deleting || a.ids[collectionIn(o.path)] == nil)
				if (o.method == http.MethodDelete) == deleting && !none {
					attempt(who, o)
				}
			}
		}
	}
	t.Logf("%d operations, %d tries", len(all), tried)
}

type verdict int

const (
	refused verdict = iota
	admitted
	unclear
)

// probe finds out whether somebody may call an operation.
func (a *api) probe(t *testing.T, who, method, path string) (verdict, pbtest.Response) {
	t.Helper()
	var last pbtest.Response
	found := refused
	for _, target := range a.targets(t, who, path) {
		for _, body := range a.bodies(t, who, method, path) {
			r := pbtest.Request{Method: method, Path: target, Body: body.json}
			if body.form != nil {
				r.Body, r.ContentType = body.form()
			}
			last = a.send(t, who, r)
			switch v := judge(method, path, last, body.beyond); v {
			case admitted:
				a.undo(t, method, path, last)
				return admitted, last
			case unclear:
				found = unclear
			case refused:
			}
		}
	}
	return found, last
}

// undo deletes an organization that was created, of which its creator is an owner.
func (a *api) undo(t *testing.T, method, path string, answer pbtest.Response) {
	t.Helper()
	if method != http.MethodPost || collectionIn(path) != "organizations" {
		return
	}
	var made struct{ ID string }
	answer.JSON(t, &made)
	if got := a.send(t, "superuser", pbtest.Request{Method: http.MethodDelete, Path: path + "/" + made.ID}); got.Status != 204 {
		t.Fatalf("delete what was created at %s: %d %s", path, got.Status, got.Body)
	}
}

// judge tells from an answer whether the caller was let in. beyond are the statuses
// by which the request is refused for what is in it.
func judge(method, path string, answer pbtest.Response, beyond []int) verdict {
	isCreate := method == http.MethodPost && strings.HasSuffix(path, "/records")
	switch {
	case answer.Status < 300 && method == http.MethodGet && strings.HasSuffix(path, "/records"):
		if strings.Contains(string(answer.Body), `"items":[]`) {
			return refused // what an unmet rule looks like
		}
		return admitted
	case answer.Status < 300, slices.Contains(beyond, answer.Status):
		return admitted
	case answer.Status == 401, answer.Status == 403, answer.Status == 404, answer.Status == 400 && isCreate:
		return refused
	case answer.Status == 400 && method == http.MethodDelete && isRecords(path):
		return admitted // something needs the record
	default:
		return unclear
	}
}

var ofRecords = regexp.MustCompile(`^/api/collections/([^/{}]+)/records`)

func isRecords(path string) bool { return ofRecords.MatchString(path) }

func collectionIn(path string) string {
	if match := ofRecords.FindStringSubmatch(path); match != nil {
		return match[1]
	}
	return ""
}

var inBraces = regexp.MustCompile(`\{([^{}]+)\}`)

// targets are addresses of the path: for each record that the caller might be let
// at, a few.
func (a *api) targets(t *testing.T, who, path string) []string {
	t.Helper()
	names := inBraces.FindAllStringSubmatch(path, -1)
	if len(names) == 0 {
		return []string{path}
	}
	collection := collectionIn(path)
	switch {
	case strings.Contains(path, "/work-orders/"):
		collection = "work_orders"
	case strings.Contains(path, "/organizations/"):
		collection = "organizations"
	}
	candidates := a.candidates(t, who, collection)
	var all []string
	for _, id := range candidates {
		all = append(all, inBraces.ReplaceAllString(path, id))
	}
	return all
}

// candidates are ids of records, those that the caller sees first.
func (a *api) candidates(t *testing.T, who, collection string) []string {
	t.Helper()
	if collection == "" {
		return []string{"nothing"}
	}
	ids := a.visible(t, who, collection, 30)
	if collection == "users" && who != "guest" && who != "superuser" {
		ids = append(ids, a.self(t, who))
	}
	for _, id := range a.ids[collection] {
		if len(ids) >= 36 {
			break
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return []string{"nothing"}
	}
	return ids
}

// self is the id of the caller's account.
func (a *api) self(t *testing.T, who string) string {
	t.Helper()
	var auth struct{ Record struct{ ID string } }
	a.send(t, who, pbtest.Request{Method: http.MethodPost, Path: "/api/collections/users/auth-refresh"}).JSON(t, &auth)
	return auth.Record.ID
}

// attemptBody is a body to try an operation with.
type attemptBody struct {
	json   any
	form   func() (body any, contentType string)
	beyond []int // see judge
}

// unfit is a body that is let in and then refused.
func unfit(json any, statuses ...int) []attemptBody {
	return []attemptBody{{json: json, beyond: statuses}}
}

var flows = regexp.MustCompile(`^/api/collections/[^/{}]+/([a-z0-9-]+)$`)

// bodies are what the operation is tried with.
func (a *api) bodies(t *testing.T, who, method, path string) []attemptBody {
	t.Helper()
	type object = map[string]any
	if match := flows.FindStringSubmatch(path); match != nil && method == http.MethodPost && match[1] != "auth-refresh" && match[1] != "records" {
		return unfit(object{
			"identity": "nobody", "password": "wrong-password", "passwordConfirm": "wrong-password", "token": "x", "otpId": "x",
			"email": "nobody@example.com", "newEmail": fmt.Sprintf("%s@elsewhere.example", who), "provider": "none", "code": "x",
		}, 400, 500) // 500: there is nobody to send a mail
	}
	switch method + " " + path {
	case "POST /api/collections/organizations/records":
		return []attemptBody{{json: object{"name": "New", "slug": "new-" + who, "timezone": "Europe/London"}}}
	case "POST /api/collections/users/records":
		return []attemptBody{{json: object{"email": who + "@new.example", "password": "long-enough-1", "passwordConfirm": "long-enough-1"}}}
	case "POST /api/collections/sites/records":
		return a.each(t, who, "organizations", func(id string) any { return object{"organization": id, "name": "New"} })
	case "POST /api/collections/work_orders/records":
		var bodies []attemptBody
		for _, site := range a.candidates(t, who, "sites")[:6] {
			var record struct{ Organization string }
			a.send(t, "superuser", pbtest.Request{Path: "/api/collections/sites/records/" + site}).JSON(t, &record)
			body := object{"organization": record.Organization, "site": site, "title": "New", "priority": "low"}
			bodies = append(bodies, attemptBody{json: body})
		}
		return bodies
	case "POST /api/collections/notes/records":
		return a.each(t, who, "work_orders", func(id string) any { return object{"work_order": id, "author": a.author(t, who), "body": "New"} })
	case "POST /api/collections/photos/records":
		author := a.author(t, who)
		var bodies []attemptBody
		for _, id := range a.candidates(t, who, "work_orders")[:12] {
			bodies = append(bodies, attemptBody{form: func() (any, string) {
				return picture(t, "image", map[string]string{"work_order": id, "author": author})
			}})
		}
		return bodies
	case "POST /api/collections/memberships/records":
		user := a.author(t, "stranger")
		return a.each(t, who, "organizations", func(id string) any { return object{"organization": id, "user": user, "role": "viewer"} })
	case "POST /api/v1/work-orders/{id}/transition":
		var bodies []attemptBody
		for _, to := range []string{"enRoute", "onSite", "scheduled", "cancelled"} {
			bodies = append(bodies, attemptBody{json: object{"to": to}})
		}
		return bodies
	case "POST /api/v1/organizations/{id}/invitations":
		var bodies []attemptBody
		for _, email := range []string{people["viewer"], people["competitor"]} { // who is there already
			bodies = append(bodies, unfit(object{"email": email, "role": "viewer"}, 400)...)
		}
		return bodies
	case "POST /api/v1/invitations/accept", "POST /api/v1/invitations/preview":
		return unfit(object{"token": "nonsense"}, 400)
	case "POST /api/batch":
		return unfit(object{"requests": []any{}}, 400)
	}
	if strings.HasPrefix(path, "/api/push/") {
		return unfit(object{}, 400, 404, 503) // there are no devices
	}
	if method == http.MethodPatch || method == http.MethodPost || method == http.MethodPut {
		return []attemptBody{{json: object{}}}
	}
	return []attemptBody{{}}
}

// each makes a body of each candidate.
func (a *api) each(t *testing.T, who, collection string, body func(id string) any) []attemptBody {
	t.Helper()
	var bodies []attemptBody
	for _, id := range a.candidates(t, who, collection) {
		bodies = append(bodies, attemptBody{json: body(id)})
	}
	return bodies[:min(12, len(bodies))]
}

// author is whom a record of the caller's is from.
func (a *api) author(t *testing.T, who string) string {
	t.Helper()
	if who == "guest" || who == "superuser" {
		return a.ids["users"][0]
	}
	return a.self(t, who)
}
