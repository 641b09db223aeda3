package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// target is a place that backups are kept in. Keys are paths with slashes, of
// letters, digits, dots, dashes and underscores.
type target interface {
	// name tells targets apart in the status, in logs and in the local state.
	name() string

	// place says to people where it is.
	place() string

	// put stores content under key, wholly or not at all.
	put(ctx context.Context, key string, content *spool) error

	// get opens what is stored under key. The error is fs.ErrNotExist if nothing is.
	get(ctx context.Context, key string) (io.ReadCloser, error)

	// list returns what is stored under keys that begin with prefix.
	list(ctx context.Context, prefix string) ([]object, error)

	// remove removes what is stored under key. It is no error if nothing is.
	remove(ctx context.Context, key string) error
}

// object is what a target stores under a key.
type object struct {
	key  string
	size int64
}

// directory is a target in the file system, on another disk.
type directory struct{ root string }

func (d directory) name() string  { return "directory" }
func (d directory) place() string { return d.root }

// unfinished is how names of files begin that are not wholly written.
const unfinished = ".unfinished-"

func (d directory) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// put writes below the directory that is there now: if its disk goes away meanwhile the
// directory is not made again where the disk was.
func (d directory) put(ctx context.Context, key string, content *spool) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.root)
	if err != nil {
		return err
	}
	defer root.Close()
	folder := path.Dir(key)
	if err := root.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	name := path.Join(folder, unfinished+rand.Text())
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = root.Remove(name)
		}
	}()
	err = steadily(file, content.reader())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := root.Rename(name, key); err != nil {
		return err
	}
	return syncDirectory(root, folder)
}

// syncDirectory makes the names in a directory survive a power failure.
func syncDirectory(root *os.Root, path string) error {
	dir, err := root.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		err = nil // not everywhere can a directory be synced
	}
	return errors.Join(err, dir.Close())
}

func (d directory) get(_ context.Context, key string) (io.ReadCloser, error) {
	return os.Open(d.path(key))
}

func (d directory) list(ctx context.Context, prefix string) ([]object, error) {
	if err := d.mounted(); err != nil {
		return nil, err
	}
	var objects []object
	// the last part of a prefix may be the beginning of a name
	from := d.path(prefix[:strings.LastIndex(prefix, "/")+1])
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), unfinished) {
			return errors.Join(err, ctx.Err())
		}
		relative, err := filepath.Rel(d.root, path)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(relative)
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(key, prefix) {
			return nil
		}
		if err == nil {
			objects = append(objects, object{key: key, size: info.Size()})
		}
		return err
	})
	return objects, err
}

// mounted tells an empty target from one whose disk is missing.
func (d directory) mounted() error {
	info, err := os.Stat(d.root)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", d.root)
	}
	return nil
}

func (d directory) remove(_ context.Context, key string) error {
	err := os.Remove(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
