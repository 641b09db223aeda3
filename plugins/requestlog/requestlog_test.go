package requestlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/requestlog"
)

// lines is an output that a test reads while the server writes.
type lines struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	writes  int
	written chan struct{}
}

func newLines() *lines { return &lines{written: make(chan struct{}, 1000)} }

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	defer func() { l.written <- struct{}{} }()
	return l.buffer.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// await returns the first line with the text in it.
func (l *lines) await(t *testing.T, text string) map[string]any {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		for line := range strings.Lines(l.String()) {
			if strings.Contains(line, text) {
				var parsed map[string]any
				if err := json.Unmarshal([]byte(line), &parsed); err != nil {
					t.Fatalf("line %q: %v", line, err)
				}
				return parsed
			}
		}
		select {
		case <-l.written:
		case <-deadline:
			t.Fatalf("no line with %q in\n%s", text, l.String())
		}
	}
}

// serve starts an app with the plugin, which writes every line at once unless
// config says otherwise.
func serve(t *testing.T, config requestlog.Config, register ...func(core.App) error) (*lines, string, core.App) {
	t.Helper()
	out := newLines()
	config.Output = out
	if config.FlushInterval == 0 {
		config.FlushInterval = -1
	}
	app := pbtest.New(t, append([]func(core.App) error{
		pbtest.FastPasswords,
		func(app core.App) error {
			_, err := requestlog.Register(app, config)
			return err
		},
	}, register...)...)
	return out, pbtest.Serve(t, app), app
}

func route(path string, handler func(*core.RequestEvent) error) func(core.App) error {
	return func(app core.App) error {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			e.Router.GET(path, handler)
			return e.Next()
		})
		return nil
	}
}

func get(t *testing.T, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestRequestLine(t *testing.T) {
	t.Parallel()
	out, url, app := serve(t, requestlog.Config{})
	user, token := pbtest.User(t, app, "users", nil)

	res, body := get(t, url+"/api/collections/users/records?sort=id", "Authorization", token,
		"User-Agent", "tester/1", "X-Request-Id", "req-1", "Cookie", "session=topsecret",
		"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	line := out.await(t, "req-1")

	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(line["time"])); err != nil {
		t.Errorf("time: %v", err)
	}
	if ms, ok := line["duration_ms"].(float64); !ok || ms <= 0 {
		t.Errorf("duration_ms: got %v, want a positive number", line["duration_ms"])
	}
	for key, want := range map[string]any{
		"level": "INFO", "msg": "request", "request_id": "req-1",
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
		"method": "GET", "path": "/api/collections/users/records", "query": "sort=id",
		"route": "GET /api/collections/{collection}/records", "status": 200.0, "bytes": float64(len(body)),
		"user_id": user.Id, "user_collection": "users",
		"ip": "127.0.0.1", "user_agent": "tester/1",
	} {
		if line[key] != want {
			t.Errorf("%s: got %v, want %v", key, line[key], want)
		}
	}
	if got := res.Header.Get("X-Request-Id"); got != "req-1" {
		t.Errorf("X-Request-Id of the response: got %q, want req-1", got)
	}
	for _, secret := range []string{token, "topsecret"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log contains %q", secret)
		}
	}
}

func TestGuestLineHasNoUser(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{})
	get(t, url+"/api/health", "X-Request-Id", "guest-1")
	line := out.await(t, "guest-1")
	for _, key := range []string{"user_id", "user_collection", "trace_id", "span_id", "query", "error", "aborted"} {
		if got, has := line[key]; has {
			t.Errorf("%s: got %v, want none", key, got)
		}
	}
}

