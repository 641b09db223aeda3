package requestlog_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/requestlog"
)

func logged(t *testing.T, config requestlog.Config) (*lines, core.App) {
	t.Helper()
	out := newLines()
	config.Output, config.FlushInterval = out, -1
	app := pbtest.New(t)
	if _, err := requestlog.Register(app, config); err != nil {
		t.Fatal(err)
	}
	return out, app
}

func TestAppLogIsForwarded(t *testing.T) {
	t.Parallel()
	out, app := logged(t, requestlog.Config{})
	app.Logger().With(slog.String("job", "nightly")).WithGroup("result").Error("it failed",
		slog.Int("rows", 3), slog.Any("error", errors.New("no space")))
	line := out.await(t, "it failed")
	if line["level"] != "ERROR" || line["job"] != "nightly" {
		t.Errorf("line: got %v, want level ERROR and job nightly", line)
	}
	result, _ := line["result"].(map[string]any)
	if result["rows"] != 3.0 || result["error"] != "no space" {
		t.Errorf("group: got %v, want rows and the error's text", result)
	}
}

func TestAppLogInsideTransactions(t *testing.T) {
	t.Parallel()
	out, app := logged(t, requestlog.Config{})
	err := app.RunInTransaction(func(txApp core.App) error {
		txApp.Logger().Info("within")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out.await(t, "within")
}

func TestAppLogStillReachesTheDashboard(t *testing.T) {
	t.Parallel()
	_, app := logged(t, requestlog.Config{})
	app.Settings().Logs.MaxDays = 1 // test apps keep no log
	app.Logger().Warn("for both", slog.String("k", "v"))
	if err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}); err != nil { // PocketBase writes its batch
		t.Fatal(err)
	}
	found := &core.Log{}
	if err := app.LogQuery().AndWhere(dbx.HashExp{"message": "for both"}).One(found); err != nil {
		t.Fatalf("find the line: %v", err)
	}
	if found.Data["k"] != "v" {
		t.Errorf("data: got %v, want k=v", found.Data)
	}
}

func TestAppLogLevels(t *testing.T) {
	t.Parallel()
	out, app := logged(t, requestlog.Config{Level: slog.LevelWarn})
	app.Logger().Debug("too low")
	app.Logger().Info("low")
	app.Logger().Warn("enough")
	out.await(t, "enough")
	if got := out.String(); strings.Contains(got, "low") {
		t.Errorf("output: got %q, want nothing below warn", got)
	}
}

// PocketBase's level is set in the dashboard, and must still follow it.
func TestDashboardLevelFollowsTheSettings(t *testing.T) {
	t.Parallel()
	_, app := logged(t, requestlog.Config{Level: slog.LevelError})
	if app.Logger().Enabled(t.Context(), slog.LevelDebug) {
		t.Fatal("debug is on from the start")
	}
	settings, err := app.Settings().Clone()
	if err != nil {
		t.Fatal(err)
	}
	settings.Logs.MinLevel = int(slog.LevelDebug)
	if err := app.Save(settings); err != nil {
		t.Fatal(err)
	}
	if !app.Logger().Enabled(t.Context(), slog.LevelDebug) {
		t.Error("debug is off after the settings turned it on")
	}
}

func TestAppLogHidesSecrets(t *testing.T) {
	t.Parallel()
	out, app := logged(t, requestlog.Config{})
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl"
	app.Logger().Info("careless",
		slog.String("password", "p1"), slog.String("Token", "p2"), slog.String("note", "use "+jwt),
		slog.Group("request", slog.String("authorization", "p3")))
	out.await(t, "careless")
	for _, secret := range []string{"p1", "p2", "p3", jwt} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log contains %q: %s", secret, out.String())
		}
	}
}

func TestRequestsAreNotLoggedTwice(t *testing.T) {
	t.Parallel()
	out, url, app := serve(t, requestlog.Config{}, func(app core.App) error {
		app.Settings().Logs.MaxDays = 1 // PocketBase's own request line too
		return nil
	})
	get(t, url+"/api/health", "X-Request-Id", "once-1")
	out.await(t, "once-1")
	// PocketBase logs in a goroutine of its own; its line is in the database once it is through
	pbtest.Eventually(t, 10*time.Second, func() error {
		if err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}); err != nil {
			return err
		}
		return app.LogQuery().Limit(1).One(&core.Log{})
	})
	if got := strings.Count(out.String(), "\n"); got != 1 {
		t.Errorf("lines: got %d, want 1:\n%s", got, out.String())
	}
}

func TestAppLogCanBeLeftOut(t *testing.T) {
	t.Parallel()
	out, app := logged(t, requestlog.Config{SkipAppLog: true})
	app.Logger().Error("not here")
	if got := out.String(); got != "" {
		t.Errorf("output: got %q, want none", got)
	}
}

// The tests above use apps that are bootstrapped already. This is the way a
// program goes, and PocketBase makes a new logger each time.
func TestAppLogFromBootstrap(t *testing.T) {
	t.Parallel()
	out := newLines()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: filepath.Join(t.TempDir(), "pb_data")})
	t.Cleanup(func() { _ = app.ResetBootstrapState() })
	if _, err := requestlog.Register(app, requestlog.Config{Output: out, FlushInterval: -1}); err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"first start", "second start"} {
		if err := app.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		app.Logger().Info(message)
		out.await(t, message)
	}
	if got := strings.Count(out.String(), "second start"); got != 1 {
		t.Errorf("lines: got %d, want 1", got)
	}
}
