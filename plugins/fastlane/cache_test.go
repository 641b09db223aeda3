package fastlane_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// kept is a cache that has room for all that a test asks for.
var kept = fastlane.Config{CacheBytes: 8 << 20}

const postsList = "/api/collections/posts/records"

// newKeptPosts is newPosts with a cache, in which each sees what is theirs.
func newKeptPosts(tb testing.TB, config fastlane.Config) (w *world, signedIn http.Header) {
	tb.Helper()
	w = newWorld(tb, func(app core.App) error {
		if err := manyPosts(app, 60); err != nil {
			return err
		}
		posts, err := app.FindCollectionByNameOrId("posts")
		if err != nil {
			return err
		}
		posts.ListRule = text("author = @request.auth.id || likes > 30")
		posts.ViewRule = posts.ListRule
		return app.Save(posts)
	}, config)
	return signIn(tb, w)
}

// fill asks until the answer is given from the cache.
func (w *world) fill(tb testing.TB, address string, caller http.Header) {
	tb.Helper()
	before := w.plugin.Stats().Kept
	for range 10 { // the third one, unless somebody moves the log just then
		w.ask(false, address, caller)
		if w.plugin.Stats().Kept > before {
			return
		}
	}
	tb.Fatalf("GET %s: none of 10 answers was kept", address)
}

// execute runs SQL by the app, or by a connection that it knows nothing of.
func execute(app core.App, elsewhere bool, text string) error {
	if !elsewhere {
		_, err := app.NonconcurrentDB().NewQuery(text).Execute()
		return err
	}
	return executeIn(filepath.Join(app.DataDir(), "data.db"), text)
}

func executeIn(path, text string) error {
	other, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(60000)")
	if err != nil {
		return err
	}
	defer other.Close()
	_, err = other.Exec(text)
	return err
}

// TestKeptAnswers sends requests to the lane three times and more, and to PocketBase,
// while all changes that the answers depend on.
func TestKeptAnswers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 11))
	w := newKeptRandomWorld(t, random)
	for _, difference := range w.differKept(t, random, *requests/16, 5) {
		t.Errorf("seed %d: %s", *seed, difference)
	}
	stats := w.plugin.Stats()
	t.Logf("%d of %d served were kept", stats.Kept, stats.Served)
	if stats.Kept < uint64(*requests)/80 {
		t.Errorf("only %d of %d answers were kept ones", stats.Kept, stats.Served)
	}
}

func newKeptRandomWorld(tb testing.TB, random *rand.Rand) *world {
	tb.Helper()
	w := newIdleWorld(tb, func(app core.App) error {
		if err := makeCollections(app, rules); err != nil {
			return err
		}
		return fill(app, random, 40)
	}, kept)
	w.rules = rules
	w.findCallers(tb)
	w.handler = pbtest.Handler(tb, w.app)
	return w
}

// differKept makes so many random requests, or asks again as others, and returns up to
// limit of the differences.
func (w *world) differKept(tb testing.TB, random *rand.Rand, requests, limit int) (differences []string) {
	tb.Helper()
	type asked struct {
		address string
		caller  http.Header
	}
	var before []asked
	ask := func(r asked, times int) {
		want := w.ask(true, r.address, r.caller)
		for range times {
			if got := w.ask(false, r.address, r.caller); got != want {
				differences = append(differences, fmt.Sprintf("GET %s\nwith %.40v\ngot  %v\nwant %v", r.address, r.caller, got, want))
				return
			}
		}
	}
	for range requests {
		r := asked{randomAddress(random), w.caller(random)}
		for n := 0; n < 6 && w.ask(true, r.address, r.caller).status != http.StatusOK; n++ {
			r = asked{randomAddress(random), w.caller(random)}
		}
		if len(before) > 0 && random.IntN(3) == 0 {
			r.address = pickFrom(random, before).address
		}
		before = append(before, r)
		ask(r, 3)
		switch random.IntN(8) {
		case 0:
			w.edit(tb, random)
		case 1, 2:
			change := fmt.Sprintf("UPDATE %s SET title = title || '%d', state = 'open', done = NOT done", pickFrom(random, []string{"things", "ruled1", "ruled2", "ruled16"}), len(before))
			if err := execute(w.app, random.IntN(2) == 0, change); err != nil {
				tb.Fatal(err)
			}
		default:
			continue
		}
		ask(r, 1)
		ask(pickFrom(random, before), 1)
		if len(differences) >= limit {
			break
		}
	}
	return differences
}

