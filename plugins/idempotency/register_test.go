package idempotency_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/idempotency"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	if err := (idempotency.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	err := idempotency.Config{Retention: time.Second, Wait: -2, Timeout: time.Hour, MaxAnswer: 1, Skip: []string{"relative"}}.Validate()
	for _, name := range []string{"Retention", "Wait", "Timeout", "MaxAnswer", "Skip"} {
		if err == nil || !strings.Contains(err.Error(), "idempotency: "+name) {
			t.Errorf("got %v, want a problem with %s", err, name)
		}
	}
	if _, err := idempotency.Register(pbtest.New(t), idempotency.Config{MaxAnswer: 1}); err == nil {
		t.Error("an invalid config was registered")
	}
}

func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	idempotency.MustRegister(app, idempotency.Config{})
	if _, err := idempotency.Register(app, idempotency.Config{}); err == nil {
		t.Error("got no error")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister did not panic")
		}
	}()
	idempotency.MustRegister(app, idempotency.Config{})
}

func TestBootstrapMakesTheTable(t *testing.T) {
	t.Parallel()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	idempotency.MustRegister(app, idempotency.Config{})
	for range 2 {
		if err := app.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		if !app.HasTable("_idempotency") {
			t.Error("there is no table")
		}
	}
	if err := app.ResetBootstrapState(); err != nil {
		t.Fatal(err)
	}
}

// The patterns are PocketBase's, and with another one the plugin would take the
// route for nobody's.
func TestPocketBaseHasTheRoutes(t *testing.T) {
	t.Parallel()
	router, err := apis.NewRouter(pbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	for method, path := range map[string]string{
		http.MethodGet:    "/api/collections/{collection}/records/{id}",
		http.MethodPatch:  "/api/collections/{collection}/records/{id}",
		http.MethodDelete: "/api/collections/{collection}/records/{id}",
		http.MethodPost:   "/api/collections/{collection}/records",
	} {
		if !router.HasRoute(method, path) {
			t.Errorf("PocketBase has no %s %s", method, path)
		}
	}
	if !router.HasRoute(http.MethodPost, "/api/batch") {
		t.Error("PocketBase has no batch")
	}
}

func TestOtherOriginsMayReadTheHeaders(t *testing.T) {
	t.Parallel()
	app := template.New(t, func(app core.App) error {
		_, err := idempotency.Register(app, idempotency.Config{})
		return err
	})
	url := pbtest.Serve(t, app)
	for _, want := range []string{"Idempotency-Replayed ETag", "ETag Idempotency-Replayed"} { // first and again
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+things, strings.NewReader(`{"title":"a"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Origin", "https://app.example.com")
		req.Header.Set(key, "k")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := strings.Join(res.Header["Access-Control-Expose-Headers"], " "); got != want {
			t.Errorf("Access-Control-Expose-Headers: got %q, want %q", got, want)
		}
	}
}
