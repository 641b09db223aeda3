package shutdown_test

import (
	"log"
	"time"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/shutdown"
)

// The whole program: PocketBase that lets requests finish for half a minute.
func Example() {
	app := pocketbase.New()
	shutdown.MustRegister(app, shutdown.Config{Timeout: 30 * time.Second})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
