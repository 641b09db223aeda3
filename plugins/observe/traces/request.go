package traces

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdall-go/holdall/internal/tracing"
)

// Request begins the span of a request on its goroutine. The request that is
// returned carries it; it may be the same one. Its traceparent header, and so r's, is
// that of the span from now on, for logs and for whoever passes headers on. The
// caller calls end on the same goroutine once it is answered.
func (t *Tracer) Request(r *http.Request) (traced *http.Request, end func(method, route, collection string, status int, bytes int64)) {
	parent := incoming(r.Header)
	if !t.records(parent) {
		ctx, sc := unrecorded(r.Context(), parent)
		header := traceparent(sc)
		r.Header["Traceparent"] = []string{header}
		// without the context: a copy of the request would cost more than all the rest
		release := tracing.Bind(ctx, header[3:35])
		return r, func(string, string, string, int, int64) { release() }
	}
	ctx := r.Context()
	if parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	w := &work{}
	ctx, span := t.tracer.Start(context.WithValue(ctx, workKey{}, w), "HTTP", trace.WithSpanKind(trace.SpanKindServer))
	r.Header["Traceparent"] = []string{traceparent(span.SpanContext())}
	release := tracing.Bind(ctx, span.SpanContext().TraceID().String())
	return r.WithContext(ctx), func(method, route, collection string, status int, bytes int64) {
		release()
		span.SetName(method + " " + route)
		span.SetAttributes(
			attribute.String("http.request.method", method), attribute.String("http.route", route),
			attribute.Int("http.response.status_code", status), attribute.Int64("http.response.body.size", bytes),
		)
		if collection != "" {
			span.SetAttributes(attribute.String("holdall.collection", collection))
		}
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		t.conclude(w, span)
		span.End()
	}
}

// incoming is the trace that a request is part of.
func incoming(h http.Header) trace.SpanContext {
	values := h["Traceparent"]
	if len(values) != 1 {
		return trace.SpanContext{} // of several none is valid
	}
	text := values[0]
	if strings.ContainsRune(text, ' ') {
		return trace.SpanContext{}
	}
	if state := h["Tracestate"]; len(state) > 0 {
		text += " " + strings.Join(state, ",")
	}
	return parse(text)
}

// records decides over a request.
func (t *Tracer) records(parent trace.SpanContext) bool {
	if parent.IsValid() && t.config.TrustParent {
		return parent.IsSampled()
	}
	// not by the trace id, which whoever sends it can choose
	return t.dice()
}

func (t *Tracer) dice() bool {
	return t.config.Ratio >= 1 || t.config.Ratio > 0 && rand.Float64() < t.config.Ratio //nolint:gosec // nothing depends on it
}

// unrecorded is a position in a trace that is not recorded here: the parent's trace,
// or one of its own. It says so to all that follows.
func unrecorded(ctx context.Context, parent trace.SpanContext) (context.Context, trace.SpanContext) {
	config := trace.SpanContextConfig{TraceID: parent.TraceID(), TraceState: parent.TraceState()}
	if !parent.IsValid() {
		binary.LittleEndian.PutUint64(config.TraceID[:8], rand.Uint64())   //nolint:gosec // a name, no secret
		binary.LittleEndian.PutUint64(config.TraceID[8:], rand.Uint64()|1) //nolint:gosec // likewise
	}
	binary.LittleEndian.PutUint64(config.SpanID[:], rand.Uint64()|1) //nolint:gosec // likewise
	sc := trace.NewSpanContext(config)
	return trace.ContextWithSpanContext(ctx, sc), sc
}
