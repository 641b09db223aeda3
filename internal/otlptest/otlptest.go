// Package otlptest is a collector for tests: it takes spans by OTLP over HTTP, as any
// other does.
//
//	collector := otlptest.New(t)
//	tracer, err := traces.New(traces.Config{URL: collector.URL, Ratio: 1})
//	...
//	fmt.Print(collector.Tree(traceID))
package otlptest

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one that was received.
type Span struct {
	// TraceID, ID and Parent are hexadecimal. Parent is empty for the root of a trace.
	TraceID, ID, Parent string
	Name                string
	// Kind is such as "SPAN_KIND_SERVER".
	Kind       string
	State      string // the tracestate
	Failed     bool
	Start, End time.Time
	// Attributes and Resource are as texts.
	Attributes, Resource map[string]string
}

// Receiver is a collector.
type Receiver struct {
	// URL is its address, without a path.
	URL string

	mu      sync.Mutex
	spans   []Span
	asked   int
	status  int
	stalled chan struct{} // closed when it answers again, nil if it does
	headers http.Header
}

// New starts a collector, until the test ends.
func New(tb testing.TB) *Receiver {
	tb.Helper()
	r := &Receiver{status: http.StatusOK}
	server := httptest.NewServer(r)
	tb.Cleanup(func() {
		r.Go()
		server.Close()
	})
	r.URL = server.URL
	return r
}

// Answer makes it answer everything with the status from now on.
func (r *Receiver) Answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// Stall keeps it from answering until Go is called.
func (r *Receiver) Stall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stalled == nil {
		r.stalled = make(chan struct{})
	}
}

// Go ends Stall.
func (r *Receiver) Go() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stalled != nil {
		close(r.stalled)
		r.stalled = nil
	}
}

// ServeHTTP implements [http.Handler].
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	spans, err := decode(request)
	r.mu.Lock()
	r.asked++
	r.headers = request.Header
	stalled, status := r.stalled, r.status
	r.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-request.Context().Done():
			return
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	answer, err := proto.Marshal(&collector.ExportTraceServiceResponse{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.mu.Lock()
	r.spans = append(r.spans, spans...)
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func decode(request *http.Request) ([]Span, error) {
	if request.Method != http.MethodPost || request.URL.Path != "/v1/traces" || request.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil, fmt.Errorf("%s %s %s is no export of traces", request.Method, request.URL.Path, request.Header.Get("Content-Type"))
	}
	body := io.Reader(request.Body)
	if request.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			return nil, err
		}
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var export collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(content, &export); err != nil {
		return nil, err
	}
	var spans []Span
	for _, of := range export.GetResourceSpans() {
		resource := texts(of.GetResource().GetAttributes())
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				spans = append(spans, Span{
					TraceID: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
					Name: s.GetName(), Kind: s.GetKind().String(), State: s.GetTraceState(), Failed: s.GetStatus().GetCode() == 2,
					Start: time.Unix(0, int64(s.GetStartTimeUnixNano())), End: time.Unix(0, int64(s.GetEndTimeUnixNano())),
					Attributes: texts(s.GetAttributes()), Resource: resource,
				})
			}
		}
	}
	return spans, nil
}

func texts(attributes []*common.KeyValue) map[string]string {
	list := map[string]string{}
	for _, a := range attributes {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			list[a.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			list[a.GetKey()] = fmt.Sprint(v.IntValue)
		default:
			list[a.GetKey()] = fmt.Sprint(v)
		}
	}
	return list
}

// Asked is how often it was sent something.
func (r *Receiver) Asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// Header is one of what it was sent last.
func (r *Receiver) Header(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.headers.Get(name)
}

// Spans returns what was received of a trace, of all if that is "", in the order of
// their beginnings.
func (r *Receiver) Spans(traceID string) []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Span
	for _, s := range r.spans {
		if traceID == "" || s.TraceID == traceID {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return list
}

// Tree draws a trace: a line for each span, those that it led to below it and further
// right. A span whose parent was not received is drawn as a root.
func (r *Receiver) Tree(traceID string) string {
	spans := r.Spans(traceID)
	children := map[string][]Span{}
	known := map[string]bool{}
	for _, s := range spans {
		known[s.ID] = true
	}
	for _, s := range spans {
		parent := s.Parent
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	var out strings.Builder
	var draw func(parent string, depth int)
	draw = func(parent string, depth int) {
		for _, s := range children[parent] {
			fmt.Fprintf(&out, "%s%s\n", strings.Repeat("  ", depth), s.Name)
			draw(s.ID, depth+1)
		}
	}
	draw("", 0)
	return out.String()
}
