package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// deltasBeforeFull is how many manifests hold only changes before the next whole one.
const deltasBeforeFull = 500

// mirror copies uploaded files to one target, each content once.
type mirror struct {
	plugin *Plugin
	vault  *vault
	state  string // the file that remembers what is copied
	log    *slog.Logger
	woken  chan struct{}

	working sync.Mutex // held while files are copied
	known   mirrorState

	mu    sync.Mutex
	dirty map[string]struct{} // directories of records that changed
	stats mirrorStats
}

// mirrorState is what a mirror remembers from one process to the next. Without it
// all files are read again, and none is copied that is there.
type mirrorState struct {
	S3      bool            `json:"s3,omitempty"`
	Full    time.Time       `json:"full"` // of the last whole manifest
	Last    time.Time       `json:"last"` // of the last manifest
	Deltas  int             `json:"deltas"`
	Expired time.Time       `json:"expired"` // when old copies were removed
	Files   map[string]File `json:"files"`
}

type mirrorStats struct {
	at    time.Time // of the last look at all files that succeeded
	err   error
	files int
	bytes int64
}

func newMirror(p *Plugin, v *vault, state string) *mirror {
	m := &mirror{
		plugin: p, vault: v, state: state, woken: make(chan struct{}, 1), dirty: map[string]struct{}{},
		log: p.logger().With(slog.String("target", v.name())),
	}
	content, err := os.ReadFile(state)
	if err != nil || json.Unmarshal(content, &m.known) != nil {
		m.known = mirrorState{}
	}
	if m.known.Files == nil {
		m.known = mirrorState{Files: map[string]File{}}
	}
	return m
}

// bindFiles notices the records whose files change.
func (p *Plugin) bindFiles() {
	noticed := func(e *core.RecordEvent) error {
		if hasFiles(e.Record) {
			p.touched(e.Record.BaseFilesPath())
		}
		return e.Next()
	}
	handler := func(id string) *hook.Handler[*core.RecordEvent] {
		return &hook.Handler[*core.RecordEvent]{Id: id, Func: noticed}
	}
	p.app.OnRecordAfterCreateSuccess().Bind(handler("holdallBackupFilesCreated"))
	p.app.OnRecordAfterUpdateSuccess().Bind(handler("holdallBackupFilesUpdated"))
	p.app.OnRecordAfterDeleteSuccess().Bind(handler("holdallBackupFilesDeleted"))
}

func hasFiles(record *core.Record) bool {
	return slices.ContainsFunc(record.Collection().Fields, func(f core.Field) bool { return f.Type() == core.FieldTypeFile })
}

// touched makes all mirrors look at a directory of the storage.
func (p *Plugin) touched(dir string) {
	p.mu.Lock()
	mirrors := p.mirrors
	p.mu.Unlock()
	for _, m := range mirrors {
		m.mu.Lock()
		m.dirty[dir] = struct{}{}
		m.mu.Unlock()
		m.wake()
	}
}

// run copies files until ctx is done.
func (m *mirror) run(ctx context.Context) {
	ticker := time.NewTicker(m.plugin.config.FilesInterval)
	defer ticker.Stop()
	for all := true; ; {
		pause := m.plugin.config.Interval // what comes in quick succession shares a manifest
		if err := m.look(ctx, all); err != nil {
			pause = max(pause, fileRetry)
			m.wake()
		} else if all {
			m.expire(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			all = true
		case <-m.woken:
			all = false
		}
	}
}

// fileRetry is how long after a failure files are copied again.
const fileRetry = 5 * time.Second

func (m *mirror) wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

// finish copies what was noticed and not copied, at the end of the program.
func (m *mirror) finish(ctx context.Context) { _ = m.look(ctx, false) } // it is logged

// look compares files with what is copied: all, or those of records that changed.
func (m *mirror) look(ctx context.Context, all bool) error {
	m.working.Lock()
	defer m.working.Unlock()
	m.mu.Lock()
	dirty := slices.Sorted(maps.Keys(m.dirty))
	clear(m.dirty)
	m.mu.Unlock()
	if !all && len(dirty) == 0 {
		return nil
	}
	if all {
		dirty = []string{""}
	}
	err := m.copyAll(ctx, dirty)

	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		for _, dir := range dirty {
			m.dirty[dir] = struct{}{} // again the next time
		}
		if m.stats.err == nil && ctx.Err() == nil {
			m.log.Error("uploaded files are not backed up", slog.Any("error", err))
		}
		m.stats.err = err
		return err
	}
	if m.stats.err != nil {
		m.log.Info("uploaded files are backed up again")
	}
	m.stats = mirrorStats{at: time.Now(), files: len(m.known.Files)}
	for _, f := range m.known.Files {
		m.stats.bytes += f.Size
	}
	return nil
}

