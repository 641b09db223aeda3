package idempotency_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/idempotency"
)

func etag(r response) string { return r.header.Get("Etag") }

// everything is a value for each kind of field, written as clients may.
var everything = map[string]any{
	"title": "  spaces ", "count": 1.50, "done": true, "email": "a@example.com", "link": "https://example.com/<a>&b",
	"text": "<p>Text</p>", "due": "2026-03-01T12:00:00Z", "tags": []string{"b", "a"},
	"data": map[string]any{"z": []any{1, "<>", nil}, "a": 1e3}, "place": map[string]any{"lon": 1.5, "lat": 2},
}

func TestTagOfAWriteIsThatOfTheView(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{})
	created := w.create(t, everything)
	one := things + "/" + created.id()
	if view := w.send(t, http.MethodGet, one, nil); etag(view) != etag(created) || etag(view) == "" || view.body != created.body {
		t.Errorf("created %s as %s, and a view has %s of %s", created.body, etag(created), etag(view), view.body)
	}
	updated := w.send(t, http.MethodPatch, one, map[string]any{"count+": 1, "data": `{"b":  2}`}, "If-Match", etag(created))
	if updated.status != http.StatusOK {
		t.Fatalf("update: got %d %s", updated.status, updated.body)
	}
	if view := w.send(t, http.MethodGet, one, nil); etag(view) != etag(updated) || etag(view) == etag(created) {
		t.Errorf("updated to %s as %s, and a view has %s of %s", updated.body, etag(updated), etag(view), view.body)
	}
	body, contentType := form(t, "x", field{"file", "a.txt", "text/plain", "content"})
	filed := w.send(t, http.MethodPatch, one, body, "Content-Type", contentType, "If-Match", etag(updated))
	if view := w.send(t, http.MethodGet, one, nil); filed.status != http.StatusOK || etag(view) != etag(filed) {
		t.Errorf("with a file: %d %s as %s, and a view has %s", filed.status, filed.body, etag(filed), etag(view))
	}
	if again := w.send(t, http.MethodPatch, one, nil, "If-Match", etag(filed)); again.status != http.StatusOK {
		t.Errorf("without a change in between: got %d %s, want 200", again.status, again.body)
	}
	// whatever changes the record counts, also past PocketBase and its autodates
	if _, err := w.app.DB().NewQuery("UPDATE things SET count = 99").Execute(); err != nil {
		t.Fatal(err)
	}
	expect(t, "after raw SQL", w.send(t, http.MethodDelete, one, nil, "If-Match", etag(filed)), http.StatusPreconditionFailed, "precondition_failed")
}

func TestTagsTellViewsApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{})
	owners, err := w.app.FindCollectionByNameOrId("owners")
	if err != nil {
		t.Fatal(err)
	}
	owner := core.NewRecord(owners)
	owner.Set("name", "first")
	if err := w.app.Save(owner); err != nil {
		t.Fatal(err)
	}
	made := w.create(t, map[string]any{"title": "a", "owner": owner.Id, "secret": "one"})
	one := things + "/" + made.id()
	root := pbtest.Superuser(t, w.app)
	views := []string{"", "?expand=owner", "?fields=title", "?fields=id,expand.owner.name&expand=owner", "?unrelated=1"}
	see := func(query, token string) response {
		return w.send(t, http.MethodGet, one+query, nil, "Authorization", token)
	}
	strong := regexp.MustCompile(`^"[\w-]{22}(\.[\w-]{22})?"$`)
	before := map[string]response{}
	for _, query := range views {
		r := see(query, "")
		before[query] = r
		if !strong.MatchString(etag(r)) {
			t.Errorf("%s: the tag %s is no strong one", query, etag(r))
		}
		if again := w.send(t, http.MethodGet, one+query, nil, "If-None-Match", etag(r)); again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s: unchanged: got %d %q, want 304", query, again.status, again.body)
		}
	}
	if etag(before["?unrelated=1"]) != etag(before[""]) {
		t.Error("a parameter that changes nothing changes the tag")
	}
	if etag(see("", root)) == etag(before[""]) {
		t.Error("superusers see more and get the same tag")
	}

	owner.Set("name", "second")
	if err := w.app.Save(owner); err != nil {
		t.Fatal(err)
	}
	for query, changed := range map[string]bool{"": false, "?expand=owner": true, "?fields=title": false, "?fields=id,expand.owner.name&expand=owner": true} {
		if got := etag(see(query, "")) != etag(before[query]); got != changed {
			t.Errorf("%s: after a change of the owner the tag changed: %t, want %t", query, got, changed)
		}
	}
	for _, query := range views { // none of which is about the record itself
		r := w.send(t, http.MethodPatch, one, map[string]any{"title": "a"}, "If-Match", etag(before[query]))
		if r.status != http.StatusOK {
			// the first of them changes "updated"
			t.Errorf("%s: got %d %s, want 200", query, r.status, r.body)
		}
		for q := range before {
			before[q] = see(q, "")
		}
	}
	seen := w.send(t, http.MethodPatch, one+"?expand=owner&fields=title", map[string]any{"title": "b"}, "If-Match", etag(before["?expand=owner"]))
	if seen.status != http.StatusOK || w.send(t, http.MethodPatch, one, nil, "If-Match", etag(seen)).status != http.StatusOK {
		t.Errorf("the tag of an update with expand and fields is of no use: %d %s", seen.status, etag(seen))
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{})
	made := w.create(t, map[string]any{"title": "a"})
	one, old := things+"/"+made.id(), etag(made)
	now := etag(w.send(t, http.MethodPatch, one, map[string]any{"title": "b"}))
	cases := []struct {
		name, header string
		status       int
	}{
		{"an old tag", old, 412},
		{"a weak tag", "W/" + now, 412},
		{"no tag", "nonsense", 412},
		{"an empty tag", `""`, 412},
		{"no quotes", strings.Trim(now, `"`), 412},
		{"the beginning of the tag", now[:10] + `"`, 412},
		{"other tags", `"a", "b"`, 412},
		{"the tag", now, 204},
		{"one of several", `"a", ` + old + " ,\t" + now, 204},
		{"any state", "*", 204},
	}
	for _, c := range cases {
		expect(t, c.name+", update", w.send(t, http.MethodPatch, one, map[string]any{"title": strings.Repeat("x", 3_000_000)}, "If-Match", c.header),
			map[int]int{412: 412, 204: 400}[c.status], map[int]string{412: "precondition_failed"}[c.status])
	}
	for _, c := range cases {
		r := w.send(t, http.MethodDelete, one, nil, "If-Match", c.header)
		expect(t, c.name, r, c.status, map[int]string{412: "precondition_failed"}[c.status])
		if r.status == http.StatusNoContent {
			break
		}
	}
	expect(t, "a record that is gone", w.send(t, http.MethodDelete, one, nil, "If-Match", "*"), http.StatusNotFound, "")

	// in a batch, each of its requests has its own
	ids := []response{w.create(t, map[string]any{"title": "1"}), w.create(t, map[string]any{"title": "2"})}
	change := func(tags ...string) response {
		var requests []any
		for i, tag := range tags {
			requests = append(requests, map[string]any{
				"method": "PATCH", "url": things + "/" + ids[i].id(), "body": map[string]any{"count+": 1}, "headers": map[string]string{"If-Match": tag},
			})
		}
		return w.send(t, http.MethodPost, batch, map[string]any{"requests": requests})
	}
	if r := change(etag(ids[0]), `"other"`); r.status != http.StatusBadRequest || !strings.Contains(r.body, `"code":"precondition_failed"`) {
		t.Errorf("a batch with an old tag: got %d %s, want 400 with the refusal", r.status, r.body)
	}
	before := w.count(t, "things")
	upsert := map[string]any{"method": "PUT", "url": things, "body": map[string]any{"id": made.id()}, "headers": map[string]string{"If-Match": "*"}}
	if r := w.send(t, http.MethodPost, batch, map[string]any{"requests": []any{upsert}}); !strings.Contains(r.body, `"code":"precondition_failed"`) || w.count(t, "things") != before {
		t.Errorf("an upsert of a record that is gone: got %d %s, want 400 with the refusal", r.status, r.body)
	}
	if r := change(etag(ids[0]), etag(ids[1])); r.status != http.StatusOK {
		t.Errorf("a batch: got %d %s, want 200", r.status, r.body)
	}
}

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{})
	made := w.create(t, map[string]any{"title": "a"})
	one := things + "/" + made.id()
	for header, status := range map[string]int{
		etag(made): 304, "W/" + etag(made): 304, `"a", ` + etag(made): 304, "*": 304, `"a"`: 200, "nonsense": 200, "": 200,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r := w.send(t, method, one, nil, "If-None-Match", header)
			if r.status != status || etag(r) != etag(made) || status == 304 && (r.body != "" || r.header.Get("Content-Type") != "") {
				t.Errorf("%s %s: got %d %q with the tag %s, want %d", method, header, r.status, r.body, etag(r), status)
			}
		}
	}
	if r := w.send(t, http.MethodGet, things+"/none", nil, "If-None-Match", "*"); r.status != http.StatusNotFound || etag(r) != "" {
		t.Errorf("no such record: got %d with the tag %q", r.status, etag(r))
	}
	if r := w.send(t, http.MethodPatch, one, map[string]any{"title": "b"}, "If-None-Match", etag(made)); r.status != http.StatusOK {
		t.Errorf("an update: got %d %s, want 200", r.status, r.body)
	}
}

// Of many who have seen the same state, one may change it. Between the check and
// the write there is time for all of them.
func TestOneOfManyConditionalUpdates(t *testing.T) {
	t.Parallel()
	t.Run("with If-Match", func(t *testing.T) {
		t.Parallel()
		testOneOfMany(t, func(int) []string { return nil })
	})
	t.Run("with a key besides", func(t *testing.T) {
		t.Parallel()
		testOneOfMany(t, func(i int) []string { return []string{key, fmt.Sprint(i)} })
	})
}

