//go:build unix

package upgrade

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lock waits until no other process copies or replaces the databases, and returns
// what ends the lock. Where the file system knows no locks there is none.
func (p *Plugin) lock() (unlock func()) {
	dir, err := os.Open(p.app.DataDir())
	if err != nil {
		return func() {} // there are no databases either
	}
	unlock = func() { _ = dir.Close() }
	fd := int(dir.Fd())
	if !errors.Is(unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return unlock
	}
	fmt.Fprintln(p.config.Progress, "Another process copies the databases: waiting for it.")
	for errors.Is(unix.Flock(fd, unix.LOCK_EX), unix.EINTR) {
	}
	return unlock
}
