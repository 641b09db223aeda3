package webhooks

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// command is "webhooks". It works on the database; a running server sends what it
// adds within a few seconds.
func (p *Plugin) command() *cobra.Command {
	command := &cobra.Command{Use: "webhooks", Short: "Lists endpoints and sends again"}
	command.AddCommand(p.listCommand(), p.pingCommand(), p.redeliverCommand(), p.replayCommand())
	return command
}

func (p *Plugin) listCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use: "list", Short: "Tells how the endpoints are doing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := p.Endpoints(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			return printEndpoints(c.OutOrStdout(), list)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func printEndpoints(out io.Writer, list []EndpointState) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tSTATE\tPENDING\tFAILED\tLAST ERROR")
	for _, e := range list {
		state, problem := "enabled", e.LastError
		switch {
		case !e.Enabled:
			state, problem = "disabled", e.DisabledReason
		case e.FailingSince != nil:
			state = "failing since " + e.FailingSince.Format(time.RFC3339)
		default:
			problem = ""
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\n", e.ID, e.Name, state, e.Pending, e.Failed, problem)
	}
	return table.Flush()
}

func (p *Plugin) pingCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ping ENDPOINT", Short: "Sends an endpoint a message that says nothing", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := p.Ping(c.Context(), args[0])
			if err != nil {
				return err
			}
			d, err := findDelivery(c.Context(), p.app, id)
			if err != nil {
				return err
			}
			if d.State != stateDelivered {
				return fmt.Errorf("the ping failed: %s", d.Error)
			}
			fmt.Fprintf(c.OutOrStdout(), "answered with %d\n", d.Status)
			return nil
		},
	}
}

func (p *Plugin) redeliverCommand() *cobra.Command {
	return &cobra.Command{
		Use: "redeliver DELIVERY", Short: "Sends a delivery again", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not the number of a delivery", args[0])
			}
			again, err := p.Redeliver(c.Context(), id)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "delivery %d is due; the server sends it within seconds\n", again)
			return nil
		},
	}
}

func (p *Plugin) replayCommand() *cobra.Command {
	var since string
	command := &cobra.Command{
		Use: "replay ENDPOINT --since TIME", Short: "Sends an endpoint again what happened since a time", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			at, err := time.Parse(time.RFC3339, since)
			if err != nil {
				return fmt.Errorf("--since must be a time such as 2026-11-01T00:00:00Z, got %q", since)
			}
			queued := int64(0)
			for r := (Replay{}); !r.Done; {
				if r, err = p.Replay(c.Context(), args[0], at, r.Next, r.Run); err != nil {
					return err
				}
				queued += r.Queued
				fmt.Fprintf(c.ErrOrStderr(), "%d events so far\n", queued)
			}
			fmt.Fprintf(c.OutOrStdout(), "%d events are due; the server sends them within seconds\n", queued)
			return nil
		},
	}
	command.Flags().StringVar(&since, "since", "", "the time to begin at, such as 2026-11-01T00:00:00Z")
	return command
}
