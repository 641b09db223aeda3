package channels_test

import (
	"context"
	"log"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/channels"
)

// The whole program: PocketBase with rooms for its records, cursors on a shared
// canvas, and a word to a user when there is a new message for them.
func Example() {
	app := pocketbase.New()
	live := channels.MustRegister(app, channels.Config{
		Origins: []string{"https://app.example.com"},
		Info: func(caller channels.Caller) (any, error) {
			return map[string]string{"name": caller.Auth.GetString("name")}, nil
		},
		Namespaces: []channels.Namespace{{
			Name: "cursor",
			Subscribe: func(_ context.Context, caller channels.Caller, _ string) (bool, error) {
				return caller.Auth != nil && caller.Auth.Verified(), nil
			},
			Publish:  channels.Members,
			Presence: true,
		}},
	})
	app.OnRecordAfterCreateSuccess("messages").BindFunc(func(e *core.RecordEvent) error {
		if err := live.Poke(e.Context, "user:users/"+e.Record.GetString("to")); err != nil {
			return err
		}
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
