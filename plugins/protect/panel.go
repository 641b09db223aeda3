package protect

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/pocketbase/pocketbase/core"
)

// panelFiles are what the notice in the dashboard consists of.
//
//go:embed panel
var panelFiles embed.FS

// panel is the notice.
func panel() (core.UIExtension, error) {
	files, err := fs.Sub(panelFiles, "panel")
	if err != nil {
		return core.UIExtension{}, fmt.Errorf("protect: find the panel: %w", err)
	}
	return core.UIExtension{Name: "protect", FS: files}, nil
}
