package versions_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/versions"
)

// modes are an app without the plugin, and requests to one with it: without a
// version, in the newest, and in one that is two renames and a split away.
var modes = []struct{ name, version string }{{"without", none}, {"unused", none}, {"newest", newest}, {"used", first}}

// BenchmarkServer asks whole servers in turn for a record, and for a list of 30, of
// about 1 KB each, and reports the medians and what they are above those of the app
// without the plugin: go test -run XXX -bench Server -benchtime 5000x ./plugins/versions
func BenchmarkServer(b *testing.B) {
	for _, path := range []string{"/person000000001", "?perPage=30"} {
		b.Run(path[1:7], func(b *testing.B) {
			asks := make([]func(), len(modes))
			for i, mode := range modes {
				asks[i] = benchServer(b, mode.name != "without", mode.version, path)
				for range 50 {
					asks[i]()
				}
			}
			took := make([][]float64, len(modes))
			for round := 0; b.Loop(); round++ {
				for i := range asks {
					i = (i + round) % len(asks)
					start := time.Now()
					asks[i]()
					took[i] = append(took[i], float64(time.Since(start)))
				}
			}
			var base float64
			for i, mode := range modes {
				slices.Sort(took[i])
				median := took[i][len(took[i])/2]
				b.ReportMetric(median/1000, mode.name+"-µs")
				if i == 0 {
					base = median
					continue
				}
				b.ReportMetric((median/base-1)*100, mode.name+"-%")
			}
		})
	}
}

// benchServer starts a server and returns what asks it.
func benchServer(b *testing.B, plugin bool, version, path string) func() {
	b.Helper()
	app := template.New(b)
	if plugin {
		versions.MustRegister(app, versions.Config{Versions: benchHistory()})
	}
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
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, pbtest.Serve(b, app)+"/api/collections/crew/records"+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	if version != none {
		request.Header.Set("Holdall-Version", version)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	b.Cleanup(client.CloseIdleConnections)
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
