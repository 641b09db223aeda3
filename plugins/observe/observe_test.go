package observe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/observe"
)

const secret = "a-token-for-tests"

// world is a measured app that serves.
type world struct {
	app    core.App
	url    string
	plugin *observe.Plugin
	token  string // a superuser's
}

func serve(t *testing.T, config observe.Config) *world {
	t.Helper()
	w := &world{}
	w.app = pbtest.New(t, pbtest.FastPasswords, func(app core.App) (err error) {
		w.plugin, err = observe.Register(app, config)
		return err
	})
	w.url = pbtest.Serve(t, w.app)
	w.token = pbtest.Superuser(t, w.app)
	return w
}

func get(t *testing.T, url string, headers ...string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
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

// scrape returns the metrics by name.
func (w *world) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	status, body := get(t, w.url+observe.Path, "Authorization", w.token)
	if status != http.StatusOK {
		t.Fatalf("metrics: %d %s", status, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("metrics: %v\n%s", err, body)
	}
	return families
}

// find returns the metric with the labels, pairs of a name and a value.
func find(families map[string]*dto.MetricFamily, name string, labels ...string) *dto.Metric {
	for _, m := range families[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		all := true
		for i := 0; i < len(labels); i += 2 {
			all = all && has[labels[i]] == labels[i+1]
		}
		if all {
			return m
		}
	}
	return nil
}

func TestWhoMayRead(t *testing.T) {
	t.Parallel()
	open := serve(t, observe.Config{})
	guarded := serve(t, observe.Config{Token: secret})
	_, user := pbtest.User(t, guarded.app, "users", nil)
	for _, c := range []struct {
		name, url string
		header    string
		want      int
	}{
		{"a guest", guarded.url, "", 401},
		{"a guest, without a token being set", open.url, "", 401},
		{"an empty token, without a token being set", open.url, "Bearer ", 401},
		{"a user", guarded.url, user, 403},
		{"a superuser", guarded.url, guarded.token, 200},
		{"a superuser, without a token being set", open.url, open.token, 200},
		{"the token", guarded.url, "Bearer " + secret, 200},
		{"the token, the scheme in other case", guarded.url, "bearer " + secret, 200},
		{"the token without its scheme", guarded.url, secret, 401},
		{"another token", guarded.url, "Bearer " + secret + "x", 401},
		{"the beginning of the token", guarded.url, "Bearer " + secret[:10], 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := get(t, c.url+observe.Path, "Authorization", c.header)
			if status != c.want {
				t.Errorf("got %d, want %d: %s", status, c.want, body)
			}
			if got := strings.Contains(body, "holdall_"); got != (c.want == 200) {
				t.Errorf("metrics in the answer: %t", got)
			}
		})
	}
}

func TestListenerOfItsOwn(t *testing.T) {
	t.Parallel()
	open := serve(t, observe.Config{Addr: "127.0.0.1:0"})
	guarded := serve(t, observe.Config{Addr: "127.0.0.1:0", Token: secret})
	for _, c := range []struct {
		name, address, path, header string
		want                        int
	}{
		{"open", open.plugin.Address(), "/metrics", "", 200},
		{"nothing else", open.plugin.Address(), "/api/health", "", 404},
		{"guarded, without the token", guarded.plugin.Address(), "/metrics", "", 401},
		{"guarded, with the token", guarded.plugin.Address(), "/metrics", "Bearer " + secret, 200},
	} {
		if status, body := get(t, "http://"+c.address+c.path, "Authorization", c.header); status != c.want {
			t.Errorf("%s: got %d, want %d: %s", c.name, status, c.want, body)
		}
	}
}

