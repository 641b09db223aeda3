package sqlite

import (
	"errors"
	"io/fs"
	"os"
)

// InUse tells whether another process has the database file open: Windows lets no
// one rename a file that is.
func InUse(path string) (bool, error) {
	err := os.Rename(path, path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return true, nil //nolint:nilerr // that is the answer
}
