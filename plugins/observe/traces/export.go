package traces

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// complainEvery is how often the log says at most that spans are lost.
const complainEvery = 5 * time.Minute

// exporter sends spans and counts what becomes of them. Its errors go no further:
// OpenTelemetry would print them to standard error, for each batch.
type exporter struct {
	sdk.SpanExporter
	log atomic.Pointer[func() *slog.Logger] // nil before there is an app

	recorded, exported, failed atomic.Int64
	failing                    atomic.Bool
	complained                 atomic.Int64 // when, in seconds
}

func newExporter(client otlptrace.Client) *exporter {
	return &exporter{SpanExporter: otlptrace.NewUnstarted(client)}
}

// ExportSpans implements [sdk.SpanExporter].
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		e.exported.Add(int64(len(spans)))
		if e.failing.Swap(false) {
			e.tell(slog.LevelInfo, "The collector takes traces again.") //nolint:contextcheck // a line of the log, of no trace
		}
		return nil
	}
	e.failed.Add(int64(len(spans)))
	e.failing.Store(true)
	last, now := e.complained.Load(), time.Now().Unix()
	if now-last >= int64(complainEvery.Seconds()) && e.complained.CompareAndSwap(last, now) {
		e.tell(slog.LevelWarn, "The collector does not take traces; what it does not take is lost.", slog.Any("error", err)) //nolint:contextcheck // likewise
	}
	return nil
}

func (e *exporter) tell(level slog.Level, message string, attrs ...slog.Attr) {
	if log := e.log.Load(); log != nil {
		(*log)().LogAttrs(context.Background(), level, message, attrs...)
	}
}

// counter counts the spans that end.
func (e *exporter) counter() sdk.SpanProcessor { return counter{e} }

type counter struct{ e *exporter }

func (c counter) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (c counter) OnEnd(sdk.ReadOnlySpan)                     { c.e.recorded.Add(1) }
func (c counter) Shutdown(context.Context) error             { return nil }
func (c counter) ForceFlush(context.Context) error           { return nil }

// Counts are spans since the start.
type Counts struct {
	// Recorded are all that have ended, Exported those that the collector has taken,
	// and Failed those that it has not. The others wait, or have been thrown away as
	// there were too many.
	Recorded, Exported, Failed int64
}

// Counts tells what became of the spans.
func (t *Tracer) Counts() Counts {
	return Counts{Recorded: t.exporter.recorded.Load(), Exported: t.exporter.exported.Load(), Failed: t.exporter.failed.Load()}
}

var _ sdk.SpanExporter = (*exporter)(nil)
