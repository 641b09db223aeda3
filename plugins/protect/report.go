package protect

import (
	"embed"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/panel"
)

// The paths of the routes, which are for superusers.
const (
	Path      = "/api/protect"
	ClockPath = "/api/protect/clock"
)

// Status is how the machine under the app is.
type Status struct {
	ReadOnly bool `json:"readOnly" doc:"Whether changes are refused at the moment."`
	// Reason is empty if the app writes.
	Reason  Reason     `json:"reason" doc:"Why: disk_full, disk_read_only or writes_fail. Empty if changes are accepted."`
	Detail  string     `json:"detail" doc:"What was found."`
	Since   *time.Time `json:"since" doc:"Since when changes are refused."`
	Refused int64      `json:"refused" doc:"Requests that were refused since the start."`

	FreeBytes  uint64 `json:"freeBytes" doc:"Free space of the data directory's file system."`
	TotalBytes uint64 `json:"totalBytes" doc:"Its size."`
	MinBytes   uint64 `json:"minBytes" doc:"With less than this free, changes are refused."`
	LeaveBytes uint64 `json:"leaveBytes" doc:"With this free they are accepted again."`

	// Replaced is how often auxiliary.db was.
	Replaced int64 `json:"replaced" doc:"How often auxiliary.db, which holds the logs, was replaced since the start."`

	Clock ClockStatus `json:"clock"`
}

// ClockStatus says whether the machine's clock is believed.
type ClockStatus struct {
	Machine  time.Time `json:"machine" doc:"What the machine's clock says."`
	Believed time.Time `json:"believed" doc:"The time by which what is old is deleted."`
	// Doubted is nil if it is believed.
	Doubted *time.Time `json:"doubted" doc:"Since when the clock is doubted, by itself."`
	Until   *time.Time `json:"until" doc:"When it will be believed if it does not jump again."`
	Jumps   int64      `json:"jumps" doc:"How often it was not what was expected, since the start."`
}

// Status returns how it is at the moment.
func (p *Plugin) Status() Status {
	var s Status
	m := &p.mode
	m.mu.Lock()
	space := m.space
	if m.on.Load() {
		since := m.since.UTC()
		s.ReadOnly, s.Reason, s.Detail, s.Since = true, m.reason, m.detail, &since
	}
	m.mu.Unlock()
	s.Refused = p.refused.Load()
	s.FreeBytes, s.TotalBytes = space.Free, space.Total
	s.MinBytes = p.wanted(space, p.config.MinFree, p.config.MinFreePercent)
	s.LeaveBytes = p.wanted(space, p.config.LeaveFree, p.config.LeaveFreePercent)
	p.aux.mu.Lock()
	s.Replaced = p.aux.replaced
	p.aux.mu.Unlock()

	g := p.clock
	g.mu.Lock()
	defer g.mu.Unlock()
	believed, wall := g.look()
	s.Clock = ClockStatus{Machine: wall.UTC(), Believed: believed.UTC(), Jumps: g.jumps}
	if !g.doubt.IsZero() {
		doubted, until := g.doubt.UTC(), g.doubt.Add(g.hold).UTC()
		s.Clock.Doubted, s.Clock.Until = &doubted, &until
	}
	return s
}

// panelFiles are what the notice in the dashboard consists of.
//
//go:embed panel
var panelFiles embed.FS

// bindRoutes adds the routes and the notice, for superusers.
func (p *Plugin) bindRoutes(e *core.ServeEvent) {
	panel.Add(e, "protect", panelFiles)
	api := apidoc.On(e)
	apidoc.Route(api, apidoc.Op{
		ID: "protect.status", Method: http.MethodGet, Path: Path, Summary: "See whether the server takes changes",
		Description: "How full the disk is, and whether the clock is believed.", Tags: []string{"operations"}, Access: apidoc.Superusers,
	}, func(*core.RequestEvent, *apidoc.None) (*Status, error) {
		s := p.Status()
		return &s, nil
	})
	apidoc.Route(api, apidoc.Op{
		ID: "protect.trustClock", Method: http.MethodPost, Path: ClockPath, Summary: "Believe the machine's clock",
		Description: "For a clock that is right although it was not what was expected, as after a server was off for weeks. What is old is deleted as usual from then on.",
		Tags:        []string{"operations"}, Access: apidoc.Superusers,
	}, func(*core.RequestEvent, *apidoc.None) (*Status, error) {
		p.clock.trust()
		p.tellClock()
		s := p.Status()
		return &s, nil
	})
}

// Figures tells what metrics are made of: a name, a sentence and a value each. The
// names of those that only grow end in _total.
func (p *Plugin) Figures(tell func(name, help string, value float64)) {
	s := p.Status()
	one := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	tell("read_only", "1 while changes are refused, because the disk is nearly full or cannot be written to, else 0.", one(s.ReadOnly))
	tell("refused_total", "Requests that were refused because of that.", float64(s.Refused))
	tell("disk_free_bytes", "Free space of the data directory's file system.", float64(s.FreeBytes))
	tell("disk_size_bytes", "Size of the data directory's file system.", float64(s.TotalBytes))
	tell("disk_wanted_bytes", "With less free space than this changes are refused.", float64(s.MinBytes))
	tell("log_lines_dropped_total", "Lines of PocketBase's log that found no place while changes were refused.", float64(p.held.dropped.Load()))
	tell("auxiliary_replaced_total", "How often the database of the logs was missing or damaged, and was replaced.", float64(s.Replaced))
	tell("clock_doubted", "1 while the clock is not what was expected of it, and what is old is kept, else 0.", one(s.Clock.Doubted != nil))
	tell("clock_ahead_seconds", "How far the clock is ahead of what is believed.", s.Clock.Machine.Sub(s.Clock.Believed).Seconds())
	tell("clock_jumps_total", "How often the clock was not what was expected of it.", float64(s.Clock.Jumps))
}
