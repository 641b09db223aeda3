package fastlane_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// origins are those that both servers allow.
var origins = []string{"https://app.example.com", "https://*.example.org"}

// pair is an app that two servers serve: one that starts as programs start it, with the lane
// in front of the router, and PocketBase's router without anything of the lane.
type pair struct {
	*world
	here, there *wire
	active      *active
	sent        int
	since       int // this many, the rows of the log were compared
	rowsAfter   int // this many, they are compared
}

// clientHeader is where the servers read a client's address.
const clientHeader = "X-Client"

// newPair starts them. The rows of the log are those of both.
func newPair(tb testing.TB, w *world) *pair {
	tb.Helper()
	w.app.Settings().TrustedProxy.Headers = []string{clientHeader}
	address, active, bound := serveInFront(tb, w.app)
	if at := w.plugin.Placement(); !at.Front {
		tb.Fatalf("the lane is behind: %s", at.Because)
	}
	stock := httptest.NewServer(stockMux(tb, w.app, bound))
	tb.Cleanup(stock.Close)
	return &pair{world: w, active: active, rowsAfter: 500, here: &wire{address: address}, there: &wire{address: stock.Listener.Addr().String()}}
}

// stockMux is PocketBase's router for the app, with the two middlewares that
// PocketBase's server adds. It is made for another app, to which it binds handlers.
func stockMux(tb testing.TB, app core.App, bound []*hook.Handler[*core.RequestEvent]) http.Handler {
	tb.Helper()
	router, err := apis.NewRouter(core.NewBaseApp(core.BaseAppConfig{}))
	if err != nil {
		tb.Fatal(err)
	}
	router.Bind(&hook.Handler[*core.RequestEvent]{Priority: math.MinInt, Func: func(e *core.RequestEvent) error {
		e.App = app
		return e.Next()
	}})
	for _, h := range bound {
		if h.Id == apis.DefaultCorsMiddlewareId || h.Id == apis.DefaultWWWRedirectMiddlewareId {
			router.Bind(h)
		}
	}
	mux, err := router.BuildMux()
	if err != nil {
		tb.Fatal(err)
	}
	return mux
}

// serveInFront starts the app's server as the command serve does, and returns what
// is bound to its router.
func serveInFront(tb testing.TB, app core.App) (address string, in *active, bound []*hook.Handler[*core.RequestEvent]) {
	tb.Helper()
	in = newActive()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	started, ended := make(chan *core.ServeEvent, 1), make(chan error, 1)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Func: func(e *core.ServeEvent) error {
		e.Listener, e.InstallerFunc, e.Server.ConnState = listener, nil, in.changed
		err := e.Next()
		started <- e
		return err
	}})
	go func() {
		ended <- apis.Serve(app, apis.ServeConfig{HttpAddr: listener.Addr().String(), AllowedOrigins: origins})
	}()
	event := <-started
	tb.Cleanup(func() {
		_ = event.Server.Close()
		if err := <-ended; err != nil {
			tb.Errorf("serve: %v", err)
		}
	})
	return listener.Addr().String(), in, event.Router.Middlewares
}

// active is the connections of a server whose requests are not over. A client may have
// the whole answer before, which is counted and logged then.
type active struct {
	mu    sync.Mutex
	fewer *sync.Cond
	conns map[net.Conn]struct{}
}

func newActive() *active {
	a := &active{conns: map[net.Conn]struct{}{}}
	a.fewer = sync.NewCond(&a.mu)
	return a
}

// changed is the server's hook.
func (a *active) changed(conn net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == http.StateActive {
		a.conns[conn] = struct{}{}
		return
	}
	delete(a.conns, conn)
	a.fewer.Broadcast()
}

// wait waits until all requests are over.
func (a *active) wait() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.conns) > 0 {
		a.fewer.Wait()
	}
}

// sending is a request to the byte.
type sending struct {
	method, target string
	header         http.Header
	body           string
}

func (s sending) text(host string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", s.method, s.target)
	if s.header.Get("Host") == "" {
		fmt.Fprintf(&b, "Host: %s\r\n", host)
	}
	for _, name := range slices.Sorted(maps.Keys(s.header)) {
		for _, value := range s.header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if s.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(s.body))
	}
	return b.String() + "\r\n" + s.body
}

// wire is a connection to a server.
type wire struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

