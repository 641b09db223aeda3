package realtime_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// deaf opens a connection that subscribes to posts and then reads nothing more.
func deaf(t *testing.T, url string) (conn net.Conn, begin, clientID string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /api/realtime HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	hello := make([]byte, 4096)
	var text string
	for !strings.Contains(text, "\n\n") {
		n, err := conn.Read(hello)
		if err != nil {
			t.Fatal(err)
		}
		text += string(hello[:n])
	}
	_, rest, _ := strings.Cut(text, "id:")
	clientID, _, _ = strings.Cut(rest, "\n")
	s := &stream{t: t, url: url, clientID: clientID}
	s.subscribe("", "posts/*")
	return conn, text, clientID
}

func TestClientsThatDoNotReadCostBoundedMemory(t *testing.T) {
	t.Parallel()
	const length, limit = 64, 1 << 20
	app, url, plugin, _ := serveBoth(t, realtime.Config{QueueLength: length, QueueBytes: limit, Grace: time.Minute})
	for i := range 5 {
		create(t, app, "posts", map[string]any{"id": fmt.Sprint("post0000000000", i)})
	}
	conn, begin, id := deaf(t, url)
	reader := connect(t, url, "")
	reader.subscribe("", "posts/*")
	write := func(statement string, i int, title string) {
		t.Helper()
		_, err := app.DB().NewQuery(statement).Bind(dbx.Params{"id": fmt.Sprintf("post%011d", i), "title": title}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		if waiting, size := plugin.Waiting(id); waiting > length || size > limit {
			t.Fatalf("%d messages of %d bytes wait for the client", waiting, size)
		}
	}
	// until nothing more fits into the buffers of the network
	const update = "UPDATE posts SET title = {:title} WHERE id = {:id}"
	large := strings.Repeat("x", 100<<10)
	for i := 0; ; i++ {
		write(update, i%5, fmt.Sprint(large, i))
		reader.record("update", fmt.Sprint(large, i))
		if waiting, _ := plugin.Waiting(id); waiting > 3 {
			break
		}
	}
	// Updates of few records are coalesced, however many there are.
	const small = 5 * length
	for i := range small {
		write(update, i%5, fmt.Sprint("small ", i))
	}
	reader.record("update", fmt.Sprint("small ", small-1))
	if _, err := app.SubscriptionsBroker().ClientById(id); err != nil {
		t.Fatal("a client was closed although only few records change")
	}
	// Creates cannot be: the connection is closed, and says why.
	for i := range 2 * length {
		write("INSERT INTO posts (id, title) VALUES ({:id}, {:title})", 100+i, "new")
	}
	// The events come later, and would fit if the client read them meanwhile.
	pbtest.Eventually(t, patience, func() error {
		if !plugin.Closing(id) {
			return fmt.Errorf("a client that does not read is not closed")
		}
		return nil
	})
	// what the network took in parts is whole, too
	answer, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(begin), conn)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	rest, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for frame := range strings.SplitSeq(strings.TrimSuffix(string(rest), "\n\n"), "\n\n") {
		_, data, _ := strings.Cut(frame, "\ndata:")
		if !json.Valid([]byte(data)) {
			t.Fatalf("got a broken event of %d bytes: %.200s", len(frame), frame)
		}
	}
	if !bytes.Contains(rest, []byte("event:PB_CLOSE\ndata:{\"code\":\"slow_client\"")) {
		t.Errorf("the end of the stream does not say why it ended: %q", rest[max(0, len(rest)-300):])
	}
	pbtest.Eventually(t, patience, func() error {
		if _, err := app.SubscriptionsBroker().ClientById(id); err == nil {
			return fmt.Errorf("the client is still there")
		}
		return nil
	})
}

// passing is what a middleware puts around an answer.
type passing struct {
	http.ResponseWriter
	written atomic.Int64
}

func (p *passing) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *passing) Write(data []byte) (int, error) {
	p.written.Add(int64(len(data)))
	return p.ResponseWriter.Write(data)
}

