package openapi_test

import (
	"bytes"
	"encoding/json"
	"testing"

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