// TestKeptAnswersEnd changes what an answer that is kept depends on, in every way there is,
// and expects that the next one is PocketBase's.
func TestKeptAnswersEnd(t *testing.T) {
	t.Parallel()
	editPosts := func(change func(*core.Collection)) func(core.App) error {
		return func(app core.App) error {
			c, err := app.FindCollectionByNameOrId("posts")
			if err != nil {
				return err
			}
			change(c)
			return app.Save(c)
		}
	}
	run := func(elsewhere bool, text string) func(core.App) error {
		return func(app core.App) error { return execute(app, elsewhere, text) }
	}
	const expanded = postsList + "?expand=author"
	for name, c := range map[string]struct {
		address string
		change  func(app core.App) error
		same    bool // the answer
	}{
		"nobody does":               {postsList, func(core.App) error { return nil }, true},
		"a row":                     {postsList, run(false, "UPDATE posts SET title = 'changed'"), false},
		"a row of a view":           {onePost, run(false, "UPDATE posts SET likes = 31, author = 'author000000000', title = 'changed'"), false},
		"a row, elsewhere":          {postsList, run(true, "UPDATE posts SET title = 'changed'"), false},
		"a related row, elsewhere":  {expanded, run(true, "UPDATE users SET name = 'changed'"), false},
		"a row that is not in it":   {postsList, run(true, "UPDATE users SET name = 'changed'"), true},
		"the rule":                  {postsList, editPosts(func(c *core.Collection) { c.ListRule = text("likes > 40") }), false},
		"the rule is for nobody":    {postsList, editPosts(func(c *core.Collection) { c.ListRule = nil }), false},
		"a field is hidden":         {postsList, editPosts(func(c *core.Collection) { c.Fields.GetByName("title").SetHidden(true) }), false},
		"a field has another name":  {postsList, editPosts(func(c *core.Collection) { c.Fields.GetByName("title").SetName("headline") }), false},
		"the token, elsewhere":      {postsList, run(true, "UPDATE users SET tokenKey = 'another' WHERE id = 'author000000000'"), false},
		"the account is gone":       {postsList, run(false, "DELETE FROM users WHERE id = 'author000000000'"), false},
		"a rule of the related one": {expanded, editCached("users", func(c *core.Collection) { c.ViewRule = nil }), false},
		"PocketBase's copy":         {postsList, editCached("posts", func(c *core.Collection) { c.ListRule = text("likes > 40") }), false},
		"a handler": {onePost, func(app core.App) error {
			app.OnRecordEnrich().Bind(&hook.Handler[*core.RecordEnrichEvent]{Func: func(e *core.RecordEnrichEvent) error {
				e.Record.Hide("title")
				return e.Next()
			}})
			return nil
		}, false},
		"a rate limit": {postsList, func(app core.App) error {
			limits := &app.Settings().RateLimits
			limits.Enabled, limits.Rules = true, []core.RateLimitRule{{Label: "posts:list", MaxRequests: 1, Duration: 3600}}
			return nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, signedIn := newKeptPosts(t, kept)
			w.fixed = true
			for _, change := range []string{"UPDATE posts SET author = 'author000000000' WHERE likes = 7", "UPDATE users SET emailVisibility = 1"} {
				if err := execute(w.app, false, change); err != nil {
					t.Fatal(err)
				}
			}
			w.fill(t, c.address, signedIn)
			old := w.ask(false, c.address, signedIn)
			if old.status != http.StatusOK {
				t.Fatalf("before: status %d: %s", old.status, old.body)
			}
			if err := c.change(w.app); err != nil {
				t.Fatal(err)
			}
			if limits := w.app.Settings().RateLimits; limits.Enabled {
				w.ask(false, c.address, signedIn) // which uses it up
			}
			got := w.ask(false, c.address, signedIn)
			if difference := w.compare(c.address, signedIn); difference != "" {
				t.Error(difference)
			}
			if (got == old) != c.same {
				t.Errorf("the answer is the same: %v, want %v", got == old, c.same)
			}
		})
	}
}

// editCached changes PocketBase's own copy of a collection, as programs should not.
func editCached(name string, change func(*core.Collection)) func(core.App) error {
	return func(app core.App) error {
		c, err := app.FindCachedCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		change(c)
		return nil
	}
}

// TestKeptStates has another connection write.
func TestKeptStates(t *testing.T) {
	t.Parallel()
	for mistake, want := range map[string]bool{"": true, fastlane.AnyState: false} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			w, signedIn := newKeptPosts(t, kept)
			w.plugin.BreakCache(mistake)
			w.fill(t, postsList, signedIn)
			if err := execute(w.app, true, "UPDATE posts SET title = 'changed'"); err != nil {
				t.Fatal(err)
			}
			if difference := w.compare(postsList, signedIn); (difference == "") != want {
				t.Errorf("the answer is right: %v, want %v: %s", difference == "", want, difference)
			}
		})
	}
}

