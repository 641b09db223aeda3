package channels

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/centrifugal/centrifuge"
)

// refreshLead is how long before its token expires a client is asked for a new one.
const refreshLead = 30 * time.Second

// What clients are told besides what Centrifuge has codes for. Codes of 2000 to
// 2499 make an SDK give a subscription up, those from 2500 make it try again.
var (
	unsubscribeRevoked = centrifuge.Unsubscribe{Code: CodeAccessRevoked, Reason: "access revoked"}
	unsubscribeTrouble = centrifuge.Unsubscribe{Code: CodeCheckFailed, Reason: "check failed"}
)

const (
	// CodeAccessRevoked is the code of the unsubscribe event of a client that may
	// not be in the channel any more.
	CodeAccessRevoked = 2100
	// CodeCheckFailed is the code when it cannot be told whether the client may
	// stay. SDKs subscribe again.
	CodeCheckFailed = 2600
)

// bindNode tells the node what to do for its clients.
func (p *Plugin) bindNode(node *centrifuge.Node) {
	node.OnConnecting(func(ctx context.Context, e centrifuge.ConnectEvent) (reply centrifuge.ConnectReply, err error) {
		err = p.handle("connect", func() error {
			reply, err = p.connecting(ctx, e)
			return err
		})
		return reply, clientError(err)
	})
	node.OnConnect(p.connected)
	node.OnCommandRead(func(client *centrifuge.Client, _ centrifuge.CommandReadEvent) error {
		c := connectionOf(client)
		// as many as a client needs to have all its channels back after a break
		burst := float64(2*p.config.MaxChannels + 2*p.config.PublishRate + 20)
		if c != nil && !c.take(&c.commands, float64(p.config.PublishRate+20), burst) {
			return centrifuge.DisconnectTooManyRequests
		}
		return nil
	})
}

// clientError turns an error into what the client may know of it.
func clientError(err error) error {
	var known *centrifuge.Error
	var disconnect centrifuge.Disconnect
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errStopping):
		return centrifuge.DisconnectShutdown
	case errors.As(err, &known), errors.As(err, &disconnect):
		return err
	default:
		return centrifuge.ErrorInternal
	}
}

// connecting decides whether a client may connect.
func (p *Plugin) connecting(ctx context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
	shake := handshakeOf(ctx)
	c := &connection{handshake: shake, seen: p.dirty.count()}
	token := e.Token
	if token == "" {
		token = shake.token
	}
	reply := centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}, ClientSideRefresh: true}
	caller := Caller{IP: shake.ip, Query: shake.query, Headers: shake.headers}
	if token == "" && !p.config.Guests {
		return reply, centrifuge.ErrorUnauthorized
	}
	if token != "" {
		auth, expires, err := p.authenticate(token, shake.ip)
		if err != nil {
			return reply, refusal(token, err)
		}
		caller.Auth = auth
		c.collection, c.id, c.token, c.expires = auth.Collection().Id, auth.Id, token, expires
		reply.Credentials.UserID = caller.name()
		reply.Credentials.ExpireAt = refreshAt(expires)
	}
	info, err := p.info(caller)
	if err != nil {
		p.app.Logger().Error("The public info of a caller cannot be made.", slog.Any("error", err))
		return reply, centrifuge.ErrorInternal
	}
	reply.Credentials.Info = info
	reply.Context = context.WithValue(ctx, connectionKey{}, c)
	return reply, nil
}

// refusal tells a client that it needs a new token from one that has to sign in.
func refusal(token string, err error) error {
	if expires := expiration(token); !expires.IsZero() && !time.Now().Before(expires) {
		return centrifuge.ErrorTokenExpired
	}
	if errors.Is(err, errNotSignedIn) {
		return centrifuge.DisconnectInvalidToken
	}
	return centrifuge.ErrorInternal
}

// refreshAt is when the client is asked for a new token, in Unix seconds, 0 for never.
func refreshAt(expires time.Time) int64 {
	if expires.IsZero() {
		return 0
	}
	return expires.Add(-min(refreshLead, time.Until(expires)/2)).Unix()
}

// connected takes over a client that has been let in.
func (p *Plugin) connected(client *centrifuge.Client) {
	c := connectionOf(client)
	if c == nil { // connecting has made one for every client
		client.Disconnect(centrifuge.DisconnectServerError)
		return
	}
	p.bindClient(client, c)
	c.renew(c.token, c.expires, func() { client.Disconnect(centrifuge.DisconnectExpired) })
	node := p.node.Load()
	if node == nil {
		client.Disconnect(centrifuge.DisconnectShutdown)
		return
	}
	// The node has looked before it counted this client, so that several at
	// once may be too many.
	if c.id != "" && len(node.Hub().UserConnections(client.UserID())) > p.config.MaxConnectionsPerUser {
		client.Disconnect(centrifuge.DisconnectConnectionLimit)
		return
	}
	// What has changed since the token was checked has not found this client.
	if p.dirty.count() != c.seen {
		_ = p.handle("connect", func() error { p.recheckClient(client.Context(), client, c); return nil })
	}
}

