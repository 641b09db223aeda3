package main

import (
	"fmt"
	"slices"
	"strings"
)

// laneBuilder writes Markdown.
type laneBuilder struct{ strings.Builder }

func (b *laneBuilder) line(format string, args ...any) {
	fmt.Fprintf(b, format+"\n", args...)
}

// times shows a ratio with its interval.
func times(e *estimate) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", e.Median, e.Low, e.High)
}

// brief shows a ratio.
func brief(e *estimate) string {
	switch {
	case e == nil:
		return ""
	case e.Median < 9.95:
		return fmt.Sprintf("%.1f", e.Median)
	default:
		return fmt.Sprintf("%.0f", e.Median)
	}
}

// thousands shows a large number.
func thousands(value float64) string {
	text := fmt.Sprintf("%.0f", value)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// provenance says where the figures come from.
func (r *laneReport) provenance() string {
	return fmt.Sprintf("%s, %s, %d cores (%s) that server and load generator share, %s, PocketBase %s, loopback, keep-alive, %s rows a collection, "+
		"requests logged. Medians of %d rounds in %d pairs of processes that took turns of %d ms, each after %d ms that do not count, with 95 %% intervals.",
		r.Date, r.System, r.Cores, r.CPU, r.Go, r.PocketBase, thousands(float64(r.Data.Main)), r.Pairs*r.Rounds, r.Pairs, r.SliceMS, leadIn.Milliseconds())
}

// markdown is the whole report.
func (r *laneReport) markdown() string {
	b := &laneBuilder{}
	b.line("# PocketBase with the fast lane beside PocketBase\n\n%s The run took %d s.\n", r.provenance(), r.Seconds)
	b.line("`stock` is PocketBase and nothing else, `engine` has `internal/sqlite` besides, `lane` the fast lane, too, `changes` also the change log.")
	b.line("Ratios are above 1 where the lane is better: × is operations per second, ÷ is processor time of the server for an operation.\n")
	r.allRows(b, r.Rows)
	if len(r.Unlogged) > 0 {
		b.line("\n## Without a log of requests, in both\n")
		r.allRows(b, r.Unlogged)
	}
	r.sections(b)
	if len(r.Problems) > 0 {
		b.line("\n## What could not be measured\n")
		for _, problem := range r.Problems {
			b.line("- %s", strings.ReplaceAll(problem, "\n", " "))
		}
	}
	return strings.ReplaceAll(b.String(), "](images/", "](../../docs/images/") // as seen from where it is stored
}

func (r *laneReport) allRows(b *laneBuilder, rows []laneRow) {
	b.line("| workload | connections | program | ops/s | p50 ms | p99 ms | CPU µs/op | RSS MiB | × ops/s | ÷ CPU | asked |\n|---|--:|---|--:|--:|--:|--:|--:|---|---|--:|")
	for _, row := range rows {
		for _, p := range []struct {
			name     string
			figures  *figures
			ops, cpu *estimate
		}{{programStock, row.Stock, nil, nil}, {programLane, row.Lane, row.LaneOps, row.LaneCPU}, {programChanges, row.Changes, row.ChangesOps, row.ChangesCPU}} {
			if p.figures == nil {
				continue
			}
			asked := ""
			if p.ops != nil && p.ops == row.judged() && row.Must > 0 {
				asked = fmt.Sprintf("%g", row.Must)
			}
			f := p.figures
			b.line("| %s | %d | %s | %.0f | %.3f | %.3f | %.1f | %.1f | %s | %s | %s |", row.Name, row.Conns, p.name, f.OpsPerSecond, f.P50MS, f.P99MS, f.CPUMicros, f.RSSMB,
				times(p.ops), times(p.cpu), asked)
		}
	}
}

// page is what docs/performance.md shows.
func (r *laneReport) page() string {
	b := &laneBuilder{}
	b.line("%s\n", r.provenance())
	b.line("![How many times PocketBase's operations per second the lane reaches, by workload](images/performance-throughput.svg)\n")
	b.line("| request | | PocketBase/s | fast lane/s | × | ÷ CPU | × with 64 | with the change log × |\n|---|---|--:|--:|--:|--:|--:|--:|")
	for _, row := range r.Rows {
		if row.Conns != 16 || row.Lane == nil {
			continue
		}
		b.line("| %s | %s | %s | %s | %s | %s | %s | %s |", row.Name, row.What, thousands(row.Stock.OpsPerSecond), thousands(row.Lane.OpsPerSecond),
			brief(row.LaneOps), brief(row.LaneCPU), brief(r.with(row.Name, 64).LaneOps), brief(row.ChangesOps))
	}
	b.line("\nWith 16 connections, or 64 where it says so. ÷ CPU is how many times less processor time the server takes for one.")
	if len(r.Unlogged) > 0 {
		var parts []string
		for _, row := range r.Unlogged {
			parts = append(parts, fmt.Sprintf("%s %s (÷ CPU %s)", row.Name, brief(row.LaneOps), brief(row.LaneCPU)))
		}
		b.line("With the log of requests switched off in both: %s.", strings.Join(parts, ", "))
	}
	r.sections(b)
	b.line("")
	return b.String()
}

// sections are what the page shows besides the workloads, and the whole report, too.
func (r *laneReport) sections(b *laneBuilder) {
	r.steadySection(b)
	r.handedSection(b)
	r.programSection(b)
	r.memorySection(b)
	r.growthSection(b)
	r.ceilingSection(b)
}

// with is the row of a workload with so many connections, or one without figures.
func (r *laneReport) with(name string, conns int) laneRow {
	for _, row := range r.Rows {
		if row.Name == name && row.Conns == conns {
			return row
		}
	}
	return laneRow{}
}

func (r *laneReport) steadySection(b *laneBuilder) {
	if len(r.Offered) == 0 {
		return
	}
	b.line("\n### How long requests take under load\n")
	b.line("Both programs get the same number of requests a second, %.0f %% of what PocketBase can do, over %d connections. Times count from when a request was due, so a", 100*steadyShare, steadyConns)
	b.line("server that stands still pays for all that come meanwhile. Medians of %d rounds of %s.\n", steadyRounds, steadyTime)
	b.line("![The slowest of a hundred requests at the same rate, by workload](images/performance-latency.svg)\n")
	b.line("| request | requests/s | program | p50 ms | p99 ms | longest, ms | CPU µs | p99, share of PocketBase's |\n|---|--:|---|--:|--:|--:|--:|---|")
	for _, row := range r.Offered {
		for _, name := range []string{programStock, programLane, programChanges} {
			if f := row.Programs[name]; f != nil {
				b.line("| %s | %s | %s | %.2f | %.2f | %.2f | %.0f | %s |", row.Name, thousands(row.Rate), name, f.P50MS, f.P99MS, f.LongestMS, f.CPUMicros, times(f.P99Share))
			}
		}
	}
}

func (r *laneReport) handedSection(b *laneBuilder) {
	if r.Handed == nil {
		return
	}
	h := r.Handed
	b.line("\n### What is handed on\n")
	b.line("Processor time for %s:\n", h.What)
	b.line("| program | µs | of PocketBase's | of engine's |\n|---|--:|---|---|")
	b.line("| %s | %.1f | | |", programStock, h.Stock.CPUMicros)
	b.line("| %s | %.1f | | |", programEngine, h.Engine.CPUMicros)
	b.line("| %s | %.1f | %s | %s |", programLane, h.Lane.CPUMicros, h.ToStock, h.ToEngine)
	b.line("\n`engine` has the connections that keep their statements and no lane, so the last column is what the lane itself adds or saves.")
}

func (r *laneReport) programSection(b *laneBuilder) {
	if len(r.Programs) == 0 {
		return
	}
	b.line("\n### The programs\n")
	b.line("| program | file, MiB | start to first answer, ms | memory when idle, MiB |\n|---|--:|--:|--:|")
	for _, p := range r.Programs {
		b.line("| %s | %.1f | %.0f | %.1f |", p.Name, p.BinaryMB, p.StartMS, p.IdleMB)
	}
	b.line("\n`stock` is PocketBase and nothing else, `engine` has the connections that keep their statements, `lane` the fast lane, too, `changes` also the change log.")
}

func (r *laneReport) memorySection(b *laneBuilder) {
	if len(r.Memory) == 0 {
		return
	}
	b.line("\n### Memory, and settings\n")
	if len(r.Peaks) > 0 {
		var parts []string
		for _, p := range r.Peaks {
			parts = append(parts, fmt.Sprintf("%s %.0f MiB", p.Name, p.PeakMB))
		}
		b.line("While all the workloads were measured, the programs took at most: %s.\n", strings.Join(parts, ", "))
	}
	b.line("Processor time in µs for an operation, and how many times less that is than without the setting. Memory is the most after one of the workloads, without mapped files.")
	for _, conns := range laneSecondPair {
		r.memoryTable(b, conns)
	}
}

func (r *laneReport) memoryTable(b *laneBuilder, conns int) {
	rows := slices.DeleteFunc(slices.Clone(r.Memory), func(row memoryRow) bool { return row.Conns != conns || row.Figures == nil })
	if len(rows) == 0 {
		return
	}
	loads := laneLoads(rows)
	b.line("\n| with %d connections | %s | memory, MiB |", conns, strings.Join(loads, " | "))
	b.line("|---|%s--:|", strings.Repeat("--:|", len(loads)))
	for _, s := range memorySettings {
		var cells []string
		most := 0.0
		for _, row := range rows {
			if row.Name != s.String() {
				continue
			}
			text := fmt.Sprintf("%.0f", row.Figures.CPUMicros)
			if row.CPU != nil {
				text += fmt.Sprintf(" (÷ %.2f)", row.CPU.Median)
			}
			cells, most = append(cells, text), max(most, row.OwnMB)
		}
		b.line("| %s | %s | %.0f |", s.label(), strings.Join(cells, " | "), most)
	}
}

// laneLoads are the workloads of the rows, in their order.
func laneLoads(rows []memoryRow) []string {
	var loads []string
	for _, row := range rows {
		if len(loads) == 0 || loads[len(loads)-1] != row.Load {
			loads = append(loads, row.Load)
		}
	}
	return loads
}

// label names the setting for people.
func (s memorySetting) label() string {
	text := strings.ReplaceAll(strings.Join(s.Environ, " "), "BENCH_MMAP=268435456", "256 MiB of the database mapped")
	if text == "" {
		return s.Program
	}
	return s.Program + ", " + text
}

func (r *laneReport) growthSection(b *laneBuilder) {
	if len(r.Growth) == 0 {
		return
	}
	b.line("\n### When a collection grows\n")
	b.line("![Processor time for a request, by rows of the collection](images/performance-growth.svg)\n")
	b.line("| request | rows | PocketBase, CPU µs | fast lane, CPU µs | ÷ |\n|---|--:|--:|--:|--:|")
	for _, row := range r.Growth {
		if row.Stock != nil && row.Lane != nil {
			b.line("| %s | %s | %.0f | %.0f | %.1f |", row.Name, thousands(float64(row.Rows)), row.Stock.CPUMicros, row.Lane.CPUMicros, row.Stock.CPUMicros/row.Lane.CPUMicros)
		}
	}
}

func (r *laneReport) ceilingSection(b *laneBuilder) {
	if len(r.Ceilings) == 0 {
		return
	}
	b.line("\n### Ceilings, in the same run\n")
	b.line("`net/http` answers with constant bytes; SQLite's statements run without a server by database/sql on the same driver, readings on two goroutines, writes on one.\n")
	b.line("| | connections | a second | CPU µs |\n|---|--:|--:|--:|")
	for _, row := range r.Ceilings {
		conns := ""
		if row.Conns > 0 {
			conns = fmt.Sprint(row.Conns)
		}
		b.line("| %s | %s | %s | %.1f |", row.Name, conns, thousands(row.OpsPerSecond), row.CPUMicros)
	}
}
