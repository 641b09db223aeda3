package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// command is "jobs". It works on the database itself, beside a running server or
// without one; a server notices within its poll interval.
func (p *Plugin) command() *cobra.Command {
	command := &cobra.Command{
		Use:   "jobs",
		Short: "Shows jobs, retries or cancels them, pauses queues",
	}
	command.AddCommand(p.listCommand(), p.showCommand(), p.retryCommand(), p.cancelCommand(),
		p.pauseCommand(), p.resumeCommand(), p.statsCommand())
	return command
}

func (p *Plugin) listCommand() *cobra.Command {
	var f Filter
	var state string
	command := &cobra.Command{
		Use: "list", Short: "Lists jobs, newest first", Args: cobra.NoArgs,
		Example: "  holdall jobs list --state dead --kind report.render",
	}
	flags := command.Flags()
	flags.StringVar(&state, "state", "", fmt.Sprintf("only those in a state, of %v", States))
	flags.StringVar(&f.Kind, "kind", "", "only those of a kind")
	flags.StringVar(&f.Queue, "queue", "", "only those of a queue")
	flags.StringVar(&f.Schedule, "schedule", "", "only those of a schedule")
	flags.StringVar(&f.After, "after", "", "go on after a page, with what it said is next")
	flags.IntVar(&f.Limit, "limit", 50, "at most this many, 1..500")
	return withJSON(command, func(c *cobra.Command, _ []string) (any, func(io.Writer) error, error) {
		f.State = State(state)
		page, err := p.List(c.Context(), f)
		return page, func(out io.Writer) error { return printPage(out, page) }, err
	})
}

func printPage(out io.Writer, page Page) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tKIND\tQUEUE\tSTATE\tATTEMPTS\tENQUEUED\tERROR")
	for _, j := range page.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d/%d\t%s\t%s\n", j.ID, j.Kind, j.Queue, j.State, j.Attempts, j.MaxAttempts,
			j.EnqueuedAt, oneLine(j.Error))
	}
	if err := table.Flush(); err != nil || page.Next == "" {
		return err
	}
	_, err := fmt.Fprintf(out, "There are more: --after %s\n", page.Next)
	return err
}

// oneLine shortens an error for a table.
func oneLine(text string) string {
	const widest = 60
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > widest {
		return clip(text, widest-3) + "..."
	}
	return text
}

func (p *Plugin) showCommand() *cobra.Command {
	command := &cobra.Command{Use: "show ID", Short: "Shows a job with its arguments, result and errors", Args: cobra.ExactArgs(1)}
	return withJSON(command, func(c *cobra.Command, args []string) (any, func(io.Writer) error, error) {
		job, err := p.Find(c.Context(), args[0])
		if err != nil {
			return nil, nil, hint(err)
		}
		return job, func(out io.Writer) error {
			encoder := json.NewEncoder(out)
			encoder.SetIndent("", "  ")
			return encoder.Encode(job)
		}, nil
	})
}

func (p *Plugin) retryCommand() *cobra.Command {
	var dead bool
	var kind, queue string
	command := &cobra.Command{
		Use: "retry [ID...]", Short: "Runs dead or cancelled jobs again, and waiting ones at once",
		Example: "  holdall jobs retry k3v9x0a7m2c5d1f\n  holdall jobs retry --dead --kind report.render",
		Args: func(_ *cobra.Command, args []string) error {
			if dead == (len(args) > 0) {
				return errors.New("give the ids of jobs, or --dead for the dead ones")
			}
			return nil
		},
	}
	command.Flags().BoolVar(&dead, "dead", false, "all dead jobs")
	command.Flags().StringVar(&kind, "kind", "", "with --dead: only those of a kind")
	command.Flags().StringVar(&queue, "queue", "", "with --dead: only those of a queue")
	return withJSON(command, func(c *cobra.Command, args []string) (any, func(io.Writer) error, error) {
		n := int64(len(args))
		err := p.each(c.Context(), args, p.Retry)
		if dead {
			n, err = p.retryAllDead(c.Context(), kind, queue)
		}
		return map[string]int64{"retried": n}, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "%d to run again\n", n)
			return err
		}, err
	})
}