// TestKeptForOneCaller has two callers, and guests, ask for the same, of which they see
// different parts.
func TestKeptForOneCaller(t *testing.T) {
	t.Parallel()
	for mistake, want := range map[string]bool{"": true, fastlane.AnyCaller: false} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			w, first := newKeptPosts(t, kept)
			w.plugin.BreakCache(mistake)
			other, token := pbtest.User(t, w.app, "users", nil)
			if err := execute(w.app, false, "UPDATE posts SET author = '"+other.Id+"' WHERE likes < 10"); err != nil {
				t.Fatal(err)
			}
			var differences []string
			for range 4 {
				for _, caller := range []http.Header{first, {"Authorization": {token}}, nil, {"Authorization": {"garbage"}}} {
					if difference := w.compare(postsList+"?perPage=100", caller); difference != "" {
						differences = append(differences, difference)
					}
				}
			}
			if (len(differences) == 0) != want {
				t.Errorf("answers are right: %v, want %v: %.600v", len(differences) == 0, want, differences)
			}
			if got := w.plugin.Stats().Kept; got < 8 {
				t.Errorf("%d answers were kept ones, want those of the third and fourth time", got)
			}
		})
	}
}

// TestKeptPlans has another process change a rule behind PocketBase's back, which hears of
// it without a commit.
func TestKeptPlans(t *testing.T) {
	t.Parallel()
	for mistake, want := range map[string]bool{"": true, fastlane.AnyPlan: false} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			w, signedIn := newKeptPosts(t, kept)
			w.plugin.BreakCache(mistake)
			if err := execute(w.app, true, "UPDATE _collections SET listRule = 'likes > 50' WHERE name = 'posts'"); err != nil {
				t.Fatal(err)
			}
			w.fill(t, postsList, signedIn)
			if err := w.app.ReloadCachedCollections(); err != nil {
				t.Fatal(err)
			}
			if difference := w.compare(postsList, signedIn); (difference == "") != want {
				t.Errorf("the answer is right: %v, want %v: %s", difference == "", want, difference)
			}
		})
	}
}

// TestKeptTimes asks for what the time decides while it passes.
func TestKeptTimes(t *testing.T) {
	t.Parallel()
	for mistake, want := range map[string]bool{"": true, fastlane.AnyTime: false} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			w, signedIn := newKeptPosts(t, kept)
			if err := execute(w.app, false, "UPDATE posts SET author = 'author000000000'"); err != nil {
				t.Fatal(err)
			}
			w.plugin.BreakCache(mistake)
			address := postsList + "?perPage=1&filter=" + url.QueryEscape("likes <= @second")
			first, asked, wrong := w.ask(true, address, signedIn), 0, ""
			pbtest.Eventually(t, 2*time.Minute, func() error {
				before, got, after := w.ask(true, address, signedIn), w.ask(false, address, signedIn), w.ask(true, address, signedIn)
				switch {
				case before.body != after.body:
				case got.body != before.body:
					wrong = got.body
					return nil
				case before.body == first.body:
					asked++
				case asked > 3: // so that it would have been kept
					return nil
				default:
					first, asked = before, 1
				}
				return fmt.Errorf("no time has passed since %s", first.body)
			})
			if (wrong == "") != want {
				t.Errorf("answers are right: %v, want %v: %s", wrong == "", want, wrong)
			}
			if fresh := w.plugin.Stats().Kept == 0; fresh != want {
				t.Errorf("none was kept: %v, want %v", fresh, want)
			}
		})
	}
}

// TestFleeting reads queries.
func TestFleeting(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"SELECT DISTINCT `posts`.* FROM `posts` WHERE (`posts`.`likes` > ?) LIMIT 30 OFFSET ?":   false,
		"SELECT 1 FROM json_each(CASE WHEN iif(json_valid(`a`), json_type(`a`)='array', FALSE))": false,
		"SELECT LOWER(`a`) LIKE ('%' || `random(` || '%') ESCAPE '\\'":                           false,
		"SELECT 'it''s now() or never'":                           false,
		"SELECT (6371 * acos(cos(radians(1)) + sin(radians(2))))": false,
		"SELECT strftime('%Y', `a`)":                              true,
		"SELECT strftime ('%Y', `a`)":                             true,
		"SELECT date('now')":                                      true,
		"SELECT random()":                                         true,
		"SELECT 1 WHERE `a` < CURRENT_TIMESTAMP":                  true,
		"SELECT 1 WHERE `a` < current_date":                       true,
		"SELECT ofTheirOwn(`a`)":                                  true,
		"SELECT 1 -- (":                                           true,
		"SELECT 1 /* ' */":                                        true,
		"SELECT 'without an end":                                  true,
	} {
		if got := fastlane.Fleeting(text); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if !fastlane.FleetingWith("SELECT ?", "@now") {
		t.Error("what has the time among its arguments is not fleeting")
	}
}

