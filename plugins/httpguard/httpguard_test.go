package httpguard_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/httpguard"
)

var script = strings.Repeat("console.log('hello');\n", 200)

// site is a built web app as it is embedded: without times.
func site() fs.FS {
	return fstest.MapFS{
		"index.html":                     {Data: []byte("<!doctype html><title>Site</title>")},
		"favicon.svg":                    {Data: []byte("<svg/>")},
		"assets/index-B0h5PTbq.js":       {Data: []byte(script)},
		"assets/plain.js":                {Data: []byte(script)},
		"assets/photo-B0h5PTbq.jpg":      {Data: []byte(script)},
		"docs/index.html":                {Data: []byte("<p>docs")},
		"assets/deep/a-DC-KSUi6.woff2":   {Data: []byte("font")},
		"not-assets/index-B0h5PTbq.html": {Data: []byte("x")},
		"api/index.html":                 {Data: []byte("not reached")},
		"api/file.txt":                   {Data: []byte("not reached")},
	}
}

func serve(t *testing.T, config httpguard.Config, register ...func(core.App) error) (string, core.App) {
	t.Helper()
	app := pbtest.New(t, append(register, func(app core.App) error {
		_, err := httpguard.Register(app, config)
		return err
	})...)
	return pbtest.Serve(t, app), app
}

func send(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
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

// expect compares headers; "" stands for none.
func expect(t *testing.T, res *http.Response, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := strings.Join(res.Header.Values(name), " | "); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, httpguard.Config{Public: site()})
	common := map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Xss-Protection": "0",
		"Referrer-Policy": "strict-origin-when-cross-origin", "Strict-Transport-Security": "",
	}
	page := map[string]string{
		"X-Frame-Options": "DENY", "Content-Security-Policy": httpguard.DefaultPolicy,
		"Permissions-Policy":         httpguard.DefaultPermissions,
		"Cross-Origin-Opener-Policy": "same-origin-allow-popups", "Cross-Origin-Resource-Policy": "same-origin",
	}
	api := map[string]string{
		"X-Frame-Options": "DENY", "Content-Security-Policy": "", "Permissions-Policy": "",
		"Cross-Origin-Opener-Policy": "", "Cross-Origin-Resource-Policy": "same-site",
	}
	cases := []struct {
		path   string
		status int
		want   map[string]string
	}{
		{"/", 200, page},
		{"/assets/index-B0h5PTbq.js", 200, page},
		{"/no-such-page", 404, page},
		{"/api/health", 200, api},
		{"/api/no-such-route", 404, api},
		{"/api/collections/users/records/x", 404, api},
		{"/_/", 200, map[string]string{"X-Frame-Options": "SAMEORIGIN", "Cross-Origin-Opener-Policy": "", "Permissions-Policy": ""}},
	}
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			res, _ := send(t, http.MethodGet, url+c.path)
			if res.StatusCode != c.status {
				t.Errorf("status: got %d, want %d", res.StatusCode, c.status)
			}
			expect(t, res, common)
			expect(t, res, c.want)
		})
	}
}

func TestDashboardKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	plain := pbtest.Serve(t, pbtest.New(t))
	guarded, _ := serve(t, httpguard.Config{})
	want, _ := send(t, http.MethodGet, plain+"/_/")
	got, _ := send(t, http.MethodGet, guarded+"/_/")
	if want.Header.Get("Content-Security-Policy") == "" {
		t.Fatal("PocketBase sends no policy for its dashboard any more")
	}
	for _, name := range []string{"Content-Security-Policy", "X-Frame-Options", "Cache-Control"} {
		expect(t, got, map[string]string{name: want.Header.Get(name)})
	}
}

func TestUploadedFiles(t *testing.T) {
	t.Parallel()
	var record *core.Record
	url, _ := serve(t, httpguard.Config{}, func(app core.App) error {
		c := core.NewBaseCollection("docs")
		c.ViewRule = new(string)
		c.Fields.Add(&core.FileField{Name: "file", MaxSize: 1 << 10})
		if err := app.Save(c); err != nil {
			return err
		}
		file, err := filesystem.NewFileFromBytes([]byte("<script>alert(1)</script>"), "x.html")
		if err != nil {
			return err
		}
		record = core.NewRecord(c)
		record.Set("file", file)
		return app.Save(record)
	})
	res, _ := send(t, http.MethodGet, url+"/api/files/docs/"+record.Id+"/"+record.GetString("file"))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status: got %d, want 200", res.StatusCode)
	}
	expect(t, res, map[string]string{
		"Content-Security-Policy":      "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
		"Cross-Origin-Resource-Policy": "cross-origin", "X-Frame-Options": "",
		"X-Content-Type-Options": "nosniff",
	})
}

