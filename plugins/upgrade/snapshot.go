package upgrade

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// The kinds of snapshots.
const (
	KindUpgrade = "upgrade" // from before an upgrade
	KindBack    = "back"    // what was there before a way back
)

// Snapshot is a copy of the databases.
type Snapshot struct {
	// ID names it.
	ID   string    `json:"id"`
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`
	// From is what used the databases, as far as they know, and To what came next.
	From Versions `json:"from"`
	To   Versions `json:"to"`
	// Pending are the migrations that were to be applied.
	Pending []string `json:"pending,omitempty"`
	// Served is when the program of From began to serve last.
	Served string `json:"served,omitempty"`
	// Databases are the sizes of the files, in bytes.
	Databases map[string]int64 `json:"databases"`
	// Missing are databases that could not be copied, and why.
	Missing map[string]string `json:"missing,omitempty"`
}

// Size is how much room it takes, in bytes.
func (s Snapshot) Size() int64 {
	var size int64
	for _, n := range s.Databases {
		size += n
	}
	return size
}

const (
	manifestName = "manifest.json"
	// unfinished is how the directory of a snapshot begins until it is complete.
	unfinished = ".unfinished-"
)

// notInNames is what a version may have that a name of a directory should not.
var notInNames = regexp.MustCompile(`[^0-9A-Za-z.+_]+`)

func newID(now time.Time, from, to string) string {
	clean := func(version string) string { return notInNames.ReplaceAllString(cmp.Or(version, "unknown"), "_") }
	return now.UTC().Format("20060102T150405.000Z") + "-" + clean(from) + "-" + clean(to)
}

// List returns the snapshots, oldest first.
func (p *Plugin) List() ([]Snapshot, error) {
	entries, err := os.ReadDir(p.dir())
	if errors.Is(err, os.ErrNotExist) {
		return []Snapshot{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	list := []Snapshot{}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(p.dir(), e.Name(), manifestName))
		if err != nil {
			continue // not one of ours
		}
		var s Snapshot
		if json.Unmarshal(content, &s) == nil {
			s.ID = e.Name()
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b Snapshot) int { return a.At.Compare(b.At) })
	return list, nil
}

// has tells whether there is a snapshot for this upgrade already, and no program has
// served the data since. An upgrade that fails is tried again and again.
func (p *Plugin) has(s Snapshot) bool {
	list, err := p.List()
	if err != nil || len(list) == 0 {
		return false
	}
	newest := list[len(list)-1]
	return newest.Kind == KindUpgrade && newest.From == s.From && newest.To == s.To && newest.Served == s.Served && subset(s.Pending, newest.Pending)
}

// subset tells whether b has all of a: some may have been applied since.
func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(file string) bool { return !slices.Contains(b, file) })
}

// removeUnfinished removes what a process left that was killed. What cannot be removed
// only takes room.
func (p *Plugin) removeUnfinished() {
	entries, _ := os.ReadDir(p.dir())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinished) {
			p.remove(e.Name())
		}
	}
}

// remove removes a directory of a snapshot, or says why that cannot be, which keeps
// nobody from an upgrade.
func (p *Plugin) remove(name string) {
	if err := os.RemoveAll(filepath.Join(p.dir(), name)); err != nil {
		fmt.Fprintf(p.config.Progress, "An old copy of the databases cannot be removed: %v\n", err)
	}
}

// take copies the databases. Nothing is left of a copy that fails.
func (p *Plugin) take(ctx context.Context, s Snapshot) (err error) {
	if err := os.MkdirAll(p.dir(), 0o700); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	if err := p.room(); err != nil {
		return err
	}
	s.At = time.Now().UTC()
	s.ID = newID(s.At, s.From.Program, s.To.Program)
	fresh := filepath.Join(p.dir(), unfinished+s.ID)
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("upgrade: the databases cannot be copied before the upgrade, so nothing was changed; make room, or %s to go on without a way back: %w", p.config.SetNoSnapshots, err)
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	s.Databases, s.Missing = map[string]int64{}, map[string]string{}
	for _, name := range databases {
		size, err := p.copy(ctx, name, filepath.Join(fresh, name))
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil && name == auxiliaryFile && damaged(err):
			s.Missing[name] = err.Error() // it has logs, and an app makes it anew
			if err := os.RemoveAll(filepath.Join(fresh, name)); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			s.Databases[name] = size
		}
	}
	if err := writeManifest(fresh, s); err != nil {
		return err
	}
	if err := os.Rename(fresh, filepath.Join(p.dir(), s.ID)); err != nil {
		return err
	}
	if err := syncDir(p.dir()); err != nil {
		return err
	}
	p.prune()
	return nil
}

// copy copies one database and returns the size of the copy.
func (p *Plugin) copy(ctx context.Context, name, to string) (int64, error) {
	from := p.database(name)
	if info, err := os.Stat(from); err != nil {
		return 0, err
	} else if info.Size() == 0 && !exists(from+"-wal") {
		return 0, os.ErrNotExist
	}
	err := sqlite.Copy(ctx, from, to, func(done, all int) error { return p.tell(name, done, all) })
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// damaged tells whether SQLite says that a file is no sound database.
func damaged(err error) bool {
	coded := interface{ Code() int }(nil)
	const corrupt, notADatabase = 11, 26
	return errors.As(err, &coded) && (coded.Code()&0xff == corrupt || coded.Code()&0xff == notADatabase)
}

// spare is how many bytes of the disk stay free beside a copy in any case, for the
// upgrade itself.
const spare = 16 << 20

// room returns an error if the disk has none for another copy.
func (p *Plugin) room() error {
	var needed uint64
	for _, name := range databases {
		for _, file := range []string{name, name + "-wal"} {
			if info, err := os.Stat(p.database(file)); err == nil {
				needed += uint64(info.Size())
			}
		}
	}
	now, err := p.space(p.dir())
	if err != nil {
		return fmt.Errorf("upgrade: ask for the free space: %w", err)
	}
	needed += needed / 20
	if wanted := uint64(p.config.MinFree); now.Free >= wanted {
		needed += max(wanted, spare)
	} else {
		needed += spare // that much is not free without a copy either
	}
	if now.Free >= needed {
		return nil
	}
	text := fmt.Sprintf("%s is free and %s is needed in %s", bytesText(now.Free), bytesText(needed), p.dir())
	if list, err := p.List(); err == nil && len(list) > 0 {
		text += fmt.Sprintf("; the snapshots there of earlier upgrades take %s and may be removed", bytesText(total(list)))
	}
	return fmt.Errorf("upgrade: %w: %s; nothing was changed: make room, or %s to go on without a way back", ErrNoRoom, text, p.config.SetNoSnapshots)
}

func total(list []Snapshot) uint64 {
	var size uint64
	for _, s := range list {
		size += uint64(s.Size())
	}
	return size
}

// prune removes the oldest snapshots of each kind.
func (p *Plugin) prune() {
	list, _ := p.List() // the next time will do
	kept := map[string]int{}
	for _, s := range slices.Backward(list) {
		if kept[s.Kind]++; kept[s.Kind] <= p.config.Keep {
			continue
		}
		p.remove(s.ID)
	}
}

func writeManifest(dir string, s Snapshot) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, manifestName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // within the data directory
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close(), syncDir(dir))
}
