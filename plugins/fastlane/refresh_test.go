package fastlane_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// refresh renews a token, with the lane or without it.
func (w *world) refresh(stock bool, address, body string, header http.Header) answer {
	r := httptest.NewRequest(http.MethodPost, address, strings.NewReader(body))
	r.RemoteAddr = pickAddress(w.client)
	for name, values := range header {
		r.Header[name] = values
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if stock {
		r = r.WithContext(stockContext)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return answer{rec.Code, fmt.Sprint(rec.Result().Header), rec.Body.String()}
}

// pickAddress is another client's for each number, so that no rate limit counts them
// together.
func pickAddress(n int) string {
	return fmt.Sprintf("10.%d.%d.%d:1000", n>>16&255, n>>8&255, n&255)
}

// tokenOf takes the token out of an answer.
func tokenOf(tb testing.TB, a answer) (token string, rest answer) {
	tb.Helper()
	var body struct{ Token string }
	if a.status == http.StatusOK {
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			tb.Fatalf("%v: %s", err, a.body)
		}
		if body.Token != "" {
			a.body = strings.Replace(a.body, body.Token, "TOKEN", 1)
		}
	}
	return body.Token, a
}

// sameToken returns how two tokens differ apart from the second in which they were
// made, "" if they do not. Both have to sign the same account in.
func (w *world) sameToken(tb testing.TB, got, want string) string {
	tb.Helper()
	if got == want {
		return ""
	}
	read := func(token string) (claims map[string]any, ends float64) {
		if _, err := w.app.FindAuthRecordByToken(token, core.TokenTypeAuth); err != nil {
			tb.Fatalf("a token that was handed out does not sign in: %v", err)
		}
		claims, err := security.ParseUnverifiedJWT(token)
		if err != nil {
			tb.Fatal(err)
		}
		ends, _ = claims["exp"].(float64)
		delete(claims, "exp")
		return claims, ends
	}
	gotClaims, gotEnd := read(got)
	wantClaims, wantEnd := read(want)
	if fmt.Sprint(gotClaims) != fmt.Sprint(wantClaims) || math.Abs(gotEnd-wantEnd) > 120 {
		return fmt.Sprintf("%v until %v, want %v until %v", gotClaims, gotEnd, wantClaims, wantEnd)
	}
	return ""
}

// TestSameRefresh renews tokens of every kind, while rules, accounts and handlers
// change.
func TestSameRefresh(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 13))
	w := newRandomWorld(t, random, plainRules)
	person, err := w.app.FindRecordById("users", "users0000000000")
	if err != nil {
		t.Fatal(err)
	}
	static, err := person.NewStaticAuthToken(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.tokens = append(w.tokens, static, "bearer "+static)
	renewed := 0
	for n := range max(*requests/2, 200) {
		if n%40 == 39 {
			w.edit(t, random)
			w.editAuthRule(t, random)
			w.renewTokens(t)
		}
		collection := pickFrom(random, []string{"users", "users", "users", "staff", "Users", "things", "_superusers", "nothing"})
		query := pickFrom(random, []string{"", "", "", "", "", "", "?fields=token", "?fields=record.id,token", "?expand=x", "?fields=record.name:excerpt(2)"})
		body := pickFrom(random, []string{"", "", "", "", "{}", "{}", `{"a":1}`, "{"})
		address, header := "/api/collections/"+collection+"/auth-refresh"+query, w.caller(random)
		w.client++
		wantToken, want := tokenOf(t, w.refresh(true, address, body, header))
		gotToken, got := tokenOf(t, w.refresh(false, address, body, header))
		if got != want {
			t.Fatalf("seed %d, request %d: POST %s %s with %.40v\ngot  %v\nwant %v", *seed, n, address, body, header, got, want)
		}
		if difference := w.sameToken(t, gotToken, wantToken); difference != "" {
			t.Fatalf("seed %d, request %d: %s", *seed, n, difference)
		}
		if got.status == http.StatusOK {
			renewed++
		}
	}
	if renewed < 30 {
		t.Errorf("only %d tokens were renewed", renewed)
	}
	of := w.refreshes()
	t.Logf("%d of %d renewed, %d of all requests served, handed on: %v", renewed, max(*requests/2, 200), of.Served, of.HandedOn)
	if of.Served < uint64(renewed/8) {
		t.Errorf("only %d of %d tokens were renewed by the lane", of.Served, renewed)
	}
}

