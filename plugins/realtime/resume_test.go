package realtime_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// last is the id of the last frame, which an EventSource sends when it connects again.
func (s *stream) last() string {
	frames := s.received()
	return frames[len(frames)-1].id
}

func (s *stream) positioned() {
	s.t.Helper()
	s.wait(func(f frame) bool { return f.event == "PB_POSITION" })
}

func TestResumeAfterADisconnect(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	post := create(t, app, "posts", map[string]any{"title": "first"})
	before := connect(t, url, "?resume=true")
	before.subscribe("", "posts/*")
	before.positioned()
	save(t, app, post, map[string]any{"title": "seen"})
	before.record("update", "seen")
	before.close()

	for i := range 300 { // several pages
		save(t, app, post, map[string]any{"title": fmt.Sprint("missed ", i)})
	}
	if err := app.Delete(post); err != nil {
		t.Fatal(err)
	}
	after := connect(t, url, "?resume=true", "Last-Event-ID", before.last())
	after.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "live"})
	after.record("create", "live")

	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint("update missed ", i))
	}
	want = append(want, "delete missed 299", "create live")
	if got := after.events(); !slices.Equal(got, want) {
		t.Errorf("got %d events %v, want %d", len(got), got, len(want))
	}
}

func TestResumeFromThePositionInTheClientID(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	create(t, app, "posts", map[string]any{"title": "early"})
	warm := connect(t, url, "")
	warm.subscribe("", "posts/*")
	first := connect(t, url, "?resume=true")
	first.subscribe("", "posts/*")
	first.positioned()
	first.close()
	create(t, app, "posts", map[string]any{"title": "missed"})
	second := connect(t, url, "?resume="+first.last())
	second.close() // and again, before it could subscribe, with nothing but its own id
	third := connect(t, url, "", "X-Realtime-Resume", second.clientID)
	third.subscribe("", "posts/*")
	third.record("create", "missed")
	third.positioned()
	if got := third.events(); !slices.Equal(got, []string{"create missed"}) {
		t.Errorf("got %v", got)
	}
}

