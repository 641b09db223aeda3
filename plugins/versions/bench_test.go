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

// modes are requests to an app without the plugin, with and without the header, which
// means nothing to it, and to one with it: without a version, in the newest, and in
// one that is two renames and a split away. Each of these is compared with the same
// request without the plugin: PocketBase reads all headers of a request, which costs
// a view more than what the plugin does with one.
var modes = []mode{
	{"without", false, none, -1},
	{"header", false, first, 0},
	{"unused", true, none, 0},
	{"newest", true, newest, 1},
	{"used", true, first, 1},
}

type mode struct {
	name    string
	plugin  bool
	version string
	than    int // the mode that it is compared with
}

var paths = []struct{ name, query string }{{"view", "/person000000001"}, {"list", "?perPage=30"}}

// BenchmarkServer asks whole servers over HTTP, in turn, for a record and for a list
// of 30, of about 1 KB each: go test -run XXX -bench Server -benchtime 5000x ./plugins/versions
//
// For each mode it reports what a request took in the fastest tenth of the blocks, and
// by how much that is more than the same request without the plugin: in time as -%,
// and in what the processors spent on it as cpu-%. Client and server are one process:
// both count.
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

// compare asks all modes in turn, in blocks. Each block is compared with one of the
// same round. All share one app, so that none has a better database.
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
	bytes, allocated := make([]uint64, len(modes)), make([]uint64, len(modes))
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
		b.ReportMetric(fast(took[i])/1000, mode.name+"-µs")
		b.ReportMetric(float64(bytes[i])/1024/requests, mode.name+"-KB")
		b.ReportMetric(float64(allocated[i])/requests, mode.name+"-allocs")
		if mode.than >= 0 {
			b.ReportMetric(above(took[i], took[mode.than]), mode.name+"-%")
			b.ReportMetric(above(spent[i], spent[mode.than]), mode.name+"-cpu-%")
		}
	}
}

// above is by how many percent values are above others: their fastest tenths, as
// whatever else the machine does only ever adds to a value.
func above(values, others []float64) float64 { return (fast(values)/fast(others) - 1) * 100 }

// fast is the value that a tenth of all are below.
func fast(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/10]
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