// TestKeptRules asks under each rule whether its answers are kept.
func TestKeptRules(t *testing.T) {
	t.Parallel()
	w, signedIn := newKeptPosts(t, kept)
	if err := execute(w.app, false, "UPDATE posts SET author = 'author000000000'"); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]bool{
		"likes > 3": true, "author.name ~ 'Aut'": true, "author.created > '2020-01-01 00:00:00.000Z'": true, "title:lower ~ 'post'": true,
		"created < @now": false, "created < @todayEnd": false, "@year > 2000": false,
	} {
		address := postsList + "?filter=" + url.QueryEscape(filter)
		before := w.plugin.Stats()
		for range 4 {
			if difference := w.compare(address, signedIn); difference != "" {
				t.Error(difference)
			}
		}
		after := w.plugin.Stats()
		if after.Served != before.Served+4 || (after.Kept > before.Kept) != want {
			t.Errorf("%s: %d of %d served were kept, want any: %v", filter, after.Kept-before.Kept, after.Served-before.Served, want)
		}
	}
	rule := text("strftime('%Y', created) != '1990' && likes > 3")
	if err := editSaved(w.app, "posts", func(c *core.Collection) { c.ListRule = rule }); err != nil {
		t.Fatal(err)
	}
	before := w.plugin.Stats()
	for range 4 {
		if got := w.mustServe(t, postsList, signedIn, true); got.status != http.StatusOK {
			t.Errorf("status %d", got.status)
		}
	}
	if after := w.plugin.Stats(); after.Kept != before.Kept {
		t.Error("answers under a rule with strftime are kept")
	}
}

func editSaved(app core.App, name string, change func(*core.Collection)) error {
	c, err := app.FindCollectionByNameOrId(name)
	if err != nil {
		return err
	}
	change(c)
	return app.Save(c)
}

// TestKeptOnTheSecondTime counts what is kept.
func TestKeptOnTheSecondTime(t *testing.T) {
	t.Parallel()
	w, signedIn := newKeptPosts(t, kept)
	for range 2 {
		for n, want := range []struct {
			answers int
			given   uint64
		}{{0, 0}, {1, 0}, {1, 1}, {1, 1}} {
			before := w.plugin.Stats().Kept
			w.mustServe(t, postsList, signedIn, true)
			if got := w.plugin.CacheStats().Answers; got != want.answers {
				t.Errorf("time %d: %d answers are kept, want %d", n, got, want.answers)
			}
			if got := w.plugin.Stats().Kept - before; got != want.given {
				t.Errorf("time %d: %d answers were kept ones", n, got)
			}
		}
		if err := execute(w.app, true, "UPDATE users SET name = name || 'x'"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKeptBound asks for more than there is room for.
func TestKeptBound(t *testing.T) {
	t.Parallel()
	const room = 40_000
	w, signedIn := newKeptPosts(t, fastlane.Config{CacheBytes: room})
	if err := execute(w.app, false, "UPDATE posts SET author = 'author000000000'"); err != nil {
		t.Fatal(err)
	}
	recent := "/api/collections/posts/records/post00000000000"
	w.fill(t, recent, signedIn)
	for n := 1; n < 60; n++ {
		w.fill(t, fmt.Sprintf("/api/collections/posts/records/post%011d", n), signedIn)
		before := w.plugin.Stats().Kept
		w.ask(false, recent, signedIn)
		if got := w.plugin.CacheStats(); w.plugin.Stats().Kept != before+1 || got.Bytes > room {
			t.Fatalf("after %d: %+v, and what is always asked for is there: %v", n, got, w.plugin.Stats().Kept != before)
		}
	}
	if got := w.plugin.CacheStats(); got.Answers < 10 || got.Answers > 50 {
		t.Errorf("%d answers of 60 are kept", got.Answers)
	}
	before := w.plugin.CacheStats().Answers
	for range 3 {
		w.mustServe(t, postsList+"?perPage=60", signedIn, true) // more than its share
	}
	if got := w.plugin.CacheStats(); got.Answers != before {
		t.Errorf("a large answer is kept: %+v", got)
	}
}

// TestKeptWithoutStates has a database whose state is not known, as PocketBase has opened it.
func TestKeptWithoutStates(t *testing.T) {
	t.Parallel()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.ResetBootstrapState() })
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	app.Settings().Logs.MaxDays = 0
	if err := manyPosts(app, 5); err != nil {
		t.Fatal(err)
	}
	w := &world{app: app, plugin: fastlane.MustRegister(app, kept), handler: pbtest.Handler(t, app)}
	_, signedIn := signIn(t, w)
	for range 4 {
		w.mustServe(t, postsList, signedIn, true)
	}
	if got := w.plugin.CacheStats(); got.Answers != 0 || w.plugin.Stats().Kept != 0 {
		t.Errorf("something is kept: %+v", got)
	}
}

// TestKeptUnderLoad has one write while others read: nobody gets what was before a write
// that had ended when they asked.
func TestKeptUnderLoad(t *testing.T) {
	t.Parallel()
	w, signedIn := newKeptPosts(t, kept)
	if err := execute(w.app, false, "UPDATE posts SET likes = 100"); err != nil {
		t.Fatal(err)
	}
	const readers, writes = 3, 40
	var written atomic.Int64
	var ended atomic.Bool
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			for !ended.Load() {
				least := 100 + written.Load()
				if got := likes(w.handler, signedIn); got < least {
					t.Errorf("%d is read after %d was written", got, least)
					return
				}
			}
		})
	}
	defer all.Wait()
	defer ended.Store(true)
	for n := int64(1); n < writes; n++ {
		before := w.plugin.Stats().Kept
		if err := execute(w.app, n%4 == 0, fmt.Sprintf("UPDATE posts SET likes = %d", 100+n)); err != nil {
			t.Fatal(err)
		}
		written.Store(n)
		pbtest.Eventually(t, time.Minute, func() error {
			if w.plugin.Stats().Kept == before && !t.Failed() {
				return errors.New("nobody has got an answer that is kept")
			}
			return nil
		})
	}
}

