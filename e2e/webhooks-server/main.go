// Command webhooks-server is PocketBase with webhooks, and nothing else but what
// the tests of the official Standard Webhooks library need from a server.
package main

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

func main() {
	if err := run(); err != nil {
		slog.Error("serve", slog.Any("error", err))
		os.Exit(1)
	}
}

func run() error {
	app := pocketbase.New()
	log, err := changes.Register(app, changes.Config{Lease: time.Second})
	if err != nil {
		return err
	}
	hooks, err := webhooks.Register(app, webhooks.Config{
		Log:           log,
		EncryptionKey: "0123456789abcdef0123456789abcdef",
		Allow:         []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, // where the tests receive
		AllowHTTP:     true,
		Backoff:       func(int) time.Duration { return 50 * time.Millisecond },
		Lease:         time.Second,
		RootCmd:       app.RootCmd,
	})
	if err != nil {
		return err
	}
	hooks.Receive("/hooks/in", webhooks.Standard(os.Getenv("WEBHOOKS_SECRET")),
		func(_ context.Context, tx core.App, m webhooks.Message) error {
			notes, err := tx.FindCollectionByNameOrId("notes")
			if err != nil {
				return err
			}
			record := core.NewRecord(notes)
			record.Set("text", string(m.Body))
			return tx.Save(record)
		})
	return app.Start()
}
