package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

// Every answer is as the document says, the refusals too.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	app := torture.New(t, pbtest.FastPasswords, withBatch, register(openapi.Config{}))
	do := serve(t, app)
	root := pbtest.Superuser(t, app)
	person, token := pbtest.User(t, app, "users", nil)
	worker, workerToken := pbtest.User(t, app, "staff", map[string]any{"username": "wanda"})
	pbtest.AwaitMails(t, app)
	everything := apispec.Read(t, fetch(t, do, root))

	// call sends a request, compares the answer with the document, and returns it.
	call := func(status int, r pbtest.Request) pbtest.Response {
		t.Helper()
		answer := do(r)
		if err := everything.Check(r, answer); err != nil {
			t.Error(err)
		}
		if answer.Status != status {
			t.Errorf("%s %s: got %d, want %d: %s", r.Method, r.Path, answer.Status, status, answer.Body)
		}
		return answer
	}
	post := func(status int, path, token string, body any) map[string]any {
		t.Helper()
		var decoded map[string]any
		_ = json.Unmarshal(call(status, pbtest.Request{Method: "POST", Path: path, Token: token, Body: body}).Body, &decoded)
		return decoded
	}
	const api = "/api/collections/"
	one := post(200, api+"targets/records", "", map[string]any{"name": "one"})["id"].(string)
	two := post(200, api+"targets/records", "", map[string]any{"name": "two"})["id"].(string)

	full := map[string]any{
		"text": "x", "short": "abcd", "code": "AB-12", "exotic": "é", "hidden": "h", "number": 1.5, "ranged": 6, "whole": 3, "flag": true,
		"mail": "a@example.org", "house_mail": "a@example.com", "link": "https://example.org/x", "house_link": "https://example.com/x",
		"prose": "<p>x</p>", "day": "2026-01-31", "bounded": "2026-01-31 08:30:00.000Z", "choice": "a", "choices": []string{"a", "b"},
		"data": map[string]any{"a": []any{1, "b", nil}}, "place": map[string]any{"lon": 23.3, "lat": 42.7}, "target": one, "targets": []string{one, two},
	}
	id := post(200, api+"everything/records?expand=target,targets", "", full)["id"].(string)
	post(200, api+"everything/records", "", map[string]any{})
	post(400, api+"everything/records", "", map[string]any{"short": "a", "code": "x", "ranged": 1, "choice": "z", "target": "nothing"})
	strict := map[string]any{
		"text": "ab", "code": "ff", "number": 1, "negative": -7, "flag": true, "mail": "a@example.org", "link": "https://example.org",
		"prose": "x", "day": "2026-01-31", "choice": "a", "choices": []string{"a"}, "data": 1, "place": map[string]any{"lon": 1, "lat": 1},
		"target": one, "targets": []string{one},
	}
	post(200, api+"everything_required/records", "", strict)
	post(400, api+"everything_required/records", "", map[string]any{})
	post(403, api+"locked/records", token, map[string]any{})
	post(200, api+"locked/records?expand=target", root, map[string]any{"target": one})

	for _, query := range []string{
		"", "?skipTotal=true", "?perPage=1&page=2&sort=-created", "?filter=text%3D%22x%22", "?expand=target,targets", "?sort=nothing", "?page=x",
		"?filter=%40request.auth.id%3D%22%22", "?filter=(",
	} {
		for _, as := range []string{"", token, root} {
			r := pbtest.Request{Path: api + "everything/records" + query, Token: as}
			if err := everything.Check(r, do(r)); err != nil {
				t.Error(err)
			}
		}
	}
	call(200, pbtest.Request{Path: api + "targets/records/" + one + "?expand=everything_via_target,everything_via_targets,locked_via_target", Token: root})
	call(200, pbtest.Request{Path: api + "summary/records?expand=target"})
	call(200, pbtest.Request{Path: api + "summary/records/" + id})
	call(404, pbtest.Request{Path: api + "everything/records/nothing"})
	patch := func(status int, path, token string, body any) {
		t.Helper()
		call(status, pbtest.Request{Method: "PATCH", Path: path, Token: token, Body: body})
	}
	patch(200, api+"everything/records/"+id, "", map[string]any{"number+": 2, "choices-": "a", "targets+": one, "text": ""})
	patch(200, api+"everything/records/"+id, "", map[string]any{"+targets": []string{two}})
	patch(400, api+"everything/records/"+id, "", map[string]any{"choices+": []string{"z"}})
	patch(404, api+"everything/records/nothing", "", map[string]any{})
	call(400, pbtest.Request{Method: "DELETE", Path: api + "targets/records/" + one})
	call(204, pbtest.Request{Method: "DELETE", Path: api + "everything/records/" + id})
	call(404, pbtest.Request{Method: "DELETE", Path: api + "everything/records/" + id})

	t.Run("files", func(t *testing.T) {
		upload := func(status int, method, path string, files map[string]string) map[string]any {
			t.Helper()
			body, kind := form(t, files)
			var decoded map[string]any
			_ = json.Unmarshal(call(status, pbtest.Request{Method: method, Path: path, Body: body, ContentType: kind}).Body, &decoded)
			return decoded
		}
		made := upload(200, "POST", api+"uploads/records", map[string]string{"one": "text", "kept": "secret"})
		upload(400, "POST", api+"uploads/records", nil)
		path := fmt.Sprintf("/api/files/uploads/%s/", made["id"])
		if answer := do(pbtest.Request{Path: path + made["one"].(string)}); answer.Status != 200 || string(answer.Body) != "text" {
			t.Errorf("download: got %d %s", answer.Status, answer.Body)
		}
		call(404, pbtest.Request{Path: path + "nothing.txt"})
		call(401, pbtest.Request{Method: "POST", Path: "/api/files/token"})
		post(200, "/api/files/token", token, nil)
		upload(200, "PATCH", api+"uploads/records/"+made["id"].(string), map[string]string{"kept": "other"})
	})
	t.Run("accounts", func(t *testing.T) {
		email := person.Email()
		call(200, pbtest.Request{Path: api + "users/auth-methods"})
		call(200, pbtest.Request{Path: api + "staff/auth-methods"})
		post(200, api+"users/auth-with-password", "", map[string]any{"identity": email, "password": pbtest.Password})
		post(400, api+"users/auth-with-password", "", map[string]any{"identity": email, "password": "wrong"})
		post(400, api+"users/auth-with-password", "", map[string]any{})
		post(401, api+"staff/auth-with-password", "", map[string]any{"identity": worker.Email(), "password": pbtest.Password})
		post(400, api+"users/auth-with-otp", "", map[string]any{"otpId": "x", "password": "y"})
		post(200, api+"users/request-otp", "", map[string]any{"email": email})
		post(200, api+"users/request-otp", "", map[string]any{"email": "nobody@example.com"})
		post(400, api+"users/request-otp", "", map[string]any{"email": "nonsense"})
		post(400, api+"users/auth-with-oauth2", "", map[string]any{"provider": "nobody", "code": "x"})
		post(200, api+"users/auth-refresh", token, nil)
		post(200, api+"staff/auth-refresh", workerToken, nil)
		post(401, api+"users/auth-refresh", "", nil)
		post(403, api+"users/auth-refresh", workerToken, nil)
		for _, kind := range []string{"password-reset", "verification"} {
			post(204, api+"users/request-"+kind, "", map[string]any{"email": email})
			post(400, api+"users/request-"+kind, "", map[string]any{"email": ""})
			post(400, api+"users/confirm-"+kind, "", map[string]any{"token": "x", "password": "12345678", "passwordConfirm": "12345678"})
		}
		post(204, api+"users/request-email-change", token, map[string]any{"newEmail": "other@example.com"})
		post(401, api+"users/request-email-change", "", map[string]any{"newEmail": "other@example.com"})
		post(400, api+"users/confirm-email-change", "", map[string]any{"token": "x", "password": "y"})
		post(200, api+"users/impersonate/"+person.Id, root, map[string]any{"duration": 60})
		post(404, api+"users/impersonate/nothing", root, map[string]any{})
		post(403, api+"users/impersonate/"+person.Id, token, map[string]any{})
		made := post(200, api+"users/records", "", map[string]any{"email": "new@example.com", "password": "12345678", "passwordConfirm": "12345678"})
		post(400, api+"users/records", "", map[string]any{"email": "new@example.com", "password": "1", "passwordConfirm": "2"})
		patch(200, api+"users/records/"+person.Id, token, map[string]any{"name": "Ada"})
		patch(404, api+"users/records/"+made["id"].(string), token, map[string]any{"name": "Ada"})
		call(200, pbtest.Request{Path: api + "users/records", Token: token})
		call(200, pbtest.Request{Path: api + "_superusers/records", Token: root})
		post(200, api+"_superusers/auth-refresh", root, nil)
	})
	t.Run("batch", func(t *testing.T) {
		request := func(name string) map[string]any {
			return map[string]any{"method": "POST", "url": "/api/collections/targets/records", "body": map[string]any{"name": name}}
		}
		call(200, pbtest.Request{Method: "POST", Path: "/api/batch", Body: map[string]any{"requests": []any{request("three"), request("four")}}})
		post(400, "/api/batch", "", map[string]any{"requests": []any{request("three"), request("")}})
		post(400, "/api/batch", "", map[string]any{})
		post(400, "/api/realtime", "", map[string]any{})
		post(404, "/api/realtime", "", map[string]any{"clientId": "nobody", "subscriptions": []string{"targets/*"}})
		call(200, pbtest.Request{Path: "/api/health"})
		call(200, pbtest.Request{Path: "/api/health", Token: root})
	})
	t.Run("operator", func(t *testing.T) {
		get := func(paths ...string) {
			t.Helper()
			for _, path := range paths {
				call(200, pbtest.Request{Path: path, Token: root})
				call(401, pbtest.Request{Path: path})
				call(403, pbtest.Request{Path: path, Token: token})
			}
		}
		get("/api/settings", "/api/collections", "/api/collections/users", "/api/collections/everything", "/api/collections/summary",
			"/api/collections/meta/scaffolds", "/api/collections/meta/oauth2-providers", "/api/logs", "/api/logs/stats", "/api/crons", "/api/backups")
		patch(200, "/api/settings", root, map[string]any{"meta": map[string]any{"appName": "Elsewhere"}})
		patch(400, "/api/settings", root, map[string]any{"meta": map[string]any{"appName": ""}})
		post(400, "/api/settings/test/s3", root, map[string]any{"filesystem": "nothing"})
		post(400, "/api/settings/test/email", root, map[string]any{"email": ""})
		post(400, "/api/settings/apple/generate-client-secret", root, map[string]any{})
		post(200, "/api/sql", root, map[string]any{"query": "SELECT 1 AS one, NULL AS none"})
		post(400, "/api/sql", root, map[string]any{"query": "SELEC"})
		post(200, "/api/collections/meta/dry-run-view", root, map[string]any{"query": "SELECT id FROM targets"})
		post(400, "/api/collections", root, map[string]any{"name": ""})
		post(404, "/api/crons/nothing", root, nil)
		call(404, pbtest.Request{Path: "/api/logs/nothing", Token: root})
		call(404, pbtest.Request{Path: "/api/collections/nothing", Token: root})
		call(400, pbtest.Request{Method: "DELETE", Path: "/api/backups/nothing.zip", Token: root})
		post(400, "/api/backups", root, map[string]any{"name": "Not a name"})
		post(200, "/api/collections", root, map[string]any{"name": "fresh", "type": "base", "fields": []any{map[string]any{"name": "x", "type": "text"}}})
		patch(200, "/api/collections/fresh", root, map[string]any{"listRule": ""})
		call(204, pbtest.Request{Method: "DELETE", Path: "/api/collections/fresh/truncate", Token: root})
		call(204, pbtest.Request{Method: "DELETE", Path: "/api/collections/fresh", Token: root})
	})
}

