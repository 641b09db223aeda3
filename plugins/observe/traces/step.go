package traces

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdall-go/holdall/internal/tracing"
)

// KindKey is the attribute that says what kind of span it is, as OpenTelemetry has
// them: "server", "client", "producer", "consumer". Defaults to "internal".
const KindKey = "span.kind"

var kinds = map[string]trace.SpanKind{
	"server": trace.SpanKindServer, "client": trace.SpanKindClient,
	"producer": trace.SpanKindProducer, "consumer": trace.SpanKindConsumer,
}

// work is a request or a job, whose statements are counted in all its spans together.
type work struct{ statements atomic.Int64 }

type workKey struct{}

// here returns ctx with the span that the caller is in: that of ctx, or of its
// goroutine. If both are of one trace, the goroutine is further.
func here(ctx context.Context) context.Context {
	bound := tracing.Bound()
	if bound == nil {
		return ctx
	}
	of, at := trace.SpanContextFromContext(ctx), trace.SpanContextFromContext(bound)
	if of.IsValid() && of.TraceID() != at.TraceID() {
		return ctx
	}
	if of.Equal(at) {
		return ctx
	}
	ctx = trace.ContextWithSpan(ctx, trace.SpanFromContext(bound))
	if w, ok := bound.Value(workKey{}).(*work); ok {
		ctx = context.WithValue(ctx, workKey{}, w)
	}
	return ctx
}

// at is the position of the caller in a trace, if it is in one.
func at(ctx context.Context) trace.SpanContext {
	sc := trace.SpanContextFromContext(ctx)
	if bound := tracing.Bound(); bound != nil {
		if b := trace.SpanContextFromContext(bound); !sc.IsValid() || b.TraceID() == sc.TraceID() { //nolint:contextcheck // that of the goroutine is asked, too
			return b
		}
	}
	return sc
}

// Step begins a step of what the caller is in the middle of. It records nothing if
// that is not recorded. The caller calls end on the same goroutine, once, with what
// came of it. The text of an error is not recorded, as it may hold anything.
func (t *Tracer) Step(ctx context.Context, name string, attrs ...slog.Attr) (stepped context.Context, end func(error)) {
	if !at(ctx).IsSampled() {
		return ctx, func(error) {}
	}
	return t.begin(here(ctx), name, attrs, nil)
}

// Join begins work in a trace that was left earlier, maybe by another process, at
// from, which is what [Tracer.Current] returned then. If that is "" the work begins a
// trace, of which Config.Ratio decides whether it is recorded. See [Tracer.Step] for
// the rest.
func (t *Tracer) Join(ctx context.Context, from, name string, attrs ...slog.Attr) (joined context.Context, end func(error)) {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{}) // of whoever has time for it
	parent := parse(from)
	if parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	if parent.IsSampled() || !parent.IsValid() && t.dice() {
		w := &work{}
		return t.begin(context.WithValue(ctx, workKey{}, w), name, attrs, w)
	}
	ctx, sc := unrecorded(ctx, parent)
	release := tracing.Bind(ctx, sc.TraceID().String())
	return ctx, func(error) { release() }
}

// begin begins a span and makes it that of the goroutine. w is what it is the whole
// of, nil for a part.
func (t *Tracer) begin(ctx context.Context, name string, attrs []slog.Attr, w *work) (context.Context, func(error)) {
	kind := trace.SpanKindInternal
	list := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		if a.Key == KindKey {
			kind = kinds[a.Value.String()]
			continue
		}
		list = append(list, attributeOf(a))
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(list...))
	release := tracing.Bind(ctx, span.SpanContext().TraceID().String())
	return ctx, func(err error) {
		release()
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		t.conclude(w, span)
		span.End()
	}
}

// Note adds attributes to the span that the caller is in.
func (t *Tracer) Note(ctx context.Context, attrs ...slog.Attr) {
	if !at(ctx).IsSampled() {
		return
	}
	span := trace.SpanFromContext(here(ctx))
	for _, a := range attrs {
		span.SetAttributes(attributeOf(a))
	}
}

// conclude notes how many statements have no span.
func (t *Tracer) conclude(w *work, span trace.Span) {
	if w == nil {
		return
	}
	if left := w.statements.Load() - int64(t.config.MaxStatements); left > 0 {
		span.SetAttributes(attribute.Int64("holdall.statements_left_out", left))
	}
}

func attributeOf(a slog.Attr) attribute.KeyValue {
	switch a.Value.Kind() {
	case slog.KindInt64:
		return attribute.Int64(a.Key, a.Value.Int64())
	case slog.KindBool:
		return attribute.Bool(a.Key, a.Value.Bool())
	case slog.KindFloat64:
		return attribute.Float64(a.Key, a.Value.Float64())
	default:
		return attribute.String(a.Key, a.Value.String())
	}
}

// Current is where the caller is in a trace, recorded or not: a W3C traceparent, and
// behind a space the tracestate if there is one. It is "" outside of traces.
func (t *Tracer) Current(ctx context.Context) string {
	sc := at(ctx)
	if !sc.IsValid() {
		return ""
	}
	text := traceparent(sc)
	if state := sc.TraceState().String(); state != "" {
		text += " " + state
	}
	return text
}

// IDs names the trace and the span that the caller is in, for logs. They are "" outside
// of traces.
func (t *Tracer) IDs(ctx context.Context) (traceID, spanID string) {
	sc := at(ctx)
	if !sc.IsValid() {
		return "", ""
	}
	return sc.TraceID().String(), sc.SpanID().String()
}

// Recorded names the trace that the caller is in if it is recorded, else "".
func (t *Tracer) Recorded(ctx context.Context) (traceID string) {
	if sc := at(ctx); sc.IsSampled() {
		return sc.TraceID().String()
	}
	return ""
}

// parse is the opposite of Current. What it does not understand is nothing.
func parse(text string) trace.SpanContext {
	header, state, _ := strings.Cut(text, " ")
	p, ok := tracing.Parse(header)
	if !ok {
		return trace.SpanContext{}
	}
	traceID, err := trace.TraceIDFromHex(p.TraceID)
	if err != nil {
		return trace.SpanContext{}
	}
	spanID, err := trace.SpanIDFromHex(p.SpanID)
	if err != nil {
		return trace.SpanContext{}
	}
	config := trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, Remote: true}
	if p.Sampled {
		config.TraceFlags = trace.FlagsSampled
	}
	if list, err := trace.ParseTraceState(state); err == nil && len(state) <= maxState {
		config.TraceState = list
	}
	return trace.NewSpanContext(config)
}

// maxState is the length of the longest tracestate that is kept, in bytes, as the
// specification asks for.
const maxState = 512

// traceparent is the header for who goes on with the trace.
func traceparent(sc trace.SpanContext) string {
	return tracing.Parent{TraceID: sc.TraceID().String(), SpanID: sc.SpanID().String(), Sampled: sc.IsSampled()}.String()
}
