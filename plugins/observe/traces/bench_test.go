package traces_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/holdall-go/holdall/internal/otlptest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/observe/traces"
)

// BenchmarkRequest is what a request costs that is recorded, and one that is not.
func BenchmarkRequest(b *testing.B) {
	for _, ratio := range []float64{0, 1} {
		b.Run(fmt.Sprintf("ratio=%v", ratio), func(b *testing.B) {
			tracer, err := traces.New(traces.Config{URL: otlptest.New(b).URL, Ratio: ratio})
			if err != nil {
				b.Fatal(err)
			}
			defer tracer.Close(b.Context())
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/x", nil)
			b.ReportAllocs()
			for b.Loop() {
				delete(r.Header, "Traceparent")
				_, end := tracer.Request(r)
				end("GET", "/x", "orders", 200, 100)
			}
		})
	}
}

// BenchmarkStatement is what a statement costs beside running it.
func BenchmarkStatement(b *testing.B) {
	for _, ratio := range []float64{0, 1} {
		b.Run(fmt.Sprintf("ratio=%v", ratio), func(b *testing.B) {
			tracer, err := traces.New(traces.Config{URL: otlptest.New(b).URL, Ratio: ratio, MaxStatements: 100_000})
			if err != nil {
				b.Fatal(err)
			}
			defer tracer.Close(b.Context())
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/x", nil)
			_, end := tracer.Request(r)
			defer end("GET", "/x", "", 200, 0)
			s := sqlite.Statement{
				Context: b.Context(), Path: "/x/data.db", Kind: sqlite.Read,
				Query: "SELECT `orders`.* FROM `orders` WHERE `orders`.`title` = ? AND (`orders`.`order` = ? OR `orders`.`order` IS NULL) LIMIT 30",
			}
			b.ReportAllocs()
			for b.Loop() {
				tracer.Statement(s)
			}
		})
	}
}
