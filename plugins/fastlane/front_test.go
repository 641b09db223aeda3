package fastlane_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// newFrontPosts is newPosts with a server's own handler, in front of which the lane is.
func newFrontPosts(t *testing.T) (w *world, author *core.Record, signedIn http.Header) {
	t.Helper()
	w = newIdleWorld(t, func(app core.App) error { return manyPosts(app, 50) }, fastlane.Config{})
	w.handler = serverHandler(t, w.app)
	if at := w.plugin.Placement(); !at.Front {
		t.Fatalf("the lane is behind: %s", at.Because)
	}
	author, err := w.app.FindRecordById("users", "author000000000")
	if err != nil {
		t.Fatal(err)
	}
	signedIn = http.Header{"Authorization": {pbtest.Token(t, author)}}
	w.ask(false, onePost, signedIn) // so that the token is known
	return w, author, signedIn
}

// pass is a handler that does nothing.
func pass(e *core.RequestEvent) error { return e.Next() }

// TestPlacement binds things to the router before the server is there, and says
// whether the lane may be in front of it then.
func TestPlacement(t *testing.T) {
	t.Parallel()
	ok := func(e *core.RequestEvent) error { return e.NoContent(http.StatusNoContent) }
	wrapped := func(e *core.ServeEvent) error {
		err := e.Next()
		e.Server.Handler = http.MaxBytesHandler(e.Server.Handler, 1<<20)
		return err
	}
	for name, c := range map[string]struct {
		serve func(e *core.ServeEvent) error
		last  bool // after all others
		front bool
	}{
		"nothing":            {front: true},
		"a route":            {front: true, serve: func(e *core.ServeEvent) error { e.Router.GET("/api/v1/board", ok).BindFunc(pass); return e.Next() }},
		"the rest":           {front: true, serve: func(e *core.ServeEvent) error { e.Router.GET("/{path...}", ok); return e.Next() }},
		"another method":     {front: true, serve: func(e *core.ServeEvent) error { e.Router.POST("/api/collections/posts/records", ok); return e.Next() }},
		"a handler outside":  {front: true, serve: wrapped},
		"a handler inside":   {serve: wrapped, last: true},
		"a middleware":       {serve: func(e *core.ServeEvent) error { e.Router.BindFunc(pass); return e.Next() }},
		"a middleware, last": {last: true, serve: func(e *core.ServeEvent) error { e.Router.BindFunc(pass); return e.Next() }},
		"a middleware with a known name": {serve: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: apis.DefaultWWWRedirectMiddlewareId, Func: pass, Priority: apis.DefaultWWWRedirectMiddlewarePriority})
			return e.Next()
		}},
		"PocketBase's for std handlers, with a known name": {serve: func(e *core.ServeEvent) error {
			std := apis.WrapStdMiddleware(func(next http.Handler) http.Handler { return next })
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: apis.DefaultWWWRedirectMiddlewareId, Func: std, Priority: apis.DefaultWWWRedirectMiddlewarePriority})
			return e.Next()
		}},
		"gzip":            {serve: func(e *core.ServeEvent) error { e.Router.Bind(apis.Gzip()); return e.Next() }},
		"a second CORS":   {serve: func(e *core.ServeEvent) error { e.Router.Bind(apis.CORS(apis.CORSConfig{})); return e.Next() }},
		"a smaller limit": {serve: func(e *core.ServeEvent) error { e.Router.Bind(apis.BodyLimit(10)); return e.Next() }},
		"no headers": {serve: func(e *core.ServeEvent) error {
			e.Router.Unbind(apis.DefaultSecurityHeadersMiddlewareId)
			return e.Next()
		}},
		"other headers under the same name": {serve: func(e *core.ServeEvent) error {
			e.Router.Unbind(apis.DefaultSecurityHeadersMiddlewareId)
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: apis.DefaultSecurityHeadersMiddlewareId, Func: pass, Priority: apis.DefaultSecurityHeadersMiddlewarePriority})
			return e.Next()
		}},
		"another CORS in its place": {front: true, serve: replaceCORS},
		"a function replaced":       {serve: func(e *core.ServeEvent) error { e.Router.Middlewares[3].Func = pass; return e.Next() }},
		"a priority":                {serve: func(e *core.ServeEvent) error { e.Router.Middlewares[3].Priority++; return e.Next() }},
		"a route of a collection": {serve: func(e *core.ServeEvent) error {
			e.Router.GET("/api/collections/posts/records", ok)
			return e.Next()
		}},
		"a route of a record": {serve: func(e *core.ServeEvent) error {
			e.Router.Group("/api").GET("/collections/{collection}/records/export", ok)
			return e.Next()
		}},
		"a host": {serve: func(e *core.ServeEvent) error { e.Router.GET("shop.example.com/", ok); return e.Next() }},
		"another router": {serve: func(e *core.ServeEvent) error {
			mine := router.NewRouter(func(w http.ResponseWriter, r *http.Request) (*core.RequestEvent, router.EventCleanupFunc) {
				made := &core.RequestEvent{App: e.App}
				made.Response, made.Request = w, r
				return made, nil
			})
			*mine.RouterGroup = *e.Router.RouterGroup
			e.Router = mine
			return e.Next()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := core.NewBaseApp(core.BaseAppConfig{}) // which needs no database for it
			plugin := fastlane.MustRegister(app, fastlane.Config{})
			if c.serve != nil {
				priority := 0
				if c.last {
					priority = int(^uint(0) >> 1)
				}
				app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Func: c.serve, Priority: priority})
			}
			serverHandler(t, app)
			if at := plugin.Placement(); at.Front != c.front || c.front != (at.Because == "") {
				t.Errorf("got %+v, want in front: %v", at, c.front)
			}
		})
	}
}

