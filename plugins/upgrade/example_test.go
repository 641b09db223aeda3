package upgrade_test

import (
	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/upgrade"
)

func Example() {
	app := pocketbase.New()
	upgrade.MustRegister(app, upgrade.Config{Version: "1.4.0", RootCmd: app.RootCmd})
	// app.Start()
}
