package fastlane_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// newPosts is a world of a few posts that signed-in users see, and one of them.
func newPosts(t *testing.T) (w *world, author *core.Record, signedIn http.Header) {
	t.Helper()
	w = newWorld(t, func(app core.App) error { return manyPosts(app, 50) }, fastlane.Config{})
	author, err := w.app.FindRecordById("users", "author000000000")
	if err != nil {
		t.Fatal(err)
	}
	return w, author, http.Header{"Authorization": {pbtest.Token(t, author)}}
}

const onePost = "/api/collections/posts/records/post00000000007"

// ask has the lane answer, or says so if it did not.
func (w *world) mustServe(t *testing.T, address string, header http.Header, served bool) answer {
	t.Helper()
	before := w.plugin.Stats().Served
	got := w.ask(false, address, header)
	if did := w.plugin.Stats().Served > before; did != served {
		t.Errorf("GET %s: served by the lane is %v, want %v", address, did, served)
	}
	return got
}

// TestRevokedTokens changes what a token's validity rests on, in every way there is,
// and expects that the next request knows.
func TestRevokedTokens(t *testing.T) {
	t.Parallel()
	for name, revoke := range map[string]func(app core.App, author *core.Record) error{
		"another password": func(app core.App, author *core.Record) error {
			author.SetPassword("another password of theirs")
			return app.Save(author)
		},
		"SQL": func(app core.App, author *core.Record) error {
			_, err := app.NonconcurrentDB().Update("users", dbx.Params{"tokenKey": strings.Repeat("x", 50)}, dbx.HashExp{"id": author.Id}).Execute()
			return err
		},
		"SQL of another process": func(app core.App, author *core.Record) error {
			other, err := sql.Open("sqlite", filepath.Join(app.DataDir(), "data.db")+"?_pragma=busy_timeout(60000)")
			if err != nil {
				return err
			}
			defer other.Close()
			_, err = other.Exec("UPDATE users SET tokenKey = 'another' WHERE id = ?", author.Id)
			return err
		},
		// not by PocketBase, which looks for files of theirs while the test is cleaned up
		"the account is gone": func(app core.App, author *core.Record) error {
			_, err := app.NonconcurrentDB().Delete("users", dbx.HashExp{"id": author.Id}).Execute()
			return err
		},
		"the collection has another secret": func(app core.App, author *core.Record) error {
			c, err := app.FindCollectionByNameOrId("users")
			if err != nil {
				return err
			}
			c.AuthToken.Secret = strings.Repeat("s", 50)
			return app.Save(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, author, signedIn := newPosts(t)
			for range 2 {
				if got := w.mustServe(t, onePost, signedIn, true); got.status != http.StatusOK {
					t.Fatalf("before: status %d, want 200", got.status)
				}
			}
			if err := revoke(w.app, author); err != nil {
				t.Fatal(err)
			}
			if got := w.ask(false, onePost, signedIn); got.status != http.StatusNotFound {
				t.Errorf("after: status %d, want 404", got.status)
			}
		})
	}
}

// TestTokensEnd signs in for a moment.
func TestTokensEnd(t *testing.T) {
	t.Parallel()
	w, author, _ := newPosts(t)
	token, err := author.NewStaticAuthToken(2 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	signedIn := http.Header{"Authorization": {token}}
	w.ask(false, onePost, signedIn)
	pbtest.Eventually(t, time.Minute, func() error {
		if got := w.ask(false, onePost, signedIn); got.status != http.StatusNotFound {
			return fmt.Errorf("status %d, want 404", got.status)
		}
		return nil
	})
}

// TestChangedRecordOfCaller is a handler that changes the caller's record. The next
// request has it as it is in the database.
func TestChangedRecordOfCaller(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newPosts(t)
	var names []string
	w.app.OnRecordViewRequest("posts").BindFunc(func(e *core.RecordRequestEvent) error {
		names = append(names, e.Auth.GetString("name"))
		e.Auth.Set("name", "changed")
		return e.Next()
	})
	for range 3 {
		w.ask(false, onePost, signedIn)
	}
	if got := strings.Join(names, " "); got != "Author Author Author" {
		t.Errorf("handlers saw the names %q", got)
	}
}

// TestHandedOn names what the lane leaves to PocketBase though nothing else would
// tell: answers would be the same.
func TestHandedOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(w *world) error
		address string
	}{
		"a handler": {address: onePost, prepare: func(w *world) error {
			w.app.OnRecordViewRequest("others").Bind(&hook.Handler[*core.RecordRequestEvent]{Func: func(e *core.RecordRequestEvent) error { return e.Next() }})
			return nil
		}},
		"an unknown parameter": {address: onePost + "?unknown=1"},
		"a random sort":        {address: "/api/collections/posts/records?sort=@random"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, signedIn := newPosts(t)
			if got := w.mustServe(t, onePost, signedIn, true); got.status != http.StatusOK {
				t.Fatalf("before: status %d", got.status)
			}
			if c.prepare != nil {
				if err := c.prepare(w); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.mustServe(t, c.address, signedIn, false); got.status != http.StatusOK {
				t.Errorf("status %d, want 200", got.status)
			}
		})
	}
}

