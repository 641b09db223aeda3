package openapi_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	app := torture.New(t, register(openapi.Config{}))
	do := serve(t, app)
	_, user := pbtest.User(t, app, "users", nil)
	for name, token := range map[string]string{"guest": "", "user": user, "superuser": pbtest.Superuser(t, app)} {
		body := fetch(t, do, token)
		if !json.Valid(body) {
			t.Fatalf("%s: the document is no JSON", name)
		}
		apispec.Validate(t, body)
		if again := fetch(t, do, token); !bytes.Equal(again, body) {
			t.Errorf("%s: the document is another the second time", name)
		}
	}
}

// Patterns that mean something else in ECMA-262, or nothing, are told of in words
// only.
func TestPatterns(t *testing.T) {
	t.Parallel()
	for pattern, portable := range map[string]bool{
		`^[a-z]{2,3}$`: true, `^[A-Z]{2}-\d+$`: true, `a{3}b{1,}`: true,
		`^{[a-z]+}$`: false, `^a{,3}$`: false, `^\pL+$`: false, `(?i)x`: false, `(?P<a>x)`: false, `(?:ab)+`: true,
	} {
		app := pbtest.New(t, func(app core.App) error {
			c := core.NewBaseCollection("things")
			c.Fields.Add(&core.TextField{Name: "code", Required: true, Pattern: pattern})
			return app.Save(c)
		}, register(openapi.Config{}))
		document := apispec.Read(t, fetch(t, serve(t, app), pbtest.Superuser(t, app)))
		got := document.At("components", "schemas", "ThingsCreate", "properties", "code", "pattern")
		if (got != nil) != portable {
			t.Errorf("%s: the pattern in the document is %v, want one: %t", pattern, got, portable)
		}
	}
}
