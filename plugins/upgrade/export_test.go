package upgrade

import (
	"context"

	"github.com/holdall-go/holdall/internal/disk"
)

// Before is what a start does before the databases are opened.
func (p *Plugin) Before() error { return p.before(context.Background()) }

// OnCopy has copies tell f how far they are. An error ends them, as a full disk does.
func (p *Plugin) OnCopy(f func(name string, done, all int) error) { p.tell = f }

// SetFree has the disk tell that so many bytes are free.
func (p *Plugin) SetFree(bytes uint64) {
	p.space = func(string) (disk.Usage, error) { return disk.Usage{Free: bytes, Total: 1 << 40}, nil }
}
