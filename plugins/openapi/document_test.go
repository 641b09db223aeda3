package openapi_test

import (
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	app := hundred.New(t, register(openapi.Config{}))
	do := serve(t, app)
	_, user := pbtest.User(t, app, "users", nil)
	for name, token := range map[string]string{"guest": "", "user": user, "superuser": pbtest.Superuser(t, app)} {
		start := time.Now()
		body := fetch(t, do, token)
		t.Logf("%s: %d bytes in %s", name, len(body), time.Since(start))
		parse(t, body)
	}
}
