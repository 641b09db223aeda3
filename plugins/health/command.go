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
			base := strings.TrimRight(url, "/")
			path := ReadyPath
			if onlyLive {
				path = LivePath
			}
			ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
			defer cancel()
			report, err := ask(ctx, base+path)
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
	command.Flags().StringVar(&url, "url", localURL(p.config.Address), "the server's address, such as https://app.example.com")
	return command
}

// localURL is where a server that listens on address is reached from the same
// machine. A URL is returned as it is.
func localURL(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "http://" + address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func ask(ctx context.Context, url string) (Report, error) {
	var report Report
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return report, err
	}
	// no proxy from the environment: the server is this one, or the one that was named
	client := &http.Client{Transport: &http.Transport{}}
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
