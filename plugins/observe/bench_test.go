package observe_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/holdall-go/holdall/plugins/observe"
)

// BenchmarkRequest is what measuring a request costs.
func BenchmarkRequest(b *testing.B) {
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = "GET /api/health" })
	measured := observe.Wrap(nil, next)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/health", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		measured.ServeHTTP(w, r)
	}
}
