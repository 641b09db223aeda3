package shutdown_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/shutdown"
)

// server is a real server with a route that is in the test's hands.
type server struct {
	*shutdown.Plugin
	app     *tests.TestApp
	url     string
	entered chan struct{} // a request is in /wait
	release chan struct{} // lets one request out
	ended   chan error    // what apis.Serve returned, then closed
}

func serve(t *testing.T, config shutdown.Config) *server {
	t.Helper()
	s := &server{entered: make(chan struct{}, 10), release: make(chan struct{}, 10), ended: make(chan error, 1)}
	s.app = pbtest.New(t, func(app core.App) (err error) {
		s.Plugin, err = shutdown.Register(app, config)
		return err
	})
	started := make(chan string, 1)
	s.app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.POST("/wait", s.wait)
		if err := e.Next(); err != nil {
			return err
		}
		started <- e.Listener.Addr().String()
		return nil
	})
	// not pbtest.Serve, which has a way of its own to stop
	go func() {
		defer close(s.ended)
		s.ended <- apis.Serve(s.app, apis.ServeConfig{HttpAddr: "127.0.0.1:0"})
	}()
	select {
	case address := <-started:
		s.url = "http://" + address
	case err := <-s.ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(s.release)
		if !s.Draining() {
			s.terminate(t)
		}
		// The app's own cleanup terminates it again, which PocketBase must not
		// see while apis.Serve is on its way out.
		for range s.ended {
		}
	})
	return s
}

// wait reads the body, and answers when it is let out, or gives up with its context.
func (s *server) wait(e *core.RequestEvent) error {
	s.entered <- struct{}{}
	body, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return err
	}
	select {
	case <-s.release:
		return e.String(http.StatusOK, string(body))
	case <-e.Request.Context().Done():
		return e.InternalServerError("", e.Request.Context().Err())
	}
}

// terminate does what PocketBase does when it gets a signal, short of closing
// the databases, and returns when that is over.
func (s *server) terminate(t *testing.T) {
	t.Helper()
	if err := s.app.OnTerminate().Trigger(&core.TerminateEvent{App: s.app}); err != nil {
		t.Errorf("terminate: %v", err)
	}
}

// terminating starts terminate and returns once no connection is taken any more.
func (s *server) terminating(t *testing.T) (done chan struct{}) {
	t.Helper()
	done = make(chan struct{})
	go func() { defer close(done); s.terminate(t) }()
	pbtest.Eventually(t, 10*time.Second, func() error {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			return nil
		}
		return errors.Join(errors.New("connections are still taken"), conn.Close())
	})
	return done
}

type answer struct {
	status int
	body   string
	err    error
}

func (s *server) post(body io.Reader) chan answer {
	got := make(chan answer, 1)
	go func() {
		res, err := http.Post(s.url+"/wait", "text/plain", body)
		if err != nil {
			got <- answer{err: err}
			return
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		got <- answer{res.StatusCode, string(text), err}
	}()
	return got
}

func TestUploadInFlightFinishes(t *testing.T) {
	t.Parallel()
	s := serve(t, shutdown.Config{})
	body, upload := io.Pipe()
	got := s.post(body)
	if _, err := io.WriteString(upload, "first half, "); err != nil {
		t.Fatal(err)
	}
	<-s.entered

	done := s.terminating(t)
	if !s.Draining() {
		t.Error("Draining: got false, want true")
	}
	select {
	case <-done:
		t.Fatal("the shutdown did not wait for the upload")
	case err := <-s.ended:
		t.Fatalf("apis.Serve returned %v while a request is in flight: main would go on to exit", err)
	default:
	}
	if _, err := io.WriteString(upload, "second half"); err != nil {
		t.Fatal(err)
	}
	if err := upload.Close(); err != nil {
		t.Fatal(err)
	}
	s.release <- struct{}{}
	if a := <-got; a.err != nil || a.status != http.StatusOK || a.body != "first half, second half" {
		t.Errorf("upload: got %+v, want 200 and all of it", a)
	}
	<-done
	if err := <-s.ended; err != nil {
		t.Errorf("apis.Serve: got %v, want no error", err)
	}
}

func TestIdleServerStopsAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, shutdown.Config{Timeout: time.Hour})
	s.release <- struct{}{}
	if a := <-s.post(strings.NewReader("x")); a.status != http.StatusOK { // leaves an idle connection behind
		t.Fatalf("request: got %+v, want 200", a)
	}
	started := time.Now()
	s.terminate(t)
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %s, want no time", took)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("apis.Serve: got %v, want no error", err)
	}
}

func TestEveryRequestInFlightFinishes(t *testing.T) {
	t.Parallel()
	s := serve(t, shutdown.Config{})
	var all []chan answer
	for i := range 5 {
		all = append(all, s.post(strings.NewReader(fmt.Sprint(i))))
		<-s.entered
	}
	done := s.terminating(t)
	for range all {
		s.release <- struct{}{}
	}
	for i, got := range all {
		if a := <-got; a.err != nil || a.status != http.StatusOK {
			t.Errorf("request %d: got %+v, want 200", i, a)
		}
	}
	<-done
}

