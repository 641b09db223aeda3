package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// WithoutDatabase is the annotation of commands that must run, or may, before the
// app's databases are opened. Programs that bootstrap the app for each command leave
// it out for these: a restore replaces the databases.
const WithoutDatabase = "holdallWithoutDatabase"

// command is "backup".
func (p *Plugin) command() *cobra.Command {
	command := &cobra.Command{Use: "backup", Short: "Shows how the backup is and what can be restored, and tries a restore"}
	command.AddCommand(p.statusCommand(), p.listCommand(), p.drillCommand())
	return command
}

func (p *Plugin) statusCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "status", Short: "Shows how far behind the backup of the running server is; fails if something is wrong", Args: cobra.NoArgs,
		Annotations: map[string]string{WithoutDatabase: ""},
	}
	return withJSON(command, func(*cobra.Command) (any, func(io.Writer) error, error) {
		if err := p.needTarget(); err != nil {
			return nil, nil, err
		}
		status, err := p.savedStatus()
		if err != nil {
			return nil, nil, fmt.Errorf("no server has made a backup of %s yet: %w", p.app.DataDir(), err)
		}
		problem := p.config.problem(status)
		if age := time.Since(status.At); age > 6*statusEvery {
			problem = errors.Join(problem, fmt.Errorf("the server does not run: it last said how the backup is %s ago", age.Round(time.Second)))
		}
		return status, func(out io.Writer) error { return printStatus(out, status) }, problem
	})
}

