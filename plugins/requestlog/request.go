package requestlog

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// requestIDHeader carries a request's id, in its canonical spelling.
const requestIDHeader = "X-Request-Id"

// The longest texts of strangers that a line takes, in bytes.
const (
	maxPath      = 2000
	maxUserAgent = 300
	maxError     = 4000
)

// wrap logs every request that next handles.
func (p *Plugin) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		id := requestID(r.Header)
		r.Header[requestIDHeader] = []string{id}
		w.Header()[requestIDHeader] = []string{id}

		rec := &recorder{ResponseWriter: w, aborted: true}
		// deferred, so that a response that a handler aborts by panic has a line too
		defer p.log(r.Context(), r, rec, id, started)
		next.ServeHTTP(rec, r)
		rec.aborted = false
	})
}

// log writes the line of a request that is over.
func (p *Plugin) log(ctx context.Context, r *http.Request, rec *recorder, id string, started time.Time) {
	status, level := rec.finalStatus(), slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	} else if p.skips(r.URL.Path) && status < http.StatusBadRequest {
		return
	}
	if !p.lines.Enabled(ctx, level) {
		return
	}

	now := time.Now()
	line := slog.NewRecord(now, level, "request", 0)
	line.AddAttrs(p.attrs(make([]slog.Attr, 0, 16), r, rec, id, now.Sub(started))...)
	_ = p.lines.Handle(ctx, line)
}

// attrs appends what is known of a request to a. One slice for all of it keeps
// the line cheap: this runs for every request.
func (p *Plugin) attrs(a []slog.Attr, r *http.Request, rec *recorder, id string, took time.Duration) []slog.Attr {
	a = append(a, slog.String("request_id", id))
	if header := r.Header["Traceparent"]; len(header) > 0 {
		if trace, span, ok := parseTraceparent(header[0]); ok {
			a = append(a, slog.String("trace_id", trace), slog.String("span_id", span))
		}
	}
	a = append(a, slog.String("method", cut(r.Method, 30)), slog.String("path", redactText(cut(r.URL.Path, maxPath))))
	if r.URL.RawQuery != "" {
		a = append(a, slog.String("query", redactQuery(cut(r.URL.RawQuery, maxPath))))
	}
	if r.Pattern != "" {
		a = append(a, slog.String("route", r.Pattern))
	}
	a = append(a,
		slog.Int("status", rec.finalStatus()),
		slog.Float64("duration_ms", math.Round(float64(took)/1e3)/1e3),
		slog.Int64("bytes", rec.bytes),
	)
	if rec.userID != "" {
		a = append(a, slog.String("user_id", rec.userID), slog.String("user_collection", rec.userCollection))
	}
	if rec.ip != "" {
		a = append(a, slog.String("ip", rec.ip))
	}
	if agent := r.Header["User-Agent"]; len(agent) > 0 {
		a = append(a, slog.String("user_agent", cut(agent[0], maxUserAgent)))
	}
	if rec.aborted {
		a = append(a, slog.Bool("aborted", true))
	}
	if rec.err != nil && rec.finalStatus() >= http.StatusInternalServerError {
		a = append(a, slog.String("error", redactText(cut(internalText(rec.err), maxError))))
	}
	return a
}

func (p *Plugin) skips(path string) bool {
	if p.skip[path] {
		return true
	}
	for _, dir := range p.skipDir {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

// note is the middleware that tells the line what only PocketBase knows.
func note(e *core.RequestEvent) (err error) {
	// deferred, so that the line of an aborted response has it too
	defer func() { noteOn(recorderOf(e.Response), e, err) }()
	return e.Next()
}

func noteOn(rec *recorder, e *core.RequestEvent, err error) {
	if rec == nil {
		return
	}
	rec.err = err
	if e.Auth != nil {
		rec.userID, rec.userCollection = e.Auth.Id, e.Auth.Collection().Name
	}
	if e.App.Settings().Logs.LogIP {
		rec.ip = e.RealIP()
	}
}

// internalText is what the log says of an error that the client only sees a
// public sentence of.
func internalText(err error) string {
	var api *router.ApiError
	if !errors.As(err, &api) {
		return err.Error()
	}
	if raw, ok := api.RawData().(error); ok {
		return raw.Error()
	}
	return api.Message
}

// recorder watches a response, and carries what note finds out.
type recorder struct {
	http.ResponseWriter

	status   int
	bytes    int64
	hijacked bool
	aborted  bool

	err                        error
	userID, userCollection, ip string
}

// recorderOf finds the recorder under the writers that middlewares have put
// around it; nil when there is none, as in tests without a server.
func recorderOf(w http.ResponseWriter) *recorder {
	for {
		switch v := w.(type) {
		case *recorder:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}

func (rec *recorder) finalStatus() int {
	switch {
	case rec.status != 0:
		return rec.status
	case rec.hijacked:
		return http.StatusSwitchingProtocols
	default:
		return http.StatusOK // what net/http sends for a handler that wrote nothing
	}
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= http.StatusOK { // 1xx are not the answer yet
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += int64(n)
	return n, err
}

// ReadFrom keeps net/http's way of sending files without copying them.
func (rec *recorder) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(rec.ResponseWriter, src)
	rec.bytes += n
	return n, err
}

func (rec *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(rec.ResponseWriter).Hijack()
	rec.hijacked = rec.hijacked || err == nil
	return conn, rw, err
}

// Flush is for handlers that look for an http.Flusher.
func (rec *recorder) Flush() { _ = rec.FlushError() }

// FlushError is for http.ResponseController, which asks for it first.
func (rec *recorder) FlushError() error {
	return http.NewResponseController(rec.ResponseWriter).Flush()
}

// OnlyLooks tells who takes a connection over that nothing is lost but the number
// of bytes that follow.
func (rec *recorder) OnlyLooks() {}

// Unwrap is for http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// requestID returns the id that the client sent if it is safe to repeat, or a new one.
func requestID(h http.Header) string {
	if values := h[requestIDHeader]; len(values) > 0 && saneID(values[0]) {
		return values[0]
	}
	return rand.Text()
}

// saneID accepts what the usual proxies and clients send as an id.
func saneID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("-_.:/+=@", rune(c)) {
			return false
		}
	}
	return true
}

// cut shortens s to max bytes and shows that it did.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}
