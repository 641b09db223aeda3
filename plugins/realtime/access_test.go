package realtime_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// Rules that let the owner of a post, who is in its group, see it.
var ownerRules = []string{
	"owner = @request.auth.id",
	"group.members.id ?= @request.auth.id && owner = @request.auth.id",
	"owner.id = @request.auth.id && title !~ 'nothing'",
	"@request.auth.id != '' && owner = @request.auth.id && n >= 0",
	"owner.role = @request.auth.role && @request.auth.collectionName = 'people'",
}

// crowd are 100 clients of posts: of guests, of three people and of a superuser.
type crowd struct {
	app     core.App
	group   string
	streams map[string][]*stream // by who
	people  map[string]*core.Record
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	app, url := serve(t, realtime.Config{})
	c := &crowd{app: app, streams: map[string][]*stream{}, people: map[string]*core.Record{}}
	tokens := map[string]string{"guest": "", "superuser": pbtest.Superuser(t, app)}
	ids := []string{}
	for _, name := range []string{"ada", "bob", "eve", "zed"} {
		c.people[name], tokens[name] = pbtest.User(t, app, "people", map[string]any{"role": name})
		ids = append(ids, c.people[name].Id)
	}
	c.group = create(t, app, "groups", map[string]any{"members": ids}).Id
	setRules(t, app, "posts", &ownerRules[0])
	posts, err := app.FindCollectionByNameOrId("posts")
	if err != nil {
		t.Fatal(err)
	}
	topics := []string{"posts/*", posts.Id + "/*", options("posts/*", map[string]string{"filter": "n >= 0", "expand": "group"}), "notes/*"}
	for _, name := range []string{"guest", "ada", "bob", "eve", "superuser"} {
		for i := range 20 {
			s := connect(t, url, "")
			topic := topics[i%len(topics)]
			if name == "superuser" {
				topic = posts.Id + "/*"
			}
			s.subscribe(tokens[name], topic)
			c.streams[name] = append(c.streams[name], s)
		}
	}
	return c
}

// post makes a post of somebody's.
func (c *crowd) post(t *testing.T, owner, title string) {
	t.Helper()
	create(t, c.app, "posts", map[string]any{"title": title, "owner": c.people[owner].Id, "group": c.group, "hush": "never-shown"})
}

// barrier waits until everything that was written has been delivered.
func (c *crowd) barrier(t *testing.T) {
	t.Helper()
	title := "barrier-" + security.PseudorandomString(8)
	posts, err := c.app.FindCollectionByNameOrId(c.postsID(t))
	if err != nil {
		t.Fatal(err)
	}
	save(t, c.app, core.NewRecord(posts), map[string]any{"title": title})
	for _, s := range c.streams["superuser"] {
		s.record("create", title)
	}
	// what came before is in everybody's queue by now, and this comes after it
	for _, streams := range c.streams {
		for _, s := range streams {
			client, err := c.app.SubscriptionsBroker().ClientById(s.clientID)
			if err != nil {
				t.Fatal(err)
			}
			client.Send(subscriptions.Message{Name: title, Data: []byte("{}")})
			s.wait(func(f frame) bool { return f.event == title })
		}
	}
}

func (c *crowd) postsID(t *testing.T) string {
	t.Helper()
	topic, _, _ := strings.Cut(c.streams["superuser"][0].topic, "/")
	return topic
}

// sees checks who has a text in the raw bytes of the connection, among the
// streams that listen to posts.
func (c *crowd) sees(t *testing.T, text string, who ...string) {
	t.Helper()
	for name, streams := range c.streams {
		for i, s := range streams {
			got, want := strings.Contains(s.bytes(), text), slices.Contains(who, name) && !strings.HasPrefix(s.topic, "notes/")
			if got != want {
				t.Errorf("stream %d of %s (%s): got %q %t, want %t", i, name, s.topic, text, got, want)
			}
		}
	}
}

