package fastlane_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// cpu is the processor's time that the process has used.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// nobody takes answers and keeps nothing of them.
type nobody struct {
	header http.Header
	status int
}

func (n *nobody) Header() http.Header         { return n.header }
func (n *nobody) Write(b []byte) (int, error) { return len(b), nil }
func (n *nobody) WriteHeader(status int)      { n.status = status }

// BenchmarkRequests compares the processor's time of the lane and of PocketBase,
// one after the other in short turns, within a process and without a network.
func BenchmarkRequests(b *testing.B) {
	for _, front := range []bool{true, false} {
		b.Run(map[bool]string{true: "front", false: "behind"}[front], func(b *testing.B) { benchmarkRequests(b, front) })
	}
}

func benchmarkRequests(b *testing.B, front bool) {
	w := newIdleWorld(b, func(app core.App) error { return manyPosts(app, 100_000) }, fastlane.Config{Behind: !front})
	w.handler = serverHandler(b, w.app)
	if at := w.plugin.Placement(); at.Front != front {
		b.Fatal(at)
	}
	stock := bareApp(b, w.app)
	w.stock = serverHandler(b, stock)
	author, err := w.app.FindRecordById("users", "author000000000")
	if err != nil {
		b.Fatal(err)
	}
	caller := http.Header{"Authorization": {pbtest.Token(b, author)}}
	for _, bench := range []struct{ name, address string }{
		{"view", "/api/collections/posts/records/post00000050000"},
		{"list30", "/api/collections/posts/records?skipTotal=1&sort=-created"},
		{"list30total", "/api/collections/posts/records?sort=-created"},
		{"expand", "/api/collections/posts/records?skipTotal=1&sort=-created&expand=author"},
		{"filter", "/api/collections/posts/records?skipTotal=1&sort=-created&filter=" + "author%3D%27author000000000%27"},
		{"health", "/api/health"},
		{"handed on", "/api/collections/posts/records/post00000050000?expand=author.x"},
		{"handed on, guest", "/api/collections/posts/records?skipTotal=1&sort=@random"},
	} {
		header := caller
		if strings.Contains(bench.name, "guest") || bench.name == "health" {
			header = http.Header{}
		}
		b.Run(bench.name, func(b *testing.B) { w.compete(b, http.MethodGet, bench.address, header) })
		b.Run(bench.name+"/logged", func(b *testing.B) {
			w.app.Settings().Logs.MaxDays, stock.Settings().Logs.MaxDays = 1, 1
			defer func() { w.app.Settings().Logs.MaxDays, stock.Settings().Logs.MaxDays = 0, 0 }()
			w.compete(b, http.MethodGet, bench.address, header)
		})
	}
}

// compete reports what a request costs here and there.
func (w *world) compete(b *testing.B, method, address string, header http.Header) {
	var used [2]time.Duration
	turn := func(stock bool, requests int) time.Duration {
		started := cpu()
		for range requests {
			r := httptest.NewRequest(method, address, nil)
			r.Header = header
			handler := w.handler
			if stock && w.stock != nil {
				handler = w.stock
			} else if stock {
				r = r.WithContext(stockContext)
			}
			answer := nobody{header: http.Header{}}
			handler.ServeHTTP(&answer, r)
			if answer.status != http.StatusOK {
				b.Fatalf("status %d", answer.status)
			}
		}
		return cpu() - started
	}
	turn(true, 10)
	turn(false, 10)
	const each = 50 // requests a turn
	n := 0
	for b.Loop() {
		used[0] += turn(false, each)
		used[1] += turn(true, each)
		n += each
	}
	b.ReportMetric(float64(used[0].Microseconds())/float64(n), "lane-cpu-us/op")
	b.ReportMetric(float64(used[1].Microseconds())/float64(n), "stock-cpu-us/op")
	b.ReportMetric(float64(used[1])/float64(used[0]), "ratio")
}

// bareApp is another app on the same databases, without anything of the lane.
func bareApp(tb testing.TB, of core.App) core.App {
	tb.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: of.DataDir(), DBConnect: sqlite.New().Connect})
	if err := app.Bootstrap(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = app.ResetBootstrapState() })
	app.Settings().Logs.MaxDays = 0
	return app
}

