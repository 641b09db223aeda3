package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdall-go/holdall/internal/disk"
	"github.com/holdall-go/holdall/internal/sqlite"
)

// Errors of a way back.
var (
	// ErrNoSnapshot is returned if there is none, or none of the name.
	ErrNoSnapshot = errors.New("there is no such snapshot")

	// ErrInUse is returned while a program has the databases open.
	ErrInUse = errors.New("a program has the databases open; stop it first")
)

// Return is a way back that was gone, or would be.
type Return struct {
	// To is the snapshot.
	To Snapshot `json:"to"`
	// Used is what used the databases last.
	Used Versions `json:"used"`
	// Loss is what is lost with the way back.
	Loss []TableLoss `json:"loss"`
	// LossUnknown says why it cannot be told.
	LossUnknown string `json:"lossUnknown,omitempty"`
	// Aside names the snapshot of what was there before. It is empty for a way back
	// that was not gone.
	Aside string `json:"aside,omitempty"`
}

// find returns the snapshot of the id, "" for the newest from before an upgrade.
func (p *Plugin) find(id string) (Snapshot, error) {
	list, err := p.List()
	if err != nil {
		return Snapshot{}, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].ID == id || id == "" && list[i].Kind == KindUpgrade {
			return list[i], nil
		}
	}
	if id == "" {
		return Snapshot{}, fmt.Errorf("upgrade: %w in %s", ErrNoSnapshot, p.dir())
	}
	return Snapshot{}, fmt.Errorf("upgrade: %w as %q; %q shows those that there are", ErrNoSnapshot, id, p.name()+" upgrade list")
}

// Plan tells what a way back would do. It changes nothing, and a program may be
// using the databases.
func (p *Plugin) Plan(ctx context.Context, id string) (Return, error) {
	s, err := p.find(id)
	if err != nil {
		return Return{}, err
	}
	r := Return{To: s, Loss: []TableLoss{}}
	if err := p.check(ctx, s); err != nil {
		return r, err
	}
	if r.Used, _, err = Used(ctx, p.database(mainFile)); err == nil {
		r.Loss, err = compare(ctx, p.database(mainFile), p.file(s, mainFile))
	}
	if err != nil { // what is there may be damaged, which is a reason to go back
		r.LossUnknown = err.Error()
	}
	return r, nil
}

func (p *Plugin) file(s Snapshot, name string) string { return filepath.Join(p.dir(), s.ID, name) }

// check returns an error if a snapshot is not what it was.
func (p *Plugin) check(ctx context.Context, s Snapshot) error {
	for name, size := range s.Databases {
		if filepath.Base(name) != name {
			return fmt.Errorf("upgrade: the manifest of %s names a file %q that cannot be", s.ID, name)
		}
		path := p.file(s, name)
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("upgrade: the snapshot %s is not whole: %w", s.ID, err)
		}
		if info.Size() != size && s.Kind == KindUpgrade {
			return fmt.Errorf("upgrade: the snapshot %s is not whole: %s has %d bytes, and had %d", s.ID, name, info.Size(), size)
		}
		if s.Kind == KindUpgrade {
			if err := checkDatabase(ctx, path); err != nil {
				return fmt.Errorf("upgrade: the snapshot %s is damaged: %w", s.ID, err)
			}
		}
	}
	return nil
}

func checkDatabase(ctx context.Context, path string) error {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return err
	}
	found, err := texts(ctx, db, "PRAGMA quick_check(1000)")
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if damage, _ := sqlite.Damage(found); len(damage) > 0 {
		return fmt.Errorf("%s: %s", filepath.Base(path), strings.Join(damage[:min(len(damage), 10)], "; "))
	}
	return nil
}

// Back puts the databases of a snapshot, "" for the newest, in the place of those
// that are there, and keeps these as a snapshot. Uploaded files stay as they are.
func (p *Plugin) Back(ctx context.Context, id string) (Return, error) {
	defer p.lock()()
	if err := p.unused(); err != nil {
		return Return{}, err
	}
	if err := p.undoInterrupted(); err != nil {
		return Return{}, err
	}
	r, err := p.Plan(ctx, id)
	if err != nil {
		return r, err
	}
	fresh, err := p.stage(ctx, r.To)
	if err != nil {
		return r, fmt.Errorf("upgrade: copy the snapshot, nothing was changed: %w", err)
	}
	defer os.RemoveAll(fresh)
	if err := p.unused(); err != nil { // it took a while
		return r, err
	}
	if r.Aside, err = p.setAside(ctx, r); err != nil {
		return r, fmt.Errorf("upgrade: keep the databases that are there, which are as they were: %w", err)
	}
	if err := p.moveBeside(r.Aside); err != nil {
		return r, p.undone(&r, fmt.Errorf("upgrade: put aside what belongs to the databases: %w", err))
	}
	for _, name := range databases {
		if _, ok := r.To.Databases[name]; !ok {
			continue
		}
		if err := p.replace(name, fresh); err != nil {
			return r, p.undone(&r, fmt.Errorf("upgrade: replace %s: %w", name, err))
		}
	}
	p.prune()
	return r, syncDir(p.app.DataDir())
}

