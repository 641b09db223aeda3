package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// laneOptions are those of the benchmark of the fast lane.
type laneOptions struct {
	conns  []int
	grow   int // rows of the largest collection of the growth
	redraw bool
}

// parseConns reads a list of numbers of connections.
func parseConns(text string) ([]int, error) {
	var conns []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("-conns: want numbers from 1 to 1000 like 1,16,64, got %q", text)
		}
		conns = append(conns, n)
	}
	return conns, nil
}

// laneBase begins the names of the stored results.
const laneBase = "fastlane-"

// fastLane measures, or reads what was measured, and shows it.
func fastLane(ctx context.Context, o options, root, dir string, out io.Writer) error {
	results := filepath.Join(root, "bench", "results")
	if o.lane.redraw {
		r, err := storedLane(results, machineBase(laneBase))
		if err != nil {
			return err
		}
		return r.publish(root)
	}
	if whole := o.only.String() == "" && slices.Contains(o.lane.conns, 16) && slices.Contains(o.lane.conns, 64); o.write && !whole {
		return errors.New("-write stores a whole run: leave -only away, and have 16 and 64 among -conns")
	}
	r, err := runLane(ctx, o, root, dir, out)
	if err != nil {
		return err
	}
	unjudged := o
	unjudged.check = false
	if err := finish(unjudged, root, laneBase, r, out); err != nil {
		return err
	}
	if o.write {
		if err := r.publish(root); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("not everything could be measured: %s", strings.Join(r.Problems, "; "))
	}
	if short := r.over(); o.check && len(short) > 0 {
		return fmt.Errorf("short of what is asked for: %s", strings.Join(short, ", "))
	}
	return nil
}

// laneContest is a run of the benchmark of the fast lane.
type laneContest struct {
	options  options
	dir      string // for binaries and data
	out      io.Writer
	began    time.Time
	fixture  *laneFixture
	problems []string
	peaks    map[string]int // KB by program, while the matrix is measured
}

// laneSecondPair are the numbers of connections that are measured with each pair of
// processes, as something is asked for there. Others are with the first only.
var laneSecondPair = []int{16, 64}

// runLane measures everything that is chosen. What fails is reported, and the rest is
// measured all the same: the run takes long and nobody watches it.
func runLane(ctx context.Context, o options, root, dir string, out io.Writer) (*laneReport, error) {
	c := &laneContest{options: o, dir: dir, out: out, began: time.Now()}
	for _, program := range []string{programStock, programLane, programBare} {
		c.say("building %s", program)
		t := laneTarget(program)
		if err := os.MkdirAll(filepath.Dir(laneBinary(dir, t)), 0o700); err != nil {
			return nil, err
		}
		if err := t.build(ctx, root, laneBinary(dir, t)); err != nil {
			return nil, err
		}
	}
	c.say("filling a database with %d rows", everyday.Posts+3*everyday.Main+everyday.Gone)
	var err error
	if c.fixture, err = prepareLane(c.fixtureDir(), everyday); err != nil {
		return nil, err
	}
	r := newLaneReport(o)
	for _, stage := range []struct {
		name    string
		measure func(context.Context, *laneReport) error
	}{
		{"the programs", c.programs},
		{"the matrix", c.matrix},
		{"without a log of requests", c.unlogged},
		{"at a steady rate", c.offered},
		{"what is handed on", c.handedOn},
		{"memory", c.memory},
		{"the ceilings", c.ceilings},
		{"growth", c.growth},
	} {
		if err := stage.measure(ctx, r); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			c.problem(stage.name, err)
		}
	}
	r.Seconds = int(time.Since(c.began).Seconds())
	r.Problems = c.problems
	return r, nil
}

func (c *laneContest) fixtureDir() string { return filepath.Join(c.dir, "fixture") }

