package webhooks_test

import (
	"context"
	"log"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// The whole program: PocketBase that tells others of its changes, and that makes
// an invoice of each payment that Stripe tells it of.
func Example() {
	app := pocketbase.New()
	hooks := webhooks.MustRegister(app, webhooks.Config{
		Log:     changes.MustRegister(app, changes.Config{}),
		RootCmd: app.RootCmd,
	})
	hooks.Receive("/api/v1/hooks/stripe", webhooks.Stripe(os.Getenv("STRIPE_SECRET")),
		func(_ context.Context, tx core.App, m webhooks.Message) error {
			invoices, err := tx.FindCollectionByNameOrId("invoices")
			if err != nil {
				return err
			}
			record := core.NewRecord(invoices)
			record.Set("event", m.ID)
			record.Set("content", string(m.Body))
			return tx.Save(record)
		})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
