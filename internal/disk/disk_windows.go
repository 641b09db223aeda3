package disk

import "golang.org/x/sys/windows"

// Space asks the system how full the file system of dir is.
func Space(dir string) (Usage, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	if err := windows.GetDiskFreeSpaceEx(path, &u.Free, &u.Total, nil); err != nil {
		return Usage{}, err
	}
	return u, nil
}
