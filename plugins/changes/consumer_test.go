package changes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
)

// recorder is a Handle that keeps what it was given.
type recorder struct {
	mu   sync.Mutex
	seen []changes.Change
	fail func(c changes.Change, attempt int) error
	try  map[int64]int
}

func (r *recorder) handle(_ context.Context, c changes.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if r.try == nil {
			r.try = map[int64]int{}
		}
		r.try[c.Seq]++
		if err := r.fail(c, r.try[c.Seq]); err != nil {
			return err
		}
	}
	r.seen = append(r.seen, c)
	return nil
}

func (r *recorder) summary() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return summary(r.seen)
}

func (r *recorder) await(t *testing.T, want ...string) {
	t.Helper()
	pbtest.Eventually(t, time.Minute, func() error {
		if got := r.summary(); !slices.Equal(got, want) {
			return fmt.Errorf("got %v, want %v", got, want)
		}
		return nil
	})
}

func soon(int) time.Duration { return time.Millisecond }

func TestConsumerGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := &recorder{}
	app, log := newApp(t, dir, changes.Consumer{Name: "index", Collections: []string{"tasks"}, FromStart: true, Handle: first.handle})
	log.Start()
	if err := errors.Join(create(app, "tasks", id("a"), nil), create(app, "projects", id("p"), nil), create(app, "tasks", id("b"), nil)); err != nil {
		t.Fatal(err)
	}
	first.await(t, "+a", "+b")
	pbtest.Terminate(t, app)

	// nobody listens now
	quiet, _ := newApp(t, dir)
	if err := create(quiet, "tasks", id("c"), nil); err != nil {
		t.Fatal(err)
	}
	pbtest.Terminate(t, quiet)

	second := &recorder{}
	_, log = newApp(t, dir, changes.Consumer{Name: "index", Collections: []string{"tasks"}, Handle: second.handle})
	log.Start()
	second.await(t, "+c")
}

func TestConsumerRetriesInOrder(t *testing.T) {
	t.Parallel()
	r := &recorder{fail: func(c changes.Change, attempt int) error {
		if strings.HasPrefix(c.Record, "b") && attempt < 4 {
			if attempt == 2 {
				panic("on the way")
			}
			return errors.New("not yet")
		}
		return nil
	}}
	app, log := newApp(t, t.TempDir(), changes.Consumer{Name: "n", Collections: []string{"tasks"}, FromStart: true, Handle: r.handle, Backoff: soon})
	log.Start()
	if err := errors.Join(create(app, "tasks", id("a"), nil), create(app, "tasks", id("b"), nil), create(app, "tasks", id("c"), nil)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "+a", "+b", "+c")
}

func TestConsumerGivesUp(t *testing.T) {
	t.Parallel()
	r := &recorder{fail: func(c changes.Change, _ int) error {
		if strings.HasPrefix(c.Record, "b") {
			return errors.New("never")
		}
		return nil
	}}
	app, log := newApp(t, t.TempDir(), changes.Consumer{
		Name: "n", Collections: []string{"tasks"}, FromStart: true, Handle: r.handle, MaxAttempts: 3, Backoff: soon,
	})
	log.Start()
	if err := errors.Join(create(app, "tasks", id("a"), nil), create(app, "tasks", id("b"), nil), create(app, "tasks", id("c"), nil)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "+a", "+c")
	dead, err := log.Dead(t.Context(), "n", 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != 1 || dead[0].Record != id("b") || dead[0].Error != "never" {
		t.Errorf("got %+v, want the change of b", dead)
	}
	pbtest.Eventually(t, time.Minute, func() error {
		states, err := log.Consumers(t.Context())
		if err != nil {
			return err
		}
		if len(states) != 1 || states[0].Behind != 0 || states[0].Dead != 1 || states[0].Attempts != 0 {
			return fmt.Errorf("got %+v, want one consumer that is done, with one dead change", states)
		}
		return nil
	})
}

// TestOneOfTwoProcessesWorks starts the same consumer twice on one database.
func TestOneOfTwoProcessesWorks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := &recorder{}
	c := changes.Consumer{Name: "n", Collections: []string{"tasks"}, FromStart: true, Handle: r.handle}
	app, log := newApp(t, dir, c)
	_, otherLog := newApp(t, dir, c)
	log.Start()
	otherLog.Start()
	want := []string{}
	for i := range 20 {
		name := "t" + string(rune('a'+i))
		if err := create(app, "tasks", id(name), nil); err != nil {
			t.Fatal(err)
		}
		want = append(want, "+"+name)
	}
	r.await(t, want...)
}

