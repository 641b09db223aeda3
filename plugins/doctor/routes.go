package doctor

import (
	"embed"
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/panel"
)

// Path is where superusers get a report.
const Path = "/api/doctor"

// panelFiles are what the page in the dashboard consists of.
//
//go:embed panel
var panelFiles embed.FS

// route adds GET /api/doctor and the page, for superusers.
func (p *Plugin) route(e *core.ServeEvent) {
	panel.Add(e, "doctor", panelFiles)
	apidoc.Route(apidoc.On(e), apidoc.Op{
		Method: http.MethodGet, Path: Path, Summary: "Look for what is wrong with the server", Tags: []string{"operations"},
		Description: "Looks at configuration, rules, queries, databases, files, certificates and the disk, and says what to do. It changes nothing, and can take some seconds.",
		Access:      apidoc.Superusers,
	}, func(e *core.RequestEvent, _ *apidoc.None) (*Report, error) {
		report := p.Examine(e.Request.Context(), e.App)
		return &report, nil
	})
}