// TestNumbersAfterNames has a number where there should be an operator. The lane reads
// numbers apart from the filter, which must not make a name of both: whoever looks at
// filters before, such as package filterguard, lets pass what does not parse.
func TestNumbersAfterNames(t *testing.T) {
	t.Parallel()
	w := newRandomWorld(t, rand.New(rand.NewPCG(1, 1)), plainRules)
	for _, filter := range []string{"data.x-5!=1", "data.-5!=1", "data.x-5!=1&&title!='a'", "(data.x-5!=1)", "place.x-5!=1", "data.x -5!=1", "'a'-5!=1", "data.x'a'!=1"} {
		address := "/api/collections/things/records?filter=" + url.QueryEscape(filter)
		if difference := w.compare(address, nil); difference != "" {
			t.Error(difference)
		}
		if got := w.ask(false, address, nil); got.status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", filter, got.status)
		}
	}
}

// TestRateLimits has the lane and PocketBase use up one limit together.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ label, address string }{
		{"posts:view", onePost}, {"*:list", "/api/collections/posts/records"}, {"/api/", "/api/collections/posts/records?sort=-created"},
	} {
		t.Run(c.label, func(t *testing.T) {
			t.Parallel()
			w, _, signedIn := newPosts(t)
			limits := &w.app.Settings().RateLimits
			limits.Enabled, limits.Rules = true, []core.RateLimitRule{{Label: c.label, MaxRequests: 4, Duration: 3600}}
			w.fixed = true
			for n, stock := range []bool{false, true, true, false} {
				if got := w.ask(stock, c.address, signedIn); got.status != http.StatusOK {
					t.Fatalf("request %d: status %d, want 200", n, got.status)
				}
			}
			if difference := w.compare(c.address, signedIn); difference != "" {
				t.Error(difference)
			}
			if got := w.ask(false, c.address, signedIn); got.status != http.StatusTooManyRequests {
				t.Errorf("one too many: status %d, want 429", got.status)
			}
			before := w.plugin.Stats().HandedOn[fastlane.ReasonLimited]
			if got := w.ask(false, c.address, signedIn); got.status != http.StatusTooManyRequests || w.plugin.Stats().HandedOn[fastlane.ReasonLimited] != before+1 {
				t.Errorf("one more: status %d, want 429, and that no query was made for it", got.status)
			}
		})
	}
}

// TestExplain reads what it says of some requests.
func TestExplain(t *testing.T) {
	t.Parallel()
	w, _, _ := newPosts(t)
	for request, want := range map[string]fastlane.Reason{
		"GET " + onePost: "",
		"GET /api/collections/posts/records?sort=-created":                       "",
		"get /api/collections/posts/records?filter=(likes>5 %26%26 title ~ 'x')": "",
		"POST /api/collections/posts/records":                                    fastlane.ReasonLocked,
		"POST /api/collections/notes/records":                                    fastlane.ReasonUnknown,
		"GET /api/health":                                                        fastlane.ReasonRoute,
		"HEAD " + onePost:                                                        fastlane.ReasonMethod,
		"GET /api/collections/posts/records?sort=@random":                        fastlane.ReasonSort,
		"GET /api/collections/posts/records?expand=author":                       "",
		"GET /api/collections/posts/records?expand=author.x":                     fastlane.ReasonExpand,
		"GET /api/collections/nothing/records":                                   fastlane.ReasonUnknown,
		"GET /api/collections/posts/records?filter=unknown=1":                    fastlane.ReasonRefused,
	} {
		got, err := w.plugin.Explain(request, "users")
		if err != nil || got.Reason != want {
			t.Errorf("%s: got %q, %v, want %q", request, got.Reason, err, want)
		}
		if got.Served() != (got.Query != "") {
			t.Errorf("%s: served is %v with the query %q", request, got.Served(), got.Query)
		}
	}
	for _, request := range []string{"", "GET", "GET api", "GET /\x00", "POST /api/batch"} {
		if _, err := w.plugin.Explain(request, ""); err == nil {
			t.Errorf("%q is explained", request)
		}
	}
	if _, err := w.plugin.Explain("GET "+onePost, "posts"); err == nil {
		t.Error("posts sign in")
	}
}

// TestPlansAreBounded asks in more ways than are kept.
func TestPlansAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(app core.App) error { return manyPosts(app, 5) }, fastlane.Config{Plans: 3, Callers: 1})
	random := rand.New(rand.NewPCG(1, 1))
	for n := range 50 {
		address := fmt.Sprintf("/api/collections/posts/records?perPage=%d", 1+random.IntN(20))
		if difference := w.compare(address, nil); difference != "" {
			t.Fatalf("request %d: %s", n, difference)
		}
	}
	if got := w.plugin.Plans(); got > 3 {
		t.Errorf("%d plans are kept, want 3 at most", got)
	}
}

// TestJSON compares texts and numbers with encoding/json.
func TestJSON(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		raw := make([]byte, random.IntN(12))
		for i := range raw {
			raw[i] = pickFrom(random, []byte{'a', '"', '\\', '<', '&', 0x7f, 0xe2, 0x80, 0xa8, 0xa9, 0xc3, 0xa9, 0xff, 0, 0x1f, '\n', '\b', byte(random.IntN(256))})
		}
		want, _ := json.Marshal(string(raw))
		if got := fastlane.AppendString(nil, string(raw)); string(got) != string(want) {
			t.Fatalf("%q: got %s, want %s", raw, got, want)
		}
		number := pickFrom(random, []float64{random.NormFloat64(), float64(random.Int64()), random.ExpFloat64() * 1e-9, random.Float64() * 1e25, -float64(random.IntN(100)), 1e21, 1e-6, 0})
		want, _ = json.Marshal(number)
		if got := fastlane.AppendNumber(nil, number); string(got) != string(want) {
			t.Fatalf("%v: got %s, want %s", number, got, want)
		}
	}
}
