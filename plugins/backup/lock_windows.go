package backup

import (
	"errors"
	"io/fs"
	"os"
)

// isOpen tells whether another process has a database open: Windows lets no one
// rename a file that is.
func isOpen(path string) (bool, error) {
	err := os.Rename(path, path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return true, nil //nolint:nilerr // that is the answer
}
