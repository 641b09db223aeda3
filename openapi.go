package main

import (
	"context"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/plugins/openapi"
	"github.com/holdall-go/holdall/plugins/openapi/contract"
)

// registerOpenAPI describes the API, and adds the commands that compare the
// description with others.
func registerOpenAPI(app core.App, root *cobra.Command, config openapi.Config) error {
	config.RootCmd = root
	api, err := openapi.Register(app, config)
	if err != nil {
		return err
	}
	parent, _, err := root.Find([]string{"openapi"})
	if err != nil {
		return fmt.Errorf("find the command openapi: %w", err)
	}
	contract.AddCommands(parent, contract.Config{
		Document: func(ctx context.Context) ([]byte, error) {
			if err := app.Bootstrap(); err != nil {
				return nil, fmt.Errorf("open the data directory %s: %w", app.DataDir(), err)
			}
			return api.Print(ctx, app, "superuser")
		},
	})
	return nil
}
