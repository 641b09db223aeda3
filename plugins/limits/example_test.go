package limits_test

import (
	"log"
	"time"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/limits"
)

// The whole program: PocketBase where passwords cannot be guessed, and each user
// has 600 requests a minute, of which a report takes 50.
func Example() {
	app := pocketbase.New()
	limits.MustRegister(app, limits.Config{
		Rates:    []limits.Rate{{Name: "user", By: limits.ByUser, Limit: 600, Window: time.Minute}},
		Costs:    map[string]int{"POST /api/v1/reports": 50},
		Requests: limits.Requests{MaxPerPage: 200, MaxExpandDepth: 3},
		RootCmd:  app.RootCmd,
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
