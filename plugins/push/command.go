package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// command is "push". It works on the database; a running server sends what it adds
// within a few seconds.
func (p *Plugin) command() *cobra.Command {
	command := &cobra.Command{Use: "push", Short: "Sends notifications, and tells how the push services are doing"}
	command.AddCommand(p.statusCommand(), p.messagesCommand(), p.sendCommand(), p.testCommand(), p.resumeCommand(), p.keysCommand())
	return command
}

// withJSON gives a command the flag --json. show returns what to print as JSON, and
// what prints it for people.
func withJSON(command *cobra.Command, show func(c *cobra.Command, args []string) (any, func(io.Writer) error, error)) *cobra.Command {
	var asJSON bool
	command.RunE = func(c *cobra.Command, args []string) error {
		value, print, err := show(c, args)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(value)
		}
		return print(c.OutOrStdout())
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func (p *Plugin) statusCommand() *cobra.Command {
	command := &cobra.Command{Use: "status", Short: "Tells how the push services are doing", Args: cobra.NoArgs}
	return withJSON(command, func(c *cobra.Command, _ []string) (any, func(io.Writer) error, error) {
		status, err := p.Status(c.Context())
		return status, func(out io.Writer) error { return printStatus(out, status) }, err
	})
}

func printStatus(out io.Writer, s Status) error {
	providers := strings.Join(s.Providers, ", ")
	if providers == "" {
		providers = "nothing, as none is configured"
	}
	fmt.Fprintf(out, "Sends by %s. %d messages are not due, or not on their way yet.\n", providers, s.Waiting)
	if len(s.Services) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tDEVICES\tPENDING\tSTATE\tLAST ERROR")
	for _, service := range s.Services {
		state := "ok"
		switch {
		case service.PausedSince != nil:
			state = "paused since " + service.PausedSince.Format(time.RFC3339)
		case service.FailingSince != nil:
			state = "failing since " + service.FailingSince.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", service.Name, service.Devices, service.Pending, state, service.LastError)
	}
	return table.Flush()
}

func (p *Plugin) messagesCommand() *cobra.Command {
	var q MessageQuery
	command := &cobra.Command{Use: "messages", Short: "Lists messages, newest first, with what became of them", Args: cobra.NoArgs}
	command.Flags().IntVar(&q.Limit, "limit", 50, "at most this many, 1..200")
	command.Flags().StringVar(&q.Before, "before", "", "only those stored before the message with this id")
	return withJSON(command, func(c *cobra.Command, _ []string) (any, func(io.Writer) error, error) {
		list, err := p.Messages(c.Context(), q)
		return list, func(out io.Writer) error { return printMessages(out, list) }, err
	})
}

func printMessages(out io.Writer, list []MessageState) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tDUE\tDELIVERIES\tTITLE")
	for _, m := range list {
		var counts []string
		for state, n := range m.Deliveries {
			counts = append(counts, fmt.Sprintf("%d %s", n, state))
		}
		slices.Sort(counts)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", m.ID, m.State, m.At.Format(time.RFC3339), strings.Join(counts, ", "), m.Title)
	}
	return table.Flush()
}

func (p *Plugin) sendCommand() *cobra.Command {
	var m Message
	var users, devices []string
	command := &cobra.Command{
		Use: "send", Short: "Sends a message", Args: cobra.NoArgs,
		Example: "  holdall push send --user users/k3v9x0a7m2c5d1f --title \"Hello\"\n  holdall push send --topic news --title \"Version 2\" --body \"It is here.\"",
	}
	flags := command.Flags()
	flags.StringSliceVar(&users, "user", nil, "to a user, as collection/id; may be given several times")
	flags.StringSliceVar(&devices, "device", nil, "to a device, by its id; may be given several times")
	flags.StringVar(&m.To.Topic, "topic", "", "to the devices that are subscribed to a topic")
	flags.BoolVar(&m.To.Everyone, "everyone", false, "to all devices")
	flags.StringVar(&m.Title, "title", "", "the title")
	flags.StringVar(&m.Body, "body", "", "the text")
	flags.StringVar(&m.Link, "link", "", "where a tap leads: a URL, or a path within the app")
	flags.StringVar(&m.Key, "key", "", "send only if no message with this key was sent")
	flags.BoolVar(&m.High, "high", false, "before other messages")
	flags.DurationVar(&m.TTL, "ttl", 0, "for how long it is worth sending (default 24h)")
	return withJSON(command, func(*cobra.Command, []string) (any, func(io.Writer) error, error) {
		for _, name := range users {
			collection, id, ok := strings.Cut(name, "/")
			if !ok {
				return nil, nil, fmt.Errorf("%q must be like users/ID", name)
			}
			m.To.Users = append(m.To.Users, User{Collection: collection, ID: id})
		}
		m.To.Devices = devices
		id, err := p.Send(p.app, m)
		return map[string]string{"id": id}, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "message %s is stored; the server sends it within seconds\n", id)
			return err
		}, err
	})
}

func (p *Plugin) testCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test DEVICE", Short: "Sends a device one notification now, and tells what the service answers", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			result, err := p.Test(c.Context(), args[0], testText)
			if err != nil {
				return err
			}
			if !result.Sent {
				return fmt.Errorf("not sent (%s): %s", result.Kind, result.Error)
			}
			fmt.Fprintln(c.OutOrStdout(), "the service has taken it")
			return nil
		},
	}
}

func (p *Plugin) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume SERVICE", Short: "Tries a service again that is paused", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := p.Resume(c.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "the server tries it within seconds, if something waits for it")
			return nil
		},
	}
}

func (p *Plugin) keysCommand() *cobra.Command {
	return &cobra.Command{
		Use: "keys", Short: "Prints the public key that web pages subscribe with", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			key, err := p.VAPIDKey()
			if err != nil {
				return err
			}
			if key == "" {
				return errors.New("Web Push is off") //nolint:staticcheck // a name
			}
			fmt.Fprintln(c.OutOrStdout(), key)
			return nil
		},
	}
}
