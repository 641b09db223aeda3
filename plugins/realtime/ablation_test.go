package realtime_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// Each mechanism is switched off, and what it is there for has to break.
func TestAblations(t *testing.T) {
	t.Parallel()
	cases := []struct {
		mechanism string
		// works tells whether what the mechanism is for holds
		works func(t *testing.T, app core.App, url string, plugin *realtime.Plugin) bool
	}{
		{"memory", func(t *testing.T, app core.App, url string, plugin *realtime.Plugin) bool {
			t.Helper()
			return queriesFor(t, app, url, plugin, "title != @request.auth.id", 1) == 0
		}},
		{"sql", func(t *testing.T, app core.App, url string, plugin *realtime.Plugin) bool {
			t.Helper()
			return queriesFor(t, app, url, plugin, "group = '' || group.members.id ?= @request.auth.id", 5) == 1
		}},
		{"deletes", func(t *testing.T, app core.App, url string, _ *realtime.Plugin) bool {
			t.Helper()
			return cascadeIsTold(t, app, url)
		}},
		{"history", func(t *testing.T, app core.App, url string, _ *realtime.Plugin) bool {
			t.Helper()
			s := connect(t, url, "")
			s.subscribe("", "posts/*")
			create(t, app, "posts", map[string]any{"title": "a"})
			end := connect(t, url, "")
			end.subscribe("", "groups/*")
			return arrives(s, func(f frame) bool { return f.payload().Action == "create" })
		}},
	}
	for _, c := range cases {
		for _, off := range []bool{false, true} {
			t.Run(fmt.Sprint(c.mechanism, " off ", off), func(t *testing.T) {
				t.Parallel()
				app := template.New(t)
				log, err := changes.Register(app, changes.Config{PollInterval: 5 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				plugin, err := realtime.Register(app, realtime.Config{Log: log})
				if err != nil {
					t.Fatal(err)
				}
				app.OnRecordEnrich().UnbindAll()
				if off {
					plugin.Ablate(c.mechanism)
				}
				if works := c.works(t, app, pbtest.Serve(t, app), plugin); works == off {
					t.Errorf("it works: %t", works)
				}
			})
		}
	}
}

// arrives tells whether a frame comes within a second, which is long for one that
// takes milliseconds.
func arrives(s *stream, wanted func(frame) bool) bool {
	deadline := time.After(time.Second)
	for {
		s.mu.Lock()
		frames, more := s.frames, s.more
		s.mu.Unlock()
		if slices.ContainsFunc(frames, wanted) {
			return true
		}
		select {
		case <-more:
		case <-deadline:
			return false
		}
	}
}

func queriesFor(t *testing.T, app core.App, url string, plugin *realtime.Plugin, rule string, people int) int64 {
	t.Helper()
	setRules(t, app, "posts", &rule)
	var streams []*stream
	for range people {
		_, token := pbtest.User(t, app, "people", nil)
		s := connect(t, url, "")
		s.subscribe(token, "posts/*")
		streams = append(streams, s)
	}
	_, before, _ := plugin.Stats()
	create(t, app, "posts", map[string]any{"title": "a"})
	for _, s := range streams {
		s.record("create", "a")
	}
	_, after, _ := plugin.Stats()
	return after - before
}

func cascadeIsTold(t *testing.T, app core.App, url string) bool {
	t.Helper()
	setRules(t, app, "posts", types.Pointer("group.members.id ?= @request.auth.id"))
	person, token := pbtest.User(t, app, "people", nil)
	group := create(t, app, "groups", map[string]any{"members": []string{person.Id}})
	s := connect(t, url, "")
	s.subscribe(token, "posts/*")
	create(t, app, "posts", map[string]any{"title": "a", "group": group.Id})
	s.record("create", "a")
	if err := app.Delete(group); err != nil {
		t.Fatal(err)
	}
	return arrives(s, func(f frame) bool { return f.payload().Action == "delete" })
}

// What waits for somebody who loses access is not delivered. The client reads
// nothing until then, so that it waits.
func TestWhatWaitsForARevokedTokenIsDropped(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		t.Run(fmt.Sprint("mechanism off ", off), func(t *testing.T) {
			t.Parallel()
			app := template.New(t)
			log, err := changes.Register(app, changes.Config{PollInterval: 5 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			plugin, err := realtime.Register(app, realtime.Config{Log: log})
			if err != nil {
				t.Fatal(err)
			}
			if off {
				plugin.Ablate("purge")
			}
			// the hook holds the first event back, so that others wait behind it
			hold, held := make(chan struct{}), make(chan struct{})
			app.OnRealtimeMessageSend().BindFunc(func(e *core.RealtimeMessageEvent) error {
				if strings.Contains(string(e.Message.Data), `"title":"hold"`) {
					close(held)
					<-hold
				}
				return e.Next()
			})
			setRules(t, app, "posts", types.Pointer("@request.auth.id != ''"))
			person, token := pbtest.User(t, app, "people", nil)
			url := pbtest.Serve(t, app)
			s, other := connect(t, url, ""), connect(t, url, "")
			s.subscribe(token, "posts/*")
			_, otherToken := pbtest.User(t, app, "people", nil)
			other.subscribe(otherToken, options("posts/*", map[string]string{"filter": "title != 'hold'"}))
			create(t, app, "posts", map[string]any{"title": "hold"})
			<-held
			create(t, app, "posts", map[string]any{"title": "waits"})
			other.record("create", "waits")
			pbtest.Eventually(t, patience, func() error {
				if n, _ := plugin.Waiting(s.clientID); n == 0 {
					return fmt.Errorf("nothing waits")
				}
				return nil
			})
			person.RefreshTokenKey()
			save(t, app, person, nil)
			close(hold)
			setRules(t, app, "groups", types.Pointer(""))
			s.subscribe("", "groups/*")
			create(t, app, "groups", map[string]any{"title": "end"})
			s.wait(func(f frame) bool { return f.event == "groups/*" })
			if got := strings.Contains(s.bytes(), `"title":"waits"`); got != off {
				t.Errorf("the event that waited was delivered: %t", got)
			}
		})
	}
}
