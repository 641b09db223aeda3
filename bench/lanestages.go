package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// unlogged measures some workloads with the log of requests switched off in both.
func (c *laneContest) unlogged(ctx context.Context, r *laneReport) error {
	var outcomes []*laneOutcome
	for _, w := range laneWorkloads() {
		if w.unlogged && c.chosen("unlogged "+w.name) {
			outcomes = append(outcomes, newLaneOutcome(w, 16, programsFor(w)...))
		}
	}
	if len(outcomes) == 0 {
		return nil
	}
	dir := filepath.Join(c.dir, "unlogged")
	defer os.RemoveAll(dir)
	if err := copyTo(dir, c.fixtureDir()); err != nil {
		return err
	}
	if err := switchLogOff(dir); err != nil {
		return err
	}
	if err := c.run(ctx, outcomes, dir); err != nil {
		return err
	}
	for _, o := range outcomes {
		r.addRow(&r.Unlogged, o)
	}
	return nil
}

const (
	steadyRounds = 5
	steadyTime   = time.Second
	steadyConns  = 64
	// steadyShare of what stock can do is what both are asked for.
	steadyShare = 0.7
)

// offered measures how long requests take that come at a steady rate, which the
// slower program keeps up with, whatever becomes of the earlier ones.
func (c *laneContest) offered(ctx context.Context, r *laneReport) (err error) {
	var chosen []laneWorkload
	for _, w := range laneWorkloads() {
		if w.steady && c.chosen("steady "+w.name) {
			chosen = append(chosen, w)
		}
	}
	if len(chosen) == 0 {
		return nil
	}
	names := []string{programStock, programLane, programChanges}
	servers, stop, err := c.start(ctx, c.fixtureDir(), laneTarget(names[0]), laneTarget(names[1]), laneTarget(names[2]))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, w := range chosen {
		row := offeredRow{Name: w.name, What: w.what, Conns: steadyConns, Programs: map[string]*steadyFigures{}}
		for _, name := range programsFor(w) {
			row.Programs[name] = &steadyFigures{}
		}
		if err := c.offer(ctx, w, &row, servers[:len(row.Programs)]); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.problem("steady "+w.name, err)
			continue
		}
		r.Offered = append(r.Offered, row)
		c.say("steady %-16s %6.0f/s  p99 stock %.1f ms, lane %.1f ms", w.name, row.Rate, row.Programs[programStock].P99MS, row.Programs[programLane].P99MS)
	}
	return nil
}

// offer finds the rate and gives it to each server in turn.
func (c *laneContest) offer(ctx context.Context, w laneWorkload, row *offeredRow, servers []*laneServer) (err error) {
	wires := make([]*wire, len(servers))
	for i, s := range servers {
		if wires[i], err = openWire(s.address, steadyConns, w.request(c.fixture)); err != nil {
			return err
		}
		defer wires[i].close()
		wires[i].made = s.made[w.name]
		if _, _, err := wires[i].closed(300 * time.Millisecond); err != nil {
			return fmt.Errorf("warm up %s: %w", s.name, err)
		}
	}
	taken, wall, err := wires[0].closed(time.Second)
	if err != nil {
		return err
	}
	row.Rate = rounded(steadyShare * float64(len(taken)) / wall.Seconds())
	rounds := make([]steadyRounding, len(servers))
	turns := make([]int, 0, len(servers))
	for i := range servers {
		turns = append(turns, i)
	}
	for round := range steadyRounds {
		slices.Reverse(turns)
		for _, i := range turns {
			s := servers[i]
			if _, _, err := wires[i].offered(row.Rate, leadIn); err != nil {
				return err
			}
			before, err := cpuTime(s.pid)
			if err != nil {
				return err
			}
			taken, _, err := wires[i].offered(row.Rate, steadyTime)
			if err = errors.Join(err, ctx.Err()); err != nil {
				return fmt.Errorf("on %s in round %d: %w", s.name, round+1, err)
			}
			after, err := cpuTime(s.pid)
			if err != nil {
				return err
			}
			rounds[i].add(taken, after-before)
			s.made[w.name] = wires[i].made
		}
	}
	for i, s := range servers {
		*row.Programs[s.name] = rounds[i].figures()
		if i > 0 {
			row.Programs[s.name].P99Share = rounds[i].share(rounds[0])
		}
	}
	return nil
}

// steadyRounding is what a program did at a steady rate, by round: one in which the
// machine had something else to do says little of the program.
type steadyRounding struct{ p50, p99, longest, cpu []float64 }

func (r *steadyRounding) add(taken []time.Duration, cpu time.Duration) {
	r.p50, r.p99 = append(r.p50, milliseconds(quantileOf(taken, 0.5))), append(r.p99, milliseconds(quantileOf(taken, 0.99)))
	r.longest = append(r.longest, milliseconds(quantileOf(taken, 1)))
	r.cpu = append(r.cpu, cpu.Seconds()*1e6/float64(len(taken)))
}

func (r *steadyRounding) figures() steadyFigures {
	return steadyFigures{P50MS: median(r.p50), P99MS: median(r.p99), LongestMS: median(r.longest), CPUMicros: rounded(median(r.cpu)), P99ByRound: r.p99}
}

