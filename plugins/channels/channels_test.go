package channels_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/channels"
)

// refused is the answer to whoever may not, to the byte.
const refused = `"error":{"code":103,"message":"permission denied"}}`

func TestSubscribe(t *testing.T) {
	t.Parallel()
	closed := openTo("closed")
	closed.Subscribe = func(_ context.Context, caller channels.Caller, channel string) (bool, error) {
		return caller.Auth != nil && channel == "closed:"+caller.Auth.Id, nil
	}
	w := newWorld(t, channels.Config{Guests: true, Namespaces: []channels.Namespace{closed}})
	header := http.Header{"X-Tenant": {"north"}}
	tokens := map[string]string{"anna": w.annaToken, "carl": w.carlToken, "guest": "", "root": pbtest.Superuser(t, w.app)}
	cases := []struct {
		name, as, channel string
		allowed           bool
	}{
		{"a member enters the room", "anna", room(w.doc), true},
		{"a stranger does not", "carl", room(w.doc), false},
		{"a guest does not", "guest", room(w.doc), false},
		{"a superuser does", "root", room(w.doc), true},
		{"an owner enters", "anna", room(w.draft), true},
		{"others do not", "carl", room(w.draft), false},
		{"a rule about the caller is asked", "anna", room(w.vip), true},
		{"and refuses", "carl", room(w.vip), false},
		{"a rule about headers is asked", "anna", room(w.tenant), true},
		{"a locked collection is locked", "anna", room(w.secret), false},
		{"but not for superusers", "root", room(w.secret), true},
		{"a public record is open to guests", "guest", room(w.notice), true},
		{"a record that is not there", "anna", "room:docs/aaaaaaaaaaaaaaa", false},
		{"a record that is not there, for a superuser", "root", "room:docs/aaaaaaaaaaaaaaa", false},
		{"a collection that is not there", "anna", "room:nothing/aaaaaaaaaaaaaaa", false},
		{"a collection by its id", "anna", "room:" + w.doc.Collection().Id + "/" + w.doc.Id, false},
		{"a collection in other letters", "anna", "room:DOCS/" + w.doc.Id, false},
		{"no record", "anna", "room:docs/", false},
		{"no collection", "anna", "room:/" + w.doc.Id, false},
		{"too many parts", "anna", room(w.doc) + "/x", false},
		{"no name", "anna", "room:", false},
		{"no namespace", "anna", "docs", false},
		{"a namespace that is not there", "anna", "nothing:a", false},
		{"one's own channel", "anna", own(w.anna), true},
		{"somebody else's", "carl", own(w.anna), false},
		{"somebody else's, for a superuser", "root", own(w.anna), false},
		{"nobody's", "guest", "user:", false},
		{"a guest's", "guest", "user:users/", false},
		{"pokes", "carl", "poke:sync", true},
		{"pokes, for a guest", "guest", "poke:sync", false},
		{"the app's own, allowed", "anna", "closed:" + w.anna.Id, true},
		{"the app's own, refused", "carl", "closed:" + w.anna.Id, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, _, err := open(t, w.url, header)
			if err != nil {
				t.Fatal(err)
			}
			client.connect(tokens[c.as])
			r := client.subscribe(c.channel)
			if c.allowed != (r.Error == nil) {
				t.Fatalf("got %s, want allowed %t", r.raw, c.allowed)
			}
			if !c.allowed && !strings.HasSuffix(r.raw, refused) {
				t.Errorf("got %s, want it to end %s", r.raw, refused)
			}
		})
	}
}

// Centrifuge has kinds of subscriptions whose data would come another way.
func TestOtherKindsOfSubscriptionsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{Namespaces: []channels.Namespace{openTo("open")}})
	anna := w.dial(w.annaToken)
	for kind := 1; kind <= 4; kind++ {
		r := anna.call(map[string]any{"subscribe": map[string]any{"channel": "open:a", "type": kind}})
		if r.Error == nil || anna.in("open:a") {
			t.Errorf("kind %d: got %s, want a refusal", kind, r.raw)
		}
	}
	anna.join("open:a")
}

func TestRoomsMayAskMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{Rooms: channels.Rooms{
		Subscribe: func(_ context.Context, caller channels.Caller, channel string) (bool, error) {
			switch {
			case strings.HasPrefix(channel, "room:notices"):
				return false, errors.New("out of order")
			case strings.HasPrefix(channel, "room:drafts"):
				panic("out of luck")
			}
			return caller.Auth.GetString("level") == "vip", nil
		},
		NoPresence: true,
	}})
	anna, ben, carl := w.dial(w.annaToken), w.dial(w.benToken), w.dial(w.carlToken)
	for _, c := range []struct {
		name    string
		client  *client
		channel string
		code    int
	}{
		{"both let in", anna, room(w.doc), 0},
		{"only the rule lets in", ben, room(w.doc), 103},
		{"neither lets in", carl, room(w.doc), 103},
		{"an error", anna, room(w.notice), 100},
		{"a panic", anna, room(w.draft), 100},
		{"the server lives on", anna, "poke:a", 0},
	} {
		if r := c.client.subscribe(c.channel); r.code() != c.code {
			t.Errorf("%s: got %s, want code %d", c.name, r.raw, c.code)
		}
	}
	if r := anna.presence(room(w.doc)); r.code() != 108 {
		t.Errorf("presence: got %s, want that there is none", r.raw)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{Guests: true})
	anna, ben, carl, guest := w.dial(w.annaToken), w.dial(w.benToken), w.dial(w.carlToken), w.dial("")
	channel := room(w.doc)
	anna.join(channel)
	ben.join(channel)
	anna.await("join", func(p push) bool { return p.Join != nil && p.Join.Info.Client == ben.id && p.Channel == channel })

	got := anna.presence(channel).Presence.Presence
	want := "users/" + w.ben.Id
	if len(got) != 2 || got[ben.id].User != want || got[ben.id].Info != nil {
		t.Errorf("presence: got %v, want anna and %s without more", got, want)
	}
	for name, outsider := range map[string]*client{"a stranger": carl, "a guest": guest} {
		if r := outsider.presence(channel); !strings.HasSuffix(r.raw, refused) {
			t.Errorf("%s: got %s, want a refusal", name, r.raw)
		}
		r := outsider.call(map[string]any{"presence_stats": map[string]any{"channel": channel}})
		if !strings.HasSuffix(r.raw, refused) {
			t.Errorf("%s: got %s, want a refusal", name, r.raw)
		}
		if r := outsider.call(map[string]any{"history": map[string]any{"channel": channel}}); r.code() != 108 {
			t.Errorf("%s: got %s, want that there is no history", name, r.raw)
		}
	}

	members, err := w.plugin.Presence(channel)
	if err != nil || len(members) != 2 {
		t.Errorf("on the server: got %v (%v), want two", members, err)
	}
	ben.conn.Close()
	anna.await("leave", func(p push) bool { return p.Leave != nil && p.Leave.Info.Client == ben.id })
	if got := anna.presence(channel).Presence.Presence; len(got) != 1 {
		t.Errorf("afterwards: got %v, want anna alone", got)
	}
	if carl.seen(func(p push) bool { return p.Channel == channel }) > 0 {
		t.Error("a stranger has heard of it")
	}
}

func TestPublicInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{Info: func(caller channels.Caller) (any, error) {
		if caller.Auth.GetString("level") == "bad" {
			return nil, errors.New("out of order")
		}
		return map[string]string{"level": caller.Auth.GetString("level")}, nil
	}})
	anna, ben := w.dial(w.annaToken), w.dial(w.benToken)
	anna.join(room(w.doc))
	ben.join(room(w.doc))
	if got := string(ben.presence(room(w.doc)).Presence.Presence[anna.id].Info); got != `{"level":"vip"}` {
		t.Errorf("presence: got %s, want her level", got)
	}
	w.change(w.anna, "level", "pro")
	if r := anna.call(map[string]any{"refresh": map[string]any{"token": w.annaToken}}); r.Error != nil {
		t.Fatal(r.raw)
	}
	anna.publish(room(w.doc), "hello")
	ben.await("message with the new info", func(p push) bool {
		return p.Pub != nil && string(p.Pub.Info.Info) == `{"level":"pro"}`
	})
	w.change(w.carl, "level", "bad")
	carl, _, err := open(t, w.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := carl.connect(w.carlToken); r.code() != 100 {
		t.Errorf("got %s, want an internal error", r.raw)
	}
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{})
	anna, ben, carl := w.dial(w.annaToken), w.dial(w.benToken), w.dial(w.carlToken)
	anna.join(room(w.doc))
	ben.join(room(w.doc))
	carl.join(own(w.carl))
	carl.subscribe(room(w.doc))
	if r := anna.publish(room(w.doc), map[string]any{"typing": true}); r.Error != nil {
		t.Fatal(r.raw)
	}
	ben.await("message", func(p push) bool {
		return message(room(w.doc), `{"typing":true}`)(p) && p.Pub.Info.User == "users/"+w.anna.Id && p.Pub.Info.Client == anna.id
	})
	// what was to reach carl would have done so before this does
	if err := w.plugin.Publish(t.Context(), own(w.carl), "after"); err != nil {
		t.Fatal(err)
	}
	carl.await("message of his own", message(own(w.carl), "after"))
	if carl.seen(func(p push) bool { return p.Channel != own(w.carl) }) > 0 {
		t.Errorf("a stranger got %v", carl.pushes)
	}
}

