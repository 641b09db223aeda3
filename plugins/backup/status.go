package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// Status is how the backup of a serving app is.
type Status struct {
	// At is when it was so.
	At time.Time `json:"at"`

	// Targets are where backups are kept.
	Targets []TargetStatus `json:"targets"`

	// Waits tells whether requests that write wait for the targets.
	Waits bool `json:"waits"`

	// Early counts the requests that were answered before the targets had their
	// change, although they should have waited.
	Early uint64 `json:"early"`

	// Drill is the last restore drill, if there was one.
	Drill *DrillResult `json:"drill,omitempty"`
}

// TargetStatus is how one target is.
type TargetStatus struct {
	Name      string           `json:"name"`
	Databases []DatabaseStatus `json:"databases"`
	Files     *FilesStatus     `json:"files,omitempty"`
}

// DatabaseStatus is how the copy of a database in a target is.
type DatabaseStatus struct {
	Name string `json:"name"`

	// CaughtUp is the moment of which the target has everything. It is zero before
	// the first copy is complete.
	CaughtUp time.Time `json:"caughtUp"`

	// LagSeconds is how long ago that is, -1 if it never was.
	LagSeconds float64 `json:"lagSeconds"`

	// Error is what keeps the copy from going on, and Since when.
	Error string     `json:"error,omitempty"`
	Since *time.Time `json:"since,omitempty"`
}

// FilesStatus is how the copies of uploaded files in a target are.
type FilesStatus struct {
	CheckedAt time.Time `json:"checkedAt"`
	Files     int       `json:"files"`
	Bytes     int64     `json:"bytes"`
	Error     string    `json:"error,omitempty"`
}

// Status returns how the backup of this process is. It needs no network.
func (p *Plugin) Status() Status {
	p.mu.Lock()
	shipments, mirrors, drilled := p.shipments, p.mirrors, p.drilled
	p.mu.Unlock()
	status := Status{At: time.Now().UTC(), Targets: []TargetStatus{}, Drill: drilled}
	status.Waits, status.Early = p.waiting.waits()
	if len(shipments) == 0 {
		return status
	}
	for i, l := range shipments[0].lanes {
		t := TargetStatus{Name: l.vault.name()}
		for _, s := range shipments {
			t.Databases = append(t.Databases, s.lanes[i].status(status.At))
		}
		if i < len(mirrors) {
			t.Files = mirrors[i].status()
		}
		status.Targets = append(status.Targets, t)
	}
	return status
}

func (l *lane) status(now time.Time) DatabaseStatus {
	l.of.mu.Lock()
	err := l.of.err
	l.of.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := DatabaseStatus{Name: l.of.name, CaughtUp: l.caught.UTC(), LagSeconds: -1}
	if !l.caught.IsZero() {
		s.LagSeconds = max(now.Sub(l.caught).Seconds(), 0)
	}
	if err = errors.Join(err, l.err); err != nil {
		s.Error = err.Error()
	}
	if !l.since.IsZero() {
		since := l.since.UTC()
		s.Since = &since
	}
	return s
}

func (m *mirror) status() *FilesStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &FilesStatus{CheckedAt: m.stats.at.UTC(), Files: m.stats.files, Bytes: m.stats.bytes}
	if m.stats.err != nil {
		s.Error = m.stats.err.Error()
	}
	return s
}

// Figures tells yield what metrics need: a name, what it says, a value, and labels
// in pairs. It needs no network.
func (p *Plugin) Figures(yield func(name, help string, value float64, labels ...string)) {
	s := p.Status()
	flag := map[bool]float64{true: 1}
	for _, t := range s.Targets {
		for _, d := range t.Databases {
			labels := []string{"target", t.Name, "database", d.Name}
			yield("lag_seconds", "How far the copy of a database is behind; -1 before the first copy.", d.LagSeconds, labels...)
			yield("failing", "Whether the copy of a database cannot go on: 1 or 0.", flag[d.Error != ""], labels...)
		}
		if f := t.Files; f != nil {
			yield("files", "How many uploaded files are copied.", float64(f.Files), "target", t.Name)
			yield("files_failing", "Whether uploaded files cannot be copied: 1 or 0.", flag[f.Error != ""], "target", t.Name)
		}
	}
	yield("answers_wait", "Whether answers to writes wait for the targets now: 1 or 0.", flag[s.Waits])
	if s.Drill != nil {
		yield("drill_ok", "Whether the last restore drill found the backup whole: 1 or 0.", flag[s.Drill.OK], "target", s.Drill.Target)
		yield("drill_timestamp_seconds", "When the last restore drill was, in seconds since 1970.", float64(s.Drill.At.Unix()), "target", s.Drill.Target)
	}
}

