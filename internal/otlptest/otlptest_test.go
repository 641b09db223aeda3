package otlptest_test

import (
	"bytes"
	"net/http"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/holdall-go/holdall/internal/otlptest"
)

func send(t *testing.T, url string, spans ...*v1.Span) int {
	t.Helper()
	body, err := proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: []*v1.ResourceSpans{{ScopeSpans: []*v1.ScopeSpans{{Spans: spans}}}}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	r := otlptest.New(t)
	trace, root, child := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 8), bytes.Repeat([]byte{3}, 8)
	spans := []*v1.Span{
		{TraceId: trace, SpanId: child, ParentSpanId: root, Name: "child", StartTimeUnixNano: 2},
		{TraceId: trace, SpanId: root, Name: "root", StartTimeUnixNano: 1},
		{TraceId: trace, SpanId: bytes.Repeat([]byte{4}, 8), ParentSpanId: bytes.Repeat([]byte{5}, 8), Name: "lost", StartTimeUnixNano: 3},
	}
	if got := send(t, r.URL+"/v1/traces", spans...); got != http.StatusOK {
		t.Errorf("got %d, want 200", got)
	}
	if got, want := r.Tree(""), "root\n  child\nlost\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := send(t, r.URL+"/elsewhere", spans...); got != http.StatusBadRequest {
		t.Errorf("elsewhere: got %d, want 400", got)
	}
	r.Answer(http.StatusInternalServerError)
	if got := send(t, r.URL+"/v1/traces", spans...); got != http.StatusInternalServerError {
		t.Errorf("got %d, want 500", got)
	}
	if got := len(r.Spans("")); got != 3 {
		t.Errorf("got %d spans, want 3", got)
	}
	if got := r.Asked(); got != 3 {
		t.Errorf("asked %d times, want 3", got)
	}
}