func printStatus(out io.Writer, s Status) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TARGET\tWHAT\tBEHIND\tCOPIED UNTIL\tERROR")
	for _, t := range s.Targets {
		for _, d := range t.Databases {
			behind, until := "never copied", ""
			if d.LagSeconds >= 0 {
				behind, until = fmt.Sprintf("%.1f s", d.LagSeconds), d.CaughtUp.Format("2006-01-02 15:04:05Z")
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", t.Name, d.Name, behind, until, d.Error)
		}
		if f := t.Files; f != nil {
			fmt.Fprintf(table, "%s\t%d files, %s\t\t%s\t%s\n", t.Name, f.Files, bytesText(f.Bytes), f.CheckedAt.Format("2006-01-02 15:04:05Z"), f.Error)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if s.Waits || s.Early > 0 {
		fmt.Fprintf(out, "Answers wait for the targets: %v. Answered too early: %d.\n", s.Waits, s.Early)
	}
	if s.Drill == nil {
		fmt.Fprintln(out, "No restore was tried yet: \"backup drill\" does.")
		return nil
	}
	return printDrill(out, *s.Drill)
}

// Range is a span of time that a database can be restored to.
type Range struct {
	Target   string    `json:"target"`
	Database string    `json:"database"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Bytes    int64     `json:"bytes"`
}

func (p *Plugin) listCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "list", Short: "Lists the times that can be restored", Args: cobra.NoArgs,
		Annotations: map[string]string{WithoutDatabase: ""},
	}
	return withJSON(command, func(c *cobra.Command) (any, func(io.Writer) error, error) {
		ranges, err := p.Ranges(c.Context())
		return ranges, func(out io.Writer) error { return printRanges(out, ranges) }, err
	})
}

// Ranges lists the times that each database can be restored to, from all targets.
func (p *Plugin) Ranges(ctx context.Context) ([]Range, error) {
	if err := p.needTarget(); err != nil {
		return nil, err
	}
	vaults, err := p.vaults(os.TempDir())
	if err != nil {
		return nil, err
	}
	ranges := []Range{}
	var problems []error
	for _, v := range vaults {
		for _, name := range databases {
			all, err := generations(ctx, v, name)
			if err != nil {
				problems = append(problems, err)
				break
			}
			for _, g := range all {
				if from, to, size, ok, err := g.span(ctx); err == nil && ok {
					ranges = append(ranges, Range{Target: v.name(), Database: name, From: from, To: to, Bytes: size})
				}
			}
		}
	}
	return ranges, errors.Join(problems...)
}

func printRanges(out io.Writer, ranges []Range) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TARGET\tDATABASE\tFROM\tTO\tSIZE")
	for _, r := range ranges {
		const layout = "2006-01-02 15:04:05.000Z"
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.Target, r.Database, r.From.Format(layout), r.To.Format(layout), bytesText(r.Bytes))
	}
	return table.Flush()
}

func (p *Plugin) drillCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "drill", Short: "Restores the backup to a scratch directory and checks it; fails if it is not whole", Args: cobra.NoArgs,
		Annotations: map[string]string{WithoutDatabase: ""},
	}
	return withJSON(command, func(c *cobra.Command) (any, func(io.Writer) error, error) {
		if err := p.needTarget(); err != nil {
			return nil, nil, err
		}
		result := p.Drill(c.Context())
		var err error
		if !result.OK {
			err = fmt.Errorf("the drill failed: %s", result.Error)
		}
		return result, func(out io.Writer) error { return printDrill(out, result) }, err
	})
}

func printDrill(out io.Writer, d DrillResult) error {
	verdict := "whole"
	if !d.OK {
		verdict = "NOT whole: " + d.Error
	}
	var rows int64
	for _, n := range d.Rows {
		rows += n
	}
	_, err := fmt.Fprintf(out, "Restored from %s at %s in %.1f s: %d tables with %d rows, %d of %d files compared. It is %s.\n",
		d.Target, d.At.Format("2006-01-02 15:04:05Z"), d.Seconds, len(d.Rows), rows, d.Compared, d.Files, verdict)
	return err
}

// errNoTarget is what commands say without a target.
var errNoTarget = errors.New("no target of backups is configured")

func (p *Plugin) needTarget() error {
	if !p.config.Enabled() {
		return errNoTarget
	}
	return nil
}

// restoreFlags are those of "restore".
type restoreFlags struct {
	to, into, from string
	dryRun, force  bool
}

func (p *Plugin) restoreCommand() *cobra.Command {
	var f restoreFlags
	command := &cobra.Command{
		Use: "restore --to TIME", Short: "Restores databases and files as they were at a time", Args: cobra.NoArgs,
		Example:     "  holdall restore --to '2026-11-22 14:03:05' --dry-run\n  holdall restore --to '2026-11-22 14:03:05' --into /tmp/then\n  holdall restore --to now --force",
		Annotations: map[string]string{WithoutDatabase: ""},
	}
	flags := command.Flags()
	flags.StringVar(&f.to, "to", "", "the time, such as \"2026-11-22 14:03:05\" (UTC), \"15m\" (ago) or \"now\" (required)")
	flags.StringVar(&f.into, "into", "", "restore to this directory instead of the data directory")
	flags.StringVar(&f.from, "from", "", "the target to restore from: directory or s3 (default: the first that has the time)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "restore to a scratch directory and show what would be lost; change nothing")
	flags.BoolVar(&f.force, "force", false, "replace the data that is there; it is moved aside")
	command.AddCommand(p.recordsCommand())
	_ = command.MarkFlagRequired("to")
	return withJSON(command, func(c *cobra.Command) (any, func(io.Writer) error, error) {
		r, err := p.restorer(c.Context(), f.to, f.from)
		if err != nil {
			return nil, nil, err
		}
		dir := f.into
		if dir == "" {
			dir = p.app.DataDir()
		}
		bar := newBar(os.Stderr) // what PocketBase sets as the error output is standard output
		r.tell = bar.set
		defer bar.end()
		if f.dryRun {
			plan, err := p.tryRestore(c.Context(), r, dir)
			return plan, func(out io.Writer) error { return printPlan(out, plan) }, err
		}
		if p.app.IsBootstrapped() && sameDirectory(dir, p.app.DataDir()) {
			return nil, nil, fmt.Errorf("%s: %w", dir, ErrLive)
		}
		result, err := r.restore(c.Context(), dir, f.force)
		if errors.Is(err, ErrNotEmpty) {
			err = fmt.Errorf("%w; --dry-run shows what would be lost, --force replaces it, --into restores elsewhere", err)
		}
		return result, func(out io.Writer) error { return printRestoration(out, result) }, err
	})
}

// restorer returns what restores the time from a target that has it.
func (p *Plugin) restorer(ctx context.Context, to, from string) (*restorer, error) {
	if err := p.needTarget(); err != nil {
		return nil, err
	}
	at, err := ParseTime(to, time.Now())
	if err != nil {
		return nil, err
	}
	vaults, err := p.vaults(os.TempDir())
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, v := range vaults {
		if from != "" && v.name() != from {
			continue
		}
		r := &restorer{vault: v, to: at}
		if _, err := r.find(ctx, databases[0]); err != nil {
			problems = append(problems, err)
			continue
		}
		return r, nil
	}
	if len(problems) == 0 {
		return nil, fmt.Errorf("there is no target %q", from)
	}
	return nil, fmt.Errorf("%w; \"backup list\" shows the times that can be restored", errors.Join(problems...))
}

func sameDirectory(a, b string) bool {
	first, err1 := os.Stat(a)
	second, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}

// Plan is what a restore would do.
type Plan struct {
	Restoration
	// Loss is what is lost of the data in Dir. It is nil if there is none.
	Loss *Loss `json:"loss,omitempty"`
}

// tryRestore restores to a scratch directory and compares.
func (p *Plugin) tryRestore(ctx context.Context, r *restorer, dir string) (Plan, error) {
	scratch, err := os.MkdirTemp(p.scratchParent(), "restore-")
	if err != nil {
		return Plan{}, err
	}
	defer os.RemoveAll(scratch)
	result, err := r.all(ctx, scratch)
	if err != nil {
		return Plan{}, err
	}
	result.Dir = dir
	plan := Plan{Restoration: result}
	now := filepath.Join(dir, databases[0])
	if _, err := os.Stat(now); err == nil {
		loss, err := compare(ctx, now, filepath.Join(scratch, databases[0]))
		if err != nil {
			return plan, err
		}
		plan.Loss = &loss
	}
	return plan, nil
}

// scratchParent is where there is likely room for the data a second time.
func (p *Plugin) scratchParent() string {
	if dir, err := p.state("tmp"); err == nil {
		return dir
	}
	return os.TempDir()
}

func printPlan(out io.Writer, plan Plan) error {
	if err := printRestored(out, "Would restore", plan.Restoration); err != nil || plan.Loss == nil {
		return err
	}
	if plan.Loss.Changes >= 0 {
		fmt.Fprintf(out, "%d records have changed since.\n", plan.Loss.Changes)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TABLE\tROWS NOW\tROWS THEN\tLOST\tBACK\tCHANGED")
	same := 0
	for _, t := range plan.Loss.Tables {
		if t.Lost+t.Back+t.Changed == 0 {
			same++
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\n", t.Table, t.Now, t.Then, t.Lost, t.Back, t.Changed)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d tables are the same. Nothing was changed.\n", same)
	return err
}

func printRestoration(out io.Writer, r Restoration) error {
	if err := printRestored(out, "Restored", r); err != nil || r.Aside == "" {
		return err
	}
	_, err := fmt.Fprintf(out, "What was there before is in %s. Remove it when you no longer need it.\n", r.Aside)
	return err
}

func printRestored(out io.Writer, verb string, r Restoration) error {
	fmt.Fprintf(out, "%s %s from %s, to %s.\n", verb, r.To.Format("2006-01-02 15:04:05.000Z"), r.Target, r.Dir)
	for _, name := range sortedKeys(r.Databases) {
		fmt.Fprintf(out, "%s: last change %s, checked\n", name, r.Databases[name].Format("2006-01-02 15:04:05.000Z"))
	}
	fmt.Fprintf(out, "%d files, %s\n", r.Files, bytesText(r.Bytes))
	if r.InS3 > 0 {
		fmt.Fprintf(out, "%d files are in the app's own bucket; files-in-s3.json lists them.\n", r.InS3)
	}
	for _, path := range r.Missing {
		fmt.Fprintf(out, "MISSING: %s/%s\n", core.LocalStorageDirName, path)
	}
	return nil
}

// withJSON lets the command print what do returns, as text or as JSON. A value is
// printed although there is an error, too.
func withJSON(command *cobra.Command, do func(*cobra.Command) (value any, print func(io.Writer) error, err error)) *cobra.Command {
	var asJSON bool
	command.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	command.RunE = func(c *cobra.Command, _ []string) error {
		value, print, err := do(c)
		if print == nil || (err != nil && value == nil) {
			return err
		}
		if asJSON {
			return errors.Join(json.NewEncoder(c.OutOrStdout()).Encode(value), err)
		}
		if err != nil && isRestoration(value) {
			return err // it is not complete
		}
		return errors.Join(print(c.OutOrStdout()), err)
	}
	return command
}

func isRestoration(value any) bool {
	switch value.(type) {
	case Restoration, Plan:
		return true
	}
	return false
}