func TestNobodyGetsWhatTheRulesForbid(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)

	// Rules change all the time, each of which lets owners and nobody else see
	// their posts, while posts are written.
	writing := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-writing:
				return
			default:
			}
			c.post(t, "zed", "forbidden-zed")
			c.post(t, "ada", fmt.Sprintf("for-ada-%d.", i))
			c.post(t, "bob", "for-bob-before")
			c.post(t, "eve", "for-eve-before")
		}
	})
	for i := range 15 {
		setRules(t, c.app, "posts", &ownerRules[i%len(ownerRules)])
	}
	close(writing)
	writer.Wait()
	c.barrier(t)
	c.sees(t, "forbidden-zed", "superuser")
	for i := 0; strings.Contains(c.streams["superuser"][0].bytes(), fmt.Sprintf("for-ada-%d.", i)); i++ {
		c.sees(t, fmt.Sprintf("for-ada-%d.", i), "ada", "superuser")
	}
	c.sees(t, "for-bob-before", "bob", "superuser")
	c.sees(t, "for-eve-before", "eve", "superuser")

	// a revoked token, a deleted account
	setRules(t, c.app, "posts", &ownerRules[0])
	c.people["bob"].RefreshTokenKey()
	save(t, c.app, c.people["bob"], nil)
	c.post(t, "bob", "for-bob-after")
	c.post(t, "ada", "for-ada-meanwhile")
	if _, err := c.app.DB().NewQuery("DELETE FROM people WHERE id = '" + c.people["eve"].Id + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	posts, err := c.app.FindCollectionByNameOrId("posts")
	if err != nil {
		t.Fatal(err)
	}
	orphan := core.NewRecord(posts)
	orphan.Load(map[string]any{"title": "for-eve-after", "owner": c.people["eve"].Id})
	if err := c.app.SaveNoValidate(orphan); err != nil {
		t.Fatal(err)
	}
	c.barrier(t)
	c.sees(t, "for-bob-after", "superuser")
	c.sees(t, "for-eve-after", "superuser")
	c.sees(t, "for-ada-meanwhile", "ada", "superuser")

	// locked, and opened to everybody
	setRules(t, c.app, "posts", nil)
	c.post(t, "ada", "while-locked")
	c.barrier(t)
	setRules(t, c.app, "posts", types.Pointer(""))
	c.post(t, "ada", "while-open")
	c.barrier(t)
	setRules(t, c.app, "posts", &ownerRules[0])
	c.post(t, "ada", "while-closed-again")
	c.barrier(t)
	c.sees(t, "while-locked", "superuser")
	c.sees(t, "while-open", "guest", "ada", "bob", "eve", "superuser")
	c.sees(t, "while-closed-again", "ada", "superuser")

	// hidden fields stay hidden, unless they no longer are
	for _, name := range []string{"guest", "ada", "bob", "eve"} {
		for _, s := range c.streams[name] {
			if strings.Contains(s.bytes(), "never-shown") {
				t.Errorf("%s got a hidden field", name)
			}
		}
	}
}

