package pbtest_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// What this package is built around in PocketBase, so that an upgrade which
// changes it fails here and not in the strangest places.

func TestPocketBaseBootstrapsTestAppsBeforeTheyAreHandedOut(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	if !app.IsBootstrapped() {
		t.Fatal("bootstrapped: got false, want true")
	}
	seen := 0
	app.OnBootstrap().BindFunc(func(e *core.BootstrapEvent) error {
		seen++
		return e.Next()
	})
	pbtest.Handler(t, app)
	if seen != 0 {
		t.Errorf("OnBootstrap handlers that are bound later: got %d calls, want 0", seen)
	}
}

func TestPocketBaseServesAnAppOnce(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	pbtest.Handler(t, app)

	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "conflicts") {
			t.Errorf("a second router of an app: got %q, want a panic about conflicting routes", got)
		}
	}()
	pbtest.Handler(t, app)
}

// crash is for the process that the test below starts: the test's own binary.
var crash = flag.Bool("crash", false, "use an app after its cleanup")

// A goroutine that uses the app after its cleanup takes all tests of the process
// down, which is why workers must end with the app.
func TestPocketBaseCrashesOnUseAfterCleanup(t *testing.T) {
	t.Parallel()
	if *crash {
		app := pbtest.New(t)
		app.Cleanup()
		_, _ = app.FindCollectionByNameOrId("users")
		return
	}
	output, err := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-crash").CombinedOutput()
	if want := "nil pointer dereference"; err == nil || !bytes.Contains(output, []byte(want)) {
		t.Errorf("use after cleanup: got %v, want %q in\n%s", err, want, output)
	}
}

func TestPocketBaseScenariosHaveNoServer(t *testing.T) {
	t.Parallel()
	scenario := tests.ApiScenario{
		Name: "health", Method: http.MethodGet, URL: "/api/health",
		TestAppFactory: pbtest.Factory(),
		BeforeTestFunc: func(tb testing.TB, _ *tests.TestApp, e *core.ServeEvent) {
			tb.Helper()
			if e.Server != nil || e.Listener != nil {
				tb.Error("the event has a server, which Handler could offer too")
			}
		},
		ExpectedStatus: http.StatusOK, ExpectedContent: []string{"healthy"},
	}
	scenario.Test(t)
}

func TestPocketBaseAnswersUnmetRules(t *testing.T) {
	t.Parallel()
	never := `id = ""`
	app := pbtest.New(t, func(app core.App) error {
		c := core.NewBaseCollection("closed")
		c.ListRule, c.ViewRule, c.CreateRule, c.UpdateRule, c.DeleteRule = &never, &never, &never, &never, &never
		if err := app.Save(c); err != nil {
			return err
		}
		record := core.NewRecord(c)
		record.Id = "closed000000000"
		if err := app.Save(record); err != nil {
			return err
		}
		return app.Save(core.NewBaseCollection("locked"))
	})
	handler := pbtest.Handler(t, app)

	cases := []struct {
		name, method, path string
		status             int
		body               string
	}{
		{"unmet list", http.MethodGet, "/api/collections/closed/records", http.StatusOK, `"items":[]`},
		{"unmet view", http.MethodGet, "/api/collections/closed/records/closed000000000", http.StatusNotFound, ""},
		{"unmet create", http.MethodPost, "/api/collections/closed/records", http.StatusBadRequest, `"data":{}`},
		{"unmet update", http.MethodPatch, "/api/collections/closed/records/closed000000000", http.StatusNotFound, ""},
		{"unmet delete", http.MethodDelete, "/api/collections/closed/records/closed000000000", http.StatusNotFound, ""},
		{"locked list", http.MethodGet, "/api/collections/locked/records", http.StatusForbidden, ""},
		{"locked create", http.MethodPost, "/api/collections/locked/records", http.StatusForbidden, ""},
	}
	for _, c := range cases {
		got := pbtest.Do(t, handler, pbtest.Request{Method: c.method, Path: c.path})
		if got.Status != c.status || !strings.Contains(string(got.Body), c.body) {
			t.Errorf("%s: got %d %s, want %d with %q", c.name, got.Status, got.Body, c.status, c.body)
		}
	}
}

// A plain error of a handler is the client's fault to PocketBase.
func TestPocketBaseTakesPlainErrorsForBadRequests(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, func(app core.App) error {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			e.Router.GET("/fail", func(*core.RequestEvent) error { return fmt.Errorf("disk failure") })
			return e.Next()
		})
		return nil
	})
	got := pbtest.Do(t, pbtest.Handler(t, app), pbtest.Request{Path: "/fail"})
	if got.Status != http.StatusBadRequest || bytes.Contains(got.Body, []byte("disk")) {
		t.Errorf("got %d %s, want 400 without the error's text", got.Status, got.Body)
	}
}
