package fastlane

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// The ids of the lane's middlewares.
const (
	callerMiddleware = "holdallFastlaneCaller"
	laneMiddleware   = "holdallFastlane"
)

// placement is where the lane is in one server: in front of the router if all that
// is bound to the records' routes is PocketBase's own, otherwise behind all middlewares.
type placement struct {
	plugin  *Plugin
	front   atomic.Pointer[front]
	because string
}

// Placement says where the lane is.
type Placement struct {
	// Front says that requests are answered in front of PocketBase's router.
	Front bool
	// Because says why they are not, in a sentence.
	Because string
}

// Placement returns where the lane is in the server that was started last.
func (p *Plugin) Placement() Placement {
	if at := p.placed.Load(); at != nil {
		return Placement{Front: at.front.Load() != nil, Because: at.because}
	}
	return Placement{Because: "There is no server."}
}

// place is the handler of OnServe. What is bound to the router is known only when all
// other handlers have run, and PocketBase has built its mux: nothing that is bound
// later counts, for PocketBase either.
func (p *Plugin) place(e *core.ServeEvent) error {
	at := &placement{plugin: p}
	activity := p.replaceActivity(e.Router)
	e.Router.Bind(
		&hook.Handler[*core.RequestEvent]{Id: callerMiddleware, Func: p.load, Priority: apis.DefaultLoadAuthTokenMiddlewarePriority - 1},
		&hook.Handler[*core.RequestEvent]{Id: laneMiddleware, Func: at.serve, Priority: math.MaxInt},
	)
	if err := e.Next(); err != nil {
		return err
	}
	var made *front
	if made, at.because = newFront(p, e, activity); made != nil {
		at.front.Store(made)
		e.Server.Handler = made
	}
	p.placed.Store(at)
	return nil
}

// serve is the middleware. What the front takes has been there.
func (at *placement) serve(e *core.RequestEvent) error {
	if at.front.Load() != nil && fromFront(e.Request.Pattern) && !e.App.Settings().RateLimits.Enabled {
		return e.Next()
	}
	return at.plugin.serve(e)
}

func fromFront(pattern string) bool { return pattern == viewPattern || pattern == listPattern }

// front answers what the lane answers, and does to requests and answers what
// PocketBase's middlewares do. It touches nothing of what it leaves to the router.
type front struct {
	plugin   *Plugin
	app      core.App
	next     http.Handler
	cors     func(*core.RequestEvent) error // nil for none
	secure   [][2]string                    // headers of all answers
	activity *activity
	target   func(*http.Request) (a action, collection, id string, ok bool)
}

// newFront returns the front for a server that is about to start, or why it has none.
func newFront(p *Plugin, e *core.ServeEvent, a *activity) (*front, string) {
	if p.config.Behind {
		return nil, "The configuration says so."
	}
	if e.Server == nil || a == nil {
		return nil, "The server is not PocketBase's."
	}
	mux, ok := e.Server.Handler.(*http.ServeMux)
	if !ok {
		return nil, fmt.Sprintf("The server's handler is a %T.", e.Server.Handler)
	}
	bound, problem := checkRouter(e.Router, a.handler)
	if problem != "" {
		return nil, problem
	}
	for pattern, path := range map[string]string{viewPattern: recordsPrefix + "x/records/x", listPattern: recordsPrefix + "x/records"} {
		probe, err := http.NewRequest(http.MethodGet, path, nil) //nolint:noctx // it is not sent
		if err != nil {
			return nil, err.Error()
		}
		if _, has := mux.Handler(probe); has != pattern {
			return nil, fmt.Sprintf("The server's handler has the route %q for records.", has)
		}
	}
	made := &front{plugin: p, app: e.App, next: mux, activity: a, target: targetOf}
	for _, h := range e.Router.Middlewares {
		if !slices.ContainsFunc(bound, func(m boundMiddleware) bool { return m.handler == reflect.ValueOf(h).Pointer() }) {
			continue // the routes have unbound it
		}
		switch h.Id {
		case apis.DefaultCorsMiddlewareId:
			made.cors = h.Func
		case apis.DefaultSecurityHeadersMiddlewareId:
			made.secure = headersOf(h.Func)
		}
	}
	return made, ""
}

