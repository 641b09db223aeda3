package versions_test

import (
	"log"
	"strings"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/versions"
)

// The whole program: apps that were built before March go on with what they know.
func Example() {
	app := pocketbase.New()
	versions.MustRegister(app, versions.Config{
		RootCmd: app.RootCmd,
		Docs:    "https://docs.example.com/changes",
		Versions: []versions.Version{
			{Date: "2026-11-01", Deprecated: "2027-03-15", Sunset: "2028-01-01"},
			{Date: "2027-03-15", Description: "Posts have headlines, and authors two names.", Changes: []versions.Change{
				versions.Rename("posts", "title", "headline"),
				versions.Split("authors", "name", []string{"given", "family"},
					func(name string) []string { return strings.SplitN(name, " ", 2) },
					func(parts []string) string { return strings.TrimSpace(strings.Join(parts, " ")) },
				).SortBy("given", "family"),
			}},
		},
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
