package archtest_test

import (
	"context"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdall-go/holdall/internal/archtest"
)

const module = "github.com/holdall-go/holdall"

// root is the module's directory.
const root = "../.."

// allowed says which packages of the module those of a folder may import, by
// folder. Everything may import its own subfolders. Deeper folders come first.
var allowed = []struct {
	folder string
	code   []string // in all files
	tests  []string // in tests besides
}{
	{folder: "collections/gen", code: []string{"collections", "plugins/schema"}},

	{folder: "", code: []string{"demo", "hooks", "collections", "pb_migrations", "plugins", "internal"}},
	{folder: "demo", code: []string{"collections", "internal"}, tests: []string{"hooks", "plugins/schema"}},
	{folder: "hooks", code: []string{"collections", "internal"}, tests: []string{"plugins/schema"}},
	// the vocabulary that the definitions are written in, and in tests the guard
	// of what their rules cannot keep
	{folder: "collections", code: []string{"plugins/schema"}, tests: []string{"internal", "pb_migrations", "plugins/filterguard"}},
	{folder: "pb_migrations"},
	// the spine that everything reacts to, see docs/adr/0004
	{folder: "plugins/realtime", code: []string{"internal", "plugins/changes"}},
	{folder: "plugins/webhooks", code: []string{"internal", "plugins/changes"}}, // docs/adr/0005
	{folder: "plugins/push", code: []string{"internal", "plugins/changes"}},     // likewise
	// in tests what makes a trace together
	{folder: "plugins/observe", code: []string{"internal"}, tests: []string{"plugins/changes", "plugins/jobs", "plugins/webhooks", "plugins/requestlog"}},
	// in tests the log that has to see its writes
	{folder: "plugins/fastlane", code: []string{"internal"}, tests: []string{"plugins/changes"}},
	{folder: "plugins", code: []string{"internal"}},
	{folder: "internal", code: []string{"internal"}},

	// programs around the module, which nothing imports
	{folder: "bench/changes", code: []string{"collections", "pb_migrations", "plugins/changes", "internal"}},
	{folder: "bench/lane", code: []string{"plugins/changes", "plugins/fastlane", "internal"}},
	{folder: "bench/realtime", code: []string{"plugins/changes", "plugins/realtime", "internal"}},
	{folder: "bench", code: []string{"collections", "demo", "pb_migrations", "internal"}, tests: []string{"hooks", "plugins/fastlane"}},
	{folder: "docs"},
	{folder: "e2e", code: []string{"plugins"}},
	{folder: "examples", code: []string{"plugins", "internal"}},
	{folder: "scripts"},
}

// testOnly are the packages that have no place in a program.
var testOnly = []string{
	"testing",
	"testing/synctest",
	"net/http/httptest",
	"github.com/pocketbase/pocketbase/tests",
	module + "/internal/pbtest",
	module + "/internal/apispec",
	module + "/internal/archtest",
	module + "/internal/clock/clocktest",
	module + "/internal/otlptest",
	module + "/plugins/push/internal/sendtest",
}

// packages are the module's.
var packages = sync.OnceValues(func() ([]archtest.Package, error) {
	if err := readSources(); err != nil {
		return nil, err
	}
	return archtest.List(context.Background(), root, false, "./...")
})

// readSources reads what "go list" will, so that "go test" knows that a result
// which it has cached depends on it.
func readSources() error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // a file that another process has just removed
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "pb_data") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) == ".go" || name == "go.mod" {
			_, err = os.ReadFile(path)
		}
		return err
	})
}

