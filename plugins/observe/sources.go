package observe

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxFigures is how many figures a source may have. More are left out.
const maxFigures = 1000

// sources asks the other parts of the program with each scrape. Their figures are
// not known before, so that it describes none: an unchecked collector.
type sources Plugin

const (
	sourceUpHelp   = "Whether a part of the program told its figures: 1 or 0."
	sourceTookHelp = "How long a part of the program took to tell its figures."
)

var (
	sourceUp   = prometheus.NewDesc("holdall_source_up", sourceUpHelp, []string{"source"}, nil)
	sourceTook = prometheus.NewDesc("holdall_source_duration_seconds", sourceTookHelp, []string{"source"}, nil)
)

// Describe implements [prometheus.Collector].
func (s *sources) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (s *sources) Collect(c chan<- prometheus.Metric) {
	for _, f := range s.gather() {
		c <- f.metric
	}
}

// told is a figure that a source told.
type told struct {
	name, help string
	metric     prometheus.Metric
}

// gather asks all sources beside each other.
func (s *sources) gather() []told {
	s.mu.Lock()
	all := slices.Clone(s.sources)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.SourceTimeout)
	defer cancel()
	answers := make([][]told, len(all))
	var asked sync.WaitGroup
	for i, source := range all {
		asked.Go(func() { answers[i] = s.ask(ctx, source) })
	}
	asked.Wait()
	return slices.Concat(answers...)
}

// ask collects the figures of a source. Those of one that fails are left out: half
// of them would look like a change.
func (s *sources) ask(ctx context.Context, source Source) []told {
	started, up := time.Now(), 1.0
	figures, err := collect(ctx, source)
	if err != nil {
		up = 0
		s.app.Logger().Warn("A part of the program does not tell its figures.",
			slog.String("source", source.Name), slog.Any("error", err))
	}
	return append(figures,
		told{"holdall_source_up", sourceUpHelp, prometheus.MustNewConstMetric(sourceUp, prometheus.GaugeValue, up, source.Name)},
		told{"holdall_source_duration_seconds", sourceTookHelp, prometheus.MustNewConstMetric(sourceTook, prometheus.GaugeValue, time.Since(started).Seconds(), source.Name)},
	)
}

func collect(ctx context.Context, source Source) (figures []told, err error) {
	defer func() {
		if r := recover(); r != nil {
			figures, err = nil, fmt.Errorf("it panicked: %v\n%s", r, debug.Stack())
		}
	}()
	err = source.Collect(ctx, func(f Figure) {
		if len(figures) < maxFigures {
			figures = append(figures, told{"holdall_" + source.Name + "_" + f.Name, f.Help, f.metric(source.Name)})
		}
	})
	if err != nil {
		return nil, err
	}
	return figures, nil
}

// metric is a figure as Prometheus has it. One that makes no sense fails alone,
// and is told of in the scrape's errors.
func (f Figure) metric(source string) prometheus.Metric {
	var names, values []string
	for i := 0; i+1 < len(f.Labels); i += 2 {
		names, values = append(names, f.Labels[i]), append(values, strings.ToValidUTF8(f.Labels[i+1], "?"))
	}
	kind := prometheus.GaugeValue
	if f.Counter {
		kind = prometheus.CounterValue
	}
	desc := prometheus.NewDesc("holdall_"+source+"_"+f.Name, f.Help, names, nil)
	m, err := prometheus.NewConstMetric(desc, kind, f.Value, values...)
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return m
}

// buildInfo is a figure that is always 1, with the versions as its labels.
func buildInfo(version string) prometheus.Collector {
	pocketbase := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/pocketbase/pocketbase" {
				pocketbase = m.Version
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "holdall_build_info", Help: "Always 1. Its labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "pocketbase": pocketbase, "go": runtime.Version()},
	})
	g.Set(1)
	return g
}
