//go:build unix

package versions_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/versions"
)

// modes are an app without the plugin, and requests to one with it: without a
// version, in the newest, and in one that is two renames and a split away.
var modes = []mode{{"without", false, none}, {"unused", true, none}, {"newest", true, newest}, {"used", true, first}}

type mode struct {
	name    string
	plugin  bool
	version string
}

var paths = []struct{ name, query string }{{"view", "/person000000001"}, {"list", "?perPage=30"}}

// BenchmarkServer asks whole servers over HTTP, in turn, for a record and for a list
// of 30, of about 1 KB each: go test -run XXX -bench Server -benchtime 5000x ./plugins/versions
//
// For each mode it reports the median of what a request took, and medians of how much
// more that is than without the plugin: of time in -%, and of the time that the
// processors spent on it in cpu-%, which others on the machine disturb less. Client
// and server are one process: both count.
func BenchmarkServer(b *testing.B) {
	for _, path := range paths {
		b.Run(path.name, func(b *testing.B) {
			compare(b, benchServer, path.query)
		})
	}
}

// BenchmarkHandler is the same without the network and the client: what the server
// itself spends.
func BenchmarkHandler(b *testing.B) {
	for _, path := range paths {
		b.Run(path.name, func(b *testing.B) {
			compare(b, benchHandler, path.query)
		})
	}
}

// block is how often a mode is asked before the next one, after a few requests that
// do not count: what only that mode runs would be looked for in memory by each of them
// if it ran between the others.
const (
	block = 50
	warm  = 10
)

// asker makes what sends a request in a version, and fails unless it succeeds.
type asker func(version, query string) func()

// compare asks all modes in turn, in blocks. Each block is compared with that of the
// app without the plugin in the same round. All share one app, so that none has a better database.
func compare(b *testing.B, start func(*testing.B, core.App) asker, query string) {
	app := benchApp(b)
	without := start(b, app)
	app.OnServe().UnbindAll() // which has what cannot be bound to a second router
	versions.MustRegister(app, versions.Config{Versions: benchHistory()})
	with := start(b, app)
	asks := make([]func(), len(modes))
	for i, mode := range modes {
		ask := with
		if !mode.plugin {
			ask = without
		}
		asks[i] = ask(mode.version, query)
		for range 50 {
			asks[i]()
		}
	}
	took, spent := make([][]float64, len(modes)), make([][]float64, len(modes))
	var bytes, allocated [4]uint64
	var before, after runtime.MemStats
	for n := 1; b.Loop(); n++ {
		if n%block != 0 {
			continue
		}
		for _, i := range rand.Perm(len(asks)) {
			runtime.ReadMemStats(&before)
			for range warm {
				asks[i]()
			}
			start, busy := time.Now(), processorTime(b)
			for range block {
				asks[i]()
			}
			spent[i] = append(spent[i], float64(processorTime(b)-busy)/block)
			took[i] = append(took[i], float64(time.Since(start))/block)
			runtime.ReadMemStats(&after)
			bytes[i] += after.TotalAlloc - before.TotalAlloc
			allocated[i] += after.Mallocs - before.Mallocs
		}
	}
	if len(took[0]) == 0 {
		b.Fatalf("-benchtime must be %dx or more", block)
	}
	requests := float64((warm + block) * len(took[0]))
	for i, mode := range modes {
		b.ReportMetric(median(took[i])/1000, mode.name+"-µs")
		b.ReportMetric(float64(bytes[i])/1024/requests, mode.name+"-KB")
		b.ReportMetric(float64(allocated[i])/requests, mode.name+"-allocs")
		if i > 0 {
			b.ReportMetric(above(took[i], took[0]), mode.name+"-%")
			b.ReportMetric(above(spent[i], spent[0]), mode.name+"-cpu-%")
		}
	}
}

// above is by how many percent values are above others, as the median of all pairs.
func above(values, others []float64) float64 {
	ratios := make([]float64, len(values))
	for i := range values {
		ratios[i] = (values[i]/others[i] - 1) * 100
	}
	return median(ratios)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// processorTime is what the processors have spent on the process so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// benchHandler asks a handler.
func benchHandler(b *testing.B, app core.App) asker {
	b.Helper()
	handler := pbtest.Handler(b, app)
	return func(version, query string) func() {
		request := benchRequest(b, version, "", query)
		w := &discard{header: http.Header{}}
		return func() {
			clear(w.header)
			w.status = 0
			handler.ServeHTTP(w, request.Clone(request.Context()))
			if w.status != http.StatusOK {
				b.Fatalf("got %d", w.status)
			}
		}
	}
}

// discard is a response writer that keeps nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// benchApp is an app with 30 people.
func benchApp(b *testing.B) core.App {
	b.Helper()
	app := template.New(b)
	crew, err := app.FindCollectionByNameOrId("crew")
	if err != nil {
		b.Fatal(err)
	}
	crew.Fields.Add(&core.TextField{Name: "about"}, &core.JSONField{Name: "data"}, &core.TextField{Name: "street"}, &core.TextField{Name: "town"},
		&core.NumberField{Name: "age"}, &core.BoolField{Name: "active"}, &core.DateField{Name: "since"}, &core.SelectField{Name: "kind", Values: []string{"a", "b"}})
	if err := app.Save(crew); err != nil {
		b.Fatal(err)
	}
	for i := range 30 {
		pbtest.User(b, app, "crew", map[string]any{
			"id": fmt.Sprintf("person%09d", i), "given": "Ada", "family": "Byron", "handle": fmt.Sprintf("ada%d", i), "about": strings.Repeat("words ", 60),
			"data": map[string]any{"list": []int{1, 2, 3}, "text": strings.Repeat("x", 200)}, "street": "12 Long Street", "town": "Bath", "age": 36, "kind": "a",
		})
	}
	return app
}

func benchRequest(b *testing.B, version, base, query string) *http.Request {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, base+"/api/collections/crew/records"+query, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	if version != none {
		request.Header.Set("Holdall-Version", version)
	}
	return request
}

// benchServer starts a server and asks it.
func benchServer(b *testing.B, app core.App) asker {
	b.Helper()
	base := pbtest.Serve(b, app)
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	b.Cleanup(client.CloseIdleConnections)
	return func(version, query string) func() {
		request := benchRequest(b, version, base, query)
		return func() {
			response, err := client.Do(request)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
				b.Fatalf("got %d, %v", response.StatusCode, err)
			}
			_ = response.Body.Close()
		}
	}
}

func benchHistory() []versions.Version {
	return []versions.Version{
		{Date: first},
		{Date: newest, Changes: []versions.Change{
			versions.Rename("crew", "login", "handle"),
			versions.Rename("crew", "city", "town"),
			versions.Split("crew", "name", []string{"given", "family"}, cut, join),
		}},
	}
}

// BenchmarkDown is what a record costs by itself.
func BenchmarkDown(b *testing.B) {
	w := newWorld(b, versions.Config{Versions: benchHistory()})
	ada, _ := w.person(b, "Ada", "Byron")
	record := []byte(w.send(b, none, http.MethodGet, crew+"/"+ada.Id, nil).raw)
	way := transformer(b, w, first)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := way.Down("crew", record); err != nil {
			b.Fatal(err)
		}
	}
}
