package disk

import "golang.org/x/sys/unix"

func readOnly(stat *unix.Statfs_t) bool { return stat.Flags&unix.ST_RDONLY != 0 }
