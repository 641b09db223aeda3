package realtime_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/realtime"
)

// person makes somebody with a token.
func person(t *testing.T, app core.App, name, role string) (*core.Record, string) {
	t.Helper()
	people, err := app.FindCollectionByNameOrId("people")
	if err != nil {
		t.Fatal(err)
	}
	record := core.NewRecord(people)
	record.Load(map[string]any{"email": name + "@example.com", "role": role, "tokenKey": security.RandomString(50)})
	record.SetRaw("password", &core.PasswordFieldValue{Hash: "none"}) // hashing one takes a second with the race detector
	if err := app.Save(record); err != nil {
		t.Fatal(err)
	}
	token, err := record.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	return record, token
}

// left connects, subscribes, waits for a position and leaves with it.
func left(t *testing.T, url, token string, topics ...string) (last string) {
	t.Helper()
	s := connect(t, url, "?resume=true")
	s.subscribe(token, topics...)
	s.positioned()
	s.close()
	return s.last()
}

// resumed comes back and waits for what it missed.
func resumed(t *testing.T, url, last, token string, topics ...string) *stream {
	t.Helper()
	s := connect(t, url, "?resume="+last)
	s.subscribe(token, topics...)
	s.positioned()
	return s
}

const byMembership = "group.members.id ?= @request.auth.id"

func TestWhoIsLetInGetsNoRowsOfBefore(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, rule string
		letIn      func(t *testing.T, app core.App, ann, group *core.Record)
	}{
		{"by another record", byMembership, func(t *testing.T, app core.App, ann, group *core.Record) {
			t.Helper()
			save(t, app, group, map[string]any{"members": []string{ann.Id}})
		}},
		{"by what the caller is like", "@request.auth.role = 'admin'", func(t *testing.T, app core.App, ann, _ *core.Record) {
			t.Helper()
			save(t, app, ann, map[string]any{"role": "admin"})
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app, url := serve(t, realtime.Config{})
			setRules(t, app, "posts", &c.rule)
			ann, token := person(t, app, "ann", "")
			group := create(t, app, "groups", map[string]any{"name": "g"})
			last := left(t, url, token, "posts/*")
			post := create(t, app, "posts", map[string]any{"title": "CONFIDENTIAL", "group": group.Id})
			save(t, app, post, map[string]any{"title": "redacted"})
			c.letIn(t, app, ann, group)
			s := resumed(t, url, last, token, "posts/*")
			if got := s.events(); !slices.Equal(got, []string{"create redacted"}) {
				t.Errorf("got %v, want the record as it is", got)
			}
			if strings.Contains(s.bytes(), "CONFIDENTIAL") {
				t.Error("a version came that was never to be seen")
			}
		})
	}
}

