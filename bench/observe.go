package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// watchMode is how much the program tells of itself.
type watchMode struct {
	Name     string   `json:"name"`
	What     string   `json:"what"`
	Settings []string `json:"settings"`
	Limit    float64  `json:"limit"` // as of logMode
}

// watchModes are compared with the program without metrics. %s is the collector.
var watchModes = []watchMode{
	{"nothing", "without metrics, too: how far to trust this machine now", []string{"HOLDALL_METRICS=false"}, 0},
	{"metrics", "with metrics, without traces", nil, 0.03},
	{"1 %", "with metrics, and traces of 1 % of the requests", []string{"HOLDALL_TRACES_URL=%s", "HOLDALL_TRACES_RATIO=0.01"}, 0.03},
	{"all", "with metrics, and traces of all requests", []string{"HOLDALL_TRACES_URL=%s", "HOLDALL_TRACES_RATIO=1"}, 0},
}

// watchCost is the result of measuring what metrics and traces cost.
type watchCost struct {
	*report
	Modes []watchMode `json:"modes"`
}

// measureWatchCost compares the program in each mode with itself without metrics.
func measureWatchCost(ctx context.Context, c *contest) (*watchCost, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for traces: %w", err)
	}
	collector := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	defer collector.Close()
	go func() { _ = collector.Serve(listener) }()
	common := c.options.settings
	c.base = target{name: "stock", pkg: c.options.ours, environ: append(slices.Clone(common), "HOLDALL_METRICS=false")}
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.build(ctx, root); err != nil {
		return nil, err
	}
	cost := &watchCost{report: newReport(c.options.plan, c.options.orders, common, 0), Modes: watchModes}
	for _, mode := range watchModes {
		if c.workloads = c.chosen(watchedWorkloads(mode.Name)); len(c.workloads) == 0 {
			continue
		}
		fmt.Fprintf(c.out, "Mode: %s\n", mode.Name)
		c.options.settings = slices.Clone(common)
		for _, s := range mode.Settings {
			c.options.settings = append(c.options.settings, strings.ReplaceAll(s, "%s", "http://"+listener.Addr().String()))
		}
		if err := c.measureMode(ctx, cost.report, mode.Limit); err != nil {
			return nil, err
		}
	}
	return cost, nil
}

// watchedWorkloads are those of a mode, whose name theirs begin with.
func watchedWorkloads(mode string) []workload {
	var list []workload
	for _, w := range workloads() {
		if slices.Contains([]string{"health", "view", "list", "create", "update"}, w.name) {
			w.name = mode + ": " + w.name
			list = append(list, w)
		}
	}
	return list
}

// markdown is the result for people.
func (w *watchCost) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What metrics and traces cost\n\n"+
		"%s, %s, %d cores (%s), %s. %d work orders in %d organizations; %d connections. "+
		"For each mode %d pairs of processes, each with %d rounds of %d times without, with, with, without, with about %d ms each.\n\n",
		w.Date, w.System, w.Cores, w.CPU, w.Go, w.Orders, tenants, connections, w.Restarts, w.Rounds, w.Cycles, w.SliceMS)
	b.WriteString("`without` is the program with `HOLDALL_METRICS=false`, `with` the same program in the mode.\n\n")
	for _, mode := range w.Modes {
		fmt.Fprintf(&b, "- **%s**: %s.\n", mode.Name, mode.What)
	}
	b.WriteString("\n| mode | request | without, CPU µs | with, CPU µs | CPU ratio | limit | | ops/s ratio |\n|---|---|--:|--:|---|--:|---|---|\n")
	for _, row := range w.Rows {
		name, request, _ := strings.Cut(row.Name, ": ")
		of := slices.IndexFunc(w.Modes, func(m watchMode) bool { return m.Name == name })
		b.WriteString(row.cost(name, request, w.Modes[of].Limit))
	}
	b.WriteString("\nThe ratios are medians of the rounds with their 95 % intervals. CPU is the server process's time for one request.\n")
	return b.String()
}