func withBatch(app core.App) error {
	settings := app.Settings()
	settings.Batch.Enabled, settings.Batch.MaxRequests = true, 10
	return app.Save(settings)
}

// form is a multipart body with text files.
func form(tb testing.TB, files map[string]string) (body *bytes.Buffer, contentType string) {
	tb.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for name, content := range files {
		part, err := w.CreateFormFile(name, name+".txt")
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := part.Write([]byte(content)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return body, w.FormDataContentType()
}

// Nothing that the router has below /api is missing from a superuser's document,
// and nothing is there that the router has not.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	app := torture.New(t, withBatch, register(openapi.Config{}))
	do := serve(t, app)
	document := apispec.Read(t, fetch(t, do, pbtest.Superuser(t, app)))
	routes := openapi.Registered(t.Context(), app)
	if len(routes) < 50 {
		t.Fatalf("the router has only %d routes: its shape has changed", len(routes))
	}
	// what a browser is sent back to from another service, and the page itself
	hidden := map[string]bool{
		"GET /api/oauth2-redirect": true, "POST /api/oauth2-redirect": true,
		"GET /api/openapi.json": true, "GET /api/docs": true, "GET /api/docs/page.css": true, "GET /api/docs/page.js": true,
		"GET /api/docs/scalar.js": true, "GET /api/docs/LICENSE": true,
	}
	for _, r := range routes {
		if hidden[r.Method+" "+r.Path] {
			continue
		}
		if _, ok := document.Operation(r.Method, r.Sample("users")); !ok {
			t.Errorf("%s %s is not described", r.Method, r.Path)
		}
	}
	document.Operations(func(method, path string, _ map[string]any) {
		if !slices.ContainsFunc(routes, func(r openapi.RegisteredRoute) bool {
			return r.Method == method && r.Matches(openapi.Sample(path, "users"))
		}) {
			t.Errorf("%s %s is described, and the router has no such route", method, path)
		}
	})
}
