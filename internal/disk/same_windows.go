package disk

import (
	"os"
	"path/filepath"
	"strings"
)

// Same tells whether two absolute paths are on the same file system.
func Same(a, b string) bool {
	_, missing := os.Stat(b)
	return missing == nil && strings.EqualFold(filepath.VolumeName(a), filepath.VolumeName(b))
}
