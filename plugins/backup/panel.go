package backup

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/pocketbase/pocketbase/core"
)

// panelFiles are what the page consists of.
//
//go:embed panel
var panelFiles embed.FS

// panel is the page in the dashboard.
func panel() (core.UIExtension, error) {
	files, err := fs.Sub(panelFiles, "panel")
	if err != nil {
		return core.UIExtension{}, fmt.Errorf("backup: find the panel: %w", err)
	}
	return core.UIExtension{Name: "backup", FS: files}, nil
}