func TestImportsPointDownwards(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			if why := forbidden(p.ImportPath, imported, false); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if why := forbidden(p.ImportPath, imported, true); why != "" {
				t.Errorf("tests of %s import %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	cases := []struct {
		from, to string
		inTest   bool
		want     bool
	}{
		{"plugins/health", "internal/clock", false, false},
		{"plugins/health", "plugins/health/report", false, false},
		{"plugins/health", "plugins/healthy", false, true},
		{"plugins/health", "plugins/schema", false, true},
		{"plugins/health", "plugins/schema", true, true},
		{"plugins/health", "plugins/changes", false, true},
		{"plugins/realtime", "plugins/changes", false, false},
		{"plugins/realtime", "plugins/schema", false, true},
		{"plugins/webhooks", "plugins/changes", false, false},
		{"plugins/push", "plugins/changes", false, false},
		{"plugins/health", "collections", false, true},
		{"internal/clock", "plugins/schema", false, true},
		{"internal/pbtest", "collections", true, true},
		{"hooks", "collections", false, false},
		{"hooks", "plugins/schema", false, true},
		{"hooks", "plugins/schema", true, false},
		{"hooks", "plugins/settings", true, true},
		{"collections", "hooks", true, true},
		{"collections", "internal/pbtest", true, false},
		{"collections", "internal/pbtest", false, true},
		{"", "hooks", false, false},
		{"hooks", "", false, true},
		{"elsewhere", "collections", false, true},
	}
	for _, c := range cases {
		why := forbidden(join(c.from), join(c.to), c.inTest)
		if got := why != ""; got != c.want {
			t.Errorf("%q -> %q, in a test %t: got %q, want forbidden %t", c.from, c.to, c.inTest, why, c.want)
		}
	}
}

// forbidden says why a package must not import another, "" if it may.
func forbidden(from, to string, inTest bool) string {
	to, ours := strings.CutPrefix(to, module)
	if !ours {
		return ""
	}
	from, to = strings.TrimPrefix(strings.TrimPrefix(from, module), "/"), strings.TrimPrefix(to, "/")
	if to == "" {
		return "nothing imports the program"
	}
	for _, rule := range allowed {
		if !within(from, rule.folder) || rule.folder == "" && from != "" {
			continue
		}
		permitted := append(rule.code, ownFolder(from))
		if inTest {
			permitted = append(permitted, rule.tests...)
		}
		for _, folder := range permitted {
			if within(to, folder) {
				return ""
			}
		}
		return "it may import only " + strings.Join(permitted, ", ")
	}
	return "nobody has said what this folder may import"
}

// ownFolder is the folder that the package shares with its own subpackages: of
// plugins and internal packages the second level, of others the first.
func ownFolder(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) > 1 && (parts[0] == "plugins" || parts[0] == "internal") {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func within(path, folder string) bool {
	return folder == "" || path == folder || strings.HasPrefix(path, folder+"/")
}

func join(path string) string {
	return strings.TrimSuffix(module+"/"+path, "/")
}

func TestProgramsHaveNoTestDoubles(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if slices.Contains(testOnly, p.ImportPath) {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(testOnly, imported) {
				t.Errorf("%s imports %s outside of its tests", p.ImportPath, imported)
			}
		}
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if len(p.GoFiles) == 0 {
			continue // only tests
		}
		if p.Name == "main" && p.Doc == "" {
			t.Errorf("the program %s does not say what it is for", p.ImportPath)
		}
		if p.Name != "main" && !strings.HasPrefix(p.Doc, "Package "+p.Name+" ") {
			t.Errorf("%s: the doc comment begins with %q, want %q", p.ImportPath, p.Doc, "Package "+p.Name+" ...")
		}
	}
}

func TestHandlersPassTheirEventsOn(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		files := token.NewFileSet()
		sources, err := archtest.Parse(files, p.Files(false))
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range archtest.SwallowedEvents(files, sources) {
			t.Error(problem)
		}
	}
}

// environment are the ways to read the process's environment.
var environment = []string{"os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "syscall.Getenv", "syscall.Environ"}

func TestOnlyProgramsReadTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if p.Name == "main" || p.ImportPath == module+"/internal/env" {
			continue
		}
		report(t, p, environment...)
	}
}

func TestNothingSleeps(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		report(t, p, "time.Sleep")
	}
}

// PocketBase keeps app migrations in a list of the process, unsynchronised, so
// that whoever adds one from elsewhere than an init function makes a race, and
// whoever imports a package that adds some gets its tables.
func TestOnlyMigrationsRegisterMigrations(t *testing.T) {
	t.Parallel()
	const core, migrations = "github.com/pocketbase/pocketbase/core", "github.com/pocketbase/pocketbase/migrations"
	for _, p := range list(t) {
		if p.ImportPath == module+"/pb_migrations" {
			continue
		}
		report(t, p, migrations+".Register",
			core+".AppMigrations.Register", core+".AppMigrations.Add", core+".AppMigrations.Copy",
			core+".SystemMigrations.Register", core+".SystemMigrations.Add", core+".SystemMigrations.Copy")
	}
}

// report fails for each use of one of the things in the package's own code.
func report(t *testing.T, p archtest.Package, things ...string) {
	t.Helper()
	files := token.NewFileSet()
	sources, err := archtest.Parse(files, p.Files(false))
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range archtest.Uses(files, sources, things...) {
		t.Errorf("%s must not be used here", use)
	}
}

func TestUsesFindsThings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.go")
	source := `package a
import (
	"context"
	"time"
	system "os"
	"example.com/core"
)
var a, b, c = time.Sleep, system.Getenv("A"), core.List.Add(1)
var d, e = time.Now, core.List
func f(time clock) { time.Later() }
`
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	sources, err := archtest.Parse(files, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	got := archtest.Uses(files, sources, "time.Sleep", "os.Getenv", "example.com/core.List.Add", "core.List.Add")
	if len(got) != 3 {
		t.Errorf("got %q, want the three things of line 7", got)
	}
}

func list(t *testing.T) []archtest.Package {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("the module has %d packages, which cannot be", len(all))
	}
	return all
}
