package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"slices"
	"time"
)

// plan is how long and how often to measure.
type plan struct {
	restarts int           // pairs of processes
	rounds   int           // with each pair
	cycles   int           // of order within a round
	slice    time.Duration // about how long a server is under load at a time
}

// shorter is the plan for the many rows of what the change log costs, but for
// what the command line says.
func (p plan) shorter(flags *flag.FlagSet) plan {
	return p.over(plan{restarts: 3, rounds: 3, cycles: 3, slice: p.slice}, flags)
}

// forLane is the plan for the many rows of the fast lane, likewise.
func (p plan) forLane(flags *flag.FlagSet) plan {
	return p.over(plan{restarts: 2, rounds: 2, cycles: 1, slice: time.Second}, flags)
}

// over is the given plan but for what the command line says.
func (p plan) over(short plan, flags *flag.FlagSet) plan {
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "restarts":
			short.restarts = p.restarts
		case "rounds":
			short.rounds = p.rounds
		case "cycles":
			short.cycles = p.cycles
		case "slice":
			short.slice = p.slice
		}
	})
	return short
}

// sample is what one server did in one round.
type sample struct {
	ops  int
	wall time.Duration // under load
	cpu  time.Duration // including what it did after the last answer
}

// perSecond is the operations per second under load.
func (s sample) perSecond() float64 { return float64(s.ops) / s.wall.Seconds() }

// cpuPerOp is the processor time of an operation, in seconds.
func (s sample) cpuPerOp() float64 { return s.cpu.Seconds() / float64(s.ops) }

// outcome is all that was measured of one workload.
type outcome struct {
	workload  workload
	samples   [2][][]sample // of stock and ours, by pair of processes and round
	latencies [2][]time.Duration
	rss       [2]int // KB at the end, the most of all processes
}

// order is which server runs when within a cycle, so that what drifts evenly
// hits both alike. The slices are short against the machine's other business,
// the rounds long against what a server does at times, such as collecting
// garbage and storing its log.
var order = [4]int{0, 1, 1, 0}

// measure runs the workload against a pair of servers in turn. Both do the same
// number of operations, so that their data grows alike.
func (o *outcome) measure(ctx context.Context, p plan, servers [2]*server, f *fixture) error {
	w := o.workload
	var loads [2]load
	for i, s := range servers {
		l, err := w.openOn(ctx, s, f)
		if err != nil {
			return fmt.Errorf("%s on %s: %w", w.name, s.name, err)
		}
		loads[i] = l
		defer l.close()
	}
	ops, err := calibrate(ctx, p, loads)
	if err != nil {
		return fmt.Errorf("warm up %s: %w", w.name, err)
	}
	for i := range o.samples {
		o.samples[i] = append(o.samples[i], nil)
	}
	for range p.rounds {
		if err := o.round(ctx, p.cycles, ops, loads, servers); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	for i, s := range servers {
		rss, err := residentKB(s.pid)
		if err != nil {
			return err
		}
		o.rss[i] = max(o.rss[i], rss)
	}
	return nil
}

// calibrate warms both servers up and returns how many operations the faster
// one does in a slice.
func calibrate(ctx context.Context, p plan, loads [2]load) (int, error) {
	best := 0.0
	for range 3 {
		for _, l := range loads {
			warm, cancel := context.WithTimeout(ctx, max(p.slice, 200*time.Millisecond))
			began := time.Now()
			taken, err := l.run(warm, math.MaxInt32)
			cancel()
			if err != nil {
				return 0, err
			}
			best = math.Max(best, float64(len(taken))/time.Since(began).Seconds())
		}
	}
	return max(4, int(best*p.slice.Seconds())), ctx.Err()
}

func (o *outcome) round(ctx context.Context, cycles, ops int, loads [2]load, servers [2]*server) error {
	var before, after [2]time.Duration
	var got [2]sample
	if err := readCPU(servers, &before); err != nil {
		return err
	}
	for _, i := range slices.Repeat(order[:], cycles) {
		began := time.Now()
		taken, err := loads[i].run(ctx, ops)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("on %s: %w", servers[i].name, err)
		}
		got[i].wall += time.Since(began)
		got[i].ops += len(taken)
		o.latencies[i] = append(o.latencies[i], taken...)
	}
	if err := readCPU(servers, &after); err != nil {
		return err
	}
	for i := range got {
		got[i].cpu = after[i] - before[i]
		last := len(o.samples[i]) - 1
		o.samples[i][last] = append(o.samples[i][last], got[i])
	}
	return nil
}

func readCPU(servers [2]*server, into *[2]time.Duration) (err error) {
	for i, s := range servers {
		if into[i], err = cpuTime(s.pid); err != nil {
			return err
		}
	}
	return nil
}

// figures are those of one server.
func (o *outcome) figures(i int) figures { return newFigures(o.samples[i], o.latencies[i], o.rss[i]) }

// quantileOf sorts taken.
func quantileOf(taken []time.Duration, q float64) time.Duration {
	if len(taken) == 0 {
		return 0
	}
	slices.Sort(taken)
	return taken[min(len(taken)-1, int(q*float64(len(taken))))]
}

// cpuRatios is ours to stock of the processor time per operation, by pair of
// processes and round.
func (o *outcome) cpuRatios() [][]float64 {
	return byRound(o.samples[1], o.samples[0], func(ours, stock sample) float64 { return ours.cpuPerOp() / stock.cpuPerOp() })
}

// throughputRatios is ours to stock of the operations per second, likewise.
func (o *outcome) throughputRatios() [][]float64 {
	return byRound(o.samples[1], o.samples[0], func(ours, stock sample) float64 { return ours.perSecond() / stock.perSecond() })
}

// byRound is what of makes of two programs' samples of the same round, by pair of
// processes.
func byRound(ours, theirs [][]sample, of func(ours, theirs sample) float64) [][]float64 {
	result := make([][]float64, len(ours))
	for pair, rounds := range ours {
		for round, s := range rounds {
			result[pair] = append(result[pair], of(s, theirs[pair][round]))
		}
	}
	return result
}
