package health_test

import (
	"context"
	"log"
	"net"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/health"
)

// The whole program: PocketBase with health checks, one of its own among them.
func Example() {
	app := pocketbase.New()
	health.MustRegister(app, health.Config{
		RootCmd: app.RootCmd,
		Checks: []health.Check{{
			Name: "erp",
			Run: func(ctx context.Context) (string, error) {
				conn, err := new(net.Dialer).DialContext(ctx, "tcp", "erp.example.com:443")
				if err != nil {
					return "", err
				}
				return "connected", conn.Close()
			},
			Failed: "The ERP system cannot be reached.",
		}},
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