func (m *mirror) copyAll(ctx context.Context, dirs []string) error {
	began := time.Now()
	s := m.plugin.storage()
	if s.inS3() != m.known.S3 {
		m.known = mirrorState{S3: s.inS3(), Files: map[string]File{}}
	}
	change := manifest{S3: s.inS3()}
	hashes := map[string]bool{}
	for _, f := range m.known.Files {
		hashes[f.Hash] = true
	}
	for _, dir := range dirs {
		found, err := s.list(ctx, dir)
		if err != nil {
			return fmt.Errorf("list the files in %q: %w", dir, err)
		}
		for path, f := range found {
			before, ok := m.known.Files[path]
			if ok && before.Size == f.Size && before.Modified == f.Modified && before.Tag == f.Tag {
				continue
			}
			f, err := m.copy(ctx, s, f, hashes)
			if errors.Is(err, fs.ErrNotExist) {
				continue // removed meanwhile
			}
			if err != nil {
				return fmt.Errorf("copy %s: %w", path, err)
			}
			change.Added = append(change.Added, f)
		}
		for path := range m.known.Files {
			if _, ok := found[path]; !ok && within(path, dir) {
				change.Removed = append(change.Removed, path)
			}
		}
	}
	return m.publish(ctx, began, change)
}

// within tells whether a file is in a directory of the storage; "" is all of it.
func within(path, dir string) bool { return dir == "" || strings.HasPrefix(path, dir+"/") }

// copy stores the content of a file unless it is there, and returns its hash, too.
func (m *mirror) copy(ctx context.Context, s storage, f File, there map[string]bool) (File, error) {
	if s.inS3() {
		return f, nil
	}
	content, err := s.open(f.Path)
	if err != nil {
		return f, err
	}
	defer content.Close()
	hash := sha256.New()
	if f.Size, err = io.Copy(hash, content); err != nil {
		return f, err
	}
	f.Hash = hex.EncodeToString(hash.Sum(nil))
	if there[f.Hash] {
		return f, nil
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return f, err
	}
	if err := m.vault.write(ctx, fileKey(f.Hash), content); err != nil {
		return f, err
	}
	there[f.Hash] = true
	return f, nil
}

// publish stores what changed, and from time to time all there is.
func (m *mirror) publish(ctx context.Context, at time.Time, change manifest) error {
	at = at.Round(0) // by the clock on the wall, as manifests are ordered by it
	full := m.known.Full.IsZero() || m.known.Deltas >= deltasBeforeFull || at.Sub(m.known.Full) >= noticedWithin-time.Hour ||
		at.Before(m.known.Last) // the clock was ahead: what was told then comes after this
	if len(change.Added)+len(change.Removed) == 0 && !full {
		return nil
	}
	for _, f := range change.Added {
		m.known.Files[f.Path] = f
	}
	for _, path := range change.Removed {
		delete(m.known.Files, path)
	}
	if full {
		change = manifest{S3: change.S3, Files: slices.Collect(maps.Values(m.known.Files))}
	}
	if err := writeManifest(ctx, m.vault, at, change, full); err != nil {
		m.known.Full = time.Time{} // the next one says all
		return fmt.Errorf("store the manifest: %w", err)
	}
	m.known.Last = at
	m.known.Deltas++
	if full {
		m.known.Full, m.known.Deltas = at, 0
	}
	content, err := json.Marshal(m.known)
	if err != nil {
		return err
	}
	return replaceFile(m.state, content)
}