func TestPublishGuards(t *testing.T) {
	t.Parallel()
	strict := channels.Namespace{Name: "strict", Subscribe: anybody}
	picky := openTo("picky")
	picky.Publish = func(_ context.Context, m channels.Message) (bool, error) {
		switch string(m.Data) {
		case `"fail"`:
			return false, errors.New("out of order")
		case `"panic"`:
			panic("out of luck")
		}
		return string(m.Data) == `"please"` && m.Channel == "picky:a" && !m.Subscribed, nil
	}
	w := newWorld(t, channels.Config{Guests: true, MaxPublishBytes: 100, Namespaces: []channels.Namespace{strict, picky, openTo("open")}})
	anna, carl, guest := w.dial(w.annaToken), w.dial(w.carlToken), w.dial("")
	for _, channel := range []string{room(w.doc), own(w.anna), "poke:a", "strict:a", room(w.notice)} {
		anna.join(channel)
	}
	guest.join(room(w.notice))
	cases := []struct {
		name    string
		client  *client
		channel string
		data    any
		code    int
	}{
		{"a member sends to the room", anna, room(w.doc), "x", 0},
		{"a stranger does not", carl, room(w.doc), "x", 103},
		{"who may enter but has not does not", carl, room(w.notice), "x", 103},
		{"a guest in the room does not", guest, room(w.notice), "x", 103},
		{"a user to the own channel does not", anna, own(w.anna), "x", 103},
		{"a poke is the server's", anna, "poke:a", "x", 103},
		{"a namespace is closed by default", anna, "strict:a", "x", 103},
		{"an open namespace takes all", guest, "open:a", "x", 0},
		{"a guard is given the message", anna, "picky:a", "please", 0},
		{"and refuses", anna, "picky:a", "now", 103},
		{"a guard that fails", anna, "picky:a", "fail", 100},
		{"a guard that panics", anna, "picky:a", "panic", 100},
		{"no channel at all", anna, "nothing:a", "x", 103},
		{"the largest", anna, "open:a", strings.Repeat("x", 98), 0},
		{"too large", anna, "open:a", strings.Repeat("x", 99), 106},
	}
	for _, c := range cases {
		if r := c.client.publish(c.channel, c.data); r.code() != c.code {
			t.Errorf("%s: got %s, want code %d", c.name, r.raw, c.code)
		}
	}
}

func TestPublishFromTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{})
	anna := w.dial(w.annaToken)
	anna.join(own(w.anna))
	anna.join(room(w.doc))
	for _, text := range []string{"one", "two", "three"} {
		if err := w.plugin.Publish(t.Context(), own(w.anna), map[string]string{"say": text}); err != nil {
			t.Fatal(err)
		}
	}
	anna.await("third message", message(own(w.anna), `{"say":"three"}`))
	var order []string
	anna.mu.Lock()
	for _, p := range anna.pushes {
		if p.Pub != nil {
			order = append(order, string(p.Pub.Data))
		}
	}
	anna.mu.Unlock()
	if got := strings.Join(order, ""); got != `{"say":"one"}{"say":"two"}{"say":"three"}` {
		t.Errorf("got %s, want them in order", got)
	}

	for name, data := range map[string]any{
		"a record": w.doc, "records": []*core.Record{w.doc}, "a proxy": &proxy{core.BaseRecordProxy{Record: w.doc}},
	} {
		if err := w.plugin.Publish(t.Context(), room(w.doc), data); !errors.Is(err, channels.ErrRecordData) {
			t.Errorf("%s: got %v, want ErrRecordData", name, err)
		}
	}
	if err := w.plugin.Publish(t.Context(), own(w.anna), func() {}); err == nil {
		t.Error("what is no JSON has been published")
	}
	for _, channel := range []string{"", "room", "room:", "nothing:a"} {
		if err := w.plugin.Publish(t.Context(), channel, 1); !errors.Is(err, channels.ErrUnknownChannel) {
			t.Errorf("publish to %q: got %v, want ErrUnknownChannel", channel, err)
		}
		if err := w.plugin.Poke(t.Context(), channel); !errors.Is(err, channels.ErrUnknownChannel) {
			t.Errorf("poke %q: got %v, want ErrUnknownChannel", channel, err)
		}
	}
}

type proxy struct{ core.BaseRecordProxy }

func TestPoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{})
	anna := w.dial(w.annaToken)
	anna.join("poke:sync")
	anna.join(room(w.doc))
	for range 1000 {
		if err := w.plugin.Poke(t.Context(), "poke:sync"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.plugin.Poke(t.Context(), room(w.doc)); err != nil {
		t.Fatal(err)
	}
	anna.await("poke", message("poke:sync", `{"poke":true}`))
	anna.await("poke of the room", message(room(w.doc), `{"poke":true}`))
	// a second one is not lost in the first
	before := anna.seen(message("poke:sync", "poke"))
	if before > 5 {
		t.Errorf("got %d pokes, want the thousand as a few", before)
	}
	if err := w.plugin.Poke(t.Context(), "poke:sync"); err != nil {
		t.Fatal(err)
	}
	pbtest.Eventually(t, patience, func() error {
		if anna.seen(message("poke:sync", "poke")) == before {
			return errors.New("no second poke")
		}
		return nil
	})
}
