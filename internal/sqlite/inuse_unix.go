//go:build unix

package sqlite

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// InUse tells whether another process has the database file open: SQLite holds a
// lock on a range of bytes for as long as a connection with a write-ahead log is open.
func InUse(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	const pending, length = 0x40000000, 512
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: pending, Len: length}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil {
		return false, err
	}
	return lock.Type != unix.F_UNLCK, nil
}
