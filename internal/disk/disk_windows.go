package disk

import "golang.org/x/sys/windows"

// Space is the size of the file system of dir and how much of it this process may
// still fill, in bytes.
func Space(dir string) (total, free uint64, err error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(path, &free, &total, nil)
	return total, free, err
}
