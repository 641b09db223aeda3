package upgrade

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// undoInterrupted puts everything back that an interrupted way back has moved. Its
// last step is to replace data.db: as long as that is the file that was to be put
// aside, nothing has come back, and both names are of one file, which a program that
// goes on would write to.
func (p *Plugin) undoInterrupted() error {
	list, err := p.List()
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Kind != KindBack || !oneFile(p.file(s, mainFile), p.database(mainFile)) {
			continue
		}
		if err := p.undo(s); err != nil {
			return fmt.Errorf("upgrade: undo the way back that was interrupted, from %s: %w", filepath.Join(p.dir(), s.ID), err)
		}
		fmt.Fprintln(p.config.Progress, "A way back was interrupted before it came to an end: everything is as it was before.")
	}
	return nil
}

// undone undoes a way back that failed with err, and returns what to tell of it.
func (p *Plugin) undone(r *Return, err error) error {
	if failed := p.undoInterrupted(); failed != nil {
		return errors.Join(err, failed)
	}
	r.Aside = ""
	return err
}

// undo moves the files of a snapshot to where they were.
func (p *Plugin) undo(s Snapshot) error {
	if kept := p.file(s, auxiliaryFile); there(kept) && !oneFile(kept, p.database(auxiliaryFile)) {
		for _, suffix := range []string{"-wal", "-shm"} { // of what has taken its place
			if err := os.Remove(p.database(auxiliaryFile) + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if err := os.Rename(kept, p.database(auxiliaryFile)); err != nil {
			return err
		}
	}
	names := append([]string{auxiliaryFile + "-wal", mainFile + "-wal"}, p.config.Beside...)
	for _, name := range names {
		if kept, own := p.file(s, name), filepath.Join(p.app.DataDir(), name); there(kept) && !there(own) {
			if err := os.Rename(kept, own); err != nil {
				return err
			}
		}
	}
	return errors.Join(syncDir(p.app.DataDir()), os.RemoveAll(filepath.Join(p.dir(), s.ID)))
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// oneFile tells whether two names are of the same file.
func oneFile(a, b string) bool {
	first, err1 := os.Stat(a)
	second, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}
