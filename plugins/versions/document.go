package versions

import (
	"github.com/pocketbase/pocketbase/core"
)

func (p *Plugin) describe(app core.App) {}
