package httpguard_test

import (
	"log"
	"os"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/httpguard"
)

// The whole program: PocketBase for a web app on another origin, with a few
// pages of its own.
func Example() {
	app := pocketbase.New()
	httpguard.MustRegister(app, httpguard.Config{
		Origins: []string{"https://app.example.com"},
		Public:  os.DirFS("pb_public"),
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