// retryAllDead replays batch after batch of what is dead now.
func (p *Plugin) retryAllDead(ctx context.Context, kind, queue string) (int64, error) {
	total, before := int64(0), p.now()
	for {
		n, err := p.retryDead(ctx, kind, queue, before)
		if total += n; err != nil || n < replayBatch {
			return total, err
		}
	}
}

func (p *Plugin) cancelCommand() *cobra.Command {
	command := &cobra.Command{Use: "cancel ID...", Short: "Ends jobs that wait, tells those that run to end", Args: cobra.MinimumNArgs(1)}
	return withJSON(command, func(c *cobra.Command, args []string) (any, func(io.Writer) error, error) {
		err := p.each(c.Context(), args, p.Cancel)
		return map[string]int{"cancelled": len(args)}, said("%d cancelled\n", len(args)), err
	})
}

func (p *Plugin) pauseCommand() *cobra.Command {
	command := &cobra.Command{Use: "pause QUEUE...", Short: "Lets no more jobs of a queue begin", Args: cobra.MinimumNArgs(1)}
	return withJSON(command, func(c *cobra.Command, args []string) (any, func(io.Writer) error, error) {
		err := p.each(c.Context(), args, p.Pause)
		return map[string]any{"paused": args}, said("%d paused\n", len(args)), err
	})
}

func (p *Plugin) resumeCommand() *cobra.Command {
	command := &cobra.Command{Use: "resume QUEUE...", Short: "Ends a pause", Args: cobra.MinimumNArgs(1)}
	return withJSON(command, func(c *cobra.Command, args []string) (any, func(io.Writer) error, error) {
		err := p.each(c.Context(), args, p.Resume)
		return map[string]any{"resumed": args}, said("%d resumed\n", len(args)), err
	})
}

func said(format string, args ...any) func(io.Writer) error {
	return func(out io.Writer) error {
		_, err := fmt.Fprintf(out, format, args...)
		return err
	}
}

// each does one thing for all that were named, and says of all what failed.
func (p *Plugin) each(ctx context.Context, names []string, do func(context.Context, string) error) error {
	var errs []error
	for _, name := range names {
		if err := do(ctx, name); err != nil {
			errs = append(errs, hint(err))
		}
	}
	return errors.Join(errs...)
}

// hint says what to do next.
func hint(err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w; \"jobs list\" and \"jobs stats\" show what there is", err)
	case errors.Is(err, ErrState):
		return fmt.Errorf("%w; \"jobs show ID\" tells it", err)
	default:
		return err
	}
}

func (p *Plugin) statsCommand() *cobra.Command {
	command := &cobra.Command{Use: "stats", Short: "Counts jobs, by queue and state", Args: cobra.NoArgs}
	return withJSON(command, func(c *cobra.Command, _ []string) (any, func(io.Writer) error, error) {
		stats, err := p.Stats(c.Context())
		return stats, func(out io.Writer) error { return printStats(out, stats) }, err
	})
}

func printStats(out io.Writer, stats Stats) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "QUEUE\tPENDING\tSCHEDULED\tRUNNING\tDEAD\tWAIT\t")
	for _, q := range stats.Queues {
		paused := ""
		if q.Paused {
			paused = "paused"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%.1f s\t%s\n", q.Name, q.Pending, q.Scheduled, q.Running, q.Dead, q.WaitSeconds, paused)
	}
	fmt.Fprintf(table, "%d done, %d cancelled\n", stats.States[StateDone], stats.States[StateCancelled])
	return table.Flush()
}

// withJSON lets the command print what do returns, as text or as JSON.
func withJSON(command *cobra.Command, do func(*cobra.Command, []string) (value any, print func(io.Writer) error, err error)) *cobra.Command {
	var asJSON bool
	command.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	command.RunE = func(c *cobra.Command, args []string) error {
		value, print, err := do(c, args)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(value)
		}
		return print(c.OutOrStdout())
	}
	return command
}
