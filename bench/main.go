// Command bench measures what the app costs on top of a bare PocketBase.
//
//	go run ./bench                    # everything, about twelve minutes
//	go run ./bench -only 'view|list'  # some workloads
//	go run ./bench -check             # exit 1 when something surely exceeds the tolerance
//	go run ./bench -changes           # what the change log costs a write, about six minutes
//	go run ./bench -observe           # what metrics and traces cost, about five minutes
//	go run ./bench -fastlane          # PocketBase with the fast lane beside PocketBase, about twelve minutes
//	go run ./bench -write             # store the result in bench/results
//
// It builds this app and bench/stock, the same collections without hooks and
// plugins, starts each as a process of its own on a copy of the same data, and
// gives them the same requests in turn, so that what else the machine does hits
// both alike. It listens and connects on the loopback interface only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	plan      plan
	orders    int
	only      *regexp.Regexp
	tolerance float64
	check     bool
	write     bool
	changes   bool
	observe   bool
	fastlane  bool
	lane      laneOptions
	settings  []string // environment of ours
	ours      string   // package
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // nothing else is deferred
	}
}

func parse(args []string) (options, error) {
	o := options{settings: []string{"HOLDALL_RATE_LIMITS=false"}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.plan.restarts, "restarts", 5, "pairs of processes to measure, one after the other")
	flags.IntVar(&o.plan.rounds, "rounds", 4, "rounds of each workload with each pair")
	flags.IntVar(&o.plan.cycles, "cycles", 5, "how often a round goes through stock, ours, ours, stock")
	flags.DurationVar(&o.plan.slice, "slice", 100*time.Millisecond, "about how long a server has its turn")
	flags.IntVar(&o.orders, "orders", 20000, "work orders in the database")
	only := flags.String("only", "", "run the workloads whose name matches this expression")
	flags.Float64Var(&o.tolerance, "tolerance", 0.03, "how much more CPU time an operation may take, as a share")
	flags.BoolVar(&o.check, "check", false, "fail when a workload surely exceeds the tolerance")
	flags.BoolVar(&o.write, "write", false, "store the result in bench/results")
	flags.BoolVar(&o.changes, "changes", false, "measure what the change log costs a write instead")
	flags.BoolVar(&o.observe, "observe", false, "measure what metrics and traces cost instead")
	flags.BoolVar(&o.fastlane, "fastlane", false, "measure what the fast lane is worth instead")
	conns := flags.String("conns", "1,16,64", "with -fastlane: numbers of connections")
	flags.IntVar(&o.lane.grow, "grow", 1_000_000, "with -fastlane: rows of the largest collection; 10000000 takes 15 GB of disk and half an hour")
	flags.BoolVar(&o.lane.redraw, "redraw", false, "with -fastlane: measure nothing, write the page and the charts of the stored result")
	flags.StringVar(&o.ours, "ours", ".", "the package to compare with bench/stock")
	flags.Func("set", "a variable `NAME=VALUE` for the app, as often as needed", func(value string) error {
		if !strings.Contains(value, "=") {
			return errors.New("want NAME=VALUE")
		}
		o.settings = append(o.settings, value)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if o.lane.conns, err = parseConns(*conns); err != nil {
		return o, err
	}
	if o.changes || o.observe {
		o.plan = o.plan.shorter(flags)
	}
	if o.fastlane {
		o.plan = o.plan.forLane(flags)
	}
	if flags.NArg() > 0 || min(o.plan.restarts, o.plan.rounds, o.plan.cycles) < 1 || o.plan.slice < time.Millisecond || o.orders < tenants {
		return o, fmt.Errorf("want no arguments, -restarts, -rounds and -cycles of at least 1, -slice of at least 1ms, -orders of at least %d", tenants)
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "holdall-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.fastlane {
		return fastLane(ctx, o, root, dir, out)
	}

	fmt.Fprintf(out, "Filling a database with %d work orders\n", o.orders)
	fixtureDir := filepath.Join(dir, "fixture")
	f, err := prepare(fixtureDir, o.orders)
	if err != nil {
		return err
	}
	c := &contest{options: o, dir: dir, fixtureDir: fixtureDir, fixture: f, out: out}
	if o.changes {
		cost, err := measureWriteCost(ctx, c)
		if err != nil {
			return err
		}
		return finish(o, root, "changes-", cost, out)
	}
	if o.observe {
		cost, err := measureWatchCost(ctx, c)
		if err != nil {
			return err
		}
		return finish(o, root, "observe-", cost, out)
	}
	c.workloads = c.chosen(workloads())
	if err := c.build(ctx, root); err != nil {
		return err
	}
	r, err := c.run(ctx)
	if err != nil {
		return err
	}
	return finish(o, root, "", r, out)
}

// result is what was measured, for people and to store.
type result interface {
	markdown() string
	over() []string
}

// finish shows the result, stores it and judges it, as the options say.
func finish(o options, root, prefix string, r result, out io.Writer) error {
	fmt.Fprintf(out, "\n%s", r.markdown())
	if o.write {
		if err := store(r, filepath.Join(root, "bench", "results"), machineBase(prefix)); err != nil {
			return fmt.Errorf("store the result: %w", err)
		}
	}
	if over := r.over(); o.check && len(over) > 0 {
		return fmt.Errorf("surely over the tolerance beside a bare PocketBase: %s", strings.Join(over, ", "))
	}
	return nil
}

// store writes a result to base.md and base.json. Results are for everybody.
func store(r result, dir, base string) error {
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // see above
		return err
	}
	for name, content := range map[string][]byte{base + ".md": []byte(r.markdown()), base + ".json": append(encoded, '\n')} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil { //nolint:gosec // see above
			return err
		}
	}
	return nil
}

// machineBase is how the files of a result are called, after the kind of machine.
func machineBase(prefix string) string {
	return fmt.Sprintf("%s%s-%s-%dcores", prefix, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}