func TestHandlersWin(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, httpguard.Config{}, func(app core.App) error {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			e.Router.GET("/own", func(e *core.RequestEvent) error {
				e.Response.Header().Set("Content-Security-Policy", "default-src *")
				e.Response.Header().Add("Referrer-Policy", "no-referrer")
				return e.NoContent(http.StatusNoContent)
			})
			return e.Next()
		})
		return nil
	})
	res, _ := send(t, http.MethodGet, url+"/own")
	expect(t, res, map[string]string{
		"Content-Security-Policy": "default-src *",
		"Referrer-Policy":         "strict-origin-when-cross-origin | no-referrer",
	})
	// the values are shared between responses, and must not have grown
	res, _ = send(t, http.MethodGet, url+"/api/health")
	expect(t, res, map[string]string{"Referrer-Policy": "strict-origin-when-cross-origin"})
}

func TestConfiguredPolicies(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, httpguard.Config{ContentSecurityPolicy: "default-src 'none'", PermissionsPolicy: "none", Public: site()})
	res, _ := send(t, http.MethodGet, url+"/")
	expect(t, res, map[string]string{"Content-Security-Policy": "default-src 'none'", "Permissions-Policy": ""})

	url, _ = serve(t, httpguard.Config{ContentSecurityPolicy: "none", PermissionsPolicy: "usb=()", Public: site()})
	res, _ = send(t, http.MethodGet, url+"/")
	expect(t, res, map[string]string{"Content-Security-Policy": "", "Permissions-Policy": "usb=()"})
}

func TestHSTS(t *testing.T) {
	t.Parallel()
	behindProxy := func(app core.App) error {
		app.Settings().TrustedProxy.Headers = []string{"X-Forwarded-For"}
		return nil
	}
	cases := []struct {
		name, forwarded string
		config          httpguard.Config
		register        func(core.App) error
		want            string
	}{
		{"plain HTTP", "", httpguard.Config{}, behindProxy, ""},
		{"behind a proxy, by HTTPS", "https", httpguard.Config{}, behindProxy, "max-age=15552000"},
		{"behind a proxy, by HTTP", "http", httpguard.Config{}, behindProxy, ""},
		{"a header that nobody is trusted with", "https", httpguard.Config{}, pbtest.FastPasswords, ""},
		{"another duration", "https", httpguard.Config{HSTSMaxAge: time.Hour}, behindProxy, "max-age=3600"},
		{"off", "https", httpguard.Config{HSTSMaxAge: -1}, behindProxy, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, _ := serve(t, c.config, c.register)
			res, _ := send(t, http.MethodGet, url+"/api/health", "X-Forwarded-Proto", c.forwarded)
			expect(t, res, map[string]string{"Strict-Transport-Security": c.want})
		})
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	stock := []string{}
	cases := []struct {
		name    string
		allowed []string
		origin  string
		want    string // Access-Control-Allow-Origin
	}{
		{"nothing configured", stock, "https://anywhere.example", "*"},
		{"a known origin", []string{"https://app.example.com"}, "https://app.example.com", "https://app.example.com"},
		{"one of several", []string{"https://a.example.com", "https://b.example.com"}, "https://b.example.com", "https://b.example.com"},
		{"an unknown origin", []string{"https://app.example.com"}, "https://evil.example", ""},
		{"the same host by HTTP", []string{"https://app.example.com"}, "http://app.example.com", ""},
		{"another port", []string{"https://app.example.com"}, "https://app.example.com:8443", ""},
		{"a longer host", []string{"https://app.example.com"}, "https://app.example.com.evil.example", ""},
		{"a host that ends alike", []string{"https://app.example.com"}, "https://evilapp.example.com", ""},
		{"dots are dots", []string{"https://app.example.com"}, "https://appxexample.com", ""},
		{"a sandboxed page", []string{"https://app.example.com"}, "null", ""},
		{"a subdomain", []string{"https://*.example.com"}, "https://app.example.com", "https://app.example.com"},
		{"not a subdomain", []string{"https://*.example.com"}, "https://example.com", ""},
		{"a subdomain of another", []string{"https://*.example.com"}, "https://app.example.com.evil.example", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, _ := serve(t, httpguard.Config{Origins: c.allowed, Public: site()})
			for _, path := range []string{"/api/health", "/api/no-such-route"} {
				res, _ := send(t, http.MethodGet, url+path, "Origin", c.origin)
				expect(t, res, map[string]string{"Access-Control-Allow-Origin": c.want})
				if got := strings.Join(res.Header.Values("Vary"), " "); strings.Count(got, "Origin") != 1 {
					t.Errorf("%s: Vary is %q, want Origin in it once", path, got)
				}
			}
			res, _ := send(t, http.MethodOptions, url+"/api/collections/users/records", "Origin", c.origin,
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
			if res.StatusCode != http.StatusNoContent {
				t.Errorf("preflight: got %d, want 204", res.StatusCode)
			}
			want := map[string]string{"Access-Control-Allow-Origin": c.want, "Access-Control-Allow-Headers": "", "Access-Control-Allow-Credentials": ""}
			if c.want != "" {
				want["Access-Control-Allow-Headers"] = "authorization,content-type"
			}
			expect(t, res, want)
		})
	}
}

