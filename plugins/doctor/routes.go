package doctor

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// Path is where superusers get a report.
const Path = "/api/doctor"

// panelFiles are what the page consists of.
//
//go:embed panel
var panelFiles embed.FS

// panel is the page in the dashboard.
func panel() (core.UIExtension, error) {
	files, err := fs.Sub(panelFiles, "panel")
	if err != nil {
		return core.UIExtension{}, fmt.Errorf("doctor: find the panel: %w", err)
	}
	return core.UIExtension{Name: "doctor", FS: files}, nil
}

// route adds GET /api/doctor, for superusers.
func (p *Plugin) route(e *core.ServeEvent) {
	apidoc.Route(apidoc.On(e), apidoc.Op{
		Method: http.MethodGet, Path: Path, Summary: "Look for what is wrong with the server", Tags: []string{"operations"},
		Description: "Looks at configuration, rules, queries, databases, files, certificates and the disk, and says what to do. It changes nothing, and can take some seconds.",
		Access:      apidoc.Superusers,
	}, func(e *core.RequestEvent, _ *apidoc.None) (*Report, error) {
		report := p.Examine(e.Request.Context(), e.App)
		return &report, nil
	})
}