func TestIPIsLeftOutWhenTheDashboardSaysSo(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{}, func(app core.App) error {
		app.Settings().Logs.LogIP = false
		return nil
	})
	get(t, url+"/api/health", "X-Request-Id", "noip-1")
	if got, has := out.await(t, "noip-1")["ip"]; has {
		t.Errorf("ip: got %v, want none", got)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	_, url, _ := serve(t, requestlog.Config{}, route("/echo", func(e *core.RequestEvent) error {
		return e.String(http.StatusOK, e.Request.Header.Get("X-Request-Id"))
	}))
	cases := []struct {
		name, sent string
		kept       bool
	}{
		{"none", "", false},
		{"a UUID", "6f1e0f2c-8b1f-4f0e-9f57-0a3d5c1f0c11", true},
		{"an AWS trace id", "Root=1-67891233-abcdef012345678912345678", true},
		{"a space", "a b", false},
		{"quotes", `a"b`, false},
		{"markup", "<script>", false},
		{"not ASCII", "größe", false},
		{"128 characters", strings.Repeat("a", 128), true},
		{"129 characters", strings.Repeat("a", 129), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if c.sent != "" {
				headers = []string{"X-Request-Id", c.sent}
			}
			res, inHandler := get(t, url+"/echo", headers...)
			got := res.Header.Get("X-Request-Id")
			if (got == c.sent) != c.kept || got == "" {
				t.Errorf("X-Request-Id: sent %q, got %q, kept should be %v", c.sent, got, c.kept)
			}
			if inHandler != got {
				t.Errorf("the handler saw %q, the client %q", inHandler, got)
			}
		})
	}
}

func TestStatusAndBytesAreThoseOfTheAnswer(t *testing.T) {
	t.Parallel()
	out, url, app := serve(t, requestlog.Config{},
		route("/boom", func(e *core.RequestEvent) error {
			return e.InternalServerError("", errors.New("the disk is on fire"))
		}),
		route("/panic", func(e *core.RequestEvent) error { panic("unexpected goat") }),
		route("/plain", func(e *core.RequestEvent) error { return errors.New("a client's fault") }),
		route("/nothing", func(e *core.RequestEvent) error { return nil }),
		route("/abort", func(e *core.RequestEvent) error {
			_ = e.String(http.StatusOK, "half")
			panic(http.ErrAbortHandler)
		}),
	)
	cases := []struct {
		path, level string
		status      int
		err         string
		route       any
	}{
		{"/boom", "ERROR", 500, "the disk is on fire", "GET /boom"},
		{"/panic", "ERROR", 500, "unexpected goat", "GET /panic"},
		{"/plain", "INFO", 400, "", "GET /plain"},
		{"/nothing", "INFO", 200, "", "GET /nothing"},
		{"/api/no/such/route", "INFO", 404, "", "/"},
		{"/api//health", "INFO", 307, "", "GET /api/health"}, // answered by the mux, before any middleware
	}
	for i, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("case-%d", i)
			res, body := get(t, url+c.path, "X-Request-Id", id)
			line := out.await(t, id)
			if res.StatusCode != c.status || line["status"] != float64(c.status) {
				t.Errorf("status: got %d and in the log %v, want %d", res.StatusCode, line["status"], c.status)
			}
			if line["bytes"] != float64(len(body)) {
				t.Errorf("bytes: got %v, want %d", line["bytes"], len(body))
			}
			if line["level"] != c.level {
				t.Errorf("level: got %v, want %v", line["level"], c.level)
			}
			if line["route"] != c.route {
				t.Errorf("route: got %v, want %v", line["route"], c.route)
			}
			got, _ := line["error"].(string)
			if c.err == "" && got != "" || !strings.Contains(got, c.err) {
				t.Errorf("error: got %q, want %q", got, c.err)
			}
			if strings.Contains(body, "fire") || strings.Contains(body, "goat") {
				t.Errorf("the client was told: %s", body)
			}
		})
	}

	t.Run("aborted", func(t *testing.T) {
		t.Parallel()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/abort", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", "abort-1")
		user, token := pbtest.User(t, app, "users", nil)
		req.Header.Set("Authorization", token)
		if res, err := http.DefaultTransport.RoundTrip(req); err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil {
				t.Error("the response is whole, want it aborted")
			}
		}
		if line := out.await(t, "abort-1"); line["aborted"] != true {
			t.Errorf("aborted: got %v, want true", line["aborted"])
		} else if line["user_id"] != user.Id || line["ip"] != "127.0.0.1" {
			t.Errorf("who asked: got %v from %v, want %s from 127.0.0.1", line["user_id"], line["ip"], user.Id)
		}
	})
}

