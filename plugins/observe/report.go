package observe

import (
	"embed"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	dto "github.com/prometheus/client_model/go"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/panel"
)

// ReportPath is where the dashboard's panel has its figures from.
const ReportPath = "/api/observe"

// routesReported is how many routes a report has, of those that took most time.
const routesReported = 50

// Report is how the server is doing, for people.
type Report struct {
	// Started is when the measuring began.
	Started time.Time `json:"started"`
	Version string    `json:"version"`
	// EverySeconds is the time between two samples.
	EverySeconds float64  `json:"everySeconds"`
	Samples      []Sample `json:"samples" doc:"Oldest first."`
	// Routes are those that took most time since the start.
	Routes  []RouteReport `json:"routes" doc:"Those that took most time since the start, at most 50."`
	Slow    []SlowQuery   `json:"slow" doc:"Statements that took long since the start, the worst first, without their values."`
	Figures []NamedFigure `json:"figures" doc:"What other parts of the program tell at the moment."`
}

// RouteReport is how a route has done since the start.
type RouteReport struct {
	Method     string  `json:"method"`
	Route      string  `json:"route"`
	Collection string  `json:"collection"`
	Requests   float64 `json:"requests"`
	Errors     float64 `json:"errors" doc:"Answers with a status of 500 or more."`
	Mean       float64 `json:"mean" doc:"In seconds."`
	P99        float64 `json:"p99" doc:"In seconds."`
}

// NamedFigure is a figure of another part of the program.
type NamedFigure struct {
	Name   string            `json:"name"`
	Help   string            `json:"help"`
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
}

// reportRequest is what a report is asked with.
type reportRequest struct {
	Minutes int `query:"minutes" minimum:"1" maximum:"360" doc:"Of how many minutes there are samples. Defaults to 60."`
}

// panelFiles are what the page in the dashboard consists of.
//
//go:embed panel
var panelFiles embed.FS

// bindReport adds GET /api/observe and the page, for superusers.
func (p *Plugin) bindReport(e *core.ServeEvent) {
	panel.Add(e, "observe", panelFiles)
	apidoc.Route(apidoc.On(e), apidoc.Op{
		Method: http.MethodGet, Path: ReportPath, Summary: "See how the server is doing", Tags: []string{"operations"},
		Access: apidoc.Superusers,
	}, func(_ *core.RequestEvent, in *reportRequest) (*Report, error) {
		if in.Minutes == 0 {
			in.Minutes = 60
		}
		report := p.Report(time.Duration(in.Minutes) * time.Minute)
		return &report, nil
	})
}

// Report returns how the server is doing, with the samples of the last time d, at
// most six hours.
func (p *Plugin) Report(d time.Duration) Report {
	return Report{
		Started: p.started, Version: p.config.Version, EverySeconds: sampleEvery.Seconds(), Samples: p.samples(d),
		Routes: p.routes(), Slow: p.slow.list(), Figures: p.figures(),
	}
}

func (p *Plugin) routes() []RouteReport {
	all := p.requests.routes()
	slices.SortFunc(all, func(a, b routeTotals) int {
		if a.took.sum != b.took.sum {
			return int(math.Copysign(1, b.took.sum-a.took.sum))
		}
		return strings.Compare(a.route+a.method+a.collection, b.route+b.method+b.collection)
	})
	all = all[:min(len(all), routesReported)]
	list := make([]RouteReport, len(all))
	for i, r := range all {
		list[i] = RouteReport{Method: r.method, Route: r.route, Collection: r.collection, Requests: r.requests, Errors: r.errors}
		if r.took.all > 0 {
			list[i].Mean, list[i].P99 = r.took.sum/r.took.all, r.took.quantile(.99)
		}
	}
	return list
}

// figures asks the sources.
func (p *Plugin) figures() []NamedFigure {
	list := []NamedFigure{}
	for _, f := range (*sources)(p).gather() {
		var m dto.Metric
		if f.metric.Write(&m) != nil {
			continue
		}
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		list = append(list, NamedFigure{Name: f.name, Help: f.help, Labels: labels, Value: m.GetGauge().GetValue() + m.GetCounter().GetValue()})
	}
	slices.SortStableFunc(list, func(a, b NamedFigure) int { return strings.Compare(a.Name, b.Name) })
	return list
}
