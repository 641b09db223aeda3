package limits

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// unbounded are the beginnings of paths whose answers may begin late: streams, and
// backups, which take as long as there is data. What has begun to answer, such as a
// download, is not bound anyway.
var unbounded = []string{"/api/realtime", "/api/backups"}

// bounds tells whether a path has a deadline.
func (r Requests) bounds(path string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(path, prefix) }
	return begins("/api/") && !slices.ContainsFunc(unbounded, begins) && !slices.ContainsFunc(r.NoDeadline, begins)
}

// bindDeadline ends requests that are not answered in time.
func (p *Plugin) bindDeadline(app core.App) {
	within := p.config.Requests.Deadline
	if within == 0 {
		return
	}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallLimitsDeadline",
		Func: func(e *core.ServeEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			if e.Server != nil {
				e.Server.Handler = answerWithin(e.Server.Handler, within, p.config.Requests.bounds)
			}
			return nil
		},
		Priority: -997, // what counts and logs requests sees the refusal
	})
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.Bind(&hook.Handler[*core.RequestEvent]{
			Id: "holdallLimitsDeadlineHeaders", Func: keepHeaders, Priority: apis.DefaultSecurityHeadersMiddlewarePriority + 1,
		})
		return e.Next()
	})
}

// answerKey is where the context of a request has its [timely] answer.
type answerKey struct{}

// keepHeaders remembers the headers that every answer has, without those of CORS a
// browser does not show the refusal to the page that asked.
func keepHeaders(e *core.RequestEvent) error {
	if answer, ok := e.Request.Context().Value(answerKey{}).(*timely); ok {
		answer.keep(e.Response.Header())
	}
	return e.Next()
}

// answerWithin refuses requests of the API whose answer has not begun in time. The
// handler goes on: its context is cancelled, and what it writes goes nowhere.
func answerWithin(next http.Handler, within time.Duration, bounds func(path string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !bounds(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		answer := &timely{ResponseWriter: w, header: w.Header().Clone()}
		answer.timer = time.AfterFunc(within, func() { answer.expire(cancel) })
		defer answer.end()
		inner := r.WithContext(context.WithValue(ctx, answerKey{}, answer))
		if r.Body != nil && r.Body != http.NoBody {
			inner.Body = &arriving{ReadCloser: r.Body, timer: answer.timer, within: within}
		}
		// for what is around this: the route to count by, and the files that the server deletes
		defer func() { r.Pattern, r.MultipartForm = inner.Pattern, inner.MultipartForm }()
		next.ServeHTTP(answer, inner)
	})
}

// arriving is a body. The time stands still while the server waits for it: how long
// clients may take is bounded elsewhere.
type arriving struct {
	io.ReadCloser
	timer  *time.Timer
	within time.Duration
}

func (b *arriving) Read(p []byte) (int, error) {
	b.timer.Stop()
	defer b.timer.Reset(b.within)
	return b.ReadCloser.Read(p)
}

// timely is an answer that has to begin in time.
type timely struct {
	http.ResponseWriter
	timer *time.Timer

	mu     sync.Mutex
	header http.Header // until the answer begins, as the handler may be at work when the time is up
	kept   http.Header // of every answer
	state  timelyState
}

type timelyState int

const (
	pending timelyState = iota
	begun               // by the handler, or it is over
	expired
)

// Header implements [http.ResponseWriter].
func (t *timely) Header() http.Header { return t.header }

// keep remembers headers for a refusal, the first ones only: the requests of a batch
// have the same context, and answers of their own.
func (t *timely) keep(header http.Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil {
		t.kept = header.Clone()
	}
}

// begin lets the handler answer, with its headers, unless the time is up.
func (t *timely) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == pending {
		t.state = begun
		t.timer.Stop()
		t.hand()
	}
	return t.state == begun
}

// hand gives the headers to the writer below, which has them to itself then.
func (t *timely) hand() {
	below := t.ResponseWriter.Header()
	clear(below)
	maps.Copy(below, t.header)
	t.header = below
}

// WriteHeader implements [http.ResponseWriter].
func (t *timely) WriteHeader(status int) {
	if status < http.StatusOK && status != http.StatusSwitchingProtocols { // is not the answer yet
		return
	}
	if t.begin() {
		t.ResponseWriter.WriteHeader(status)
	}
}

// Write implements [http.ResponseWriter].
func (t *timely) Write(b []byte) (int, error) {
	if !t.begin() {
		return 0, http.ErrHandlerTimeout
	}
	return t.ResponseWriter.Write(b)
}

// ReadFrom keeps net/http's way of sending files without copying them.
func (t *timely) ReadFrom(src io.Reader) (int64, error) {
	if !t.begin() {
		return 0, http.ErrHandlerTimeout
	}
	return io.Copy(t.ResponseWriter, src)
}

// FlushError is for [http.ResponseController].
func (t *timely) FlushError() error {
	if !t.begin() {
		return http.ErrHandlerTimeout
	}
	return http.NewResponseController(t.ResponseWriter).Flush()
}

// Flush is for handlers that look for an [http.Flusher].
func (t *timely) Flush() { _ = t.FlushError() }

// Hijack implements [http.Hijacker].
func (t *timely) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !t.begin() {
		return nil, nil, http.ErrHandlerTimeout
	}
	return http.NewResponseController(t.ResponseWriter).Hijack()
}

// Unwrap is for [http.ResponseController].
func (t *timely) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// end is when the handler has returned.
func (t *timely) end() { t.begin() }

// expire refuses the request if its answer has not begun.
func (t *timely) expire(cancel context.CancelCauseFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != pending {
		return
	}
	t.state = expired
	cancel(context.DeadlineExceeded) // before the client can go, which is another cause
	body := `{"data":{"code":"` + CodeRequestTimeout + `"},"message":"The server took too long to answer. What was asked for may have been done all the same.","status":503}` + "\n"
	header := t.ResponseWriter.Header()
	maps.Copy(header, t.kept)
	header.Set("Content-Type", "application/json")
	header.Set("Connection", "close") // the handler still has this one
	header.Set("Retry-After", "1")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	t.ResponseWriter.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(t.ResponseWriter, body)
	_ = http.NewResponseController(t.ResponseWriter).Flush()
}
