package upgrade

import "context"

// Before is what a start does before the databases are opened.
func (p *Plugin) Before() error { return p.before(context.Background()) }

// OnCopy has copies tell f how far they are. An error ends them, as a full disk does.
func (p *Plugin) OnCopy(f func(name string, done, all int) error) { p.tell = f }
