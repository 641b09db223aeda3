package idempotency_test

import (
	"log"
	"time"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/idempotency"
)

// The whole program: PocketBase whose clients may repeat their writes for a week.
func Example() {
	app := pocketbase.New()
	idempotency.MustRegister(app, idempotency.Config{
		Retention: 7 * 24 * time.Hour,
		Skip:      []string{"/api/v1/payments/"}, // which keep keys of their own
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
