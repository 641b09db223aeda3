package channels

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
)

// Caller is who is at the other end of a connection.
type Caller struct {
	// Auth is the record that the caller signed in as, as it is stored now. It is
	// nil for a guest.
	Auth *core.Record
	// IP is the address of the client.
	IP string
	// Query and Headers are those of the request that opened the socket, with
	// names as in rules: "X-Tenant" is "x_tenant". They must not be changed.
	Query, Headers map[string]string
}

// requestInfo is the caller to a rule.
func (c Caller) requestInfo() *core.RequestInfo {
	return &core.RequestInfo{
		Context: core.RequestInfoContextRealtime,
		Method:  "GET",
		Query:   maps.Clone(c.Query),
		Headers: maps.Clone(c.Headers),
		Body:    map[string]any{},
		Auth:    c.Auth,
	}
}

// name is what others know the caller by, "" for a guest.
func (c Caller) name() string {
	if c.Auth == nil {
		return ""
	}
	return c.Auth.Collection().Name + "/" + c.Auth.Id
}

// handshake is what is kept of the request that opened the socket.
type handshake struct {
	ip, token      string
	query, headers map[string]string
}

// connection is what is known of a socket once its client has said who it is.
type connection struct {
	*handshake
	collection, id string // of the auth record, by id; "" for a guest
	seen           uint64 // the changes that had been made when the token was checked

	mu       sync.Mutex
	token    string
	expires  time.Time   // of the token
	expiry   *time.Timer // closes the socket at that time
	closed   bool
	commands bucket
	messages bucket
	channels map[string]struct{} // that the client is in, or about to be
}

type (
	handshakeKey  struct{}
	connectionKey struct{}
)

// connectionOf returns nil before the client has said who it is.
func connectionOf(client *centrifuge.Client) *connection {
	c, _ := client.Context().Value(connectionKey{}).(*connection)
	return c
}

// errNotSignedIn is a token that is not or no longer good.
var errNotSignedIn = errors.New("the token is not valid")

// authenticate returns whom the token belongs to and when it expires.
func (p *Plugin) authenticate(token, ip string) (*core.Record, time.Time, error) {
	auth, err := p.app.FindAuthRecordByToken(token, core.TokenTypeAuth)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %w", errNotSignedIn, err)
	}
	if auth.IsSuperuser() && !superuserMayComeFrom(p.app.Settings().SuperuserIPs, ip) {
		return nil, time.Time{}, fmt.Errorf("%w: superusers may not come from %s", errNotSignedIn, ip)
	}
	return auth, expiration(token), nil
}

// expiration reads when the token expires, or has, the zero time if it does not
// say. The signature is somebody else's business.
func expiration(token string) time.Time {
	claims, _ := security.ParseUnverifiedJWT(token) // which fails for one that has expired
	seconds, _ := claims["exp"].(float64)
	if seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// superuserMayComeFrom applies PocketBase's list of addresses and networks.
func superuserMayComeFrom(allowed []string, ip string) bool {
	if len(allowed) == 0 {
		return true
	}
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	address = address.Unmap()
	for _, entry := range allowed {
		if network, err := netip.ParsePrefix(entry); err == nil && network.Contains(address) {
			return true
		}
		if one, err := netip.ParseAddr(entry); err == nil && one.Unmap() == address {
			return true
		}
	}
	return false
}

// caller looks up who the connection belongs to now. errNotSignedIn says that
// the record is gone.
func (p *Plugin) caller(c *connection) (Caller, error) {
	caller := Caller{IP: c.ip, Query: c.query, Headers: c.headers}
	if c.id == "" {
		return caller, nil
	}
	if c.expired(time.Now()) {
		return caller, errNotSignedIn
	}
	auth, err := p.app.FindRecordById(c.collection, c.id)
	if errors.Is(err, sql.ErrNoRows) {
		return caller, errNotSignedIn
	}
	if err != nil {
		return caller, fmt.Errorf("find the caller: %w", err)
	}
	caller.Auth = auth
	return caller, nil
}

// verify checks the connection's token anew.
func (p *Plugin) verify(c *connection) (Caller, error) {
	if c.id == "" {
		return p.caller(c)
	}
	c.mu.Lock()
	token := c.token
	c.mu.Unlock()
	auth, _, err := p.authenticate(token, c.ip)
	if err != nil {
		// a database that does not answer says nothing about the token
		if caller, trouble := p.caller(c); trouble != nil && !errors.Is(trouble, errNotSignedIn) {
			return caller, trouble
		}
		return Caller{}, err
	}
	return Caller{Auth: auth, IP: c.ip, Query: c.query, Headers: c.headers}, nil
}

// info is the caller as others see them.
func (p *Plugin) info(caller Caller) ([]byte, error) {
	if p.config.Info == nil {
		return nil, nil
	}
	value, err := p.config.Info(caller)
	if err != nil || value == nil {
		return nil, err
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode the info of a caller: %w", err)
	}
	return encoded, nil
}

func (c *connection) expired(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.expires.IsZero() && !now.Before(c.expires)
}

// renew takes a token and ends the connection when that expires.
func (c *connection) renew(token string, expires time.Time, end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expiry != nil {
		c.expiry.Stop()
		c.expiry = nil
	}
	c.token, c.expires = token, expires
	if !expires.IsZero() && !c.closed {
		c.expiry = after(time.Until(expires), end)
	}
}

// enter notes that the client is in the channel, or about to be.
func (c *connection) enter(channel string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.channels == nil {
		c.channels = map[string]struct{}{}
	}
	c.channels[channel] = struct{}{}
}

func (c *connection) leave(channel string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.channels, channel)
}

// in lists the channels that the client is in, or about to be.
func (c *connection) in() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.channels))
}

// close releases what the connection holds.
func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.expiry != nil {
		c.expiry.Stop()
	}
}

// take asks one of the connection's buckets for permission.
func (c *connection) take(b *bucket, rate, burst float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return b.take(time.Now(), rate, burst)
}

// bucket limits how often something happens: rate a second, burst at once after
// a pause. The zero value is full.
type bucket struct {
	used float64
	at   time.Time
}

func (b *bucket) take(now time.Time, rate, burst float64) bool {
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.used+1 > burst {
		return false
	}
	b.used++
	return true
}

// bearer is the token of an Authorization header, as PocketBase reads it.
func bearer(header string) string {
	const scheme = "Bearer "
	if len(header) > len(scheme) && strings.EqualFold(header[:len(scheme)], scheme) {
		return header[len(scheme):]
	}
	return header
}

// handshakeOf returns what route has put into the context.
func handshakeOf(ctx context.Context) *handshake {
	h, _ := ctx.Value(handshakeKey{}).(*handshake)
	if h == nil {
		return &handshake{}
	}
	return h
}