func TestTokensInAddresses(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{})
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl"
	cases := []struct{ name, address, path, query string }{
		{"a file token", "/api/files/x/y/z?token=abc&thumb=100x100", "/api/files/x/y/z", "token=REDACTED&thumb=100x100"},
		{"upper case", "/api/x?TOKEN=abc", "/api/x", "TOKEN=REDACTED"},
		{"an escaped key", "/api/x?t%6Fken=abc", "/api/x", "t%6Fken=REDACTED"},
		{"an OAuth2 answer", "/api/oauth2-redirect?state=s1&code=c1", "/api/oauth2-redirect", "state=REDACTED&code=REDACTED"},
		{"a token elsewhere", "/api/x?q=" + jwt, "/api/x", "q=REDACTED"},
		{"a token in escapes", "/api/x?q=%65yJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2ln", "/api/x", "q=REDACTED"},
		{"a token in the path", "/api/x/" + jwt + "/y", "/api/x/REDACTED/y", ""},
		{"after a semicolon", "/api/x?a=1;token=abc", "/api/x", "a=1&token=REDACTED"},
		{"twice", "/api/x?token=abc&token=def", "/api/x", "token=REDACTED&token=REDACTED"},
		{"harmless", "/api/x?page=2&filter=title%3D'a'", "/api/x", "page=2&filter=title%3D'a'"},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("address-%d", i)
			get(t, url+c.address, "X-Request-Id", id)
			line := out.await(t, id)
			query, _ := line["query"].(string)
			if line["path"] != c.path || query != c.query {
				t.Errorf("got %v ? %q, want %v ? %q", line["path"], query, c.path, c.query)
			}
		})
	}
}

func TestSkippedPaths(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{SkipPaths: []string{"/api/health", "/quiet/"}},
		route("/quiet/a", func(e *core.RequestEvent) error { return e.NoContent(http.StatusNoContent) }))
	get(t, url+"/api/health", "X-Request-Id", "skipped-1")
	get(t, url+"/quiet/a", "X-Request-Id", "skipped-2")
	get(t, url+"/quiet/missing", "X-Request-Id", "failed-1")
	get(t, url+"/api/health/more", "X-Request-Id", "other-1")
	out.await(t, "failed-1")
	out.await(t, "other-1")
	if strings.Contains(out.String(), "skipped-") {
		t.Errorf("a skipped path is in the log:\n%s", out.String())
	}
}

func TestTextFormat(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{Format: requestlog.FormatText})
	get(t, url+"/api/health", "X-Request-Id", "text-1")
	<-out.written
	if got := out.String(); !strings.Contains(got, "level=INFO msg=request request_id=text-1 method=GET path=/api/health") {
		t.Errorf("line: got %q, want key=value pairs", got)
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{Level: slog.LevelError},
		route("/boom", func(e *core.RequestEvent) error { return e.InternalServerError("", errors.New("x")) }))
	get(t, url+"/api/health", "X-Request-Id", "low-1")
	get(t, url+"/boom", "X-Request-Id", "high-1")
	out.await(t, "high-1")
	if strings.Contains(out.String(), "low-1") {
		t.Error("a line below the level is in the log")
	}
}

func TestLinesWaitForOthersButNotForEver(t *testing.T) {
	t.Parallel()
	out, url, app := serve(t, requestlog.Config{FlushInterval: time.Minute})
	for i := range 20 {
		get(t, url+"/api/health", "X-Request-Id", fmt.Sprintf("wait-%d", i))
	}
	if out.String() != "" {
		t.Fatal("lines were written before the interval is over")
	}
	app.Logger().Warn("something is off")
	out.await(t, "something is off")
	for i := range 20 {
		out.await(t, fmt.Sprintf("wait-%d\"", i))
	}
	if out.writes != 1 {
		t.Errorf("writes: got %d, want 1", out.writes)
	}
}

func TestTimerFlushes(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{FlushInterval: time.Millisecond})
	for _, id := range []string{"timer-1", "timer-2"} { // the timer is set again after it fired
		get(t, url+"/api/health", "X-Request-Id", id)
		out.await(t, id)
	}
}

