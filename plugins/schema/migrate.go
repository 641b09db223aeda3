package schema

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Migration is a migration that was written, or that there was no need to write.
type Migration struct {
	// Path is the file that was written, "" when there is nothing to migrate.
	Path string `json:"path"`

	// Plan is what the migration does.
	Plan *Plan `json:"plan"`

	// Applied tells that the database had the changes before, from the dashboard,
	// so that the migration is marked as applied there.
	Applied bool `json:"applied,omitempty"`
}

// DataLossError is returned for a migration that puts rows at stake without
// consent. Nothing has been written.
type DataLossError struct{ Risks []Risk }

func (e *DataLossError) Error() string {
	var b strings.Builder
	b.WriteString("this would put data at stake:\n")
	for _, r := range e.Risks {
		fmt.Fprintf(&b, "  %s: %s\n", r.Subject, r.Effect)
	}
	b.WriteString("repeat with --allow-data-loss to write the migration all the same")
	return b.String()
}

// PendingError is returned while migrations are waiting to be applied, because
// the database is then no base to compare with.
type PendingError struct{ Files []string }

func (e *PendingError) Error() string {
	return fmt.Sprintf("the database has not had these migrations yet: %s; start the server or run \"migrate up\" first",
		strings.Join(e.Files, ", "))
}

// WriteMigration writes the migration that takes the database of app to the
// definitions into config.Dir. When the database is there already but the
// migrations are not, because it was changed in the dashboard, it writes what
// the migrations lack and marks that as applied. It writes nothing when there is
// no difference.
//
// Before it writes, it tries the migration up and down on a copy of the schema.
// It returns a [*PendingError] while there are unapplied migrations, and a
// [*DataLossError] when rows are at stake and allowDataLoss is false.
func WriteMigration(app core.App, config Config, name string, allowDataLoss bool) (Migration, error) {
	if err := config.Validate(); err != nil {
		return Migration{}, err
	}
	config = config.withDefaults()
	if err := checkMigrationName(name); err != nil {
		return Migration{}, err
	}
	if err := readyToMigrate(app, config, name); err != nil {
		return Migration{}, err
	}

	plan, err := Diff(app, config.Collections)
	if err != nil {
		return Migration{}, err
	}
	if plan.Empty() {
		return catchUp(app, config, name, allowDataLoss)
	}
	return writePlan(plan, config, name, allowDataLoss)
}

// writePlan writes the migration for a plan.
func writePlan(plan *Plan, config Config, name string, allowDataLoss bool) (Migration, error) {
	if risks := plan.Risks(); len(risks) > 0 && !allowDataLoss {
		return Migration{Plan: plan}, &DataLossError{risks}
	}
	if _, err := os.Stat(config.Dir); errors.Is(err, fs.ErrNotExist) && len(config.Migrations.Items()) > 0 {
		return Migration{Plan: plan}, fmt.Errorf(
			"there is no folder %s here, where the other migrations are: change to the folder of the project", config.Dir)
	}
	j, err := plan.prove()
	if err != nil {
		return Migration{Plan: plan}, fmt.Errorf("the definitions cannot be migrated to: %w", err)
	}

	packageName, err := migrationPackage(config.Dir)
	if err != nil {
		return Migration{Plan: plan}, err
	}
	source, err := migrationSource(packageName, j.up, j.down)
	if err != nil {
		return Migration{Plan: plan}, err
	}
	path := filepath.Join(config.Dir, migrationFile(name, config.Migrations, time.Now()))
	if err := os.MkdirAll(config.Dir, 0o755); err != nil {
		return Migration{Plan: plan}, fmt.Errorf("create the folder of the migrations: %w", err)
	}
	if err := writeNew(path, source); err != nil {
		return Migration{Plan: plan}, fmt.Errorf("write the migration: %w", err)
	}
	return Migration{Path: path, Plan: plan}, nil
}

// writeNew writes a file that does not exist yet.
func writeNew(path string, content []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.Write(content)
	return err
}

var migrationNamePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkMigrationName refuses a name that gives no good file name. The compiler
// leaves out files that end in _test or in the name of a platform.
func checkMigrationName(name string) error {
	if !migrationNamePattern.MatchString(name) || len(name) > 100 {
		return fmt.Errorf("the name of a migration is lower case letters, digits and underscores, such as add_due_date, got %q", name)
	}
	parts := strings.Split(name, "_")
	if last := parts[len(parts)-1]; last == "" || slices.Contains(fileSuffixes, last) {
		return fmt.Errorf("the compiler would leave out a file whose name ends in _%s: choose another name than %q", last, name)
	}
	return nil
}

// fileSuffixes are the endings of a file name that mean something to the compiler.
var fileSuffixes = strings.Fields(`test
	aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos
	386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le
	riscv riscv64 s390 s390x sparc sparc64 wasm`)

// readyToMigrate reports what has to happen before a migration can be written.
func readyToMigrate(app core.App, config Config, name string) error {
	for _, m := range config.Migrations.Items() {
		if migrationTitle(m.File) == name {
			return fmt.Errorf("there is a migration of that name already: %s", m.File)
		}
	}
	unknown, err := unknownFiles(config)
	if err != nil {
		return err
	}
	for _, file := range unknown {
		if migrationTitle(file) == name {
			return fmt.Errorf("there is a migration of that name already: %s", filepath.Join(config.Dir, file))
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("%s has migrations that this binary does not: %s; build it again with an import of that package",
			config.Dir, strings.Join(unknown, ", "))
	}
	pending, err := pendingMigrations(app, config.Migrations)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return &PendingError{pending}
	}
	return nil
}

// migrationTitle is the name in the file name of a migration.
func migrationTitle(file string) string {
	stamp, title, found := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".go"), "_")
	if _, err := strconv.ParseInt(stamp, 10, 64); err != nil || !found {
		return ""
	}
	return title
}

// unknownFiles are the migrations in the folder that are not in this binary.
func unknownFiles(config Config) ([]string, error) {
	known := map[string]bool{}
	for _, m := range config.Migrations.Items() {
		known[m.File] = true
	}
	paths, err := filepath.Glob(filepath.Join(config.Dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	var unknown []string
	for _, path := range paths {
		file := filepath.Base(path)
		if migrationTitle(file) != "" && !known[file] && !strings.HasSuffix(file, "_test.go") {
			unknown = append(unknown, file)
		}
	}
	return unknown, nil
}

// pendingMigrations are the migrations in this binary that the database has not had.
func pendingMigrations(app core.App, migrations *core.MigrationsList) ([]string, error) {
	applied, err := store{app}.appliedMigrations()
	if err != nil {
		return nil, err
	}
	var pending []string
	for _, m := range migrations.Items() {
		if !applied[m.File] {
			pending = append(pending, m.File)
		}
	}
	return pending, nil
}

// migrationFile names a file that sorts after every other migration, since
// PocketBase applies them by name.
func migrationFile(name string, migrations *core.MigrationsList, now time.Time) string {
	stamp := now.Unix()
	for _, m := range migrations.Items() {
		prefix, _, _ := strings.Cut(m.File, "_")
		if previous, err := strconv.ParseInt(prefix, 10, 64); err == nil && previous >= stamp && len(prefix) == 10 {
			stamp = previous + 1
		}
	}
	return fmt.Sprintf("%d_%s.go", stamp, name)
}

// migrationPackage is the name of the package in the folder, or one made of the
// folder's name while it is empty.
func migrationPackage(dir string) (string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", fmt.Errorf("list the migrations: %w", err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly)
		if err != nil {
			return "", fmt.Errorf("read the package of the migrations: %w", err)
		}
		return file.Name.Name, nil
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("name the package of the migrations: %w", err)
	}
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(filepath.Base(absolute)))
	if !token.IsIdentifier(name) {
		return "migrations", nil
	}
	return name, nil
}