// onlooking is one that need not see everything.
type onlooking struct{ passing }

func (*onlooking) OnlyLooks() {}

// Whoever stands between the server and the client keeps seeing what is written.
func TestConnectionsThatCannotBeTakenOver(t *testing.T) {
	t.Parallel()
	app := template.New(t, register(realtime.Config{}))
	app.OnRealtimeMessageSend().UnbindAll()
	var between *passing
	var seen *onlooking
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.BindFunc(func(re *core.RequestEvent) error {
			if re.Request.URL.Query().Has("wrapped") {
				between = &passing{ResponseWriter: re.Response}
				re.Response = between
			}
			if re.Request.URL.Query().Has("seen") {
				seen = &onlooking{passing{ResponseWriter: re.Response}}
				re.Response = seen
			}
			return re.Next()
		})
		return e.Next()
	})
	url := pbtest.Serve(t, app)
	wrapped := connect(t, url, "?wrapped")
	wrapped.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "through the middleware"})
	wrapped.record("create", "through the middleware")
	if got, want := between.written.Load(), int64(len(wrapped.bytes())); got != want {
		t.Errorf("%d bytes passed the middleware, %d came", got, want)
	}

	watched := connect(t, url, "?seen")
	watched.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "past the middleware"})
	watched.record("create", "past the middleware")
	if got := seen.written.Load(); got == 0 || got >= int64(len(watched.bytes())) {
		t.Errorf("%d bytes of %d passed a middleware that only looks", got, len(watched.bytes()))
	}

	// HTTP/1.0 knows no chunks
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET /api/realtime HTTP/1.0\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	until := func(prefix string) string {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, prefix) {
				return strings.TrimSpace(line)
			}
		}
	}
	old := &stream{t: t, url: url, clientID: strings.TrimPrefix(until("id:"), "id:")}
	old.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "without chunks"})
	until("id:" + old.clientID)
	if data := until("data:"); !strings.Contains(data, "without chunks") {
		t.Errorf("got %s", data)
	}
}

// A handler writes what it likes to the answer, as with PocketBase.
func TestAHookWritesToTheAnswer(t *testing.T) {
	t.Parallel()
	app := template.New(t, register(realtime.Config{}))
	app.OnRealtimeMessageSend().BindFunc(func(e *core.RealtimeMessageEvent) error {
		if _, err := e.Response.Write([]byte(": before " + e.Message.Name + "\n\n")); err != nil {
			return err
		}
		return e.Next()
	})
	s := connect(t, pbtest.Serve(t, app), "")
	s.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "hooked"})
	s.record("create", "hooked")
	if !strings.Contains(s.bytes(), ": before posts/*\n\n") {
		t.Errorf("got %q", s.bytes())
	}
}

func TestConnectionsEnd(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name      string
		idle, max time.Duration
	}{
		{"idle", 50 * time.Millisecond, time.Hour},
		{"old", time.Hour, 50 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := template.New(t, register(realtime.Config{}))
			after := make(chan string, 1)
			app.OnRealtimeConnectRequest().BindFunc(func(e *core.RealtimeConnectRequestEvent) error {
				e.IdleTimeout, e.MaxTimeout = c.idle, c.max
				err := e.Next()
				after <- e.Client.Id()
				return err
			})
			s := connect(t, pbtest.Serve(t, app), "")
			s.waitEnd()
			if got := <-after; got != s.clientID {
				t.Errorf("the hook saw client %q, want %q", got, s.clientID)
			}
			if app.SubscriptionsBroker().TotalClients() != 0 {
				t.Error("the client is still registered")
			}
		})
	}
}

