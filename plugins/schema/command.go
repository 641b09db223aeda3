package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
)

// command is "collections" with everything below it.
func (p *Plugin) command() *cobra.Command {
	command := &cobra.Command{
		Use:   "collections",
		Short: "Compare, migrate and check the collections that are defined in Go",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	command.AddCommand(p.planCommand(), p.migrateCommand(), p.checkCommand(), p.pullCommand())
	return command
}

func (p *Plugin) planCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "plan",
		Short: "Show how the database differs from the definitions, and what is at stake",
		Long: `Show how the database differs from the definitions: collections, fields,
indexes, rules and options, old and new. A change that loses data, or that
leaves rows at odds with the definitions, is marked with "!" and the number of
rows. Nothing is changed, and the exit code is 0 whether there is a difference
or not; see "collections check" for a deploy.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(c *cobra.Command, _ []string) error {
			plan, err := p.Diff()
			if err != nil {
				return err
			}
			pending, err := pendingMigrations(p.app, p.config.Migrations)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				return writeJSON(out, struct {
					*Plan
					Risks   []Risk   `json:"risks"`
					Pending []string `json:"pending"`
				}{plan, append([]Risk{}, plan.Risks()...), append([]string{}, pending...)})
			}
			writePending(out, pending)
			return plan.Write(out, onTerminal(out))
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the plan as JSON")
	return command
}

func (p *Plugin) migrateCommand() *cobra.Command {
	var allowDataLoss, asJSON bool
	command := &cobra.Command{
		Use:   "migrate NAME",
		Short: "Write the migration that takes the database to the definitions",
		Long: `Write the migration that takes the database to the definitions, with a way
back. It is tried on a copy of the schema first. The next start of the server
applies it, or "migrate up".

A migration that loses data, or that leaves rows at odds with the definitions,
is written only with --allow-data-loss. A rename keeps the data and has to be
declared, by Was of a collection or schema.Was of a field.`,
		Example: "  collections migrate add_due_date",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("collections migrate needs a name for the migration, such as add_due_date")
			}
			return nil
		},
		SilenceUsage: true,
		RunE: func(c *cobra.Command, args []string) error {
			migration, err := p.WriteMigration(args[0], allowDataLoss)
			out := c.OutOrStdout()
			var loss *DataLossError
			if err != nil && !errors.As(err, &loss) {
				return err
			}
			if asJSON {
				return errors.Join(writeJSON(out, migration), err)
			}
			if writeErr := migration.Plan.Write(out, onTerminal(out)); writeErr != nil || err != nil {
				return errors.Join(writeErr, err)
			}
			if migration.Path == "" {
				fmt.Fprintln(out, "There is nothing to migrate.")
				return nil
			}
			next := "the next start applies it"
			if migration.Applied {
				next = "this database had it all before, so it counts as applied here"
			}
			fmt.Fprintf(out, "\nWrote %s. Read it and commit it; %s.\n", migration.Path, next)
			return nil
		},
	}
	command.Flags().BoolVar(&allowDataLoss, "allow-data-loss", false, "write it even if rows are at stake")
	command.Flags().BoolVar(&asJSON, "json", false, "print the path and the plan as JSON")
	return command
}

func (p *Plugin) checkCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Fail if definitions, migrations and database do not agree",
		Long: `Fail if definitions, migrations and database do not agree, for CI and deploys:
the migrations have to give the definitions on an empty database, the database
has to match the definitions, and it must have had every migration.
The exit code is 0 if all of that holds, and 1 otherwise.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(c *cobra.Command, _ []string) error {
			report, err := p.Check()
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				err = writeJSON(out, report)
			} else {
				err = report.Write(out, onTerminal(out))
			}
			if err == nil && !report.OK {
				err = ErrDrift
			}
			return err
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return command
}

// writePending warns that the database is not up to date.
func writePending(out io.Writer, pending []string) {
	if n := int64(len(pending)); n > 0 {
		fmt.Fprintf(out, "%s %s to be applied: %s. This is the database without.\n\n",
			count(n, "migration"), verb(n, "waits", "wait"), strings.Join(pending, ", "))
	}
}

// onTerminal reports whether out is a terminal that wants colours.
func onTerminal(out io.Writer) bool {
	return out == os.Stdout && !color.NoColor
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
