//go:build unix

package realtime

import (
	"errors"
	"syscall"
)

// write writes once, and never waits.
func (p *pen) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), p.data)
		p.n = max(n, 0)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EAGAIN):
			p.err = err
		}
		return true
	}
}
