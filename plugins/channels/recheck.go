package channels

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/pocketbase/pocketbase/core"
)

// recheckLoop checks again what has changed, and everything from time to time.
func (p *Plugin) recheckLoop(ctx context.Context) {
	var regularly <-chan time.Time
	if p.config.RecheckEvery > 0 {
		ticker := time.NewTicker(p.config.RecheckEvery)
		defer ticker.Stop()
		regularly = ticker.C
	}
	pause := time.NewTimer(time.Hour)
	pause.Stop()
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-regularly:
			p.dirty.mark(func(m *marks) { m.everything = true })
			continue
		case <-p.dirty.wake:
		}
		pause.Reset(p.config.RecheckDelay)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		if node := p.node.Load(); node != nil {
			found := p.dirty.take()
			_ = p.handle("recheck", func() error { p.recheck(ctx, node, found); return nil })
		}
	}
}

// recheck looks at all connections and subscriptions that the changes may end.
func (p *Plugin) recheck(ctx context.Context, node *centrifuge.Node, found marks) {
	var clients []*centrifuge.Client
	for _, client := range node.Hub().Connections() {
		c := connectionOf(client)
		if c == nil {
			continue
		}
		if _, whole := found.whole[c.collection]; found.everything || whole {
			clients = append(clients, client)
		}
	}
	for key := range found.records {
		for _, client := range node.Hub().UserConnections(key.collection + "/" + key.id) {
			clients = append(clients, client)
		}
	}
	for _, client := range clients {
		if c := connectionOf(client); c != nil && ctx.Err() == nil {
			p.recheckClient(ctx, client, c)
		}
	}
	if found.everything {
		return
	}
	for key := range found.records {
		p.recheckChannel(ctx, namespaceRoom+":"+key.collection+"/"+key.id)
	}
	if groups := p.rooms.groups(); len(groups) > 0 && len(found.collections) > 0 {
		p.recheckGroups(ctx, groups, found)
	}
}

// recheckGroups looks at the channels whose guards may read what has changed.
func (p *Plugin) recheckGroups(ctx context.Context, groups []string, found marks) {
	all, err := p.app.FindAllCollections()
	if err != nil {
		p.app.Logger().Error("The subscriptions cannot be checked.", slog.Any("error", err))
		p.dirty.mark(func(m *marks) { m.everything = true })
		return
	}
	depends := newDependencies(all)
	for _, group := range groups {
		if !p.dependsOn(depends, group, found) {
			continue
		}
		for _, channel := range p.rooms.channelsOf(group) {
			p.recheckChannel(ctx, channel)
		}
	}
}

// dependsOn reports whether what has changed may decide over who is in the
// channels of the group.
func (p *Plugin) dependsOn(depends *dependencies, group string, found marks) bool {
	name, collection, isRoom := strings.Cut(group, ":")
	if isRoom && depends.ruleReads(collection, found.collections) {
		return true
	}
	if _, whole := found.whole[depends.idOf(collection)]; isRoom && whole {
		return true
	}
	return slices.ContainsFunc(p.namespaces[name].dependsOn, func(named string) bool {
		_, ok := found.collections[depends.idOf(named)]
		return ok
	})
}

// recheckChannel looks at everybody in one channel.
func (p *Plugin) recheckChannel(ctx context.Context, channel string) {
	clients := p.rooms.clients(channel)
	if len(clients) == 0 {
		return
	}
	var record *core.Record
	if strings.HasPrefix(channel, namespaceRoom+":") { // one record for all
		var err error
		if record, err = p.roomRecord(channel); err != nil {
			p.cannotTell(clients, channel, err)
			return
		}
	}
	for _, client := range clients {
		if ctx.Err() != nil {
			return
		}
		c := connectionOf(client)
		if c == nil {
			continue
		}
		caller, err := p.caller(c)
		if errors.Is(err, errNotSignedIn) {
			client.Disconnect(signedOut(c))
			continue
		}
		if err != nil {
			p.cannotTell([]*centrifuge.Client{client}, channel, err)
			continue
		}
		p.recheckSubscription(ctx, client, caller, channel, record)
	}
}

// recheckClient looks at a client's token and then at all its subscriptions.
func (p *Plugin) recheckClient(ctx context.Context, client *centrifuge.Client, c *connection) {
	caller, err := p.verify(c)
	switch {
	case errors.Is(err, errNotSignedIn):
		client.Disconnect(signedOut(c))
		return
	case err != nil:
		p.app.Logger().Error("It cannot be told whether a client may stay connected.", slog.Any("error", err))
		client.Disconnect(centrifuge.DisconnectForceReconnect)
		return
	case caller.name() != client.UserID(): // the collection has another name now
		client.Disconnect(centrifuge.DisconnectForceReconnect)
		return
	}
	for _, channel := range c.in() {
		p.recheckSubscription(ctx, client, caller, channel, nil)
	}
}

// recheckSubscription ends the subscription if its guard refuses it. The record
// of a room may be given to spare looking it up.
func (p *Plugin) recheckSubscription(ctx context.Context, client *centrifuge.Client, caller Caller, channel string, record *core.Record) {
	n, ok := p.namespaceOf(channel)
	var err error
	switch {
	case ok && record != nil:
		ok, err = p.mayView(ctx, caller, channel, record)
	case ok:
		ok, err = n.subscribe(ctx, caller, channel)
	}
	if err != nil {
		p.cannotTell([]*centrifuge.Client{client}, channel, err)
		return
	}
	if !ok {
		client.Unsubscribe(channel, unsubscribeRevoked)
	}
}

// cannotTell takes clients out of a channel until it is known whether they may
// be in it.
func (p *Plugin) cannotTell(clients []*centrifuge.Client, channel string, err error) {
	p.app.Logger().Error("It cannot be told whether clients may stay in a channel.",
		slog.String("channel", channel), slog.Any("error", err))
	for _, client := range clients {
		client.Unsubscribe(channel, unsubscribeTrouble)
	}
}
