package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// askTimeout bounds the health command: one that hangs is no answer either.
const askTimeout = 3 * time.Second

// errNotHealthy ends the command after the report has said why.
var errNotHealthy = errors.New("the server is not ready")

// command is "health": a HEALTHCHECK needs no other program in the container.
func (p *Plugin) command() *cobra.Command {
	var url string
	var onlyLive, asJSON bool
	command := &cobra.Command{
		Use:   "health",
		Short: "Asks the running server how it is, exits 0 if it is ready",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			base, connect := strings.TrimRight(url, "/"), ""
			if p.config.ServerName != "" && !c.Flags().Changed("url") {
				connect = localAddress(p.config.Address)
			}
			path := ReadyPath
			if onlyLive {
				path = LivePath
			}
			ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
			defer cancel()
			report, err := ask(ctx, base+path, connect)
			if err != nil {
				return err
			}
			if err := printReport(c.OutOrStdout(), report, asJSON); err != nil {
				return err
			}
			if report.Status != StatusOK {
				return errNotHealthy
			}
			return nil
		},
	}
	command.Flags().BoolVar(&onlyLive, "live", false, "ask whether it is alive instead of ready")
	command.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	command.Flags().StringVar(&url, "url", p.config.url(), "the server's address, such as https://app.example.com")
	return command
}

// url is what the command asks unless it is told.
func (c Config) url() string {
	switch {
	case c.ServerName != "":
		return "https://" + c.ServerName
	case strings.Contains(c.Address, "://"):
		return c.Address
	default:
		return "http://" + localAddress(c.Address)
	}
}

// localAddress is where a server that listens on address is reached from the
// same machine.
func localAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// ask asks url, over a connection to the address connect unless that is "".
func ask(ctx context.Context, url, connect string) (Report, error) {
	var report Report
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return report, err
	}
	// no proxy from the environment: the server is this one, or the one that was named
	transport := &http.Transport{}
	if connect != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, connect)
		}
	}
	client := &http.Client{Transport: transport}
	res, err := client.Do(req)
	if err != nil {
		return report, err
	}
	defer res.Body.Close()
	const enough = 1 << 20
	if err := json.NewDecoder(io.LimitReader(res.Body, enough)).Decode(&report); err != nil || report.Status == "" {
		return report, fmt.Errorf("%s answered %s, but not as a health check does", url, res.Status)
	}
	return report, nil
}

func printReport(out io.Writer, report Report, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(report)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range report.Checks {
		fmt.Fprintf(table, "%s\t%s\t%.1f ms\t%s\n", c.Name, c.Status, c.DurationMS, c.Message)
	}
	fmt.Fprintf(table, "%s\n", report.Status)
	return table.Flush()
}
