package realtime_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// pollInterval is how often the log looks for writes that it was not told of.
const pollInterval = 20 * time.Millisecond

// template has people, an auth collection, and posts, which anybody may read, and
// the tables of the log. bare has no log.
var (
	template = pbtest.NewTemplate(func(app core.App) error {
		_, err := changes.Register(app, changes.Config{})
		return err
	}, world)
	bare = pbtest.NewTemplate(world)
)

func world(app core.App) error {
	people := core.NewAuthCollection("people")
	people.ListRule, people.ViewRule = types.Pointer(""), types.Pointer("")
	people.Fields.Add(&core.TextField{Name: "role"}, &core.TextField{Name: "secret", Hidden: true})
	if err := app.Save(people); err != nil {
		return err
	}
	groups := core.NewBaseCollection("groups")
	groups.ListRule, groups.ViewRule = types.Pointer(""), types.Pointer("")
	groups.Fields.Add(&core.TextField{Name: "name"},
		&core.RelationField{Name: "members", CollectionId: people.Id, MaxSelect: 100})
	if err := app.Save(groups); err != nil {
		return err
	}
	posts := core.NewBaseCollection("posts")
	posts.ListRule, posts.ViewRule = types.Pointer(""), types.Pointer("")
	posts.Fields.Add(
		&core.TextField{Name: "title"},
		&core.NumberField{Name: "n"},
		&core.BoolField{Name: "open"},
		&core.TextField{Name: "hush", Hidden: true},
		&core.RelationField{Name: "owner", CollectionId: people.Id, MaxSelect: 1},
		&core.RelationField{Name: "group", CollectionId: groups.Id, MaxSelect: 1, CascadeDelete: true},
		&core.SelectField{Name: "tags", Values: []string{"red", "green", "blue"}, MaxSelect: 3},
		&core.JSONField{Name: "extra"},
		&core.DateField{Name: "due"},
		&core.GeoPointField{Name: "place"},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	return app.Save(posts)
}

// register adds the log and the plugin to an app.
func register(config realtime.Config) func(core.App) error {
	return func(app core.App) error {
		if config.Log == nil {
			log, err := changes.Register(app, changes.Config{PollInterval: pollInterval})
			if err != nil {
				return err
			}
			config.Log = log
		}
		_, err := realtime.Register(app, config)
		return err
	}
}

// serve returns an app with the plugin and its URL.
func serve(tb testing.TB, config realtime.Config) (core.App, string) {
	tb.Helper()
	app := template.New(tb, register(config))
	app.OnRealtimeMessageSend().UnbindAll() // the test app counts events
	return app, pbtest.Serve(tb, app)
}

// frame is an event as it came over the wire.
type frame struct {
	id, event, data string
	decoded         payload
}

// payload is the data of an event of a record.
type payload struct {
	Action string         `json:"action"`
	Record map[string]any `json:"record"`
}

func (f frame) payload() payload { return f.decoded }

// stream is a connection to the realtime API.
type stream struct {
	t        testing.TB
	url      string
	clientID string
	topic    string // the first subscription
	close    func()

	mu     sync.Mutex
	frames []frame
	raw    bytes.Buffer
	more   chan struct{} // closed and replaced with every frame
	ended  bool
}

// connect opens a connection. The query begins with a question mark, or is empty.
func connect(tb testing.TB, url, query string, header ...string) *stream {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/realtime"+query, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{}
	response, err := transport.RoundTrip(request)
	if err != nil {
		tb.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		tb.Fatalf("got status %d and type %q", response.StatusCode, response.Header.Get("Content-Type"))
	}
	s := &stream{t: tb, url: url, more: make(chan struct{})}
	done := make(chan struct{})
	s.close = sync.OnceFunc(func() {
		cancel()
		<-done
		_ = response.Body.Close()
	})
	tb.Cleanup(s.close)
	go func() {
		defer close(done)
		s.read(response.Body)
	}()
	s.clientID = s.wait(func(f frame) bool { return f.event == "PB_CONNECT" }).id
	return s
}

func (s *stream) read(body io.Reader) {
	reader := bufio.NewReader(io.TeeReader(body, writerFunc(func(p []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.raw.Write(p)
	})))
	var f frame
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			s.mu.Lock()
			s.ended = true
			close(s.more)
			s.more = make(chan struct{})
			s.mu.Unlock()
			return
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "id":
			f.id = value
		case "event":
			f.event = value
		case "data":
			f.data = value
		case "":
			_ = json.Unmarshal([]byte(f.data), &f.decoded)
			s.mu.Lock()
			s.frames = append(s.frames, f)
			close(s.more)
			s.more = make(chan struct{})
			s.mu.Unlock()
			f = frame{}
		}
	}
}

