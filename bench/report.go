package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is the result of a run, as it is stored.
type report struct {
	Date      string  `json:"date"`
	Cores     int     `json:"cores"`
	CPU       string  `json:"cpu"`
	System    string  `json:"system"`
	Go        string  `json:"go"`
	Restarts  int     `json:"restarts"`
	Rounds    int     `json:"rounds"`
	Cycles    int     `json:"cycles"`
	SliceMS   int64   `json:"sliceMs"`
	Orders    int     `json:"workOrders"`
	Settings  string  `json:"settings"` // environment of ours
	Tolerance float64 `json:"tolerance"`
	Rows      []row   `json:"workloads"`
}

// row is one workload of a report.
type row struct {
	Name       string   `json:"name"`
	What       string   `json:"what"`
	Business   bool     `json:"business"`
	Instead    string   `json:"instead,omitempty"` // what stock does for want of the route
	Stock      figures  `json:"stock"`
	Ours       figures  `json:"ours"`
	CPU        estimate `json:"cpuRatio"`
	Throughput estimate `json:"throughputRatio"`
	Verdict    string   `json:"verdict"`
	// by pair of processes
	CPUByRound [][]float64 `json:"cpuRatioByRound"`
}

// figures are what a program reached.
type figures struct {
	OpsPerSecond float64 `json:"opsPerSecond"`
	P50MS        float64 `json:"p50Ms"`
	P99MS        float64 `json:"p99Ms"`
	CPUMicros    float64 `json:"cpuMicrosPerOp"`
	RSSMB        float64 `json:"rssMb"`
}

// newFigures sums up what a program did in all rounds. It sorts taken.
func newFigures(pairs [][]sample, taken []time.Duration, rssKB int) figures {
	var all sample
	for _, s := range slices.Concat(pairs...) {
		all.ops += s.ops
		all.wall += s.wall
		all.cpu += s.cpu
	}
	return figures{
		OpsPerSecond: rounded(all.perSecond()), P50MS: milliseconds(quantileOf(taken, 0.5)), P99MS: milliseconds(quantileOf(taken, 0.99)),
		CPUMicros: rounded(1e6 * all.cpuPerOp()), RSSMB: rounded(float64(rssKB) / 1024),
	}
}

func newReport(p plan, orders int, settings []string, tolerance float64) *report {
	cpu, system := machine()
	return &report{
		Date: time.Now().UTC().Format("2006-01-02"), Cores: runtime.NumCPU(), CPU: cpu, System: system,
		Go: runtime.Version(), Restarts: p.restarts, Rounds: p.rounds, Cycles: p.cycles, SliceMS: p.slice.Milliseconds(), Orders: orders,
		Settings: strings.Join(settings, " "), Tolerance: tolerance,
	}
}

func (r *report) add(o *outcome) {
	added := row{
		Name: o.workload.name, What: o.workload.what, Business: o.workload.business, Stock: o.figures(0), Ours: o.figures(1),
		CPU: bootstrap(o.cpuRatios()), Throughput: bootstrap(o.throughputRatios()), CPUByRound: o.cpuRatios(),
	}
	added.Verdict = verdict(added.CPU, r.Tolerance)
	if added.Business {
		added.Verdict = "business rules"
	}
	if o.workload.instead != nil {
		added.Instead = o.workload.instead.what
	}
	r.Rows = append(r.Rows, added)
}

// over lists the workloads whose overhead surely exceeds the tolerance.
func (r *report) over() []string {
	var names []string
	for _, row := range r.Rows {
		if row.Verdict == verdictOver {
			names = append(names, row.Name)
		}
	}
	return names
}

// cost is a line of the table of what something costs, judged if there is a limit.
func (row row) cost(mode, request string, limit float64) string {
	most, judged := "", ""
	if limit > 0 {
		most, judged = fmt.Sprintf("%.2f", 1+limit), row.Verdict
	}
	return fmt.Sprintf("| %s | %s | %.1f | %.1f | %s | %s | %s | %s |\n", mode, request, row.Stock.CPUMicros, row.Ours.CPUMicros, row.CPU, most, judged, row.Throughput)
}

func rounded(value float64) float64            { return float64(int64(value*10+0.5)) / 10 }
func milliseconds(value time.Duration) float64 { return float64(value.Microseconds()) / 1e3 }

// markdown is the report for people.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# This app beside a bare PocketBase\n\n"+
		"%s, %s, %d cores (%s), %s. %d work orders in %d organizations; %d connections, %d subscribers. "+
		"%d pairs of processes, each with %d rounds of %d times stock, ours, ours, stock with about %d ms each.\n\n",
		r.Date, r.System, r.Cores, r.CPU, r.Go, r.Orders, tenants, connections, subscribers, r.Restarts, r.Rounds, r.Cycles, r.SliceMS)
	fmt.Fprintf(&b, "`stock` is `bench/stock`: the same collections and rules by the same migrations, nothing else. `ours` is the app with %s.\n\n", r.Settings)
	b.WriteString("| workload | | ops/s | p50 ms | p99 ms | server CPU µs/op | RSS MiB |\n|---|---|--:|--:|--:|--:|--:|\n")
	for _, row := range r.Rows {
		for i, f := range []figures{row.Stock, row.Ours} {
			name := row.Name
			if i == 1 {
				name = ""
			}
			fmt.Fprintf(&b, "| %s | %s | %.0f | %.3f | %.3f | %.1f | %.1f |\n", name, [2]string{"stock", "ours"}[i], f.OpsPerSecond, f.P50MS, f.P99MS, f.CPUMicros, f.RSSMB)
		}
	}
	fmt.Fprintf(&b, "\nOurs to stock, the median of the rounds with its 95 %% interval. The tolerance is %.0f %% of the CPU time per operation.\n\n", 100*r.Tolerance)
	b.WriteString("| workload | what | CPU/op | ops/s | |\n|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.Name, row.What, row.CPU, row.Throughput, row.Verdict)
	}
	b.WriteString("\nThe CPU time is the steadier figure: the load generator shares the cores with the server, and its own time is not counted.\n" +
		"Workloads marked \"business rules\" run hooks or routes of the reference app that a bare PocketBase has not.\n")
	for _, row := range r.Rows {
		if row.Instead != "" {
			fmt.Fprintf(&b, "For want of the route of %q, %s\n", row.Name, row.Instead)
		}
	}
	return b.String()
}

// String shows the estimate with its interval.
func (e estimate) String() string {
	return fmt.Sprintf("%.3f (%.3f–%.3f)", e.Median, e.Low, e.High)
}
