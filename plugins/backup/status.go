package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Status is how the backup of a serving app is.
type Status struct {
	// At is when it was so.
	At time.Time `json:"at"`

	// Targets are where backups are kept.
	Targets []TargetStatus `json:"targets" doc:"Where backups are kept. Empty if no target is configured."`

	// Setup says how a target is configured, if there is none.
	Setup string `json:"setup,omitempty" doc:"How a target is configured, if there is none."`

	// Problems are what is wrong, in sentences.
	Problems []string `json:"problems" doc:"What is wrong: a target that is behind by more than a minute, files that are not copied, a drill that failed."`

	// Waits tells whether requests that write wait for the targets.
	Waits bool `json:"waits"`

	// Early counts the requests that were answered before the targets had their
	// change, although they should have waited.
	Early uint64 `json:"early"`

	// PreciseSeconds and RetentionSeconds are how far back the data can be restored to
	// each interval, and at all.
	PreciseSeconds   float64 `json:"preciseSeconds" doc:"How far back the data can be restored to each interval; before that to each minute."`
	RetentionSeconds float64 `json:"retentionSeconds" doc:"How far back the data can be restored."`

	// Drill is the last restore drill, or the one that failed if it is the last of
	// another target. It is nil if there was none.
	Drill *DrillResult `json:"drill,omitempty" doc:"The last restore drill, or the failure of another target's last one."`

	// Drills are the last restore drills of all targets, the newest first.
	Drills []DrillResult `json:"drills" doc:"The last restore drills of all targets, the newest first, at most 20."`

	// Drilling tells whether a drill is under way in this process.
	Drilling bool `json:"drilling" doc:"Whether a drill is under way."`

	// NextDrill is when the next drill is due. It is nil if none is.
	NextDrill *time.Time `json:"nextDrill,omitempty" doc:"When the next drill is due. Missing if the server does none."`

	// Locked tells whether the server cannot read its own backup, for want of an
	// identity.
	Locked bool `json:"locked" doc:"Whether the server encrypts and cannot decrypt, so that only who has the identity can drill."`
}

// TargetStatus is how one target is.
type TargetStatus struct {
	Name string `json:"name" doc:"directory or s3."`

	// Place is the directory, or the address of the bucket and the folder in it.
	Place string `json:"place" doc:"The directory, or the address of the bucket and the folder in it."`

	// Encrypted tells whether what is stored is.
	Encrypted bool             `json:"encrypted"`
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

	// Generation is the name of what is being written: a snapshot and all that follows.
	// It is empty before there is one.
	Generation string `json:"generation" doc:"The name of what is being written: a snapshot and all that follows. Empty before there is one."`

	// Pending and PendingBytes are the captures that wait beside the database.
	Pending      int   `json:"pending" doc:"How many captures wait beside the database until the target takes them."`
	PendingBytes int64 `json:"pendingBytes" doc:"How much room they take."`

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
	shipments, mirrors := p.shipments, p.mirrors
	p.mu.Unlock()
	status := p.status(shipments, mirrors)
	status.Problems = []string{}
	if err := p.config.problem(status); err != nil {
		status.Problems = strings.Split(err.Error(), "\n")
	}
	return status
}

func (p *Plugin) status(shipments []*shipment, mirrors []*mirror) Status {
	status := Status{
		At: time.Now().UTC(), Targets: []TargetStatus{}, Drills: p.drills.list(), Drilling: p.underWay.Load() > 0, Locked: p.locked(),
		PreciseSeconds: p.config.Precise.Seconds(), RetentionSeconds: p.config.Retention.Seconds(),
	}
	if next := p.nextDrill().UTC(); !next.IsZero() {
		status.NextDrill = &next
	}
	status.Drill = status.newest()
	status.Waits, status.Early = p.waiting.waits()
	if !p.config.Enabled() {
		status.Setup = p.config.Setup
	}
	if len(shipments) == 0 {
		return status
	}
	for i, l := range shipments[0].lanes {
		t := TargetStatus{Name: l.vault.name(), Place: l.vault.place(), Encrypted: len(l.vault.recipients) > 0}
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
	files, bytes := l.of.beyond(l.position())
	l.mu.Lock()
	defer l.mu.Unlock()
	s := DatabaseStatus{
		Name: l.of.name, CaughtUp: l.caught.UTC(), LagSeconds: -1, Generation: l.generation, Pending: files, PendingBytes: bytes,
	}
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
			yield("pending_files", "Captures that wait beside the database until the target takes them.", float64(d.Pending), labels...)
			yield("pending_bytes", "How much room they take.", float64(d.PendingBytes), labels...)
		}
		if f := t.Files; f != nil {
			yield("files", "How many uploaded files are copied.", float64(f.Files), "target", t.Name)
			yield("files_failing", "Whether uploaded files cannot be copied: 1 or 0.", flag[f.Error != ""], "target", t.Name)
		}
	}
	if p.config.Sync {
		yield("answers_wait", "Whether answers to writes wait for the targets now, as they are meant to: 1 or 0.", flag[s.Waits])
	}
	for _, d := range s.last() {
		yield("drill_ok", "Whether the last restore drill found the backup whole: 1 or 0.", flag[d.OK], "target", d.Target)
		yield("drill_timestamp_seconds", "When the last restore drill was, in seconds since 1970.", float64(d.At.Unix()), "target", d.Target)
	}
	if s.NextDrill != nil {
		yield("drill_due_timestamp_seconds", "When the next restore drill is due, in seconds since 1970.", float64(s.NextDrill.Unix()))
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
	for _, d := range s.last() {
		if !d.OK {
			problems = append(problems, fmt.Errorf("%s: the restore drill of %s failed: %s", d.Target, d.At.Format(time.RFC3339), d.Error))
		}
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

// statusFile is where a serving app leaves its status for the command.
func (p *Plugin) statusFile() string { return filepath.Join(p.app.DataDir(), stateDir, "status.json") }

// statusEvery is how old the file is at most while the app serves.
const statusEvery = 5 * time.Second

func (p *Plugin) keepStatus(ctx context.Context) {
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
	status := p.Status()
	status.Drills = nil // they have a file of their own
	content, err := json.Marshal(status)
	if err == nil {
		err = replaceFile(p.statusFile(), content)
	}
	if err != nil {
		p.logger().Warn("the status of the backup cannot be saved", slog.Any("error", err))
	}
}

// savedStatus is the status that a server left, running or not.
func (p *Plugin) savedStatus() (Status, error) {
	var s Status
	content, err := os.ReadFile(p.statusFile())
	if err != nil {
		return s, err
	}
	err = json.Unmarshal(content, &s)
	s.Drills = p.drills.list()
	s.Drill = s.newest()
	return s, err
}
