package fastlane_test
import ("testing";"net/http";"net/http/httptest";"github.com/pocketbase/pocketbase/core";"github.com/holdall-go/holdall/internal/pbtest";"github.com/holdall-go/holdall/plugins/fastlane")
func BenchmarkLane(b *testing.B) {
	w := newWorld(b, func(app core.App) error { return manyPosts(app, 5000) }, fastlane.Config{})
	author, err := w.app.FindRecordById("users", "author000000000")
	if err != nil { b.Fatal(err) }
	header := http.Header{"Authorization": {pbtest.Token(b, author)}}
	for _, bench := range []struct{ name, address string }{
		{"view", "/api/collections/posts/records/post00000001000"},
		{"list30", "/api/collections/posts/records?skipTotal=1&sort=-created"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
			r := httptest.NewRequest(http.MethodGet, bench.address, nil)
			r.Header = header
			answer := nobody{header: http.Header{}}
			w.handler.ServeHTTP(&answer, r)
			}
		})
	}
}
