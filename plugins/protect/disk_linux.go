package protect

import "golang.org/x/sys/unix"

// readOnly tells whether the file system is mounted for reading.
func readOnly(stat *unix.Statfs_t) bool { return stat.Flags&unix.ST_RDONLY != 0 }
