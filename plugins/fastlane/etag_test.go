package fastlane_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// newTaggedPosts is a world of posts whose answers have tags, in front of the router or
// behind.
func newTaggedPosts(t *testing.T, front bool, config fastlane.Config) (w *world, signedIn http.Header) {
	t.Helper()
	config.ETags = true
	w = newIdleWorld(t, func(app core.App) error { return manyPosts(app, 50) }, config)
	if front {
		w.handler = serverHandler(t, w.app)
	} else {
		w.app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "ofTheTest", Func: pass})
			return e.Next()
		})
		w.handler = serverHandler(t, w.app)
	}
	if at := w.plugin.Placement(); at.Front != front {
		t.Fatalf("in front is %v: %s", at.Front, at.Because)
	}
	_, signedIn = signIn(t, w)
	w.ask(false, onePost, signedIn) // so that the token is known
	return w, signedIn
}

// exchange sends a request and returns the answer with its header.
func (w *world) exchange(address string, header http.Header, more ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.Header = header.Clone()
	for i := 0; i < len(more); i += 2 {
		r.Header.Add(more[i], more[i+1])
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer.Result()
}

func etagOf(r *http.Response) string { return r.Header.Get("Etag") }

// TestETags asks with tags and without, in both places, with the cache and without it.
func TestETags(t *testing.T) {
	t.Parallel()
	for _, front := range []bool{true, false} {
		for _, config := range []fastlane.Config{{}, kept} {
			t.Run(fmt.Sprintf("front %v, cache %v", front, config.CacheBytes > 0), func(t *testing.T) {
				t.Parallel()
				w, signedIn := newTaggedPosts(t, front, config)
				for _, address := range []string{onePost, postsList, postsList + "?filter=likes>3&sort=-likes&perPage=5", onePost + "?expand=author&fields=id,expand.author.name"} {
					w.conditional(t, address, signedIn)
				}
				before := etagOf(w.exchange(onePost, signedIn))
				if err := execute(w.app, true, "UPDATE posts SET title = 'changed'"); err != nil {
					t.Fatal(err)
				}
				if got := w.exchange(onePost, signedIn, "If-None-Match", before); got.StatusCode != http.StatusOK || etagOf(got) == before {
					t.Errorf("after a change: status %d with the tag %s", got.StatusCode, etagOf(got))
				}
			})
		}
	}
}

// conditional asks for one address in all ways.
func (w *world) conditional(t *testing.T, address string, signedIn http.Header) {
	t.Helper()
	stock := w.ask(true, address, signedIn)
	for range 4 {
		first := w.exchange(address, signedIn)
		tag, length := etagOf(first), first.Header.Get("Content-Length")
		if want := fastlane.TagOf([]byte(stock.body)); tag != want || first.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d with the tag %s, want %s", address, first.StatusCode, tag, want)
		}
		for known, status := range map[string]int{
			tag: 304, "W/" + tag: 304, "*": 304, `"other"`: 200, `"other", ` + tag: 304, strings.Trim(tag, `"`): 200, "": 200,
		} {
			got := w.exchange(address, signedIn, "If-None-Match", known)
			if got.StatusCode != status {
				t.Errorf("%s with %s: status %d, want %d", address, known, got.StatusCode, status)
			}
			if status != http.StatusNotModified {
				continue
			}
			if n, _ := got.Body.Read(make([]byte, 1)); n > 0 || got.Header.Get("Content-Type") != "" || got.Header.Get("Content-Length") != "" {
				t.Errorf("%s with %s: there is a body, or its headers: %v", address, known, got.Header)
			}
			got.Header.Set("Content-Type", "application/json")
			if length != "" {
				got.Header.Set("Content-Length", length)
			}
			if fmt.Sprint(got.Header) != fmt.Sprint(first.Header) {
				t.Errorf("%s: 304 has the headers %v, 200 has %v", address, got.Header, first.Header)
			}
		}
	}
}

// TestNoETags asks for what has none.
func TestNoETags(t *testing.T) {
	t.Parallel()
	for _, front := range []bool{true, false} {
		w, signedIn := newTaggedPosts(t, front, fastlane.Config{})
		for address, status := range map[string]int{
			"/api/collections/posts/records/none": 404, postsList + "?sort=@random": 200, postsList + "?filter=unknown=1": 400, "/api/health": 200,
		} {
			if got := w.exchange(address, signedIn, "If-None-Match", "*"); got.StatusCode != status || etagOf(got) != "" {
				t.Errorf("%s: status %d with the tag %q, want %d without", address, got.StatusCode, etagOf(got), status)
			}
		}
		if got := w.exchange(onePost, http.Header{}, "If-None-Match", "*"); got.StatusCode != http.StatusNotFound {
			t.Errorf("a guest: status %d, want 404", got.StatusCode)
		}
	}
	w, signedIn := newKeptPosts(t, kept)
	for range 4 {
		if got := w.exchange(postsList, signedIn, "If-None-Match", "*"); got.StatusCode != http.StatusOK || etagOf(got) != "" {
			t.Errorf("without tags: status %d with the tag %q", got.StatusCode, etagOf(got))
		}
	}
}

