package versions

import "github.com/pocketbase/pocketbase/core"

// Flush writes the counts down as the worker does.
func Flush(p *Plugin, app core.App) error { return p.flush(app) }
