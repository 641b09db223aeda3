package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/env"
)

// configCommand is "config": what holds, and why.
func configCommand(app core.App, cfg config) *cobra.Command {
	var asJSON, asMarkdown bool
	command := &cobra.Command{
		Use:   "config",
		Short: "Prints the configuration and where each value comes from, without the secrets",
		Long: "Prints the configuration that serve would use with the same environment and flags.\n" +
			"What is unset is PocketBase's default or, for what the dashboard has, as it is there.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			// what unset comes to, where that is for PocketBase to say
			options := slices.Clone(cfg.options)
			fill(options, "DIR", app.DataDir())
			fill(options, "HTTP_ADDR", "127.0.0.1:8090")
			switch {
			case asJSON:
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(options)
			case asMarkdown:
				plain, err := loadConfig(nil, nil) // the reference does not depend on who asks
				if err != nil {
					return err
				}
				return writeReference(c.OutOrStdout(), plain.options)
			default:
				return writeTable(c.OutOrStdout(), options)
			}
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	command.Flags().BoolVar(&asMarkdown, "markdown", false, "print docs/config.md instead")
	command.MarkFlagsMutuallyExclusive("json", "markdown")
	addServeFlags(command.Flags())
	return command
}

// fill sets the value of the option called name if nobody else did.
func fill(options []env.Option, name, value string) {
	for i := range options {
		if options[i].Name == envPrefix+name && options[i].Value == "" {
			options[i].Value = value
		}
	}
}

// writeTable writes what holds.
func writeTable(out io.Writer, options []env.Option) error {
	var text strings.Builder
	width := 0
	for _, o := range options {
		width = max(width, len(o.Name))
	}
	group := ""
	for _, o := range options {
		if o.Group != group {
			group = o.Group
			fmt.Fprintf(&text, "\n%s\n", group)
		}
		value, source := o.Value, o.Source
		if value == "" {
			value = "(unset)"
		}
		if source == env.FromFlag {
			source = "flag --" + o.Flag
		}
		fmt.Fprintf(&text, "  %-*s  %-*s  %s\n", width, o.Name, widestValue, shorten(value), source)
	}
	_, err := io.WriteString(out, text.String()[1:])
	return err
}

// widestValue is how many characters of a value the table shows.
const widestValue = 44

// shorten keeps a long value, such as a policy, from spreading the table.
func shorten(value string) string {
	if len(value) <= widestValue {
		return value
	}
	return value[:widestValue-3] + "..."
}

const referenceHead = `# Configuration

Every option is an environment variable. A few have a flag as well, for what people type; a flag wins over
a variable, a variable over the default. An empty variable counts as one that is not set.

- **Secrets** may come from a file: ` + "`HOLDALL_SMTP_PASSWORD_FILE=/run/secrets/smtp`" + ` instead of ` + "`HOLDALL_SMTP_PASSWORD`" + `.
  They are marked with *.
- **Mistakes stop the start.** Values that make no sense and variables that do not exist are reported together, one
  line each, and the exit code is 2.
- **Unset** in the default column: for what the dashboard's settings hold too, the dashboard's value stays. What is set
  here is written to the settings at each start, so that a change in the dashboard lasts until the next one.
- ` + "`holdall config`" + ` shows what holds and where it comes from, ` + "`--json`" + ` for scripts.

This page is written by ` + "`holdall config --markdown`" + `.
`

// writeReference writes docs/config.md.
func writeReference(out io.Writer, options []env.Option) error {
	var text strings.Builder
	text.WriteString(referenceHead)
	group := ""
	for _, o := range options {
		if o.Group != group {
			group = o.Group
			fmt.Fprintf(&text, "\n## %s\n\n| option | kind | default | what it does |\n|---|---|---|---|\n", group)
		}
		name := "`" + o.Name + "`"
		if o.Secret {
			name += " *"
		}
		if o.Flag != "" {
			name += "<br>`--" + o.Flag + "`"
		}
		def := "unset"
		if o.Default != "" {
			def = "`" + o.Default + "`"
		}
		kind := strings.ReplaceAll(o.Kind, "|", `\|`)
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", name, kind, def, o.Doc)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
