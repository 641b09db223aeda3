package observe

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/holdall-go/holdall/internal/recorder"
	"github.com/holdall-go/holdall/internal/tracing"
)

// maxRoutes bounds the number of different routes, methods and collections
// together. What comes later is counted as the route "other".
const maxRoutes = 2000

// unmatched is the route of requests that no route is for.
const unmatched = "unmatched"

// durations are the upper bounds of the histograms of requests, in seconds.
var durations = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// requests measures what the server is asked.
type requests struct {
	inFlight prometheus.Gauge
	answers  *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	took     *prometheus.HistogramVec
	lost     prometheus.Counter

	tracer Tracer // nil for none

	known sync.Map // of series by labels
	count atomic.Int64
}

// labels say what a request is about.
type labels struct{ method, route, collection string }

// series are the metrics of requests about the same.
type series struct {
	labels
	bytes prometheus.Counter
	took  prometheus.Observer
	codes sync.Map // of prometheus.Counter by int
}

func newRequests() *requests {
	names := []string{"method", "route", "collection"}
	return &requests{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "holdall_http_requests_in_flight", Help: "Requests that are being answered.",
		}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdall_http_requests_total", Help: "Requests that have been answered.",
		}, append(names, "code")),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdall_http_response_bytes_total", Help: "Bytes of bodies that have been sent.",
		}, names),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdall_http_request_duration_seconds", Buckets: durations,
			Help: "How long requests took. Streams are not among them.",
		}, names),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holdall_http_routes_dropped_total", Help: "Requests that are counted as the route other, as there are too many routes.",
		}),
	}
}

// Describe implements [prometheus.Collector].
func (r *requests) Describe(c chan<- *prometheus.Desc) {
	for _, part := range r.parts() {
		part.Describe(c)
	}
}

// Collect implements [prometheus.Collector].
func (r *requests) Collect(c chan<- prometheus.Metric) {
	for _, part := range r.parts() {
		part.Collect(c)
	}
}

func (r *requests) parts() []prometheus.Collector {
	return []prometheus.Collector{r.inFlight, r.answers, r.bytes, r.took, r.lost}
}

// recording is of an answer, with what only PocketBase's router knows.
type recording struct {
	recorder.Recorder
	collection string
}

// wrap measures what next answers. Around the whole router, it also sees what no
// middleware does: the bodies of errors, redirects of the mux.
func (r *requests) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		started := time.Now()
		r.inFlight.Inc()
		rec := &recording{Recorder: recorder.Recorder{ResponseWriter: w}}
		traced, end := r.trace(request)
		defer func() { // also when a handler aborts the answer by a panic
			r.inFlight.Dec()
			l := labels{method: methodOf(traced.Method), route: routeOf(traced.Pattern), collection: rec.collection}
			end(l.method, l.route, l.collection, rec.FinalStatus(), rec.Bytes)
			r.done(l, request, rec, time.Since(started))
		}()
		next.ServeHTTP(rec, traced)
	})
}

// trace begins the span of a request, if there are traces. What the router writes to a
// copy of the request is told to those around: its pattern, and to the server the
// files that it deletes.
func (r *requests) trace(request *http.Request) (*http.Request, func(method, route, collection string, status int, bytes int64)) {
	if r.tracer == nil {
		return request, func(string, string, string, int, int64) {}
	}
	traced, end := r.tracer.Request(request)
	if traced == request {
		return request, end
	}
	return traced, func(method, route, collection string, status int, bytes int64) {
		request.Pattern, request.MultipartForm = traced.Pattern, traced.MultipartForm
		end(method, route, collection, status, bytes)
	}
}

// done counts a request that is over.
func (r *requests) done(l labels, request *http.Request, rec *recording, took time.Duration) {
	s := r.find(l)
	s.code(r, rec.FinalStatus()).Inc()
	s.bytes.Add(float64(rec.Bytes))
	if rec.Hijacked || strings.HasPrefix(rec.Header().Get("Content-Type"), "text/event-stream") {
		return // lasts as long as the client likes
	}
	if trace := sampledTrace(request.Header); trace != "" {
		s.took.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": trace})
		return
	}
	s.took.Observe(took.Seconds())
}

// find returns the metrics for the labels. Looking them up by Prometheus' own way
// for each request would cost more than all the rest.
func (r *requests) find(l labels) *series {
	if s, ok := r.known.Load(l); ok {
		return s.(*series)
	}
	if r.count.Load() >= maxRoutes && l.route != "other" {
		r.lost.Inc()
		return r.find(labels{method: l.method, route: "other"})
	}
	values := []string{l.method, l.route, l.collection}
	s, existed := r.known.LoadOrStore(l, &series{
		labels: l, bytes: r.bytes.WithLabelValues(values...), took: r.took.WithLabelValues(values...),
	})
	if !existed {
		r.count.Add(1)
	}
	return s.(*series)
}

func (s *series) code(r *requests, status int) prometheus.Counter {
	if c, ok := s.codes.Load(status); ok {
		return c.(prometheus.Counter)
	}
	c := r.answers.WithLabelValues(s.method, s.route, s.collection, strconv.Itoa(status))
	s.codes.Store(status, c)
	return c
}

// routeTotals are what was counted of a route.
type routeTotals struct {
	labels
	requests, errors float64
	took             histogram
}

// routes returns what was counted of all.
func (r *requests) routes() []routeTotals {
	var list []routeTotals
	r.known.Range(func(_, value any) bool {
		s := value.(*series)
		t := routeTotals{labels: s.labels, took: read(s.took)}
		s.codes.Range(func(code, counter any) bool {
			n := valueOf(counter.(prometheus.Metric))
			t.requests += n
			if code.(int) >= http.StatusInternalServerError {
				t.errors += n
			}
			return true
		})
		list = append(list, t)
		return true
	})
	return list
}

// flying is how many requests are being answered.
func (r *requests) flying() float64 { return valueOf(r.inFlight) }

// valueOf reads a counter or a gauge.
func valueOf(m prometheus.Metric) float64 {
	var out dto.Metric
	if m.Write(&out) != nil {
		return 0
	}
	return out.GetCounter().GetValue() + out.GetGauge().GetValue()
}

// note is the middleware that finds the collection.
func note(e *core.RequestEvent) error {
	if asked := e.Request.PathValue("collection"); asked != "" {
		if rec, ok := recorder.Find[*recording](e.Response); ok {
			// what there is, never what was asked for
			if c, err := e.App.FindCachedCollectionByNameOrId(asked); err == nil {
				rec.collection = c.Name
			}
		}
	}
	return e.Next()
}

// routeOf returns the pattern of a route without the method.
func routeOf(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = path
	}
	if pattern == "" {
		return unmatched
	}
	return pattern
}

// methodOf returns the method, or "OTHER" for what is no method of HTTP.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "OTHER"
	}
}

// sampledTrace returns the trace of the W3C trace context header, if whoever
// began it records it: a metric may name it as an example.
func sampledTrace(h http.Header) string {
	if values := h["Traceparent"]; len(values) > 0 {
		if p, ok := tracing.Parse(values[0]); ok && p.Sampled {
			return p.TraceID
		}
	}
	return ""
}