func (p *Plugin) bindClient(client *centrifuge.Client, c *connection) {
	client.OnSubscribe(func(e centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
		var options centrifuge.SubscribeOptions
		err := p.handle("subscribe", func() (err error) {
			options, err = p.subscribe(client, c, e)
			return err
		})
		done(centrifuge.SubscribeReply{Options: options}, clientError(err))
	})
	client.OnUnsubscribe(func(e centrifuge.UnsubscribeEvent) { p.leave(client, c, e.Channel) })
	client.OnPublish(func(e centrifuge.PublishEvent, done centrifuge.PublishCallback) {
		err := p.handle("publish", func() error { return p.clientPublish(client, c, e) })
		done(centrifuge.PublishReply{Options: centrifuge.PublishOptions{ClientInfo: e.ClientInfo}}, clientError(err))
	})
	client.OnPresence(func(e centrifuge.PresenceEvent, done centrifuge.PresenceCallback) {
		done(centrifuge.PresenceReply{}, p.mayLookAround(client, e.Channel))
	})
	client.OnPresenceStats(func(e centrifuge.PresenceStatsEvent, done centrifuge.PresenceStatsCallback) {
		done(centrifuge.PresenceStatsReply{}, p.mayLookAround(client, e.Channel))
	})
	client.OnRefresh(func(e centrifuge.RefreshEvent, done centrifuge.RefreshCallback) {
		var reply centrifuge.RefreshReply
		err := p.handle("refresh", func() (err error) {
			reply, err = p.refresh(client, c, e.Token)
			return err
		})
		done(reply, clientError(err))
	})
	client.OnDisconnect(func(centrifuge.DisconnectEvent) { c.close() })
}

// subscribe decides whether the client may subscribe. What it may not, what is
// not there and what is no name of a channel are refused alike.
func (p *Plugin) subscribe(client *centrifuge.Client, c *connection, e centrifuge.SubscribeEvent) (centrifuge.SubscribeOptions, error) {
	var options centrifuge.SubscribeOptions
	n, ok := p.namespaceOf(e.Channel)
	if !ok || e.Type != centrifuge.SubscriptionTypeStream {
		return options, centrifuge.ErrorPermissionDenied
	}
	// Before anything is read: what changes from here on finds the client, waits
	// until it is subscribed, and checks again.
	p.rooms.add(e.Channel, client)
	c.enter(e.Channel)
	caller, err := p.caller(c)
	if err == nil {
		ok, err = n.subscribe(client.Context(), caller, e.Channel)
	}
	if err != nil || !ok {
		p.leave(client, c, e.Channel)
	}
	if errors.Is(err, errNotSignedIn) {
		return options, signedOut(c)
	}
	if err != nil {
		p.app.Logger().Error("It cannot be told whether a client may subscribe.",
			slog.String("channel", e.Channel), slog.Any("error", err))
		return options, centrifuge.ErrorInternal
	}
	if !ok {
		return options, centrifuge.ErrorPermissionDenied
	}
	options.EmitPresence = n.presence
	options.EmitJoinLeave = n.presence
	options.PushJoinLeave = n.presence && e.JoinLeave
	return options, nil
}

func (p *Plugin) leave(client *centrifuge.Client, c *connection, channel string) {
	p.rooms.remove(channel, client)
	c.leave(channel)
}

// signedOut tells a client that needs a new token from one that has to sign in.
func signedOut(c *connection) centrifuge.Disconnect {
	if c.expired(time.Now()) {
		return centrifuge.DisconnectExpired
	}
	return centrifuge.DisconnectInvalidToken
}

// clientPublish decides whether the client may send a message.
func (p *Plugin) clientPublish(client *centrifuge.Client, c *connection, e centrifuge.PublishEvent) error {
	rate := float64(p.config.PublishRate)
	if !c.take(&c.messages, rate, rate) {
		return centrifuge.ErrorTooManyRequests
	}
	if len(e.Data) > p.config.MaxPublishBytes {
		return centrifuge.ErrorLimitExceeded
	}
	// A client of the binary protocol could send what ends those of the other.
	if !json.Valid(e.Data) {
		return centrifuge.ErrorBadRequest
	}
	n, ok := p.namespaceOf(e.Channel)
	if !ok {
		return centrifuge.ErrorPermissionDenied
	}
	caller, err := p.caller(c)
	if errors.Is(err, errNotSignedIn) {
		return signedOut(c)
	}
	if err == nil {
		ok, err = n.publish(client.Context(), Message{
			Caller: caller, Channel: e.Channel, Data: e.Data, Subscribed: client.IsSubscribed(e.Channel),
		})
	}
	if err != nil {
		p.app.Logger().Error("It cannot be told whether a client may publish.",
			slog.String("channel", e.Channel), slog.Any("error", err))
		return centrifuge.ErrorInternal
	}
	if !ok {
		return centrifuge.ErrorPermissionDenied
	}
	return nil
}

// mayLookAround lets those see who is in a channel who are in it themselves.
func (p *Plugin) mayLookAround(client *centrifuge.Client, channel string) error {
	n, ok := p.namespaceOf(channel)
	if !ok || !client.IsSubscribed(channel) {
		return centrifuge.ErrorPermissionDenied
	}
	if !n.presence {
		return centrifuge.ErrorNotAvailable
	}
	return nil
}

// refresh takes the client's new token, which must be the same user's.
func (p *Plugin) refresh(client *centrifuge.Client, c *connection, token string) (centrifuge.RefreshReply, error) {
	auth, expires, err := p.authenticate(token, c.ip)
	if err != nil {
		return centrifuge.RefreshReply{}, refusal(token, err)
	}
	if auth.Id != c.id || auth.Collection().Id != c.collection {
		return centrifuge.RefreshReply{}, centrifuge.DisconnectInvalidToken
	}
	info, err := p.info(Caller{Auth: auth, IP: c.ip, Query: c.query, Headers: c.headers})
	if err != nil {
		p.app.Logger().Error("The public info of a caller cannot be made.", slog.Any("error", err))
		return centrifuge.RefreshReply{}, centrifuge.ErrorInternal
	}
	c.renew(token, expires, func() { client.Disconnect(centrifuge.DisconnectExpired) })
	return centrifuge.RefreshReply{ExpireAt: refreshAt(expires), Info: info}, nil
}
