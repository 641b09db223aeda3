package realtime_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// script is a client of either server and the changes that are made while it
// listens. Frames are compared by event, as stock PocketBase mixes their order.
type script struct {
	name    string
	setup   func(t *testing.T, app core.App)
	as      string // an id of people, "superuser" or "" for a guest
	topics  []string
	changes func(t *testing.T, app core.App)
	// then is changed once the first changes have come: a rule that depends on
	// other records is evaluated on these as they are when the event is sent
	then      func(t *testing.T, app core.App)
	thenAfter int
	wantCount int
}

const (
	ada = "ada000000000001"
	bob = "bob000000000001"
)

func rules(collection string, rule *string) func(*testing.T, core.App) {
	return func(t *testing.T, app core.App) {
		t.Helper()
		setRules(t, app, collection, rule)
	}
}

// everything makes, changes and deletes a record with a value in every field.
func everything(t *testing.T, app core.App) {
	t.Helper()
	group := create(t, app, "groups", map[string]any{"id": "group0000000001", "name": "g", "members": []string{ada}})
	post := create(t, app, "posts", map[string]any{
		"id": "post00000000001", "title": "Größe <b>&\u2028 \"x\"", "n": 0.30000000000000004, "open": true, "hush": "hushed", "owner": ada,
		"group": group.Id, "tags": []string{"red", "blue"}, "extra": map[string]any{"a": []any{1, "b", nil}, "z": 1e21},
		"due": "2026-03-04 05:06:07.089Z", "place": types.GeoPoint{Lon: 1.5, Lat: -2.25}, "created": "2026-01-01 00:00:00.000Z",
	})
	save(t, app, post, map[string]any{"n": -7, "open": false, "owner": bob, "tags": nil, "extra": nil, "due": ""})
	other := create(t, app, "posts", map[string]any{"id": "post00000000002", "title": "other", "n": 12345678901234, "extra": `"text"`})
	for _, record := range []*core.Record{post, other} {
		if err := app.Delete(record); err != nil {
			t.Fatal(err)
		}
	}
}

func people(t *testing.T, app core.App) {
	t.Helper()
	for _, id := range []string{ada, bob} {
		record, err := app.FindRecordById("people", id)
		if err != nil {
			t.Fatal(err)
		}
		save(t, app, record, map[string]any{"secret": "s3cret", "role": "admin"})
	}
}

var scripts = []script{
	{name: "guest of a public collection", topics: []string{"posts/*"}, changes: everything, wantCount: 5},
	{name: "by id of the collection and one record", topics: []string{"posts/post00000000001"}, changes: everything, wantCount: 3},
	{name: "the old spelling", topics: []string{"posts"}, changes: everything, wantCount: 5},
	{name: "several topics", topics: []string{"posts/*", "posts", "posts/post00000000002", "groups/*"}, changes: everything, wantCount: 13},
	{name: "options", topics: []string{
		options("posts/*", map[string]string{"expand": "owner,group.members", "fields": "id,title,expand.owner.id,expand.group.expand.members.email"}),
		options("posts/*", map[string]string{"filter": "n > 0 && title ~ 'größe'"}),
		options("posts/*", map[string]string{"filter": "title ~ 'OTHER' || tags:each ?= 'red'"}),
		options("posts/*", map[string]string{"filter": "hush != ''"}),
		options("posts/*", map[string]string{"filter": "@request.auth.id = ''"}),
		options("posts/*", map[string]string{"filter": "((broken"}),
	}, changes: everything, wantCount: 9},
	{name: "superuser", as: "superuser", topics: []string{
		"posts/*", options("posts/*", map[string]string{"filter": "hush = ''"}), "people/*",
		options("posts/*", map[string]string{"expand": "owner"}),
	}, changes: everything, thenAfter: 10, then: people, wantCount: 12},
	{name: "locked", setup: rules("posts", nil), topics: []string{"posts/*", "groups/*"}, changes: everything, wantCount: 1},
	{
		name: "own column", setup: rules("posts", types.Pointer("owner = @request.auth.id")), as: ada,
		topics: []string{"posts/*"}, changes: everything, wantCount: 1,
	},
	{
		name: "relation", setup: rules("posts", types.Pointer("group.members.id ?= @request.auth.id || title = 'other'")), as: ada,
		topics: []string{"posts/*"}, changes: everything, wantCount: 5,
	},
	{
		name: "cascading delete", setup: rules("posts", types.Pointer("group.members.id ?= @request.auth.id")), as: ada,
		topics: []string{"posts/*"}, changes: func(t *testing.T, app core.App) {
			t.Helper()
			group := create(t, app, "groups", map[string]any{"id": "group0000000001", "members": []string{ada}})
			for i := range 3 {
				create(t, app, "posts", map[string]any{"id": fmt.Sprint("post0000000000", i), "title": fmt.Sprint(i), "group": group.Id})
			}
		}, thenAfter: 3, then: func(t *testing.T, app core.App) {
			t.Helper()
			group, err := app.FindRecordById("groups", "group0000000001")
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Delete(group); err != nil {
				t.Fatal(err)
			}
		}, wantCount: 6,
	},
	{name: "emails as a guest", topics: []string{"people/*"}, changes: people, wantCount: 2},
	{name: "emails as oneself", as: ada, topics: []string{"people/*"}, changes: people, wantCount: 2},
	{name: "emails as a manager", as: ada, setup: func(t *testing.T, app core.App) {
		t.Helper()
		c, err := app.FindCollectionByNameOrId("people")
		if err != nil {
			t.Fatal(err)
		}
		c.ManageRule = types.Pointer("@request.auth.role = '' && role = 'admin'")
		if err := app.Save(c); err != nil {
			t.Fatal(err)
		}
	}, topics: []string{"people/*"}, changes: people, wantCount: 2},
	{
		name: "headers and query in the rule", setup: rules("posts", types.Pointer("@request.query.q = title || @request.context = 'realtime' && n < 0")),
		topics: []string{options("posts/*", map[string]string{"q": "other"}), "posts/*"}, changes: everything, wantCount: 6,
	},
	{name: "enrich hook", setup: func(t *testing.T, app core.App) {
		t.Helper()
		app.OnRecordEnrich("posts").BindFunc(func(e *core.RecordEnrichEvent) error {
			e.Record.WithCustomData(true)
			e.Record.Set("seenBy", fmt.Sprint(e.RequestInfo.Auth != nil, e.RequestInfo.Context))
			e.Record.Hide("n")
			return e.Next()
		})
	}, as: ada, topics: []string{"posts/*", "groups/*"}, changes: everything, wantCount: 6},
}

