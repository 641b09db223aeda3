package openapi_test

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

// A route whose id an operation on records has goes by another, in every view.
func TestIDsOfOperationsAreUnique(t *testing.T) {
	t.Parallel()
	app := torture.New(t, func(app core.App) error {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			api := openapi.On(e).Group("/api/v1")
			nothing := func(*core.RequestEvent, *openapi.None) (*openapi.None, error) { return nil, nil }
			for path, id := range map[string]string{
				"/a": "targets.list", "/b": "targets.count", "/c": "users.authWithPassword", "/d": "targets.authWithPassword",
			} {
				openapi.Route(api, openapi.Op{Method: "GET", Path: path, ID: id}, nothing)
			}
			return e.Next()
		})
		return nil
	}, register(openapi.Config{}))
	do := serve(t, app)
	for _, token := range []string{"", pbtest.Superuser(t, app)} {
		document := apispec.Read(t, fetch(t, do, token))
		for path, want := range map[string]string{
			"/api/v1/a": "get.api.v1.a", "/api/v1/b": "targets.count", "/api/v1/c": "get.api.v1.c", "/api/v1/d": "targets.authWithPassword",
		} {
			if got := document.At("paths", path, "get", "operationId"); got != want {
				t.Errorf("%s: got the id %v, want %s", path, got, want)
			}
		}
	}
}
