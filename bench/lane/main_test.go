package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// newApp is an app that has what a mode says, with a collection that everybody may
// write to.
func newApp(t *testing.T, mode string) (core.App, *fastlane.Plugin) {
	t.Helper()
	engine := sqlite.New()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: engine.Connect})
	lane, err := equip(app, engine, mode)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	posts := core.NewBaseCollection("posts")
	everybody := ""
	posts.CreateRule, posts.UpdateRule, posts.DeleteRule = &everybody, &everybody, &everybody
	posts.Fields.Add(&core.TextField{Name: "title"})
	if err := app.Save(posts); err != nil {
		t.Fatal(err)
	}
	pbtest.Superuser(t, app) // else the server makes one, maybe after the test
	return app, lane
}

// TestModes writes to an app in each mode that has a lane. A hook with a handler more or
// less than the lane was told of would have it hand a write on.
func TestModes(t *testing.T) {
	t.Parallel()
	for mode, logged := range map[string]int{"lane": 0, "changes": 1} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			app, lane := newApp(t, mode)
			records := pbtest.Serve(t, app) + "/api/collections/posts/records"
			var made struct{ ID string }
			send(t, "POST", records, `{"title":"one"}`, &made)
			send(t, "PATCH", records+"/"+made.ID, `{"title":"two"}`, nil)
			send(t, "DELETE", records+"/"+made.ID, "", nil)
			if stats := lane.Stats(); stats.Served != 3 || len(stats.HandedOn) != 0 {
				t.Errorf("%d writes were served and %v handed on, want 3 and none", stats.Served, stats.HandedOn)
			}
			var tables int
			if err := app.DB().NewQuery("SELECT count(*) FROM sqlite_schema WHERE name = '_changes'").Row(&tables); err != nil || tables != logged {
				t.Errorf("got %d tables of a change log, %v, want %d", tables, err, logged)
			}
		})
	}
}

// send makes a request that has to succeed, and reads its answer.
func send(t *testing.T, method, url, body string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: got status %d", method, url, answer.StatusCode)
	}
	if into == nil {
		return
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestEngineAlone registers a lane with an app that must not have one yet.
func TestEngineAlone(t *testing.T) {
	t.Parallel()
	app, lane := newApp(t, "engine")
	if lane != nil {
		t.Error("got a lane, want none")
	}
	if _, err := fastlane.Register(app, fastlane.Config{}); err != nil {
		t.Error(err)
	}
}

func TestUnknownMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "fast", "Lane"} {
		engine := sqlite.New()
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: engine.Connect})
		_, err := equip(app, engine, mode)
		if err == nil || !strings.Contains(err.Error(), "want engine, lane or changes") {
			t.Errorf("%q: got error %v, want one that names the modes", mode, err)
		}
	}
}