// run plays a script on a server and returns the frames but the first, sorted.
func (s script) run(t *testing.T, own bool) []string {
	t.Helper()
	app := core.App(bare.New(t))
	if own {
		app = template.New(t, register(realtime.Config{}))
	}
	tokens := map[string]string{"": "", "superuser": pbtest.Superuser(t, app)}
	for _, id := range []string{ada, bob} {
		_, tokens[id] = pbtest.User(t, app, "people", map[string]any{"id": id, "email": id + "@example.com", "tokenKey": strings.Repeat(id, 3)})
	}
	if s.setup != nil {
		s.setup(t, app)
	}
	url := pbtest.Serve(t, app)
	c := connect(t, url, "")
	c.subscribe(tokens[s.as], append([]string{"end"}, s.topics...)...)
	// stock sends nothing to whom it knows nothing of: this subscriber says when it is done
	s.changes(t, app)
	if s.then != nil {
		c.wait(func(frame) bool { return len(c.received())-1 >= s.thenAfter })
		s.then(t, app)
	}

	if own {
		end := connect(t, url, "")
		end.subscribe(tokens["superuser"], "groups/*", "posts/*")
		create(t, app, "groups", map[string]any{"name": "end"})
		end.wait(func(f frame) bool { return f.payload().Record["name"] == "end" })
	}
	// messages of stock are sent by goroutines of their own; what counts is that
	// they come before one that is sent later by far
	c.wait(func(frame) bool { return len(c.received())-1 >= s.wantCount })
	broker := app.SubscriptionsBroker()
	client, err := broker.ClientById(c.clientID)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, c)
	client.Send(subscriptions.Message{Name: "end", Data: []byte("{}")})
	c.wait(func(f frame) bool { return f.event == "end" })
	var lines []string
	for _, f := range c.received()[1:] {
		p := f.payload()
		if f.event == "end" || p.Record["name"] == "end" {
			continue
		}
		if f.id != c.clientID {
			t.Errorf("the id is %q, want the client's", f.id)
		}
		lines = append(lines, f.event+" "+normal(f.data))
	}
	slices.Sort(lines)
	return lines
}

// settle waits until no more frames come in.
func settle(t *testing.T, c *stream) {
	t.Helper()
	before := -1
	pbtest.Eventually(t, patience, func() error {
		if n := len(c.received()); n != before {
			before = n
			return fmt.Errorf("%d frames", n)
		}
		return nil
	})
}

// normal blanks the times at which records are written.
func normal(data string) string {
	var p map[string]any
	if err := json.Unmarshal([]byte(data), &p); err != nil {
		return data
	}
	for _, field := range []string{"created", "updated"} {
		if record, ok := p["record"].(map[string]any); ok && record[field] != nil {
			data = strings.ReplaceAll(data, fmt.Sprint(record[field]), "TIME")
		}
	}
	return data
}

func TestFramesAreThoseOfPocketBase(t *testing.T) {
	t.Parallel()
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			stock, own := s.run(t, false), s.run(t, true)
			if len(stock) != s.wantCount {
				t.Errorf("stock sends %d frames, the script expects %d", len(stock), s.wantCount)
			}
			if !slices.Equal(own, stock) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(own, "\n"), strings.Join(stock, "\n"))
			}
		})
	}
}

func TestAnswersAreThoseOfPocketBase(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, own bool) (answers []string) {
		t.Helper()
		app := core.App(bare.New(t))
		if own {
			app = template.New(t, register(realtime.Config{}))
		}
		_, one := pbtest.User(t, app, "people", nil)
		_, two := pbtest.User(t, app, "people", nil)
		url := pbtest.Serve(t, app)
		c := connect(t, url, "")
		say := func(token string, topics ...string) {
			status, body := c.trySubscribe(token, topics...)
			answers = append(answers, fmt.Sprint(status, " ", body))
		}
		say("", "posts/*")
		say(one, "posts/*")
		say(two, "posts/*")
		say("", "posts/*")
		say(one)
		say(one, strings.Repeat("x", 2501))
		say(one, make([]string, 1001)...)
		c.clientID = "unknown"
		say(one, "posts/*")
		c.clientID = ""
		say(one, "posts/*")
		return answers
	}
	if own, stock := run(t, true), run(t, false); !slices.Equal(own, stock) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(own, "\n"), strings.Join(stock, "\n"))
	}
}
