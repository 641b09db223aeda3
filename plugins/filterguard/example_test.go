package filterguard_test

import (
	"log/slog"
	"os"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/filterguard"
)

// The whole program: PocketBase whose lists answer only from visible records.
func Example() {
	app := pocketbase.New()
	filterguard.MustRegister(app, filterguard.Config{})
	if err := app.Start(); err != nil {
		slog.Error("start", slog.Any("error", err))
		os.Exit(1)
	}
}