func testOneOfMany(t *testing.T, headers func(i int) []string) {
	t.Helper()
	const parallel = 20
	var passed atomic.Int32
	all := make(chan struct{})
	w := newWorld(t, idempotency.Config{}, func(app core.App) error {
		app.OnRecordUpdateRequest("things").BindFunc(func(e *core.RecordRequestEvent) error {
			// who passes the check outside of a transaction has the time that it
			// takes all others to pass it too; within one, nobody else can
			if passed.Add(1) == parallel {
				close(all)
			}
			if !e.App.IsTransactional() {
				<-all
			}
			return e.Next()
		})
		return nil
	})
	made := w.create(t, map[string]any{"title": "a"})
	answers := make([]response, parallel)
	var done sync.WaitGroup
	for i := range answers {
		done.Go(func() {
			answers[i] = w.send(t, http.MethodPatch, things+"/"+made.id(), map[string]any{"count+": 1},
				append(headers(i), "If-Match", etag(made))...)
		})
	}
	done.Wait()
	counts := map[int]int{}
	for _, r := range answers {
		counts[r.status]++
	}
	if want := map[int]int{200: 1, 412: parallel - 1}; !maps.Equal(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
	if record, err := w.app.FindRecordById("things", made.id()); err != nil || record.GetInt("count") != 1 {
		t.Errorf("the record was changed %d times, %v", record.GetInt("count"), err)
	}
}

// The repetition of an update that was carried out gets its answer, although the
// record is another one by then.
func TestKeyComesBeforeIfMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{})
	made := w.create(t, map[string]any{"title": "a"})
	update := func() response {
		return w.send(t, http.MethodPatch, things+"/"+made.id(), map[string]any{"title": "b"}, "If-Match", etag(made), key, "k")
	}
	first := update()
	expectReplay(t, "again", update(), first)
	if etag(first) == "" {
		t.Error("the answer has no tag")
	}
}

// Without the headers, answers are those of an app without the plugin, but for
// the tag.
func TestClientsThatDoNotKnowOfIt(t *testing.T) {
	t.Parallel()
	custom := routes(func(e *core.ServeEvent) {
		e.Router.POST("/custom", func(e *core.RequestEvent) error { return e.JSON(http.StatusCreated, e.Request.Header["X-Any"]) })
		e.Router.GET("/stream", func(e *core.RequestEvent) error {
			_, _ = e.Response.Write([]byte("a"))
			return e.Flush()
		})
	})
	flush := func(app core.App) error {
		app.OnRecordViewRequest("things").BindFunc(func(e *core.RecordRequestEvent) error {
			if e.Request.URL.Query().Has("flush") {
				_, _ = e.Response.Write([]byte("own "))
				if err := e.Flush(); err != nil {
					return err
				}
			}
			return e.Next()
		})
		app.OnRecordAfterUpdateSuccess("things").BindFunc(func(e *core.RecordEvent) error {
			if e.Record.GetString("title") == "late failure" {
				return fmt.Errorf("a hook fails")
			}
			return e.Next()
		})
		return nil
	}
	with := newWorld(t, idempotency.Config{}, custom, flush).handler
	without := pbtest.Handler(t, template.New(t, custom, flush))
	const id = "thing0000000001"
	requests := []struct {
		method, path string
		body         any
	}{
		{http.MethodPost, things, map[string]any{"id": id, "title": "a", "data": map[string]any{"a": "<b>"}}},
		{http.MethodPost, things, map[string]any{"id": id}},
		{http.MethodGet, things + "/" + id + "?fields=id,title,data", nil},
		{http.MethodGet, things + "/" + id + "?fields=id&flush", nil},
		{http.MethodHead, things + "/" + id + "?fields=id", nil},
		{http.MethodGet, things + "/none", nil},
		{http.MethodGet, "/api/collections/none/records/none", nil},
		{http.MethodPatch, things + "/" + id + "?fields=title", map[string]any{"title": "b"}},
		{http.MethodPatch, things + "/" + id, map[string]any{"title": "late failure"}},
		{http.MethodPatch, things + "/" + id, map[string]any{"email": "none"}},
		{http.MethodGet, things + "?fields=items.id,items.title", nil},
		{http.MethodPost, batch, map[string]any{"requests": []any{map[string]any{"method": "DELETE", "url": things + "/" + id}}}},
		{http.MethodDelete, things + "/" + id, nil},
		{http.MethodPost, "/custom", nil},
		{http.MethodGet, "/stream", nil},
	}
	times := regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z`)
	for _, r := range requests {
		got, want := send(t, with, r.method, r.path, r.body), send(t, without, r.method, r.path, r.body)
		got.header.Del("Etag")
		got.body, want.body = times.ReplaceAllString(got.body, "time"), times.ReplaceAllString(want.body, "time")
		if got.status != want.status || got.body != want.body || !maps.EqualFunc(got.header, want.header, slices.Equal) {
			t.Errorf("%s %s: got %d %s %v,\nwant %d %s %v", r.method, r.path, got.status, got.body, got.header, want.status, want.body, want.header)
		}
	}
}
