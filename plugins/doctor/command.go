package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
)

// WithoutDatabase is the annotation of commands that open the databases themselves.
// Programs that bootstrap the app for each command leave it out for these: the doctor
// changes nothing, not even what a start would.
const WithoutDatabase = "holdallWithoutDatabase"

// The exit codes of the command, besides 0 for a healthy app.
const (
	ExitErrors   = 1 // there are errors, or the doctor could not look
	ExitWarnings = 3 // there are warnings and no errors, with --strict
)

// Unhealthy is the error of the command for an app that is not.
type Unhealthy struct {
	Report Report
	code   int
}

// Error says how much was found.
func (u Unhealthy) Error() string { return "the doctor found " + u.Report.counts() }

// ExitCode is what the process ends with.
func (u Unhealthy) ExitCode() int { return u.code }

func (p *Plugin) command() *cobra.Command {
	var asJSON, strict bool
	command := &cobra.Command{
		Use: "doctor", Short: "Looks for what is wrong with configuration, rules, data and machine, and says what to do", Args: cobra.NoArgs,
		Long: "Looks for what is wrong with configuration, rules, queries, databases, files, backups, certificates and\n" +
			"versions, and says what to do about it. It changes nothing, and works beside a running server.\n\n" +
			"The exit code is 0 without errors, 1 with, and 3 with --strict if there are warnings only.",
		Annotations: map[string]string{WithoutDatabase: ""},
		RunE: func(c *cobra.Command, _ []string) error {
			report := p.ExamineDirectory(c.Context())
			out := c.OutOrStdout()
			var err error
			if asJSON {
				encoder := json.NewEncoder(out)
				encoder.SetEscapeHTML(false)
				encoder.SetIndent("", "  ")
				err = encoder.Encode(report)
			} else {
				err = report.Write(out, out == os.Stdout && !color.NoColor)
			}
			switch {
			case err != nil:
				return err
			case report.Errors > 0:
				return Unhealthy{report, ExitErrors}
			case report.Warnings > 0 && strict:
				return Unhealthy{report, ExitWarnings}
			}
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	command.Flags().BoolVar(&strict, "strict", false, "fail on warnings, too")
	return command
}

// ExamineDirectory runs all checks on the data directory of the app, which need not
// be bootstrapped.
func (p *Plugin) ExamineDirectory(ctx context.Context) Report {
	app, done, err := open(ctx, p.app)
	if err == nil {
		defer done()
		return p.Examine(ctx, app)
	}
	r := p.newReport()
	r.add(Check{Code: "database", Title: "Databases"}, []Finding{unopened(p.app.DataDir(), err)}, p.config.Ignore)
	return r
}

// unopened is the finding of databases that cannot be opened, which ends all looking.
func unopened(dir string, err error) Finding {
	f := Finding{Code: "database.unreadable", Severity: Error, Where: dir}
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.Code, f.Problem = "database.none", "There is no database here, so nothing else was looked at."
		f.Remedy = "Name the right directory with --dir, or start the server once, which makes the database."
	case errors.Is(err, errBehind):
		f.Code, f.Severity, f.Problem = "database.behind", Warning, "The database was last used by an older version, so nothing else was looked at."
		f.Remedy = "Start the server once, which brings the database up to date, and run the doctor again."
	default:
		f.Problem = fmt.Sprintf("The databases cannot be read, so nothing else was looked at: %v.", err)
		f.Remedy = "Make sure that this user may read and write the directory; if the database is damaged, restore a backup."
	}
	return f
}

// Write prints the report for people. colour adds ANSI colours for a terminal.
func (r Report) Write(out io.Writer, colour bool) error {
	var text strings.Builder
	paints := map[Severity]*color.Color{Error: color.New(color.FgRed, color.Bold), Warning: color.New(color.FgYellow), Note: color.New(color.FgCyan)}
	bold := color.New(color.Bold)
	if colour {
		bold.EnableColor()
	} else {
		bold.DisableColor()
	}
	for _, check := range r.Checks {
		if check.Findings == 0 {
			continue
		}
		fmt.Fprintln(&text, bold.Sprint(check.Title))
		for _, f := range r.Findings {
			if code, _, _ := strings.Cut(f.Code, "."); code != check.Code {
				continue
			}
			paint := paints[f.Severity]
			if colour {
				paint.EnableColor()
			} else {
				paint.DisableColor()
			}
			where := ""
			if f.Where != "" {
				where = f.Where + ": "
			}
			fmt.Fprintf(&text, "  %s  %s%s\n           %s  [%s]\n", paint.Sprintf("%-7s", f.Severity), where, f.Problem, f.Remedy, f.Code)
		}
		fmt.Fprintln(&text)
	}
	fmt.Fprintf(&text, "%s\n", bold.Sprint(r.summary()))
	_, err := io.WriteString(out, text.String())
	return err
}

// summary is the last line of a report.
func (r Report) summary() string {
	text := fmt.Sprintf("Nothing to do: %s found nothing", plural(len(r.Checks), "check"))
	if len(r.Findings) > 0 {
		text = fmt.Sprintf("%s, from %s", r.counts(), plural(len(r.Checks), "check"))
	}
	if r.Ignored > 0 {
		text += fmt.Sprintf(", %d ignored", r.Ignored)
	}
	return fmt.Sprintf("%s, in %.1f s.", text, r.Seconds)
}

func (r Report) counts() string {
	return fmt.Sprintf("%s, %s and %s", plural(r.Errors, "error"), plural(r.Warnings, "warning"), plural(r.Notes, "note"))
}

// plural is "1 error" or "2 errors".
func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
