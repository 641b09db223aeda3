package versions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// Keys of what is stored in the clients of connections.
const (
	connectedKey = "holdallVersionsConnected" // the transformer of the connection
	feedsKey     = "holdallVersionsFeeds"     // what it is subscribed to
)

// rewriter is a client of a connection that lets what it is sent be changed, as
// those of plugins/realtime do. f gets the name and the data of each event, and
// returns what is sent instead. nil changes nothing any more.
type rewriter interface {
	Rewrite(f func(name string, data []byte) (string, []byte))
}

// feeds are the subscriptions of one connection by the name of their events. They
// are never changed, but replaced.
type feeds map[string]*feed

// feed is a subscription of clients of an older version, which all who spell it the
// same share.
type feed struct {
	t          *Transformer
	name       string // of the event as the clients know it
	topic      string // and as it is now
	collection string
	pick       *pick

	// The last event is kept for the others: they are sent the same.
	mu       sync.Mutex
	from, to []byte
}

// feedCache has the feeds that were subscribed to last.
type feedCache struct {
	mu    sync.Mutex
	feeds map[string]*feed
}

const maxFeeds = 1024

// maxKept is how large an event may be, before and after together, to be kept for
// the others. A feed is there for longer than its clients.
const maxKept = 64 << 10

// get returns the feed of a topic as build makes it.
func (c *feedCache) get(key string, build func() (*feed, error)) (*feed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.feeds[key]; f != nil {
		return f, nil
	}
	f, err := build()
	if err != nil || f == nil {
		return nil, err
	}
	if c.feeds == nil || len(c.feeds) >= maxFeeds {
		c.feeds = map[string]*feed{}
	}
	c.feeds[key] = f
	return f, nil
}

// connect notes the version of a connection, for browsers: the requests of an
// EventSource have no headers, but may have a query.
func (p *Plugin) connect(e *core.RealtimeConnectRequestEvent) error {
	if t := p.Of(e.RequestEvent); t != nil {
		e.Client.Set(connectedKey, t)
	}
	return e.Next()
}

// subscribe makes the topics of an older version ones of the newest, and what is
// sent for them what the client knows.
func (p *Plugin) subscribe(e *core.RealtimeSubscribeRequestEvent) error {
	t := p.Of(e.RequestEvent)
	if t == nil {
		t, _ = e.Client.Get(connectedKey).(*Transformer)
	}
	before, _ := e.Client.Get(feedsKey).(feeds)
	after := feeds{}
	if !t.identical() {
		var auth *core.Collection
		key := t.date + "\n"
		if e.Auth != nil {
			auth = e.Auth.Collection()
			key += auth.Id
		}
		for i, raw := range e.Subscriptions {
			f, err := p.feeds.get(key+"\n"+raw, func() (*feed, error) { return t.feed(raw, auth) })
			if err != nil {
				return err
			}
			if f != nil {
				e.Subscriptions[i], after[f.topic] = f.topic, f
			}
		}
	}
	if len(before) == 0 && len(after) == 0 {
		return e.Next()
	}
	// until the new ones are in place, there are both
	both := maps.Clone(after)
	maps.Copy(both, before)
	maps.Copy(both, after)
	p.rewriteMessages(e.Client, both)
	if err := e.Next(); err != nil {
		p.rewriteMessages(e.Client, before)
		return err
	}
	p.rewriteMessages(e.Client, after)
	return nil
}

// feed makes a topic one of the newest version. It returns nil if its events are sent
// as they are.
func (t *Transformer) feed(raw string, auth *core.Collection) (*feed, error) {
	topic, query, _ := strings.Cut(raw, "?")
	name, _, _ := strings.Cut(topic, "/")
	collection := t.collection(name)
	if collection == nil {
		return nil, nil // a topic of somebody's own
	}
	f := &feed{t: t, name: raw, topic: raw, collection: collection.Id}
	values, err := url.ParseQuery(query)
	if err != nil || values.Get("options") == "" {
		return f, nil //nolint:nilerr // PocketBase takes it for none
	}
	options, err := t.rewriteObject([]byte(values.Get("options")), func(o *Object) error {
		changed, asked, err := t.topicQuery(o.Get("query"), collection, auth)
		if err == nil && changed != nil {
			o.SetRaw("query", changed)
		}
		f.pick = asked
		return err
	})
	if err != nil {
		return nil, err
	}
	if string(options) != values.Get("options") {
		values.Set("options", string(options))
		f.topic = topic + "?" + values.Encode()
	}
	return f, nil
}

