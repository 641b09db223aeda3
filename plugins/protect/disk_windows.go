package protect

import "golang.org/x/sys/windows"

// diskErrors are what the system says of a disk that takes nothing.
var diskErrors = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_WRITE_PROTECT}

// mightPass are those that pass by themselves, or by somebody's help from outside.
var mightPass = diskErrors

// spaceOf asks the system how full the file system of a directory is.
func spaceOf(dir string) (Space, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return Space{}, err
	}
	var s Space
	if err := windows.GetDiskFreeSpaceEx(path, &s.Free, &s.Total, nil); err != nil {
		return Space{}, err
	}
	return s, nil
}
