package observe

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/pocketbase/pocketbase/core"
)

// panelFiles are the page in the dashboard.
//
//go:embed panel
var panelFiles embed.FS

// bindPanel adds the page to the dashboard.
func bindPanel(e *core.ServeEvent) error {
	files, err := fs.Sub(panelFiles, "panel")
	if err != nil {
		return fmt.Errorf("observe: find the panel: %w", err)
	}
	e.UIExtensions = append(e.UIExtensions, core.UIExtension{Name: "observe", FS: files})
	return nil
}
