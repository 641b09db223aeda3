//go:build unix

package disk

import "golang.org/x/sys/unix"

// Space is the size of the file system of dir and how much of it this process may
// still fill, in bytes.
func Space(dir string) (total, free uint64, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, 0, err
	}
	size := uint64(stat.Bsize)
	return uint64(stat.Blocks) * size, uint64(stat.Bavail) * size, nil //nolint:unconvert // likewise
}
