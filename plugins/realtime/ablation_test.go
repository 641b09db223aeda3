package realtime_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// stage is an app with one mechanism on or off.
type stage struct {
	*testing.T
	app    core.App
	url    string
	plugin *realtime.Plugin
	log    *changes.Log
}

// Each mechanism is switched off, and what it is there for has to break.
func TestAblations(t *testing.T) {
	t.Parallel()
	cases := []struct {
		mechanism string
		// works tells whether what the mechanism is for holds
		works func(t stage) bool
	}{
		{"memory", func(t stage) bool { return t.queriesFor("title != @request.auth.id", 1) == 0 }},
		{"sql", func(t stage) bool { return t.queriesFor("group = '' || group.members.id ?= @request.auth.id", 5) == 1 }},
		{"deletes", stage.cascadeIsTold},
		{"history", func(t stage) bool {
			s := connect(t, t.url, "")
			s.subscribe("", "posts/*")
			create(t, t.app, "posts", map[string]any{"title": "a"})
			s.delivered(t.app, t.plugin, t.log)
			return s.has(func(f frame) bool { return f.payload().Action == "create" })
		}},
		{"before", func(t stage) bool {
			post := create(t, t.app, "posts", map[string]any{"n": 1})
			s := connect(t, t.url, "")
			s.subscribe("", options("posts/*", map[string]string{"filter": "n > 0", "enterLeave": "true"}))
			save(t, t.app, post, map[string]any{"n": 0})
			s.delivered(t.app, t.plugin, t.log)
			return s.has(func(f frame) bool { return f.payload().Action == "leave" })
		}},
		{"signatures", func(t stage) bool {
			_, ann := person(t.T, t.app, "ann", "")
			last := left(t.T, t.url, ann, "posts/*")
			create(t, t.app, "posts", map[string]any{"title": "before somebody else came"})
			got := resumed(t.T, t.url, last, "", "posts/*").events()
			return slices.Equal(got, []string{"reset <nil>"})
		}},
		{"coalescing", stage.fallsBehind},
	}
	for _, c := range cases {
		for _, off := range []bool{false, true} {
			t.Run(fmt.Sprint(c.mechanism, " off ", off), func(t *testing.T) {
				t.Parallel()
				app, url, plugin, log := serveBoth(t, realtime.Config{QueueLength: 16})
				if off {
					plugin.Ablate(c.mechanism)
				}
				if works := c.works(stage{t, app, url, plugin, log}); works == off {
					t.Errorf("it works: %t", works)
				}
			})
		}
	}
}

// fallsBehind lets more updates of a record wait for a client than may, and tells
// whether the client stays and gets the last one.
func (t stage) fallsBehind() bool {
	post := create(t, t.app, "posts", map[string]any{"title": "0"})
	hold, held := make(chan struct{}), make(chan struct{})
	t.app.OnRealtimeMessageSend().BindFunc(func(e *core.RealtimeMessageEvent) error {
		if strings.Contains(string(e.Message.Data), `"title":"hold"`) {
			close(held)
			<-hold
		}
		return e.Next()
	})
	s := connect(t, t.url, "")
	s.subscribe("", "posts/*")
	create(t, t.app, "posts", map[string]any{"title": "hold"})
	<-held
	for i := range 40 {
		save(t, t.app, post, map[string]any{"title": fmt.Sprint(i)})
	}
	head, err := t.log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t.T, "the log is followed", func() bool { return t.plugin.Position() >= head })
	close(hold)
	end := s.wait(func(f frame) bool { return f.event == "PB_CLOSE" || f.payload().Record["title"] == "39" })
	return end.event != "PB_CLOSE"
}

func (t stage) queriesFor(rule string, people int) int64 {
	setRules(t, t.app, "posts", &rule)
	var streams []*stream
	for range people {
		_, token := pbtest.User(t, t.app, "people", nil)
		s := connect(t, t.url, "")
		s.subscribe(token, "posts/*")
		streams = append(streams, s)
	}
	_, before, _ := t.plugin.Stats()
	create(t, t.app, "posts", map[string]any{"title": "a"})
	for _, s := range streams {
		s.record("create", "a")
	}
	_, after, _ := t.plugin.Stats()
	return after - before
}

func (t stage) cascadeIsTold() bool {
	setRules(t, t.app, "posts", types.Pointer("group.members.id ?= @request.auth.id"))
	person, token := pbtest.User(t, t.app, "people", nil)
	group := create(t, t.app, "groups", map[string]any{"members": []string{person.Id}})
	s := connect(t, t.url, "")
	s.subscribe(token, "posts/*")
	create(t, t.app, "posts", map[string]any{"title": "a", "group": group.Id})
	s.record("create", "a")
	if err := t.app.Delete(group); err != nil {
		t.Fatal(err)
	}
	s.delivered(t.app, t.plugin, t.log)
	return s.has(func(f frame) bool { return f.payload().Action == "delete" })
}

// What waits for somebody who loses access is not delivered. The client reads
// nothing until then, so that it waits.
func TestWhatWaitsForARevokedTokenIsDropped(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		t.Run(fmt.Sprint("mechanism off ", off), func(t *testing.T) {
			t.Parallel()
			app := template.New(t)
			log, err := changes.Register(app, changes.Config{PollInterval: pollInterval})
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
