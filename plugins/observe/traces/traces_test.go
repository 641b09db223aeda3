package traces_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/otlptest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/tracing"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/jobs"
	"github.com/holdall-go/holdall/plugins/observe"
	"github.com/holdall-go/holdall/plugins/observe/traces"
	"github.com/holdall-go/holdall/plugins/requestlog"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// patience is how long a test waits for what other goroutines do.
const patience = 90 * time.Second

// secret is what must not be found in any span.
const secret = "squeamish-ossifrage"

var errNotYet = errors.New("it has not come yet")

// world is an app with all that makes a trace: creating an order enqueues a job, which
// creates a report, of which a webhook tells.
type world struct {
	app       core.App
	url       string
	token     string // a user's
	root      string // a superuser's token
	collector *otlptest.Receiver
	tracer    *traces.Tracer
	log       *lines

	mu       sync.Mutex
	received []http.Header // of webhooks
}

// parts are left out to see what they are needed for.
type parts struct{ noChanges, noJobs, noWebhooks bool }

func newWorld(t *testing.T, config traces.Config, without parts) *world {
	t.Helper()
	w := &world{collector: otlptest.New(t), log: &lines{}}
	if config.URL == "" {
		config.URL = w.collector.URL
	}
	var err error
	if w.tracer, err = traces.New(config); err != nil {
		t.Fatal(err)
	}
	engine := changes.NewEngine()
	w.app = core.NewBaseApp(core.BaseAppConfig{DataDir: filepath.Join(t.TempDir(), "pb_data"), DBConnect: engine.Connect})
	w.register(t, engine, without)
	if err := w.app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		event := &core.TerminateEvent{App: w.app}
		_ = w.app.OnTerminate().Trigger(event, func(*core.TerminateEvent) error { return w.app.ResetBootstrapState() })
	})
	w.makeCollections(t)
	w.addEndpoint(t)
	w.root = pbtest.Superuser(t, w.app) // or PocketBase would make one when it serves
	_, w.token = pbtest.User(t, w.app, "users", nil)
	w.url = pbtest.Serve(t, w.app)
	return w
}