func TestActivityKeepsAConnection(t *testing.T) {
	t.Parallel()
	app, url, plugin, _ := serveBoth(t, realtime.Config{})
	active, idle := connect(t, url, ""), connect(t, url, "")
	active.subscribe("", "posts/*")
	at := time.Now()
	for _, title := range []string{"one", "two"} { // when the second comes, the first is noted
		create(t, app, "posts", map[string]any{"title": title})
		active.record("create", title)
	}
	plugin.ExpireIdleSince(active.clientID, at)
	plugin.ExpireIdleSince(idle.clientID, at)
	idle.waitEnd()
	create(t, app, "posts", map[string]any{"title": "three"})
	active.record("create", "three")
}

func TestHooksAndCustomMessages(t *testing.T) {
	t.Parallel()
	app := template.New(t, register(realtime.Config{}))
	var asked atomic.Int32
	app.OnRealtimeSubscribeRequest().BindFunc(func(e *core.RealtimeSubscribeRequestEvent) error {
		asked.Add(1)
		if slices.Contains(e.Subscriptions, "refused") {
			return e.ForbiddenError("No.", nil)
		}
		e.Subscriptions = append(e.Subscriptions, "added")
		e.Client.Set("noted", "by a hook")
		return e.Next()
	})
	app.OnRealtimeMessageSend().BindFunc(func(e *core.RealtimeMessageEvent) error {
		if e.Message.Name == "custom" {
			e.Message.Data = append([]byte(`{"noted":"`+fmt.Sprint(e.Client.Get("noted"))+`","was":`), append(e.Message.Data, '}')...)
		}
		return e.Next()
	})
	url := pbtest.Serve(t, app)
	_, token := pbtest.User(t, app, "people", map[string]any{"id": ada})
	s := connect(t, url, "")
	if status, _ := s.trySubscribe("", "refused"); status != http.StatusForbidden {
		t.Errorf("got %d for what the hook refuses", status)
	}
	s.subscribe(token, "custom", "posts/*", "@oauth2")
	client, err := app.SubscriptionsBroker().ClientById(s.clientID)
	if err != nil {
		t.Fatal(err)
	}
	if !client.HasSubscription("added") || !client.HasSubscription("@oauth2") || len(client.Subscriptions("posts/")) != 1 || len(client.Subscriptions()) != 4 {
		t.Errorf("got subscriptions %v", client.Subscriptions())
	}
	if auth, ok := client.Get(apis.RealtimeClientAuthKey).(*core.Record); !ok || auth.Id != ada {
		t.Errorf("got auth %v", client.Get(apis.RealtimeClientAuthKey))
	}
	if ip, _ := client.Get(apis.RealtimeClientIPKey).(string); ip == "" {
		t.Error("the client has no address")
	}
	for i := range 100 {
		client.Send(subscriptions.Message{Name: "custom", Data: fmt.Append(nil, i)})
	}
	s.wait(func(f frame) bool { return f.data == `{"noted":"by a hook","was":99}` })
	n := 0
	for _, f := range s.received() {
		if f.event == "custom" {
			if want := fmt.Sprintf(`{"noted":"by a hook","was":%d}`, n); f.data != want {
				t.Fatalf("got %s, want %s", f.data, want)
			}
			n++
		}
	}
	client.Unsubscribe("posts/*")
	create(t, app, "posts", map[string]any{"title": "after"})
	s.subscribe(token, "groups/*")
	create(t, app, "groups", map[string]any{"title": "group"})
	s.wait(func(f frame) bool { return f.event == "groups/*" })
	if len(s.events()) != 1 || asked.Load() != 3 {
		t.Errorf("got %v after %d requests", s.events(), asked.Load())
	}
	s.close()
	pbtest.Eventually(t, patience, func() error {
		if !client.IsDiscarded() {
			return fmt.Errorf("the client is not discarded")
		}
		return nil
	})
	if _, open := <-client.Channel(); open {
		t.Error("the channel of a discarded client is open")
	}
	client.Send(subscriptions.Message{Name: "custom"}) // does nothing
}

