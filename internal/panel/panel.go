// Package panel puts pages of plugins into PocketBase's dashboard.
package panel

import (
	"io/fs"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// Add adds the folder "panel" of the files that a plugin is built with: its main.js
// runs in the dashboard, the rest is below /_/extensions/NAME/.
func Add(e *core.ServeEvent, name string, files fs.FS) {
	e.UIExtensions = append(e.UIExtensions, core.UIExtension{Name: name, FS: apis.MustSubFS(files, "panel")})
}
