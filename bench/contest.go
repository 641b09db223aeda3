package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
)

// contest is a run of the benchmark.
type contest struct {
	options    options
	dir        string // for binaries and data
	fixtureDir string
	fixture    *fixture
	workloads  []workload
	base       target // what ours is compared with, a bare PocketBase unless it is set
	out        io.Writer
}

// chosen are the workloads that the command line asks for.
func (c *contest) chosen(all []workload) []workload {
	return slices.DeleteFunc(all, func(w workload) bool { return !c.options.only.MatchString(w.name) })
}

// targets are what is compared, in the order of all pairs here.
func (c *contest) targets() [2]target {
	base := target{name: "stock", pkg: barePackage}
	if c.base.pkg != "" {
		base = c.base
	}
	return [2]target{base, {name: "ours", pkg: c.options.ours, environ: c.options.settings}}
}

func (c *contest) binary(t target) string { return filepath.Join(c.dir, t.name) }

func (c *contest) build(ctx context.Context, root string) error {
	for _, t := range c.targets() {
		fmt.Fprintf(c.out, "Building %s\n", t.name)
		if err := t.build(ctx, root, c.binary(t)); err != nil {
			return err
		}
	}
	return nil
}

// run measures all workloads and reports them.
func (c *contest) run(ctx context.Context) (*report, error) {
	outcomes, err := c.measure(ctx)
	if err != nil {
		return nil, err
	}
	r := newReport(c.options.plan, c.options.orders, c.options.settings, c.options.tolerance)
	for _, o := range outcomes {
		r.add(o)
	}
	return r, nil
}

// measureMode adds the workloads to a report. They are judged by the limit, or only shown
// if that is 0.
func (c *contest) measureMode(ctx context.Context, r *report, limit float64) error {
	outcomes, err := c.measure(ctx)
	if err != nil {
		return err
	}
	r.Tolerance = limit
	for _, o := range outcomes {
		o.workload.business = limit == 0
		r.add(o)
	}
	return nil
}

// measure measures all workloads with one pair of processes after the other.
func (c *contest) measure(ctx context.Context) ([]*outcome, error) {
	var outcomes []*outcome
	for _, w := range c.workloads {
		outcomes = append(outcomes, &outcome{workload: w})
	}
	for restart := range c.options.plan.restarts {
		if err := c.pair(ctx, restart, outcomes); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// pair starts both programs on fresh data, measures and stops them.
func (c *contest) pair(ctx context.Context, restart int, outcomes []*outcome) (err error) {
	targets := c.targets()
	servers, stop, err := startAll(ctx, filepath.Join(c.dir, "data"), c.fixtureDir, c.binary, targets[:]...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, o := range outcomes {
		if err := o.measure(ctx, c.options.plan, [2]*server(servers), c.fixture); err != nil {
			return fmt.Errorf("measure %w", err)
		}
		ratio := bootstrap(o.cpuRatios()[restart:])
		fmt.Fprintf(c.out, "%d/%d  %-18s CPU/op x%.3f\n", restart+1, c.options.plan.restarts, o.workload.name, ratio.Median)
	}
	return nil
}