func (w *world) register(t *testing.T, engine *changes.Engine, without parts) {
	t.Helper()
	logConfig := changes.Config{Engine: engine, Tracer: w.tracer}
	jobConfig := jobs.Config{Tracer: w.tracer}
	hookConfig := webhooks.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowHTTP: true, Tracer: w.tracer}
	if without.noChanges {
		logConfig.Tracer = nil
	}
	if without.noJobs {
		jobConfig.Tracer = nil
	}
	if without.noWebhooks {
		hookConfig.Tracer = nil
	}
	hookConfig.Log = changes.MustRegister(w.app, logConfig)
	queue := jobs.MustRegister(w.app, jobConfig)
	webhooks.MustRegister(w.app, hookConfig)
	requestlog.MustRegister(w.app, requestlog.Config{Output: w.log, FlushInterval: -1, Trace: w.tracer.IDs})
	observe.MustRegister(w.app, observe.Config{Tracer: w.tracer, Statements: engine})

	type order struct{ Order string }
	err := jobs.Handle(queue, "report", func(_ context.Context, job jobs.Job[order]) error {
		w.app.Logger().Info("a report is made")
		return w.create("reports", map[string]any{"order": job.Args.Order})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.app.OnRecordCreate("orders").BindFunc(func(e *core.RecordEvent) error {
		return jobs.WithRecord(e, func(tx core.App) error {
			_, err := jobs.Enqueue(tx, "report", order{e.Record.Id})
			return err
		})
	})
}

func (w *world) makeCollections(t *testing.T) {
	t.Helper()
	for _, name := range []string{"orders", "reports"} {
		c := core.NewBaseCollection(name)
		c.Fields.Add(&core.TextField{Name: "title"}, &core.TextField{Name: "order"})
		c.CreateRule, c.ViewRule, c.ListRule = types.Pointer(`@request.auth.id != "" && title != "refused"`), types.Pointer(`@request.auth.id != ""`), types.Pointer(`@request.auth.id != ""`)
		if err := w.app.Save(c); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) addEndpoint(t *testing.T) {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.received = append(w.received, r.Header)
		rw.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	err := w.create(webhooks.Collection, map[string]any{
		"name": "ERP", "url": receiver.URL + "/hook?key=" + secret, "collections": []string{"reports"}, "enabled": true,
		"headers": map[string]string{"Authorization": "Bearer " + secret},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) create(collection string, fields map[string]any) error {
	c, err := w.app.FindCollectionByNameOrId(collection)
	if err != nil {
		return err
	}
	record := core.NewRecord(c)
	record.Load(fields)
	return w.app.Save(record)
}

// ask makes a request as the user.
func (w *world) ask(t *testing.T, method, path, body string, headers ...string) (status int) {
	t.Helper()
	status, _ = w.exchange(t, method, path, body, headers...)
	return status
}

// read returns what is at a path.
func (w *world) read(t *testing.T, path string, headers ...string) string {
	t.Helper()
	status, body := w.exchange(t, http.MethodGet, path, "", headers...)
	if status != http.StatusOK {
		t.Fatalf("%s: got %d, want 200: %s", path, status, body)
	}
	return body
}

func (w *world) exchange(t *testing.T, method, path, body string, headers ...string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", w.token)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// delivered waits for a webhook and returns what it came with.
func (w *world) delivered(t *testing.T) http.Header {
	t.Helper()
	var header http.Header
	pbtest.Eventually(t, patience, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.received) == 0 {
			return errNotYet
		}
		header = w.received[0]
		return nil
	})
	return header
}

// find waits for a span of the name, and returns it with all that have come.
func (w *world) find(t *testing.T, name string) (span otlptest.Span, all []otlptest.Span) {
	t.Helper()
	pbtest.Eventually(t, patience, func() error {
		if err := w.tracer.Flush(t.Context()); err != nil {
			return err
		}
		all = w.collector.Spans("")
		for _, span = range all {
			if span.Name == name {
				return nil
			}
		}
		return errNotYet
	})
	return span, all
}

// lines are what is logged.
type lines struct {
	mu  sync.Mutex
	all []map[string]any
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(string(b)) {
		entry := map[string]any{}
		if json.Unmarshal([]byte(line), &entry) == nil {
			l.all = append(l.all, entry)
		}
	}
	return len(b), nil
}

// find returns the line with the message, and path if that is not "".
func (l *lines) find(message, path string) map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, entry := range l.all {
		if entry["msg"] == message && (path == "" || entry["path"] == path) {
			return entry
		}
	}
	return nil
}

const orders = "/api/collections/orders/records"

// parentsOf are the names from a span up to its root.
func parentsOf(spans []otlptest.Span, name string) (names []string) {
	byID := map[string]otlptest.Span{}
	var at otlptest.Span
	for _, s := range spans {
		byID[s.ID] = s
		if s.Name == name {
			at = s
		}
	}
	for at.ID != "" {
		names = append(names, at.Name)
		at = byID[at.Parent]
	}
	return names
}

// chain is how a request leads to a webhook.
const chain = "deliver reports.create < create reports < run report < enqueue report < create orders < POST " + orders

func chainOf(spans []otlptest.Span) string {
	names := parentsOf(spans, "deliver reports.create")
	for i, n := range names {
		names[i] = strings.ReplaceAll(n, "{collection}", "orders")
	}
	return strings.Join(names, " < ")
}

func TestOneRequestIsOneTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traces.Config{Ratio: 1, Service: "orders", Version: "1.2.3", Instance: "a"}, parts{})
	if got := w.ask(t, http.MethodPost, orders, `{"title":"`+secret+`"}`); got != http.StatusOK {
		t.Fatalf("got %d, want 200", got)
	}
	header := w.delivered(t)
	delivery, _ := w.find(t, "deliver reports.create")
	spans := w.collector.Spans(delivery.TraceID)
	tree := w.collector.Tree(delivery.TraceID)

	if got := chainOf(spans); got != chain {
		t.Errorf("got %s\nwant %s\n%s", got, chain, tree)
	}
	roots := 0
	for _, s := range spans {
		if s.Parent == "" {
			roots++
		}
	}
	if roots != 1 || strings.Count("\n"+tree, "\n ")+2 != strings.Count(tree, "\n")+1 {
		t.Errorf("got %d roots, want one that all others are below:\n%s", roots, tree)
	}
	for name, kind := range map[string]string{
		"POST /api/collections/{collection}/records": "SPAN_KIND_SERVER", "enqueue report": "SPAN_KIND_PRODUCER",
		"run report": "SPAN_KIND_CONSUMER", "deliver reports.create": "SPAN_KIND_CLIENT", "create rule orders": "SPAN_KIND_INTERNAL",
		"INSERT orders": "SPAN_KIND_CLIENT", "INSERT _jobs": "SPAN_KIND_CLIENT", "INSERT reports": "SPAN_KIND_CLIENT",
	} {
		found := false
		for _, s := range spans {
			found = found || s.Name == name && s.Kind == kind
		}
		if !found {
			t.Errorf("there is no %s of kind %s:\n%s", name, kind, tree)
		}
	}
	for child, parent := range map[string]string{
		"INSERT orders": "create orders", "INSERT _jobs": "enqueue report", "INSERT reports": "create reports",
		"create rule orders": "POST /api/collections/{collection}/records",
	} {
		if names := parentsOf(spans, child); len(names) < 2 || names[1] != parent {
			t.Errorf("%s is below %v, want %s:\n%s", child, names, parent, tree)
		}
	}
	want := tracing.Parent{TraceID: delivery.TraceID, SpanID: delivery.ID, Sampled: true}.String()
	if got := header.Get("Traceparent"); got != want {
		t.Errorf("the receiver was told %q, want %q", got, want)
	}
	if got := delivery.Resource; got["service.name"] != "orders" || got["service.version"] != "1.2.3" || got["service.instance.id"] != "a" {
		t.Errorf("got resource %v", got)
	}
	if got := delivery.Attributes["http.response.status_code"]; got != "204" {
		t.Errorf("the delivery's status: got %q, want 204", got)
	}
}

func TestPropagationHoldsTheTreeTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		without parts
		last    string // what is still to be seen
		chain   string
	}{
		{"without the change log's part", parts{noChanges: true}, "create reports", ""},
		{"without the jobs' part", parts{noJobs: true}, "POST /api/collections/{collection}/records", ""},
		{"without the webhooks' part", parts{noWebhooks: true}, "create reports", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, traces.Config{Ratio: 1}, c.without)
			w.ask(t, http.MethodPost, orders, `{"title":"x"}`)
			header := w.delivered(t)
			_, spans := w.find(t, c.last)
			if got := chainOf(spans); got == chain {
				t.Error("the tree is whole although a part is missing")
			}
			if got := header.Get("Traceparent"); got != "" {
				t.Errorf("the receiver was told %q, want nothing", got)
			}
		})
	}
}

func TestNoSecretsInSpans(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traces.Config{Ratio: 1}, parts{})
	w.ask(t, http.MethodPost, orders+"?token="+secret+"&fields=id", `{"title":"`+secret+`"}`, "Cookie", "session="+secret, "X-Api-Key", secret)
	w.ask(t, http.MethodGet, orders+"?filter=title='"+secret+"'%26%26id!='7'", "")
	w.ask(t, http.MethodGet, "/"+secret+"?password="+secret, "")
	w.delivered(t)
	w.find(t, "deliver reports.create")
	_, spans := w.find(t, "GET /api/collections/{collection}/records")
	for _, s := range spans {
		for key, value := range s.Attributes {
			if strings.Contains(value, secret) || strings.Contains(value, w.token) || strings.Contains(s.Name, secret) {
				t.Errorf("%s: %s is %q", s.Name, key, value)
			}
		}
	}
	line := w.log.find("request", "/"+secret) // so that the test would find it
	if line == nil || line["trace_id"] == nil {
		t.Errorf("the line of a request without a route: got %v, want one with a trace", line)
	}
}

func TestLinesNameTheirSpans(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traces.Config{Ratio: 1}, parts{})
	w.ask(t, http.MethodPost, orders, `{"title":"x"}`)
	w.delivered(t)
	w.find(t, "deliver reports.create")
	run, _ := w.find(t, "run report")
	request, _ := w.find(t, "POST /api/collections/{collection}/records")
	for _, c := range []struct {
		message, path string
		span          otlptest.Span
	}{{"request", orders, request}, {"a report is made", "", run}} {
		line := w.log.find(c.message, c.path)
		if line["trace_id"] != c.span.TraceID || line["span_id"] != c.span.ID {
			t.Errorf("%s: got %v %v, want %s %s", c.message, line["trace_id"], line["span_id"], c.span.TraceID, c.span.ID)
		}
	}
}
