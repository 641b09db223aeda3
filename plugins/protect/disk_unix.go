//go:build unix

package protect

import "golang.org/x/sys/unix"

// diskErrors are what the system says of a disk that takes nothing.
var diskErrors = []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO}

// mightPass are those that pass by themselves, or by somebody's help from outside.
var mightPass = []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS}

// spaceOf asks the system how full the file system of a directory is.
func spaceOf(dir string) (Space, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return Space{}, err
	}
	block := uint64(stat.Bsize) //nolint:unconvert // signed on some systems
	return Space{
		Free: uint64(stat.Bavail) * block, Total: uint64(stat.Blocks) * block, //nolint:unconvert // as above
		ReadOnly: readOnly(&stat),
	}, nil
}
