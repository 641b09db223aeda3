package idempotency_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/idempotency"
)

const key = "Idempotency-Key"

func TestHundredParallelCreates(t *testing.T) {
	t.Parallel()
	app := template.New(t, func(app core.App) error {
		_, err := idempotency.Register(app, idempotency.Config{Wait: time.Minute})
		return err
	})
	_, token := pbtest.User(t, app, "users", nil)
	url := pbtest.Serve(t, app)

	const parallel = 100
	bodies, replayed := make([]string, parallel), atomic.Int32{}
	var all sync.WaitGroup
	for i := range parallel {
		all.Go(func() {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+things, strings.NewReader(`{"title":"one"}`))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", token)
			req.Header.Set(key, "the-same")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("got %d %s, %v, want 200", res.StatusCode, body, err)
			}
			bodies[i] = res.Header.Get("Etag") + string(body)
			if res.Header.Get("Idempotency-Replayed") == "true" {
				replayed.Add(1)
			}
		})
	}
	all.Wait()
	for _, body := range bodies {
		if body != bodies[0] || body == "" {
			t.Errorf("got %s, want %s for all", body, bodies[0])
		}
	}
	if n, err := app.CountRecords("things"); n != 1 || err != nil {
		t.Errorf("got %d records, %v, want 1", n, err)
	}
	if replayed.Load() != parallel-1 {
		t.Errorf("got %d replays, want %d", replayed.Load(), parallel-1)
	}
}

func TestWritesAreReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{}, routes(func(e *core.ServeEvent) {
		e.Router.PUT("/custom/{id}", func(e *core.RequestEvent) error {
			e.Response.Header().Set("Location", "/custom/elsewhere")
			e.Response.Header().Set("X-Custom", "kept")
			e.Response.Header().Set("Set-Cookie", "a=b")
			return e.Blob(http.StatusCreated, "application/octet-stream", []byte{0, 1, 255})
		})
		e.Router.DELETE("/custom", func(e *core.RequestEvent) error { return e.NoContent(http.StatusNoContent) })
		e.Router.POST("/silent", func(*core.RequestEvent) error { return nil })
	}))
	changed, gone := w.create(t, map[string]any{"title": "old"}).id(), w.create(t, map[string]any{"title": "gone"}).id()
	cases := []struct {
		name, method, path string
		body               any
		status             int
	}{
		{"create", http.MethodPost, things, map[string]any{"title": "new"}, 200},
		{"create with expand and fields", http.MethodPost, things + "?expand=owner&fields=id,title", map[string]any{"title": "new"}, 200},
		{"update", http.MethodPatch, things + "/" + changed, map[string]any{"count+": 1}, 200},
		{"delete", http.MethodDelete, things + "/" + gone, nil, 204},
		{"batch", http.MethodPost, batch, map[string]any{"requests": []any{
			map[string]any{"method": "POST", "url": things, "body": map[string]any{"title": "in a batch"}},
			map[string]any{"method": "PATCH", "url": things + "/" + changed, "body": map[string]any{"count+": 1}},
		}}, 200},
		{"custom route", http.MethodPut, "/custom/7", map[string]any{"any": "body"}, 201},
		{"custom route without a body", http.MethodDelete, "/custom", nil, 204},
		{"custom route that answers nothing", http.MethodPost, "/silent", nil, 200},
	}
	for i, c := range cases {
		name := fmt.Sprint("key ", i)
		first := w.send(t, c.method, c.path, c.body, key, `"`+name+`"`)
		if first.status != c.status {
			t.Fatalf("%s: got %d %s, want %d", c.name, first.status, first.body, c.status)
		}
		before := w.count(t, "things")
		for range 2 {
			again := w.send(t, c.method, c.path, c.body, key, `"`+name+`"`)
			expectReplay(t, c.name, again, first)
			if again.header.Get("Set-Cookie") != "" {
				t.Errorf("%s: a cookie was set again", c.name)
			}
		}
		if got := w.count(t, "things"); got != before {
			t.Errorf("%s: got %d things after the replay, want %d", c.name, got, before)
		}
	}
	if got, _ := w.app.FindRecordById("things", changed); got.GetInt("count") != 2 {
		t.Errorf("count: got %d, want 2, one by each request", got.GetInt("count"))
	}
}

func TestKeysAreForOneRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{}, routes(func(e *core.ServeEvent) {
		ok := func(e *core.RequestEvent) error { return e.String(http.StatusOK, "done") }
		e.Router.POST("/a", ok)
		e.Router.PATCH("/a", ok)
		e.Router.POST("/b", ok)
	}))
	body := map[string]any{"x": 1}
	if first := w.send(t, http.MethodPost, "/a", body, key, "k"); first.status != http.StatusOK {
		t.Fatalf("got %d %s", first.status, first.body)
	}
	cases := []struct {
		name, method, path string
		body               any
	}{
		{"body", http.MethodPost, "/a", map[string]any{"x": 2}},
		{"no body", http.MethodPost, "/a", nil},
		{"method", http.MethodPatch, "/a", body},
		{"path", http.MethodPost, "/b", body},
		{"query", http.MethodPost, "/a?x=1", body},
	}
	for _, c := range cases {
		expect(t, "another "+c.name, w.send(t, c.method, c.path, c.body, key, "k"), http.StatusUnprocessableEntity, "idempotency_key_reused")
	}
	expect(t, "another type", w.send(t, http.MethodPost, "/a", body, key, "k", "Content-Type", "text/plain"), http.StatusUnprocessableEntity, "idempotency_key_reused")
	if got := w.send(t, http.MethodPost, "/a", body, key, "k"); got.replayed() != "true" {
		t.Errorf("the request itself: got %d %s, want a replay", got.status, got.body)
	}
}

func TestKeysBelongToTheirCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{})
	ada, adas := pbtest.User(t, w.app, "users", nil)
	_, bobs := pbtest.User(t, w.app, "users", nil)
	ids := map[string]bool{}
	for _, token := range []string{adas, bobs, pbtest.Superuser(t, w.app), ""} {
		r := w.create(t, map[string]any{"title": "mine"}, key, "k", "Authorization", token)
		if r.replayed() != "false" {
			t.Errorf("got the answer of somebody else: %s", r.body)
		}
		ids[r.id()] = true
	}
	if len(ids) != 4 {
		t.Errorf("got %d records, want one for each caller", len(ids))
	}
	another, err := ada.NewStaticAuthToken(time.Hour) // a client refreshes its token between two attempts
	if err != nil {
		t.Fatal(err)
	}
	if r := w.create(t, map[string]any{"title": "mine"}, key, "k", "Authorization", another); r.replayed() != "true" {
		t.Errorf("with another token of the same person: got %s, want a replay", r.body)
	}
}