func TestNothingIsLostWhileWritesGoOn(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	post := create(t, app, "posts", map[string]any{"title": "0"})
	const writes = 400
	written := make(chan struct{})
	s := connect(t, url, "?resume=1")
	s.subscribe("", "posts/*")
	s.positioned()
	go func() {
		defer close(written)
		for i := 1; i <= writes; i++ {
			record, err := app.FindRecordById("posts", post.Id)
			if err != nil {
				t.Error(err)
				return
			}
			record.Set("title", strconv.Itoa(i))
			if err := app.Save(record); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	var got []string
	for reconnects := 0; ; reconnects++ {
		wanted := strconv.Itoa(min(writes, (reconnects+1)*writes/8))
		s.wait(func(f frame) bool {
			n, _ := strconv.Atoi(fmt.Sprint(f.payload().Record["title"]))
			m, _ := strconv.Atoi(wanted)
			return n >= m
		})
		s.close()
		got = append(got, s.events()...)
		if slices.Contains(got, fmt.Sprint("update ", writes)) {
			break
		}
		at := s.last()
		s = connect(t, url, "?resume="+at)
		s.subscribe("", "posts/*")
	}
	<-written
	for i := range writes {
		if i >= len(got) || got[i] != fmt.Sprint("update ", i+1) {
			t.Fatalf("event %d of %d is not update %d: %v", i, len(got), i+1, got[max(0, i-2):min(i+3, len(got))])
		}
	}
	if len(got) != writes {
		t.Errorf("got %d events, want %d", len(got), writes)
	}
}

// open starts an app on a directory, as a program does, and returns how to stop it.
func open(t *testing.T, dir string, setup func(core.App)) (core.App, *changes.Log, string) {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	log, err := changes.Register(app, changes.Config{PollInterval: pollInterval})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := realtime.Register(app, realtime.Config{Log: log}); err != nil {
		t.Fatal(err)
	}
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	if setup != nil {
		setup(app)
	}
	return app, log, pbtest.Serve(t, app)
}

func TestResumeAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, _, url := open(t, dir, func(app core.App) {
		notes := core.NewBaseCollection("notes")
		notes.ListRule, notes.ViewRule = types.Pointer(""), types.Pointer("")
		notes.Fields.Add(&core.TextField{Name: "title"})
		if err := app.Save(notes); err != nil {
			t.Fatal(err)
		}
	})
	before := connect(t, url, "?resume=true")
	before.subscribe("", "notes/*")
	before.positioned()
	create(t, app, "notes", map[string]any{"title": "seen"})
	before.record("create", "seen")
	before.close()
	create(t, app, "notes", map[string]any{"title": "missed"})
	staying := connect(t, url, "")
	pbtest.Terminate(t, app)
	staying.waitEnd()

	app, _, url = open(t, dir, nil)
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	missed := create(t, app, "notes", map[string]any{"title": "missed after the restart"})
	if _, err := app.DB().NewQuery("UPDATE notes SET title = 'raw' WHERE id = '" + missed.Id + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	after := connect(t, url, "?resume="+before.last())
	after.subscribe("", "notes/*")
	after.record("update", "raw")
	want := []string{"create missed", "create missed after the restart", "update raw"}
	if got := after.events(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		between func(t *testing.T, app core.App, log *changes.Log, at string) string
		want    string
	}{
		{"nothing happened", func(_ *testing.T, _ core.App, _ *changes.Log, at string) string { return at }, ""},
		{"position of another server", func(*testing.T, core.App, *changes.Log, string) string { return "12345" }, "reset"},
		{"position that nobody was given", func(_ *testing.T, _ core.App, _ *changes.Log, at string) string {
			number, signature, _ := strings.Cut(at, ".")
			n, _ := strconv.ParseInt(number, 10, 64)
			return fmt.Sprint(n-1, ".", signature)
		}, "reset"},
		{"forgotten history", func(t *testing.T, app core.App, log *changes.Log, at string) string {
			t.Helper()
			create(t, app, "posts", map[string]any{"title": "forgotten"})
			if err := log.Forget(context.Background(), time.Now().Add(365*24*time.Hour)); err != nil {
				t.Fatal(err)
			}
			return at
		}, "reset"},
		{"another field", func(t *testing.T, app core.App, _ *changes.Log, at string) string {
			t.Helper()
			posts, err := app.FindCollectionByNameOrId("posts")
			if err != nil {
				t.Fatal(err)
			}
			posts.Fields.GetByName("title").SetName("heading")
			if err := app.Save(posts); err != nil {
				t.Fatal(err)
			}
			return at
		}, "reset"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := template.New(t)
			log, err := changes.Register(app, changes.Config{PollInterval: pollInterval})
			if err != nil {
				t.Fatal(err)
			}
			if err := register(realtime.Config{Log: log})(app); err != nil {
				t.Fatal(err)
			}
			url := pbtest.Serve(t, app)
			before := connect(t, url, "?resume=true")
			before.subscribe("", "posts/*", "mine")
			before.positioned()
			before.close()
			at := c.between(t, app, log, before.last())
			after := connect(t, url, "?resume="+at)
			after.subscribe("", "posts/*", "mine")
			create(t, app, "posts", map[string]any{"n": 7})
			after.wait(func(f frame) bool { return f.payload().Record["n"] == 7.0 })
			got := ""
			for _, f := range after.received() {
				if p := f.payload(); p.Action == "reset" {
					got += "reset"
					if f.event != "posts/*" {
						t.Errorf("the reset is of %q", f.event)
					}
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestClientsThatDidNotAskGetNoPositions(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{PositionInterval: 100 * time.Millisecond})
	asked, plain := connect(t, url, "?resume=true"), connect(t, url, "?resume=false", "Last-Event-ID", "1234567")
	asked.subscribe("", "posts/*")
	plain.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "a"})
	create(t, app, "groups", map[string]any{"name": "nobody listens"})
	at := asked.wait(func(f frame) bool { return f.payload().Action != "" }).id
	asked.wait(func(f frame) bool { return f.event == "PB_POSITION" && f.id > at })
	plain.record("create", "a")
	for _, f := range plain.received() {
		if f.id != plain.clientID || f.event == "PB_POSITION" {
			t.Errorf("got %v", f)
		}
	}
}

func TestOverlappingSubscriptionsResumeTogether(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	s := connect(t, url, "?resume=true")
	s.subscribe("", "posts/*", options("posts/*", map[string]string{"fields": "title"}))
	s.positioned()
	create(t, app, "posts", map[string]any{"title": "a"})
	s.wait(func(frame) bool { return len(s.events()) == 2 })
	frames := s.received()
	first, second := frames[len(frames)-2], frames[len(frames)-1]
	if first.id >= second.id {
		t.Fatalf("got ids %s and %s: who is cut off in between would miss the second", first.id, second.id)
	}
	s.close()
	after := connect(t, url, "?resume="+first.id)
	after.subscribe("", "posts/*", options("posts/*", map[string]string{"fields": "title"}))
	after.wait(func(frame) bool { return len(after.events()) == 2 })
}

func TestPositionsNeverGoBack(t *testing.T) {
	t.Parallel()
	app, url, plugin, _ := serveBoth(t, realtime.Config{})
	s := connect(t, url, "?resume=true")
	s.subscribe("", "posts/*")
	s.positioned()
	position := func(f frame) int64 {
		number, _, _ := strings.Cut(f.id, ".")
		at, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatalf("%v has no position", f)
		}
		return at
	}
	cases := map[string]func(){
		"announced":    func() { plugin.Announce(s.clientID) },
		"subscription": func() { s.subscribe("", "posts/*") },
	}
	for name, tell := range cases {
		create(t, app, "posts", map[string]any{"title": name})
		told := s.wait(func(f frame) bool { return f.payload().Record["title"] == name })
		at := position(told)
		eventually(t, "the log is followed", func() bool { return plugin.Position() >= at })
		before := len(s.received())
		plugin.Behind(tell)
		s.wait(func(frame) bool { return len(s.received()) > before })
		if got := s.received()[before]; got.event != "PB_POSITION" || position(got) < at {
			t.Errorf("%s: got %v after the event with position %d", name, got, at)
		}
	}
}
