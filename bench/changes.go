package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

// logMode is how much of the change log bench/changes keeps.
type logMode struct {
	Name  string  `json:"name"`
	What  string  `json:"what"`
	Limit float64 `json:"limit"` // how much more CPU time a write may take, as a share; 0 judges nothing
}

var logModes = []logMode{
	{"off", "without the log: how far to trust this machine now", 0},
	{"compact", "one row for each record, as sync and realtime read it", 0.15},
	{"full", "besides, the row before and after each change, and who made it", 0.40},
	{"consumed", "the full log, and a consumer that reads along", 0},
}

// disposable is how many notes there are to be deleted, more than a pair of
// processes can delete in its time.
const disposable = 60_000

// writeCost is the result of measuring what the change log costs a write.
type writeCost struct {
	*report
	Modes []logMode `json:"modes"`
}

// measureWriteCost compares bench/changes in each mode with a bare PocketBase.
// A superuser's requests run no rules, so that the log's share is the largest
// that it can be.
func measureWriteCost(ctx context.Context, c *contest) (*writeCost, error) {
	c.options.ours = "./bench/changes"
	if err := addDisposable(c.fixtureDir, c.fixture); err != nil {
		return nil, fmt.Errorf("add notes to delete: %w", err)
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.build(ctx, root); err != nil {
		return nil, err
	}
	cost := &writeCost{report: newReport(c.options.plan, c.options.orders, nil, 0), Modes: logModes}
	for _, mode := range logModes {
		if c.workloads = c.chosen(writeWorkloads(mode.Name)); len(c.workloads) == 0 {
			continue
		}
		fmt.Fprintf(c.out, "Log: %s\n", mode.Name)
		c.options.settings = []string{"BENCH_CHANGES=" + mode.Name}
		if err := c.measureMode(ctx, cost.report, mode.Limit); err != nil {
			return nil, err
		}
	}
	return cost, nil
}

// writeWorkloads are those of a mode, whose name theirs begin with.
func writeWorkloads(mode string) []workload {
	path := func(collection string) string { return "/api/collections/" + collection + "/records" }
	create := func(f *fixture, token string, n uint64) []byte {
		return encode("POST", path("sites"), token,
			fmt.Appendf(nil, `{"organization":%q,"name":"Bench %d","address":"1 Example Street","contact":"Front desk"}`, f.organization, n))
	}
	update := func(f *fixture, token string, n uint64) []byte {
		return encode("PATCH", path("sites")+"/"+f.sites[n*7919%uint64(len(f.sites))], token, fmt.Appendf(nil, `{"contact":"Contact %d"}`, n))
	}
	return []workload{
		plain(mode+" create, with rules", "a site, by a dispatcher", func(f *fixture, n uint64) []byte { return create(f, f.token, n) }),
		plain(mode+" update, with rules", "a site's contact, by a dispatcher", func(f *fixture, n uint64) []byte { return update(f, f.token, n) }),
		plain(mode+" create", "a site", func(f *fixture, n uint64) []byte { return create(f, f.superuser, n) }),
		plain(mode+" update", "a site's contact", func(f *fixture, n uint64) []byte { return update(f, f.superuser, n) }),
		plain(mode+" delete", "a note", func(f *fixture, n uint64) []byte {
			return encode("DELETE", path("notes")+"/"+disposableID(n), f.superuser, nil)
		}),
	}
}

func disposableID(n uint64) string { return fmt.Sprintf("disposable%05d", n) }

// addDisposable adds the notes that are there to be deleted.
func addDisposable(dir string, f *fixture) error {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		return err
	}
	err := app.RunInTransaction(func(tx core.App) error {
		fill := &filler{app: tx}
		for n := range uint64(disposable) {
			fields := map[string]any{"work_order": f.orders[0], "author": f.dispatcher, "body": "Read the meter twice."}
			if err := fill.insertAs(disposableID(n), collections.Notes, fields); err != nil {
				return err
			}
		}
		return nil
	})
	if closeErr := app.ResetBootstrapState(); err == nil {
		err = closeErr
	}
	return err
}

// markdown is the result for people.
func (w *writeCost) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What the change log costs a write\n\n"+
		"%s, %s, %d cores (%s), %s. %d work orders in %d organizations; %d connections. "+
		"For each mode %d pairs of processes, each with %d rounds of %d times stock, with log, with log, stock with about %d ms each.\n\n",
		w.Date, w.System, w.Cores, w.CPU, w.Go, w.Orders, tenants, connections, w.Restarts, w.Rounds, w.Cycles, w.SliceMS)
	b.WriteString("`stock` is a bare PocketBase with the reference app's collections, `with log` the same and the plugin `changes`. Requests are a\n" +
		"superuser's, which run no rules and are the cheapest writes that there are, or those of a dispatcher, who is a user like any other.\n\n")
	for _, mode := range w.Modes {
		fmt.Fprintf(&b, "- **%s**: %s.\n", mode.Name, mode.What)
	}
	b.WriteString("\n| log | write | stock, CPU µs | with log, CPU µs | CPU ratio | limit | | ops/s ratio |\n|---|---|--:|--:|---|--:|---|---|\n")
	for _, row := range w.Rows {
		of := slices.IndexFunc(w.Modes, func(m logMode) bool { return strings.HasPrefix(row.Name, m.Name+" ") })
		mode := w.Modes[of]
		b.WriteString(row.cost(mode.Name, strings.TrimPrefix(row.Name, mode.Name+" "), mode.Limit))
	}
	b.WriteString("\nThe ratios are medians of the rounds with their 95 % intervals. CPU is the server process's time for one request.\n")
	return b.String()
}
