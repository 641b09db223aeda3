package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// Command is "demo": it seeds the demo data, or removes it.
func Command(app core.App) *cobra.Command {
	return newCommand(app, Config{})
}

func newCommand(app core.App, config Config) *cobra.Command {
	var (
		reset, remove bool
		asJSON        bool
	)
	command := &cobra.Command{
		Use:   "demo",
		Short: "Fill the database with demo data and print the sign-ins",
		Long: "Fills the database with two made-up organizations and prints the sign-ins.\n" +
			"A second run changes nothing. Everybody knows the password, so keep it off public servers.",
		Example: "  holdall demo\n  holdall demo --reset   # fresh data around the present day",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config.Output = command.ErrOrStderr()
			// only serve runs the migrations by itself
			if err := app.RunAllMigrations(); err != nil {
				return fmt.Errorf("run the migrations: %w", err)
			}
			if reset || remove {
				deleted, err := Remove(app)
				switch {
				case errors.Is(err, ErrNotSeeded) && reset: // nothing is in the way
				case err != nil:
					return err
				default:
					fmt.Fprintf(config.Output, "Removed the demo data (%d records)\n", deleted)
				}
				if remove {
					return nil
				}
			}
			result, err := Seed(app, config)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(command.OutOrStdout(), result)
			}
			printResult(command.OutOrStdout(), result)
			return nil
		},
	}
	flags := command.Flags()
	flags.Uint64Var(&config.Seed, "seed", 1, "which data set to make")
	flags.BoolVar(&config.Force, "force", false, "add the demo data to a database that has organizations of its own")
	flags.BoolVar(&reset, "reset", false, "remove the demo data first, so that it lies around the present day again")
	flags.BoolVar(&remove, "remove", false, "remove the demo data and what people added to its organizations, nothing else")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	command.MarkFlagsMutuallyExclusive("reset", "remove")
	return command
}

func printJSON(out io.Writer, result Result) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// printResult writes the sign-ins as a table.
func printResult(out io.Writer, result Result) {
	var text strings.Builder
	if result.Created {
		fmt.Fprintf(&text, "Demo data: %s, %d images in %.1f s\n\n", counts(result.Records), result.Files, result.Seconds)
	} else {
		fmt.Fprintf(&text, "The demo data of %s is there, nothing was changed. Passwords and roles may have been changed since.\n"+
			"For data around today run: holdall demo --reset\n\n", result.SeededAt.Format("2006-01-02"))
	}

	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EMAIL\tPASSWORD\tROLE\tORGANIZATION")
	for _, a := range result.Accounts {
		where := a.Organization
		if a.Role == RoleSuperuser {
			where = "(dashboard, /_/)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Email, a.Password, a.Role, where)
	}
	_ = table.Flush() // a strings.Builder never fails
	_, _ = io.WriteString(out, text.String()+"\n")
}

func counts(records map[string]int) string {
	var parts []string
	for _, name := range seededCollections() {
		parts = append(parts, fmt.Sprintf("%d %s", records[name], strings.ReplaceAll(name, "_", " ")))
	}
	return strings.Join(parts, ", ")
}