// serverHandler is the handler of a server as PocketBase starts it.
func serverHandler(tb testing.TB, app core.App) http.Handler {
	tb.Helper()
	router, err := apis.NewRouter(app)
	if err != nil {
		tb.Fatal(err)
	}
	router.Bind(apis.CORS(apis.CORSConfig{}))
	e := &core.ServeEvent{App: app, Router: router, Server: &http.Server{ReadHeaderTimeout: time.Minute}}
	err = app.OnServe().Trigger(e, func(e *core.ServeEvent) (err error) {
		e.Server.Handler, err = e.Router.BuildMux()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return e.Server.Handler
}

// manyPosts makes a collection of posts that signed-in users see.
func manyPosts(app core.App, rows int) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	author := core.NewRecord(users)
	author.Load(map[string]any{"id": "author000000000", "email": "author@example.com", "name": "Author"})
	author.SetRaw(core.FieldNamePassword, &core.PasswordFieldValue{Hash: "none"})
	if err := app.SaveNoValidate(author); err != nil {
		return err
	}
	posts := core.NewBaseCollection("posts")
	signedIn := "@request.auth.id != ''"
	posts.ListRule, posts.ViewRule = &signedIn, &signedIn
	posts.Fields.Add(
		&core.TextField{Name: "title"}, &core.TextField{Name: "body"}, &core.NumberField{Name: "likes"}, &core.BoolField{Name: "published"},
		&core.SelectField{Name: "state", Values: []string{"draft", "public"}}, &core.RelationField{Name: "author", CollectionId: users.Id},
		&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	posts.Indexes = append(posts.Indexes, "CREATE INDEX idx_posts_created ON posts (created)", "CREATE INDEX idx_posts_author ON posts (author, created)")
	if err := app.Save(posts); err != nil {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		insert := tx.DB().NewQuery("INSERT INTO posts (id, title, body, likes, published, state, author, created, updated) " +
			"VALUES ({:id}, {:title}, {:body}, {:likes}, {:published}, 'public', {:author}, {:at}, {:at})").Prepare()
		defer insert.Close()
		for n := range rows {
			_, err := insert.Bind(dbx.Params{
				"id": fmt.Sprintf("post%011d", n), "title": fmt.Sprintf("Post number %d", n), "body": "A text of some length, as people write them on such occasions.",
				"likes": n % 1000, "published": n%2 == 0, "author": fmt.Sprintf("author%09d", n%100), "at": time.Unix(1_700_000_000+int64(n), 0).UTC().Format("2006-01-02 15:04:05.000Z"),
			}).Execute()
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkWrites does the same with writes of a signed-in user, without the log of
// requests.
func BenchmarkWrites(b *testing.B) {
	w := newWorld(b, func(app core.App) error { return manyPosts(app, 100_000) }, fastlane.Config{})
	w.app.Settings().Batch.Enabled, w.app.Settings().Batch.MaxRequests = true, 50
	author, err := w.app.FindRecordById("users", "author000000000")
	if err != nil {
		b.Fatal(err)
	}
	opened, err := w.app.FindCollectionByNameOrId("posts")
	if err != nil {
		b.Fatal(err)
	}
	opened.CreateRule, opened.UpdateRule, opened.DeleteRule = opened.ViewRule, opened.ViewRule, opened.ViewRule
	if err := w.app.Save(opened); err != nil {
		b.Fatal(err)
	}
	caller := http.Header{"Authorization": {pbtest.Token(b, author)}, "Content-Type": {"application/json"}}
	const post = `{"title":"A post","body":"A text of some length, as people write them on such occasions.","likes":5,"published":true,"state":"public","author":"author000000000"}`
	const posts = "/api/collections/posts/records"
	fifty := `{"requests":[` + strings.Repeat(`{"method":"POST","url":"`+posts+`","body":`+post+`},`, 49) + `{"method":"POST","url":"` + posts + `","body":` + post + `}]}`
	var next int
	for _, bench := range []struct {
		name, method string
		each         int // requests a turn
		ask          func() (address, body string)
	}{
		{"create", http.MethodPost, 50, func() (string, string) { return posts, post }},
		{"update", http.MethodPatch, 50, func() (string, string) {
			next = (next + 7900) % 50_000 // of the one author who is there
			return fmt.Sprintf("%s/post%011d", posts, next), fmt.Sprintf(`{"title":"Changed %d"}`, next)
		}},
		{"delete", http.MethodDelete, 50, func() (string, string) {
			next++
			return fmt.Sprintf("%s/post%011d", posts, 50_000+next%50_000), ""
		}},
		{"batch50", http.MethodPost, 2, func() (string, string) { return "/api/batch", fifty }},
	} {
		next = 0
		b.Run(bench.name, func(b *testing.B) {
			w.competeIn(b, bench.each, func() *http.Request {
				address, body := bench.ask()
				r := httptest.NewRequest(bench.method, address, strings.NewReader(body))
				r.Header = caller
				return r
			})
		})
	}
}

// competeIn reports what requests cost here and there, in turns of so many.
func (w *world) competeIn(b *testing.B, each int, ask func() *http.Request) {
	var used [2]time.Duration
	turn := func(stock bool, requests int) time.Duration {
		runtime.GC() // what the other has left
		started := cpu()
		for range requests {
			r := ask()
			if stock {
				r = r.WithContext(stockContext)
			}
			answer := nobody{header: http.Header{}}
			w.handler.ServeHTTP(&answer, r)
			if answer.status/100 != 2 {
				b.Fatalf("%s %s: status %d", r.Method, r.URL, answer.status)
			}
		}
		return cpu() - started
	}
	turn(true, 3)
	turn(false, 3)
	before, n := w.plugin.Stats().Served, 0
	for b.Loop() {
		used[0] += turn(false, each)
		used[1] += turn(true, each)
		n += each
	}
	if served := w.plugin.Stats().Served - before; served != uint64(n) {
		b.Fatalf("%d of %d were served: %v", served, n, w.plugin.Stats().HandedOn)
	}
	b.ReportMetric(float64(used[0].Microseconds())/float64(n), "lane-cpu-us/op")
	b.ReportMetric(float64(used[1].Microseconds())/float64(n), "stock-cpu-us/op")
	b.ReportMetric(float64(used[1])/float64(used[0]), "ratio")
}
