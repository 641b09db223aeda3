package limits

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Connections bounds connections to the server.
type Connections struct {
	// PerAddress is how many may be open at a time from one IPv4 address or IPv6
	// /64. Requests on a few more are answered with 429, further ones are closed.
	// Defaults to 1024; -1 for any number. Config.Exempt are not counted.
	PerAddress int

	// HeaderTimeout is how long a client may take to send the head of a request.
	// In 1s..5m. Defaults to 15s; PocketBase's is a minute.
	HeaderTimeout time.Duration

	// IdleTimeout is how long a connection is kept open for another request. In
	// 1s..1h. Defaults to 2m; PocketBase's is 5.
	IdleTimeout time.Duration
}

func (c Connections) withDefaults() Connections {
	if c.PerAddress == 0 {
		c.PerAddress = 1024
	}
	if c.HeaderTimeout == 0 {
		c.HeaderTimeout = 15 * time.Second
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 2 * time.Minute
	}
	return c
}

func (c Connections) validate() error {
	var problems []error
	if c.PerAddress < -1 {
		problems = append(problems, fmt.Errorf("limits: Connections.PerAddress must be -1 or more, got %d", c.PerAddress))
	}
	if c.HeaderTimeout < time.Second || c.HeaderTimeout > 5*time.Minute {
		problems = append(problems, fmt.Errorf("limits: Connections.HeaderTimeout must be in 1s..5m, got %s", c.HeaderTimeout))
	}
	if c.IdleTimeout < time.Second || c.IdleTimeout > time.Hour {
		problems = append(problems, fmt.Errorf("limits: Connections.IdleTimeout must be in 1s..1h, got %s", c.IdleTimeout))
	}
	return errors.Join(problems...)
}

// told is how many connections above the limit are kept until their request can
// be answered.
const told = 32

// beyond marks the context of a connection above the limit.
type beyond struct{}

func (p *Plugin) bindConnections(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "holdallLimitsConnections", Func: p.boundConnections})
}

func (p *Plugin) boundConnections(e *core.ServeEvent) error {
	server := e.Server
	if server == nil { // a test of the router alone
		return e.Next()
	}
	c := p.config.Connections
	server.ReadHeaderTimeout, server.IdleTimeout = c.HeaderTimeout, c.IdleTimeout
	if c.PerAddress == -1 {
		return e.Next()
	}
	open := &connections{exempt: p.config.Exempt, most: c.PerAddress, count: map[netip.Addr]int{}}
	inner, state := server.ConnContext, server.ConnState
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if inner != nil {
			ctx = inner(ctx, conn)
		}
		return open.add(ctx, conn)
	}
	server.ConnState = func(conn net.Conn, s http.ConnState) {
		if s == http.StateClosed || s == http.StateHijacked {
			open.remove(conn)
		}
		if state != nil {
			state(conn, s)
		}
	}
	if err := e.Next(); err != nil {
		return err
	}
	server.Handler = refuseBeyond(server.Handler)
	return nil
}

// refuseBeyond answers on connections that there should not be.
func refuseBeyond(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(beyond{}) == nil {
			next.ServeHTTP(w, r)
			return
		}
		header := w.Header()
		header.Set("Connection", "close")
		header.Set("Content-Type", "application/json")
		header.Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"data":{"code":"` + CodeConnections + `"},"message":"There are too many connections from this address. Try again later.","status":429}` + "\n"))
	})
}

// connections counts those that are open by address.
type connections struct {
	exempt []netip.Prefix
	most   int

	mu    sync.Mutex
	count map[netip.Addr]int
}

// of returns what a connection is counted by, and whether it is.
func (c *connections) of(conn net.Conn) (netip.Addr, bool) {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}, false // a socket of the machine itself
	}
	ip := remote.Addr().Unmap().WithZone("")
	for _, exempt := range c.exempt {
		if exempt.Contains(ip) {
			return ip, false
		}
	}
	if ip.Is6() {
		ip = netip.PrefixFrom(ip, 64).Masked().Addr()
	}
	return ip, true
}

func (c *connections) add(ctx context.Context, conn net.Conn) context.Context {
	ip, counted := c.of(conn)
	if !counted {
		return ctx
	}
	c.mu.Lock()
	c.count[ip]++
	n := c.count[ip]
	c.mu.Unlock()
	if n > c.most+told {
		_ = conn.Close() // the server finds out when it reads
	}
	if n > c.most {
		ctx = context.WithValue(ctx, beyond{}, true)
	}
	return ctx
}

func (c *connections) remove(conn net.Conn) {
	ip, counted := c.of(conn)
	if !counted {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count[ip]--; c.count[ip] <= 0 {
		delete(c.count, ip)
	}
}
