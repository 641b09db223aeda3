package backup

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// waiting holds back the answers of requests that write until the change is in all
// targets. One capture answers all who wait meanwhile.
type waiting struct {
	plugin  *Plugin
	commits atomic.Uint64

	mu       sync.Mutex
	degraded time.Time // since when nobody waits; zero: they do
	since    uint64    // how many waits timed out
}

func newWaiting(p *Plugin) *waiting {
	w := &waiting{plugin: p}
	if p.config.Sync {
		p.config.Engine.OnCommit(func(path string) {
			if filepath.Base(path) == databases[0] {
				w.commits.Add(1)
			}
		})
	}
	return w
}

// Wait returns when all targets have what was committed to data.db before the call,
// or when ctx is done. Programs call it where they acknowledge something by other
// means than an HTTP answer.
func (p *Plugin) Wait(ctx context.Context) error {
	if err := p.needTarget(); err != nil {
		return err
	}
	select {
	case <-p.running:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	first := p.shipments[0]
	p.mu.Unlock()
	return first.wait(ctx)
}

// bind adds the middleware if the config asks for it.
func (w *waiting) bind(e *core.ServeEvent) {
	if !w.plugin.config.Sync {
		return
	}
	e.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id:       "holdallBackupWait",
		Func:     w.middleware,
		Priority: -99999, // outside of everything that answers
	})
}

func (w *waiting) middleware(e *core.RequestEvent) error {
	switch e.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return e.Next()
	}
	held := &held{ResponseWriter: e.Response, waiting: w, ctx: e.Request.Context(), before: w.commits.Load()}
	e.Response = held
	return e.Next()
}

// hold returns when the answer may go out. It is called once a request.
func (w *waiting) hold(ctx context.Context, before uint64) {
	if w.commits.Load() == before {
		return // nothing was written
	}
	w.mu.Lock()
	degraded := !w.degraded.IsZero()
	w.mu.Unlock()
	if degraded {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, w.plugin.config.SyncTimeout)
	defer cancel()
	err := w.plugin.Wait(ctx)
	if err == nil || errors.Is(context.Cause(ctx), context.Canceled) {
		return // it is there, or nobody is left to wait
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since++
	if !w.degraded.IsZero() {
		return
	}
	w.degraded = time.Now()
	w.plugin.logger().Error("answers no longer wait for the backup, which does not keep up", slog.Any("error", err))
	w.plugin.workers.Go("wait again", w.resume)
}

// resume ends the fallback as soon as the targets have caught up.
func (w *waiting) resume(ctx context.Context) {
	for ctx.Err() == nil {
		if err := w.plugin.Wait(ctx); err != nil {
			select {
			case <-time.After(w.plugin.config.Interval):
				continue
			case <-ctx.Done():
				return
			}
		}
		w.mu.Lock()
		after := time.Since(w.degraded)
		w.degraded = time.Time{}
		w.mu.Unlock()
		w.plugin.logger().Info("answers wait for the backup again", slog.String("after", after.Round(time.Second).String()))
		return
	}
}

// waits tells whether answers wait now, and how often one went out too early.
func (w *waiting) waits() (now bool, early uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.plugin.config.Sync && w.degraded.IsZero(), w.since
}

// held is a response that waits before its first byte.
type held struct {
	http.ResponseWriter
	waiting *waiting
	ctx     context.Context
	before  uint64
	once    sync.Once
}

func (h *held) wait() { h.once.Do(func() { h.waiting.hold(h.ctx, h.before) }) }

// Unwrap is for http.ResponseController and PocketBase's trackers.
func (h *held) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h *held) WriteHeader(status int) {
	if status >= http.StatusOK { // 1xx are not the answer yet
		h.wait()
	}
	h.ResponseWriter.WriteHeader(status)
}

func (h *held) Write(b []byte) (int, error) {
	h.wait()
	return h.ResponseWriter.Write(b)
}

// FlushError is for http.ResponseController.
func (h *held) FlushError() error {
	h.wait()
	return http.NewResponseController(h.ResponseWriter).Flush()
}

// Flush is for handlers that look for an http.Flusher.
func (h *held) Flush() { _ = h.FlushError() }

// Hijack is for handlers that look for an http.Hijacker.
func (h *held) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack()
}