// TestUnboundCORS has another CORS in the place of PocketBase's. PocketBase's routes
// do not have it then, nor does the lane.
func TestUnboundCORS(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t, func(app core.App) error { return manyPosts(app, 1) }, fastlane.Config{})
	w.app.OnServe().BindFunc(replaceCORS)
	w.handler = serverHandler(t, w.app)
	header := http.Header{"Origin": {"https://app.example.com"}}
	if difference := w.compare("/api/collections/posts/records", header); difference != "" {
		t.Error(difference)
	}
	w.mustServe(t, "/api/collections/posts/records", header, true)
}

func replaceCORS(e *core.ServeEvent) error {
	e.Router.Unbind(apis.DefaultCorsMiddlewareId)
	e.Router.Bind(apis.CORS(apis.CORSConfig{AllowOrigins: []string{"https://app.example.com"}}))
	return e.Next()
}

// TestOutranks compares what is said of patterns with what a mux does.
func TestOutranks(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 5))
	outranking, taken := 0, 0
	for range 4000 {
		pattern := randomPattern(random)
		mux := http.NewServeMux()
		for _, own := range []string{"GET /api/collections/{collection}/records", "GET /api/collections/{collection}/records/{id}"} {
			mux.HandleFunc(own, func(http.ResponseWriter, *http.Request) {})
		}
		if !handles(mux, pattern) {
			continue
		}
		says := fastlane.Outranks(pattern)
		if says {
			outranking++
		}
		for _, path := range []string{"posts/records", "x/records", "records/records", "posts/records/x", "posts/records/export", "x/records/records"} {
			for _, host := range []string{"example.com", "a.example"} {
				r := httptest.NewRequest(http.MethodGet, "http://"+host+"/api/collections/"+path, nil)
				if _, got := mux.Handler(r); got == pattern {
					taken++
					if !says {
						t.Fatalf("%q takes %s of %s", pattern, path, host)
					}
				}
			}
		}
	}
	if outranking < 50 || taken < 50 {
		t.Errorf("only %d patterns outrank, and %d requests are taken", outranking, taken)
	}
}

func randomPattern(random *rand.Rand) string {
	path := ""
	for _, usual := range []string{"api", "collections", "posts", "records", "export"}[:1+random.IntN(5)] {
		path += "/" + pickFrom(random, []string{usual, usual, usual, usual, "{" + usual + "}", "x"})
	}
	path += pickFrom(random, []string{"", "", "", "/", "/{$}", "/{rest...}", "/more"})
	if random.IntN(20) == 0 {
		path = strings.Replace(path, "posts", "p%6fsts", 1)
	}
	return pickFrom(random, []string{"", "GET ", "GET ", "GET  ", "POST ", "HEAD "}) + pickFrom(random, []string{"", "", "", "example.com"}) + path
}

// handles tells whether a mux takes a pattern: it panics at those that conflict.
func handles(mux *http.ServeMux, pattern string) (ok bool) {
	defer func() { ok = recover() == nil }()
	mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	return true
}

// TestFrontLimits turns rate limits on while the lane is in front. Both count together.
func TestFrontLimits(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newFrontPosts(t)
	limits := &w.app.Settings().RateLimits
	limits.Enabled, limits.Rules = true, []core.RateLimitRule{{Label: "posts:view", MaxRequests: 3, Duration: 3600}}
	w.fixed = true
	for n, stock := range []bool{false, true, false} {
		if got := w.ask(stock, onePost, signedIn); got.status != http.StatusOK {
			t.Fatalf("request %d: status %d, want 200", n, got.status)
		}
	}
	if got := w.ask(false, onePost, signedIn); got.status != http.StatusTooManyRequests {
		t.Errorf("one too many: status %d, want 429", got.status)
	}
	if got := w.plugin.Stats().Served; got != 3 { // one of them with the refusal
		t.Errorf("%d served, want 3", got)
	}
}

