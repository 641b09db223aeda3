package protect

import "golang.org/x/sys/windows"

// diskErrors are what the system says of a disk that takes nothing.
var diskErrors = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_WRITE_PROTECT}

// mightPass are those that pass by themselves, or by somebody's help from outside.
var mightPass = diskErrors
