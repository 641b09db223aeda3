package channels

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// The namespaces that every app has.
const (
	namespaceRoom = "room"
	namespaceUser = "user"
	namespacePoke = "poke"
)

// maxChannelLength bounds the name of a channel, in bytes.
const maxChannelLength = 255

// namespace is what holds in a family of channels.
type namespace struct {
	subscribe Guard
	publish   PublishGuard
	dependsOn []string
	presence  bool
}

func (p *Plugin) allNamespaces() map[string]namespace {
	rooms := p.config.Rooms
	all := map[string]namespace{
		namespaceRoom: {
			subscribe: p.mayEnterRoom, publish: rooms.Publish,
			dependsOn: rooms.DependsOn, presence: !rooms.NoPresence,
		},
		namespaceUser: {subscribe: ownChannel, publish: Nobody},
		namespacePoke: {subscribe: p.config.Poke, publish: Nobody},
	}
	for _, n := range p.config.Namespaces {
		publish := n.Publish
		if publish == nil {
			publish = Nobody
		}
		all[n.Name] = namespace{subscribe: n.Subscribe, publish: publish, dependsOn: n.DependsOn, presence: n.Presence}
	}
	return all
}

// namespaceOf finds the namespace of a channel.
func (p *Plugin) namespaceOf(channel string) (namespace, bool) {
	name, rest, ok := strings.Cut(channel, ":")
	if !ok || rest == "" || len(channel) > maxChannelLength {
		return namespace{}, false
	}
	n, ok := p.namespaces[name]
	return n, ok
}

// recordOf takes the collection's name and the record's id from a channel.
func recordOf(channel string) (collection, id string, ok bool) {
	_, rest, _ := strings.Cut(channel, ":")
	collection, id, ok = strings.Cut(rest, "/")
	return collection, id, ok && collection != "" && id != "" && !strings.Contains(id, "/")
}

// ownChannel guards the channels of users. Nobody else gets in, superusers neither.
func ownChannel(_ context.Context, caller Caller, channel string) (bool, error) {
	return caller.Auth != nil && channel == namespaceUser+":"+caller.name(), nil
}

// mayEnterRoom guards the channels of records.
func (p *Plugin) mayEnterRoom(ctx context.Context, caller Caller, channel string) (bool, error) {
	record, err := p.roomRecord(channel)
	if record == nil || err != nil {
		return false, err
	}
	return p.mayView(ctx, caller, channel, record)
}

// roomRecord returns the record of a room, nil if there is none. One record has
// one room: its collection is not found by its id or in another spelling.
func (p *Plugin) roomRecord(channel string) (*core.Record, error) {
	name, id, ok := recordOf(channel)
	if !ok {
		return nil, nil
	}
	collection, err := p.app.FindCachedCollectionByNameOrId(name)
	if errors.Is(err, sql.ErrNoRows) || err == nil && collection.Name != name {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the collection of a room: %w", err)
	}
	record, err := p.app.FindRecordById(collection, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the record of a room: %w", err)
	}
	return record, nil
}

// mayView asks the record's view rule, and then the app.
func (p *Plugin) mayView(ctx context.Context, caller Caller, channel string, record *core.Record) (bool, error) {
	ok, err := p.app.CanAccessRecord(record, caller.requestInfo(), record.Collection().ViewRule)
	if err != nil {
		return false, fmt.Errorf("ask the view rule of %s: %w", record.Collection().Name, err)
	}
	if !ok || p.config.Rooms.Subscribe == nil {
		return ok, nil
	}
	return p.config.Rooms.Subscribe(ctx, caller, channel)
}
