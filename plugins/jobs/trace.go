package jobs

import (
	"context"
	"log/slog"
)

// trace begins the step of a trace in which the job is enqueued, and notes it in the
// row. end ends the step.
func (p *Plugin) trace(r *row) (end func(error)) {
	if p.config.Tracer == nil {
		return func(error) {}
	}
	ctx, end := p.config.Tracer.Step(context.Background(), "enqueue "+r.Kind, append(r.traced(), slog.String("span.kind", "producer"))...)
	r.Trace = p.config.Tracer.Current(ctx)
	return end
}

// traced calls the handler as part of the trace in which the job was enqueued. A job
// of a schedule is none's, and may begin one.
func (r *run) traced() error {
	if r.p.config.Tracer == nil {
		return r.invoke(r.ctx)
	}
	ctx, end := r.p.config.Tracer.Join(r.ctx, r.row.Trace, "run "+r.row.Kind,
		append(r.row.traced(), slog.Int("holdall.attempt", r.row.Attempts), slog.String("span.kind", "consumer"))...)
	err := errGoexit
	defer func() { end(err) }()
	err = r.invoke(ctx)
	return err
}

// traced is what a trace tells of a job: never its arguments.
func (r row) traced() []slog.Attr {
	return []slog.Attr{slog.String("holdall.job", r.ID), slog.String("holdall.queue", r.Queue)}
}