// headersOf returns what headers a middleware sets.
func headersOf(middleware func(*core.RequestEvent) error) (headers [][2]string) {
	answer := scratch{}
	e := &core.RequestEvent{}
	e.Request, e.Response = &http.Request{Method: http.MethodGet}, answer
	if err := middleware(e); err != nil {
		return nil // which it never does
	}
	for name, values := range answer {
		headers = append(headers, [2]string{name, values[0]})
	}
	return headers
}

// scratch takes headers.
type scratch http.Header

func (s scratch) Header() http.Header         { return http.Header(s) }
func (s scratch) Write(b []byte) (int, error) { return len(b), nil }
func (s scratch) WriteHeader(int)             {}

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a, collection, id, ok := f.target(r); !ok || !f.answer(w, r, a, collection, id) { //nolint:contextcheck // rows of the log outlive the request
		f.next.ServeHTTP(w, r)
	}
}

const recordsPrefix = "/api/collections/"

// targetOf reads the path of a request as the mux does, if it is one that means the
// same in all ways of writing it.
func targetOf(r *http.Request) (a action, collection, id string, ok bool) {
	if r.Method != http.MethodGet || r.ContentLength != 0 || r.URL.RawPath != "" {
		return 0, "", "", false
	}
	rest, ok := strings.CutPrefix(r.URL.Path, recordsPrefix)
	if !ok || strings.HasPrefix(r.Host, "www.") { // which PocketBase may redirect
		return 0, "", "", false
	}
	collection, rest, _ = strings.Cut(rest, "/")
	rest, ok = strings.CutPrefix(rest, "records")
	if !ok || !isPlainSegment(collection) {
		return 0, "", "", false
	}
	if rest == "" {
		return list, collection, "", true
	}
	id, ok = strings.CutPrefix(rest, "/")
	return view, collection, id, ok && isPlainSegment(id)
}

// isPlainSegment tells whether part of a path needs no escaping and is no dots.
func isPlainSegment(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != ""
}

// exchange is a request with its answer, as the router would hand them out.
type exchange struct {
	event   core.RequestEvent
	request http.Request
	writer  frontWriter
}

// answer answers a request, or tells that the router has to and leaves it as it is.
func (f *front) answer(w http.ResponseWriter, r *http.Request, a action, collection, id string) (answered bool) {
	if f.app.Settings().RateLimits.Enabled || f.plugin.bypass != nil && f.plugin.bypass(r) {
		return false // the middleware charges
	}
	if reason := f.plugin.hooked(a); reason != "" {
		f.plugin.counts.add(a, reason)
		return false
	}
	started := time.Now()
	x := &exchange{request: *r}
	x.request.Pattern = viewPattern
	if a == list {
		x.request.Pattern = listPattern
	}
	x.request.SetPathValue("collection", collection)
	x.request.SetPathValue("id", id)
	x.writer = frontWriter{ResponseWriter: w, front: f}
	x.event.App, x.event.Request, x.event.Response = f.app, &x.request, &x.writer
	defer func() {
		if failed := recover(); failed != nil {
			answered = f.recovered(x, a, started, failed)
		}
	}()
	reason, err := f.try(x, a)
	f.plugin.counts.add(a, reason)
	if reason != "" {
		return false
	}
	f.finish(x, started, err)
	return true
}

// finish does what comes after the handler: the log, and the answer if that is an error.
func (f *front) finish(x *exchange, started time.Time, err error) {
	f.activity.log(&x.event, started, err)
	if err != nil {
		router.ErrorHandler(&x.writer, &x.request, err)
	}
}