// Requests are counted by the route and by the collection's name, whatever the
// client calls it.
func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	w := serve(t, observe.Config{})
	users, err := w.app.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/api/collections/users/records", "/api/collections/" + users.Id + "/records",
		"/api/collections/users/records/none", "/api/collections/nothing/records",
		"/api/nowhere", "/api/health",
	} {
		get(t, w.url+path, "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	}
	const records = "/api/collections/{collection}/records"
	// the figure follows the answer by an instant
	pbtest.Eventually(t, time.Minute, func() error {
		families := w.scrape(t)
		for _, c := range []struct {
			want   float64
			labels []string
		}{
			{2, []string{"method", "GET", "route", records, "collection", "users", "code", "200"}},
			{1, []string{"method", "GET", "route", records + "/{id}", "collection", "users", "code", "404"}},
			{1, []string{"method", "GET", "route", records, "collection", "", "code", "404"}},
			{1, []string{"method", "GET", "route", "/api/health", "collection", "", "code", "200"}},
		} {
			if got := find(families, "holdall_http_requests_total", c.labels...).GetCounter().GetValue(); got != c.want {
				return fmt.Errorf("%v: got %v, want %v", c.labels, got, c.want)
			}
		}
		took := find(families, "holdall_http_request_duration_seconds", "route", records, "collection", "users").GetHistogram()
		if took.GetSampleCount() != 2 || took.GetSampleSum() <= 0 {
			return fmt.Errorf("durations: %v", took)
		}
		return nil
	})
	_, body := get(t, w.url+observe.Path, "Authorization", w.token, "Accept", "application/openmetrics-text; version=1.0.0")
	if !strings.Contains(body, `# {trace_id="0af7651916cd43dd8448eb211c80319c"}`) {
		t.Error("no histogram names a request that was traced")
	}
}

// Whoever makes up addresses, methods and collections makes no series.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	w := serve(t, observe.Config{})
	ask := func(i int) {
		for _, path := range []string{"/random-%d", "/api/collections/c%d/records", "/api/collections/users/records/r%d?filter=x%d", "/api/files/users/%d/f"} {
			get(t, w.url+strings.ReplaceAll(path, "%d", fmt.Sprint(i)))
		}
		request, err := http.NewRequestWithContext(t.Context(), fmt.Sprintf("X%d", i), w.url+"/api/health", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	count := func() (n int) {
		for _, f := range w.scrape(t) {
			n += len(f.GetMetric())
		}
		return n
	}
	ask(0)
	w.scrape(t)
	settled := 0
	pbtest.Eventually(t, time.Minute, func() error {
		before := settled
		if settled = count(); settled != before {
			return fmt.Errorf("still %d, then %d", before, settled)
		}
		return nil
	})
	for i := 1; i <= 200; i++ {
		ask(i)
	}
	if after := count(); after != settled {
		t.Errorf("1,000 requests for nothing made %d series of %d", after, settled)
	}
}

// serveWatched serves an app on the engine, which pbtest's apps are not.
func serveWatched(t *testing.T, config observe.Config) *world {
	t.Helper()
	engine := sqlite.New()
	config.Statements = engine
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: filepath.Join(t.TempDir(), "pb_data"), DBConnect: engine.Connect})
	plugin, err := observe.Register(app, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		event := &core.TerminateEvent{App: app}
		_ = app.OnTerminate().Trigger(event, func(*core.TerminateEvent) error { return app.ResetBootstrapState() })
	})
	w := &world{app: app, plugin: plugin, token: pbtest.Superuser(t, app)}
	w.url = pbtest.Serve(t, app)
	return w
}

func TestStatementsAreCounted(t *testing.T) {
	t.Parallel()
	w := serveWatched(t, observe.Config{})
	_ = w.app.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery("INSERT INTO _params (id) VALUES ('a'), ('a')").Execute()
		return err
	})
	_, _ = w.app.DB().NewQuery("SELECT nothing").Execute()
	families := w.scrape(t)
	for _, kind := range []string{"read", "write", "begin", "commit"} {
		if find(families, "holdall_db_statement_duration_seconds", "db", "data", "kind", kind).GetHistogram().GetSampleCount() == 0 {
			t.Errorf("no statement of the kind %s", kind)
		}
	}
	for _, reason := range []string{"constraint", "other"} {
		if got := find(families, "holdall_db_failures_total", "db", "data", "reason", reason).GetCounter().GetValue(); got != 1 {
			t.Errorf("failures by %s: got %v, want 1", reason, got)
		}
	}
	for _, name := range []string{"holdall_db_size_bytes", "holdall_db_connections_limit", "holdall_build_info", "go_goroutines"} {
		if len(families[name].GetMetric()) == 0 {
			t.Errorf("no %s", name)
		}
	}
}

