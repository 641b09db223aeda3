package pbtest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// things creates a collection that every signed-in user reads.
func things(app core.App) error {
	c := core.NewBaseCollection("things")
	rule := `@request.auth.id != ""`
	c.ListRule, c.ViewRule = &rule, &rule
	c.Fields.Add(&core.TextField{Name: "title"}, &core.FileField{Name: "file", MaxSize: 1 << 10})
	return app.Save(c)
}

func newThing(app core.App, title string) error {
	c, err := app.FindCollectionByNameOrId("things")
	if err != nil {
		return err
	}
	record := core.NewRecord(c)
	record.Set("title", title)
	return app.Save(record)
}

func count(t *testing.T, app core.App, collection string) int64 {
	t.Helper()
	n, err := app.CountRecords(collection)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNewAppsShareNothing(t *testing.T) {
	t.Parallel()
	template := pbtest.NewTemplate(things, func(app core.App) error { return newThing(app, "first") })

	one, other := template.New(t), template.New(t)
	if err := newThing(one, "second"); err != nil {
		t.Fatal(err)
	}
	if got, want := count(t, one, "things"), int64(2); got != want {
		t.Errorf("things in the changed app: got %d, want %d", got, want)
	}
	if got, want := count(t, other, "things"), int64(1); got != want {
		t.Errorf("things in the other app: got %d, want %d", got, want)
	}
}

func TestTemplateBuildsOnce(t *testing.T) {
	t.Parallel()
	builds := 0
	template := pbtest.NewTemplate(func(core.App) error { builds++; return nil })
	for range 3 {
		template.New(t)
	}
	if builds != 1 {
		t.Errorf("builds: got %d, want 1", builds)
	}
}

func TestNewRunsRegisterFunctionsInOrder(t *testing.T) {
	t.Parallel()
	var order []string
	step := func(name string) func(core.App) error {
		return func(core.App) error { order = append(order, name); return nil }
	}
	pbtest.New(t, step("a"), step("b"))
	if got, want := strings.Join(order, " "), "a b"; got != want {
		t.Errorf("order: got %q, want %q", got, want)
	}
}

func TestNewRemovesItsDirectory(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("app", func(t *testing.T) {
		dir = pbtest.New(t).DataDir()
		if _, err := os.Stat(dir); err != nil {
			t.Fatalf("data dir while the test runs: %v", err)
		}
	})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("data dir after the test: got %v, want not exist", err)
	}
}

func TestUserSignsInWithThePassword(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	record, _ := pbtest.User(t, app, "users", map[string]any{"email": "ada@example.com", "name": "Ada"})

	url := pbtest.Serve(t, app)
	body := fmt.Sprintf(`{"identity":"ada@example.com","password":%q}`, pbtest.Password)
	res, err := http.Post(url+"/api/collections/users/auth-with-password", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status: got %d, want 200", res.StatusCode)
	}
	if got := record.GetString("name"); got != "Ada" {
		t.Errorf("name: got %q, want Ada", got)
	}
	if !record.Verified() {
		t.Error("verified: got false, want true")
	}
}

func TestUserOverrides(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, pbtest.FastPasswords)
	record, _ := pbtest.User(t, app, "users", map[string]any{"password": "another one", "verified": false})
	if !record.ValidatePassword("another one") {
		t.Error("the given password does not sign in")
	}
	if record.Verified() {
		t.Error("verified: got true, want false")
	}
}

func TestTokensSignIn(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, things)
	_, user := pbtest.User(t, app, "users", nil)
	superuser := pbtest.Superuser(t, app)
	handler := pbtest.Handler(t, app)

	cases := []struct{ who, token, path, want string }{
		{"guest", "", "/api/collections/_superusers/records", `"status":403`},
		{"user", user, "/api/collections/_superusers/records", `"status":403`},
		{"user", user, "/api/collections/users/records", `"totalItems":1`},
		{"superuser", superuser, "/api/collections/_superusers/records", `"totalItems":1`},
	}
	for _, c := range cases {
		got := pbtest.Do(t, handler, pbtest.Request{Path: c.path, Token: c.token})
		if !strings.Contains(string(got.Body), c.want) {
			t.Errorf("GET %s as %s: got %s, want %s in it", c.path, c.who, got.Body, c.want)
		}
	}
}

