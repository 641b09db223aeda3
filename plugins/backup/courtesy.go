package backup

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"
)

// quiet passes on what is a warning or worse. Litestream tells of each step, and of
// each page that it captures: then it lets others run first. Compressing pages keeps a
// processor busy for a tenth of a second, Go takes it away after 10 ms, and a writer
// that waits behind that holds up all others.
type quiet struct {
	slog.Handler
	turns *turns
}

// traceLevel is litestream's for each page.
const traceLevel = slog.LevelDebug - 4

func (h quiet) Enabled(ctx context.Context, level slog.Level) bool {
	if level <= traceLevel {
		h.turns.yield()
	}
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quiet{h.Handler.WithAttrs(attrs), h.turns}
}

func (h quiet) WithGroup(name string) slog.Handler { return quiet{h.Handler.WithGroup(name), h.turns} }

// turns lets others run as long as that is fair. What yields after each page would
// hardly run beside hundreds of requests, and fall behind.
type turns struct {
	next  atomic.Int64 // when it yields again, in nanoseconds since turnsBegan
	count atomic.Int64
	slow  atomic.Int64 // in nanoseconds, for tests: a processor that takes so long for a page
}

var turnsBegan = time.Now()

// yield lets others run, unless they have just run for longer than we since.
func (t *turns) yield() {
	if slow := t.slow.Load(); slow > 0 {
		<-time.After(time.Duration(slow))
	}
	before := time.Since(turnsBegan)
	if int64(before) < t.next.Load() {
		return
	}
	runtime.Gosched()
	after := time.Since(turnsBegan)
	t.next.Store(int64(after + (after - before)))
	t.count.Add(1)
}
