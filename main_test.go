//go:build unix

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program as it is delivered. Nothing less shows what its exit
// codes, streams and signals are.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "holdall-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "holdall")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}

// environment is what the program sees: nothing of the person's who runs the tests.
func environment(t *testing.T, extra ...string) []string {
	t.Helper()
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir()}, extra...)
}

// output is a stream of a process that a test reads while it is written.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// command runs the program to its end.
func command(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // one that serves by mistake fails the test
	defer cancel()
	c := exec.CommandContext(ctx, binary, args...)
	c.Env, c.Dir = environment(t, env...), t.TempDir()
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errOut.String()
}

const (
	rootEmail    = "root@example.com"
	rootPassword = "root-password-1"
)

// server is a running program.
type server struct {
	*exec.Cmd
	url            string
	stdout, stderr *output
	exited         chan struct{}
	dir            string
}

// launch starts the program in dir, or a new directory, with a superuser and
// without rate limits.
func launch(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	s := &server{stdout: &output{}, stderr: &output{}, exited: make(chan struct{}), dir: dir}
	env = append([]string{
		"HOLDALL_SUPERUSER_EMAIL=" + rootEmail, "HOLDALL_SUPERUSER_PASSWORD=" + rootPassword, "HOLDALL_RATE_LIMITS=false",
	}, env...)
	s.Cmd = exec.Command(binary, append([]string{"serve", "--http", "127.0.0.1:0", "--dir", dir}, args...)...)
	s.Env, s.Dir, s.Stdout, s.Stderr = environment(t, env...), t.TempDir(), s.stdout, s.stderr
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Wait(); close(s.exited) }()
	t.Cleanup(func() { _ = s.Process.Kill(); <-s.exited })
	return s
}

// serve launches the program and waits until it serves.
func serve(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	s := launch(t, dir, env, args...)
	s.await(t, "the server to start", func() bool {
		s.findAddress()
		return s.url != ""
	})
	return s
}

// findAddress takes the address of the last start from the log.
func (s *server) findAddress() {
	for line := range strings.Lines(s.stdout.String()) {
		var entry struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
			s.url = "http://" + entry.Address
		}
	}
}

// await polls until done returns true, for a minute at most: other tests keep
// the machine busy.
func (s *server) await(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(time.Minute)
	for !done() {
		select {
		case <-ticker.C:
		case <-s.exited:
			if !done() {
				t.Fatalf("wait for %s: the server has exited\n%s%s", what, s.stdout, s.stderr)
			}
		case <-deadline:
			t.Fatalf("wait for %s: it takes more than a minute\n%s%s", what, s.stdout, s.stderr)
		}
	}
}

func (s *server) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := s.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// exit waits for the end of the process and returns its exit code.
func (s *server) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-s.exited:
		return s.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		t.Fatalf("the server does not exit\n%s%s", s.stdout, s.stderr)
		return 0
	}
}

