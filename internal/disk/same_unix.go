//go:build unix

package disk

import "golang.org/x/sys/unix"

// Same tells whether two paths are on the same file system.
func Same(a, b string) bool {
	var first, second unix.Stat_t
	return unix.Stat(a, &first) == nil && unix.Stat(b, &second) == nil && first.Dev == second.Dev
}
