package limits_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/limits"
)

func TestRequestsThatAskForTooMuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{Requests: limits.Requests{
		MaxPerPage: 100, MaxExpands: 2, MaxExpandDepth: 2, MaxFilterLength: 200, MaxFilterTerms: 3, MaxFilterDepth: 2, MaxSortFields: 2, MaxBatch: 2,
	}})
	token := pbtest.Superuser(t, w.app)
	for _, c := range []struct{ name, value, code string }{
		{"perPage", "100", ""},
		{"perPage", "101", limits.CodePerPage},
		{"expand", "a,b.c", ""},
		{"expand", "a,b,c", limits.CodeExpand},
		{"expand", "a.b.c", limits.CodeExpand},
		{"filter", `title = "a" && (title = "b" || (title = 'c'))`, ""},
		{"filter", `title = "(((( && || && && ((("`, ""},
		{"filter", `title = "it's" && title = "\" && &&"`, ""},
		{"filter", `title = "a" && title = "b" || title = "c" && title = "d"`, limits.CodeFilter},
		{"filter", `(((title = "a")))`, limits.CodeFilter},
		{"filter", `title = "` + strings.Repeat("x", 200) + `"`, limits.CodeFilter},
		{"sort", "title,-id", ""},
		{"sort", "title,-id,id", limits.CodeSort},
	} {
		path := thingsPath + "?" + url.Values{c.name: {c.value}}.Encode()
		got := w.send(call{method: "GET", path: path})
		if c.code == "" && got.status != http.StatusOK {
			t.Errorf("%s=%s: got %d %s, want 200", c.name, c.value, got.status, got.body)
		}
		if c.code != "" && (got.status != http.StatusBadRequest || !strings.Contains(got.body, `"`+c.name+`":{"code":"`+c.code+`"`)) {
			t.Errorf("%s=%s: got %d %s, want 400 with %s", c.name, c.value, got.status, got.body, c.code)
		}
		if got := w.send(call{method: "GET", path: path, token: token}); got.status != http.StatusOK {
			t.Errorf("%s=%s as a superuser: got %d %s, want 200", c.name, c.value, got.status, got.body)
		}
	}
	for body, want := range map[string]string{
		strings.Repeat(`{"method":"POST","url":"/api/collections/things/records"},`, 3):     limits.CodeBatch,
		`{"method":"POST","url":"/api/collections/things/records?expand=a.b.c","body":{}},`: limits.CodeExpand,
	} {
		r := httptest.NewRequest("POST", "/api/batch", strings.NewReader(`{"requests":[`+strings.TrimSuffix(body, ",")+`]}`))
		r.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		if recorder.Code != http.StatusBadRequest || !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("batch %s: got %d %s, want 400 with %s", body, recorder.Code, recorder.Body, want)
		}
	}
}

func TestDefaultsAreThoseOfPocketBase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	for _, query := range []string{"perPage=5000", "expand=" + strings.Repeat("a.", 20) + "a", "sort=title,id,title,id,title,id"} {
		if got := w.send(call{method: "GET", path: thingsPath + "?" + query}); got.status != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", query, got.status, got.body)
		}
	}
	deep := strings.Repeat("(", 51) + "title='x'" + strings.Repeat(")", 51)
	if got := w.send(call{method: "GET", path: thingsPath + "?filter=" + url.QueryEscape(deep)}); got.status != http.StatusBadRequest {
		t.Errorf("got %d %s, want 400", got.status, got.body)
	}
}

func TestFormsOfManyParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{Requests: limits.Requests{MaxParts: 3}})
	for parts, want := range map[int]int{3: http.StatusOK, 4: http.StatusBadRequest} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for i := range parts {
			if err := form.WriteField("title", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := form.Close(); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", thingsPath, &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		if refused := strings.Contains(recorder.Body.String(), limits.CodeParts); refused != (want != http.StatusOK) {
			t.Errorf("%d parts: got %d %s, want %d", parts, recorder.Code, recorder.Body, want)
		}
	}
}

func TestAQueryThatTakesTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	w.app.OnRecordsListRequest().BindFunc(func(e *core.RecordsListRequestEvent) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		var n int
		err := e.App.ConcurrentDB().NewQuery("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n").WithContext(ctx).Row(&n)
		return e.BadRequestError("", fmt.Errorf("count: %w", err)) // as PocketBase does
	})
	got := w.send(call{method: "GET", path: thingsPath})
	got.want(t, http.StatusServiceUnavailable, limits.CodeQueryTimeout)
}

func TestConnections(t *testing.T) {
	t.Parallel()
	app := template.New(t, func(app core.App) error {
		_, err := limits.Register(app, limits.Config{
			Exempt:      []netip.Prefix{}, // this machine is counted here
			Connections: limits.Connections{PerAddress: 2},
		})
		return err
	})
	address := strings.TrimPrefix(pbtest.Serve(t, app), "http://")
	open := func() (net.Conn, int) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := fmt.Fprint(conn, "GET /api/health HTTP/1.1\r\nHost: example.com\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return conn, response.StatusCode
	}
	first, status := open()
	_, second := open()
	_, third := open()
	if status != 200 || second != 200 || third != http.StatusTooManyRequests {
		t.Errorf("got %d, %d, %d, want two connections and a refusal", status, second, third)
	}
	_ = first.Close()
	pbtest.Eventually(t, time.Minute, func() error {
		if _, status := open(); status != 200 {
			return fmt.Errorf("got %d after a connection was closed, want 200", status)
		}
		return nil
	})
}

func TestWhatIsWrongWithAConfig(t *testing.T) {
	t.Parallel()
	if err := (limits.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	for want, config := range map[string]limits.Config{
		"Lockout.Account.Free":      {Lockout: limits.Lockout{Account: limits.Delay{Free: -1}}},
		"Lockout.Forget":            {Lockout: limits.Lockout{Forget: time.Second}},
		"Rates must have names":     {Rates: []limits.Rate{{Name: "a b", By: limits.ByUser, Limit: 1, Window: time.Second}}},
		"Keys must be set":          {Rates: []limits.Rate{{Name: "a", By: limits.ByKey, Limit: 1, Window: time.Second}}},
		"Requests.MaxPerPage":       {Requests: limits.Requests{MaxPerPage: -1}},
		"Connections.HeaderTimeout": {Connections: limits.Connections{HeaderTimeout: time.Hour}},
		"Costs":                     {Costs: map[string]int{"GET /": -1}},
	} {
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
	app := pbtest.New(t)
	if _, err := limits.Register(app, limits.Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := limits.Register(app, limits.Config{}); err == nil {
		t.Error("got two of them on one app, want an error")
	}
}
