package requestlog

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/holdall-go/holdall/internal/recorder"
	"github.com/holdall-go/holdall/internal/tracing"
)

// requestIDHeader carries a request's id, in its canonical spelling.
const requestIDHeader = "X-Request-Id"

// The names of what joins lines to traces.
const (
	traceKey = "trace_id"
	spanKey  = "span_id"
)

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

		rec := &recording{Recorder: recorder.Recorder{ResponseWriter: w}, aborted: true}
		// deferred, so that a response that a handler aborts by panic has a line too
		defer p.log(r.Context(), r, rec, id, started)
		next.ServeHTTP(rec, r)
		rec.aborted = false
	})
}

// log writes the line of a request that is over.
func (p *Plugin) log(ctx context.Context, r *http.Request, rec *recording, id string, started time.Time) {
	status, level := rec.FinalStatus(), slog.LevelInfo
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
func (p *Plugin) attrs(a []slog.Attr, r *http.Request, rec *recording, id string, took time.Duration) []slog.Attr {
	a = append(a, slog.String("request_id", id))
	if header := r.Header["Traceparent"]; len(header) > 0 {
		if p, ok := tracing.Parse(header[0]); ok {
			a = append(a, slog.String(traceKey, p.TraceID), slog.String(spanKey, p.SpanID))
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
		slog.Int("status", rec.FinalStatus()),
		slog.Float64("duration_ms", math.Round(float64(took)/1e3)/1e3),
		slog.Int64("bytes", rec.Bytes),
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
	if rec.err != nil && rec.FinalStatus() >= http.StatusInternalServerError {
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
	defer func() {
		if rec, ok := recorder.Find[*recording](e.Response); ok {
			rec.note(e, err)
		}
	}()
	return e.Next()
}

func (rec *recording) note(e *core.RequestEvent, err error) {
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

// recording is of a response, and carries what note finds out.
type recording struct {
	recorder.Recorder

	aborted bool

	err                        error
	userID, userCollection, ip string
}

// requestID returns the id that the client sent if it is safe to repeat, or a new one.
func requestID(h http.Header) string {
	if values := h[requestIDHeader]; len(values) > 0 && saneID(values[0]) {
		return values[0]
	}
	return rand.Text()
}

// maxID is the length of the longest id that is kept, in bytes.
const maxID = 128

// saneID accepts what the usual proxies and clients send as an id.
func saneID(id string) bool {
	if id == "" || len(id) > maxID {
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
