package openapi_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

// TestTooManyRequests asks which operations can be answered with 429.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	app := torture.New(t, func(app core.App) error {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			api := openapi.On(e).Group("/api/v1")
			nothing := func(*core.RequestEvent, *openapi.None) (*openapi.None, error) { return nil, nil }
			openapi.Route(api, openapi.Op{Method: "GET", Path: "/things/{id}"}, nothing)
			openapi.Route(api, openapi.Op{Method: "GET", Path: "/exempt"}, nothing).Unbind(apis.DefaultRateLimitMiddlewareId)
			openapi.Route(api, openapi.Op{Method: "GET", Path: "/secret", Access: openapi.Superusers}, nothing)
			return e.Next()
		})
		return nil
	}, register(openapi.Config{}))
	do := serve(t, app)
	root := pbtest.Superuser(t, app)
	_, user := pbtest.User(t, app, "users", nil)

	const list, view, create = "GET /api/collections/targets/records", "GET /api/collections/targets/records/{id}", "POST /api/collections/targets/records"
	const signIn, thing, exempt, secret = "POST /api/collections/users/auth-with-password", "GET /api/v1/things/{id}", "GET /api/v1/exempt", "GET /api/v1/secret"
	all := []string{list, view, create, signIn, thing, exempt, secret, "GET /api/health"}
	for _, c := range []struct {
		name  string
		token string
		rules []core.RateLimitRule
		want  string
	}{
		{"everything", "", []core.RateLimitRule{{Label: "/api/"}}, "11111001"},
		{"everything, for superusers too", root, []core.RateLimitRule{{Label: "/api/"}}, "11111001"},
		{"a path", "", []core.RateLimitRule{{Label: "/api/health"}}, "00000001"},
		{"a path and another method", "", []core.RateLimitRule{{Label: "POST /api/collections/targets/records"}}, "00100000"},
		{"a path within a pattern", "", []core.RateLimitRule{{Label: "/api/v1/things/one"}}, "00001000"},
		{"below a path within a pattern", "", []core.RateLimitRule{{Label: "/api/v1/things/one/"}}, "00001000"},
		{"an action", "", []core.RateLimitRule{{Label: "*:list"}}, "10000000"},
		{"an action of a collection", "", []core.RateLimitRule{{Label: "targets:create"}}, "00100000"},
		{"of another collection", "", []core.RateLimitRule{{Label: "users:view"}}, "00000000"},
		{"signing in", "", []core.RateLimitRule{{Label: "*:auth"}}, "00010000"},
		{"others than guests", "", []core.RateLimitRule{{Label: "/api/", Audience: "@auth"}}, "00000000"},
		{"others than the caller", user, []core.RateLimitRule{{Label: "/api/", Audience: "@guest"}}, "00000000"},
		{"the caller", user, []core.RateLimitRule{{Label: "/api/", Audience: "@auth"}}, "11111001"},
		{"a longer path", "", []core.RateLimitRule{{Label: "/api/health/more/"}}, "00000000"},
	} {
		settings := app.Settings()
		settings.RateLimits.Enabled = true
		for i := range c.rules {
			c.rules[i].MaxRequests, c.rules[i].Duration = 1000, 1
		}
		settings.RateLimits.Rules = c.rules
		if err := app.Save(settings); err != nil {
			t.Fatal(err)
		}
		document := apispec.Read(t, fetch(t, do, c.token))
		var got strings.Builder
		for _, op := range all {
			method, path, _ := strings.Cut(op, " ")
			mark := byte('0')
			if document.At("paths", path, strings.ToLower(method), "responses", "429") != nil {
				mark = '1'
			}
			got.WriteByte(mark)
		}
		if got.String() != c.want {
			t.Errorf("%s: got %s, want %s of %v", c.name, got.String(), c.want, all)
		}
	}
}