// topicQuery rewrites the options of a topic that name fields. It returns nil if
// there are none.
func (t *Transformer) topicQuery(query []byte, c, auth *core.Collection) ([]byte, *pick, error) {
	var asked *pick
	if len(query) == 0 || query[0] != '{' {
		return nil, nil, nil
	}
	changed, err := t.rewriteObject(query, func(o *Object) error {
		for _, name := range o.Names() {
			before, ok := o.Text(name)
			if !ok {
				continue
			}
			after, err := before, error(nil)
			switch name {
			case "filter":
				after, err = t.filter(c, before, auth)
			case "expand":
				after, err = t.expand(c, before)
			case "fields":
				after, asked, err = t.fields(c, before, "")
			}
			if err != nil {
				return err
			}
			if after != before {
				o.SetRaw(name, quote(after))
			}
		}
		return nil
	})
	return changed, asked, err
}

// rewriteMessages lets what a client is sent be changed. A client that cannot do so
// itself is looked for in each message that is sent to anybody.
func (p *Plugin) rewriteMessages(client subscriptions.Client, to feeds) {
	client.Set(feedsKey, to)
	if own, ok := client.(rewriter); ok {
		if len(to) == 0 {
			own.Rewrite(nil)
			return
		}
		own.Rewrite(func(name string, data []byte) (string, []byte) { return to.event(p.app, name, data) })
		return
	}
	if len(to) == 0 {
		return
	}
	p.messages.Do(func() {
		p.app.OnRealtimeMessageSend().Bind(&hook.Handler[*core.RealtimeMessageEvent]{
			Id: "holdallVersionsMessage",
			Func: func(e *core.RealtimeMessageEvent) error {
				if to, _ := e.Client.Get(feedsKey).(feeds); len(to) > 0 {
					name, data := to.event(p.app, e.Message.Name, e.Message.Data)
					e.Message = &subscriptions.Message{Name: name, Data: data}
				}
				return e.Next()
			},
			Priority: 9999, // what other handlers see is of the newest version
		})
	})
}

// unsent is the name of what is sent instead of an event that cannot be changed.
// Nobody listens to it.
const unsent = "holdall_version_failed"

// event is an event for the client.
func (fs feeds) event(app core.App, name string, data []byte) (string, []byte) {
	f := fs[name]
	if f == nil {
		return name, data
	}
	changed, err := f.event(data)
	if err != nil {
		app.Logger().Error("A realtime event could not be made one of an older version.",
			slog.String("plugin", "versions"), slog.String("version", f.t.date), slog.String("subscription", name), slog.Any("error", err))
		return unsent, nil
	}
	return f.name, changed
}

func (f *feed) event(data []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.from != nil && len(data) == len(f.from) && (len(data) == 0 || &data[0] == &f.from[0]) {
		return f.to, nil
	}
	changed, err := f.changed(data)
	if err != nil {
		return nil, err
	}
	if f.from, f.to = data, changed; len(data)+len(changed) > maxKept {
		f.from, f.to = nil, nil
	}
	return changed, nil
}

// leave is the action of an event that says only which record is no longer one of
// the subscription's.
const leave = `"leave"`

func (f *feed) changed(data []byte) ([]byte, error) {
	o := objects.Get().(*Object)
	defer o.release()
	if _, err := o.parse(data, space(data, 0)); err != nil {
		return data, nil //nolint:nilerr // somebody's own message
	}
	if bytes.Equal(o.Get("action"), []byte(leave)) {
		return data, nil
	}
	record := o.Get("record")
	if len(record) == 0 || record[0] != '{' {
		return data, nil
	}
	changed, _, err := f.t.appendRecord(make([]byte, 0, len(record)+64), record, 0, f.t.collection(f.collection), f.pick)
	if err != nil {
		return nil, fmt.Errorf("change the record of an event: %w", err)
	}
	o.SetRaw("record", json.RawMessage(changed))
	return o.append(make([]byte, 0, len(data)+64)), nil
}
