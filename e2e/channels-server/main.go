// Command channels-server is PocketBase with channels, and nothing else but
// what the tests of the official Centrifuge client need from a server.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/channels"
)

func main() {
	if err := run(); err != nil {
		slog.Error("serve", slog.Any("error", err))
		os.Exit(1)
	}
}

func run() error {
	app := pocketbase.New()
	live, err := channels.Register(app, channels.Config{
		Namespaces: []channels.Namespace{{
			Name: "lobby",
			Subscribe: func(_ context.Context, caller channels.Caller, _ string) (bool, error) {
				return caller.Auth != nil, nil
			},
			Publish:  channels.Members,
			Presence: true,
		}},
	})
	if err != nil {
		return err
	}
	app.OnRecordAfterCreateSuccess("messages").BindFunc(func(e *core.RecordEvent) error {
		if err := live.Poke(e.Context, "user:users/"+e.Record.GetString("to")); err != nil {
			return err
		}
		return e.Next()
	})
	return app.Start()
}