// refuses waits until the server takes no connections any more.
func (s *server) refuses(t *testing.T) {
	t.Helper()
	s.await(t, "connections to be refused", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

// call sends a request on a connection of its own and decodes the answer into
// result unless that is nil.
func (s *server) call(t *testing.T, method, path, token string, body io.Reader, contentType string, result any) (status int, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", contentType)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err
	}
	if result != nil {
		if err := json.Unmarshal(text, result); err != nil {
			return res.StatusCode, fmt.Errorf("%s: %w", text, err)
		}
	}
	return res.StatusCode, nil
}

// must is call for requests that have to succeed.
func (s *server) must(t *testing.T, method, path, token, body string, result any) {
	t.Helper()
	status, err := s.call(t, method, path, token, strings.NewReader(body), "application/json", result)
	if err != nil || status >= 300 {
		t.Fatalf("%s %s: got %d, %v\n%s", method, path, status, err, s.stdout)
	}
}

// signIn returns a superuser's token.
func (s *server) signIn(t *testing.T, password string) string {
	t.Helper()
	var auth struct{ Token string }
	body := fmt.Sprintf(`{"identity":%q,"password":%q}`, rootEmail, password)
	s.must(t, http.MethodPost, "/api/collections/_superusers/auth-with-password", "", body, &auth)
	return auth.Token
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	cases := []struct {
		name string
		env  []string
		args []string
		code int
		want string // the whole of the error stream, or how it starts if it ends in ...
	}{
		{"no command", nil, nil, 0, ""},
		{"help", nil, []string{"--help"}, 0, ""},
		{"help of a command", nil, []string{"serve", "--help"}, 0, ""},
		{"help of a group", nil, []string{"superuser"}, 0, ""},
		{"the version", nil, []string{"--version"}, 0, ""},
		{"help with a bad environment", []string{"HOLDALL_DEV=perhaps"}, []string{"serve", "-h"}, 0, ""},
		{"success", nil, []string{"superuser", "upsert", rootEmail, rootPassword}, 0, ""},
		{"an unknown command", nil, []string{"srve"}, 2, "holdall: unknown command \"srve\" for \"holdall\", did you mean serve? (see holdall --help)\n"},
		{"an unknown subcommand", nil, []string{"superuser", "frobnicate"}, 2, "holdall: unknown command \"frobnicate\" for \"holdall superuser\" (see holdall superuser --help)\n"},
		{"an unknown flag", nil, []string{"serve", "--prot", "80"}, 2, "holdall: unknown flag: --prot (see holdall serve --help)\n"},
		{"an unknown flag without a command", nil, []string{"--frobnicate"}, 2, "holdall: unknown flag: --frobnicate (see holdall --help)\n"},
		{"a flag with a bad value", nil, []string{"serve", "--demo=perhaps"}, 2, "holdall: invalid argument \"perhaps\" for \"--demo\" flag (see holdall serve --help)\n"},
		{"a flag without its value", nil, []string{"serve", "--dir=x", "--http"}, 2, "holdall: flag needs an argument: --http (see holdall serve --help)\n"},
		{"flags that exclude each other", nil, []string{"config", "--json", "--markdown"}, 2, "holdall: if any flags in the group [json markdown] are set none of the others can be; [json markdown] were all set (see holdall config --help)\n"},
		{"an argument that is no domain", nil, []string{"serve", "demo"}, 2, "holdall: \"demo\" is not a domain such as app.example.com (see holdall serve --help)\n"},
		{"arguments that are not wanted", nil, []string{"health", "now"}, 2, "holdall: unknown command \"now\" for \"holdall health\" (see holdall health --help)\n"},
		{"missing arguments", nil, []string{"superuser", "upsert", rootEmail}, 1, "holdall: missing email and password arguments\n"},
		{"the fast lane when it is off", nil, []string{"fastlane", "explain", "--as", "users", "GET /api/collections/sites/records", "--json"}, 2, "holdall: the fast lane is switched off, so PocketBase answers all requests: set HOLDALL_FAST_LANE=true to switch it on\n"},
		{"webhooks when they are off", []string{"HOLDALL_WEBHOOKS=false"}, []string{"webhooks", "list"}, 2, "holdall: webhooks are switched off, so nothing is sent: set HOLDALL_WEBHOOKS=true to switch them on, which needs the change log\n"},
		{"notifications when they are off", []string{"HOLDALL_PUSH=false"}, []string{"push", "status", "--json"}, 2, "holdall: push notifications are switched off, so nobody is notified: set HOLDALL_PUSH=true to switch them on\n"},
		{"an unsupported migration command", nil, []string{"migrate", "sideways"}, 1, "holdall: unsupported command: \"sideways\"\n"},
		{"a taken port", nil, []string{"serve", "--http", taken.Addr().String()}, 1, "holdall: listen tcp " + taken.Addr().String() + ": bind: address already in use\n"},
		{"a taken port beside HTTPS", nil, []string{"serve", "--http", taken.Addr().String(), "--https", "127.0.0.1:0", "app.example.com"}, 1, "holdall: listen tcp " + taken.Addr().String() + ": bind: address already in use\n"},
		{"one port for both", nil, []string{"serve", "--http", "127.0.0.1:18473", "--https", "127.0.0.1:18473"}, 1, "holdall: listen tcp 127.0.0.1:18473: bind: address already in use\n"},
		{"an impossible address", nil, []string{"serve", "--http", "nonsense"}, 1, "holdall: listen tcp: address nonsense: missing port in address\n"},
		{"a data directory that is a file", nil, []string{"serve", "--dir", file}, 1, "holdall: open the data directory " + file + ": ..."},
		{"nobody to ask for health", []string{"HOLDALL_HTTP_ADDR=127.0.0.1:1"}, []string{"health"}, 1, "holdall: Get \"http://127.0.0.1:1/api/health/ready\": dial tcp 127.0.0.1:1: connect: connection refused\n"},
		{
			"everything wrong in the environment",
			[]string{
				"HOLDALL_SHUTDOWN_TIMEOUT=15", "HOLDALL_RATE_LIMITS=perhaps", "HOLDALL_SUPERUSER_PASWORD_FILE=x", "HOLDALL_PUBLIC_DIR=" + file,
				"HOLDALL_CORS_ORIGINS=app.example.com", "HOLDALL_SUPERUSER_EMAIL=" + rootEmail, "HOLDALL_SUPERUSER_PASSWORD=short",
				"HOLDALL_ENCRYPTION_KEY=brief", "HOLDALL_SMTP_PORT=0", "HOLDALL_SERVICE_PORT=8090",
			},
			[]string{"serve"},
			2,
			"holdall: HOLDALL_SHUTDOWN_TIMEOUT: \"15\" is not a duration such as 15s or 2m\n" +
				"holdall: HOLDALL_RATE_LIMITS: \"perhaps\" is not true or false\n" +
				"holdall: HOLDALL_SUPERUSER_PASWORD_FILE: there is no such option, did you mean HOLDALL_SUPERUSER_PASSWORD_FILE?\n" +
				"holdall: HOLDALL_ENCRYPTION_KEY: it must have 32 characters, got 5\n" +
				"holdall: HOLDALL_PUBLIC_DIR: " + file + " is not a directory\n" +
				"holdall: httpguard: Origins must be like https://app.example.com, without a path, got \"app.example.com\"\n" +
				"holdall: settings: SMTP.Port must be in 1..65535, got 0\n" +
				"holdall: settings: Superuser.Password must have 8 to 71 bytes, got 5\n",
		},
		{
			"durations that are none of the possible ones",
			[]string{"HOLDALL_SHUTDOWN_TIMEOUT=-5s", "HOLDALL_QUERY_TIMEOUT=1500ms"},
			[]string{"serve"},
			2,
			"holdall: HOLDALL_QUERY_TIMEOUT: it must be whole seconds, 1s or more, got 1.5s\n" +
				"holdall: shutdown: Timeout must be in 0..1h, got -5s\n",
		},
		{"a timeout of nothing", nil, []string{"serve", "--queryTimeout", "0"}, 2, "holdall: HOLDALL_QUERY_TIMEOUT: it must be whole seconds, 1s or more, got 0s\n"},
		{"settings that do not go together", []string{"HOLDALL_S3_BUCKET=files"}, []string{"serve", "--http", "127.0.0.1:0"}, 1, "holdall: settings: s3: (..."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := c.args
			if len(args) > 0 && !strings.Contains(strings.Join(args, " "), "--dir") {
				args = append(args, "--dir", filepath.Join(t.TempDir(), "pb_data"))
			}
			code, stdout, stderr := command(t, c.env, args...)
			if code != c.code {
				t.Errorf("exit code: got %d, want %d", code, c.code)
			}
			start, open := strings.CutSuffix(c.want, "...")
			if open && (!strings.HasPrefix(stderr, start) || strings.Count(stderr, "\n") != 1) || !open && stderr != c.want {
				t.Errorf("stderr: got\n%swant\n%s", stderr, c.want)
			}
			if code != 0 && strings.Contains(stdout, "Usage:") {
				t.Errorf("stdout: got the usage, want only the mistake:\n%s", stdout)
			}
		})
	}
}

