package backup_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

var (
	pauseFor      = flag.Duration("pause.for", 1200*time.Millisecond, "how long TestWritePause writes with a backup, and as long without, at both speeds together")
	pauseWindow   = flag.Duration("pause.window", 300*time.Millisecond, "how long it writes before it changes from one to the other")
	pauseS3       = flag.Bool("pause.s3", false, "whether there is a bucket besides, whose server shares the machine")
	pauseTarget   = flag.String("pause.target", "", "the directory to back up to, by default a new one beside the databases")
	pauseLimit    = flag.Duration("pause.limit", 5*time.Second, "how much longer than without a backup the longest write may take")
	pauseSlowdown = flag.Float64("pause.slowdown", 100, "by how many percent the backup may make writing slower")
	pauseJSON     = flag.String("pause.json", "", "the file to write the figures to")
)

// pauseLoads are the speeds, in writes a second; 0 is as fast as it goes.
var pauseLoads = []int{500, 0}

// pauseReport is what a run found.
type pauseReport struct {
	For      string      `json:"for"`
	Window   string      `json:"window"`
	CPUs     int         `json:"cpus"`
	Loads    []pauseLoad `json:"loads"`
	Problems []string    `json:"problems"`
}

// pauseLoad compares windows with a backup with those without, which took turns.
type pauseLoad struct {
	PerSecond    int         `json:"perSecond" doc:"0 is as fast as it goes"`
	Without      pauseFigure `json:"without"`
	With         pauseFigure `json:"with"`
	AddedMs      float64     `json:"addedMs"`
	ThroughputOf float64     `json:"throughputPercent"`
}

// pauseFigure is how long writes took, in milliseconds from when each was due.
type pauseFigure struct {
	Writes    int       `json:"writes"`
	PerSecond float64   `json:"perSecond"`
	P50       float64   `json:"p50"`
	P99       float64   `json:"p99"`
	P999      float64   `json:"p999"`
	P9999     float64   `json:"p9999"`
	Longest   float64   `json:"longest"`
	Windows   []float64 `json:"longestOfEachWindow"`
}

// TestWritePause writes without a backup and with one, in turns, and compares how
// long writes take. By default it only finds what freezes writers for seconds;
// "make backup-pause" measures.
func TestWritePause(t *testing.T) {
	t.Parallel()
	config := quick(cmp.Or(*pauseTarget, t.TempDir()))
	config.Interval = time.Second
	config.FilesInterval = -1
	if *pauseS3 {
		config.S3 = startS3(t).config()
	}
	plain, _, err := openApp(t.TempDir(), backup.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, plain) })
	copied, plugin := start(t, t.TempDir(), config)
	shipped(t, plugin)

	report := pauseReport{For: pauseFor.String(), Window: pauseWindow.String(), CPUs: runtime.NumCPU(), Problems: []string{}}
	rounds := max(1, int(*pauseFor / *pauseWindow)/len(pauseLoads))
	for _, perSecond := range pauseLoads {
		without, with := &latencies{}, &latencies{}
		for range rounds {
			without.measure(t, plain, *pauseWindow, perSecond)
			with.measure(t, copied, *pauseWindow, perSecond)
		}
		load := pauseLoad{PerSecond: perSecond, Without: without.figure(), With: with.figure()}
		load.AddedMs = load.With.Longest - load.Without.Longest
		load.ThroughputOf = 100 * load.With.PerSecond / load.Without.PerSecond
		if limit := milliseconds(*pauseLimit); load.AddedMs > limit {
			report.Problems = append(report.Problems, fmt.Sprintf("%s: the backup adds %.0f ms to the longest write, want at most %.0f", load.name(), load.AddedMs, limit))
		}
		if load.ThroughputOf < 100-*pauseSlowdown {
			report.Problems = append(report.Problems, fmt.Sprintf("%s: the backup leaves %.1f %% of the writes, want at least %.1f", load.name(), load.ThroughputOf, 100-*pauseSlowdown))
		}
		report.Loads = append(report.Loads, load)
	}
	shipped(t, plugin)
	t.Log(report)
	for _, problem := range report.Problems {
		t.Error(problem)
	}
	if *pauseJSON == "" {
		return
	}
	content, err := json.MarshalIndent(report, "", "\t")
	if err == nil {
		err = os.WriteFile(*pauseJSON, append(content, '\n'), 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

func (l pauseLoad) name() string {
	if l.PerSecond == 0 {
		return "as fast as it goes"
	}
	return fmt.Sprintf("at %d writes a second", l.PerSecond)
}

func (r pauseReport) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s with a backup and as long without, in turns of %s, on %d processors\n", r.For, r.Window, r.CPUs)
	for _, l := range r.Loads {
		fmt.Fprintf(&text, "%s: %.1f %% of the writes, the longest takes %.1f ms more\n  without %s\n  with    %s\n", l.name(), l.ThroughputOf, l.AddedMs, l.Without, l.With)
	}
	return text.String()
}

func (f pauseFigure) String() string {
	return fmt.Sprintf("%d writes, %.0f/s, median %.2f, 99 %% %.2f, 99.9 %% %.2f, 99.99 %% %.2f, longest %.1f ms (windows: %.0f)",
		f.Writes, f.PerSecond, f.P50, f.P99, f.P999, f.P9999, f.Longest, f.Windows)
}

// latencies are how long writes took, from when each was due.
type latencies struct {
	mu      sync.Mutex
	all     []time.Duration
	windows []float64
	spent   time.Duration
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (l *latencies) figure() pauseFigure {
	slices.Sort(l.all)
	at := func(share float64) float64 { return milliseconds(l.all[int(share*float64(len(l.all)-1))]) }
	return pauseFigure{
		Writes: len(l.all), PerSecond: float64(len(l.all)) / l.spent.Seconds(),
		P50: at(.5), P99: at(.99), P999: at(.999), P9999: at(.9999), Longest: at(1), Windows: l.windows,
	}
}

// measure writes for a time, so many a second, or as many as four writers can.
func (l *latencies) measure(t *testing.T, app core.App, d time.Duration, perSecond int) {
	t.Helper()
	runtime.GC() // not of what the other did
	began := time.Now()
	var next atomic.Int64
	var longest time.Duration
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			var own []time.Duration
			for {
				n := next.Add(1)
				due := time.Now()
				if perSecond > 0 {
					due = began.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
					<-time.After(time.Until(due))
				}
				if due.Sub(began) > d {
					break
				}
				if err := writeOne(app, fmt.Sprint("write ", n), false); err != nil {
					t.Error(err)
					break
				}
				own = append(own, time.Since(due))
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.all = append(l.all, own...)
			longest = max(longest, slices.Max(append(own, 0)))
		})
	}
	running.Wait()
	l.spent += time.Since(began)
	l.windows = append(l.windows, milliseconds(longest))
}
