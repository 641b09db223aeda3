// Package disk tells of the file system that a directory is on.
package disk

// Usage is how full a file system is, in bytes.
type Usage struct {
	// Free is how many bytes this process may fill, Total the size.
	Free, Total uint64
	// ReadOnly tells that the file system is mounted for reading. It is known on Linux
	// only; elsewhere the first write that fails tells.
	ReadOnly bool
}