// recovered has the router answer what the lane has failed on, unless part of an
// answer is out. Then it is what PocketBase makes of a handler that fails.
func (f *front) recovered(x *exchange, a action, started time.Time, failed any) (answered bool) {
	err, ok := failed.(error)
	if !ok {
		err = fmt.Errorf("%v", failed)
	} else if errors.Is(err, http.ErrAbortHandler) {
		panic(failed)
	}
	err = fmt.Errorf("[PANIC RECOVER] %w %.2048s", err, debug.Stack())
	if x.writer.written {
		f.finish(x, started, x.event.InternalServerError("", err))
		return true
	}
	f.plugin.counts.add(a, ReasonPanic)
	f.app.Logger().Error("The fast lane has failed on a request, which PocketBase answers.",
		slog.String("url", x.request.URL.Path), slog.Any("error", err))
	return false
}

// try has the lane answer. What its middlewares look at when it is behind the
// others is looked at in another order: the account is read last.
func (f *front) try(x *exchange, a action) (Reason, error) {
	e := &x.event
	var who *known
	if token := tokenOf(e); token != "" {
		if who = f.plugin.callers.find(token); who == nil {
			return ReasonToken, nil
		}
		e.Auth = who.record // nobody else sees it
		if who.record.IsSuperuser() && len(f.app.Settings().SuperuserIPs) > 0 {
			return ReasonSuperuser, nil // a middleware looks where they are
		}
	}
	if !x.writer.allow(e, f.cors) {
		return ReasonOrigin, nil
	}
	call, reason := f.plugin.prepare(e, a)
	if reason != "" {
		return reason, nil
	}
	db, ok := f.app.ConcurrentDB().(*dbx.DB)
	if !ok || who != nil && !who.holds(call.schema, db.DB(), &f.plugin.writer.lineage) {
		return ReasonToken, nil
	}
	return call.answer(e, a)
}

// frontWriter is an answer as the router's own, with the headers of PocketBase's
// middlewares, which it gets only when it is written.
type frontWriter struct {
	http.ResponseWriter
	front   *front
	status  int
	written bool
	allowed scratch // what CORS has to say
	values  [4]string
}

// allow asks PocketBase's middleware for CORS about an origin, which it does not if
// there is none.
func (w *frontWriter) allow(e *core.RequestEvent, cors func(*core.RequestEvent) error) bool {
	if cors == nil || len(e.Request.Header["Origin"]) == 0 {
		return true
	}
	w.allowed = scratch{}
	e.Response = w.allowed
	err := cors(e)
	e.Response = w
	return err == nil
}

func (w *frontWriter) WriteHeader(status int) {
	if w.written {
		return
	}
	w.written, w.status = true, status
	w.addHeaders()
	w.ResponseWriter.WriteHeader(status)
}

// announce says how long the answer will be, which net/http finds out for short ones only.
// Long ones would go out in chunks, with one more call of the system for the last. Another
// program's writer may compress what it gets, so that only it knows.
func (w *frontWriter) announce(length int) {
	const short = 2 << 10
	if length > short && reflect.TypeOf(w.ResponseWriter).String() == "*http.response" {
		w.Header()["Content-Length"] = []string{strconv.Itoa(length)}
	}
}

// addHeaders does what PocketBase's middlewares do, in their order.
func (w *frontWriter) addHeaders() {
	header := w.Header()
	for name, values := range w.allowed {
		if name != "Vary" {
			header[name] = values
		}
	}
	if w.allowed != nil {
		header["Vary"] = append(header["Vary"], w.allowed["Vary"]...)
	} else if w.front.cors != nil && header["Vary"] == nil {
		w.values[0] = "Origin"
		header["Vary"] = w.values[:1:1]
	} else if w.front.cors != nil {
		header.Add("Vary", "Origin")
	}
	for i, pair := range w.front.secure {
		if i+1 >= len(w.values) {
			header[pair[0]] = []string{pair[1]}
			continue
		}
		w.values[i+1] = pair[1]
		header[pair[0]] = w.values[i+1 : i+2 : i+2]
	}
}

func (w *frontWriter) Write(b []byte) (int, error) {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Written implements [router.WriteTracker].
func (w *frontWriter) Written() bool { return w.written }

// Status implements [router.StatusTracker].
func (w *frontWriter) Status() int { return w.status }

// Unwrap is for [http.ResponseController].
func (w *frontWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
