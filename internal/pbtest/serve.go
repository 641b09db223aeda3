package pbtest

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// drainTimeout bounds how long requests may go on after a test is over.
const drainTimeout = 10 * time.Second

// Serve starts the app's real server on a free port of the loopback interface
// and returns its base URL, without a slash at the end. It stops with the test,
// before the app does. Call it once an app, after all hooks are bound.
func Serve(tb testing.TB, app core.App) (baseURL string) {
	tb.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	started := make(chan *http.Server, 1)
	requests, cancelRequests := context.WithCancel(context.Background())
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Listener = listener
		e.Server.BaseContext = func(net.Listener) context.Context { return requests }
		if err := e.Next(); err != nil {
			return err
		}
		started <- e.Server
		return nil
	})

	ended := make(chan error, 1)
	go func() { ended <- apis.Serve(app, apis.ServeConfig{HttpAddr: listener.Addr().String()}) }()

	select {
	case server := <-started:
		tb.Cleanup(func() { stop(tb, server, cancelRequests, ended) })
	case err := <-ended:
		cancelRequests()
		_ = listener.Close()
		tb.Fatalf("serve: %v", err)
	}
	return "http://" + listener.Addr().String()
}

// stop ends the streams, waits for the requests in flight, and for the server.
func stop(tb testing.TB, server *http.Server, cancelRequests func(), ended <-chan error) {
	tb.Helper()
	cancelRequests()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		tb.Errorf("stop the server: requests still run after %s: %v", drainTimeout, err)
	}
	select {
	case err := <-ended:
		if err != nil {
			tb.Errorf("serve: %v", err)
		}
	case <-ctx.Done():
		tb.Errorf("the server has not ended after %s", drainTimeout)
	}
}

// Handler returns the app's router with everything that OnServe handlers add,
// without a server: for tests that make many plain requests. Streams, hijacked
// connections and what apis.Serve itself adds (CORS, the dashboard) need
// [Serve]. As in [tests.ApiScenario], ServeEvent.Server is nil. Call it once an app.
func Handler(tb testing.TB, app core.App) http.Handler {
	tb.Helper()

	router, err := apis.NewRouter(app)
	if err != nil {
		tb.Fatalf("make the router: %v", err)
	}
	var handler http.Handler
	event := &core.ServeEvent{App: app, Router: router}
	err = app.OnServe().Trigger(event, func(e *core.ServeEvent) (err error) {
		handler, err = e.Router.BuildMux()
		return err
	})
	if err != nil {
		tb.Fatalf("trigger OnServe: %v", err)
	}
	return handler
}
