package webhooks

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// headerTrace is the header of the W3C trace context, in its canonical spelling.
const headerTrace = "Traceparent"

// position is where the caller is in a trace.
func (p *Plugin) position(ctx context.Context) string {
	if p.config.Tracer == nil {
		return ""
	}
	return p.config.Tracer.Current(ctx)
}

// trace begins an attempt as part of the trace that the delivery comes from. No
// delivery begins a trace. Of the address only the host is told: the rest may be a
// secret.
func (p *Plugin) trace(ctx context.Context, e *endpoint, d delivery) (traced context.Context, end func(error)) {
	if p.config.Tracer == nil || d.Trace == "" {
		return ctx, func(error) {}
	}
	host := ""
	if u, err := url.Parse(e.url()); err == nil {
		host = u.Hostname()
	}
	return p.config.Tracer.Join(ctx, d.Trace, "deliver "+d.Type,
		slog.String("span.kind", "client"), slog.String("holdall.event", d.Event), slog.String("holdall.endpoint", e.Id),
		slog.Int("holdall.attempt", d.Attempts+1), slog.String("http.request.method", http.MethodPost), slog.String("server.address", host))
}

// note adds to what is told of an attempt.
func (p *Plugin) note(ctx context.Context, attrs ...slog.Attr) {
	if p.config.Tracer != nil {
		p.config.Tracer.Note(ctx, attrs...)
	}
}

// propagate tells the receiver which span the request is of. It is not told of the
// tracestate, which is of those who asked us.
func (p *Plugin) propagate(ctx context.Context, header http.Header) {
	if parent, _, _ := strings.Cut(p.position(ctx), " "); parent != "" {
		header.Set(headerTrace, parent)
	}
}