// say reports progress.
func (c *laneContest) say(format string, args ...any) {
	fmt.Fprintf(c.out, "%4.0fs  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// problem reports what could not be measured.
func (c *laneContest) problem(name string, err error) {
	text := fmt.Sprintf("%s: %v", name, err)
	c.problems = append(c.problems, text)
	c.say("FAILED %s", text)
}

// chosen tells whether the command line asks for something.
func (c *laneContest) chosen(name string) bool { return c.options.only.MatchString(name) }

// start runs the targets on copies of the fixture, until they have nothing to do. The
// function that it returns ends them and removes their data.
func (c *laneContest) start(ctx context.Context, fixtureDir string, targets ...target) (servers []*laneServer, stop func() error, err error) {
	dir, err := os.MkdirTemp(c.dir, "data-*")
	if err != nil {
		return nil, nil, err
	}
	started, stop, err := startAll(ctx, dir, fixtureDir, func(t target) string { return laneBinary(c.dir, t) }, targets...)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range started {
		if err := errors.Join(settle(ctx, s.pid), forgetPeak(s.pid)); err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		servers = append(servers, &laneServer{server: s, made: map[string]uint64{}})
	}
	return servers, stop, nil
}

// programsFor are those that a workload is measured with.
func programsFor(w laneWorkload) []string {
	if w.writes {
		return []string{programStock, programLane, programChanges}
	}
	return []string{programStock, programLane}
}

// matrix measures each workload with each number of connections.
func (c *laneContest) matrix(ctx context.Context, r *laneReport) error {
	var outcomes []*laneOutcome
	for _, w := range laneWorkloads() {
		for _, conns := range c.options.lane.conns {
			if c.chosen(w.name) {
				outcomes = append(outcomes, newLaneOutcome(w, conns, programsFor(w)...))
			}
		}
	}
	c.peaks = map[string]int{}
	defer func() { c.peaks = nil }()
	if err := c.run(ctx, outcomes, c.fixtureDir()); err != nil {
		return err
	}
	for _, o := range outcomes {
		r.addRow(&r.Rows, o)
	}
	for _, name := range []string{programStock, programLane, programChanges} {
		if kb := c.peaks[name]; kb > 0 {
			r.Peaks = append(r.Peaks, memoryPeak{Name: name, PeakMB: rounded(float64(kb) / 1024)})
		}
	}
	return nil
}

// run measures the outcomes with one pair of processes after the other.
func (c *laneContest) run(ctx context.Context, outcomes []*laneOutcome, fixtureDir string, programs ...string) error {
	if len(outcomes) == 0 {
		return nil
	}
	if len(programs) == 0 {
		programs = []string{programStock, programLane, programChanges}
	}
	failed := map[*laneOutcome]bool{}
	for pair := range c.options.plan.restarts {
		if err := c.pair(ctx, pair, outcomes, failed, fixtureDir, programs); err != nil {
			return err
		}
	}
	return nil
}

// crew are the running programs of a pair.
type crew struct {
	servers []*laneServer
	stop    func() error
}

// pair measures the outcomes with fresh processes on fresh data.
func (c *laneContest) pair(ctx context.Context, pair int, outcomes []*laneOutcome, failed map[*laneOutcome]bool, fixtureDir string, programs []string) (err error) {
	var running crew
	defer func() { err = errors.Join(err, running.end()) }()
	begin := func() error {
		if err := running.end(); err != nil {
			c.say("on with others, as one would not end: %v", err)
		}
		var targets []target
		for _, program := range programs {
			targets = append(targets, laneTarget(program))
		}
		var err error
		running.servers, running.stop, err = c.start(ctx, fixtureDir, targets...)
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	if len(outcomes) > 1 {
		defer func() { c.notePeaks(running.servers) }()
	}
	for i, o := range outcomes {
		if failed[o] || pair > 0 && !slices.Contains(laneSecondPair, o.conns) {
			continue
		}
		if problem := c.attempt(ctx, pair, o, &running, begin); problem != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failed[o] = true
			c.problem(fmt.Sprintf("%s with %d connections", o.workload.name, o.conns), problem)
			continue
		}
		c.say("%d/%d  %3d/%d  %-16s x%-3d %s", pair+1, c.options.plan.restarts, i+1, len(outcomes), o.workload.name, o.conns, o.glance())
	}
	return nil
}

// attempt measures an outcome, and once more with fresh processes if that fails, as one
// of them may be dead, or the machine stood still. Other answers than stock's are no
// accident.
func (c *laneContest) attempt(ctx context.Context, pair int, o *laneOutcome, running *crew, begin func() error) error {
	for try := 0; ; try++ {
		chosen := slices.DeleteFunc(slices.Clone(running.servers), func(s *laneServer) bool { return o.index(s.name) < 0 })
		problem := o.measure(ctx, c.options.plan, chosen, c.fixture)
		if problem == nil {
			return nil
		}
		o.forget(pair)
		if ctx.Err() == nil {
			problem = errors.Join(problem, begin())
		}
		if try > 0 || ctx.Err() != nil || errors.Is(problem, errOtherwise) || len(running.servers) == 0 {
			return problem
		}
		c.say("once more, after %v", problem)
	}
}

func (r *crew) end() error {
	stop := r.stop
	r.servers, r.stop = nil, nil
	if stop == nil {
		return nil
	}
	return stop()
}

// notePeaks keeps the most memory that a program has had in all pairs.
func (c *laneContest) notePeaks(servers []*laneServer) {
	if c.peaks == nil {
		return
	}
	for _, s := range servers {
		if kb, err := peakKB(s.pid); err == nil {
			c.peaks[s.name] = max(c.peaks[s.name], kb)
		}
	}
}

// glance is what a line of progress shows.
func (o *laneOutcome) glance() string {
	var parts []string
	for _, program := range o.programs[1:] {
		if ops, cpu := o.throughput(program, o.programs[0]), o.savedCPU(program, o.programs[0]); ops != nil {
			parts = append(parts, fmt.Sprintf("%s: ops/s ×%.2f, CPU ÷%.2f", program, ops.Median, cpu.Median))
		}
	}
	return strings.Join(parts, "   ")
}
