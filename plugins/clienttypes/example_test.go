package clienttypes_test

import (
	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/clienttypes"
)

// A program whose command "types ts" writes TypeScript for its clients.
func Example() {
	app := pocketbase.New()
	clienttypes.MustRegister(app, clienttypes.Config{RootCmd: app.RootCmd})
	if err := app.Start(); err != nil {
		panic(err)
	}
}