func TestCollectionsThatChange(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	posts, err := c.app.FindCollectionByNameOrId("posts")
	if err != nil {
		t.Fatal(err)
	}
	posts.Fields.Add(&core.TextField{Name: "later"})
	posts.Fields.GetByName("hush").SetHidden(false)
	if err := c.app.Save(posts); err != nil {
		t.Fatal(err)
	}
	create(t, c.app, "posts", map[string]any{"title": "a", "later": "new-field", "hush": "shown", "owner": c.people["ada"].Id})
	c.barrier(t)
	c.sees(t, `"later":"new-field"`, "ada", "superuser")
	c.sees(t, `"hush":"shown"`, "ada", "superuser")

	posts.Fields.RemoveByName("hush")
	posts.Fields.GetByName("later").SetName("renamed")
	if err := c.app.Save(posts); err != nil {
		t.Fatal(err)
	}
	create(t, c.app, "posts", map[string]any{"title": "b", "renamed": "renamed-field", "owner": c.people["ada"].Id})
	c.barrier(t)
	c.sees(t, `"renamed":"renamed-field"`, "ada", "superuser")

	posts.Name = "articles"
	if err := c.app.Save(posts); err != nil {
		t.Fatal(err)
	}
	create(t, c.app, "articles", map[string]any{"title": "after-the-rename", "owner": c.people["ada"].Id})
	c.barrier(t)
	for _, s := range c.streams["ada"] {
		byID := strings.HasPrefix(s.topic, posts.Id)
		if got := strings.Contains(s.bytes(), "after-the-rename"); got != byID {
			t.Errorf("subscription %s: got the record of the renamed collection %t, want %t", s.topic, got, byID)
		}
	}

	// a collection appears under a name that people listen to already, goes, and
	// another one with the name appears
	for i, rule := range []*string{types.Pointer(""), nil} {
		notes := core.NewBaseCollection("notes")
		notes.ListRule, notes.ViewRule = rule, rule
		notes.Fields.Add(&core.TextField{Name: "title"})
		if err := c.app.Save(notes); err != nil {
			t.Fatal(err)
		}
		create(t, c.app, "notes", map[string]any{"title": fmt.Sprint("note-", i)})
		c.barrier(t)
		if err := c.app.Delete(notes); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range c.streams["guest"] {
		listens := strings.HasPrefix(s.topic, "notes/")
		if got := strings.Contains(s.bytes(), "note-0"); got != listens {
			t.Errorf("subscription %s: got the note %t, want %t", s.topic, got, listens)
		}
		if strings.Contains(s.bytes(), "note-1") {
			t.Errorf("subscription %s got a record of a locked collection", s.topic)
		}
	}
}

func TestEnterAndLeave(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	setRules(t, app, "posts", types.Pointer("owner = @request.auth.id || group.members.id ?= @request.auth.id"))
	person, token := pbtest.User(t, app, "people", nil)
	group := create(t, app, "groups", map[string]any{"members": []string{person.Id}})
	plain, query := connect(t, url, ""), connect(t, url, "")
	plain.subscribe(token, options("posts/*", map[string]string{"filter": "n > 0"}))
	query.subscribe(token, options("posts/*", map[string]string{"filter": "n > 0", "enterLeave": "true"}))
	header := connect(t, url, "")
	header.subscribe(token, `posts/*?options={"query":{"filter":"n > 0"},"headers":{"X-Enter-Leave":"1"}}`)

	post := create(t, app, "posts", map[string]any{"title": "a", "n": 1})
	save(t, app, post, map[string]any{"owner": person.Id})             // enters by the rule
	save(t, app, post, map[string]any{"title": "b"})                   // is updated
	save(t, app, post, map[string]any{"n": 0, "hush": "s"})            // leaves by the filter
	save(t, app, post, map[string]any{"title": "unseen"})              // is out of sight
	save(t, app, post, map[string]any{"n": 2})                         // enters by the filter
	save(t, app, post, map[string]any{"owner": "", "title": "hidden"}) // leaves by the rule
	save(t, app, post, map[string]any{"group": group.Id})              // enters by the relation
	if err := app.Delete(post); err != nil {
		t.Fatal(err)
	}
	end := create(t, app, "posts", map[string]any{"title": "end", "n": 3, "owner": person.Id})
	wants := map[*stream][]string{
		plain:  {"update a", "update b", "update unseen", "update hidden", "delete hidden", "create end"},
		query:  {"enter a", "update b", "leave <nil>", "enter unseen", "leave <nil>", "enter hidden", "delete hidden", "create end"},
		header: {"enter a", "update b", "leave <nil>", "enter unseen", "leave <nil>", "enter hidden", "delete hidden", "create end"},
	}
	for s, want := range wants {
		s.record("create", end.GetString("title"))
		if got := s.events(); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		for _, f := range s.received() {
			p := f.payload()
			if p.Action == "leave" && (len(p.Record) != 3 || p.Record["id"] != post.Id || p.Record["collectionName"] != "posts") {
				t.Errorf("a record that left shows %v", p.Record)
			}
		}
	}
}