func TestAPositionIsOfACallerAndItsSubscriptions(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	_, ann := person(t, app, "ann", "")
	_, bob := person(t, app, "bob", "")
	warm := connect(t, url, "") // both collections are logged
	warm.subscribe("", "posts/*", "groups/*")
	last := left(t, url, ann, "posts/*")
	create(t, app, "posts", map[string]any{"title": "missed"})
	cases := []struct {
		name, token string
		topics      []string
		want        []string
	}{
		{"the same", ann, []string{"posts/*"}, []string{"create missed"}},
		{"somebody else", bob, []string{"posts/*"}, []string{"reset <nil>"}},
		{"a guest", "", []string{"posts/*"}, []string{"reset <nil>"}},
		{"one more", ann, []string{"posts/*", "groups/*"}, []string{"reset <nil>", "reset <nil>"}},
		{"another", ann, []string{"posts"}, []string{"reset <nil>"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := resumed(t, url, last, c.token, c.topics...).events(); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhoWasAwayHearsOfCascades(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	setRules(t, app, "posts", types.Pointer(byMembership))
	ann, token := person(t, app, "ann", "")
	group := create(t, app, "groups", map[string]any{"name": "g", "members": []string{ann.Id}})
	for range 3 {
		create(t, app, "posts", map[string]any{"title": "one", "group": group.Id})
	}
	last := left(t, url, token, "posts/*")
	if err := app.Delete(group); err != nil {
		t.Fatal(err)
	}
	s := resumed(t, url, last, token, "posts/*")
	if got := s.events(); !slices.Equal(got, []string{"reset <nil>"}) {
		t.Errorf("got %v, want one reset", got)
	}
}

// What was missed is told as it was where the records that a rule looks at are
// still what they were.
func TestARuleOverOtherRecordsThatHaveNotChanged(t *testing.T) {
	t.Parallel()
	type situation struct {
		app                    core.App
		ann, mine, other, post *core.Record
	}
	change := func(t *testing.T, w situation, record *core.Record, fields map[string]any) {
		t.Helper()
		save(t, w.app, record, fields)
	}
	remove := func(t *testing.T, w situation) {
		t.Helper()
		if err := w.app.Delete(w.post); err != nil {
			t.Fatal(err)
		}
	}
	// anHourLater lets everything so far have happened long ago.
	anHourLater := func(t *testing.T, w situation) {
		t.Helper()
		if _, err := w.app.DB().NewQuery("UPDATE _changes SET at = at - 3600000").Execute(); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name, rule string
		missed     func(t *testing.T, w situation)
		want       []string
	}{
		{"updates", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			change(t, w, w.post, map[string]any{"title": "a"})
			change(t, w, w.post, map[string]any{"title": "b"})
		}, []string{"update a", "update b"}},
		{"updates, then another group", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			change(t, w, w.post, map[string]any{"title": "a"})
			change(t, w, w.post, map[string]any{"title": "b"})
			change(t, w, w.other, map[string]any{"name": "changed"})
		}, []string{"update b"}},
		{"another group, then updates", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			change(t, w, w.other, map[string]any{"name": "changed"})
			change(t, w, w.post, map[string]any{"title": "a"})
			change(t, w, w.post, map[string]any{"title": "b"})
		}, []string{"update a", "update b"}},
		{"updates around another group", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			change(t, w, w.post, map[string]any{"title": "a"})
			change(t, w, w.other, map[string]any{"name": "changed"})
			change(t, w, w.post, map[string]any{"title": "b"})
			change(t, w, w.post, map[string]any{"title": "c"})
		}, []string{"update c"}},
		{"leave", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			change(t, w, w.post, map[string]any{"group": w.other.Id})
		}, []string{"leave <nil>"}},
		{"leave, then another group", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			change(t, w, w.post, map[string]any{"group": w.other.Id})
			change(t, w, w.mine, map[string]any{"name": "changed"})
		}, []string{"reset <nil>"}},
		{"deletion", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			anHourLater(t, w)
			remove(t, w)
		}, []string{"delete one"}},
		{"deletion of what was out of sight", "group.name = 'nothing' && " + byMembership, func(t *testing.T, w situation) {
			t.Helper()
			anHourLater(t, w)
			remove(t, w)
		}, nil},
		{"deletion, perhaps along with a group", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			anHourLater(t, w)
			change(t, w, w.other, map[string]any{"name": "changed"})
			remove(t, w)
		}, []string{"reset <nil>"}},
		{"deletion, then another group", byMembership, func(t *testing.T, w situation) {
			t.Helper()
			anHourLater(t, w)
			remove(t, w)
			change(t, w, w.other, map[string]any{"name": "changed"})
		}, []string{"reset <nil>"}},
		{"deletion, and the caller changes", "@request.auth.role = '' && " + byMembership, func(t *testing.T, w situation) {
			t.Helper()
			anHourLater(t, w)
			remove(t, w)
			change(t, w, w.ann, map[string]any{"secret": "changed"})
		}, []string{"reset <nil>"}},
		{"deletion, and somebody else changes", "@request.auth.role = '' && group.name = 'g'", func(t *testing.T, w situation) {
			t.Helper()
			anHourLater(t, w)
			remove(t, w)
			person(t, w.app, "somebody", "")
		}, []string{"delete one"}},
		{"deletion under a rule over the time", "created <= @now && " + byMembership, func(t *testing.T, w situation) {
			t.Helper()
			anHourLater(t, w)
			remove(t, w)
		}, []string{"reset <nil>"}},
		{"deletion under a rule over the same collection", "owner = '' && group.posts_via_group.id != ''", func(t *testing.T, w situation) {
			t.Helper()
			anHourLater(t, w)
			remove(t, w)
			create(t, w.app, "posts", map[string]any{"title": "new", "owner": w.ann.Id})
		}, []string{"reset <nil>"}},
	}
	app, url := serve(t, realtime.Config{})
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			setRules(t, app, "posts", &c.rule)
			ann, token := person(t, app, fmt.Sprint("ann", i), "")
			w := situation{app: app, ann: ann, mine: create(t, app, "groups", map[string]any{"name": "g", "members": []string{ann.Id}})}
			w.other = create(t, app, "groups", map[string]any{"name": "h"})
			w.post = create(t, app, "posts", map[string]any{"title": "one", "group": w.mine.Id})
			topic := options("posts/*", map[string]string{"enterLeave": "true"})
			last := left(t, url, token, topic)
			c.missed(t, w)
			if got := resumed(t, url, last, token, topic).events(); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhoResumesTakesNoDeletionsFromOthers(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	setRules(t, app, "posts", types.Pointer(byMembership))
	ann, token := person(t, app, "ann", "")
	_, bob := person(t, app, "bob", "")
	last := left(t, url, bob, "posts/*")
	live := connect(t, url, "")
	live.subscribe(token, "posts/*")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // all the time somebody passes by the same changes
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			s := connect(t, url, "?resume="+last)
			s.trySubscribe(bob, "posts/*")
			s.close()
		}
	}()
	const rounds = 60
	for i := range rounds {
		group := create(t, app, "groups", map[string]any{"name": "g", "members": []string{ann.Id}})
		create(t, app, "posts", map[string]any{"title": fmt.Sprint(i), "group": group.Id})
		if err := app.Delete(group); err != nil {
			t.Fatal(err)
		}
	}
	for i := range rounds {
		live.record("delete", fmt.Sprint(i))
	}
	close(stop)
	<-done
}

