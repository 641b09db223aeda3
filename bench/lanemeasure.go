package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// laneServer is a running program of the benchmark of the fast lane.
type laneServer struct {
	*server
	made map[string]uint64 // requests so far by workload, as a row is deleted once
}

// The programs, by the names that they have in the results.
const (
	programStock   = "stock"
	programEngine  = "engine"
	programLane    = "lane"
	programChanges = "changes"
	programBare    = "bare"
)

// laneTarget is a program. environ is for the runtime.
func laneTarget(program string, environ ...string) target {
	switch program {
	case programStock:
		return target{name: program, pkg: "./bench/lane/stock", environ: environ}
	case programBare:
		return target{name: program, pkg: "./bench/lane/bare", environ: environ}
	default:
		return target{name: program, pkg: "./bench/lane", environ: append(environ, "BENCH_LANE="+program)}
	}
}

// laneBinary is where the program is built to. Those with a lane are one.
func laneBinary(dir string, t target) string {
	return filepath.Join(dir, "bin", filepath.Base(t.pkg))
}

// laneOutcome is what was measured of a workload with some connections.
type laneOutcome struct {
	workload  laneWorkload
	conns     int
	programs  []string
	samples   [][][]sample      // by program, pair of processes and round
	latencies [][]time.Duration // by program
	rss       []int             // KB at the end, the most of all processes
	size      int               // of an answer, in bytes
}

func newLaneOutcome(w laneWorkload, conns int, programs ...string) *laneOutcome {
	n := len(programs)
	return &laneOutcome{workload: w, conns: conns, programs: programs, samples: make([][][]sample, n), latencies: make([][]time.Duration, n), rss: make([]int, n)}
}

// errOtherwise is of a program that does not answer as stock does.
var errOtherwise = errors.New("it answers otherwise than stock")

// answersKept is how many requests there are to one whose answer is kept. It is prime
// so that each kind of request in a mix comes up.
const answersKept = 37

// measure runs the workload against the servers in turn, the first of which is the
// one whose answers are right.
func (o *laneOutcome) measure(ctx context.Context, p plan, servers []*laneServer, f *laneFixture) (err error) {
	wires := make([]*wire, len(servers))
	defer func() {
		for i, w := range wires {
			if w != nil {
				servers[i].made[o.workload.name] = w.made
				err = errors.Join(err, w.close())
			}
		}
	}()
	settleDisk()
	for i, s := range servers {
		if wires[i], err = openWire(s.address, o.conns, o.workload.request(f)); err != nil {
			return err
		}
		wires[i].made = s.made[o.workload.name]
		if _, _, err := wires[i].closed(max(p.slice, 100*time.Millisecond)); err != nil {
			return fmt.Errorf("warm up %s: %w", s.name, err)
		}
		wires[i].keepEvery = answersKept
		o.samples[i] = append(o.samples[i], nil)
	}
	for number := range p.rounds {
		if err := o.round(ctx, p, number, wires, servers); err != nil {
			return err
		}
	}
	for i, s := range servers {
		rss, err := residentKB(s.pid)
		if err != nil {
			return err
		}
		o.rss[i] = max(o.rss[i], rss)
		if len(wires[i].kept) > 0 {
			o.size = len(wires[i].kept[0].body)
		}
		if err := compareKept(servers[0].address, o.workload, f, wires[i].kept); err != nil {
			return fmt.Errorf("%s: %w: %w", s.name, errOtherwise, err)
		}
	}
	return nil
}

// leadIn is how long a server is under load before what it does is counted. Programs put
// off what can wait: the lane writes its log of requests once a second. A turn of a second
// has one of these batches in it, of a second's rows, if it begins when one is over.
const leadIn = 700 * time.Millisecond

// round gives each server its turns, every second time in the other order, so that what
// drifts evenly hits all alike.
func (o *laneOutcome) round(ctx context.Context, p plan, number int, wires []*wire, servers []*laneServer) error {
	turns := make([]int, 0, len(servers))
	for i := range servers {
		turns = append(turns, i)
	}
	got := make([]sample, len(servers))
	for cycle := range p.cycles {
		if (number+cycle)%2 == 1 {
			slices.Reverse(turns)
		}
		for _, i := range turns {
			taken, s, err := o.turn(p.slice, wires[i], servers[i])
			if err = errors.Join(err, ctx.Err()); err != nil {
				return fmt.Errorf("on %s: %w", servers[i].name, err)
			}
			got[i] = sample{ops: got[i].ops + s.ops, wall: got[i].wall + s.wall, cpu: got[i].cpu + s.cpu}
			o.latencies[i] = append(o.latencies[i], taken...)
		}
	}
	for i := range got {
		last := len(o.samples[i]) - 1
		o.samples[i][last] = append(o.samples[i][last], got[i])
	}
	return nil
}

// turn is one server's.
func (o *laneOutcome) turn(slice time.Duration, w *wire, s *laneServer) (taken []time.Duration, got sample, err error) {
	if _, _, err := w.closed(leadIn); err != nil {
		return nil, got, err
	}
	before, err := cpuTime(s.pid)
	if err != nil {
		return nil, got, err
	}
	taken, got.wall, err = w.closed(slice)
	if err != nil {
		return nil, got, err
	}
	after, err := cpuTime(s.pid)
	got.cpu, got.ops = after-before, len(taken)*o.workload.perRequest()
	return taken, got, err
}

// forget drops the last pair's samples of all programs, after one of them has failed.
func (o *laneOutcome) forget(pairs int) {
	for i := range o.samples {
		o.samples[i] = o.samples[i][:min(pairs, len(o.samples[i]))]
	}
}

// index of a program, or -1.
func (o *laneOutcome) index(program string) int { return slices.Index(o.programs, program) }

// figures are those of a program, nil if there are none.
func (o *laneOutcome) figures(program string) *figures {
	i := o.index(program)
	if i < 0 || len(o.samples[i]) == 0 {
		return nil
	}
	f := newFigures(o.samples[i], o.latencies[i], o.rss[i])
	return &f
}

// throughput is how many times base's operations a second program reaches.
func (o *laneOutcome) throughput(program, base string) *estimate {
	return o.ratio(program, base, func(ours, theirs sample) float64 { return ours.perSecond() / theirs.perSecond() })
}

// savedCPU is how many times program's processor time an operation costs base.
func (o *laneOutcome) savedCPU(program, base string) *estimate {
	return o.ratio(program, base, func(ours, theirs sample) float64 { return theirs.cpuPerOp() / ours.cpuPerOp() })
}

// ratio estimates what of makes of two samples of the same round.
func (o *laneOutcome) ratio(program, base string, of func(ours, theirs sample) float64) *estimate {
	i, j := o.index(program), o.index(base)
	if i < 0 || j < 0 || len(o.samples[i]) == 0 || len(o.samples[i]) != len(o.samples[j]) {
		return nil
	}
	e := bootstrap(byRound(o.samples[i], o.samples[j], of))
	return &e
}
