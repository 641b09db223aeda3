package channels

import (
	"bufio"
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/centrifugal/centrifuge"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// route adds the route that clients connect to.
func (p *Plugin) route(e *core.ServeEvent) {
	p.describe(e)
	var once sync.Once
	var socket *centrifuge.WebsocketHandler
	e.Router.GET(Path, func(e *core.RequestEvent) error {
		node := p.node.Load()
		if node == nil {
			return unavailable(e, "The server is starting or shutting down.")
		}
		if !upgrades(e.Request) {
			return e.Error(http.StatusUpgradeRequired, "Connect with a WebSocket.", nil)
		}
		if !p.mayComeFrom(e.Request.Header.Get("Origin"), e.Request.Host) {
			return e.ForbiddenError("Connections from this origin are not allowed.", nil)
		}
		info, err := e.RequestInfo()
		if err != nil {
			return e.BadRequestError("The request cannot be read.", err)
		}
		writer, ok := p.admit(e.Response)
		if !ok {
			return unavailable(e, "The server has as many connections as it takes.")
		}
		once.Do(func() { socket = centrifuge.NewWebsocketHandler(node, p.websocketConfig()) })
		shake := &handshake{
			ip: e.RealIP(), token: bearer(e.Request.Header.Get("Authorization")),
			query: maps.Clone(info.Query), headers: kept(info.Headers),
		}
		ctx := context.WithValue(e.Request.Context(), handshakeKey{}, shake)
		socket.ServeHTTP(writer, e.Request.WithContext(ctx))
		if !writer.hijacked {
			writer.leave()
		}
		return nil
	}).Unbind(
		// the token is checked when the client has sent its first command, which may bring one
		apis.DefaultLoadAuthTokenMiddlewareId,
		// what is logged is the end of a request, which this one does not have
		apis.DefaultActivityLoggerMiddlewareId,
	)
}

// describe tells of the route, which is no request that is answered.
func (p *Plugin) describe(e *core.ServeEvent) {
	apidoc.Describe[apidoc.None, apidoc.None](apidoc.On(e), apidoc.Op{
		Method: http.MethodGet, Path: Path, ID: "channels.connect", Tags: []string{"channels"},
		Summary: "Connect a WebSocket for channels",
		Description: "For the clients of Centrifuge, which speak its protocol in JSON. They send a token with their first command, " +
			"or in the header Authorization. Query and headers are kept for the rules.",
		Status: http.StatusSwitchingProtocols,
		Answers: []apidoc.Answer{
			{Status: http.StatusForbidden, Description: "Pages of this origin may not connect."},
			{Status: http.StatusUpgradeRequired, Description: "The request is not of a WebSocket."},
			{
				Status: http.StatusServiceUnavailable, Description: "The server is starting or shutting down, or has as many connections as it takes.",
				Headers: map[string]string{"Retry-After": "After how many seconds to try again."},
			},
		},
	})
}

// websocketConfig keeps the memory of a connection that has nothing to say small.
func (p *Plugin) websocketConfig() centrifuge.WebsocketConfig {
	return centrifuge.WebsocketConfig{
		CheckOrigin:                func(*http.Request) bool { return true }, // it has been
		ReadBufferSize:             512,
		UseWriteBufferPool:         true,
		ProcessCommandsOffReadLoop: true,
		MessageSizeLimit:           p.config.MaxMessageBytes,
	}
}

func unavailable(e *core.RequestEvent, message string) error {
	e.Response.Header().Set("Retry-After", "5")
	return e.Error(http.StatusServiceUnavailable, message, nil)
}

func upgrades(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// kept are the headers that a rule may ask about. What belongs to the handshake
// and what is secret is not held for as long as the socket is.
func kept(headers map[string]string) map[string]string {
	result := maps.Clone(headers)
	maps.DeleteFunc(result, func(name, _ string) bool {
		return strings.HasPrefix(name, "sec_websocket_") ||
			slices.Contains([]string{"authorization", "cookie", "connection", "upgrade"}, name)
	})
	return result
}

// mayComeFrom decides over the origin of a page that wants to connect.
func (p *Plugin) mayComeFrom(origin, host string) bool {
	if origin == "" {
		return true // not a browser
	}
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil {
		return false
	}
	if u.Host != "" && u.Host == strings.ToLower(host) {
		return true
	}
	return slices.ContainsFunc(p.config.Origins, func(allowed string) bool {
		allowed = strings.ToLower(allowed)
		if scheme, parent, ok := strings.Cut(allowed, "://*."); ok {
			return u.Scheme == scheme && strings.HasSuffix(u.Host, "."+parent)
		}
		return allowed == "*" || allowed == u.Scheme+"://"+u.Host
	})
}

// admit counts a socket until it is closed. It reports false if there are too many.
func (p *Plugin) admit(w http.ResponseWriter) (*counted, bool) {
	if p.sockets.Add(1) > int64(p.config.MaxConnections) {
		p.sockets.Add(-1)
		return nil, false
	}
	return &counted{ResponseWriter: w, leave: sync.OnceFunc(func() { p.sockets.Add(-1) })}, true
}

// counted is a response that is or is not taken over as a socket.
type counted struct {
	http.ResponseWriter
	leave    func()
	hijacked bool
}

// Hijack implements [http.Hijacker].
func (c *counted) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(c.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c.hijacked = true
	return &countedConn{Conn: conn, leave: c.leave}, buffer, nil
}

type countedConn struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