// lateAfter is how many intervals behind the backup is late, and at least how long.
const (
	lateAfter = 60
	lateLeast = time.Minute
)

// problem returns what is wrong with a backup, or nil: a target that is behind by
// more than a minute (or 60 intervals), files that are not copied, a drill that failed.
func (c Config) problem(s Status) error {
	late := max(lateAfter*c.Interval, lateLeast)
	var problems []error
	for _, t := range s.Targets {
		for _, d := range t.Databases {
			switch {
			case d.LagSeconds < 0 && d.Error != "":
				problems = append(problems, fmt.Errorf("%s: %s has never been copied: %s", t.Name, d.Name, d.Error))
			case d.LagSeconds > late.Seconds():
				problems = append(problems, fmt.Errorf("%s: %s is %.0f s behind: %s", t.Name, d.Name, d.LagSeconds, d.Error))
			}
		}
		if t.Files != nil && t.Files.Error != "" {
			problems = append(problems, fmt.Errorf("%s: files: %s", t.Name, t.Files.Error))
		}
	}
	if s.Drill != nil && !s.Drill.OK {
		problems = append(problems, fmt.Errorf("the restore drill of %s failed: %s", s.Drill.At.Format(time.RFC3339), s.Drill.Error))
	}
	return errors.Join(problems...)
}

// Health is a check for health.Config.Checks. It returns no error: a server whose
// backup is behind can still do its work, and taking it out of rotation would help
// nobody. What is wrong is in the detail. Alert on [Plugin.Problem].
func (p *Plugin) Health(context.Context) (detail string, err error) {
	if !p.config.Enabled() {
		return "No target is configured.", nil
	}
	if err := p.Problem(); err != nil {
		return "PROBLEM: " + strings.ReplaceAll(err.Error(), "\n", "; "), nil
	}
	worst := 0.0
	for _, t := range p.Status().Targets {
		for _, d := range t.Databases {
			worst = max(worst, d.LagSeconds)
		}
	}
	return fmt.Sprintf("At most %.1f s behind.", worst), nil
}

// Problem returns what is wrong with the backup of this process, or nil.
func (p *Plugin) Problem() error { return p.config.problem(p.Status()) }

// StatusPath is the route of the status, for superusers.
const StatusPath = "/api/backup/status"

func (p *Plugin) routes(e *core.ServeEvent) {
	apidoc.Route(apidoc.On(e), apidoc.Op{
		ID: "backup.status", Method: http.MethodGet, Path: StatusPath, Summary: "Show how far behind the backup is",
		Description: "How it is at this moment, for each target and each database. It asks no target.", Access: apidoc.Superusers,
	}, func(*core.RequestEvent, *apidoc.None) (*Status, error) {
		status := p.Status()
		return &status, nil
	})
	p.waiting.bind(e)
}

// statusFile is where a serving app leaves its status for the command.
func (p *Plugin) statusFile() string { return filepath.Join(p.app.DataDir(), stateDir, "status.json") }

// statusEvery is how old the file is at most while the app serves.
const statusEvery = 5 * time.Second

func (p *Plugin) keepStatus(ctx context.Context) {
	p.loadDrill()
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for {
		p.saveStatus()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *Plugin) saveStatus() {
	content, err := json.Marshal(p.Status())
	if err == nil {
		err = replaceFile(p.statusFile(), content)
	}
	if err != nil {
		p.logger().Warn("the status of the backup cannot be saved", "error", err)
	}
}

// savedStatus is the status that a server left, running or not.
func (p *Plugin) savedStatus() (Status, error) {
	var s Status
	content, err := os.ReadFile(p.statusFile())
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(content, &s)
}

func (p *Plugin) loadDrill() {
	saved, err := p.savedStatus()
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drilled == nil {
		p.drilled = saved.Drill
	}
}
