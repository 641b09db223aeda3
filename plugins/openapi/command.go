package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// command prints the document, without a server.
func (p *Plugin) command(app core.App) *cobra.Command {
	view, compact := "superuser", false
	c := &cobra.Command{
		Use:          "openapi",
		Short:        "Print the OpenAPI document of this API",
		Example:      "  openapi > openapi.json\n  openapi --view public",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(c *cobra.Command, _ []string) error {
			var caller *core.Record
			switch view {
			case "public":
			case "superuser":
				superusers, err := app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
				if err != nil {
					return fmt.Errorf("find the collection of superusers: %w", err)
				}
				caller = core.NewRecord(superusers)
			default:
				return fmt.Errorf("the view can be public or superuser, got %q", view)
			}
			body, err := p.printed(c, app, caller)
			if err != nil {
				return err
			}
			if !compact {
				var indented bytes.Buffer
				if err := json.Indent(&indented, body, "", "  "); err != nil {
					return fmt.Errorf("indent the document: %w", err)
				}
				body = indented.Bytes()
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", body)
			return err
		},
	}
	c.Flags().StringVar(&view, "view", view, "for whom: superuser (everything) or public")
	c.Flags().BoolVar(&compact, "compact", compact, "without line breaks")
	return c
}

// printed makes the document of an app that does not serve. Its routes are bound
// by handlers of OnServe, which run here on a router that nobody listens to.
func (p *Plugin) printed(c *cobra.Command, app core.App, caller *core.Record) ([]byte, error) {
	if err := app.RunAllMigrations(); err != nil {
		return nil, fmt.Errorf("bring the database up to date: %w", err)
	}
	router, err := apis.NewRouter(app)
	if err != nil {
		return nil, fmt.Errorf("make a router: %w", err)
	}
	_ = router
	return p.Document(c.Context(), app, caller)
}
