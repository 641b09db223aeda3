package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// laneReport is the result of a run, as it is stored.
type laneReport struct {
	Date       string    `json:"date"`
	Cores      int       `json:"cores"`
	CPU        string    `json:"cpu"`
	System     string    `json:"system"`
	Go         string    `json:"go"`
	PocketBase string    `json:"pocketbase"`
	Pairs      int       `json:"pairs"`
	Rounds     int       `json:"rounds"`
	Cycles     int       `json:"cycles"`
	SliceMS    int64     `json:"sliceMs"`
	Seconds    int       `json:"seconds"` // that the run took
	Data       laneRows  `json:"rows"`
	Rows       []laneRow `json:"workloads"`
	Unlogged   []laneRow `json:"withoutLog"`

	Offered  []offeredRow `json:"steady"`
	Handed   *handedRow   `json:"handedOn,omitempty"`
	Memory   []memoryRow  `json:"memory"`
	Peaks    []memoryPeak `json:"peaks"` // of the processes that the workloads are measured with
	Programs []programRow `json:"programs"`
	Growth   []growthRow  `json:"growth"`
	Ceilings []ceilingRow `json:"ceilings"`
	Problems []string     `json:"problems"`
}

// laneRow is a workload with some connections. Ratios are above 1 where the lane is
// better.
type laneRow struct {
	Name  string  `json:"name"`
	What  string  `json:"what"`
	Conns int     `json:"connections"`
	Must  float64 `json:"must,omitempty"`
	Bytes int     `json:"bytes"` // of an answer

	Stock   *figures `json:"stock"`
	Lane    *figures `json:"lane"`
	Changes *figures `json:"changes,omitempty"`

	LaneOps    *estimate `json:"laneOps"`
	LaneCPU    *estimate `json:"laneCpu"`
	ChangesOps *estimate `json:"changesOps,omitempty"`
	ChangesCPU *estimate `json:"changesCpu,omitempty"`
}

// offeredRow is a workload at a steady rate.
type offeredRow struct {
	Name     string                    `json:"name"`
	What     string                    `json:"what"`
	Conns    int                       `json:"connections"`
	Rate     float64                   `json:"requestsPerSecond"`
	Programs map[string]*steadyFigures `json:"programs"`
}

type steadyFigures struct {
	P50MS      float64   `json:"p50Ms"`
	P99MS      float64   `json:"p99Ms"`
	LongestMS  float64   `json:"longestMs"`
	CPUMicros  float64   `json:"cpuMicrosPerOp"`
	P99ByRound []float64 `json:"p99MsByRound"`
	P99Share   *estimate `json:"p99ShareOfStock,omitempty"`
}

// handedRow is what the lane costs where it does nothing. Ratios are of processor time.
type handedRow struct {
	What        string   `json:"what"`
	Stock       *figures `json:"stock"`
	Engine      *figures `json:"engine"`
	Lane        *figures `json:"lane"`
	ToStock     estimate `json:"laneToStock"`
	ToEngine    estimate `json:"laneToEngine"`
	OpsToStock  estimate `json:"laneOpsToStock"`
	OpsToEngine estimate `json:"laneOpsToEngine"`
}

// memorySetting is a program with settings of Go's runtime, or of its connections.
type memorySetting struct {
	Program string
	Environ []string
}

// String names the setting.
func (s memorySetting) String() string {
	if len(s.Environ) == 0 {
		return s.Program
	}
	return s.Program + ", " + strings.Join(s.Environ, " ")
}

type memoryRow struct {
	Name    string   `json:"name"` // of the setting
	Load    string   `json:"workload"`
	Conns   int      `json:"connections"`
	OwnMB   float64  `json:"ownMb"` // memory at the end, without mapped files
	Figures *figures `json:"figures"`
	// CPU is how many times its processor time the program costs without the setting
	CPU *estimate `json:"cpu,omitempty"`
}

type memoryPeak struct {
	Name   string  `json:"name"`
	PeakMB float64 `json:"peakMb"`
}

type programRow struct {
	Name     string  `json:"name"`
	BinaryMB float64 `json:"binaryMb"`
	StartMS  float64 `json:"startMs"`
	IdleMB   float64 `json:"idleMb"`
}

type growthRow struct {
	Name  string   `json:"name"`
	Rows  int      `json:"rows"`
	Stock *figures `json:"stock"`
	Lane  *figures `json:"lane"`
}

type ceilingRow struct {
	Name         string  `json:"name"`
	Conns        int     `json:"connections,omitempty"`
	OpsPerSecond float64 `json:"opsPerSecond"`
	CPUMicros    float64 `json:"cpuMicrosPerOp"`
	P50MS        float64 `json:"p50Ms,omitempty"`
	P99MS        float64 `json:"p99Ms,omitempty"`
}

func newLaneReport(o options) *laneReport {
	cpu, system := machine()
	p := o.plan
	return &laneReport{
		Date: time.Now().UTC().Format("2006-01-02"), Cores: runtime.NumCPU(), CPU: cpu, System: system, Go: runtime.Version(),
		PocketBase: moduleVersion("github.com/pocketbase/pocketbase"),
		Pairs:      p.restarts, Rounds: p.rounds, Cycles: p.cycles, SliceMS: p.slice.Milliseconds(), Data: everyday,
	}
}

// moduleVersion is that of a module that this program is built with.
func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == path {
				return dep.Version
			}
		}
	}
	return "unknown"
}

