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

func TestTraceparent(t *testing.T) {
	t.Parallel()
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	cases := []struct {
		name, header string
		valid        bool
	}{
		{"valid", "00-" + trace + "-" + span + "-01", true},
		{"a later version", "01-" + trace + "-" + span + "-01", true},
		{"a later version with more", "01-" + trace + "-" + span + "-01-extra", true},
		{"a later version with junk", "01-" + trace + "-" + span + "-01extra", false},
		{"version 00 with more", "00-" + trace + "-" + span + "-01-extra", false},
		{"version ff", "ff-" + trace + "-" + span + "-01", false},
		{"upper case", "00-" + strings.ToUpper(trace) + "-" + span + "-01", false},
		{"no trace", "00-" + strings.Repeat("0", 32) + "-" + span + "-01", false},
		{"no span", "00-" + trace + "-" + strings.Repeat("0", 16) + "-01", false},
		{"flags that are not hex", "00-" + trace + "-" + span + "-0x", false},
		{"too short", "00-" + trace + "-" + span, false},
		{"other separators", "00_" + trace + "_" + span + "_01", false},
		{"empty", "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			gotTrace, gotSpan, ok := requestlog.ParseTraceparent(c.header)
			if ok != c.valid || c.valid && (gotTrace != trace || gotSpan != span) {
				t.Errorf("got %q, %q, %v, want valid %v", gotTrace, gotSpan, ok, c.valid)
			}
		})
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("ff-")
	f.Fuzz(func(t *testing.T, header string) {
		trace, span, ok := requestlog.ParseTraceparent(header)
		if ok && (len(trace) != 32 || len(span) != 16 || !strings.Contains(header, trace+"-"+span)) {
			t.Fatalf("%q: got %q, %q", header, trace, span)
		}
	})
}

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
