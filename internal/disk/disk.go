// Package disk tells of the file system that a directory is on.
package disk