func TestRunGivesEachScenarioAnAppOfItsOwn(t *testing.T) {
	t.Parallel()
	signUp := tests.ApiScenario{
		Method: http.MethodPost, URL: "/api/collections/users/records",
		ExpectedStatus: http.StatusOK, ExpectedContent: []string{`"collectionName":"users"`},
	}
	body := `{"email":"ada@example.com","password":"12345678","passwordConfirm":"12345678"}`
	first, second := signUp, signUp // the address is taken if they share an app
	first.Name, first.Body = "first", strings.NewReader(body)
	second.Name, second.Body = "second", strings.NewReader(body)
	pbtest.Run(t, []tests.ApiScenario{first, second}, pbtest.FastPasswords)
}

func TestServeEndsStreamsAndGoroutines(t *testing.T) {
	t.Parallel()
	pbtest.NoGoroutineLeak(t)

	app := pbtest.New(t, things)
	url := pbtest.Serve(t, app)
	res, err := http.Get(url + "/api/realtime") // stays open until the server stops
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	event := make([]byte, 3)
	if _, err := io.ReadFull(res.Body, event); err != nil {
		t.Fatalf("first event: %v", err)
	}
}

func TestHandlerHasCustomRoutes(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, func(app core.App) error {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			e.Router.GET("/hello", func(e *core.RequestEvent) error { return e.String(http.StatusOK, "hello") })
			return e.Next()
		})
		return nil
	})
	got := pbtest.Do(t, pbtest.Handler(t, app), pbtest.Request{Path: "/hello"})
	if got.Status != http.StatusOK || string(got.Body) != "hello" {
		t.Errorf("GET /hello: got %d %q, want 200 hello", got.Status, got.Body)
	}
}

// recorder is a test whose failures and cleanups a test looks at.
type recorder struct {
	testing.TB
	failed   bool
	message  string
	cleanups []func()
}

func (r *recorder) Helper()                   {}
func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(f string, a ...any) { r.failed, r.message = true, fmt.Sprintf(f, a...) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...) }

func TestEventually(t *testing.T) {
	t.Parallel()
	calls := 0
	pbtest.Eventually(t, time.Minute, func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if calls != 3 {
		t.Errorf("calls: got %d, want 3", calls)
	}

	never := &recorder{TB: t}
	pbtest.Eventually(never, time.Millisecond, func() error { return errors.New("not ready") })
	if !strings.Contains(never.message, "not ready") {
		t.Errorf("failure: got %q, want the last error", never.message)
	}
}

func TestNoGoroutineLeakFindsOne(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	pbtest.NoGoroutineLeakWithin(r, 10*time.Millisecond)
	release := make(chan struct{})
	go func() { <-release }()
	for _, cleanup := range r.cleanups {
		cleanup()
	}
	close(release)
	if !r.failed || !strings.Contains(r.message, "TestNoGoroutineLeakFindsOne") {
		t.Errorf("failure: got %q, want the stack of the goroutine", r.message)
	}
}

func TestTerminate(t *testing.T) {
	t.Parallel()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	ended := 0
	app.OnTerminate().BindFunc(func(e *core.TerminateEvent) error {
		if ended++; !e.App.IsBootstrapped() {
			t.Error("the databases are closed before the plugins have ended")
		}
		return e.Next()
	})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	pbtest.Terminate(t, app)
	pbtest.Terminate(t, app)
	if ended != 1 || app.IsBootstrapped() {
		t.Errorf("ended %d times, bootstrapped is %v, want once and closed", ended, app.IsBootstrapped())
	}

	app.OnTerminate().BindFunc(func(*core.TerminateEvent) error { return errors.New("no") })
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	r := &recorder{TB: t}
	pbtest.Terminate(r, app)
	if !strings.Contains(r.message, "no") {
		t.Errorf("got %q, want the error of a plugin", r.message)
	}
	_ = app.ResetBootstrapState()
}
