//go:build unix && !linux

package disk

import "golang.org/x/sys/unix"

func readOnly(*unix.Statfs_t) bool { return false }
