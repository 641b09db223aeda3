//go:build linux

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
	"time"
)

// options are the size of the comparison.
type options struct {
	subscribers, saves, rounds int
	pause                      time.Duration
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
	flag.DurationVar(&o.pause, "pause", 100*time.Millisecond, "how long after everybody has had a save the next one is made")
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
	report(w, o, medians(results[stock]), medians(results[plugin]))
	return nil
}

// rows are the figures of the table. Some make no sense for what nobody hears.
var rows = []struct {
	name  string
	heard bool
	of    func(*figures) *float64
}{
	{"save", false, timeOfSave},
	{"until half have it", true, func(f *figures) *float64 { return &f.half }},
	{"until 99 % have it", true, func(f *figures) *float64 { return &f.most }},
	{"server CPU per save", false, func(f *figures) *float64 { return &f.cpu }},
	{"saves at once, each", false, timeAtOnce},
	{"saves at once, server CPU per save", false, func(f *figures) *float64 { return &f.atOnceCPU }},
}

func timeOfSave(f *figures) *float64 { return &f.save }

func timeAtOnce(f *figures) *float64 { return &f.atOnce }

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
	for _, row := range rows {
		for i, kind := range kinds {
			if kind.topic != "" || !row.heard {
				line(row.name+", "+kind.label, *row.of(&theirs.kinds[i]), *row.of(&ours.kinds[i]), "ms")
			}
		}
	}
	line("memory per idle connection", theirs.perConnection, ours.perConnection, "KB")
	line("memory per connection after the saves", theirs.perConnectionAfter, ours.perConnectionAfter, "KB")
	fmt.Fprintln(w, "\n| times a save that nobody hears | PocketBase | plugin | PocketBase, at once | plugin, at once |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	for i, kind := range kinds[1:] {
		fmt.Fprintf(w, "| %s", kind.label)
		for _, of := range []func(*figures) *float64{timeOfSave, timeAtOnce} {
			for _, r := range []result{theirs, ours} {
				fmt.Fprintf(w, " | %.1f", *of(&r.kinds[i+1]) / *of(&r.kinds[0]))
			}
		}
		fmt.Fprintln(w, " |")
	}
	fmt.Fprintln(w, "\n"+time.Now().UTC().Format("2006-01-02"))
}
