package versions

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// command lists the versions without a server.
func (p *Plugin) command(app core.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:          "versions",
		Short:        "List the versions of the API and how much they are used",
		Long:         "List the versions of the API that are served, and how much they are used.\nIt fails if one does not fit the collections.",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := p.list(c.Context(), app)
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(all)
			} else {
				err = printList(c, all)
			}
			return errors.Join(err, errors.Join(p.Check(app)...))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printList(c *cobra.Command, all *list) error {
	if len(all.Versions) == 0 {
		_, err := fmt.Fprintln(c.OutOrStdout(), "There is one version of the API, without a name.")
		return err
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0) // its errors come with Flush
	_, _ = fmt.Fprintln(w, "VERSION\tDEPRECATED\tSUNSET\tREQUESTS\t30 DAYS\tLAST\tBUILDS")
	for _, v := range all.Versions {
		date := v.Date
		if v.Newest {
			date += " (newest)"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%d\n", date, cmp.Or(v.Deprecated, "-"), cmp.Or(v.Sunset, "-"),
			v.Usage.Requests, v.Usage.Month, cmp.Or(v.Usage.Last, "-"), len(v.Usage.Builds))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, v := range all.Versions {
		for _, change := range v.Changes {
			if _, err := fmt.Fprintf(c.OutOrStdout(), "%s  %s\n", v.Date, change); err != nil {
				return err
			}
		}
	}
	return nil
}
