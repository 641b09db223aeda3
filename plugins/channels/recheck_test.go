package channels_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/channels"
)

// soon is the time that the documentation promises for changes by the app.
const soon = time.Second

// TestAccessEnds takes anna's access in each of the ways it can end, while ben
// keeps his.
func TestAccessEnds(t *testing.T) {
	t.Parallel()
	lookup := channels.Namespace{
		Name: "lookup", DependsOn: []string{"notices"}, Presence: true,
	}
	cases := []struct {
		name    string
		channel func(*world) string // the room of the document if nil
		act     func(*world)
		close   int  // the code of the close frame, 0 if it is only unsubscribed
		alone   bool // ben is not in the channel, or goes too
	}{
		{name: "the password is changed", close: 3500, act: func(w *world) { w.change(w.anna, "password", "another password 1") }},
		{name: "the token key is renewed", close: 3500, act: func(w *world) { w.change(w.anna, "tokenKey:autogenerate", "") }},
		{name: "the email is changed", close: 3500, act: func(w *world) { w.change(w.anna, "email", "other@example.com") }},
		{name: "the account is deleted", close: 3500, act: func(w *world) { w.remove(w.anna) }},
		{name: "all tokens are revoked", close: 3500, alone: true, act: func(w *world) {
			w.changeCollection("users", func(c *core.Collection) { c.AuthToken.Secret = "0123456789012345678901234567890123456789" })
		}},
		{name: "the users get another name", close: 3011, alone: true, act: func(w *world) {
			w.changeCollection("users", func(c *core.Collection) { c.Name = "people" })
		}},
		{name: "the membership is deleted", act: func(w *world) { w.remove(w.annaMember) }},
		{name: "the membership goes to somebody else", act: func(w *world) { w.change(w.annaMember, "user", w.carl.Id) }},
		{name: "a collection of a rule that names it", channel: func(w *world) string { return room(w.listed) }, act: func(w *world) { w.remove(w.annaMember) }},
		{name: "a collection of a rule that renames it", channel: func(w *world) string { return room(w.aliased) }, act: func(w *world) { w.remove(w.annaMember) }},
		{name: "what a view shows", alone: true, channel: func(w *world) string { return "room:overview/" + w.doc.Id }, act: func(w *world) { w.remove(w.annaMember) }},
		{name: "the document goes to another team", alone: true, act: func(w *world) { w.change(w.doc, "team", w.save("teams", nil).Id) }},
		{name: "the document is deleted", alone: true, act: func(w *world) { w.remove(w.doc) }},
		{name: "the document goes with its team", alone: true, act: func(w *world) {
			team, err := w.app.FindRecordById("teams", w.doc.GetString("team"))
			if err != nil {
				w.Fatal(err)
			}
			w.remove(team)
		}},
		{name: "the owner changes", alone: true, channel: func(w *world) string { return room(w.draft) }, act: func(w *world) { w.change(w.draft, "owner", w.ben.Id) }},
		{name: "the caller changes", alone: true, channel: func(w *world) string { return room(w.vip) }, act: func(w *world) { w.change(w.anna, "level", "") }},
		{name: "the rule changes", alone: true, act: func(w *world) {
			w.changeCollection("docs", func(c *core.Collection) { c.ViewRule = types.Pointer("title = 'x'") })
		}},
		{name: "the rule is locked", alone: true, act: func(w *world) {
			w.changeCollection("docs", func(c *core.Collection) { c.ViewRule = nil })
		}},
		{name: "the collection is deleted", alone: true, channel: func(w *world) string { return room(w.notice) }, act: func(w *world) {
			c, err := w.app.FindCollectionByNameOrId("notices")
			if err != nil {
				w.Fatal(err)
			}
			if err := w.app.Delete(c); err != nil {
				w.Fatal(err)
			}
		}},
		{name: "the collection gets another name", alone: true, act: func(w *world) {
			w.changeCollection("docs", func(c *core.Collection) { c.Name = "papers" })
		}},
		{name: "what a namespace depends on", alone: true, channel: func(*world) string { return "lookup:a" }, act: func(w *world) { w.change(w.notice, "title", "closed") }},
		{name: "raw SQL, and the plugin is told", act: func(w *world) {
			w.sql("DELETE FROM members WHERE id = '" + w.annaMember.Id + "'")
			w.plugin.Recheck("members")
		}},
		{name: "raw SQL on the record, and the plugin is told", alone: true, act: func(w *world) {
			w.sql("DELETE FROM docs")
			w.plugin.Recheck("docs")
		}},
		{name: "raw SQL on the account, and the plugin is told", close: 3500, act: func(w *world) {
			w.sql("UPDATE users SET tokenKey = 'x' WHERE id = '" + w.anna.Id + "'")
			w.plugin.Recheck("users")
		}},
		{name: "raw SQL, and the plugin is told to look at all", act: func(w *world) {
			w.sql("DELETE FROM members WHERE id = '" + w.annaMember.Id + "'")
			w.plugin.Recheck()
		}},
		{name: "raw SQL, and the plugin is told of what is not there", act: func(w *world) {
			w.sql("DELETE FROM members WHERE id = '" + w.annaMember.Id + "'")
			w.plugin.Recheck("nothing")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var w *world
			lookup := lookup
			lookup.Subscribe = func(context.Context, channels.Caller, string) (bool, error) {
				notice, err := w.app.FindRecordById("notices", w.notice.Id)
				return err == nil && notice.GetString("title") == "", nil
			}
			w = newWorld(t, channels.Config{Namespaces: []channels.Namespace{lookup}})
			channel := room(w.doc)
			if c.channel != nil {
				channel = c.channel(w)
			}
			anna, ben := w.dial(w.annaToken), w.dial(w.benToken)
			anna.join(channel)
			if !c.alone {
				ben.join(channel)
			}
			c.act(w)
			acted := time.Now()
			if c.close != 0 {
				if got := anna.end(); got != c.close {
					t.Errorf("closed: got %d, want %d", got, c.close)
				}
			} else {
				anna.await("unsubscribe", unsubscribed(channel, channels.CodeAccessRevoked))
				if anna.in(channel) {
					t.Error("the server still has her in the channel")
				}
			}
			if took := time.Since(acted); took > soon && !raceEnabled {
				t.Errorf("it took %s, want at most %s", took, soon)
			}
			if !c.alone && !ben.in(channel) {
				t.Error("ben has lost the channel too")
			}
		})
	}
}

func TestRegularCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{RecheckEvery: 100 * time.Millisecond})
	anna, ben := w.dial(w.annaToken), w.dial(w.benToken)
	anna.join(room(w.doc))
	ben.join(room(w.doc))
	w.sql("DELETE FROM members WHERE id = '" + w.annaMember.Id + "'")
	anna.await("unsubscribe", unsubscribed(room(w.doc), channels.CodeAccessRevoked))
	w.sql("UPDATE users SET tokenKey = 'x' WHERE id = '" + w.anna.Id + "'")
	if got := anna.end(); got != 3500 {
		t.Errorf("closed: got %d, want 3500", got)
	}
	if !ben.in(room(w.doc)) {
		t.Error("ben has lost the channel too")
	}
}

// Whoever is about to be let in when the access ends must not slip through.
func TestAccessEndsWhileSubscribing(t *testing.T) {
	t.Parallel()
	reached, proceed := make(chan struct{}), make(chan struct{})
	var asked atomic.Int32
	w := newWorld(t, channels.Config{Rooms: channels.Rooms{
		Subscribe: func(context.Context, channels.Caller, string) (bool, error) {
			if asked.Add(1) == 1 { // the rule has let her in
				close(reached)
				<-proceed
			}
			return true, nil
		},
	}})
	root, anna := w.dial(pbtest.Superuser(t, w.app)), w.dial(w.annaToken)
	asked.Store(-1) // for root
	root.join(room(w.annaMember))
	answer := anna.send(map[string]any{"subscribe": map[string]any{"channel": room(w.doc)}})
	<-reached
	w.remove(w.annaMember)
	root.await("unsubscribe", unsubscribed(room(w.annaMember), channels.CodeAccessRevoked)) // the check is on its way
	close(proceed)
	if r := <-answer; r.Error != nil {
		t.Fatalf("subscribe: %s", r.raw)
	}
	anna.await("unsubscribe", unsubscribed(room(w.doc), channels.CodeAccessRevoked))
}

func TestAccessEndsWhileConnecting(t *testing.T) {
	t.Parallel()
	reached, proceed := make(chan struct{}), make(chan struct{})
	w := newWorld(t, channels.Config{Info: func(caller channels.Caller) (any, error) {
		if !caller.Auth.IsSuperuser() {
			close(reached) // the token has been found good
			<-proceed
		}
		return nil, nil
	}})
	root := w.dial(pbtest.Superuser(t, w.app))
	root.join(room(w.doc))
	anna, _, err := open(t, w.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	anna.send(map[string]any{"connect": map[string]any{"token": w.annaToken}})
	<-reached
	w.change(w.anna, "password", "another password 1")
	w.remove(w.doc) // until the check of it has come and gone
	root.await("unsubscribe", unsubscribed(room(w.doc), channels.CodeAccessRevoked))
	close(proceed)
	if got := anna.end(); got != 3500 {
		t.Errorf("closed: got %d, want 3500", got)
	}
}

func TestAChangeOfSomethingElseAsksNobody(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	w := newWorld(t, channels.Config{Rooms: channels.Rooms{
		Subscribe: func(context.Context, channels.Caller, string) (bool, error) {
			asked.Add(1)
			return true, nil
		},
	}})
	anna, ben := w.dial(w.annaToken), w.dial(w.benToken)
	anna.join(room(w.doc))
	ben.join(room(w.notice))
	anna.join(room(w.notice)) // and out again
	anna.call(map[string]any{"unsubscribe": map[string]any{"channel": room(w.notice)}})
	gone := w.dial(w.carlToken)
	gone.join(room(w.notice))
	gone.conn.Close()
	pbtest.Eventually(t, patience, func() error {
		if members, err := w.plugin.Presence(room(w.notice)); err != nil || len(members) != 1 {
			return fmt.Errorf("%d are in the room (%w)", len(members), err)
		}
		return nil
	})
	before := asked.Load()
	w.save("notices", nil)
	w.save("docs", map[string]any{"team": w.doc.GetString("team")})
	w.change(w.carl, "level", "x")
	w.change(w.notice, "title", "x") // ends the wait: it asks once, about ben
	pbtest.Eventually(t, patience, func() error {
		if asked.Load() == before {
			return errors.New("the last change has not been noticed")
		}
		return nil
	})
	if got := asked.Load() - before; got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
}
