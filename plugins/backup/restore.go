package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/benbjohnson/litestream"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// Errors of a restore.
var (
	// ErrNothing is returned when no target has a backup of the time.
	ErrNothing = errors.New("there is no backup of this time")

	// ErrLive is returned for a directory whose databases a program has open.
	ErrLive = errors.New("a program has the databases open; stop it first")

	// ErrNotEmpty is returned for a directory that holds data, without Force.
	ErrNotEmpty = errors.New("the directory holds data")
)

// Restoration is what a restore brought back.
type Restoration struct {
	// To is the time that was asked for.
	To time.Time `json:"to"`

	// Target is where it came from.
	Target string `json:"target"`

	// Dir is the directory that it is in.
	Dir string `json:"dir"`

	// Databases are the times of the last changes in each.
	Databases map[string]time.Time `json:"databases"`

	// Files and Bytes count the uploaded files.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`

	// InS3 counts the files that the app kept in a bucket of its own. They are listed
	// in files-in-s3.json in Dir and not touched.
	InS3 int `json:"inS3,omitempty"`

	// Missing are files that the backup does not have.
	Missing []string `json:"missing,omitempty"`

	// Aside is where the data is that was in Dir before.
	Aside string `json:"aside,omitempty"`
}

// restorer restores from one target.
type restorer struct {
	vault *vault
	to    time.Time
	// tell, if set, is told how many bytes of all are restored.
	tell     func(done, all int64)
	done     int64
	expected int64
}

// source is a database at a time.
type source struct {
	pieces *segments
	at     time.Time // of the last change
	size   int64     // of all pieces that are read
}

// find returns the generation that has the database at the time.
func (r *restorer) find(ctx context.Context, database string) (source, error) {
	all, err := generations(ctx, r.vault, database)
	if err != nil {
		return source{}, err
	}
	for _, g := range slices.Backward(all) {
		from, _, _, ok, err := g.span(ctx)
		if err != nil {
			return source{}, err
		}
		if !ok || !from.Before(r.to) {
			continue
		}
		plan, err := litestream.CalcRestorePlan(ctx, g, 0, r.to, discard)
		if err != nil {
			return source{}, fmt.Errorf("plan the restore of %s: %w", database, err)
		}
		s := source{pieces: g}
		for _, info := range plan {
			s.size += info.Size
			if info.CreatedAt.After(s.at) {
				s.at = info.CreatedAt
			}
		}
		return s, nil
	}
	return source{}, fmt.Errorf("%s in %s: %w", database, r.vault.name(), ErrNothing)
}

// database restores one to a new file and checks it.
func (r *restorer) database(ctx context.Context, s source, path string) error {
	s.pieces.opened = func(n int) { r.progress(int64(n)) }
	replica := litestream.NewReplicaWithClient(nil, s.pieces)
	options := litestream.NewRestoreOptions()
	options.OutputPath, options.Timestamp, options.Parallelism = path, r.to, 1
	if err := replica.Restore(ctx, options); err != nil {
		return fmt.Errorf("restore %s: %w", filepath.Base(path), err)
	}
	return checkDatabase(ctx, path)
}

func (r *restorer) progress(n int64) {
	r.done += n
	if r.tell != nil {
		r.tell(r.done, r.expected)
	}
}

// all restores databases and files to an empty directory.
func (r *restorer) all(ctx context.Context, dir string) (Restoration, error) {
	result := Restoration{To: r.to, Target: r.vault.name(), Dir: dir, Databases: map[string]time.Time{}}
	sources := map[string]source{}
	for _, name := range databases {
		s, err := r.find(ctx, name)
		if errors.Is(err, ErrNothing) && name != databases[0] {
			continue // the app makes it anew
		}
		if err != nil {
			return result, err
		}
		sources[name] = s
		r.expected += s.size
	}
	files, inS3, err := filesAt(ctx, r.vault, r.to)
	if err != nil {
		return result, err
	}
	if !inS3 {
		for _, f := range files {
			r.expected += f.Size
		}
	}
	for _, name := range databases {
		if s, ok := sources[name]; ok {
			if err := r.database(ctx, s, filepath.Join(dir, name)); err != nil {
				return result, err
			}
			result.Databases[name] = s.at
		}
	}
	if inS3 {
		result.InS3 = len(files)
		return result, listFiles(filepath.Join(dir, "files-in-s3.json"), files)
	}
	for _, path := range sortedKeys(files) {
		f := files[path]
		err := r.file(ctx, f, filepath.Join(dir, core.LocalStorageDirName, filepath.FromSlash(path)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			result.Missing = append(result.Missing, path)
			continue
		case err != nil:
			return result, err
		}
		result.Files++
		result.Bytes += f.Size
	}
	return result, nil
}

// file restores one to a new path and compares its hash.
func (r *restorer) file(ctx context.Context, f File, path string) error {
	if !filepath.IsLocal(filepath.FromSlash(f.Path)) || len(f.Hash) != 2*sha256.Size {
		return fmt.Errorf("the manifest names a file %q that cannot be", f.Path)
	}
	const tries = 3
	var err error
	for range tries {
		if err = r.copyFile(ctx, f, path); err == nil || ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrLocked) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("restore the file %s: %w", f.Path, err)
	}
	return nil
}