// send sends a request and returns all that a client sees of the answer.
func (w *wire) send(tb testing.TB, s sending) answer {
	tb.Helper()
	if w.conn == nil {
		conn, err := net.Dial("tcp", w.address)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = conn.Close() })
		w.conn, w.reader = conn, bufio.NewReader(conn)
	}
	_ = w.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(w.conn, s.text("127.0.0.1")); err != nil {
		tb.Fatal(err)
	}
	response, err := http.ReadResponse(w.reader, &http.Request{Method: s.method})
	if err != nil {
		tb.Fatalf("%s: %v", s.text(""), err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	if response.Close {
		_ = w.conn.Close()
		w.conn = nil
	}
	response.Header.Del("Date")
	length := fmt.Sprint(response.ContentLength, response.TransferEncoding)
	if len(body) > 0 { // PocketBase sends a long one in chunks, the lane says how long it is
		response.Header.Del("Content-Length")
		length = "a body"
	}
	header := fmt.Sprint(response.Proto, response.Header, length, response.Close)
	return answer{response.StatusCode, header, string(body)}
}

// compare returns how the answer here differs from that there. Both are logged with
// the same client and the same name of a browser, which is another for each call.
func (p *pair) compare(tb testing.TB, s sending) string {
	tb.Helper()
	p.sent++
	s.header = maps.Clone(s.header)
	if s.header == nil {
		s.header = http.Header{}
	}
	s.header.Set("User-Agent", p.browser())
	s.header.Set(clientHeader, fmt.Sprintf("10.%d.%d.%d", p.sent>>16&255, p.sent>>8&255, p.sent&255))
	want, got := p.there.send(tb, s), p.here.send(tb, s)
	if got == want {
		return ""
	}
	return fmt.Sprintf("%s\ngot  %d %s\n%s\nwant %d %s\n%s", s.text(""), got.status, got.header, got.body, want.status, want.header, want.body)
}

func (p *pair) browser() string { return fmt.Sprintf("browser <%d>", p.sent) }

// randomSending is one of the lane's requests, often written in another way.
func (p *pair) randomSending(random *rand.Rand) sending {
	s := sending{method: http.MethodGet, target: randomAddress(random), header: p.caller(random)}
	if random.IntN(6) == 0 {
		s.method = pickFrom(random, []string{"HEAD", "OPTIONS", "PUT", "TRACE", "get", "FOO", "CONNECT", "HEAD"})
	}
	if random.IntN(6) == 0 {
		s.target = mutateTarget(random, s.target)
	}
	for random.IntN(3) == 0 {
		name := pickFrom(random, slices.Sorted(maps.Keys(someHeaders)))
		s.header.Set(name, pickFrom(random, someHeaders[name]))
	}
	if random.IntN(8) == 0 {
		s.header.Set("Origin", pickFrom(random, someHeaders["Origin"]))
	}
	if random.IntN(20) == 0 {
		s.header.Set("Host", "www.127.0.0.1")
	}
	if random.IntN(40) == 0 {
		s.body = pickFrom(random, []string{"{}", `{"title":"x"}`, "x", " "})
		s.header.Set("Content-Type", pickFrom(random, []string{"application/json", "text/plain"}))
	}
	return s
}

// someHeaders are those that middlewares look at, or that one may think they do.
var someHeaders = map[string][]string{
	"Origin":                         {"https://app.example.com", "https://a.example.org", "https://evil.example", "null", "", "https://a.b.example.org"},
	"Access-Control-Request-Method":  {"GET", "PATCH"},
	"Access-Control-Request-Headers": {"authorization"},
	"Accept-Encoding":                {"gzip", "br, gzip"},
	"Accept":                         {"text/html"},
	"If-None-Match":                  {"*", `"x"`},
	"Range":                          {"bytes=0-3"},
	"Referer":                        {"https://app.example.com/a?b=<c>", strings.Repeat("r", 2100)},
	"X-Forwarded-For":                {"1.2.3.4, 5.6.7.8"},
	"X-Http-Method-Override":         {"DELETE"},
	"Connection":                     {"close"},
	"Host":                           {"www.127.0.0.1", "WWW.127.0.0.1", "www.example.com", "localhost:90"},
	"Cookie":                         {"pb_auth=x"},
	"Content-Type":                   {"application/json"},
}

// mutateTarget writes a target in another way, which may mean the same.
func mutateTarget(random *rand.Rand, target string) string {
	path, query, _ := strings.Cut(target, "?")
	at := random.IntN(len(path))
	switch random.IntN(9) {
	case 0:
		path += "/"
	case 1:
		path = strings.Replace(path, "/", "//", 1+random.IntN(2))
	case 2:
		path = path[:at] + fmt.Sprintf("%%%02x", path[at]) + path[at+1:]
	case 3:
		path = path[:at] + pickFrom(random, []string{"/./", "/../", ".", "..", ";", "%00", "%zz", "%2e%2e/", "~", ":", "+"}) + path[at:]
	case 4:
		path = strings.ToUpper(path)
	case 5:
		path = path[:at]
	case 6:
		path = "http://127.0.0.1" + path
	case 7:
		path = strings.Replace(path, "/records", pickFrom(random, []string{"/record", "/records/a/b", "/Records", "/records/.", "/records/.."}), 1)
	case 8:
		query += pickFrom(random, []string{"#x", "?", "&", "%", ";a=b"})
	}
	if query != "" {
		path += "?" + query
	}
	return path
}