func TestCORSDetails(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example.com"
	url, _ := serve(t, httpguard.Config{Origins: []string{origin}})
	res, _ := send(t, http.MethodOptions, url+"/api/health", "Origin", origin, "Access-Control-Request-Method", "PATCH")
	expect(t, res, map[string]string{
		"Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE", "Access-Control-Max-Age": "7200",
		"Vary": "Origin | Access-Control-Request-Method | Access-Control-Request-Headers",
	})
	res, _ = send(t, http.MethodGet, url+"/api/health", "Origin", origin)
	expect(t, res, map[string]string{"Access-Control-Expose-Headers": "X-Request-Id"})
}

func TestPublicFiles(t *testing.T) {
	t.Parallel()
	const forever, ask = "public, max-age=31536000, immutable", "no-cache"
	url, _ := serve(t, httpguard.Config{Public: site()})
	cases := []struct {
		path, contentType, cache string
		status                   int
	}{
		{"/", "text/html; charset=utf-8", ask, 200},
		{"/docs/", "text/html; charset=utf-8", ask, 200},
		{"/favicon.svg", "image/svg+xml", ask, 200},
		{"/assets/index-B0h5PTbq.js", "text/javascript; charset=utf-8", forever, 200},
		{"/assets/deep/a-DC-KSUi6.woff2", "font/woff2", forever, 200},
		{"/assets/plain.js", "text/javascript; charset=utf-8", ask, 200},
		{"/not-assets/index-B0h5PTbq.html", "text/html; charset=utf-8", ask, 200},
		{"/assets/gone-B0h5PTbq.js", "application/json", "", 404},
		{"/nothing", "application/json", "", 404},
		{"/assets/", "application/json", "", 404}, // no listing
		{"/api/nothing", "application/json", "", 404},
		{"/api/file.txt", "application/json", "", 404},
		{"/api", "application/json", "", 404},
		{"/api/", "application/json", "", 404},
	}
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				res, body := send(t, method, url+c.path)
				if res.StatusCode != c.status {
					t.Errorf("%s: got %d, want %d", method, res.StatusCode, c.status)
				}
				expect(t, res, map[string]string{"Content-Type": c.contentType, "Cache-Control": c.cache})
				if (res.Header.Get("ETag") != "") != (c.status == 200) {
					t.Errorf("%s: ETag %q with status %d", method, res.Header.Get("ETag"), res.StatusCode)
				}
				if method == http.MethodHead && body != "" {
					t.Errorf("HEAD has a body: %q", body)
				}
			}
		})
	}
}

