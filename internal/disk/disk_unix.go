//go:build unix

package disk

import "golang.org/x/sys/unix"

// Space asks the system how full the file system of dir is.
func Space(dir string) (Usage, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return Usage{}, err
	}
	block := uint64(stat.Bsize) // signed on some systems
	return Usage{
		Free: uint64(stat.Bavail) * block, Total: uint64(stat.Blocks) * block, //nolint:unconvert // likewise
		ReadOnly: readOnly(&stat),
	}, nil
}
