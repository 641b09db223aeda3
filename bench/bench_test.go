package main

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/hooks"
	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestBootstrap(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		groups [][]float64
		want   estimate
	}{
		"one value":           {[][]float64{{1.5}}, estimate{1.5, 1.5, 1.5}},
		"equal values":        {[][]float64{{2, 2}, {2, 2}}, estimate{2, 2, 2}},
		"an outlier":          {[][]float64{{1, 1, 1, 1, 1, 1, 1, 1, 1, 9}}, estimate{1, 1, 1}},
		"an even number":      {[][]float64{{1, 3}}, estimate{2, 1, 3}},
		"no order required":   {[][]float64{{3, 1, 2}}, estimate{2, 1, 3}},
		"steady, but not two": {[][]float64{{1, 1, 1, 1}, {3, 3, 3, 3}}, estimate{2, 1, 3}},
	} {
		if got := bootstrap(c.groups); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	if got := bootstrap(nil); !math.IsNaN(got.Median) {
		t.Errorf("no values: got %v, want no number", got)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		ratio estimate
		want  string
	}{
		"cheaper":               {estimate{0.9, 0.8, 1.0}, verdictWithin},
		"just within":           {estimate{1.02, 1.01, 1.03}, verdictWithin},
		"probably within":       {estimate{1.02, 0.99, 1.05}, "within, not surely"},
		"probably over":         {estimate{1.04, 1.02, 1.06}, "over, not surely"},
		"the whole interval is": {estimate{1.06, 1.04, 1.09}, verdictOver},
	} {
		if got := verdict(c.ratio, 0.03); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// counted is a load that only counts.
type counted struct{ ops int }

func (c *counted) run(ctx context.Context, n int) ([]time.Duration, error) {
	if n > 1<<20 { // the warm-up, which time ends
		<-ctx.Done()
		n = 100
	} else {
		c.ops += n
	}
	return make([]time.Duration, n), nil
}

func (c *counted) close() error { return nil }

func TestBothServersDoTheSameWork(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the processor time of a process is read on Linux only")
		return
	}

	loads := map[string]*counted{"a": {}, "b": {}}
	o := &outcome{workload: workload{name: "counted", open: func(_ context.Context, address string, _ *fixture) (load, error) { return loads[address], nil }}}
	servers := [2]*server{{address: "a", pid: os.Getpid()}, {address: "b", pid: os.Getpid()}}
	p := plan{rounds: 3, cycles: 2, slice: time.Millisecond}
	const pairs = 2
	for range pairs {
		if err := o.measure(t.Context(), p, servers, nil); err != nil {
			t.Fatal(err)
		}
	}
	if loads["a"].ops == 0 || loads["a"].ops != loads["b"].ops {
		t.Errorf("got %d and %d operations, want the same", loads["a"].ops, loads["b"].ops)
	}
	ratios := o.cpuRatios()
	if len(ratios) != pairs || len(ratios[0]) != p.rounds || len(ratios[1]) != p.rounds {
		t.Errorf("got ratios %v, want %d of each of %d pairs", ratios, p.rounds, pairs)
	}
	if got := o.samples[0][0][0]; o.rss[0] == 0 || got.cpu < 0 {
		t.Errorf("got %d KB and %v of processor time, want what this test uses", o.rss[0], got.cpu)
	}
}

func TestRequestsReportRefusals(t *testing.T) {
	t.Parallel()

	calls := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
		if r.URL.Path == "/no" {
			http.Error(w, "not you", http.StatusForbidden)
		}
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")

	l, err := connect(t.Context(), address, 2, func(uint64) []byte { return encode("POST", "/yes", "token", []byte("{}")) })
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	taken, err := l.run(t.Context(), 7)
	if err != nil || len(taken) != 7 || len(calls) != 7 {
		t.Errorf("got %d durations, %d calls, error %v, want 7 of each and none", len(taken), len(calls), err)
	}
	if got, want := <-calls, "POST /yes token"; got != want {
		t.Errorf("got request %q, want %q", got, want)
	}

	l.next = func(uint64) []byte { return encode("GET", "/no", "", nil) }
	if _, err := l.run(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), "not you") {
		t.Errorf("got error %v, want the status and the answer", err)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()

	second := func(ops int, cpu time.Duration) sample { return sample{ops: ops, wall: time.Second, cpu: cpu} }
	o := &outcome{
		workload:  workload{name: "view", what: "one order"},
		samples:   [2][][]sample{{{second(1000, 500*time.Millisecond)}}, {{second(1000, 550*time.Millisecond)}}},
		latencies: [2][]time.Duration{{3 * time.Millisecond, time.Millisecond}, {time.Millisecond}},
		rss:       [2]int{1024, 2048},
	}
	business := *o
	business.workload = business.workload.asBusiness().withInstead("stock lists orders.", nil)
	r := newReport(plan{restarts: 1, rounds: 1, cycles: 1, slice: time.Second}, 10, nil, 0.03)
	r.add(o)
	r.add(&business)
	row := r.Rows[0]

	if row.Stock.CPUMicros != 500 || row.Ours.CPUMicros != 550 || math.Abs(row.CPU.Median-1.1) > 1e-9 || row.Stock.P99MS != 3 || row.Ours.RSSMB != 2 {
		t.Errorf("got %+v", row)
	}
	if got := r.over(); len(got) != 1 || got[0] != "view" {
		t.Errorf("got %v over the tolerance, want only the workload without business rules", got)
	}

	dir := t.TempDir()
	if err := store(r, dir, "machine"); err != nil {
		t.Fatal(err)
	}
	encoded, err := os.ReadFile(filepath.Join(dir, "machine.json"))
	if err != nil {
		t.Fatal(err)
	}
	var stored report
	if err := json.Unmarshal(encoded, &stored); err != nil || len(stored.Rows) != 2 {
		t.Errorf("got %d stored rows and error %v, want 2", len(stored.Rows), err)
	}
	if text := r.markdown(); !strings.Contains(text, "| view | stock | 1000 |") {
		t.Errorf("the figures are missing in\n%s", text)
	}
	if text, want := stored.markdown(), `For want of the route of "view", stock lists orders.`; strings.Count(text, want) != 1 {
		t.Errorf("got not once, for the workload that stock has another request for, %q in\n%s", want, text)
	}
}

// TestEachWorkloadIsAnswered makes each operation of a bare PocketBase and of one with
// the app's rules and routes, with what each can answer.
func TestEachWorkloadIsAnswered(t *testing.T) {
	t.Parallel()
	fixtureDir := t.TempDir()
	f, err := prepare(fixtureDir, 100)
	if err != nil {
		t.Fatal(err)
	}
	servers := []*server{
		{target: target{name: "stock", pkg: barePackage}, address: serveCopy(t, fixtureDir)},
		{target: target{name: "ours", pkg: "."}, address: serveCopy(t, fixtureDir, registerHooks)},
	}
	for _, w := range workloads() {
		for _, s := range servers {
			t.Run(w.name+" on "+s.name, func(t *testing.T) { operate(t, w, s, f, 1) })
		}
	}
}

// TestEachTransitionMoves goes three times over all scheduled orders, one by one, and
// then as a run does.
func TestEachTransitionMoves(t *testing.T) {
	t.Parallel()
	fixtureDir := t.TempDir()
	f, err := prepare(fixtureDir, 200)
	if err != nil {
		t.Fatal(err)
	}
	w := named(t, "transition")
	for name, s := range map[string]struct {
		pkg      string
		register []func(core.App) error
	}{"stock": {barePackage, nil}, "ours": {".", []func(core.App) error{registerHooks}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var moved atomic.Int64
			address := serveCopy(t, fixtureDir, append(s.register, func(app core.App) error {
				app.OnRecordAfterUpdateSuccess(collections.WorkOrders).BindFunc(func(e *core.RecordEvent) error {
					if e.Record.GetString("status") != e.Record.Original().GetString("status") {
						moved.Add(1)
					}
					return e.Next()
				})
				return nil
			})...)
			on := &server{target: target{pkg: s.pkg}, address: address}
			times := 3 * len(f.scheduled)
			operate(t, w, on, f, times)
			if got := moved.Load(); got != int64(times) || times < 3 {
				t.Errorf("got %d moves by %d requests, want as many", got, times)
			}
			load, err := w.openOn(t.Context(), on, f)
			if err != nil {
				t.Fatal(err)
			}
			defer load.close()
			if taken, err := load.run(t.Context(), 50); err != nil || len(taken) != 50 {
				t.Errorf("got %d answers with %d connections and error %v, want 50", len(taken), connections, err)
			}
		})
	}
}