func TestHistory(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	app, log := newApp(t, t.TempDir(), changes.Consumer{Name: "audit", Collections: []string{"tasks", "users"}, History: true, FromStart: true, Handle: r.handle})
	log.Start()

	if err := create(app, "tasks", id("a"), map[string]any{"title": "one", "data": map[string]any{"x": 1}}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"UPDATE tasks SET title = 'two' WHERE id = '" + id("a") + "'",
		"UPDATE tasks SET title = X'ff00', data = 'not json' WHERE id = '" + id("a") + "'", // must not fail because of the log
		"DELETE FROM tasks",
	} {
		if err := exec(app, sql); err != nil {
			t.Fatal(err)
		}
	}
	r.await(t, "+a", "+a", "+a", "-a")

	titles := func(c changes.Change) [2]any {
		result := [2]any{}
		for i, raw := range []json.RawMessage{c.Before, c.After} {
			row := map[string]any{}
			if raw != nil {
				if err := json.Unmarshal(raw, &row); err != nil {
					t.Fatalf("%s: %v", raw, err)
				}
			}
			result[i] = row["title"]
		}
		return result
	}
	for i, want := range [][2]any{{nil, "one"}, {"one", "two"}} {
		if got := titles(r.seen[i]); got != want {
			t.Errorf("change %d: got %v, want %v", i, got, want)
		}
	}
	if r.seen[3].Before == nil || r.seen[3].After != nil {
		t.Errorf("the deletion has before %s and after %s", r.seen[3].Before, r.seen[3].After)
	}

	user, _ := pbtest.User(t, app, "users", map[string]any{"email": "a@example.com"})
	r.await(t, "+a", "+a", "+a", "-a", "+"+strings.TrimRight(user.Id, "0"))
	row := string(r.seen[4].After)
	if !strings.Contains(row, "a@example.com") || strings.Contains(row, user.GetString("password:hash")) || strings.Contains(row, user.TokenKey()) {
		t.Errorf("the row of a user is %s, want no password and no token key in it", row)
	}
}

// TestHistorySurvivesSchemaChanges changes a collection whose triggers name its columns.
func TestHistorySurvivesSchemaChanges(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	app, log := newApp(t, t.TempDir(), changes.Consumer{Name: "audit", Collections: []string{"tasks", "todos"}, History: true, FromStart: true, Handle: r.handle})
	log.Start()
	tasks, err := app.FindCollectionByNameOrId("tasks")
	if err != nil {
		t.Fatal(err)
	}
	tasks.Fields.RemoveByName("secret")
	tasks.Fields.GetByName("title").SetName("label")
	for i := range 45 {
		tasks.Fields.Add(&core.TextField{Name: fmt.Sprintf("extra%d", i)})
	}
	tasks.Name = "todos"
	save(t, app, tasks)
	if err := create(app, "todos", id("a"), map[string]any{"label": "x", "extra0": "first", "extra44": "last"}); err != nil {
		t.Fatal(err)
	}
	r.await(t, "+a")
	for _, want := range []string{`"label":"x"`, `"extra0":"first"`, `"extra44":"last"`} {
		if !strings.Contains(string(r.seen[0].After), want) {
			t.Errorf("got %s, want %s in it", r.seen[0].After, want)
		}
	}
}

func TestAttribution(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	app, log := newApp(t, t.TempDir(), changes.Consumer{Name: "audit", Collections: []string{"tasks", "projects"}, History: true, FromStart: true, Handle: r.handle})
	user, token := pbtest.User(t, app, "users", map[string]any{"email": "a@example.com"})
	if err := errors.Join(
		create(app, "projects", id("p"), nil),
		create(app, "tasks", id("a"), map[string]any{"project": id("p")})); err != nil {
		t.Fatal(err)
	}
	projects, err := app.FindCollectionByNameOrId("projects")
	if err != nil {
		t.Fatal(err)
	}
	projects.DeleteRule = new(string)
	save(t, app, projects)

	handler := pbtest.Handler(t, app)
	for _, request := range []struct{ method, path, body string }{
		{"POST", "/api/collections/tasks/records", `{"id":"` + id("b") + `"}`},
		{"PATCH", "/api/collections/tasks/records/" + id("b"), `{"title":"x"}`},
		{"DELETE", "/api/collections/projects/records/" + id("p"), ``}, // cascades to a
	} {
		req := httptest.NewRequestWithContext(t.Context(), request.method, request.path, strings.NewReader(request.body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", token)
		req.Header.Set("X-Request-Id", "r-"+request.method)
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, req)
		if response.Code >= 300 {
			t.Fatalf("%s %s: %d %s", request.method, request.path, response.Code, response.Body)
		}
	}
	if err := log.Attribute(app, nil, "nightly", func(tx core.App) error {
		return exec(tx, "UPDATE tasks SET title = 'y'")
	}); err != nil {
		t.Fatal(err)
	}
	log.Start()
	r.await(t, "+p", "+a", "+b", "+b", "-p", "-a", "+b")

	want := []changes.Attribution{
		{},
		{},
		{ActorCollection: user.Collection().Id, Actor: user.Id, Request: "r-POST", Origin: "api"},
		{ActorCollection: user.Collection().Id, Actor: user.Id, Request: "r-PATCH", Origin: "api"},
		{ActorCollection: user.Collection().Id, Actor: user.Id, Request: "r-DELETE", Origin: "api"},
		{ActorCollection: user.Collection().Id, Actor: user.Id, Request: "r-DELETE", Origin: "api"},
		{Origin: "nightly"},
	}
	for i, c := range r.seen {
		if c.Attribution != want[i] {
			t.Errorf("change %d (%s): got %+v, want %+v", i, summary(r.seen[i:i+1]), c.Attribution, want[i])
		}
	}
}
