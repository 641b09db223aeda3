package backup

import (
	"context"
	"encoding/json"
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
// want to know read [Status].Drill.
func (p *Plugin) Drill(ctx context.Context) DrillResult {
	vaults, err := p.vaults(p.scratchParent())
	if err != nil {
		return DrillResult{At: time.Now().UTC(), Error: err.Error()}
	}
	var result DrillResult
	for i, v := range vaults {
		one := p.drill(ctx, v)
		if i == 0 || !one.OK {
			result = one
		}
		if !one.OK {
			break
		}
	}
	p.mu.Lock()
	p.drilled = &result
	running := len(p.shipments) > 0
	p.mu.Unlock()
	if !running {
		p.leaveDrill(result)
	}
	return result
}

// leaveDrill puts the result of a command where the server and "status" find it.
func (p *Plugin) leaveDrill(result DrillResult) {
	saved, err := p.savedStatus()
	if err != nil {
		return // no server has run
	}
	saved.Drill = &result
	if content, err := json.Marshal(saved); err == nil {
		_ = replaceFile(p.statusFile(), content) // the result is printed anyway
	}
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
	rand.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	for _, path := range paths[:min(len(paths), drillSample)] {
		if err := r.file(ctx, files[path], filepath.Join(dir, "file")); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		result.Compared++
	}
	return nil
}

// drillRegularly drills when the last drill is long enough ago.
func (p *Plugin) drillRegularly(ctx context.Context) {
	p.loadDrill()
	for {
		p.mu.Lock()
		last := p.drilled
		p.mu.Unlock()
		due := p.config.DrillInterval
		if last != nil {
			due = p.config.DrillInterval - time.Since(last.At)
		}
		timer := time.NewTimer(max(due, time.Second))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if p.locked() {
			return // what is encrypted for somebody else cannot be restored here
		}
		result := p.Drill(ctx)
		if ctx.Err() != nil {
			return
		}
		if result.OK {
			p.logger().Info("the restore drill succeeded", slog.Float64("seconds", result.Seconds))
			continue
		}
		p.logger().Error("the restore drill failed", slog.String("error", result.Error), slog.String("target", result.Target))
	}
}

// locked tells whether this machine can encrypt and not decrypt.
func (p *Plugin) locked() bool { return len(p.config.Recipients) > 0 && p.config.Identity == "" }