type writerFunc func(p []byte)

func (w writerFunc) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// received are the frames so far.
func (s *stream) received() []frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]frame(nil), s.frames...)
}

// bytes are everything that came over the wire.
func (s *stream) bytes() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

const patience = 90 * time.Second

// wait returns the first frame that is as wanted.
func (s *stream) wait(wanted func(frame) bool) frame {
	s.t.Helper()
	deadline := time.After(patience)
	seen := 0
	for {
		s.mu.Lock()
		frames, more, ended := s.frames, s.more, s.ended
		s.mu.Unlock()
		for ; seen < len(frames); seen++ {
			if wanted(frames[seen]) {
				return frames[seen]
			}
		}
		if ended {
			s.t.Fatalf("the stream ended after %d frames", len(frames))
		}
		select {
		case <-more:
		case <-deadline:
			s.t.Fatalf("the frame did not come, after %v", frames)
		}
	}
}

// waitEnd waits until the server has ended the stream.
func (s *stream) waitEnd() {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		more, ended := s.more, s.ended
		s.mu.Unlock()
		if ended {
			return
		}
		select {
		case <-more:
		case <-deadline:
			s.t.Fatal("the stream did not end")
		}
	}
}

// record waits for the event of a record that has a title.
func (s *stream) record(action, title string) payload {
	s.t.Helper()
	return s.wait(func(f frame) bool {
		p := f.payload()
		return p.Action == action && p.Record["title"] == title
	}).payload()
}

// delivered waits until everything that is committed has come, so that what did
// not come never will.
func (s *stream) delivered(app core.App, plugin *realtime.Plugin, log *changes.Log) {
	s.t.Helper()
	head, err := log.Head(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	pbtest.Eventually(s.t, patience, func() error {
		if at := plugin.Position(); at < head {
			return fmt.Errorf("the log is followed up to %d of %d", at, head)
		}
		return nil
	})
	client, err := app.SubscriptionsBroker().ClientById(s.clientID)
	if err != nil {
		s.t.Fatal(err)
	}
	name := "barrier-" + security.PseudorandomString(8)
	client.Send(subscriptions.Message{Name: name, Data: []byte("{}")})
	s.wait(func(f frame) bool { return f.event == name })
}

// has tells whether a frame came.
func (s *stream) has(wanted func(frame) bool) bool { return slices.ContainsFunc(s.received(), wanted) }

// events are the actions and titles of the records that came, in order.
func (s *stream) events() []string {
	var events []string
	for _, f := range s.received() {
		if p := f.payload(); p.Action != "" {
			events = append(events, fmt.Sprint(p.Action, " ", p.Record["title"]))
		}
	}
	return events
}

// subscribe sets the subscriptions.
func (s *stream) subscribe(token string, topics ...string) {
	s.t.Helper()
	s.topic = topics[0]
	if status, body := s.trySubscribe(token, topics...); status != http.StatusNoContent {
		s.t.Fatalf("subscribe: got %d %s", status, body)
	}
}

func (s *stream) trySubscribe(token string, topics ...string) (int, string) {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"clientId": s.clientID, "subscriptions": topics})
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/api/realtime", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// options writes a topic with options.
func options(topic string, query map[string]string) string {
	text, _ := json.Marshal(map[string]any{"query": query})
	return topic + "?options=" + strings.NewReplacer("%", "%25", "+", "%2B", "&", "%26", "#", "%23", " ", "%20").Replace(string(text))
}

// save makes or changes a record.
func save(tb testing.TB, app core.App, record *core.Record, fields map[string]any) *core.Record {
	tb.Helper()
	record.Load(fields)
	if err := app.Save(record); err != nil {
		tb.Fatal(err)
	}
	return record
}

// create makes a record of a collection.
func create(tb testing.TB, app core.App, collection string, fields map[string]any) *core.Record {
	tb.Helper()
	c, err := app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		tb.Fatal(err)
	}
	return save(tb, app, core.NewRecord(c), fields)
}

// setRules changes the rules that decide who may listen to a collection.
func setRules(tb testing.TB, app core.App, collection string, rule *string) {
	tb.Helper()
	c, err := app.FindCollectionByNameOrId(collection)
	if err != nil {
		tb.Fatal(err)
	}
	c.ListRule, c.ViewRule = rule, rule
	if err := app.Save(c); err != nil {
		tb.Fatal(err)
	}
}