// A client that somebody registered in the broker, such as of another transport,
// gets what PocketBase sends it.
func TestClientsOfOthers(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	other := subscriptions.NewDefaultClient()
	other.Subscribe("posts/*")
	app.SubscriptionsBroker().Register(other)
	s := connect(t, url, "")
	s.subscribe("", "posts/*")
	got := make(chan subscriptions.Message, 1)
	go func() { got <- <-other.Channel() }()
	create(t, app, "posts", map[string]any{"title": "a"})
	s.record("create", "a")
	if m := <-got; m.Name != "posts/*" || !strings.Contains(string(m.Data), `"title":"a"`) {
		t.Errorf("got %s %s", m.Name, m.Data)
	}
	if n := len(s.events()); n != 1 {
		t.Errorf("the plugin's own client got %d events", n)
	}
}

// Hooks that send messages of their own find the clients.
func TestHooksSeeTheClients(t *testing.T) {
	t.Parallel()
	app := template.New(t, register(realtime.Config{}))
	type sight struct {
		where string
		n     int
	}
	var seen []sight
	note := func(where string, app core.App) {
		seen = append(seen, sight{where, app.SubscriptionsBroker().TotalClients()})
	}
	app.OnRecordCreate("posts").BindFunc(func(e *core.RecordEvent) error { note("create", e.App); return e.Next() })
	app.OnRecordDelete("posts").BindFunc(func(e *core.RecordEvent) error { note("delete", e.App); return e.Next() })
	app.OnModelDeleteExecute("posts").BindFunc(func(e *core.ModelEvent) error { note("execute", e.App); return e.Next() })
	app.OnModelDelete("posts").BindFunc(func(e *core.ModelEvent) error { note("model delete", e.App); return e.Next() })
	after := func(e *core.RecordEvent) error {
		note("before next", e.App)
		err := e.Next()
		note("after next", e.App)
		return err
	}
	app.OnRecordAfterCreateSuccess("posts").BindFunc(after)
	app.OnRecordAfterUpdateSuccess("posts").BindFunc(after)
	app.OnRecordAfterDeleteSuccess("posts").BindFunc(after)
	for _, hook := range []interface {
		BindFunc(fn func(*core.ModelEvent) error) string
	}{app.OnModelAfterCreateSuccess("posts"), app.OnModelAfterUpdateSuccess("posts"), app.OnModelAfterDeleteSuccess("posts")} {
		hook.BindFunc(func(e *core.ModelEvent) error { note("model", e.App); return e.Next() })
	}
	s := connect(t, pbtest.Serve(t, app), "")
	s.subscribe("", "posts/*")
	post := create(t, app, "posts", map[string]any{"title": "a"})
	save(t, app, post, map[string]any{"title": "b"})
	if err := app.Delete(post); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 13 {
		t.Errorf("the hooks ran %d times, want 13", len(seen))
	}
	for _, at := range seen {
		if at.n != 1 {
			t.Errorf("%s: %d clients, want 1", at.where, at.n)
		}
	}
	s.record("delete", "b")
	if got := s.events(); !slices.Equal(got, []string{"create a", "update b", "delete b"}) {
		t.Errorf("got %v, as if PocketBase sent events too", got)
	}
}

func TestWritesThatNoHookSees(t *testing.T) {
	t.Parallel()
	app, url := serve(t, realtime.Config{})
	s := connect(t, url, "")
	s.subscribe("", "posts/*")
	if _, err := app.DB().NewQuery("INSERT INTO posts (id, title) VALUES ('raw000000000001', 'raw')").Execute(); err != nil {
		t.Fatal(err)
	}
	s.record("create", "raw")
	// another process
	other, err := dbx.Open("sqlite", app.DataDir()+"/data.db")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.NewQuery("UPDATE posts SET title = 'elsewhere'").Execute(); err != nil {
		t.Fatal(err)
	}
	s.record("update", "elsewhere")
	if _, err := other.NewQuery("DELETE FROM posts").Execute(); err != nil {
		t.Fatal(err)
	}
	s.record("delete", "elsewhere")
	err = app.RunInTransaction(func(tx core.App) error {
		create(t, tx, "posts", map[string]any{"title": "rolled back"})
		return exec.ErrNotFound
	})
	if err == nil {
		t.Fatal("the transaction was not rolled back")
	}
	create(t, app, "posts", map[string]any{"title": "end"})
	s.record("create", "end")
	if got := s.events(); !slices.Equal(got, []string{"create raw", "update elsewhere", "delete elsewhere", "create end"}) {
		t.Errorf("got %v", got)
	}
}

