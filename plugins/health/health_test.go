package health_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/health"
)

// noCache is as good as none, since 0 stands for the default.
const noCache = time.Nanosecond

func register(t *testing.T, config health.Config, more ...func(core.App) error) (*health.Plugin, *tests.TestApp) {
	t.Helper()
	var p *health.Plugin
	if config.CacheFor == 0 {
		config.CacheFor = noCache
	}
	app := pbtest.New(t, append(more, func(app core.App) (err error) {
		p, err = health.Register(app, config)
		return err
	})...)
	return p, app
}

func fetch(t *testing.T, method, url, token string) (*http.Response, health.Report, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var report health.Report
	if method != http.MethodHead {
		if err := json.Unmarshal(body, &report); err != nil {
			t.Fatalf("body %q: %v", body, err)
		}
	}
	return res, report, string(body)
}

func result(t *testing.T, report health.Report, name string) health.Result {
	t.Helper()
	for _, c := range report.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %q in %+v", name, report)
	return health.Result{}
}

func TestReady(t *testing.T) {
	t.Parallel()
	_, app := register(t, health.Config{})
	url := pbtest.Serve(t, app)

	res, report, _ := fetch(t, http.MethodGet, url+health.ReadyPath, "")
	if res.StatusCode != http.StatusOK || report.Status != health.StatusOK {
		t.Errorf("got %d and %+v, want 200 and ok", res.StatusCode, report)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: got %q, want no-store", got)
	}
	var names []string
	for _, c := range report.Checks {
		names = append(names, c.Name)
		if c.Status != health.StatusOK || c.Message == "" {
			t.Errorf("%s: got %+v, want ok with a message", c.Name, c)
		}
	}
	if got, want := strings.Join(names, " "), "database auxiliary-database migrations disk"; got != want {
		t.Errorf("checks: got %s, want %s", got, want)
	}
	if result(t, report, "database").DurationMS <= 0 {
		t.Error("database: the duration is not positive")
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	_, app := register(t, health.Config{
		Draining: func() bool { return true },
		Checks:   []health.Check{failing("custom", errors.New("x"))},
	})
	url := pbtest.Serve(t, app)
	res, report, _ := fetch(t, http.MethodGet, url+health.LivePath, "")
	if res.StatusCode != http.StatusOK || report.Status != health.StatusOK {
		t.Errorf("got %d and %+v, want 200 and ok whatever the checks say", res.StatusCode, report)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	_, app := register(t, health.Config{})
	url := pbtest.Serve(t, app)
	for _, path := range []string{health.LivePath, health.ReadyPath, "/api/health"} {
		if res, _, body := fetch(t, http.MethodHead, url+path, ""); res.StatusCode != http.StatusOK || body != "" {
			t.Errorf("HEAD %s: got %d and body %q, want 200 without a body", path, res.StatusCode, body)
		}
	}
}

func TestPocketBasesOwnCheckIsUntouched(t *testing.T) {
	t.Parallel()
	_, app := register(t, health.Config{Draining: func() bool { return true }})
	res, err := http.Get(pbtest.Serve(t, app) + "/api/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(body)), `{"message":"API is healthy.","code":200,"data":{}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func failing(name string, err error) health.Check {
	return health.Check{Name: name, Failed: "It is off.", Run: func(context.Context) (string, error) { return "", err }}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, check, message, detail string
		config                       health.Config
		breakIt                      func(t *testing.T, app core.App)
	}{
		{
			name: "the database takes no writes", check: "database", message: "It does not accept writes.", detail: "readonly",
			breakIt: func(t *testing.T, app core.App) { execute(t, app.NonconcurrentDB(), "PRAGMA query_only = 1") },
		},
		{
			name: "the auxiliary database takes no writes", check: "auxiliary-database", message: "It does not accept writes.", detail: "readonly",
			breakIt: func(t *testing.T, app core.App) { execute(t, app.AuxNonconcurrentDB(), "PRAGMA query_only = 1") },
		},
		{
			name: "a migration is missing", check: "migrations", message: "Some are not applied.", detail: "1640988000_init.go",
			breakIt: func(t *testing.T, app core.App) {
				execute(t, app.NonconcurrentDB(), "DELETE FROM _migrations WHERE file = '1640988000_init.go'")
			},
		},
		{
			name: "the disk is full", check: "disk", message: "There is too little space left.", detail: "MiB free, at least",
			config: health.Config{MinFreeBytes: math.MaxInt64},
		},
		{
			name: "a check of the config fails", check: "custom", message: "It is off.", detail: "no such host",
			config: health.Config{Checks: []health.Check{failing("custom", errors.New("no such host"))}},
		},
		{
			name: "a check panics", check: "custom", message: "Failed.", detail: "goat",
			config: health.Config{Checks: []health.Check{{Name: "custom", Run: func(context.Context) (string, error) { panic("goat") }}}},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, app := register(t, c.config)
			superuser := pbtest.Superuser(t, app)
			url := pbtest.Serve(t, app) + health.ReadyPath
			if c.breakIt != nil {
				c.breakIt(t, app)
			}
			res, report, body := fetch(t, http.MethodGet, url, "")
			if res.StatusCode != http.StatusServiceUnavailable || report.Status != health.StatusFailed {
				t.Errorf("got %d and status %s, want 503 and failed", res.StatusCode, report.Status)
			}
			for _, r := range report.Checks {
				if want := r.Name == c.check; (r.Status == health.StatusFailed) != want {
					t.Errorf("%s: got %s, want failed to be %v", r.Name, r.Status, want)
				}
			}
			if got := result(t, report, c.check).Message; got != c.message {
				t.Errorf("message: got %q, want %q", got, c.message)
			}
			if strings.Contains(body, c.detail) || strings.Contains(body, "detail") {
				t.Errorf("a guest is told the detail: %s", body)
			}
			_, report, _ = fetch(t, http.MethodGet, url, superuser)
			if got := result(t, report, c.check).Detail; !strings.Contains(got, c.detail) {
				t.Errorf("detail for superusers: got %q, want %q in it", got, c.detail)
			}
		})
	}
}

func execute(t *testing.T, db interface {
	NewQuery(string) *dbx.Query
}, sql string,
) {
	t.Helper()
	if _, err := db.NewQuery(sql).Execute(); err != nil {
		t.Fatal(err)
	}
}

func TestUsersGetNoDetails(t *testing.T) {
	t.Parallel()
	_, app := register(t, health.Config{}, pbtest.FastPasswords)
	_, user := pbtest.User(t, app, "users", nil)
	superuser := pbtest.Superuser(t, app)
	url := pbtest.Serve(t, app) + health.ReadyPath
	for token, want := range map[string]bool{"": false, user: false, superuser: true} {
		if _, _, body := fetch(t, http.MethodGet, url, token); strings.Contains(body, "MiB free") != want {
			t.Errorf("details in %s: want %v", body, want)
		}
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	p, app := register(t, health.Config{})
	execute(t, app.NonconcurrentDB(), "PRAGMA query_only = 1")
	if got := p.Ready(t.Context()).Status; got != health.StatusFailed {
		t.Fatalf("while it takes no writes: got %s, want failed", got)
	}
	execute(t, app.NonconcurrentDB(), "PRAGMA query_only = 0")
	if got := p.Ready(t.Context()).Status; got != health.StatusOK {
		t.Errorf("afterwards: got %s, want ok", got)
	}
}

func TestWritesAreCommitted(t *testing.T) {
	t.Parallel()
	p, app := register(t, health.Config{})
	p.Ready(t.Context())
	for name, db := range map[string]interface {
		NewQuery(string) *dbx.Query
	}{"data": app.ConcurrentDB(), "auxiliary": app.AuxConcurrentDB()} {
		var checked string
		if err := db.NewQuery("SELECT checked FROM _health").Row(&checked); err != nil {
			t.Errorf("%s database: %v", name, err)
		}
	}
}

// A long write, such as a backup, must not take the server out of rotation at
// once; a write that never ends must.
func TestBusyDatabase(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name      string
		tolerance time.Duration
		want      string
		status    string
	}{
		{"within the tolerance", time.Minute, health.StatusBusy, health.StatusOK},
		{"beyond it", time.Nanosecond, health.StatusFailed, health.StatusFailed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, app := register(t, health.Config{CheckTimeout: time.Second, BusyTolerance: c.tolerance})
			err := app.RunInTransaction(func(txApp core.App) error {
				execute(t, txApp.DB(), "DELETE FROM _health") // takes the write lock
				report := p.Ready(t.Context())
				if got := result(t, report, "database").Status; got != c.want || report.Status != c.status {
					t.Errorf("got %s and overall %s, want %s and %s", got, report.Status, c.want, c.status)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Ready(t.Context()).Status; got != health.StatusOK {
				t.Errorf("when the write is over: got %s, want ok", got)
			}
		})
	}
}

func TestChecksRunAtMostOncePerInterval(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	_, app := register(t, health.Config{
		CacheFor: time.Minute,
		Checks: []health.Check{{Name: "count", Run: func(context.Context) (string, error) {
			runs.Add(1)
			return "", nil
		}}},
	})
	url := pbtest.Serve(t, app) + health.ReadyPath
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { fetch(t, http.MethodGet, url, "") })
	}
	wg.Wait()
	if got := runs.Load(); got != 1 {
		t.Errorf("runs: got %d, want 1", got)
	}
}

// The answer is for everybody who asks, so one who hangs up must not spoil it.
func TestImpatientClient(t *testing.T) {
	t.Parallel()
	p, _ := register(t, health.Config{CacheFor: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range p.Ready(ctx).Checks {
		if c.Status != health.StatusOK {
			t.Errorf("%s: got %s, want ok", c.Name, c.Status)
		}
	}
}

func TestDraining(t *testing.T) {
	t.Parallel()
	var draining atomic.Bool
	_, app := register(t, health.Config{CacheFor: time.Minute, Draining: draining.Load})
	url := pbtest.Serve(t, app) + health.ReadyPath
	if res, _, _ := fetch(t, http.MethodGet, url, ""); res.StatusCode != http.StatusOK {
		t.Fatalf("before: got %d, want 200", res.StatusCode)
	}
	draining.Store(true)
	res, report, _ := fetch(t, http.MethodGet, url, "")
	if res.StatusCode != http.StatusServiceUnavailable || result(t, report, "serving").Message == "" {
		t.Errorf("while draining: got %d and %+v, want 503 with a reason, cache or not", res.StatusCode, report)
	}
}

// A proxy asks in the name of all visitors, and they use up its budget.
func TestNoRateLimit(t *testing.T) {
	t.Parallel()
	_, app := register(t, health.Config{}, func(app core.App) error {
		app.Settings().RateLimits = core.RateLimitsConfig{
			Enabled: true, Rules: []core.RateLimitRule{{Label: "/api/", MaxRequests: 1, Duration: 60}},
		}
		return nil
	})
	url := pbtest.Serve(t, app)
	for range 3 {
		for _, path := range []string{health.LivePath, health.ReadyPath} {
			if res, _, _ := fetch(t, http.MethodGet, url+path, ""); res.StatusCode != http.StatusOK {
				t.Errorf("%s: got %d, want 200", path, res.StatusCode)
			}
		}
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	p, _ := register(t, health.Config{})
	ok := func(context.Context) (string, error) { return "", nil }
	cases := []struct {
		name  string
		check health.Check
		valid bool
	}{
		{"a new check", health.Check{Name: "queue-2", Run: ok}, true},
		{"the same again", health.Check{Name: "queue-2", Run: ok}, false},
		{"a built-in name", health.Check{Name: "database", Run: ok}, false},
		{"no name", health.Check{Run: ok}, false},
		{"a bad name", health.Check{Name: "My Queue", Run: ok}, false},
		{"nothing to run", health.Check{Name: "empty"}, false},
	}
	for _, c := range cases {
		if err := p.Add(c.check); (err == nil) != c.valid {
			t.Errorf("%s: got %v, want valid %v", c.name, err, c.valid)
		}
	}
	if got := result(t, p.Ready(t.Context()), "queue-2").Message; got != "Passed." {
		t.Errorf("message: got %q, want the default", got)
	}
}

func TestTablesFromBootstrap(t *testing.T) {
	t.Parallel()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: filepath.Join(t.TempDir(), "pb_data")})
	t.Cleanup(func() { _ = app.ResetBootstrapState() })
	p, err := health.Register(app, health.Config{CacheFor: noCache})
	if err != nil {
		t.Fatal(err)
	}
	for _, start := range []string{"first", "second"} {
		if err := app.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		if err := app.RunAllMigrations(); err != nil {
			t.Fatal(err)
		}
		if got := p.Ready(t.Context()); got.Status != health.StatusOK {
			t.Errorf("%s start: got %+v, want ok", start, got)
		}
	}
}

func TestClosedDatabaseIsAFailure(t *testing.T) {
	t.Parallel()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: filepath.Join(t.TempDir(), "pb_data")})
	p, err := health.Register(app, health.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Ready(t.Context()).Status; got != health.StatusFailed {
		t.Errorf("got %s, want failed", got)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	bad := health.Config{
		MinFreeBytes: -2, CacheFor: -time.Second, BusyTolerance: 2 * time.Hour,
		Checks: []health.Check{{Name: "X"}, failing("a", nil), failing("a", nil)},
	}
	want := "health: MinFreeBytes must be -1 or more, got -2\n" +
		"health: CacheFor must be in 0..1h, got -1s\n" +
		"health: BusyTolerance must be in 0..1h, got 2h0m0s\n" +
		"health: a check's Name must be lower case letters, digits and dashes, got \"X\"\n" +
		"health: there are two checks with the Name \"a\""
	if got := fmt.Sprint(bad.Validate()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := (health.Config{}).Validate(); err != nil {
		t.Errorf("zero config: got %v, want none", err)
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	_, app := register(t, health.Config{})
	if _, err := health.Register(app, health.Config{}); err == nil {
		t.Error("a second time: got no error")
	}
	if _, err := health.Register(pbtest.New(t), health.Config{MinFreeBytes: -2}); err == nil {
		t.Error("an invalid config: got no error")
	}
	if _, err := health.Register(pbtest.New(t), health.Config{Checks: []health.Check{failing("disk", nil)}}); err == nil {
		t.Error("a built-in name: got no error")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister: got no panic")
		}
	}()
	health.MustRegister(app, health.Config{})
}

func TestDiskCheckCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	p, _ := register(t, health.Config{MinFreeBytes: -1})
	for _, c := range p.Ready(t.Context()).Checks {
		if c.Name == "disk" {
			t.Error("disk: got a check, want none")
		}
	}
}

// command runs "health" with args and returns what it printed.
func command(t *testing.T, address string, args ...string) (string, error) {
	t.Helper()
	return commandWith(t, health.Config{Address: address}, args...)
}

func commandWith(t *testing.T, config health.Config, args ...string) (string, error) {
	t.Helper()
	root := &cobra.Command{Use: "app", SilenceErrors: true, SilenceUsage: true}
	config.RootCmd = root
	register(t, config)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(append([]string{"health"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommand(t *testing.T) {
	t.Parallel()
	_, good := register(t, health.Config{})
	_, bad := register(t, health.Config{Checks: []health.Check{failing("custom", errors.New("secret detail"))}})
	goodURL, badURL := pbtest.Serve(t, good), pbtest.Serve(t, bad)
	stranger := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(stranger.Close)
	cases := []struct {
		name, address string
		args          []string
		want, err     string
	}{
		{"ready", strings.TrimPrefix(goodURL, "http://"), nil, "migrations          ok  ", ""},
		{"on every interface", strings.Replace(goodURL, "http://127.0.0.1", "0.0.0.0", 1), nil, "\nok\n", ""},
		{"by URL", goodURL, nil, "\nok\n", ""},
		{"another address", "127.0.0.1:1", []string{"--url", goodURL + "/"}, "\nok\n", ""},
		{"as JSON", "", []string{"--url", goodURL, "--json"}, `{"status":"ok","checks":[{"name":"database"`, ""},
		{"not ready", "", []string{"--url", badURL}, "It is off.", "the server is not ready"},
		{"alive although not ready", "", []string{"--url", badURL, "--live"}, "ok\n", ""},
		{"nobody there", "127.0.0.1:1", nil, "", "connection refused"},
		{"another server", "", []string{"--url", stranger.URL}, "", "answered 404 Not Found, but not as a health check does"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, c.address, c.args...)
			if !strings.Contains(out, c.want) {
				t.Errorf("output: got %q, want %q in it", out, c.want)
			}
			if got := fmt.Sprint(err); c.err == "" && err != nil || !strings.Contains(got, c.err) && c.err != "" {
				t.Errorf("error: got %v, want %q", err, c.err)
			}
		})
	}
}

// A server with certificates of its own is asked by its name, on this machine,
// and must prove the name. How it answers then is tested with the program.
func TestCommandAsksByName(t *testing.T) {
	t.Parallel()
	names := make(chan string, 1)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config := health.Config{Address: "0.0.0.0:" + port, ServerName: "app.example.com"}
	_, err = commandWith(t, config)
	if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
		t.Errorf("got %v, want the certificate of a stranger refused", err)
	}
	select {
	case got := <-names:
		if got != "app.example.com" {
			t.Errorf("asked for the name %q, want app.example.com", got)
		}
	default:
		t.Error("the server was not asked")
	}
	if _, err := commandWith(t, config, "--url", "http://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1: connect") {
		t.Errorf("another address: got %v, want that one asked", err)
	}
}

func TestCommandGivesUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	started := time.Now()
	if _, err := command(t, "", "--url", hanging.URL); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error: got %v, want a timeout", err)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("took %s, want about 3s", took)
	}
}
