package shutdown

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
)

// serve takes the listener and the handler into its care.
func (p *Plugin) serve(e *core.ServeEvent) error {
	if e.Server == nil { // a test of the router alone
		return e.Next()
	}
	// without an address PocketBase chooses one, and opens the port itself
	if e.Listener == nil && e.Server.Addr != "" {
		opened, err := new(net.ListenConfig).Listen(context.Background(), "tcp", e.Server.Addr)
		if err != nil {
			return err
		}
		e.Listener = opened
	}
	var guarded *listener
	if e.Listener != nil {
		guarded = newListener(e.Listener)
		e.Listener = guarded
	}
	if err := e.Next(); err != nil {
		if guarded != nil {
			_ = guarded.Close()
		}
		return err
	}
	e.Server.Handler = p.flight.count(e.Server.Handler)

	server := e.Server
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = func() {
		if guarded != nil {
			guarded.stop()
		}
		server.SetKeepAlivesEnabled(false) // closes the idle connections, and others as they fall idle
	}
	return nil
}

// listener stops taking connections without its server noticing.
//
// Once the server notices, apis.Serve returns: it cancels the context of the
// requests that are to be waited for, and the program's main function goes on to
// its end. So stop only makes Accept wait; Close, which PocketBase calls when
// the requests are done, ends it.
type listener struct {
	net.Listener
	stopped  atomic.Bool
	close    func() error
	released chan struct{}
	release  func()
}

func newListener(inner net.Listener) *listener {
	l := &listener{Listener: inner, close: sync.OnceValue(inner.Close), released: make(chan struct{})}
	l.release = sync.OnceFunc(func() { close(l.released) })
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && l.stopped.Load() {
		<-l.released
	}
	return conn, err
}

// stop makes the system refuse new connections.
func (l *listener) stop() {
	l.stopped.Store(true)
	_ = l.close() // Close tells
}

func (l *listener) Close() error {
	defer l.release()
	return l.close()
}

// flight counts the requests that are being handled.
type flight struct {
	running atomic.Int64
	landed  chan struct{} // holds a token once none is left
}

func newFlight() *flight { return &flight{landed: make(chan struct{}, 1)} }

// count counts the requests that next handles.
func (f *flight) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.running.Add(1)
		defer func() {
			if f.running.Add(-1) == 0 {
				select {
				case f.landed <- struct{}{}:
				default:
				}
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// wait returns 0 when no request runs any more, or how many do when ctx is done.
func (f *flight) wait(ctx context.Context) int64 {
	for {
		running := f.running.Load()
		if running == 0 {
			return 0
		}
		select {
		case <-f.landed:
		case <-ctx.Done():
			return f.running.Load()
		}
	}
}
