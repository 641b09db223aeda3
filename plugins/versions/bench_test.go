package versions_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/versions"
)

// BenchmarkServer asks a whole server for a record and for a list of 30, of about
// 1 KB each: without the plugin, with it but in no version, and in one that is two
// renames and a split away. Compare the medians of several counts on a quiet
// machine: go test -bench Server -count 10 ./plugins/versions
func BenchmarkServer(b *testing.B) {
	for _, path := range []string{"view", "list"} {
		for _, mode := range []string{"without", "unused", "newest", "used"} {
			b.Run(path+"/"+mode, func(b *testing.B) { benchmark(b, path, mode) })
		}
	}
}

func benchmark(b *testing.B, path, mode string) {
	b.Helper()
	app := template.New(b)
	if mode != "without" {
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
	address := pbtest.Serve(b, app) + "/api/collections/crew/records"
	if path == "view" {
		address += "/person000000001"
	} else {
		address += "?perPage=30"
	}
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	switch mode {
	case "used":
		request.Header.Set("Holdall-Version", first)
	case "newest":
		request.Header.Set("Holdall-Version", newest)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	ask := func() {
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
			b.Fatalf("got %d, %v", response.StatusCode, err)
		}
		_ = response.Body.Close()
	}
	for range 50 {
		ask()
	}
	b.ReportAllocs()
	for b.Loop() {
		ask()
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
