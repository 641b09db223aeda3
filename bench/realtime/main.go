// Command realtime compares the realtime plugin with PocketBase's own realtime
// API under many subscribers: how long a save takes, what it costs the server, and
// what a connection costs.
//
//	go run ./bench/realtime
//
// It starts itself twice as a server, once with and once without the plugin, on
// the same data, one after the other, and prints a table.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

// options are the size of the comparison.
type options struct {
	subscribers, saves, rounds int
	only, profiles             string
}

func main() {
	if len(os.Args) > 3 && os.Args[1] == "server" {
		exitOn(runServer(os.Args[2], os.Args[3]))
		return
	}
	var o options
	flag.IntVar(&o.subscribers, "subscribers", 5000, "connections, each of a person of its own")
	flag.IntVar(&o.saves, "saves", 15, "measured saves of each kind and round")
	flag.IntVar(&o.rounds, "rounds", 2, "times that each server is started anew")
	flag.StringVar(&o.only, "only", "", "the one server to measure, stock or plugin")
	flag.StringVar(&o.profiles, "profiles", "", "a folder for the servers' processor and memory profiles of public saves")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exitOn(compare(ctx, os.Stdout, o))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "realtime:", err)
		os.Exit(1)
	}
}

// compare measures both servers in turns, and prints the medians.
func compare(ctx context.Context, w io.Writer, o options) error {
	dir, err := os.MkdirTemp("", "bench_realtime_*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	results := map[string][]result{}
	for round := range o.rounds {
		for _, name := range []string{stock, plugin} {
			if o.only != "" && o.only != name {
				continue
			}
			r, err := measure(ctx, fmt.Sprintf("%s/%s%d", dir, name, round), name, o)
			if err != nil {
				return fmt.Errorf("measure %s: %w", name, err)
			}
			results[name] = append(results[name], r)
		}
	}
	report(w, o, median(results[stock]), median(results[plugin]))
	return nil
}

// report prints a table in Markdown.
func report(w io.Writer, o options, theirs, ours result) {
	fmt.Fprintf(w, "%d subscribers, each a person of its own, %d saves of each kind, %d rounds.\n\n", o.subscribers, o.saves, o.rounds)
	fmt.Fprintln(w, "| | PocketBase | plugin | ratio |")
	fmt.Fprintln(w, "|---|---|---|---|")
	line := func(name string, a, b float64, unit string) {
		ratio := "-"
		if a > 0 {
			ratio = fmt.Sprintf("%.2f", b/a)
		}
		fmt.Fprintf(w, "| %s | %.2f %s | %.2f %s | %s |\n", name, a, unit, b, unit, ratio)
	}
	for i, kind := range kinds {
		line("save, "+kind.label, theirs.save[i], ours.save[i], "ms")
	}
	for i, kind := range kinds {
		if kind.topic != "" {
			line("until all have it, "+kind.label, theirs.delivered[i], ours.delivered[i], "ms")
		}
	}
	for i, kind := range kinds {
		line("server CPU per save, "+kind.label, theirs.cpu[i], ours.cpu[i], "ms")
	}
	for i, kind := range kinds {
		line("the same, saves at once, "+kind.label, theirs.burstCPU[i], ours.burstCPU[i], "ms")
	}
	line("memory per idle connection", theirs.perConnection, ours.perConnection, "KB")
	line("memory per connection after the saves", theirs.perConnectionAfter, ours.perConnectionAfter, "KB")
	fmt.Fprintln(w)
	for i, kind := range kinds {
		if kind.topic != "" {
			fmt.Fprintf(w, "- A save, %s, takes %.1f times that without subscribers (PocketBase: %.1f).\n",
				strings.TrimSpace(kind.label), ours.save[i]/ours.save[0], theirs.save[i]/theirs.save[0])
		}
	}
	fmt.Fprintln(w, "\n"+time.Now().UTC().Format("2006-01-02"))
}
