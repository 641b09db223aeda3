package backup

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// drillsKept is how many results of drills are remembered.
const drillsKept = 20

// drills are the results of the last drills, the newest first. They are in a file,
// which the server and commands beside it both add to.
type drills struct {
	path func() string

	mu   sync.Mutex
	read time.Time // when the file that was read was written
	all  []DrillResult
}

// list returns the results. What it returns is not changed later.
func (d *drills) list() []DrillResult {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refresh()
	if d.all == nil {
		return []DrillResult{}
	}
	return d.all
}

// refresh reads the file if somebody has written it. d.mu is held.
func (d *drills) refresh() {
	info, err := os.Stat(d.path())
	if err != nil || info.ModTime().Equal(d.read) {
		return
	}
	content, err := os.ReadFile(d.path())
	var all []DrillResult
	if err != nil || json.Unmarshal(content, &all) != nil {
		return
	}
	d.all, d.read = all, info.ModTime()
}

// add remembers a result. One that cannot be written is remembered until the end of
// the program: who asked for it is told anyway.
func (d *drills) add(result DrillResult) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refresh()
	all := append([]DrillResult{result}, d.all...)
	d.all = all[:min(len(all), drillsKept)]
	if content, err := json.Marshal(d.all); err == nil && replaceFile(d.path(), content) == nil {
		if info, err := os.Stat(d.path()); err == nil {
			d.read = info.ModTime()
		}
	}
}

// last returns the newest result of each target.
func (s Status) last() []DrillResult {
	var last []DrillResult
	seen := map[string]bool{}
	for _, d := range s.Drills {
		if !seen[d.Target] {
			seen[d.Target] = true
			last = append(last, d)
		}
	}
	return last
}

// newest is the newest failure among the last drills of the targets, or the newest
// success if none failed.
func (s Status) newest() *DrillResult {
	var newest *DrillResult
	for _, d := range s.last() {
		if newest == nil || (newest.OK && !d.OK) {
			newest = &d
		}
	}
	return newest
}

// copied tells whether each target has a copy of the databases.
func (s Status) copied() bool {
	for _, t := range s.Targets {
		for _, d := range t.Databases {
			if d.CaughtUp.IsZero() {
				return false
			}
		}
	}
	return len(s.Targets) > 0
}
