package requestlog

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// bufferSize is how many bytes of lines wait at most.
const bufferSize = 64 << 10

// lineWriter collects lines and writes many with one call. A blocked output
// blocks those who log, as lines must not be lost.
type lineWriter struct {
	out      io.Writer
	interval time.Duration

	mu     sync.Mutex
	buffer []byte
	armed  bool // a flush is due
	direct bool
}

func newLineWriter(out io.Writer, interval time.Duration) *lineWriter {
	return &lineWriter{out: out, interval: interval, direct: interval < 0}
}

// Write takes one or more whole lines.
func (w *lineWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.buffer)+len(line) > bufferSize {
		if err := w.flush(); err != nil {
			return 0, err
		}
	}
	w.buffer = append(w.buffer, line...)
	if w.direct {
		return len(line), w.flush()
	}
	if !w.armed {
		w.armed = true
		time.AfterFunc(w.interval, func() { _ = w.Flush() }) // nobody left to tell when standard output is gone
	}
	return len(line), nil
}

// Flush writes what waits.
func (w *lineWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	return w.flush()
}

// unbuffer makes every later line go out at once.
func (w *lineWriter) unbuffer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.direct = true
	_ = w.flush()
}

func (w *lineWriter) flush() error {
	if len(w.buffer) == 0 {
		return nil
	}
	_, err := w.out.Write(w.buffer)
	w.buffer = w.buffer[:0]
	return err
}

// urgentHandler flushes after warnings and errors: they are what somebody looks
// for when the process did not live to flush.
type urgentHandler struct {
	slog.Handler
	out *lineWriter
}

func (h *urgentHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if err == nil && r.Level >= slog.LevelWarn {
		err = h.out.Flush()
	}
	return err
}

func (h *urgentHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &urgentHandler{h.Handler.WithAttrs(attrs), h.out}
}

func (h *urgentHandler) WithGroup(name string) slog.Handler {
	return &urgentHandler{h.Handler.WithGroup(name), h.out}
}