// TestFrontTokens revokes a token that the front knows.
func TestFrontTokens(t *testing.T) {
	t.Parallel()
	w, author, signedIn := newFrontPosts(t)
	w.mustServe(t, onePost, signedIn, true)
	author.SetPassword("another password of theirs")
	if err := w.app.Save(author); err != nil {
		t.Fatal(err)
	}
	if got := w.mustServe(t, onePost, signedIn, false); got.status != http.StatusNotFound {
		t.Errorf("status %d, want 404", got.status)
	}
	signedIn = http.Header{"Authorization": {pbtest.Token(t, author)}}
	w.mustServe(t, onePost, signedIn, false)
	w.mustServe(t, onePost, signedIn, true)
}

// TestFrontHooks binds a handler while the server runs.
func TestFrontHooks(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newFrontPosts(t)
	w.mustServe(t, onePost, signedIn, true)
	w.app.OnRecordEnrich("posts").BindFunc(func(e *core.RecordEnrichEvent) error {
		e.Record.Hide("title")
		return e.Next()
	})
	if got := w.mustServe(t, onePost, signedIn, false); strings.Contains(got.body, "title") {
		t.Errorf("got %s", got.body)
	}
}

// TestFrontFails has the lane fail: PocketBase answers, and the log tells.
func TestFrontFails(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newFrontPosts(t)
	want := w.mustServe(t, onePost, signedIn, true)
	for name, failure := range map[string]any{"an error": errors.New("broken"), "a text": "broken"} {
		w.plugin.FailWith(failure)
		if got := w.ask(false, onePost, signedIn); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if got := w.plugin.Stats().HandedOn[fastlane.ReasonPanic]; got != 2 {
		t.Errorf("%d failures are counted, want 2", got)
	}
	w.plugin.FailWith(http.ErrAbortHandler)
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // this very one
			t.Errorf("got %v", got)
		}
	}()
	w.ask(false, onePost, signedIn)
}

// failing is a client that an answer cannot be written to.
type failing struct{ http.ResponseWriter }

func (f failing) Write([]byte) (int, error) { panic("the client is gone") }

// TestFrontFailsHalfWay fails when part of the answer is out. It is not answered again.
func TestFrontFailsHalfWay(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newFrontPosts(t)
	w.app.Settings().Logs.MaxDays = 1
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, onePost, nil)
	r.Header = signedIn
	w.handler.ServeHTTP(failing{rec}, r)
	if rec.Code != http.StatusOK || rec.Body.Len() > 0 {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	pbtest.Eventually(t, time.Minute, func() error {
		rows := w.logRows(t)
		if len(rows) != 1 || rows[0].Level != 8 || !strings.Contains(rows[0].Data, "the client is gone") {
			return fmt.Errorf("rows: %+v", rows)
		}
		return nil
	})
}

// TestLongAnswers asks for a list that net/http would send in chunks. The lane says how
// long it is, unless there is another program's writer between, which may compress it.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newFrontPosts(t)
	for name, c := range map[string]struct {
		handler http.Handler
		chunked bool
	}{
		"net/http's writer": {handler: w.handler},
		"another writer":    {handler: otherWriter(w.handler), chunked: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.handler)
			t.Cleanup(server.Close)
			request, err := http.NewRequest(http.MethodGet, server.URL+"/api/collections/posts/records", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header = signedIn.Clone()
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || len(body) < 4096 {
				t.Fatalf("got %d bytes, %v, want a long list", len(body), err)
			}
			want := int64(len(body))
			if c.chunked {
				want = -1
			}
			if response.ContentLength != want {
				t.Errorf("the length is said to be %d, want %d", response.ContentLength, want)
			}
		})
	}
}

// otherWriter hides the writer of net/http, as a program does that changes answers.
func otherWriter(before http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
}

// TestOuterHeaders has a handler around the server's that sets headers before.
func TestOuterHeaders(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newFrontPosts(t)
	inner := w.handler
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Vary", "Accept")
		rw.Header().Set("Content-Type", "text/plain")
		rw.Header().Set("X-Frame-Options", "DENY")
		inner.ServeHTTP(rw, r)
	})
	for _, header := range []http.Header{signedIn, {"Authorization": signedIn["Authorization"], "Origin": {"https://app.example.com"}}} {
		if difference := w.compare(onePost, header); difference != "" {
			t.Error(difference)
		}
	}
	if got := w.plugin.Stats().Served; got != 2 {
		t.Errorf("%d served", got)
	}
}