func (r *restorer) copyFile(ctx context.Context, f File, path string) (err error) {
	content, err := openFile(ctx, r.vault, f.Hash)
	if err != nil {
		return err
	}
	defer content.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, hash), content)
	err = errors.Join(err, file.Close())
	if err == nil && hex.EncodeToString(hash.Sum(nil)) != f.Hash {
		err = errors.New("the copy in the backup is damaged")
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	r.progress(n)
	modified := time.UnixMilli(f.Modified)
	return os.Chtimes(path, modified, modified)
}

// freshDir is where a restore makes the data before it takes its place.
const freshDir = ".restoring"

// restore restores to a directory that must not hold data, or whose data is
// moved aside.
func (r *restorer) restore(ctx context.Context, dir string, force bool) (Restoration, error) {
	if err := mayReplace(dir, force); err != nil {
		return Restoration{}, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return Restoration{}, err
	}
	// within the directory, which may be a file system of its own
	fresh := filepath.Join(dir, freshDir)
	if err := os.RemoveAll(fresh); err != nil {
		return Restoration{}, err
	}
	if err := os.Mkdir(fresh, 0o750); err != nil {
		return Restoration{}, err
	}
	defer os.RemoveAll(fresh)
	result, err := r.all(ctx, fresh)
	if err != nil {
		return result, err
	}
	if err := mayReplace(dir, force); err != nil { // it took a while
		return result, err
	}
	result.Dir = dir
	result.Aside, err = moveAside(dir)
	if err != nil {
		return result, err
	}
	entries, err := os.ReadDir(fresh)
	if err != nil {
		return result, err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(fresh, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return result, err
		}
	}
	return result, nil
}

// replaced are the names in a data directory that a restore replaces. The state of
// the backup goes with the databases, so that a new generation begins.
func replaced(name string) bool {
	for _, database := range databases {
		if name == database || name == database+"-wal" || name == database+"-shm" {
			return true
		}
	}
	return name == core.LocalStorageDirName || name == stateDir
}

// mayReplace tells why a restore must not write to a directory.
func mayReplace(dir string, force bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range databases {
		live, err := sqlite.InUse(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if live {
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), ErrLive)
		}
	}
	if force {
		return nil
	}
	for _, e := range entries {
		if replaced(e.Name()) && e.Name() != stateDir {
			return fmt.Errorf("%s: %w", dir, ErrNotEmpty)
		}
	}
	return nil
}

// moveAside moves what a restore replaces to a directory beside it, and returns
// that directory, "" if there was nothing.
func moveAside(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	aside := filepath.Join(dir, asidePrefix+time.Now().UTC().Format("20060102T150405.000Z"))
	moved := false
	for _, e := range entries {
		if !replaced(e.Name()) {
			continue
		}
		if !moved {
			if err := os.Mkdir(aside, 0o750); err != nil {
				return "", err
			}
			moved = true
		}
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(aside, e.Name())); err != nil {
			return aside, err
		}
	}
	if !moved {
		return "", nil
	}
	return aside, nil
}

// asidePrefix is how directories are called that hold the data from before a restore.
const asidePrefix = ".before-restore-"

// ParseTime reads a time as people write it to a command: "2026-11-22 14:03:05",
// which is UTC like all times in PocketBase, RFC 3339 with an offset, "now", or how
// long ago, such as "15m".
func ParseTime(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "now" {
		return now.UTC(), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999Z07:00", "2006-01-02 15:04:05.999", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time such as \"2026-11-22 14:03:05\" (UTC), \"2026-11-22T15:03:05+01:00\", \"15m\" (ago) or \"now\"", text)
}