// replaceFile writes a file wholly or not at all.
func replaceFile(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// expire removes manifests past the retention, and the copies that no manifest
// names any more, once a day.
func (m *mirror) expire(ctx context.Context) {
	m.working.Lock()
	defer m.working.Unlock()
	// a time to come is one of a clock that was ahead
	if since := time.Since(m.known.Expired); since >= 0 && since < 24*time.Hour {
		return
	}
	if err := m.removeExpired(ctx, m.plugin.config.RetentionClock.Now().Add(-m.plugin.config.Retention)); err != nil && ctx.Err() == nil {
		m.log.Warn("old files of the backup cannot be removed", slog.Any("error", err))
		return
	}
	m.known.Expired = time.Now() // saved with the next manifest, at the latest tomorrow
}

func (m *mirror) removeExpired(ctx context.Context, before time.Time) error {
	all, err := manifests(ctx, m.vault)
	if err != nil {
		return err
	}
	first := 0 // the last whole manifest before the retention is where it begins
	for i, l := range all {
		if l.full && l.at.Before(before) {
			first = i
		}
	}
	named := map[string]bool{}
	for _, f := range m.known.Files {
		named[f.Hash] = true
	}
	for _, l := range all[first:] {
		kept, err := readManifest(ctx, m.vault, l.key)
		if errors.Is(err, ErrLocked) {
			return m.removeManifests(ctx, all[:first]) // what they name cannot be known
		}
		if err != nil {
			return err
		}
		for _, f := range slices.Concat(kept.Files, kept.Added) {
			named[f.Hash] = true
		}
	}
	if err := m.removeManifests(ctx, all[:first]); err != nil {
		return err
	}
	copies, err := m.vault.all(ctx, "files/")
	if err != nil {
		return err
	}
	for _, o := range copies {
		hash := strings.TrimSuffix(o.key[strings.LastIndex(o.key, "/")+1:], encrypted)
		if len(hash) == 2*sha256.Size && !named[hash] {
			if err := m.vault.remove(ctx, o.key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *mirror) removeManifests(ctx context.Context, old []listed) error {
	for _, l := range old {
		if err := m.vault.remove(ctx, l.key); err != nil {
			return err
		}
	}
	return nil
}

// storage is where the app keeps uploaded files.
type storage interface {
	inS3() bool
	// list returns the files in a directory, by path; "" is all of them.
	list(ctx context.Context, dir string) (map[string]File, error)
	open(path string) (io.ReadSeekCloser, error)
}

func (p *Plugin) storage() storage {
	if p.app.Settings().S3.Enabled {
		return s3Storage{p.app}
	}
	return localStorage{filepath.Join(p.app.DataDir(), core.LocalStorageDirName)}
}

type localStorage struct{ root string }

func (localStorage) inS3() bool { return false }

func (s localStorage) list(ctx context.Context, dir string) (map[string]File, error) {
	files := map[string]File{}
	err := filepath.WalkDir(filepath.Join(s.root, filepath.FromSlash(dir)), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), "thumbs_"):
			return filepath.SkipDir // PocketBase makes them again
		case !entry.Type().IsRegular():
			return ctx.Err()
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(s.root, path)
		key := filepath.ToSlash(relative)
		files[key] = File{Path: key, Size: info.Size(), Modified: info.ModTime().UnixMilli()}
		return err
	})
	return files, err
}

func (s localStorage) open(path string) (io.ReadSeekCloser, error) {
	return os.Open(filepath.Join(s.root, filepath.FromSlash(path)))
}

// s3Storage is an app's own bucket. Its files are listed and not copied: the bucket
// is on no disk that could be lost with the machine.
type s3Storage struct{ app core.App }

func (s3Storage) inS3() bool { return true }

func (s s3Storage) list(ctx context.Context, dir string) (map[string]File, error) {
	system, err := s.app.NewFilesystem()
	if err != nil {
		return nil, err
	}
	defer system.Close()
	system.SetContext(ctx)
	prefix := dir
	if dir != "" {
		prefix += "/"
	}
	objects, err := system.List(prefix)
	if err != nil {
		return nil, err
	}
	files := map[string]File{}
	for _, o := range objects {
		if !strings.Contains(o.Key, "/thumbs_") {
			files[o.Key] = File{Path: o.Key, Size: o.Size, Modified: o.ModTime.UnixMilli(), Tag: hex.EncodeToString(o.MD5)}
		}
	}
	return files, nil
}

func (s3Storage) open(string) (io.ReadSeekCloser, error) { return nil, errors.ErrUnsupported }