func TestAReplayMayBeLargerThanTheQueue(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{QueueBytes: 64 << 10})
	last := left(t, url, "", "posts/*")
	const missed = 40
	for i := range missed {
		create(t, app, "posts", map[string]any{"title": strings.Repeat("x", 4000), "n": i})
	}
	s := connect(t, url, "?resume="+last)
	s.subscribe("", "posts/*")
	s.wait(func(f frame) bool { return f.event == "PB_POSITION" || f.event == "PB_CLOSE" })
	if got := len(s.events()); got != missed || strings.Contains(s.bytes(), "PB_CLOSE") {
		t.Errorf("got %d events of %d", got, missed)
	}
}

func TestAResetHasNoPosition(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	setRules(t, app, "groups", types.Pointer("members.id ?= @request.auth.id"))
	_, token := person(t, app, "ann", "")
	group := create(t, app, "groups", map[string]any{"name": "g"})
	last := left(t, url, token, "groups/*", "posts/*")
	if err := app.Delete(group); err != nil {
		t.Fatal(err)
	}
	create(t, app, "posts", map[string]any{"title": "missed"})
	s := resumed(t, url, last, token, "groups/*", "posts/*")
	if got := s.events(); !slices.Equal(got, []string{"reset <nil>", "create missed"}) {
		t.Fatalf("got %v", got)
	}
	at := ""
	for _, f := range s.received() {
		switch {
		case f.payload().Action == "reset" && f.id != "":
			t.Errorf("the reset has the id %s: who is cut off after it misses the rest", f.id)
		case f.event != "PB_CONNECT" && f.id != "" && f.id < at:
			t.Errorf("id %s after %s", f.id, at)
		case f.event != "PB_CONNECT" && f.id != "":
			at = f.id
		}
	}
}

func TestRulesThatNoHookSawHoldForAReplay(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	_, token := person(t, app, "ann", "")
	last := left(t, url, token, "posts/*")
	create(t, app, "posts", map[string]any{"title": "secret"})
	// nobody listens, and another process closes the collection
	if _, err := app.DB().NewQuery("UPDATE _collections SET listRule = NULL WHERE name = 'posts'").Execute(); err != nil {
		t.Fatal(err)
	}
	s := resumed(t, url, last, token, "posts/*")
	if strings.Contains(s.bytes(), "secret") {
		t.Errorf("got %v", s.events())
	}
}

func TestWhatWasDroppedAtASignOutIsReset(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	ann, token := person(t, app, "ann", "")
	s := connect(t, url, "?resume=true")
	s.subscribe(token, "posts/*", "mine")
	s.positioned()
	ann.RefreshTokenKey()
	save(t, app, ann, nil)
	token, err := ann.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	s.subscribe(token, "posts/*", "mine", "groups/*")
	create(t, app, "posts", map[string]any{"title": "live"})
	s.record("create", "live")
	if got := s.events(); !slices.Equal(got, []string{"reset <nil>", "create live"}) {
		t.Errorf("got %v", got)
	}
}

