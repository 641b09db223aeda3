package limits

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// Attempts are the failed sign-ins of an account, a device or an address.
type Attempts struct {
	Key  string `json:"key" doc:"Names the entry."`
	Kind string `json:"kind" doc:"What is counted: account, device, address, mail or mail from address."`
	// Of is what people know it by.
	Of       string    `json:"of" doc:"The address of mail, or the network. Of other names the first two letters."`
	Failures int       `json:"failures"`
	Last     time.Time `json:"last" doc:"When the last failure was."`
	Until    time.Time `json:"until" doc:"Until when further attempts are refused. In the past if they are not."`
}

// mostListed bounds a list.
const mostListed = 500

// List returns the failed sign-ins that are remembered, the newest first, 500 at
// most.
func (p *Plugin) List() ([]Attempts, error) {
	rows, err := p.guard.store.list(p.config.Now().Add(-p.config.Lockout.Forget), mostListed)
	if err != nil {
		return nil, err
	}
	list := make([]Attempts, len(rows))
	for i, r := range rows {
		list[i] = Attempts{r.key, r.kind, r.label, r.failures, r.at.UTC(), r.until.UTC()}
	}
	return list, nil
}

// Clear forgets the failed sign-ins of an account, by what it signs in with, of an
// IP address, or of a key of the list, and returns how many entries there were.
func (p *Plugin) Clear(of string) (int64, error) {
	keys := []string{of}
	label := fold(of)
	if ip, err := netip.ParseAddr(of); err == nil {
		label = networkOf(ip.Unmap())
	}
	collections, err := p.app.FindAllCollections(core.CollectionTypeAuth)
	if err != nil {
		return 0, fmt.Errorf("find the collections of accounts: %w", err)
	}
	for _, c := range collections {
		keys = append(keys, laneKey(kindAccount, accountKey(c.Id, of)))
	}
	return p.guard.store.clear(keys, label, false)
}

// ClearAll forgets all failed sign-ins and returns how many entries there were.
func (p *Plugin) ClearAll() (int64, error) { return p.guard.store.clear(nil, "", true) }

// prune deletes what is forgotten. It runs every hour.
func (p *Plugin) prune() {
	p.guard.store.prune(p.config.Now().Add(-p.config.Lockout.Forget))
}

// command is "limits". It works on the database itself, beside a running server or
// without one; a server notices at once.
func (p *Plugin) command() *cobra.Command {
	command := &cobra.Command{Use: "limits", Short: "Shows who has to wait to sign in, and lets them in"}
	var asJSON, all bool
	list := &cobra.Command{
		Use: "list", Short: "Lists failed sign-ins, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			entries, err := p.List()
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(entries)
			}
			return p.print(c.OutOrStdout(), entries)
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	forget := &cobra.Command{
		Use: "clear [ACCOUNT | ADDRESS | KEY]", Short: "Forgets the failed sign-ins of an account or address",
		Example: "  holdall limits clear ada@example.com\n  holdall limits clear 203.0.113.7\n  holdall limits clear --all",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || all == (len(args) == 1) {
				return errors.New("give an account, an address or a key, or --all")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			n, err := p.clear(all, strings.Join(args, ""))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d forgotten\n", n)
			return err
		},
	}
	forget.Flags().BoolVar(&all, "all", false, "of everybody")
	command.AddCommand(list, forget, p.countCommand())
	return command
}

func (p *Plugin) countCommand() *cobra.Command {
	var asJSON, again bool
	count := &cobra.Command{
		Use: "count", Short: "Counts what was stored before there was a quota", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			next := time.Now()
			sum, err := p.Count(c.Context(), again, func(so Counting) {
				if now := time.Now(); now.After(next) {
					next = now.Add(time.Second)
					fmt.Fprintf(os.Stderr, "%s: %d records, %d changed\n", so.Collection, so.Records, so.Changed)
				}
			})
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(sum)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d records, %d of them counted in another way than before\n", sum.Records, sum.Changed)
			return err
		},
	}
	count.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	count.Flags().BoolVar(&again, "again", false, "everything, as after a change of what counts to whom, or of records without the program")
	return count
}

func (p *Plugin) clear(all bool, of string) (int64, error) {
	if all {
		return p.ClearAll()
	}
	return p.Clear(of)
}

func (p *Plugin) print(out io.Writer, entries []Attempts) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tOF\tFAILURES\tLAST\tWAITS\tKEY")
	for _, a := range entries {
		wait := "-"
		if left := a.Until.Sub(p.config.Now()); left > 0 {
			wait = left.Round(time.Second).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", a.Kind, a.Of, a.Failures, a.Last.Format(time.DateTime), wait, a.Key)
	}
	return table.Flush()
}

// Path is where the API is.
const Path = "/api/limits"

// routes adds the API, which is for superusers only.
func (p *Plugin) routes(e *core.ServeEvent) error {
	api := apidoc.On(e).Group(Path)
	apidoc.Route(api, apidoc.Op{
		ID: "limits.list", Method: "GET", Path: "/attempts", Summary: "List failed sign-ins", Access: apidoc.Superusers,
		Description: "Those that are remembered, newest first, 500 at most.",
	}, p.listRoute)
	apidoc.Route(api, apidoc.Op{
		ID: "limits.clear", Method: "POST", Path: "/attempts/clear", Summary: "Forget failed sign-ins", Access: apidoc.Superusers,
		Description: "Of an account, an address or an entry, which then has to wait no longer.", MaxBody: 4 << 10,
	}, p.clearRoute)
	return e.Next()
}

// attemptsList is the answer of a list.
type attemptsList struct {
	Items []Attempts `json:"items"`
}

func (p *Plugin) listRoute(e *core.RequestEvent, _ *struct{}) (*attemptsList, error) {
	list, err := p.List()
	if err != nil {
		return nil, e.InternalServerError("", err)
	}
	return &attemptsList{Items: list}, nil
}

// clearInput is what a request forgets.
type clearInput struct {
	Body struct {
		Of string `json:"of" minLength:"1" maxLength:"255" doc:"What the account signs in with, an IP address, or the key of an entry."`
	}
}

// cleared is the answer to it.
type cleared struct {
	Cleared int64 `json:"cleared" doc:"How many entries there were."`
}

func (p *Plugin) clearRoute(e *core.RequestEvent, in *clearInput) (*cleared, error) {
	n, err := p.Clear(in.Body.Of)
	if err != nil {
		return nil, e.InternalServerError("", err)
	}
	e.App.Logger().Info("Failed sign-ins were forgotten.", slog.String("plugin", "limits"), slog.String("of", readable(in.Body.Of)), slog.Int64("entries", n))
	return &cleared{Cleared: n}, nil
}
