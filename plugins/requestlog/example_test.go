package requestlog_test

import (
	"log"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/requestlog"
)

// The whole program: PocketBase with a line for each request on standard output.
func Example() {
	app := pocketbase.New()
	requestlog.MustRegister(app, requestlog.Config{
		SkipPaths: []string{"/api/health"},
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