func TestTimeoutEndsTheWait(t *testing.T) {
	t.Parallel()
	s := serve(t, shutdown.Config{Timeout: 50 * time.Millisecond})
	got := s.post(strings.NewReader("x"))
	<-s.entered
	s.terminate(t) // nobody lets the request out
	// PocketBase cancels what is left
	if a := <-got; a.err == nil && a.status == http.StatusOK {
		t.Errorf("a request that outlasts the timeout: got %+v, want no success", a)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("apis.Serve: got %v, want no error", err)
	}
}

func TestDelayGoesOnServing(t *testing.T) {
	t.Parallel()
	const delay = 500 * time.Millisecond
	s := serve(t, shutdown.Config{Delay: delay})
	started := time.Now()
	done := make(chan struct{})
	go func() { defer close(done); s.terminate(t) }()
	<-s.Begun()
	s.release <- struct{}{}
	if a := <-s.post(strings.NewReader("late")); a.status != http.StatusOK {
		t.Errorf("a request during the delay: got %+v, want 200", a)
	}
	<-done
	if took := time.Since(started); took < delay {
		t.Errorf("took %s, want %s at least", took, delay)
	}
}

func TestRealtimeConnectionsEndAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, shutdown.Config{Timeout: time.Hour})
	res, err := http.Get(s.url + "/api/realtime")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stream := bufio.NewReader(res.Body)
	if line, err := stream.ReadString('\n'); err != nil || !strings.HasPrefix(line, "id:") {
		t.Fatalf("stream: got %q, %v, want its first event", line, err)
	}
	started := time.Now()
	s.terminate(t)
	// PocketBase itself ends an idle connection after five minutes
	if took := time.Since(started); took > time.Minute {
		t.Errorf("took %s, want no time", took)
	}
	if _, err := io.ReadAll(stream); err != nil {
		t.Errorf("end of the stream: got %v, want a clean one", err)
	}
}

func TestNoNewRealtimeConnections(t *testing.T) {
	t.Parallel()
	s := serve(t, shutdown.Config{Delay: 2 * time.Second})
	done := make(chan struct{})
	go func() { defer close(done); s.terminate(t) }()
	<-s.Begun()
	res, err := http.Get(s.url + "/api/realtime")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status: got %d, want 503", res.StatusCode)
	}
	<-done
}

func TestWorkersOutliveRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, shutdown.Config{})
	working := true
	s.app.OnTerminate().BindFunc(func(e *core.TerminateEvent) error { working = false; return e.Next() })
	got := s.post(strings.NewReader("x"))
	<-s.entered
	done := s.terminating(t)
	if !working {
		t.Error("a worker was stopped while a request is in flight")
	}
	s.release <- struct{}{}
	<-got
	<-done
	if working {
		t.Error("the worker was not stopped")
	}
}

func TestTerminateTwice(t *testing.T) {
	t.Parallel()
	s := serve(t, shutdown.Config{})
	s.terminate(t)
	if err := <-s.ended; err != nil {
		t.Errorf("apis.Serve: got %v, want no error", err)
	}
	s.terminate(t)
}

func TestAppThatNeverServed(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	p := shutdown.MustRegister(app, shutdown.Config{Delay: 10 * time.Minute})
	if p.Draining() {
		t.Error("Draining: got true, want false")
	}
	if err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}); err != nil {
		t.Error(err)
	}
	if !p.Draining() {
		t.Error("Draining afterwards: got false, want true")
	}
}

func TestTakenPortIsReported(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	app := pbtest.New(t)
	shutdown.MustRegister(app, shutdown.Config{})
	err = apis.Serve(app, apis.ServeConfig{HttpAddr: taken.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want address already in use", err)
	}
}

func TestFailedStartFreesThePort(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	shutdown.MustRegister(app, shutdown.Config{})
	var address string
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Func: func(e *core.ServeEvent) error {
			address = e.Listener.Addr().String()
			return errors.New("no")
		},
		Priority: 100000, // after the plugin has opened the port
	})
	if err := apis.Serve(app, apis.ServeConfig{HttpAddr: "127.0.0.1:0"}); err == nil {
		t.Fatal("serve: got no error")
	}
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = again.Close()
}

func TestPluginWorksWithPBTest(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	shutdown.MustRegister(app, shutdown.Config{})
	res, err := http.Get(pbtest.Serve(t, app) + "/api/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status: got %d, want 200", res.StatusCode)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	bad := shutdown.Config{Timeout: -time.Second, Delay: time.Hour}
	want := "shutdown: Timeout must be in 0..1h, got -1s\nshutdown: Delay must be in 0..10m, got 1h0m0s"
	if got := fmt.Sprint(bad.Validate()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := shutdown.Register(pbtest.New(t), bad); err == nil {
		t.Error("Register: got no error")
	}
	app := pbtest.New(t)
	shutdown.MustRegister(app, shutdown.Config{})
	if _, err := shutdown.Register(app, shutdown.Config{}); err == nil {
		t.Error("Register a second time: got no error")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister: got no panic")
		}
	}()
	shutdown.MustRegister(app, shutdown.Config{})
}
