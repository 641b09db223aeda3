package fielderrors_test

import (
	"log"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/fielderrors"
)

// The whole program: PocketBase for code that validates with go-ozzo.
func Example() {
	app := pocketbase.New()
	fielderrors.MustRegister(app, fielderrors.Config{})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