// moveBeside puts what belongs to the databases beside where they are kept.
func (p *Plugin) moveBeside(id string) error {
	for _, name := range p.config.Beside {
		err := os.Rename(filepath.Join(p.app.DataDir(), name), filepath.Join(p.dir(), id, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// unused returns an error while another process has a database open.
func (p *Plugin) unused() error {
	for _, name := range databases {
		used, err := sqlite.InUse(p.database(name))
		if err != nil {
			return fmt.Errorf("upgrade: %w", err)
		}
		if used {
			return fmt.Errorf("upgrade: %s: %w", p.database(name), ErrInUse)
		}
	}
	return nil
}

// stage copies a snapshot to where its files can be moved into place. The snapshot
// stays, so that one can go back again.
func (p *Plugin) stage(ctx context.Context, s Snapshot) (string, error) {
	now, err := disk.Space(p.dir())
	if err != nil {
		return "", err
	}
	if needed := uint64(s.Size()); now.Free < needed {
		return "", fmt.Errorf("%w: %s is free and %s is needed", ErrNoRoom, bytesText(now.Free), bytesText(needed))
	}
	fresh, err := os.MkdirTemp(p.dir(), unfinished)
	if err != nil {
		return "", err
	}
	for name := range s.Databases {
		for _, suffix := range []string{"", "-wal"} {
			err := copyFile(p.file(s, name)+suffix, filepath.Join(fresh, name+suffix))
			if err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
				return "", errors.Join(err, os.RemoveAll(fresh))
			}
		}
		foldLog(ctx, filepath.Join(fresh, name)) // so that one file is moved into place, not two
	}
	return fresh, nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from) //nolint:gosec // within the data directory
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()) //nolint:gosec // within the data directory
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}

// setAside makes a snapshot of what is there, without a second copy: the files get
// another name, and lose their own only when others take their place.
func (p *Plugin) setAside(ctx context.Context, r Return) (id string, err error) {
	s := Snapshot{Kind: KindBack, At: time.Now().UTC(), From: r.Used, To: r.To.From, Databases: map[string]int64{}}
	s.ID = newID(s.At, s.From.Program, "back")
	fresh := filepath.Join(p.dir(), unfinished+s.ID)
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	for _, name := range databases {
		if !exists(p.database(name)) {
			continue
		}
		foldLog(ctx, p.database(name))
		for _, suffix := range []string{"", "-wal"} {
			err := sameFile(p.database(name)+suffix, filepath.Join(fresh, name+suffix))
			if err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
				return "", err
			}
		}
		info, err := os.Stat(p.database(name))
		if err != nil {
			return "", err
		}
		s.Databases[name] = info.Size()
	}
	if err := writeManifest(fresh, s); err != nil {
		return "", err
	}
	return s.ID, errors.Join(os.Rename(fresh, filepath.Join(p.dir(), s.ID)), syncDir(p.dir()))
}

// sameFile gives a file a second name. File systems that know no such thing get a
// second file.
func sameFile(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return err
	}
	return copyFile(from, to)
}

// foldLog moves the write-ahead log into the database, so that it is one file. If
// that cannot be, because the database is damaged, they stay two.
func foldLog(ctx context.Context, path string) {
	db, err := openToWrite(path)
	if err != nil {
		return
	}
	_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	_ = db.Close() // the last connection removes the log
}

// replace puts a staged database in the place of the one that is there. Its log goes
// first: beside another database it would be taken for that one's.
func (p *Plugin) replace(name, fresh string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(p.database(name) + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(filepath.Join(fresh, name), p.database(name)); err != nil {
		return err
	}
	// a log that could not be moved into the database comes after it, for the same reason
	if exists(filepath.Join(fresh, name+"-wal")) {
		return os.Rename(filepath.Join(fresh, name+"-wal"), p.database(name)+"-wal")
	}
	return nil
}