func TestFullBufferDoesNotWait(t *testing.T) {
	t.Parallel()
	out := newLines()
	app := pbtest.New(t)
	p, err := requestlog.Register(app, requestlog.Config{Output: out, FlushInterval: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 1000)
	for range 200 {
		p.Logger().Info(text)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != 200 {
		t.Errorf("lines: got %d, want 200", got)
	}
	if out.writes < 3 || out.writes > 5 {
		t.Errorf("writes: got %d, want 4 or so of 64 KiB", out.writes)
	}
}

func TestTerminateLosesNoLine(t *testing.T) {
	t.Parallel()
	out := newLines()
	app := pbtest.New(t)
	p, err := requestlog.Register(app, requestlog.Config{Output: out, FlushInterval: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	app.OnTerminate().BindFunc(func(e *core.TerminateEvent) error {
		app.Logger().Info("stopping")
		if !strings.Contains(out.String(), "stopping") {
			t.Error("a line waits although the process may end")
		}
		return e.Next()
	})
	p.Logger().Info("before")
	event := &core.TerminateEvent{App: app}
	if err := app.OnTerminate().Trigger(event); err != nil {
		t.Fatal(err)
	}
	p.Logger().Info("after")
	for _, text := range []string{"before", "stopping", "after"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is lost", text)
		}
	}
}

func TestConcurrentLinesStayWhole(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{FlushInterval: time.Millisecond})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 25 {
				get(t, url+"/api/health", "X-Request-Id", fmt.Sprintf("c-%d-%d", i, j))
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		for j := range 25 {
			out.await(t, fmt.Sprintf(`"c-%d-%d"`, i, j))
		}
	}
}

func TestStreamsAreFlushed(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	out, url, _ := serve(t, requestlog.Config{}, route("/stream", func(e *core.RequestEvent) error {
		if err := e.String(http.StatusOK, "first"); err != nil {
			return err
		}
		if err := e.Flush(); err != nil {
			return err
		}
		<-release
		_, err := e.Response.Write([]byte("second"))
		return err
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", "stream-1")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first" {
		t.Errorf("before the end: got %q, %v, want first", first, err)
	}
	close(release)
	rest, err := io.ReadAll(res.Body)
	if err != nil || string(rest) != "second" {
		t.Errorf("rest: got %q, %v, want second", rest, err)
	}
	if line := out.await(t, "stream-1"); line["bytes"] != 11.0 {
		t.Errorf("bytes: got %v, want 11", line["bytes"])
	}
}

func TestHijackedConnections(t *testing.T) {
	t.Parallel()
	out, url, _ := serve(t, requestlog.Config{}, route("/hijack", func(e *core.RequestEvent) error {
		conn, rw, err := http.NewResponseController(e.Response).Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return rw.Flush()
	}))
	res, _ := get(t, url+"/hijack", "X-Request-Id", "hijack-1")
	if res.StatusCode != http.StatusTeapot {
		t.Errorf("status: got %d, want 418", res.StatusCode)
	}
	if line := out.await(t, "hijack-1"); line["status"] != 101.0 {
		t.Errorf("status in the log: got %v, want 101", line["status"])
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		config requestlog.Config
		want   string
	}{
		{"zero", requestlog.Config{}, "<nil>"},
		{"all of it", requestlog.Config{Format: "text", FlushInterval: -1, SkipPaths: []string{"/a"}}, "<nil>"},
		{
			"everything wrong",
			requestlog.Config{Format: "xml", FlushInterval: time.Hour, SkipPaths: []string{"a"}},
			"requestlog: Format must be json or text, got \"xml\"\n" +
				"requestlog: FlushInterval must be -1 or in 0..1m, got 1h0m0s\n" +
				"requestlog: SkipPaths must start with a slash, got \"a\"",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := fmt.Sprint(c.config.Validate()); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	if _, err := requestlog.Register(app, requestlog.Config{Format: "xml"}); err == nil {
		t.Error("an invalid config: got no error")
	}
	if _, err := requestlog.Register(app, requestlog.Config{Output: io.Discard}); err != nil {
		t.Errorf("first: got %v, want none", err)
	}
	if _, err := requestlog.Register(app, requestlog.Config{Output: io.Discard}); err == nil {
		t.Error("second: got no error")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister: got no panic")
		}
	}()
	requestlog.MustRegister(app, requestlog.Config{})
}

func BenchmarkRequest(b *testing.B) {
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("log=%v", with), func(b *testing.B) {
			app := pbtest.New(b)
			if with {
				if _, err := requestlog.Register(app, requestlog.Config{Output: io.Discard}); err != nil {
					b.Fatal(err)
				}
			}
			url := pbtest.Serve(b, app)
			client := &http.Client{Transport: &http.Transport{}}
			b.ResetTimer()
			for range b.N {
				req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url+"/api/health", nil)
				if err != nil {
					b.Fatal(err)
				}
				res, err := client.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
}
