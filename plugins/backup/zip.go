package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/archive"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"
)

// bindZip lets PocketBase's own backups be made without locking writers out. Both
// kinds of backup leave the files of this plugin alone.
func (p *Plugin) bindZip() {
	p.app.OnBackupCreate().Bind(&hook.Handler[*core.BackupEvent]{
		Id: "holdallBackupZip",
		Func: func(e *core.BackupEvent) error {
			e.Exclude = append(e.Exclude, p.excluded()...)
			// instead of what PocketBase does between e.Next and its return
			return p.zip(e)
		},
		Priority: 99999, // after everybody who wants to change the event
	})
	p.app.OnBackupRestore().Bind(&hook.Handler[*core.BackupEvent]{
		Id: "holdallBackupUnzip",
		Func: func(e *core.BackupEvent) error {
			// .backup is not kept: it belongs to the databases that go
			e.Exclude = append(e.Exclude, p.asides()...)
			p.stop() // the files are taken away under it, and the program starts anew
			err := e.Next()
			if err != nil && p.config.Enabled() {
				p.logger().Error("a restore failed, and the backup has ended for it; restart the server", slog.Any("error", err))
			}
			return err
		},
	})
}

// excluded are the names in the data directory that are in no zip.
func (p *Plugin) excluded() []string { return append(p.asides(), stateDir, freshDir) }

// asides are the directories that restores have moved data to.
func (p *Plugin) asides() []string {
	entries, _ := os.ReadDir(p.app.DataDir()) // PocketBase reports it
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), asidePrefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// zip does what PocketBase does for a backup, with snapshots of the databases
// instead of a lock on them.
func (p *Plugin) zip(e *core.BackupEvent) (err error) {
	if e.Name == "" {
		e.Name = "pb_backup_" + time.Now().UTC().Format("20060102150405") + ".zip"
	}
	temporary := filepath.Join(e.App.DataDir(), core.LocalTempDirName)
	stage := filepath.Join(temporary, "pb_backup_"+security.PseudorandomString(8))
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return fmt.Errorf("make a directory for the backup: %w", err)
	}
	zipped := stage + ".zip"
	defer func() { err = errors.Join(err, os.RemoveAll(stage), removeIfThere(zipped)) }()

	// a file that a record in the snapshot names was there before or after it
	if err := link(e.Context, e.App.DataDir(), stage, e.Exclude); err != nil {
		return err
	}
	for database, from := range map[string]dbx.Builder{databases[0]: e.App.ConcurrentDB(), databases[1]: e.App.AuxConcurrentDB()} {
		_, err := from.NewQuery("VACUUM INTO {:path}").Bind(dbx.Params{"path": filepath.Join(stage, database)}).WithContext(e.Context).Execute()
		if err != nil {
			return fmt.Errorf("take a snapshot of %s: %w", database, err)
		}
	}
	if err := link(e.Context, e.App.DataDir(), stage, e.Exclude); err != nil {
		return err
	}
	if err := archive.Create(stage, zipped); err != nil {
		return fmt.Errorf("zip the backup: %w", err)
	}
	return upload(e, zipped)
}

func upload(e *core.BackupEvent, zipped string) error {
	system, err := e.App.NewBackupsFilesystem()
	if err != nil {
		return err
	}
	defer system.Close()
	system.SetContext(e.Context)
	file, err := filesystem.NewFileFromPath(zipped)
	if err != nil {
		return err
	}
	file.Name, file.OriginalName = e.Name, e.Name
	return system.UploadFile(file, file.Name)
}

// link makes the files of a directory be in another, too, where they are not. It
// leaves out the databases, which change.
func link(ctx context.Context, from, to string, exclude []string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if slices.Contains(exclude, filepath.ToSlash(relative)) || isDatabaseFile(relative) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		return linkFile(path, target)
	})
}

func isDatabaseFile(name string) bool {
	for _, database := range databases {
		if strings.HasPrefix(name, database) {
			return true
		}
	}
	return false
}

// linkFile gives a file a second name, or copies it where that cannot be.
func linkFile(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	source, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer source.Close()
	copied, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, source)
	return errors.Join(err, copied.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
