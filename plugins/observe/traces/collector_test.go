package traces_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/otlptest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/observe/traces"
)

// unreachable is an address at which nobody listens.
const unreachable = "http://127.0.0.1:1"

// What the collector does is not the server's business.
func TestCollectorsThatDoNotWork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		url  string
		make func(*otlptest.Receiver)
	}{
		{"nobody listens", unreachable, func(*otlptest.Receiver) {}},
		{"it does not answer", "", func(r *otlptest.Receiver) { r.Stall() }},
		{"it answers 500", "", func(r *otlptest.Receiver) { r.Answer(http.StatusInternalServerError) }},
		{"it answers 401", "", func(r *otlptest.Receiver) { r.Answer(http.StatusUnauthorized) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, traces.Config{URL: c.url, Ratio: 1, Queue: 20, Interval: time.Millisecond, Timeout: 100 * time.Millisecond}, parts{})
			c.make(w.collector)
			for range 8 {
				if got := w.ask(t, http.MethodPost, orders, `{"title":"x"}`); got != http.StatusOK {
					t.Fatalf("got %d, want 200", got)
				}
			}
			w.delivered(t)
			pbtest.Eventually(t, patience, func() error {
				if w.tracer.Counts().Failed == 0 || w.log.find("The collector does not take traces; what it does not take is lost.", "") == nil {
					return errNotYet
				}
				return nil
			})
			if err := w.tracer.Close(context.Background()); err != nil && c.url == "" {
				t.Logf("closing: %v", err) // it may say so, and has ended
			}
			if got := w.ask(t, http.MethodPost, orders, `{"title":"x"}`); got != http.StatusOK {
				t.Errorf("after the end of the traces: got %d, want 200", got)
			}
		})
	}
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	collector.Stall()
	const queue, all = 50, 1000
	tracer := newTracer(t, collector, traces.Config{Ratio: 1, Queue: queue, Interval: time.Millisecond, Timeout: time.Minute})
	for range all { // would not end if anybody waited
		_, end := tracer.Join(t.Context(), "", "x")
		end(nil)
	}
	if got := tracer.Counts(); got.Recorded != all || got.Exported != 0 {
		t.Errorf("got %+v, want %d recorded and none taken", got, all)
	}
	collector.Go()
	flush(t, tracer)
	// those that waited, and those that were under way
	if got := len(collector.Spans("")); got == 0 || got > 3*queue {
		t.Errorf("got %d spans, want some and at most %d", got, 3*queue)
	}
	_, end := tracer.Join(t.Context(), "", "afterwards")
	end(nil)
	flush(t, tracer)
	if collector.Tree("")[len(collector.Tree(""))-len("afterwards\n"):] != "afterwards\n" {
		t.Error("nothing is taken after the collector has recovered")
	}
}

func TestWhatWaitsIsSentAtTheEnd(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	tracer := newTracer(t, collector, traces.Config{Ratio: 1, Interval: time.Minute, Headers: map[string]string{"X-Token": "abc"}})
	_, end := tracer.Join(t.Context(), "", "last")
	end(nil)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := collector.Tree(""); got != "last\n" {
		t.Errorf("got %q, want the span that waited", got)
	}
	if got := collector.Header("X-Token"); got != "abc" {
		t.Errorf("the collector was sent the token %q", got)
	}
	if got := tracer.Counts(); got != (traces.Counts{Recorded: 1, Exported: 1}) {
		t.Errorf("got %+v", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config traces.Config
		ok     bool
	}{
		{"an address", traces.Config{URL: "http://127.0.0.1:4318"}, true},
		{"an address with a path", traces.Config{URL: "https://collector.example.com/otlp/v1/traces", Ratio: 1}, true},
		{"nothing", traces.Config{}, false},
		{"no scheme", traces.Config{URL: "127.0.0.1:4318"}, false},
		{"another scheme", traces.Config{URL: "grpc://127.0.0.1:4317"}, false},
		{"no host", traces.Config{URL: "http://:4318"}, false},
		{"more than all", traces.Config{URL: unreachable, Ratio: 1.1}, false},
		{"less than none", traces.Config{URL: unreachable, Ratio: -.1}, false},
		{"a huge queue", traces.Config{URL: unreachable, Queue: 1 << 21}, false},
		{"a negative interval", traces.Config{URL: unreachable, Interval: -1}, false},
		{"a long timeout", traces.Config{URL: unreachable, Timeout: time.Hour}, false},
		{"no statements", traces.Config{URL: unreachable, MaxStatements: -1}, false},
		{"a header that cannot be sent", traces.Config{URL: unreachable, Headers: map[string]string{"a b": "c"}}, false},
		{"a token without the name of its header", traces.Config{URL: unreachable, Headers: map[string]string{"Bearer token": "="}}, false},
		{"a value that cannot be sent", traces.Config{URL: unreachable, Headers: map[string]string{"a": "b\nc: d"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tracer, err := traces.New(c.config)
			if (err == nil) != c.ok {
				t.Errorf("got %v, want ok %t", err, c.ok)
			}
			if err != nil && strings.Contains(err.Error(), "token") {
				t.Errorf("the error tells a secret: %v", err)
			}
			if err == nil {
				if err := tracer.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