func TestPublicFilesAreNotSentAgain(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, httpguard.Config{Public: site()})
	for _, path := range []string{"/", "/assets/plain.js"} {
		first, _ := send(t, http.MethodGet, url+path)
		again, body := send(t, http.MethodGet, url+path, "If-None-Match", first.Header.Get("ETag"), "Accept-Encoding", "gzip")
		if again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s: got %d with %d bytes, want 304 without a body", path, again.StatusCode, len(body))
		}
		other, _ := send(t, http.MethodGet, url+path, "If-None-Match", `W/"other"`)
		if other.StatusCode != http.StatusOK {
			t.Errorf("%s with an old ETag: got %d, want 200", path, other.StatusCode)
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, httpguard.Config{Public: site()})
	res, body := send(t, http.MethodGet, url+"/assets/plain.js", "Accept-Encoding", "gzip")
	expect(t, res, map[string]string{"Content-Encoding": "gzip"})
	if len(body) > len(script)/10 {
		t.Errorf("size: got %d of %d", len(body), len(script))
	}
	reader, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(reader); err != nil || string(text) != script {
		t.Errorf("content: got %d bytes, %v, want the script", len(text), err)
	}

	cases := []struct{ name, path, accept, byteRange string }{
		{"not asked for", "/assets/plain.js", "identity", ""},
		{"compressed already", "/assets/photo-B0h5PTbq.jpg", "gzip", ""},
		{"too small", "/favicon.svg", "gzip", ""},
		{"a part", "/assets/plain.js", "gzip", "bytes=0-1999"},
	}
	for _, c := range cases {
		res, body := send(t, http.MethodGet, url+c.path, "Accept-Encoding", c.accept, "Range", c.byteRange)
		if got := res.Header.Get("Content-Encoding"); got != "" {
			t.Errorf("%s: got encoding %q, want none", c.name, got)
		}
		if c.byteRange != "" && (res.StatusCode != http.StatusPartialContent || len(body) != 2000) {
			t.Errorf("%s: got %d with %d bytes, want 206 with 2000", c.name, res.StatusCode, len(body))
		}
	}
}

func TestPublicFilesFromDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "index.html")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	url, _ := serve(t, httpguard.Config{Public: os.DirFS(dir)})
	res, body := send(t, http.MethodGet, url+"/")
	if body != "one" || res.Header.Get("Last-Modified") == "" || res.Header.Get("ETag") != "" {
		t.Errorf("got %q with %v, want the file and its time", body, res.Header)
	}
	write("another") // a developer's edit shows at once
	if _, body := send(t, http.MethodGet, url+"/"); body != "another" {
		t.Errorf("after an edit: got %q, want another", body)
	}
	for _, path := range []string{"/../secret", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/x", "//etc/passwd"} {
		if res, body := send(t, http.MethodGet, url+path); res.StatusCode == http.StatusOK {
			t.Errorf("%s: got 200 and %q", path, body)
		}
	}
}

func TestAnotherCatchAllRouteWins(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, httpguard.Config{Public: site()}, func(app core.App) error {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			e.Router.GET("/{path...}", func(e *core.RequestEvent) error { return e.String(http.StatusOK, "mine") })
			return e.Next()
		})
		return nil
	})
	if _, body := send(t, http.MethodGet, url+"/"); body != "mine" {
		t.Errorf("got %q, want the other route's answer", body)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for origin, valid := range map[string]bool{
		"https://app.example.com": true, "http://localhost:5173": true, "https://*.example.com": true, "*": true,
		"capacitor://localhost": true, "app.example.com": false, "https://app.example.com/": false, "https://app.example.com/x": false,
		"https://": false, "": false, "https://*": false, "https://a.*.com": false, "https://u:p@example.com": false, "null": false,
	} {
		err := httpguard.Config{Origins: []string{origin}}.Validate()
		if (err == nil) != valid {
			t.Errorf("origin %q: got %v, want valid %v", origin, err, valid)
		}
	}
	bad := httpguard.Config{Origins: []string{"x"}, ContentSecurityPolicy: "a\nb", HSTSMaxAge: time.Millisecond}
	if got := fmt.Sprint(bad.Validate()); strings.Count(got, "httpguard: ") != 3 {
		t.Errorf("problems: got %q, want three", got)
	}
	if _, err := httpguard.Register(pbtest.New(t), bad); err == nil {
		t.Error("Register: got no error")
	}
	app := pbtest.New(t)
	httpguard.MustRegister(app, httpguard.Config{})
	if _, err := httpguard.Register(app, httpguard.Config{}); err == nil {
		t.Error("Register a second time: got no error")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister: got no panic")
		}
	}()
	httpguard.MustRegister(app, httpguard.Config{})
}
