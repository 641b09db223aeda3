//go:build unix

package upgrade

import (
	"errors"
	"os"
)

// syncDir has the disk know the names in a directory.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // within the data directory
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
