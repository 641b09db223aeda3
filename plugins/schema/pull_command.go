package schema

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Pull is [Pull] with the registered definitions and their folder, where the
// options have none.
func (p *Plugin) Pull(options PullOptions) ([]Pulled, error) {
	if options.Definitions == nil {
		options.Definitions = p.config.Collections
	}
	if options.Dir == "" {
		options.Dir = p.config.DefinitionsDir
	}
	return Pull(p.app, options)
}

func (p *Plugin) pullCommand() *cobra.Command {
	var options PullOptions
	var asJSON bool
	command := &cobra.Command{
		Use:   "pull [NAME...]",
		Short: "Turn what was built in the dashboard into definitions in Go",
		Long: `Turn what was built in the dashboard into definitions in Go, for the named
collections or for all. Without a flag nothing is written: it shows which
collections have no definition, and how the others differ from theirs.

--write writes a file for each collection that has no definition, and adds it to
the function All. --overwrite also changes the definitions that differ, where
they differ. A rule that differs becomes plain text, whatever it was put together
from, so commit before and read the difference after.

Options that have their default are left out, and so are secrets: of the OAuth2
providers only the names are mentioned.`,
		Example: `  collections pull
  collections pull posts comments --write`,
		SilenceUsage: true,
		RunE: func(c *cobra.Command, args []string) error {
			options.Names = args
			pulled, err := p.Pull(options)
			if err != nil {
				return err
			}
			pending, err := pendingMigrations(p.app, p.config.Migrations)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				return writeJSON(out, append([]Pulled{}, pulled...))
			}
			writePending(out, pending)
			w := &planWriter{colour: onTerminal(out)}
			w.pulled(pulled, len(args) > 0)
			_, err = io.WriteString(out, w.b.String())
			return err
		},
	}
	command.Flags().BoolVar(&options.Write, "write", false, "write the definitions of new collections")
	command.Flags().BoolVar(&options.Overwrite, "overwrite", false, "also change the definitions that differ")
	command.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	return command
}

// pulled prints the outcome of a pull. The source of new collections is shown
// when they were asked for by name and not written.
func (w *planWriter) pulled(list []Pulled, named bool) {
	different := slices.DeleteFunc(slices.Clone(list), func(p Pulled) bool { return p.Status == PullSame })
	if len(different) == 0 {
		w.line("The definitions match the database.")
		return
	}
	for i, p := range different {
		if i > 0 {
			w.line("")
		}
		w.pulledOne(p, named)
	}
	w.line("")
	w.nextSteps(different)
}

func (w *planWriter) pulledOne(p Pulled, named bool) {
	name := w.paint(bold, p.Name)
	file := p.File
	if p.Written {
		file += ", written"
	}
	switch {
	case p.Status == PullMissing:
		w.line("%s %s is defined only", w.sign(Drop), name)
	case p.Status == PullNew && p.Written:
		w.line("%s %s is new: %s", w.sign(Add), name, file)
	case p.Status == PullNew:
		w.line("%s %s is new: it would go to %s", w.sign(Add), name, file)
	case file == "":
		w.line("%s %s differs from its definition", w.sign(Update), name)
	default:
		w.line("%s %s differs from its definition: %s", w.sign(Update), name, file)
	}
	text := p.Diff
	if p.Status == PullNew && named && !p.Written {
		text = p.Source
	}
	for line := range strings.Lines(text) {
		w.line("    %s", w.diffLine(strings.TrimSuffix(line, "\n"), p.Diff != ""))
	}
	if p.Note != "" {
		w.line("  %s", p.Note)
	}
}

// diffLine paints a line of a difference.
func (w *planWriter) diffLine(line string, isDiff bool) string {
	switch {
	case isDiff && strings.HasPrefix(line, "+"):
		return w.paint(green, line)
	case isDiff && strings.HasPrefix(line, "-"):
		return w.paint(red, line)
	default:
		return line
	}
}

// nextSteps says what to do about the outcome.
func (w *planWriter) nextSteps(list []Pulled) {
	has := func(matches func(p Pulled) bool) bool { return slices.ContainsFunc(list, matches) }
	switch {
	case has(func(p Pulled) bool { return p.Written }):
		w.line(`Read what was written. Then run "go generate" for the record types, and
"collections migrate NAME" for the migration that takes other databases along.`)
	case has(func(p Pulled) bool { return p.Status == PullNew }):
		w.line("Nothing was written. --write writes the new definitions.")
	default:
		w.line("Nothing was written.")
	}
}