func TestWhatIsCommittedDuringASubscriptionComes(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"", "?resume=true"} {
		t.Run("connected with "+query, func(t *testing.T) {
			t.Parallel()
			app, url, plugin, _ := serveBoth(t, realtime.Config{})
			s := connect(t, url, query)
			s.subscribe("", "groups/*", "posts/*")
			s.subscribe("", "groups/*")
			before := plugin.Position()
			create(t, app, "groups", map[string]any{"name": "g"})
			create(t, app, "posts", map[string]any{"title": "in between"})
			s.wait(func(f frame) bool { return f.payload().Action == "create" })
			for deadline := time.Now().Add(patience); plugin.Position() <= before+1; { // the post, too
				if time.Now().After(deadline) {
					t.Fatal("the log is not followed")
				}
			}
			plugin.Replace(s.clientID, before, "groups/*", "posts/*")
			create(t, app, "posts", map[string]any{"title": "after"})
			s.record("create", "after")
			if got, want := s.events(), []string{"create <nil>", "create in between", "create after"}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestMoreDeletionsThanAreHeldReset(t *testing.T) {
	t.Parallel()
	app, url, plugin, _ := serveBoth(t, realtime.Config{})
	plugin.LimitDeletions(3)
	setRules(t, app, "posts", types.Pointer(byMembership))
	ann, token := person(t, app, "ann", "")
	group := create(t, app, "groups", map[string]any{"name": "g", "members": []string{ann.Id}})
	for range 5 {
		create(t, app, "posts", map[string]any{"title": "cascaded", "group": group.Id})
	}
	s := connect(t, url, "?resume=true")
	s.subscribe(token, "posts/*")
	s.positioned()
	if err := app.Delete(group); err != nil {
		t.Fatal(err)
	}
	want := []string{"reset <nil>", "delete cascaded", "delete cascaded", "delete cascaded"}
	s.wait(func(frame) bool { return len(s.events()) == len(want) })
	if got := s.events(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// holdUp holds up who follows the log for all clients, until the test ends.
func holdUp(t *testing.T, app core.App, url string) {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	app.OnRecordEnrich("groups").BindFunc(func(e *core.RecordEnrichEvent) error {
		if e.Record.GetString("name") == "hold" {
			close(held)
			<-release
		}
		return e.Next()
	})
	connect(t, url, "").subscribe("", "groups/*")
	create(t, app, "groups", map[string]any{"name": "hold"})
	<-held
}

// Only the replay itself can see that the token was revoked.
func TestAReplayStopsForWhoIsSignedOutByRawSQL(t *testing.T) {
	t.Parallel()
	app, url, _, _ := serveBoth(t, realtime.Config{})
	setRules(t, app, "posts", types.Pointer("@request.auth.id != ''"))
	ann, token := person(t, app, "ann", "")
	last := left(t, url, token, "posts/*")
	const missed = 150 // more than a page
	err := app.RunInTransaction(func(tx core.App) error {
		for i := range missed {
			create(t, tx, "posts", map[string]any{"title": fmt.Sprint(i)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	app.OnRealtimeMessageSend().BindFunc(func(e *core.RealtimeMessageEvent) error {
		if strings.Contains(string(e.Message.Data), `"title":"0"`) {
			_, err := app.DB().NewQuery("UPDATE people SET tokenKey = id || id || id WHERE id = '" + ann.Id + "'").Execute()
			if err != nil {
				return err
			}
		}
		return e.Next()
	})
	holdUp(t, app, url)
	s := connect(t, url, "?resume="+last)
	s.subscribe(token, "posts/*")
	end := s.wait(func(f frame) bool {
		return f.payload().Action == "reset" || f.payload().Record["title"] == fmt.Sprint(missed-1)
	})
	if end.payload().Action != "reset" {
		t.Errorf("got %v, want a reset after the page in which the token was revoked", end)
	}
}

// What such a client missed begins behind what it was told.
func TestAReplayFromAheadOfTheFollower(t *testing.T) {
	t.Parallel()
	app, url, _, _ := serveBoth(t, realtime.Config{})
	setRules(t, app, "posts", types.Pointer(byMembership))
	ann, token := person(t, app, "ann", "")
	mine := create(t, app, "groups", map[string]any{"name": "g", "members": []string{ann.Id}})
	other := create(t, app, "groups", map[string]any{"name": "h"})
	warm := connect(t, url, "")
	warm.subscribe(token, "posts/*") // which are logged from now on
	holdUp(t, app, url)
	post := create(t, app, "posts", map[string]any{"title": "one", "group": mine.Id})
	topic := options("posts/*", map[string]string{"enterLeave": "true"})
	last := left(t, url, token, topic)
	save(t, app, post, map[string]any{"group": other.Id})
	save(t, app, mine, map[string]any{"name": "changed"})
	if got := resumed(t, url, last, token, topic).events(); !slices.Equal(got, []string{"reset <nil>"}) {
		t.Errorf("got %v, want a reset for the record that left", got)
	}
}
