package channels_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/channels"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{})
	guests := newWorld(t, channels.Config{Guests: true})
	past, err := w.anna.NewStaticAuthToken(time.Second)
	if err != nil {
		t.Fatal(err)
	}
	file, err := w.anna.NewFileToken()
	if err != nil {
		t.Fatal(err)
	}
	pbtest.Eventually(t, patience, func() error { // until the token has expired
		_, err := w.app.FindAuthRecordByToken(past, core.TokenTypeAuth)
		if err == nil {
			return io.ErrNoProgress
		}
		return nil
	})
	cases := []struct {
		name          string
		world         *world
		header, token string
		reply, close  int // codes, 0 for none
	}{
		{name: "a user is let in", world: w, token: w.annaToken},
		{name: "a superuser is let in", world: w, token: pbtest.Superuser(t, w.app)},
		{name: "a token in the header is enough", world: w, header: w.annaToken},
		{name: "a token in the header may be called so", world: w, header: "Bearer " + w.annaToken},
		{name: "the token of the command goes first", world: w, header: w.annaToken, token: "x", close: 3500},
		{name: "a guest is refused", world: w, reply: 101},
		{name: "a guest is let in where guests are", world: guests},
		{name: "a broken token is refused even there", world: guests, token: "x", close: 3500},
		{name: "a token of another server is refused", world: w, token: guests.annaToken, close: 3500},
		{name: "a token for files is refused", world: w, token: file, close: 3500},
		{name: "an expired token has to be renewed", world: w, token: past, reply: 109},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if c.header != "" {
				header.Set("Authorization", c.header)
			}
			client, _, err := open(t, c.world.url, header)
			if err != nil {
				t.Fatal(err)
			}
			if got := client.connect(c.token); got.code() != c.reply {
				t.Errorf("got %s, want code %d", got.raw, c.reply)
			}
			if c.close != 0 {
				if got := client.end(); got != c.close {
					t.Errorf("closed: got %d, want %d", got, c.close)
				}
			} else if c.reply == 0 && client.id == "" {
				t.Error("the client has not been let in")
			}
		})
	}
}

func TestSuperusersComeFromTheirAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{})
	token := pbtest.Superuser(t, w.app)
	inside := w.dial(token)
	user := w.dial(w.annaToken)
	w.superusersFrom("192.0.2.0/24")
	if got := inside.end(); got != 3500 {
		t.Errorf("the one inside: got %d, want 3500", got)
	}
	next, _, err := open(t, w.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	next.connect(token)
	if got := next.end(); got != 3500 {
		t.Errorf("the next: got %d, want 3500", got)
	}
	user.join(own(w.anna))

	w.superusersFrom("192.0.2.1", "127.0.0.0/8")
	w.dial(token).join(room(w.secret))
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		allowed []string
		origin  string // HOST stands for the server's
		status  int
	}{
		{"no browser", nil, "", 101},
		{"the server's own", nil, "http://HOST", 101},
		{"another", nil, "https://evil.example", 403},
		{"none that one can see", nil, "null", 403},
		{"a host that begins like the server's", nil, "http://HOST.evil.example", 403},
		{"a listed one", []string{"https://app.example.com"}, "https://app.example.com", 101},
		{"a listed one in other letters", []string{"https://app.example.com"}, "https://APP.example.com", 101},
		{"a listed one without TLS", []string{"https://app.example.com"}, "http://app.example.com", 403},
		{"a listed one at another port", []string{"https://app.example.com"}, "https://app.example.com:8443", 403},
		{"a subdomain", []string{"https://*.example.com"}, "https://a.b.example.com", 101},
		{"the domain of subdomains", []string{"https://*.example.com"}, "https://example.com", 403},
		{"a domain that ends like it", []string{"https://*.example.com"}, "https://evilexample.com", 403},
		{"any", []string{"*"}, "https://evil.example", 101},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := template.New(t, func(app core.App) error {
				_, err := channels.Register(app, channels.Config{Origins: c.allowed})
				return err
			})
			url := pbtest.Serve(t, app)
			header := http.Header{}
			if c.origin != "" {
				header.Set("Origin", strings.ReplaceAll(c.origin, "HOST", strings.TrimPrefix(url, "http://")))
			}
			_, response, err := open(t, url, header)
			if response == nil || response.StatusCode != c.status {
				t.Fatalf("got %v, want %d", err, c.status)
			}
			if c.status == 403 {
				var body struct{ Message string }
				if err := json.NewDecoder(response.Body).Decode(&body); err != nil || body.Message != "Connections from this origin are not allowed." {
					t.Errorf("got %q (%v), want a sentence", body.Message, err)
				}
			}
		})
	}
}

func TestPlainRequestsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{})
	response, err := http.Get(w.url + channels.Path)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("got %s, want 426", response.Status)
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, channels.Config{})
	short := func(d time.Duration) string {
		token, err := w.anna.NewStaticAuthToken(d)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	token := short(3 * time.Second)
	left, kept, swapped, last := w.dial(token), w.dial(token), w.dial(token), w.dial(short(4*time.Second))
	kept.join(own(w.anna))
	if r := kept.call(map[string]any{"refresh": map[string]any{"token": w.annaToken}}); r.Error != nil {
		t.Fatalf("refresh: %s", r.raw)
	}
	swapped.call(map[string]any{"refresh": map[string]any{"token": w.benToken}})
	if got := swapped.end(); got != 3500 {
		t.Errorf("somebody else's token: got %d, want 3500", got)
	}
	if got := left.end(); got != 3005 {
		t.Errorf("an expired token: got %d, want 3005", got)
	}
	last.end() // later than the one that was kept would have
	if !kept.in(own(w.anna)) {
		t.Error("the connection with a new token has ended too")
	}
}