func TestFailuresLeaveTheKeyFree(t *testing.T) {
	t.Parallel()
	write := func(e *core.RequestEvent) error {
		collection, err := e.App.FindCollectionByNameOrId("things")
		if err != nil {
			return err
		}
		return e.App.Save(core.NewRecord(collection))
	}
	w := newWorld(t, idempotency.Config{}, routes(func(e *core.ServeEvent) {
		for path, end := range map[string]func(e *core.RequestEvent) error{
			"/error": func(e *core.RequestEvent) error { return e.BadRequestError("No.", nil) },
			"/plain": func(*core.RequestEvent) error { return errors.New("disk failure") },
			"/500":   func(e *core.RequestEvent) error { return e.InternalServerError("", nil) },
			"/429": func(e *core.RequestEvent) error {
				e.Response.Header().Set("Retry-After", "7")
				return e.TooManyRequestsError("", nil)
			},
			"/written": func(e *core.RequestEvent) error {
				return e.JSON(http.StatusConflict, map[string]string{"own": "answer"})
			},
			"/panic": func(*core.RequestEvent) error { panic("on purpose") },
			"/after": func(e *core.RequestEvent) error {
				_ = e.String(http.StatusOK, "done")
				return e.ForbiddenError("", nil)
			},
			"/swallowed": func(e *core.RequestEvent) error {
				_ = e.App.RunInTransaction(func(core.App) error { return errors.New("undo this") })
				return e.String(http.StatusOK, "done")
			},
		} {
			e.Router.POST(path, func(e *core.RequestEvent) error { return errors.Join(write(e), end(e)) })
		}
	}))
	w.create(t, map[string]any{"link": "https://taken.example"})
	cases := []struct {
		path   string
		body   any
		status int
		has    string
	}{
		{"/error", nil, 400, "No."},
		{"/plain", nil, 400, "Something went wrong"},
		{"/500", nil, 500, "Something went wrong"},
		{"/429", nil, 429, "Too Many"},
		{"/written", nil, 409, `{"own":"answer"}`},
		{"/panic", nil, 500, "Something went wrong"},
		{"/after", nil, 403, `"status":403`},
		{"/swallowed", nil, 500, "idempotency_partial_rollback"},
		{things, map[string]any{"link": "https://taken.example"}, 400, "validation_not_unique"},
		{things, map[string]any{"email": "none"}, 400, "validation_is_email"},
		{batch, map[string]any{"requests": []any{
			map[string]any{"method": "POST", "url": things, "body": map[string]any{"title": "undone"}},
			map[string]any{"method": "POST", "url": things, "body": map[string]any{"link": "https://taken.example"}},
		}}, 400, "batch_request_failed"},
		{"/nowhere", nil, 404, "wasn't found"},
	}
	for _, c := range cases {
		for range 2 {
			r := w.send(t, http.MethodPost, c.path, c.body, key, "k")
			if r.status != c.status || !strings.Contains(r.body, c.has) || r.replayed() == "true" {
				t.Errorf("%s: got %d %s replayed %q, want %d with %q anew", c.path, r.status, r.body, r.replayed(), c.status, c.has)
			}
			if c.status == 429 && r.header.Get("Retry-After") != "7" {
				t.Errorf("%s: the headers of the error are lost", c.path)
			}
		}
		if n, stored := w.count(t, "things"), w.stored(t); n != 1 || stored != 0 {
			t.Errorf("%s: got %d things and %d stored answers, want the one from before and none", c.path, n, stored)
		}
	}
	if r := w.create(t, map[string]any{"link": "https://free.example"}, key, "k"); r.replayed() != "false" {
		t.Errorf("a corrected request: got %s", r.body)
	}
}

func TestHooksRunOnce(t *testing.T) {
	t.Parallel()
	var calls []string
	note := func(name string, app core.App) {
		calls = append(calls, fmt.Sprintf("%s in transaction: %t", name, app.IsTransactional() && app.TxInfo() != nil))
	}
	w := newWorld(t, idempotency.Config{}, func(app core.App) error {
		app.OnRecordCreateRequest("things").BindFunc(func(e *core.RecordRequestEvent) error {
			note("request", e.App)
			e.App.TxInfo().OnComplete(func(err error) error { note("complete", app); return err })
			// as hooks do that want a transaction of their own
			outer := e.App
			defer func() { e.App = outer }()
			return outer.RunInTransaction(func(tx core.App) error {
				e.App = tx
				return e.Next()
			})
		})
		app.OnRecordCreate("things").BindFunc(func(e *core.RecordEvent) error {
			note("create", e.App)
			return e.Next()
		})
		app.OnRecordAfterCreateSuccess("things").BindFunc(func(e *core.RecordEvent) error {
			if _, err := app.FindRecordById("things", e.Record.Id); err != nil {
				t.Errorf("the record cannot be seen by others after its success: %v", err)
			}
			note("success", e.App)
			return e.Next()
		})
		return nil
	})
	first := w.create(t, map[string]any{"title": "a"}, key, "k")
	expectReplay(t, "again", w.create(t, map[string]any{"title": "a"}, key, "k"), first)
	want := "request in transaction: true, create in transaction: true, complete in transaction: false, success in transaction: false"
	if got := strings.Join(calls, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A hook that fails after the commit cannot undo it, so that the answer is the
// one that every repetition gets.
func TestFailureAfterTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{}, func(app core.App) error {
		app.OnRecordAfterCreateSuccess("things").BindFunc(func(e *core.RecordEvent) error {
			return errors.Join(e.Next(), errors.New("too late"))
		})
		return nil
	})
	first := w.create(t, map[string]any{"title": "a"}, key, "k")
	expectReplay(t, "again", w.create(t, map[string]any{"title": "a"}, key, "k"), first)
}

func TestAnswersThatAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{MaxAnswer: 2000}, routes(func(e *core.ServeEvent) {
		e.Router.POST("/token", func(e *core.RequestEvent) error {
			user, err := e.App.FindFirstRecordByFilter("users", "id != ''")
			if err != nil {
				return err
			}
			return apis.RecordAuthResponse(e, user, "", nil)
		})
		e.Router.POST("/secret", func(e *core.RequestEvent) error {
			e.Response.Header().Set("Cache-Control", "private, No-Store")
			return e.String(http.StatusOK, "a secret")
		})
	}))
	pbtest.User(t, w.app, "users", nil)
	cases := []struct {
		name, path string
		body       map[string]any
	}{
		{"token", "/token", nil},
		{"no-store", "/secret", nil},
		{"large", things, map[string]any{"title": many("x", 2000)}},
	}
	for _, c := range cases {
		first := w.send(t, http.MethodPost, c.path, c.body, key, c.name)
		if first.status != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", c.name, first.status, first.body)
		}
		expect(t, c.name, w.send(t, http.MethodPost, c.path, c.body, key, c.name), http.StatusConflict, "idempotency_answer_not_kept")
		var body *string
		if err := w.app.DB().NewQuery("SELECT body FROM _idempotency WHERE [[key]] = {:key}").Bind(map[string]any{"key": c.name}).Row(&body); err != nil || body != nil {
			t.Errorf("%s: %v is stored, error %v", c.name, body, err)
		}
	}
	if n := w.count(t, "things"); n != 1 {
		t.Errorf("got %d things, want 1", n)
	}
}

func TestKeysWithoutEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{Skip: []string{"/exact", "/below/", "/orders/{id}/pay"}}, routes(func(e *core.ServeEvent) {
		for _, path := range []string{"/exact", "/below/this", "/exactly", "/orders/{id}/pay"} {
			e.Router.POST(path, func(e *core.RequestEvent) error { return e.String(http.StatusOK, path) })
		}
	}))
	user, token := pbtest.User(t, w.app, "users", nil)
	root := pbtest.Superuser(t, w.app)
	cases := []struct {
		method, path string
		body         any
		token        string
		want         string
	}{
		{http.MethodPost, "/api/collections/users/auth-with-password", map[string]string{"identity": user.Email(), "password": pbtest.Password}, "", ""},
		{http.MethodPost, "/api/collections/users/auth-refresh", nil, token, ""},
		{http.MethodPost, "/api/files/token", nil, token, ""},
		{http.MethodPatch, "/api/settings", map[string]any{}, root, ""},
		{http.MethodPatch, "/api/collections/things", map[string]any{}, root, ""},
		{http.MethodGet, things, nil, "", ""},
		{http.MethodPost, "/exact", nil, "", ""},
		{http.MethodPost, "/below/this", nil, "", ""},
		{http.MethodPost, "/orders/7/pay", nil, "", ""},
		{http.MethodPost, "/exactly", nil, "", "false"},
	}
	for _, c := range cases {
		r := w.send(t, c.method, c.path, c.body, key, "k", "Authorization", c.token)
		if r.status != http.StatusOK || r.replayed() != c.want {
			t.Errorf("%s %s: got %d %s with Idempotency-Replayed %q, want 200 with %q", c.method, c.path, r.status, r.body, r.replayed(), c.want)
		}
	}
	if n := w.stored(t); n != 1 {
		t.Errorf("got %d stored answers, want that of the one custom route", n)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	w := newWorld(t, idempotency.Config{Now: now.Now, Retention: time.Hour})
	first := w.create(t, map[string]any{"title": "a"}, key, "k")
	now.Advance(time.Hour)
	expectReplay(t, "at the last moment", w.create(t, map[string]any{"title": "a"}, key, "k"), first)
	now.Advance(time.Second)
	if again := w.create(t, map[string]any{"title": "b"}, key, "k"); again.replayed() != "false" {
		t.Errorf("after the retention: got %s, want a new record", again.body)
	}

	for i := range 501 {
		w.create(t, nil, key, fmt.Sprint(i))
	}
	now.Advance(30 * time.Minute)
	kept := w.create(t, nil, key, "younger")
	now.Advance(31 * time.Minute)
	for _, job := range w.app.Cron().Jobs() {
		if job.Id() == "holdallIdempotencyPrune" {
			job.Run()
		}
	}
	if n := w.stored(t); n != 1 {
		t.Errorf("after the job: got %d answers, want the younger one", n)
	}
	expectReplay(t, "the younger one", w.create(t, nil, key, "younger"), kept)
}
