package channels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

var (
	// ErrUnknownChannel is returned for a channel of no namespace of the app.
	ErrUnknownChannel = errors.New("channels: unknown channel")

	// ErrRecordData is returned for a message that is a record. Everybody in a
	// channel gets the same bytes, while a record has hidden fields and rules.
	// Send its id, or poke.
	ErrRecordData = errors.New("channels: a record must not be published")
)

// pokeData is what a poke is to those who get it.
var pokeData = []byte(`{"poke":true}`)

// Publish sends data, encoded as JSON, to everybody in the channel. It returns
// once the message is queued, behind those of earlier calls. While the queue is
// full it waits, until ctx ends. Before the server starts, after it has stopped
// and with nobody in the channel it does nothing.
//
// Call it when what the message is about is committed, from OnRecordAfter…Success
// hooks for instance.
func (p *Plugin) Publish(ctx context.Context, channel string, data any) error {
	if _, ok := p.namespaceOf(channel); !ok {
		return fmt.Errorf("%w: %q", ErrUnknownChannel, channel)
	}
	if isRecord(data) {
		return fmt.Errorf("%w: to %q", ErrRecordData, channel)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("channels: encode a message to %q: %w", channel, err)
	}
	if p.node.Load() == nil {
		return nil
	}
	if err := p.outbox.put(ctx, outgoing{channel: channel, data: encoded}); err != nil {
		return fmt.Errorf("channels: publish to %q: %w", channel, err)
	}
	return nil
}

// isRecord finds the records that are published as such.
func isRecord(data any) bool {
	switch data.(type) {
	case *core.Record, core.Record, []*core.Record, core.RecordProxy:
		return true
	}
	return false
}

// Poke tells everybody in the channel that there is something to fetch, without
// saying what. Pokes of one channel within [Config.PokeEvery] become one. It
// never waits. Like [Plugin.Publish] it does nothing while there is no server.
func (p *Plugin) Poke(_ context.Context, channel string) error {
	if _, ok := p.namespaceOf(channel); !ok {
		return fmt.Errorf("%w: %q", ErrUnknownChannel, channel)
	}
	if p.node.Load() != nil {
		p.outbox.poke(channel)
	}
	return nil
}

// Member is a client that is in a channel.
type Member struct {
	// Client identifies the connection.
	Client string
	// User is the name of the collection, a slash and the id of the record that
	// the client is signed in as. It is empty for a guest.
	User string
	// Info is what [Config.Info] has made.
	Info json.RawMessage
}

// Presence lists who is in a channel, in no particular order. Nobody is while
// there is no server, and in channels without presence.
func (p *Plugin) Presence(channel string) ([]Member, error) {
	if _, ok := p.namespaceOf(channel); !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownChannel, channel)
	}
	node := p.node.Load()
	if node == nil {
		return nil, nil
	}
	result, err := node.Presence(channel)
	if err != nil {
		return nil, fmt.Errorf("channels: list who is in %q: %w", channel, err)
	}
	members := make([]Member, 0, len(result.Presence))
	for _, info := range result.Presence {
		members = append(members, Member{Client: info.ClientID, User: info.UserID, Info: info.ConnInfo})
	}
	return members, nil
}

// outgoing is a message on its way, or a question whether all before it are sent.
type outgoing struct {
	channel string
	data    []byte
	sent    chan<- struct{}
}

// outbox is what waits to be sent. Sending reaches every subscriber's queue in
// turn, which is too long for a hook that holds up a write.
type outbox struct {
	queue  chan outgoing
	poked  chan struct{} // has a value when pokes wait
	closed chan struct{}

	mu    sync.Mutex
	pokes map[string]struct{}
	shut  bool
}

// queueLength is how many messages may wait.
const queueLength = 4096

func newOutbox() outbox {
	return outbox{
		queue: make(chan outgoing, queueLength), poked: make(chan struct{}, 1),
		closed: make(chan struct{}), pokes: map[string]struct{}{},
	}
}

func (o *outbox) put(ctx context.Context, m outgoing) error {
	select {
	case <-o.closed:
		return nil
	case o.queue <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *outbox) poke(channel string) {
	o.mu.Lock()
	o.pokes[channel] = struct{}{}
	o.mu.Unlock()
	select {
	case o.poked <- struct{}{}:
	default:
	}
}

func (o *outbox) takePokes() map[string]struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	pokes := o.pokes
	o.pokes = map[string]struct{}{}
	return pokes
}

// close waits until everything is sent and takes no more.
func (o *outbox) close(ctx context.Context) error {
	o.mu.Lock()
	first := !o.shut
	o.shut = true
	o.mu.Unlock()
	if !first {
		return nil
	}
	defer close(o.closed)
	sent := make(chan struct{})
	if err := o.put(ctx, outgoing{sent: sent}); err != nil {
		return err
	}
	select {
	case <-sent:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deliver sends what is in the outbox.
func (p *Plugin) deliver(ctx context.Context) {
	pause := time.NewTimer(time.Hour)
	pause.Stop()
	defer pause.Stop()
	collecting := false
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-p.outbox.queue:
			if m.sent == nil {
				p.send(m.channel, m.data)
				continue
			}
			p.sendPokes()
			close(m.sent)
		case <-p.outbox.poked:
			if !collecting {
				collecting = true
				pause.Reset(p.config.PokeEvery)
			}
		case <-pause.C:
			collecting = false
			p.sendPokes()
		}
	}
}

func (p *Plugin) sendPokes() {
	for channel := range p.outbox.takePokes() {
		p.send(channel, pokeData)
	}
}

func (p *Plugin) send(channel string, data []byte) {
	node := p.node.Load()
	if node == nil {
		return
	}
	if _, err := node.Publish(channel, data); err != nil {
		p.app.Logger().Error("A message cannot be published.", slog.String("channel", channel), slog.Any("error", err))
	}
}
