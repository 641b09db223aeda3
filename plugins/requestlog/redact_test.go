package requestlog_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/requestlog"
)

func FuzzRedactQuery(f *testing.F) {
	f.Add("token=abc&page=1")
	f.Add("t%6Fken=abc;x")
	f.Add("q=%65yJh.eyJ.x")
	f.Fuzz(func(t *testing.T, query string) {
		got := requestlog.RedactQuery(query)
		// whatever a server would read as a token is gone
		values, _ := url.ParseQuery(got)
		for key, list := range values {
			if !strings.EqualFold(key, "token") {
				continue
			}
			for _, v := range list {
				if v != "" && v != "REDACTED" {
					t.Fatalf("%q becomes %q, which still says token=%q", query, got, v)
				}
			}
		}
	})
}

// BenchmarkLine is what one request costs beyond being served.
func BenchmarkLine(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("log=%v", with), func(b *testing.B) {
			h := http.Handler(handler)
			if with {
				h = requestlog.Wrap(b, h)
			}
			r := httptest.NewRequest(http.MethodGet, "/api/collections/work_orders/records?page=1", nil)
			r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				delete(r.Header, "X-Request-Id")
				h.ServeHTTP(w, r)
			}
		})
	}
}