func (w *world) mustFind(t *testing.T, collection, id string) *core.Record {
	t.Helper()
	record, err := w.app.FindRecordById(collection, id)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// refreshes are the counts of renewed tokens.
func (w *world) refreshes() fastlane.ActionStats {
	all := w.plugin.Stats().Actions
	return all[slices.IndexFunc(all, func(a fastlane.ActionStats) bool { return a.Action == "refresh" })]
}

// TestServedRefresh names what decides who renews a token, and compares the answers.
func TestServedRefresh(t *testing.T) {
	t.Parallel()
	onRefresh := func(w *world) {
		w.app.OnRecordAuthRefreshRequest("users").BindFunc(func(e *core.RecordAuthRefreshRequestEvent) error { return e.Next() })
	}
	onSignIn := func(w *world) {
		w.app.OnRecordAuthRequest("staff").BindFunc(func(e *core.RecordAuthRequestEvent) error { return e.Next() })
	}
	onEnrich := func(w *world) {
		w.app.OnRecordEnrich("posts").BindFunc(func(e *core.RecordEnrichEvent) error { return e.Next() })
	}
	rule := func(rule *string) func(*world) {
		return func(w *world) {
			users, err := w.app.FindCollectionByNameOrId("users")
			if err == nil {
				users.AuthRule = rule
				err = w.app.Save(users)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(w *world)
		query  string
		body   string
		static bool // a token that may not be renewed
		code   string
		status int
	}{
		"nothing":                       {status: 200},
		"an empty object":               {body: "{}", status: 200},
		"spaces":                        {body: " {}\n ", status: 200},
		"spaces within":                 {body: "{ }", code: "body", status: 200},
		"a body":                        {body: `{"a":1}`, code: "body", status: 200},
		"a body that is none":           {body: "{", code: "body", status: 400},
		"a query":                       {query: "?fields=token", code: "parameter", status: 200},
		"a token that stays":            {static: true, status: 200},
		"a handler of refreshes":        {change: onRefresh, code: "auth_hook", status: 200},
		"a handler of sign-ins":         {change: onSignIn, code: "auth_hook", status: 200},
		"a handler of all that is seen": {change: onEnrich, code: "enrich_hook", status: 200},
		"a rule that holds":             {change: rule(text("id != ''")), code: "auth_rule", status: 200},
		"a rule that does not":          {change: rule(text("verified = true && id = ''")), code: "auth_rule", status: 403},
		"nobody may sign in":            {change: rule(nil), code: "auth_rule", status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, author, signedIn := newPosts(t)
			if c.static {
				token, err := author.NewStaticAuthToken(time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				signedIn.Set("Authorization", "Bearer "+token)
			}
			if c.change != nil {
				c.change(w)
				signedIn.Set("Authorization", pbtest.Token(t, w.mustFind(t, "users", author.Id))) // a stricter rule ends all tokens
			}
			address := "/api/collections/users/auth-refresh" + c.query
			wantToken, want := tokenOf(t, w.refresh(true, address, c.body, signedIn))
			gotToken, got := tokenOf(t, w.refresh(false, address, c.body, signedIn))
			if got != want || got.status != c.status {
				t.Errorf("got  %v\nwant %v, with status %d", got, want, c.status)
			}
			if difference := w.sameToken(t, gotToken, wantToken); difference != "" {
				t.Error(difference)
			}
			of := w.refreshes()
			if c.code == "" && of.Served != 1 || c.code != "" && (of.Served != 0 || len(of.HandedOn) != 1 || of.HandedOn[0].Code != c.code) {
				t.Errorf("got %+v, want it handed on for %q", of, c.code)
			}
			if sent := signedIn.Get("Authorization"); c.static && sent != "Bearer "+gotToken {
				t.Errorf("a token that may not be renewed: got another one")
			}
		})
	}
}

// TestRefreshOfOthers asks for the token of another collection, and without one.
func TestRefreshOfOthers(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newPosts(t)
	for address, header := range map[string]http.Header{
		"/api/collections/users/auth-refresh":       {},
		"/api/collections/posts/auth-refresh":       signedIn,
		"/api/collections/_superusers/auth-refresh": signedIn,
		"/api/collections/none/auth-refresh":        signedIn,
	} {
		want, got := w.refresh(true, address, "", header), w.refresh(false, address, "", header)
		if got != want || got.status == http.StatusOK {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	if of := w.refreshes(); of.Served != 0 {
		t.Errorf("%d served", of.Served)
	}
}

func (w *world) editAuthRule(t *testing.T, random *rand.Rand) {
	t.Helper()
	users, err := w.app.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	users.AuthRule = pickFrom(random, []*string{text(""), text("verified = true"), text("@request.body.a = 1"), nil})
	if err := w.app.Save(users); err != nil {
		t.Fatal(err)
	}
}

// TestSavedCaller has a handler save the record that it gets, for several requests
// with one token at once: each has a record of its own.
func TestSavedCaller(t *testing.T) {
	t.Parallel()
	w, author, signedIn := newPosts(t)
	w.app.OnRecordAuthRequest().BindFunc(func(e *core.RecordAuthRequestEvent) error {
		e.Record.Set("name", "Renewed")
		if err := e.App.SaveNoValidate(e.Record); err != nil {
			return err
		}
		return e.Next()
	})
	renew := func() {
		if got := w.refresh(false, "/api/collections/users/auth-refresh", "", signedIn); got.status != http.StatusOK {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	}
	renew() // alone: PocketBase's auth middleware keeps its parameter's name without a lock
	var asked sync.WaitGroup
	for range 4 {
		asked.Go(func() {
			for range 3 {
				renew()
			}
		})
	}
	asked.Wait()
	saved, err := w.app.FindRecordById("users", author.Id)
	if err != nil || saved.GetString("name") != "Renewed" || saved.GetString("password:hash") != author.GetString("password:hash") {
		t.Errorf("the account is %v, %v", saved, err)
	}
}

// BenchmarkRefresh compares the processor's time of renewing a token.
func BenchmarkRefresh(b *testing.B) {
	w := newWorld(b, func(app core.App) error { return manyPosts(app, 100) }, fastlane.Config{})
	author, err := w.app.FindRecordById("users", "author000000000")
	if err != nil {
		b.Fatal(err)
	}
	w.compete(b, http.MethodPost, "/api/collections/users/auth-refresh", http.Header{"Authorization": {pbtest.Token(b, author)}})
}
