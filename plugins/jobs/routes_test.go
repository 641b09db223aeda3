package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/jobs"
)

// everyRoute are the routes, with what a superuser gets from an app that has one
// pending job.
var everyRoute = []struct {
	method, path, body string
	status             int
}{
	{"GET", "/api/jobs", "", 200},
	{"GET", "/api/jobs/stats", "", 200},
	{"GET", "/api/jobs/schedules", "", 200},
	{"GET", "/api/jobs/{id}", "", 200},
	{"POST", "/api/jobs/retry", "{}", 200},
	{"POST", "/api/jobs/queues/default/pause", "", 204},
	{"POST", "/api/jobs/queues/default/resume", "", 204},
	{"POST", "/api/jobs/{id}/retry", "", 409},
	{"POST", "/api/jobs/{id}/cancel", "", 200},
	{"POST", "/api/jobs/{id}/retry", "", 200},
}

func TestRoutesAreForSuperusers(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	handle(t, p, "note", nothing)
	if err := p.Pause(t.Context(), jobs.DefaultQueue); err != nil { // before the app serves, which starts the work
		t.Fatal(err)
	}
	id := enqueue(t, app, "note", "s3cret")
	_, user := pbtest.User(t, app, "users", nil)
	root := pbtest.Superuser(t, app)
	handler := pbtest.Handler(t, app)
	ask := func(token string, i int) pbtest.Response {
		r := everyRoute[i]
		request := pbtest.Request{Method: r.method, Path: strings.ReplaceAll(r.path, "{id}", id), Token: token}
		if r.body != "" {
			request.Body = strings.NewReader(r.body)
		}
		return pbtest.Do(t, handler, request)
	}
	// those who may not come first, as they must leave everything as it is
	for token, want := range map[string]int{"": http.StatusUnauthorized, "nonsense": http.StatusUnauthorized, user: http.StatusForbidden} {
		for i, r := range everyRoute {
			got := ask(token, i)
			if got.Status != want || strings.Contains(string(got.Body), "s3cret") || strings.Contains(string(got.Body), id) {
				t.Errorf("%s %s with token %.10q: got %d %s, want %d", r.method, r.path, token, got.Status, got.Body, want)
			}
		}
	}
	for i, r := range everyRoute {
		if r.path == "/api/jobs/queues/default/resume" {
			continue // so that nothing runs
		}
		if got := ask(root, i); got.Status != r.status {
			t.Errorf("%s %s: got %d %s, want %d", r.method, r.path, got.Status, got.Body, r.status)
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{EnqueueOnly: true})
	handle(t, p, "note", nothing)
	handle(t, p, "other", nothing)
	first := enqueue(t, app, "note", "1")
	for i := range 4 {
		enqueue(t, app, "note", fmt.Sprint(i))
	}
	later := enqueue(t, app, "other", "2", jobs.Delay(time.Hour), jobs.Unique("k"))
	root := pbtest.Superuser(t, app)
	handler := pbtest.Handler(t, app)
	ask := func(method, path, body string) pbtest.Response {
		t.Helper()
		request := pbtest.Request{Method: method, Path: path, Token: root}
		if body != "" {
			request.Body = strings.NewReader(body)
		}
		return pbtest.Do(t, handler, request)
	}
	ids := func(query string) (found []string, next string) {
		t.Helper()
		var page jobs.Page
		ask("GET", "/api/jobs?"+query, "").JSON(t, &page)
		for _, job := range page.Items {
			if job.Details != nil {
				t.Errorf("a list has details: %+v", job)
			}
			found = append(found, job.ID)
		}
		return found, page.Next
	}
	for query, want := range map[string]int{
		"": 6, "kind=note": 5, "state=scheduled": 1, "state=done": 0, "queue=default": 6, "queue=x": 0, "schedule=x": 0, "state=pending&kind=other": 0,
	} {
		if found, next := ids(query); len(found) != want || next != "" {
			t.Errorf("%q: got %d jobs and next %q, want %d", query, len(found), next, want)
		}
	}
	seen := map[string]bool{}
	for after, pages := "", 0; pages < 3; pages++ {
		found, next := ids("limit=2&after=" + after)
		for _, id := range found {
			seen[id] = true
		}
		if after = next; (next == "") != (pages == 2) {
			t.Errorf("page %d: got next %q", pages, next)
		}
	}
	if len(seen) != 6 {
		t.Errorf("got %d jobs on three pages, want 6", len(seen))
	}
	var job struct {
		Args   task
		State  string
		Result any
		Errors []any
	}
	ask("GET", "/api/jobs/"+first, "").JSON(t, &job)
	if job.Args.Name != "1" || job.State != "pending" || job.Errors == nil || job.Result != nil {
		t.Errorf("got %+v", job)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"GET", "/api/jobs?state=x", "", 400, `"state":{"code":"validation_in_invalid"`},
		{"GET", "/api/jobs?limit=501", "", 400, `"limit":{"code":"validation_out_of_range"`},
		{"GET", "/api/jobs?after=-", "", 400, `"after":{"code":"validation_invalid_cursor"`},
		{"GET", "/api/jobs/nope", "", 404, "There is no such job or queue."},
		{"POST", "/api/jobs/nope/cancel", "", 404, "There is no such job or queue."},
		{"POST", "/api/jobs/nope/retry", "", 404, "There is no such job or queue."},
		{"POST", "/api/jobs/queues/nope/pause", "", 404, "There is no such job or queue."},
		{"POST", "/api/jobs/" + first + "/retry", "", 409, `"job":{"code":"jobs_state"`},
		{"POST", "/api/jobs/" + later + "/retry", "", 200, `"state":"pending"`},
		{"POST", "/api/jobs/" + later + "/cancel", "", 200, `"state":"cancelled"`},
		{"POST", "/api/jobs/" + later + "/cancel", "", 409, `"job":{"code":"jobs_state"`},
		{"POST", "/api/jobs/retry", `{"kinds":"x"}`, 400, `"kinds":{"code":"validation_unknown_field"`},
		{"POST", "/api/jobs/retry", strings.Repeat(" ", 5000) + "{}", 413, ""},
		{"POST", "/api/jobs/retry", `{"kind":"note"}`, 200, `{"retried":0,"more":false}`},
		{"POST", "/api/jobs/queues/default/pause", "", 204, ""},
		{"GET", "/api/jobs/stats", "", 200, `"paused":true,"pending":5`},
		{"POST", "/api/jobs/queues/default/resume", "", 204, ""},
		{"GET", "/api/jobs/schedules", "", 200, `{"items":[]}`},
	} {
		got := ask(c.method, c.path, c.body)
		if got.Status != c.status || !strings.Contains(string(got.Body), c.has) {
			t.Errorf("%s %s: got %d %s, want %d with %s", c.method, c.path, got.Status, got.Body, c.status, c.has)
		}
	}
	if _, err := jobs.Enqueue(app, "other", task{"3"}, jobs.Unique("k")); err != nil {
		t.Fatal(err)
	}
	if got := ask("POST", "/api/jobs/"+later+"/retry", ""); got.Status != 409 || !strings.Contains(string(got.Body), "jobs_key_taken") {
		t.Errorf("a taken key: got %d %s", got.Status, got.Body)
	}
}

// The work begins when the app serves, and the errors of a job reach a superuser.
func TestServing(t *testing.T) {
	t.Parallel()
	app, p := newQueue(t, jobs.Config{})
	handle(t, p, "note", func(context.Context, jobs.Job[task]) error { return jobs.Fail(errors.New("no paper")) })
	pbtest.Serve(t, app)
	if job := await(t, p, enqueue(t, app, "note", "x"), jobs.StateDead); job.Error != "no paper" {
		t.Errorf("got error %q", job.Error)
	}
}
