package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// drillSample is how many files a drill compares with their hashes.
const drillSample = 50

// DrillResult is the outcome of a restore that nobody needed.
type DrillResult struct {
	At      time.Time `json:"at"`
	OK      bool      `json:"ok"`
	Error   string    `json:"error,omitempty"`
	Target  string    `json:"target"`
	Seconds float64   `json:"seconds"`

	// Rows are those of each table of data.db.
	Rows map[string]int64 `json:"rows"`

	// Files counts those in the backup, Compared those whose content was checked.
	Files    int `json:"files"`
	Compared int `json:"compared"`
}

// Drill restores the newest state from each target to a scratch directory, checks
// the databases, counts rows, and compares a sample of the files with their hashes.
// It returns the first failure, or the result for the first target. Programs that
// want to know all read [Status].Drills. One drill runs at a time.
func (p *Plugin) Drill(ctx context.Context) DrillResult {
	p.underWay.Add(1)
	defer p.underWay.Add(-1)
	p.drilling.Lock()
	defer p.drilling.Unlock()
	vaults, err := p.vaults(p.scratchParent())
	if err != nil {
		return DrillResult{At: time.Now().UTC(), Error: err.Error(), Rows: map[string]int64{}}
	}
	var result DrillResult
	for i, v := range vaults {
		one := p.drill(ctx, v)
		if ctx.Err() != nil {
			return one // it was not the backup that failed
		}
		p.drills.add(one)
		if i == 0 || result.OK {
			result = one
		}
	}
	return result
}

func (p *Plugin) drill(ctx context.Context, v *vault) DrillResult {
	began := time.Now()
	result := DrillResult{At: began.UTC(), Target: v.name(), Rows: map[string]int64{}}
	err := p.restoreForDrill(ctx, v, &result)
	result.Seconds = time.Since(began).Seconds()
	if result.OK = err == nil; err != nil {
		result.Error = err.Error()
	}
	return result
}

func (p *Plugin) restoreForDrill(ctx context.Context, v *vault, result *DrillResult) error {
	dir, err := os.MkdirTemp(p.scratchParent(), "drill-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &restorer{vault: v, to: time.Now()}
	for _, name := range databases {
		s, err := r.find(ctx, name)
		if errors.Is(err, ErrNothing) && name != databases[0] {
			continue
		}
		if err != nil {
			return err
		}
		if err := r.database(ctx, s, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if result.Rows, err = countRows(ctx, filepath.Join(dir, databases[0])); err != nil {
		return err
	}
	if result.Rows["_collections"] == 0 {
		return errors.New("the restored database has no collections")
	}
	files, inS3, err := filesAt(ctx, v, r.to)
	if err != nil || inS3 {
		return err
	}
	result.Files = len(files)
	paths := sortedKeys(files)
	rand.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] }) //nolint:gosec // a sample
	for _, path := range paths[:min(len(paths), drillSample)] {
		if err := r.file(ctx, files[path], filepath.Join(dir, "file")); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		result.Compared++
	}
	return nil
}

// firstDrill is how long after the start a backup is tried that never was.
const firstDrill = time.Hour

// nextDrill is when the backup is tried again, the zero time if never.
func (p *Plugin) nextDrill() time.Time {
	p.mu.Lock()
	started := p.startedAt
	p.mu.Unlock()
	switch last := p.drills.list(); {
	case p.config.DrillInterval <= 0 || p.locked() || started.IsZero():
		return time.Time{}
	case len(last) > 0:
		return last[0].At.Add(p.config.DrillInterval)
	default:
		return started.Add(min(p.config.DrillInterval, firstDrill))
	}
}

// drillRegularly drills when the last drill is long enough ago.
func (p *Plugin) drillRegularly(ctx context.Context) {
	for {
		due := p.nextDrill()
		if due.IsZero() {
			return // what is encrypted for somebody else cannot be restored here
		}
		timer := time.NewTimer(min(max(time.Until(due), time.Second), longestWait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		// a command or a person may have drilled meanwhile, and a target that has
		// nothing yet is told of elsewhere
		if time.Until(p.nextDrill()) <= 0 && p.Status().copied() {
			p.drillAndTell(ctx)
		}
	}
}

// longestWait is how long the next drill is waited for at most before looking at the
// clock again, which somebody may have set.
const longestWait = time.Minute

// drillNow drills in the background, unless a drill is under way.
func (p *Plugin) drillNow() {
	if !p.underWay.CompareAndSwap(0, 1) {
		return
	}
	began := p.workers.Go("drill", func(ctx context.Context) {
		defer p.underWay.Add(-1)
		p.drillAndTell(ctx)
	})
	if !began {
		p.underWay.Add(-1)
	}
}

// drillAndTell drills and logs how it went.
func (p *Plugin) drillAndTell(ctx context.Context) {
	result := p.Drill(ctx)
	switch {
	case ctx.Err() != nil:
	case result.OK:
		p.logger().Info("the restore drill succeeded", slog.Float64("seconds", result.Seconds))
	default:
		p.logger().Error("the restore drill failed", slog.String("error", result.Error), slog.String("target", result.Target))
	}
}

// locked tells whether this machine can encrypt and not decrypt.
func (p *Plugin) locked() bool { return len(p.config.Recipients) > 0 && p.config.Identity == "" }