// share is that of the slowest requests of base, round by round.
func (r *steadyRounding) share(base steadyRounding) *estimate {
	var shares []float64
	for i := range r.p99 {
		shares = append(shares, r.p99[i]/base.p99[i])
	}
	e := bootstrap([][]float64{shares})
	return &e
}

// handedOn measures what the lane costs a request that it leaves to PocketBase, beside
// the same program without the lane.
func (c *laneContest) handedOn(ctx context.Context, r *laneReport) error {
	if !c.chosen("handed on") {
		return nil
	}
	o := newLaneOutcome(handedOn(), 16, programStock, programEngine, programLane)
	// a difference of 2 % needs more samples than one of five times
	patient := *c
	patient.options.plan.rounds *= 4
	if err := patient.run(ctx, []*laneOutcome{o}, c.fixtureDir(), o.programs...); err != nil {
		return err
	}
	c.problems = patient.problems
	r.Handed = newHandedRow(o)
	return nil
}

// memorySettings are those of the runtime that are compared.
var memorySettings = []memorySetting{
	{Program: programStock},
	{Program: programLane},
	{Program: programLane, Environ: []string{"GOGC=200"}},
	{Program: programLane, Environ: []string{"GOGC=400"}},
	{Program: programLane, Environ: []string{"GOGC=400", "GOMEMLIMIT=64MiB"}},
	{Program: programLane, Environ: []string{"BENCH_MMAP=268435456"}},
	{Program: programChanges},
}

// memory measures settings of the garbage collector and of the connections to the
// database, and what they take.
func (c *laneContest) memory(ctx context.Context, r *laneReport) (err error) {
	var outcomes []*laneOutcome
	var targets []target
	var names []string
	for _, s := range memorySettings {
		t := laneTarget(s.Program, s.Environ...)
		t.name = s.String()
		targets, names = append(targets, t), append(names, t.name)
	}
	for _, conns := range laneSecondPair {
		for _, w := range laneWorkloads() {
			if w.settings && slices.Contains(c.options.lane.conns, conns) && c.chosen("memory "+w.name) {
				outcomes = append(outcomes, newLaneOutcome(w, conns, names...))
			}
		}
	}
	if len(outcomes) == 0 {
		return nil
	}
	servers, stop, err := c.start(ctx, c.fixtureDir(), targets...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, o := range outcomes {
		if err := o.measure(ctx, c.options.plan, servers, c.fixture); err != nil {
			return fmt.Errorf("memory %s: %w", o.workload.name, err)
		}
		own := map[string]float64{}
		for i, s := range servers {
			kb, err := ownKB(s.pid)
			if err != nil {
				return err
			}
			own[names[i]] = rounded(float64(kb) / 1024)
		}
		r.addMemory(o, own)
		c.say("memory %-16s x%-3d %s", o.workload.name, o.conns, r.memoryGlance())
	}
	return nil
}

// starts is how often a program is started.
const starts = 7

// programs measures what the programs take before anybody asks them something.
func (c *laneContest) programs(ctx context.Context, r *laneReport) error {
	if !c.chosen("programs") {
		return nil
	}
	names := []string{programStock, programEngine, programLane, programChanges}
	dir := filepath.Join(c.dir, "started")
	defer os.RemoveAll(dir)
	rows := make([]programRow, len(names))
	times, idle := make([][]float64, len(names)), make([][]float64, len(names))
	for round := range starts + 1 {
		for i, name := range names {
			t := laneTarget(name)
			data := filepath.Join(dir, name)
			if round == 0 { // the first start brings the database up to date
				if err := copyTo(data, c.fixtureDir()); err != nil {
					return err
				}
			}
			took, kb, err := c.startOnce(ctx, t, data)
			if err != nil {
				return fmt.Errorf("start %s: %w", name, err)
			}
			if round > 0 {
				times[i], idle[i] = append(times[i], milliseconds(took)), append(idle[i], float64(kb)/1024)
			}
		}
	}
	for i, name := range names {
		info, err := os.Stat(laneBinary(c.dir, laneTarget(name)))
		if err != nil {
			return err
		}
		rows[i] = programRow{Name: name, BinaryMB: rounded(float64(info.Size()) / (1 << 20)), StartMS: rounded(median(times[i])), IdleMB: rounded(median(idle[i]))}
		c.say("%-8s starts in %.0f ms, takes %.1f MB when idle, %.1f MB on disk", name, rows[i].StartMS, rows[i].IdleMB, rows[i].BinaryMB)
	}
	r.Programs = rows
	return nil
}

// startOnce starts a program and returns how long it took to the first answer, and the
// memory that it has when it has nothing left to do, in KB.
func (c *laneContest) startOnce(ctx context.Context, t target, data string) (took time.Duration, kb int, err error) {
	address, err := freeAddress()
	if err != nil {
		return 0, 0, err
	}
	command := exec.CommandContext(ctx, laneBinary(c.dir, t), "serve", "--dev=false", "--http", address, "--dir", data)
	command.Env = append([]string{"HOME=" + data}, t.environ...)
	began := time.Now()
	if err := command.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait() // it says that it was told to
	}()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !answers(ctx, address) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
		if time.Since(began) > startTimeout {
			return 0, 0, fmt.Errorf("no answer within %s", startTimeout)
		}
	}
	took = time.Since(began)
	if err := settle(ctx, command.Process.Pid); err != nil {
		return 0, 0, err
	}
	kb, err = residentKB(command.Process.Pid)
	return took, kb, err
}

