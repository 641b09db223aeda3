//go:build unix

package health

import "golang.org/x/sys/unix"

// freeBytes is the space that this process may fill in the file system of dir.
func freeBytes(dir string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), nil //nolint:unconvert // signed on some systems
}
