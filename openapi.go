package main

import (
	"context"
	"fmt"
	"slices"

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
		Document: func(ctx context.Context, migrate bool) ([]byte, error) {
			if err := app.Bootstrap(); err != nil {
				return nil, fmt.Errorf("open the data directory %s: %w", app.DataDir(), err)
			}
			if err := upToDate(app, migrate); err != nil {
				return nil, err
			}
			return api.Print(ctx, app, "superuser")
		},
	})
	return nil
}

// upToDate fails if the database lacks migrations, or applies them if it may: without
// them, collections that the program has would count as removed.
func upToDate(app core.App, migrate bool) error {
	if migrate {
		if err := app.RunAllMigrations(); err != nil {
			return fmt.Errorf("bring the database up to date: %w", err)
		}
		return nil
	}
	var applied []string
	if err := app.DB().Select("file").From(core.DefaultMigrationsTable).Column(&applied); err != nil {
		return fmt.Errorf("read which migrations were applied: %w", err)
	}
	for _, m := range core.AppMigrations.Items() {
		if !slices.Contains(applied, m.File) {
			return fmt.Errorf("the database in %s lacks the migration %s; --migrate applies what is missing, as serve does", app.DataDir(), m.File)
		}
	}
	return nil
}