// A slow query is told with SQLite's plan, and without what it asked for.
func TestSlowQueries(t *testing.T) {
	t.Parallel()
	w := serveWatched(t, observe.Config{SlowQuery: time.Nanosecond})
	var n int
	query := w.app.DB().NewQuery("SELECT COUNT(*) FROM _collections WHERE name = {:name} AND type <> 'confidential'")
	if err := query.Bind(map[string]any{"name": "secret"}).Row(&n); err != nil {
		t.Fatal(err)
	}
	pbtest.Eventually(t, time.Minute, func() error {
		for _, q := range w.plugin.SlowQueries() {
			if strings.Contains(q.Query, "COUNT(*) FROM _collections") && strings.Contains(q.Query, "type <>") {
				if strings.Contains(q.Query, "secret") || strings.Contains(q.Query, "confidential") {
					t.Fatalf("the query has its values: %s", q.Query)
				}
				if len(q.Plan) == 0 || !strings.Contains(q.Plan[0], "_collections") {
					return fmt.Errorf("plan %q", q.Plan)
				}
				return nil
			}
		}
		return fmt.Errorf("not among %d", len(w.plugin.SlowQueries()))
	})
}

func TestSources(t *testing.T) {
	t.Parallel()
	w := serve(t, observe.Config{SourceTimeout: time.Second, Sources: []observe.Source{
		{Name: "good", Collect: func(_ context.Context, emit func(observe.Figure)) error {
			emit(observe.Figure{Name: "waiting_jobs", Help: "Jobs that wait.", Value: 3, Labels: []string{"queue", "a"}})
			emit(observe.Figure{Name: "waiting_jobs", Help: "Jobs that wait.", Value: 4, Labels: []string{"queue", "b\xff"}})
			emit(observe.Figure{Name: "done_total", Help: "Jobs that are done.", Value: 9, Counter: true})
			return nil
		}},
		{Name: "failing", Collect: func(_ context.Context, emit func(observe.Figure)) error {
			emit(observe.Figure{Name: "half", Help: "Half of it.", Value: 1})
			return errors.New("it does not work")
		}},
		{Name: "panicking", Collect: func(context.Context, func(observe.Figure)) error { panic("a mistake") }},
		{Name: "hanging", Collect: func(ctx context.Context, _ func(observe.Figure)) error { <-ctx.Done(); return ctx.Err() }},
		{Name: "twice", Collect: func(_ context.Context, emit func(observe.Figure)) error {
			emit(observe.Figure{Name: "same", Help: "The same.", Value: 1})
			emit(observe.Figure{Name: "same", Help: "The same.", Value: 2})
			return nil
		}},
	}})
	families := w.scrape(t)
	for name, want := range map[string]float64{"good": 1, "failing": 0, "panicking": 0, "hanging": 0, "twice": 1} {
		if m := find(families, "holdall_source_up", "source", name); m == nil || m.GetGauge().GetValue() != want {
			t.Errorf("%s is up: got %v, want %v", name, m, want)
		}
	}
	if got := find(families, "holdall_good_waiting_jobs", "queue", "b?").GetGauge().GetValue(); got != 4 {
		t.Errorf("waiting jobs of b: got %v, want 4", got)
	}
	if got := find(families, "holdall_good_done_total").GetCounter().GetValue(); got != 9 {
		t.Errorf("done: got %v, want 9", got)
	}
	if families["holdall_failing_half"] != nil {
		t.Error("half of what a failing source told is there")
	}
	if err := w.plugin.Add(observe.Source{Name: "good", Collect: func(context.Context, func(observe.Figure)) error { return nil }}); err == nil {
		t.Error("a name can be taken twice")
	}
}