// TestETagsOfOthers has middlewares that tag and compress answers.
func TestETagsOfOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bound *hook.Handler[*core.RequestEvent]
		tag   *regexp.Regexp
		again int
	}{
		"a tag": {&hook.Handler[*core.RequestEvent]{Id: "ofTheTest", Func: func(e *core.RequestEvent) error {
			e.Response.Header().Set("ETag", `"of-another"`)
			return e.Next()
		}}, regexp.MustCompile(`^"of-another"$`), http.StatusOK},
		"compression": {apis.Gzip(), regexp.MustCompile(`^W/"[\w-]{22}"$`), http.StatusNotModified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newIdleWorld(t, func(app core.App) error { return manyPosts(app, 50) }, fastlane.Config{ETags: true})
			w.app.OnServe().BindFunc(func(e *core.ServeEvent) error {
				e.Router.Bind(c.bound)
				return e.Next()
			})
			w.handler = serverHandler(t, w.app)
			_, signedIn := signIn(t, w)
			got := w.exchange(onePost, signedIn, "Accept-Encoding", "gzip")
			if tag := etagOf(got); !c.tag.MatchString(tag) {
				t.Errorf("the tag is %s", tag)
			}
			again := w.exchange(onePost, signedIn, "Accept-Encoding", "gzip", "If-None-Match", etagOf(got))
			if n, _ := again.Body.Read(make([]byte, 1)); again.StatusCode != c.again || (n > 0) == (c.again == http.StatusNotModified) {
				t.Errorf("asked again: status %d, want %d", again.StatusCode, c.again)
			}
		})
	}
}

// TestETagsOfOrigins lets scripts of other origins read the tag.
func TestETagsOfOrigins(t *testing.T) {
	t.Parallel()
	for _, front := range []bool{true, false} {
		w, signedIn := newTaggedPosts(t, front, fastlane.Config{})
		for _, more := range [][]string{{"Origin", "https://app.example.com"}, {"Origin", "https://app.example.com", "If-None-Match", "*"}} {
			got := w.exchange(onePost, signedIn, more...)
			if got.Header.Get("Access-Control-Expose-Headers") != "ETag" || got.Header.Get("Access-Control-Allow-Origin") == "" || etagOf(got) == "" {
				t.Errorf("front %v: %d with %v", front, got.StatusCode, got.Header)
			}
		}
		if got := w.exchange(onePost, signedIn); got.Header.Get("Access-Control-Expose-Headers") != "" {
			t.Errorf("without an origin: %v", got.Header)
		}
	}
}

// TestETagsAreCharged uses a rate limit up by answers without a body.
func TestETagsAreCharged(t *testing.T) {
	t.Parallel()
	w, signedIn := newTaggedPosts(t, false, kept)
	limits := &w.app.Settings().RateLimits
	limits.Enabled, limits.Rules = true, []core.RateLimitRule{{Label: "posts:view", MaxRequests: 4, Duration: 3600}}
	for n, want := range []int{304, 304, 304, 304, 429} {
		if got := w.exchange(onePost, signedIn, "If-None-Match", "*"); got.StatusCode != want {
			t.Errorf("request %d: status %d, want %d", n, got.StatusCode, want)
		}
	}
}

var tagPattern = regexp.MustCompile(`^(W/)?("[^\x00-\x20"\x7f]*")[ \t]*(,|$)`)

// matchesSlowly reads If-None-Match by a pattern.
func matchesSlowly(value, tag string) bool {
	if strings.Trim(value, " \t") == "*" {
		return true
	}
	for {
		value = strings.TrimLeft(value, " \t,")
		found := tagPattern.FindStringSubmatch(value)
		if found == nil {
			return false
		}
		if found[2] == tag {
			return true
		}
		value = value[len(found[0]):]
	}
}

// FuzzIfNoneMatch compares what is read with what a pattern reads.
func FuzzIfNoneMatch(f *testing.F) {
	for _, value := range []string{
		``, `*`, ` * `, `"a"`, `W/"a"`, `w/"a"`, `"b","a"`, `"b" "a"`, `,, "a" ,`, `"a`, `a"`, `"b, "a"`, `"b,"a"`, `W/ "a"`, `*, "a"`, `"*"`, "\"b\x7f\", \"a\"", "\"\xff\",\"a\"", `""`, `W/`, `"a"x`,
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, tag := range []string{`"a"`, `"*"`, `""`} {
			want := matchesSlowly(value, tag)
			if got := fastlane.Matches([]string{value}, tag); got != want {
				t.Errorf("%q among %q: got %v, want %v", tag, value, got, want)
			}
			if got := fastlane.Matches([]string{value}, "W/"+tag); got != want {
				t.Errorf("a weak %q among %q: got %v, want %v", tag, value, got, want)
			}
			if got := fastlane.Matches(strings.Split(value, ","), tag); got != want {
				t.Errorf("%q among the lines of %q: got %v, want %v", tag, value, got, want)
			}
		}
	})
}

// TestCacheReport has superusers see what is kept.
func TestCacheReport(t *testing.T) {
	t.Parallel()
	w, signedIn := newKeptPosts(t, kept)
	w.fill(t, postsList, signedIn)
	root := http.Header{"Authorization": {pbtest.Superuser(t, w.app)}}
	var report fastlane.Report
	if err := json.Unmarshal([]byte(w.ask(false, fastlane.Path, root).body), &report); err != nil {
		t.Fatal(err)
	}
	if got := report.Cache; got == nil || got.Limit != kept.CacheBytes {
		t.Errorf("the report has the cache %+v", got)
	}
	for _, of := range report.Actions {
		if want := map[string]uint64{"list": 1}[of.Action]; of.Kept != want {
			t.Errorf("%s: %d were kept, want %d", of.Action, of.Kept, want)
		}
	}
	if without, _ := newKeptPosts(t, fastlane.Config{}); without.plugin.CacheStats() != nil {
		t.Error("there is a cache that nobody wanted")
	}
}
