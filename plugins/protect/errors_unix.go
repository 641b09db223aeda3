//go:build unix

package protect

import "golang.org/x/sys/unix"

// diskErrors are what the system says of a disk that takes nothing.
var diskErrors = []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO}

// mightPass are those that pass by themselves, or by somebody's help from outside.
var mightPass = []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS}
