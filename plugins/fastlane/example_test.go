package fastlane_test

import (
	"log"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/fastlane"
)

// The whole program: PocketBase that reads records faster, with a command that tells
// which requests are.
func Example() {
	app := pocketbase.New()
	fastlane.MustRegister(app, fastlane.Config{RootCmd: app.RootCmd})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