// likes reads a number by the lane.
func likes(handler http.Handler, caller http.Header) (n int64) {
	r := httptest.NewRequest(http.MethodGet, onePost, nil)
	r.Header = caller
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	var record struct {
		Likes int64 `json:"likes"`
	}
	_ = json.Unmarshal(answer.Body.Bytes(), &record)
	return record.Likes
}

// sqlVariable has the process of [TestKeptAnswersOfTwoProcesses] run SQL.
const sqlVariable = "FASTLANE_TEST_SQL"

// TestOtherProcess does so, and is no test if nobody has asked for it.
func TestOtherProcess(t *testing.T) {
	t.Parallel()
	path, text, ok := strings.Cut(os.Getenv(sqlVariable), "|") //nolint:forbidigo // from the test that starts this process
	if !ok {
		return
	}
	if err := executeIn(path, text); err != nil {
		t.Fatal(err)
	}
}

// TestKeptAnswersOfTwoProcesses has another process write.
func TestKeptAnswersOfTwoProcesses(t *testing.T) {
	t.Parallel()
	w, signedIn := newKeptPosts(t, kept)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		w.fill(t, postsList, signedIn)
		if n == 1 { // an empty log looks like any other
			if err := execute(w.app, false, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				t.Fatal(err)
			}
			w.fill(t, postsList, signedIn)
		}
		other := exec.CommandContext(t.Context(), program, "-test.run=^TestOtherProcess$")
		other.Env = append(os.Environ(), sqlVariable+"="+filepath.Join(w.app.DataDir(), "data.db")+"|UPDATE posts SET title = title || 'x'") //nolint:forbidigo // of the process that this one starts
		if out, err := other.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if difference := w.compare(postsList, signedIn); difference != "" {
			t.Fatalf("time %d: %s", n, difference)
		}
	}
}

// BenchmarkKept is [BenchmarkRequests] with answers that are kept, and with tags.
func BenchmarkKept(b *testing.B) {
	for _, bench := range []struct {
		name   string
		config fastlane.Config
	}{{"neither", fastlane.Config{}}, {"kept", kept}, {"tagged", fastlane.Config{ETags: true}}} {
		w := newIdleWorld(b, func(app core.App) error { return manyPosts(app, 10_000) }, bench.config)
		w.handler, w.stock = serverHandler(b, w.app), serverHandler(b, bareApp(b, w.app))
		_, caller := signIn(b, w)
		b.Run(bench.name+"/view", func(b *testing.B) {
			w.compete(b, http.MethodGet, "/api/collections/posts/records/post00000005000", caller)
		})
		b.Run(bench.name+"/list30", func(b *testing.B) {
			w.compete(b, http.MethodGet, postsList+"?skipTotal=1&sort=-created", caller)
		})
	}
}