// A mistake on the command line must not leave a data directory behind.
func TestMistakesTouchNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pb_data")
	for _, args := range [][]string{{"serve", "--prot"}, {"superuser", "x"}, {"fastlane", "explain", "--as", "x"}, {"config"}, {"health"}, {"--help"}} {
		command(t, []string{"HOLDALL_HTTP_ADDR=127.0.0.1:1"}, append(args, "--dir", dir)...)
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v: the data directory was made", args)
		}
	}
}

func TestConfigCommand(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("file-secret-value\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"HOLDALL_HTTP_ADDR=:8000", "HOLDALL_SHUTDOWN_TIMEOUT=120s", "HOLDALL_SMTP_PASSWORD=env-secret-value",
		"HOLDALL_SUPERUSER_EMAIL=" + rootEmail, "HOLDALL_SUPERUSER_PASSWORD_FILE=" + secret,
	}
	code, table, stderr := command(t, env, "config", "--http", ":9000", "--dir", "elsewhere")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	rows := map[string]string{}
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 2 {
			rows[f[0]] = strings.Join(f[1:], " ")
		}
	}
	for name, want := range map[string]string{
		"HOLDALL_DIR": "elsewhere flag --dir", "HOLDALL_HTTP_ADDR": ":9000 flag --http", "HOLDALL_SHUTDOWN_TIMEOUT": "2m env",
		"HOLDALL_SMTP_PASSWORD": "[redacted] env", "HOLDALL_SUPERUSER_PASSWORD": "[redacted] file",
		"HOLDALL_HEALTH_MIN_FREE": "256MiB default", "HOLDALL_APP_NAME": "(unset) default",
	} {
		if rows[name] != want {
			t.Errorf("%s: got %q, want %q", name, rows[name], want)
		}
	}

	code, text, _ := command(t, env, "config", "--json")
	var options []struct{ Name, Value, Source string }
	if err := json.Unmarshal([]byte(text), &options); err != nil || code != 0 {
		t.Fatalf("--json: exit code %d, %v", code, err)
	}
	if strings.Contains(table+text, "secret-value") {
		t.Error("a secret is shown")
	}
}

