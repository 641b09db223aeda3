//go:build unix

package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/holdall-go/holdall/internal/otlptest"
	"github.com/holdall-go/holdall/internal/tracing"
)

// TestTraceOfACompletedOrder follows the completion of an order through the job that
// draws its report to the webhook that tells of it, in the program as it is delivered.
func TestTraceOfACompletedOrder(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	var mu sync.Mutex
	told := map[string]bool{} // by traceparent
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		told[r.Header.Get("Traceparent")] = true
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	s := serve(t, "", []string{
		"HOLDALL_TRACES_URL=" + collector.URL, "HOLDALL_TRACES_RATIO=100%", "HOLDALL_TRACES_HEADERS=X-Token=abc=",
		"HOLDALL_WEBHOOKS_ALLOW=127.0.0.1/32", "HOLDALL_WEBHOOKS_ALLOW_HTTP=true",
	}, "--demo")
	root := s.signIn(t, rootPassword)
	s.must(t, http.MethodPost, "/api/collections/_webhooks/records", root,
		fmt.Sprintf(`{"name":"ERP","url":%q,"collections":["work_orders"],"enabled":true}`, receiver.URL), nil)
	var found struct{ Items []struct{ ID string } }
	s.must(t, http.MethodGet, "/api/collections/work_orders/records?perPage=1&filter=status='onSite'", root, "", &found)
	if len(found.Items) != 1 {
		t.Fatal("the demo has no order that is being worked on")
	}
	order := "/api/collections/work_orders/records/" + found.Items[0].ID
	s.must(t, http.MethodPatch, order, root, `{"checklist":[]}`, nil)
	s.must(t, http.MethodPost, "/api/v1/work-orders/"+found.Items[0].ID+"/transition", root, `{"to":"completed"}`, nil)

	chain := strings.Join([]string{
		"deliver work_orders.update", "update work_orders", "run work_orders.report", "enqueue work_orders.report",
		"update work_orders", "POST /api/v1/work-orders/{id}/transition",
	}, " < ")
	var delivery otlptest.Span
	s.await(t, "the trace", func() bool {
		for _, span := range collector.Spans("") {
			if strings.Join(upwards(collector.Spans(span.TraceID), span), " < ") == chain {
				delivery = span
			}
		}
		return delivery.ID != ""
	})
	mu.Lock()
	if want := (tracing.Parent{TraceID: delivery.TraceID, SpanID: delivery.ID, Sampled: true}).String(); !told[want] {
		t.Errorf("the receiver was told %v, want %s among them", told, want)
	}
	mu.Unlock()
	if got := collector.Header("X-Token"); got != "abc=" {
		t.Errorf("the collector was sent the token %q, want abc=", got)
	}
	for _, span := range collector.Spans("") {
		if span.Resource["service.name"] != "holdall" || span.Resource["service.instance.id"] == "" {
			t.Fatalf("got resource %v", span.Resource)
		}
	}
	s.must(t, http.MethodGet, order, root, "", nil) // waits for its turn
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	if tree := collector.Tree(""); !strings.Contains(tree, "GET /api/collections/{collection}/records/{id}\n") {
		t.Error("what waited was not sent at the end")
	}
}

// upwards are the names from a span to its root.
func upwards(spans []otlptest.Span, from otlptest.Span) []string {
	byID := map[string]otlptest.Span{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	var names []string
	for at := from; at.ID != ""; at = byID[at.Parent] {
		names = append(names, at.Name)
	}
	return names
}

func TestTracesAreConfigured(t *testing.T) {
	t.Parallel()
	const address = "HOLDALL_TRACES_URL=http://127.0.0.1:4318"
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"an address":               {[]string{address}, ""},
		"a share":                  {[]string{address, "HOLDALL_TRACES_RATIO=0.5"}, ""},
		"no address":               {[]string{"HOLDALL_TRACES_RATIO=1"}, ""},
		"what is no address":       {[]string{"HOLDALL_TRACES_URL=127.0.0.1:4318"}, "traces: URL must be like"},
		"more than all":            {[]string{address, "HOLDALL_TRACES_RATIO=150%"}, "HOLDALL_TRACES_RATIO: \"150%\" is not a share"},
		"no metrics":               {[]string{address, "HOLDALL_METRICS=false"}, "HOLDALL_TRACES_URL: it needs HOLDALL_METRICS"},
		"a header without a value": {[]string{address, "HOLDALL_TRACES_HEADERS=secret"}, "HOLDALL_TRACES_HEADERS: entry 1 is not like name=value"},
	} {
		code, _, stderr := command(t, c.env, "config")
		if (code == 0) != (c.want == "") || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "secret") {
			t.Errorf("%s: exit code %d with %q, want %q", name, code, stderr, c.want)
		}
	}
}