func (r *laneReport) addRow(to *[]laneRow, o *laneOutcome) {
	if o.figures(programStock) == nil {
		return // it failed
	}
	*to = append(*to, laneRow{
		Name: o.workload.name, What: o.workload.what, Conns: o.conns, Must: o.workload.must, Bytes: o.size,
		Stock: o.figures(programStock), Lane: o.figures(programLane), Changes: o.figures(programChanges),
		LaneOps: o.throughput(programLane, programStock), LaneCPU: o.savedCPU(programLane, programStock),
		ChangesOps: o.throughput(programChanges, programStock), ChangesCPU: o.savedCPU(programChanges, programStock),
	})
}

func newHandedRow(o *laneOutcome) *handedRow {
	toStock, toEngine := o.savedCPU(programStock, programLane), o.savedCPU(programEngine, programLane)
	opsToStock, opsToEngine := o.throughput(programLane, programStock), o.throughput(programLane, programEngine)
	if toStock == nil || toEngine == nil {
		return nil
	}
	return &handedRow{
		What: o.workload.what, Stock: o.figures(programStock), Engine: o.figures(programEngine), Lane: o.figures(programLane),
		ToStock: *toStock, ToEngine: *toEngine, OpsToStock: *opsToStock, OpsToEngine: *opsToEngine,
	}
}

func (r *laneReport) addMemory(o *laneOutcome, own map[string]float64) {
	for _, s := range memorySettings {
		row := memoryRow{Name: s.String(), Load: o.workload.name, Conns: o.conns, OwnMB: own[s.String()], Figures: o.figures(s.String())}
		if len(s.Environ) > 0 {
			row.CPU = o.savedCPU(s.String(), s.Program)
		}
		r.Memory = append(r.Memory, row)
	}
}

// memoryGlance is what a line of progress shows of the last workload.
func (r *laneReport) memoryGlance() string {
	var parts []string
	for _, row := range r.Memory[len(r.Memory)-len(memorySettings):] {
		parts = append(parts, fmt.Sprintf("%s: %.0f µs, %.0f MB", row.Name, row.Figures.CPUMicros, row.OwnMB))
	}
	return strings.Join(parts, "; ")
}

// answerSize is how long stock's answers to a workload are.
func (r *laneReport) answerSize(name string) int {
	for _, row := range r.Rows {
		if row.Name == name && row.Bytes > 0 {
			return row.Bytes
		}
	}
	return map[string]int{"health": 60, "view": 400, "list": 12_000}[name] // about so
}

// judged is the ratio that something is asked of: with the change log where there is
// one, as a fast write needs it.
func (row laneRow) judged() *estimate {
	if row.ChangesOps != nil {
		return row.ChangesOps
	}
	return row.LaneOps
}

// peak is the most memory that a program has had, 0 if it was not measured.
func (r *laneReport) peak(program string) float64 {
	for _, p := range r.Peaks {
		if p.Name == program {
			return p.PeakMB
		}
	}
	return 0
}

// What is asked for besides the ratios of the workloads.
const (
	mostLatency = 1.0 / 3 // of stock's slowest requests
	mostHanded  = 1.02    // times stock's processor time for what is handed on
)

// over lists what has not reached what is asked for.
func (r *laneReport) over() []string {
	var short []string
	for _, row := range r.Rows {
		if e := row.judged(); row.Must > 0 && slices.Contains(laneSecondPair, row.Conns) && (e == nil || e.Median < row.Must) {
			short = append(short, fmt.Sprintf("%s with %d connections", row.Name, row.Conns))
		}
	}
	for _, row := range r.Offered {
		f := row.Programs[programChanges]
		if f == nil {
			f = row.Programs[programLane]
		}
		if f == nil || f.P99Share == nil || f.P99Share.Median > mostLatency {
			short = append(short, "steady "+row.Name)
		}
	}
	if r.peak(programLane) > r.peak(programStock) {
		short = append(short, "memory")
	}
	if r.Handed != nil && r.Handed.ToStock.Median > mostHanded {
		short = append(short, "what is handed on")
	}
	return append(short, r.Problems...)
}

// Where the page is that shows the figures, and what encloses them there.
const (
	lanePage    = "docs/performance.md"
	figuresFrom = "<!-- figures: go run ./bench -fastlane -write -->\n"
	figuresTo   = "<!-- end of the figures -->\n"
)

// publish draws the charts and puts the figures into the page.
func (r *laneReport) publish(root string) error {
	for name, chart := range r.charts() {
		if err := os.WriteFile(filepath.Join(root, "docs", "images", name), chart, 0o644); err != nil { //nolint:gosec // pictures are for everybody
			return err
		}
	}
	path := filepath.Join(root, filepath.FromSlash(lanePage))
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, _, found := strings.Cut(string(page), figuresFrom)
	_, after, ended := strings.Cut(string(page), figuresTo)
	if !found || !ended {
		return fmt.Errorf("%s has no %q and %q", lanePage, figuresFrom, figuresTo)
	}
	return os.WriteFile(path, []byte(before+figuresFrom+r.page()+figuresTo+after), 0o644) //nolint:gosec // the page is for everybody
}

// storedLane reads the report that is stored for this kind of machine.
func storedLane(dir, base string) (*laneReport, error) {
	encoded, err := os.ReadFile(filepath.Join(dir, base+".json"))
	if err != nil {
		return nil, err
	}
	r := &laneReport{}
	if err := json.Unmarshal(encoded, r); err != nil {
		return nil, fmt.Errorf("read the stored result: %w", err)
	}
	return r, nil
}