// TestOnlyBareServersGetTheSubstitute holds for stock against itself, too.
func TestOnlyBareServersGetTheSubstitute(t *testing.T) {
	t.Parallel()

	asked := make(chan string, 10)
	note := func(kind string) request {
		return func(*fixture, uint64) []byte { asked <- kind; return encode("GET", "/", "", nil) }
	}
	own := plain("own", "", note("route"))
	address := answering(t, func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		w         workload
		pkg, want string
	}{
		{own, barePackage, "route"},
		{own.withInstead("stock lists.", note("list")), barePackage, "list"},
		{own.withInstead("stock lists.", note("list")), ".", "route"},
	} {
		operate(t, c.w, &server{target: target{pkg: c.pkg}, address: address}, nil, 1)
		if got := <-asked; got != c.want {
			t.Errorf("%s: got request %q, want %q", c.pkg, got, c.want)
		}
	}
}

// operate makes n operations, one after the other.
func operate(t *testing.T, w workload, s *server, f *fixture, n int) {
	t.Helper()
	load, err := w.openOn(t.Context(), s, f)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if taken, err := load.run(t.Context(), 1); err != nil || len(taken) != 1 {
			t.Errorf("got %d answers and error %v, want 1", len(taken), err)
		}
	}
	if err := load.close(); err != nil {
		t.Error(err)
	}
}

func named(t *testing.T, name string) workload {
	t.Helper()
	for _, w := range workloads() {
		if w.name == name {
			return w
		}
	}
	t.Fatalf("there is no workload %q", name)
	return workload{}
}

// serveCopy serves a copy of a data directory, with what is registered.
func serveCopy(t *testing.T, fixtureDir string, register ...func(core.App) error) (address string) {
	t.Helper()
	dir := t.TempDir()
	if err := copyTo(dir, fixtureDir); err != nil {
		t.Fatal(err)
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	for _, r := range register {
		if err := r(app); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimPrefix(pbtest.Serve(t, app), "http://")
}

func registerHooks(app core.App) error { return hooks.Register(app, hooks.Config{}) }

func TestFixtureIsWhatTheRequestsReferTo(t *testing.T) {
	t.Parallel()

	f, err := prepare(t.TempDir(), 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.orders) != 10 || len(f.scheduled) != 2 || len(f.sites) != sitesPerTenant || f.token == "" || f.superuser == "" || f.dispatcher == "" {
		t.Errorf("got %d orders, %d scheduled, %d sites, tokens %t and %t", len(f.orders), len(f.scheduled), len(f.sites), f.token != "", f.superuser != "")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{{"-restarts", "0"}, {"-rounds", "0"}, {"-cycles", "0"}, {"-slice", "0s"}, {"-orders", "1"}, {"-only", "("}, {"-set", "x"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v: got no error, want one", args)
		}
	}
}
