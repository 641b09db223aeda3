//go:build !linux

package disk

// Network names the kind of the network file system that dir is on, "" if it is on
// none or cannot be told, as on this system.
func Network(string) string { return "" }