// The names are as Prometheus' own linter wants them.
func TestMetricsAreClean(t *testing.T) {
	t.Parallel()
	w := serve(t, observe.Config{Version: "test"})
	get(t, w.url+"/api/health")
	_, body := get(t, w.url+observe.Path, "Authorization", w.token)
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]observe.Config{
		"Token must have":   {Token: "short"},
		"Addr must be":      {Addr: "9090"},
		"SlowQuery must be": {SlowQuery: -2},
		"SourceTimeout":     {SourceTimeout: time.Hour},
		"must be lower":     {Sources: []observe.Source{{Name: "A b"}}},
		"is taken":          {Sources: []observe.Source{{Name: "http"}}},
		"has no Collect":    {Sources: []observe.Source{{Name: "x"}}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
	if err := (observe.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

// The report is for superusers, and says what happened in whole.
func TestReport(t *testing.T) {
	t.Parallel()
	w := serve(t, observe.Config{Version: "1.2.3", Sources: []observe.Source{{Name: "parts", Collect: func(_ context.Context, emit func(observe.Figure)) error {
		emit(observe.Figure{Name: "waiting", Help: "What waits.", Value: 7, Labels: []string{"queue", "a"}})
		return nil
	}}}})
	_, user := pbtest.User(t, w.app, "users", nil)
	for _, c := range []struct {
		name, token, query string
		want               int
	}{
		{"a guest", "", "", 401},
		{"a user", user, "", 403},
		{"too many minutes", w.token, "?minutes=361", 400},
		{"no number", w.token, "?minutes=x", 400},
		{"a superuser", w.token, "?minutes=15", 200},
	} {
		if status, body := get(t, w.url+observe.ReportPath+c.query, "Authorization", c.token); status != c.want {
			t.Errorf("%s: got %d, want %d: %s", c.name, status, c.want, body)
		}
	}
	w.plugin.Sample()
	for range 20 {
		get(t, w.url+"/api/health")
	}
	pbtest.Eventually(t, time.Minute, func() error {
		w.plugin.Sample()
		report := w.plugin.Report(time.Hour)
		requests := 0.0
		last := time.Time{}
		for _, s := range report.Samples {
			if !last.IsZero() {
				requests += s.Requests * s.At.Sub(last).Seconds()
			}
			last = s.At
		}
		if requests < 19.9 {
			return fmt.Errorf("the samples have %v requests, want 20 or more", requests)
		}
		s := report.Samples[len(report.Samples)-1]
		if s.Memory < 1<<20 || s.Goroutines < 1 {
			return fmt.Errorf("memory %v, goroutines %v", s.Memory, s.Goroutines)
		}
		return nil
	})
	report := w.plugin.Report(time.Hour)
	for _, r := range report.Routes {
		if r.Route == "/api/health" && (r.Requests != 20 || r.Errors != 0 || r.Mean <= 0 || r.P99 < r.Mean/100) {
			t.Errorf("health: %+v", r)
		}
	}
	for _, f := range report.Figures {
		if f.Name == "holdall_parts_waiting" && f.Value == 7 && f.Labels["queue"] == "a" && f.Help == "What waits." {
			return
		}
	}
	t.Errorf("the source's figure is not among %+v", report.Figures)
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		values []float64
		q      float64
		want   float64
	}{
		{"nothing", nil, .5, 0},
		{"all in the first bucket", []float64{.5, .5}, .5, .5},
		{"spread between two bounds", []float64{1.5, 1.5, 1.5, 1.5}, .5, 1.5},
		{"the highest", []float64{.5, .5, .5, 3}, 1, 4},
		{"above the last bound", []float64{9, 9}, .99, 4},
		{"three quarters", []float64{.5, 1.5, 3, 3}, .75, 3},
	} {
		if got := observe.Quantile([]float64{1, 2, 4}, c.values, c.q); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