func TestWorkIsShared(t *testing.T) {
	t.Parallel()
	app := template.New(t)
	log, err := changes.Register(app, changes.Config{PollInterval: pollInterval})
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := realtime.Register(app, realtime.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	app.OnRecordEnrich().UnbindAll() // the test app counts events
	url := pbtest.Serve(t, app)
	const people, each = 10, 3
	var streams []*stream
	var ids []string
	for range people {
		person, token := pbtest.User(t, app, "people", nil)
		ids = append(ids, person.Id)
		for range each {
			s := connect(t, url, "")
			s.subscribe(token, "posts/*")
			streams = append(streams, s)
		}
	}
	group := create(t, app, "groups", map[string]any{"members": ids})
	cases := []struct {
		rule                                 string
		evaluations, queries, serialisations int64
	}{
		{"", 0, 0, 1},
		{"title != @request.auth.id", people, 0, 1},
		{"group.members.id ?= @request.auth.id", 0, 1, 1},
		{"group.members.email ?= @request.auth.email", 0, people, 1},
	}
	for i, c := range cases {
		setRules(t, app, "posts", &c.rule)
		e0, q0, s0 := plugin.Stats()
		title := fmt.Sprint("case ", i)
		create(t, app, "posts", map[string]any{"title": title, "group": group.Id})
		for _, s := range streams {
			s.record("create", title)
		}
		e1, q1, s1 := plugin.Stats()
		if e1-e0 != c.evaluations || q1-q0 != c.queries || s1-s0 != c.serialisations {
			t.Errorf("%q for %d clients of %d people: %d evaluations, %d queries, %d serialisations; want %d, %d, %d",
				c.rule, len(streams), people, e1-e0, q1-q0, s1-s0, c.evaluations, c.queries, c.serialisations)
		}
	}
}

func TestTheSaveDoesNotWait(t *testing.T) {
	t.Parallel()
	app := template.New(t, register(realtime.Config{}))
	release := make(chan struct{})
	app.OnRecordEnrich("posts").BindFunc(func(e *core.RecordEnrichEvent) error {
		<-release
		return e.Next()
	})
	s := connect(t, pbtest.Serve(t, app), "")
	s.subscribe("", "posts/*")
	for i := range 3 {
		create(t, app, "posts", map[string]any{"title": fmt.Sprint(i)}) // would hang
	}
	close(release)
	s.record("create", "2")
}

func TestAPanicOfAHookEndsNothing(t *testing.T) {
	t.Parallel()
	app := template.New(t, register(realtime.Config{}))
	app.OnRecordEnrich("posts").BindFunc(func(e *core.RecordEnrichEvent) error {
		if e.Record.GetString("title") == "panic" {
			panic("of a hook")
		}
		return e.Next()
	})
	s := connect(t, pbtest.Serve(t, app), "")
	s.subscribe("", "posts/*")
	create(t, app, "posts", map[string]any{"title": "panic"})
	create(t, app, "posts", map[string]any{"title": "after"})
	s.record("create", "after")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	err := realtime.Config{QueueLength: 1, QueueBytes: 1, Retention: 1, Grace: -1, PositionInterval: 1}.Validate()
	for _, field := range []string{"Log", "QueueLength", "QueueBytes", "Retention", "Grace", "PositionInterval"} {
		if err == nil || !strings.Contains(err.Error(), "realtime: "+field+" ") {
			t.Errorf("got %v, want it to name %s", err, field)
		}
	}
}
