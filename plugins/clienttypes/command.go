package clienttypes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// command is "types", with a command for each language.
func (p *Plugin) command(app core.App) *cobra.Command {
	c := &cobra.Command{
		Use:   "types",
		Short: "Write types for clients of this API",
	}
	c.AddCommand(
		p.languageCommand(app, TypeScript, "Write TypeScript for the official JavaScript SDK", "src/pocketbase.gen.ts"),
		p.languageCommand(app, Dart, "Write Dart for the official Dart SDK", "lib/pocketbase.g.dart"),
	)
	return c
}

func (p *Plugin) languageCommand(app core.App, language Language, short, example string) *cobra.Command {
	var options Options
	var out, check string
	var migrate bool
	c := &cobra.Command{
		Use:          string(language),
		Short:        short,
		Example:      fmt.Sprintf("  types %s --out %s\n  types %s --check %s", language, example, language, example),
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
			if err := apidoc.Bind(app); err != nil {
				return err
			}
			var written bytes.Buffer
			if err := p.Write(&written, app, language, options); err != nil {
				return err
			}
			return deliver(c.OutOrStdout(), written.Bytes(), out, check, p.regenerate(language, options))
		},
	}
	flags := c.Flags()
	flags.StringVar(&out, "out", "", "the `file` to write, which is left alone if it is current (default: standard output)")
	flags.StringVar(&check, "check", "", "a `file` to compare with: fail if it is not current")
	flags.StringSliceVar(&options.Collections, "collections", nil, "the `names` of the collections, with commas (default: all)")
	flags.StringSliceVar(&options.Routes, "routes", nil, "the beginnings of the `paths` of the routes, with commas (default: all)")
	flags.BoolVar(&options.System, "system", false, "add system collections, routes for superusers and what only they may set")
	flags.BoolVar(&migrate, "migrate", false, "apply the migrations first, as serve does")
	c.MarkFlagsMutuallyExclusive("out", "check")
	return c
}

// regenerate is the command that writes the file again.
func (p *Plugin) regenerate(language Language, options Options) string {
	command := p.config.Program + " types " + string(language)
	if len(options.Collections) > 0 {
		command += " --collections " + strings.Join(options.Collections, ",")
	}
	if len(options.Routes) > 0 {
		command += " --routes " + strings.Join(options.Routes, ",")
	}
	if options.System {
		command += " --system"
	}
	return command
}

// deliver brings a file to where it is wanted.
func deliver(stdout io.Writer, written []byte, out, check, command string) error {
	switch {
	case check != "":
		present, err := os.ReadFile(check) //nolint:gosec // the file that the person named
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s does not exist; write it with: %s --out %s", check, command, check)
		}
		if err != nil {
			return fmt.Errorf("read the file to compare with: %w", err)
		}
		if hint := difference(string(present), string(written)); hint != "" {
			return fmt.Errorf("%s is not current: %s\nwrite it again with: %s --out %s", check, hint, command, check)
		}
		return nil
	case out != "":
		present, err := os.ReadFile(out) //nolint:gosec // the file that the person named
		if err == nil && bytes.Equal(present, written) {
			return nil // a build that watches files need not start
		}
		if err := os.WriteFile(out, written, 0o644); err != nil { //nolint:gosec // source code that others read
			return fmt.Errorf("write the types: %w", err)
		}
		return nil
	default:
		_, err := stdout.Write(written)
		return err
	}
}

// difference tells shortly how two texts differ, "" if they do not.
func difference(present, wanted string) string {
	if present == wanted {
		return ""
	}
	const most = 3
	is, should := strings.Split(present, "\n"), strings.Split(wanted, "\n")
	start := 0
	for start < len(is) && start < len(should) && is[start] == should[start] {
		start++
	}
	end := 0
	for end < len(is)-start && end < len(should)-start && is[len(is)-1-end] == should[len(should)-1-end] {
		end++
	}
	var hint strings.Builder
	fmt.Fprintf(&hint, "it differs from line %d", start+1)
	show := func(sign string, lines []string) {
		for i, line := range lines {
			if i == most {
				fmt.Fprintf(&hint, "\n%s … and %d more", sign, len(lines)-most)
				return
			}
			fmt.Fprintf(&hint, "\n%s %s", sign, line)
		}
	}
	show("-", is[start:len(is)-end])
	show("+", should[start:len(should)-end])
	return hint.String()
}