// settle waits until the process does next to nothing, as some go on with what they do
// at the start when they answer already.
func settle(ctx context.Context, pid int) error {
	const (
		look   = 200 * time.Millisecond
		little = look / 20
		most   = 100 // looks
	)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	last := time.Duration(0)
	for range most {
		used, err := cpuTime(pid)
		if err != nil || last > 0 && used-last < little {
			return err
		}
		last = used
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil // it is a busy one
}

func answers(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/health", nil)
	if err != nil {
		return false
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

// growing are the workloads of the growth.
var growing = []string{"view", "list", "list totals"}

// growth measures readings of a collection that grows tenfold at a time.
func (c *laneContest) growth(ctx context.Context, r *laneReport) error {
	var chosen []laneWorkload
	for _, w := range laneWorkloads() {
		if slices.Contains(growing, w.name) && c.chosen("growth "+w.name) {
			chosen = append(chosen, w)
		}
	}
	for rows := 1000; rows <= c.options.lane.grow && len(chosen) > 0; rows *= 10 {
		if err := c.grown(ctx, r, rows, chosen); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.problem(fmt.Sprintf("growth to %d rows", rows), err)
		}
	}
	return nil
}

func (c *laneContest) grown(ctx context.Context, r *laneReport, rows int, workloads []laneWorkload) (err error) {
	dir := filepath.Join(c.dir, "grown")
	defer os.RemoveAll(dir)
	f, err := prepareLane(dir, laneRows{Posts: rows, Main: 1000, Written: 10, Gone: 10, Users: 1000})
	if err != nil {
		return err
	}
	servers, stop, err := c.start(ctx, dir, laneTarget(programStock), laneTarget(programLane))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, w := range workloads {
		o := newLaneOutcome(w, 16, programStock, programLane)
		if err := o.measure(ctx, c.options.plan, servers, f); err != nil {
			return fmt.Errorf("%s of %d rows: %w", w.name, rows, err)
		}
		r.Growth = append(r.Growth, growthRow{Name: w.name, Rows: rows, Stock: o.figures(programStock), Lane: o.figures(programLane)})
		c.say("growth %-16s %8d rows  %s", w.name, rows, o.glance())
	}
	return nil
}

// ceilings measures what no program on net/http and SQLite can pass.
func (c *laneContest) ceilings(ctx context.Context, r *laneReport) error {
	if !c.chosen("ceilings") {
		return nil
	}
	if err := c.bareHTTP(ctx, r); err != nil {
		return err
	}
	rows, err := measureSQLite(ctx, c.fixtureDir(), filepath.Join(c.dir, "raw"), everyday.Posts, c.options.plan.slice*8)
	if err != nil {
		return fmt.Errorf("raw SQLite: %w", err)
	}
	for _, row := range rows {
		c.say("ceiling %-44s %9.0f/s  CPU %.1f µs", row.Name, row.OpsPerSecond, row.CPUMicros)
	}
	r.Ceilings = append(r.Ceilings, rows...)
	return nil
}

// bareHTTP measures net/http with answers as long as those of health, view and list.
func (c *laneContest) bareHTTP(ctx context.Context, r *laneReport) (err error) {
	empty := filepath.Join(c.dir, "empty")
	if err := os.MkdirAll(empty, 0o700); err != nil {
		return err
	}
	servers, stop, err := c.start(ctx, empty, laneTarget(programBare))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, name := range []string{"health", "view", "list"} {
		size := r.answerSize(name)
		w := laneWorkload{name: fmt.Sprintf("net/http, %d bytes as of %s", size, name), request: func(*laneFixture) appendRequest {
			return stencil(encode("GET", fmt.Sprintf("/%d", size), "", nil))
		}}
		for _, conns := range c.options.lane.conns {
			o := newLaneOutcome(w, conns, programBare)
			if err := o.measure(ctx, c.options.plan, servers, c.fixture); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			f := o.figures(programBare)
			r.Ceilings = append(r.Ceilings, ceilingRow{Name: w.name, Conns: conns, OpsPerSecond: f.OpsPerSecond, CPUMicros: f.CPUMicros, P50MS: f.P50MS, P99MS: f.P99MS})
			c.say("ceiling %-44s x%-3d %6.0f/s  CPU %.1f µs", w.name, conns, f.OpsPerSecond, f.CPUMicros)
		}
	}
	return nil
}

// switchLogOff stores in the settings of a data directory that requests are not logged.
func switchLogOff(dir string) error {
	return withApp(dir, func(app core.App) error {
		app.Settings().Logs.MaxDays = 0
		return app.Save(app.Settings())
	})
}
