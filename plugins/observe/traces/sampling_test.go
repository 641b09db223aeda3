package traces_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/otlptest"
	"github.com/holdall-go/holdall/internal/tracing"
	"github.com/holdall-go/holdall/plugins/observe/traces"
)

// newTracer returns one that ends with the test.
func newTracer(t *testing.T, collector *otlptest.Receiver, config traces.Config) *traces.Tracer {
	t.Helper()
	if config.URL == "" {
		config.URL = collector.URL
	}
	tracer, err := traces.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tracer.Close(context.Background()) })
	return tracer
}

func flush(t *testing.T, tracer *traces.Tracer) {
	t.Helper()
	if err := tracer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

const (
	theirTrace = "0af7651916cd43dd8448eb211c80319c"
	theirSpan  = "b7ad6b7169203331"
)

func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	const recorded, not = "00-" + theirTrace + "-" + theirSpan + "-01", "00-" + theirTrace + "-" + theirSpan + "-00"
	for _, c := range []struct {
		name   string
		ratio  float64
		trust  bool
		header string
		want   bool // recorded
		joined bool // in their trace
	}{
		{"nobody's, all", 1, false, "", true, false},
		{"nobody's, none", 0, false, "", false, false},
		{"theirs is recorded, and they are trusted", 0, true, recorded, true, true},
		{"theirs is not, and they are trusted", 1, true, not, false, true},
		{"theirs is recorded, and they are not trusted", 0, false, recorded, false, true},
		{"theirs is not, and they are not trusted", 1, false, not, true, true},
		{"nonsense", 1, true, "00-" + theirTrace + "-01", true, false},
		{"nonsense behind a space", 1, true, recorded + " a=b", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			collector := otlptest.New(t)
			tracer := newTracer(t, collector, traces.Config{Ratio: c.ratio, TrustParent: c.trust})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
			if c.header != "" {
				r.Header.Set("Traceparent", c.header)
				r.Header.Set("Tracestate", "theirs=1")
			}
			_, end := tracer.Request(r)
			at, ok := tracing.Parse(r.Header.Get("Traceparent"))
			current := tracer.Current(t.Context())
			end("GET", "/x", "", 200, 0)
			flush(t, tracer)

			if !ok || at.Sampled != c.want || (at.TraceID == theirTrace) != c.joined || at.SpanID == theirSpan {
				t.Errorf("what follows is told %+v, want recorded %t and in their trace %t", at, c.want, c.joined)
			}
			want := at.String()
			if c.joined {
				want += " theirs=1"
			}
			if current != want {
				t.Errorf("what is enqueued is told %q, want %q", current, want)
			}
			spans := collector.Spans("")
			if got := len(spans) == 1; got != c.want {
				t.Fatalf("got %d spans, want recorded %t", len(spans), c.want)
			}
			if c.want && c.joined && (spans[0].Parent != theirSpan || spans[0].TraceID != theirTrace || spans[0].State != "theirs=1") {
				t.Errorf("got %+v, want it below their span", spans[0])
			}
			if got := tracer.Current(t.Context()); got != "" {
				t.Errorf("after the request: got %q, want nothing", got)
			}
		})
	}
}

func TestShareOfAll(t *testing.T) {
	t.Parallel()
	tracer := newTracer(t, otlptest.New(t), traces.Config{Ratio: .25})
	recorded := 0
	const all = 4000
	for range all {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
		_, end := tracer.Request(r)
		if strings.HasSuffix(r.Header.Get("Traceparent"), "-01") {
			recorded++
		}
		end("GET", "/x", "", 200, 0)
	}
	if share := float64(recorded) / all; share < .2 || share > .3 { // seven standard deviations
		t.Errorf("got %.3f of all, want about 0.25", share)
	}
}

func TestWorkJoinsAndBeginsTraces(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	tracer := newTracer(t, collector, traces.Config{Ratio: 1})
	ctx := t.Context()

	_, end := tracer.Step(ctx, "a step of nothing")
	end(nil)
	own, end := tracer.Join(ctx, "", "of a schedule")
	from := tracer.Current(own)
	end(errors.New("failed"))
	_, end = tracer.Join(ctx, from, "joined", slog.String(traces.KindKey, "consumer"), slog.Int("n", 1), slog.Bool("b", true))
	tracer.Note(ctx, slog.Float64("noted", .5))
	end(nil)
	none, end := tracer.Join(ctx, strings.TrimSuffix(from, "1")+"0", "of what is not recorded")
	_, inner := tracer.Step(none, "a step of what is not recorded")
	if got := tracer.Recorded(none); got != "" {
		t.Errorf("what is not recorded: got trace %q", got)
	}
	if got := tracer.Current(none); !strings.HasPrefix(got, from[:35]) || !strings.HasSuffix(got, "-00") {
		t.Errorf("what follows of what is not recorded: got %q, want the trace of %q", got, from)
	}
	inner(nil)
	end(nil)
	flush(t, tracer)
	if got, want := collector.Tree(""), "of a schedule\n  joined\n"; got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
	spans := collector.Spans("")
	if !spans[0].Failed || spans[1].Failed {
		t.Error("got the failure elsewhere, want it at the schedule's job")
	}
	if spans[1].Kind != "SPAN_KIND_CONSUMER" || spans[1].Attributes["n"] != "1" || spans[1].Attributes["noted"] == "" || spans[1].Attributes[traces.KindKey] != "" {
		t.Errorf("got %+v", spans[1])
	}
}

// A request that is not recorded leads to nothing that is, and its webhook says so.
func TestNothingFollowsFromWhatIsNotRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traces.Config{Ratio: 1, TrustParent: true}, parts{})
	w.ask(t, http.MethodPost, "/api/collections/reports/records", `{"title":"x"}`, "Traceparent", "00-"+theirTrace+"-"+theirSpan+"-00")
	header := w.delivered(t)
	w.ask(t, http.MethodPost, orders, `{"title":"x"}`, "Traceparent", "00-"+theirTrace+"-"+theirSpan+"-00")
	at, ok := tracing.Parse(header.Get("Traceparent"))
	if !ok || at.Sampled || at.TraceID != theirTrace || at.SpanID == theirSpan {
		t.Errorf("the receiver was told %q, want a span of the trace that is not recorded", header.Get("Traceparent"))
	}
	w.ask(t, http.MethodGet, orders, "") // recorded, so that there is something to wait for
	_, spans := w.find(t, "GET /api/collections/{collection}/records")
	for _, s := range spans {
		if s.TraceID == theirTrace {
			t.Errorf("%s was recorded", s.Name)
		}
	}
}
