package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// The views that the command knows.
const (
	viewSuperuser = "superuser"
	viewPublic    = "public"
)

// command prints the document, without a server.
func (p *Plugin) command(app core.App) *cobra.Command {
	var view, version string
	var compact, migrate bool
	c := &cobra.Command{
		Use:          "openapi",
		Short:        "Print the OpenAPI document of this API",
		Example:      "  openapi > openapi.json\n  openapi --view public --migrate --dir /tmp/empty",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if migrate {
				if err := app.RunAllMigrations(); err != nil {
					return fmt.Errorf("bring the database up to date: %w", err)
				}
			}
			missing, err := apidoc.Unmigrated(app, core.AppMigrations)
			if err != nil {
				return err
			}
			if missing != "" {
				_, _ = fmt.Fprintln(c.ErrOrStderr(), missing)
			}
			body, err := p.print(c.Context(), app, view, version)
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
	c.Flags().StringVar(&view, "view", viewSuperuser, "for whom: superuser, who may call everything, or public")
	c.Flags().StringVar(&version, "version", "", "of which version of the API, the newest by default")
	c.Flags().BoolVar(&compact, "compact", false, "print it without line breaks")
	c.Flags().BoolVar(&migrate, "migrate", false, "apply the migrations first, as serve does")
	return c
}

// Print makes the document of an app that does not serve: for a "superuser", who
// may call everything, or the "public".
func (p *Plugin) Print(ctx context.Context, app core.App, view string) ([]byte, error) {
	return p.print(ctx, app, view, "")
}

func (p *Plugin) print(ctx context.Context, app core.App, view, version string) ([]byte, error) {
	var caller *core.Record
	switch view {
	case viewPublic:
	case viewSuperuser:
		superusers, err := app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
		if err != nil {
			return nil, fmt.Errorf("find the collection of superusers: %w", err)
		}
		caller = core.NewRecord(superusers) // it is never saved
	default:
		return nil, fmt.Errorf("the view can be %s or %s, got %q", viewSuperuser, viewPublic, view)
	}
	if err := apidoc.Bind(app); err != nil {
		return nil, err
	}
	d, err := p.documentFor(ctx, app, caller, version)
	return d.body, err
}
