package upgrade

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// WithoutDatabase is the annotation of commands that must run before the app's
// databases are opened. Programs that bootstrap the app for each command leave it out
// for these: a way back replaces the databases.
const WithoutDatabase = "holdallWithoutDatabase"

// command is "upgrade".
func (p *Plugin) command() *cobra.Command {
	command := &cobra.Command{Use: "upgrade", Short: "Shows the copies from before upgrades, and returns to one"}
	command.AddCommand(p.listCommand(), p.backCommand())
	return command
}

func (p *Plugin) listCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use: "list", Short: "Lists the copies of the databases from before upgrades", Args: cobra.NoArgs,
		Annotations: map[string]string{WithoutDatabase: ""},
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := p.List()
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			return p.printList(c.OutOrStdout(), list)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return command
}

func (p *Plugin) printList(out io.Writer, list []Snapshot) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "There are none yet. The next upgrade makes one before it changes anything.")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tTAKEN\tSIZE\tWHY")
	for _, s := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.ID, s.At.Format("2006-01-02 15:04:05Z"), bytesText(uint64(s.Size())), s.why())
	}
	return table.Flush()
}

// why is what a snapshot was taken for.
func (s Snapshot) why() string {
	if s.Kind == KindBack {
		return "put aside for the way back to " + cmp.Or(s.To.Program, "unknown")
	}
	text := cmp.Or(s.From.Program, "unknown") + " to " + cmp.Or(s.To.Program, "unknown")
	if s.From.PocketBase != s.To.PocketBase {
		text += fmt.Sprintf(", PocketBase %s to %s", cmp.Or(s.From.PocketBase, "unknown"), cmp.Or(s.To.PocketBase, "unknown"))
	}
	switch n := len(s.Pending); {
	case n == 1:
		text += ", 1 migration"
	case n > 1:
		text += fmt.Sprintf(", %d migrations", n)
	}
	return text
}

func (p *Plugin) backCommand() *cobra.Command {
	var id string
	var dryRun, asJSON bool
	command := &cobra.Command{
		Use: "back", Short: "Returns to the databases from before an upgrade", Args: cobra.NoArgs,
		Long: "Puts the databases from before the newest upgrade, or those of --to, in the place of those that\n" +
			"are there, and says which rows that loses. What is there is kept, and listed by \"upgrade list\".\n" +
			"Uploaded files stay as they are. The server must not run. Start the older program afterwards.",
		Annotations: map[string]string{WithoutDatabase: ""},
		RunE: func(c *cobra.Command, _ []string) error {
			do := p.Back
			if dryRun {
				do = p.Plan
			}
			r, err := do(c.Context(), id)
			if err != nil && r.Aside == "" {
				return err
			}
			if asJSON {
				return errors.Join(err, json.NewEncoder(c.OutOrStdout()).Encode(r))
			}
			return errors.Join(err, p.printReturn(c.OutOrStdout(), r))
		},
	}
	command.Flags().StringVar(&id, "to", "", `the ID of a copy, see "upgrade list"; the newest from before an upgrade if not set`)
	command.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be lost")
	command.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return command
}

func (p *Plugin) printReturn(out io.Writer, r Return) error {
	verb := "Would return"
	if r.Aside != "" {
		verb = "Returned"
	}
	fmt.Fprintf(out, "%s to the databases of %s, as %s left them.\n", verb, r.To.At.Format("2006-01-02 15:04:05Z"), r.To.From)
	if err := printLoss(out, r); err != nil {
		return err
	}
	fmt.Fprintln(out, "Uploaded files stay as they are.")
	if r.Aside == "" {
		_, err := fmt.Fprintln(out, "Nothing was changed.")
		return err
	}
	_, err := fmt.Fprintf(out, "What was there is kept: \"%s upgrade back --to %s\" undoes this.\nNow start %s.\n", p.name(), r.Aside, r.To.From)
	return err
}

func printLoss(out io.Writer, r Return) error {
	if r.LossUnknown != "" {
		_, err := fmt.Fprintf(out, "What that loses cannot be told: %s.\n", r.LossUnknown)
		return err
	}
	if len(r.Loss) == 0 {
		_, err := fmt.Fprintln(out, "No row has been written since.")
		return err
	}
	fmt.Fprintln(out, "Written since, by whomever, the upgrade included:")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TABLE\tROWS NOW\tROWS THEN\tLOST\tBACK\tCHANGED")
	for _, t := range r.Loss {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\n", t.Table, t.Now, t.Then, t.Lost, t.Back, t.Changed)
	}
	return table.Flush()
}
