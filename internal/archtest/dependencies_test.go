package archtest_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/archtest"
)

const pocketbase = "github.com/pocketbase/pocketbase"

// budget are the modules that a plugin brings along into the program of somebody
// who imports it, besides those that PocketBase brings anyway.
var budget = map[string][]string{
	// what copies a database's log, with the metrics that it keeps, and age
	"backup": {
		"filippo.io/age",
		"filippo.io/hpke",
		"github.com/benbjohnson/litestream",
		"github.com/beorn7/perks",
		"github.com/cespare/xxhash/v2",
		"github.com/lmittmann/tint",
		"github.com/munnerz/goautoneg",
		"github.com/pierrec/lz4/v4",
		"github.com/prometheus/client_golang",
		"github.com/prometheus/client_model",
		"github.com/prometheus/common",
		"github.com/prometheus/procfs",
		"github.com/superfly/ltx",
		"google.golang.org/protobuf",
	},
	// the WebSocket server, and what its metrics and its Redis broker need
	"channels": {
		"github.com/beorn7/perks",
		"github.com/centrifugal/centrifuge",
		"github.com/centrifugal/fdelta",
		"github.com/centrifugal/protocol",
		"github.com/cespare/xxhash/v2",
		"github.com/maypok86/otter/v2",
		"github.com/munnerz/goautoneg",
		"github.com/prometheus/client_golang",
		"github.com/prometheus/client_model",
		"github.com/prometheus/common",
		"github.com/prometheus/procfs",
		"github.com/quagmt/udecimal",
		"github.com/redis/rueidis",
		"google.golang.org/protobuf",
	},
	// Prometheus' client
	"observe": {
		"github.com/beorn7/perks",
		"github.com/cespare/xxhash/v2",
		"github.com/munnerz/goautoneg",
		"github.com/prometheus/client_golang",
		"github.com/prometheus/client_model",
		"github.com/prometheus/common",
		"github.com/prometheus/procfs",
		"google.golang.org/protobuf",
	},
}

func TestPluginsKeepToTheirDependencyBudget(t *testing.T) {
	t.Parallel()
	free := modulesOf(t, pocketbase)
	for _, p := range list(t) {
		name, ok := strings.CutPrefix(p.ImportPath, module+"/plugins/")
		if !ok || strings.Contains(name, "/") {
			continue
		}
		var extra []string
		for _, m := range modulesOf(t, p.ImportPath) {
			if m != module && !slices.Contains(free, m) {
				extra = append(extra, m)
			}
		}
		if !slices.Equal(extra, budget[name]) {
			t.Errorf("plugin %s brings along %v, want %v", name, extra, budget[name])
		}
	}
}

// modulesOf are the modules of the package and all its dependencies, sorted.
func modulesOf(t *testing.T, path string) []string {
	t.Helper()
	dependencies, err := archtest.List(t.Context(), root, true, path)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, d := range dependencies {
		if d.Module != nil && !slices.Contains(modules, d.Module.Path) {
			modules = append(modules, d.Module.Path)
		}
	}
	slices.Sort(modules)
	return modules
}

// banned are modules that must not come in, each with the reason.
var banned = map[string]string{
	"github.com/go-ozzo/ozzo-validation":    "PocketBase knows only the errors of github.com/pocketbase/ozzo-validation/v4",
	"github.com/go-ozzo/ozzo-validation/v3": "PocketBase knows only the errors of github.com/pocketbase/ozzo-validation/v4",
	"github.com/go-ozzo/ozzo-validation/v4": "PocketBase knows only the errors of github.com/pocketbase/ozzo-validation/v4",
	"github.com/mattn/go-sqlite3":           "it needs cgo",
	"github.com/stretchr/testify":           "tests use the standard library",
}

func TestBannedModulesAreNotImported(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for m, why := range banned {
				if within(imported, m) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
				}
			}
		}
	}
}

// PocketBase is tested with these versions, of which SQLite's and libc's must
// fit each other, so they move with PocketBase and not by themselves.
func TestPinsOfPocketBaseAreKept(t *testing.T) {
	t.Parallel()
	goMod, err := filepath.Abs(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := archtest.Requirements(t.Context(), goMod)
	if err != nil {
		t.Fatal(err)
	}
	own, err := archtest.List(t.Context(), root, false, pocketbase)
	if err != nil {
		t.Fatal(err)
	}
	if got := own[0].Module.Version; got != ours[pocketbase] {
		t.Errorf("PocketBase: got %s, want %s as required", got, ours[pocketbase])
	}
	theirs, err := archtest.Requirements(t.Context(), own[0].Module.GoMod)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"modernc.org/sqlite", "modernc.org/libc", "github.com/pocketbase/dbx", "github.com/pocketbase/ozzo-validation/v4"} {
		if theirs[m] == "" {
			t.Errorf("%s: PocketBase does not require it any more", m)
		}
		if ours[m] != theirs[m] {
			t.Errorf("%s: got %s, want %s as PocketBase has it", m, ours[m], theirs[m])
		}
	}
}