func TestConfigPageIsCurrent(t *testing.T) {
	t.Parallel()
	// whatever the environment of the one who writes it
	_, want, _ := command(t, []string{"HOLDALL_APP_NAME=Mine"}, "config", "--markdown")
	got, err := os.ReadFile("docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/config.md is not what the program writes: run go run . config --markdown > docs/config.md")
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil)

	cases := []struct {
		path, contentType string
		status            int
	}{
		{"/", "text/html; charset=utf-8", 200},
		{"/_/", "text/html; charset=utf-8", 200},
		{"/api/health", "application/json", 200},
		{"/api/health/live", "application/json", 200},
		{"/api/health/ready", "application/json", 200},
		{"/api/v1/nothing", "application/json", 404},
		{"/api/v1/demo", "application/json", 404},
		{"/nothing", "application/json", 404},
	}
	for _, c := range cases {
		res, err := http.Get(s.url + c.path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status || res.Header.Get("Content-Type") != c.contentType {
			t.Errorf("%s: got %d %s, want %d %s", c.path, res.StatusCode, res.Header.Get("Content-Type"), c.status, c.contentType)
		}
		if res.Header.Get("X-Request-Id") == "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the request id or the security headers are missing: %v", c.path, res.Header)
		}
	}

	if code, out, errOut := command(t, nil, "health", "--url", s.url); code != 0 || !strings.HasSuffix(out, "\nok\n") {
		t.Errorf("health: got exit code %d, %s%s", code, out, errOut)
	}

	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code after SIGTERM: got %d, want 0", code)
	}
	for line := range strings.Lines(s.stdout.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line on standard output is no JSON: %s", line)
		}
	}
	for _, want := range []string{`"path":"/nothing"`, `"msg":"shutting down"`, `"msg":"created the superuser"`} {
		if !strings.Contains(s.stdout.String(), want) {
			t.Errorf("the log has no line with %s:\n%s", want, s.stdout)
		}
	}
	if strings.Contains(s.stdout.String(), `"path":"/api/health/ready"`) {
		t.Error("the log has lines for health checks")
	}
	if strings.Contains(s.stdout.String()+s.stderr.String(), rootPassword) {
		t.Error("the superuser's password was printed")
	}
}

func TestSettingsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "smtp")
	if err := os.WriteFile(secret, []byte("smtp-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"HOLDALL_APP_NAME=Example", "HOLDALL_SMTP_HOST=mail.example.com", "HOLDALL_SMTP_PASSWORD_FILE=" + secret,
		"HOLDALL_TRUSTED_PROXY_HEADERS=X-Forwarded-For, X-Real-IP", "HOLDALL_LOG_DAYS=2", "HOLDALL_BATCH_MAX_REQUESTS=7",
		"HOLDALL_ENCRYPTION_KEY=0123456789abcdef0123456789abcdef",
	}
	s := serve(t, "", env)
	var got struct {
		Meta         struct{ AppName string }
		SMTP         struct{ Enabled bool }
		TrustedProxy struct{ Headers []string }
		Logs         struct{ MaxDays int }
		Batch        struct {
			Enabled     bool
			MaxRequests int
		}
		RateLimits struct{ Enabled bool }
	}
	s.must(t, http.MethodGet, "/api/settings", s.signIn(t, rootPassword), "", &got)
	want := `{{Example} {true} {[X-Forwarded-For X-Real-IP]} {2} {true 7} {false}}`
	if text := fmt.Sprint(got); text != want {
		t.Errorf("settings: got %s, want %s", text, want)
	}
	s.signal(t, syscall.SIGTERM)
	s.exit(t)

	// the settings are encrypted: without the key there is no start
	code, _, stderr := command(t, nil, "serve", "--http", "127.0.0.1:0", "--dir", s.dir)
	if code != 1 || !strings.Contains(stderr, "encryption key") {
		t.Errorf("a start without the key: got exit code %d and %q, want 1 and a word about the key", code, stderr)
	}
}

func TestFirstStartWithoutSuperuser(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_SUPERUSER_EMAIL=", "HOLDALL_SUPERUSER_PASSWORD="})
	s.await(t, "the link", func() bool { return strings.Contains(s.stderr.String(), "/_/#/pbinstall/") })
	if strings.Contains(s.stdout.String(), "pbinstall") {
		t.Error("the link is in the log")
	}
}

func TestPublicDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "", nil, "--publicDir", dir)
	res, err := http.Get(s.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "mine" {
		t.Errorf("got %q, %v, want the file of the directory", body, err)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_CORS_ORIGINS=https://env.example.com"}, "--origins", "https://a.example.com", "--origins", "https://b.example.com")
	for origin, want := range map[string]string{
		"https://a.example.com": "https://a.example.com", "https://b.example.com": "https://b.example.com",
		"https://env.example.com": "", "https://evil.example": "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.url+"/api/batch", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", http.MethodPost)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := strings.Join(res.Header.Values("Access-Control-Allow-Origin"), " "); got != want {
			t.Errorf("%s: got %q, want %q", origin, got, want)
		}
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_DEMO=true"})
	var demo struct {
		Accounts []struct{ Email, Password string }
	}
	s.must(t, http.MethodGet, "/api/v1/demo", "", "", &demo)
	if len(demo.Accounts) == 0 || !strings.Contains(s.stderr.String(), demo.Accounts[0].Email) {
		t.Fatalf("sign-ins: got %d, and on the terminal\n%s", len(demo.Accounts), s.stderr)
	}
	var orders struct{ TotalItems int }
	var auth struct{ Token string }
	body, err := json.Marshal(map[string]string{"identity": demo.Accounts[0].Email, "password": demo.Accounts[0].Password})
	if err != nil {
		t.Fatal(err)
	}
	s.must(t, http.MethodPost, "/api/collections/users/auth-with-password", "", string(body), &auth)
	s.must(t, http.MethodGet, "/api/collections/work_orders/records", auth.Token, "", &orders)
	if orders.TotalItems == 0 {
		t.Error("the first account sees no work orders")
	}
	// not guarded by the rules alone
	telling := "/api/collections/users/records?filter=memberships_via_user.organization.name!~%22A%25%22"
	var refusal struct {
		Data map[string]struct{ Code string }
	}
	if status, err := s.call(t, http.MethodGet, telling, auth.Token, nil, "", &refusal); err != nil || refusal.Data["filter"].Code != "validation_filter_not_allowed" {
		t.Errorf("a filter that tells of other organizations: got %d, %v, %v, want its refusal", status, refusal, err)
	}
	// the demo tells nobody of anything
	var endpoints struct{ Items []any }
	root := s.signIn(t, rootPassword)
	s.must(t, http.MethodGet, "/api/webhooks/endpoints", root, "", &endpoints)
	if len(endpoints.Items) > 0 {
		t.Errorf("the demo has the webhook endpoints %v", endpoints.Items)
	}
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}

	// without the flag, too
	code, _, stderr := command(t, nil, "serve", "--http", "0.0.0.0:0", "--dir", s.dir)
	if code != 1 || !strings.HasPrefix(stderr, "holdall: demo: the demo's passwords are public") {
		t.Errorf("a public start afterwards: got exit code %d and %q, want a refusal", code, stderr)
	}
}

// TestWebhooksAreConfigured starts with what goes together and what does not.
func TestWebhooksAreConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"networks":                        {[]string{"HOLDALL_WEBHOOKS_ALLOW=10.1.2.3/32,fd00::/8"}, ""},
		"an address that is no network":   {[]string{"HOLDALL_WEBHOOKS_ALLOW=10.1.2.3"}, "HOLDALL_WEBHOOKS_ALLOW"},
		"on without the change log":       {[]string{"HOLDALL_WEBHOOKS=true", "HOLDALL_CHANGES=false"}, "HOLDALL_WEBHOOKS"},
		"nothing said, no change log":     {[]string{"HOLDALL_CHANGES=false"}, ""},
		"off without the change log":      {[]string{"HOLDALL_WEBHOOKS=false", "HOLDALL_CHANGES=false"}, ""},
		"an encryption key that is short": {[]string{"HOLDALL_ENCRYPTION_KEY=short"}, "HOLDALL_ENCRYPTION_KEY"},
	} {
		code, _, stderr := command(t, c.env, "config")
		if (code == 0) != (c.want == "") || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "webhooks:") {
			t.Errorf("%s: exit code %d with %q, want %q", name, code, stderr, c.want)
		}
	}
}

// TestWebhooksAreSwitchedOff asks a server without the change log for all of them.
func TestWebhooksAreSwitchedOff(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_CHANGES=false"})
	token := s.signIn(t, rootPassword)
	for path, method := range map[string]string{
		"/api/webhooks/endpoints": "GET", "/api/v1/hooks/erp/any": "POST", "/api/v1/organizations/any/erp-secret": "POST",
		"/api/collections/_webhooks/records": "GET",
	} {
		if status, err := s.call(t, method, path, token, nil, "", nil); err != nil || status != http.StatusNotFound {
			t.Errorf("%s %s: got %d and error %v", method, path, status, err)
		}
	}
}
