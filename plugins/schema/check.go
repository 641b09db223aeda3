package schema

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// ErrDrift is returned by the check command when definitions, migrations and
// database do not agree.
var ErrDrift = errors.New("definitions, migrations and database do not agree")

// Report is the outcome of [Check].
type Report struct {
	// OK is whether every check passed.
	OK bool `json:"ok"`

	Checks []CheckResult `json:"checks"`

	// Unmanaged are the collections of the database that no definition names,
	// without those of the system. They are no drift.
	Unmanaged []string `json:"unmanaged"`
}

// The names of the checks.
const (
	CheckMigrations = "migrations" // the migrations, on an empty database, give the definitions
	CheckDatabase   = "database"   // the database matches the definitions
	CheckApplied    = "applied"    // the database has had every migration
)

// CheckResult is one line of a [Report].
type CheckResult struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`

	// Plan is the difference that was found, nil for none.
	Plan *Plan `json:"plan,omitempty"`

	// Pending are the migrations that wait to be applied.
	Pending []string `json:"pending,omitempty"`
}

// Check compares the definitions with what the migrations make of an empty
// database, and with the database of app, and looks for unapplied migrations.
// Drift is in the report; an error means that a check could not be made.
//
// The empty database is a temporary one, with none of the hooks of app.
func Check(app core.App, config Config) (Report, error) {
	if err := config.Validate(); err != nil {
		return Report{}, err
	}
	config = config.withDefaults()

	migrations, err := checkMigrations(config)
	if err != nil {
		return Report{}, err
	}
	plan, err := Diff(app, config.Collections)
	if err != nil {
		return Report{}, err
	}
	applied, err := checkApplied(app, config)
	if err != nil {
		return Report{}, err
	}
	database := CheckResult{Name: CheckDatabase, OK: plan.Empty(), Message: "the database matches the definitions"}
	if !database.OK {
		database.Message = "the database differs from the definitions"
		if migrations.OK && !applied.OK {
			database.Message += " until it has had every migration"
		}
		database.Plan = plan
	}

	report := Report{OK: true, Checks: []CheckResult{migrations, database, applied}, Unmanaged: plan.Unmanaged}
	for _, c := range report.Checks {
		report.OK = report.OK && c.OK
	}
	return report, nil
}

// checkMigrations runs the migrations on an empty database.
func checkMigrations(config Config) (CheckResult, error) {
	result := CheckResult{Name: CheckMigrations}
	unknown, err := unknownFiles(config)
	if err != nil {
		return result, err
	}
	if len(unknown) > 0 {
		result.Message = fmt.Sprintf("this binary lacks %s: build it again",
			strings.Join(paths(config.Dir, unknown), ", "))
		return result, nil
	}

	err = withScratch(func(scratch core.App) error {
		applied, err := core.NewMigrationsRunner(scratch, *config.Migrations).Up()
		if err != nil {
			result.Message = fmt.Sprintf("on an empty database: %v", err)
			return nil
		}
		if err := scratch.ReloadCachedCollections(); err != nil {
			return err
		}
		plan, err := diffSchema(scratch, config.Collections)
		if err != nil {
			return err
		}
		result.OK = plan.Empty()
		result.Message = count(int64(len(applied)), "migration") + " " + verb(int64(len(applied)), "gives", "give") +
			" the definitions on an empty database"
		if !result.OK {
			result.Message = `the migrations do not give the definitions; "collections migrate NAME" writes what is missing`
			result.Plan = plan
		}
		return nil
	})
	return result, err
}

func checkApplied(app core.App, config Config) (CheckResult, error) {
	pending, err := pendingMigrations(app, config.Migrations)
	if err != nil {
		return CheckResult{}, err
	}
	result := CheckResult{
		Name: CheckApplied, OK: len(pending) == 0, Pending: pending,
		Message: "the database has had every migration",
	}
	if !result.OK {
		result.Message = fmt.Sprintf(`%s %s to be applied: %s; start the server or run "migrate up"`,
			count(int64(len(pending)), "migration"), verb(int64(len(pending)), "waits", "wait"), strings.Join(pending, ", "))
	}
	return result, nil
}

// paths are the files in the folder.
func paths(dir string, files []string) []string {
	result := make([]string, len(files))
	for i, f := range files {
		result[i] = filepath.Join(dir, f)
	}
	return result
}

// explainedByPending reports whether the database differs because it has not had
// every migration, and for nothing else that is known.
func (r Report) explainedByPending() bool {
	ok := map[string]bool{}
	for _, c := range r.Checks {
		ok[c.Name] = c.OK
	}
	return ok[CheckMigrations] && !ok[CheckApplied]
}

// Write prints the report for people, a line for each check and below it the
// difference that was found. colour adds ANSI colours for a terminal.
func (r Report) Write(out io.Writer, colour bool) error {
	w := &planWriter{colour: colour}
	shown := ""
	for _, c := range r.Checks {
		verdict := w.paint(green, "ok   ")
		if !c.OK {
			verdict = w.paint(red, "drift")
		}
		w.line("%s  %-10s  %s", verdict, c.Name, c.Message)
		if c.Plan == nil || (c.Name == CheckDatabase && r.explainedByPending()) {
			continue
		}
		var text strings.Builder
		plan := *c.Plan
		plan.Unmanaged = nil
		if err := plan.Write(&text, colour); err != nil {
			return err
		}
		if text.String() == shown {
			w.line("       the same difference as above")
			continue
		}
		shown = text.String()
		for line := range strings.Lines(shown) {
			w.line("       %s", strings.TrimSuffix(line, "\n"))
		}
	}
	if len(r.Unmanaged) > 0 {
		w.line("Not defined, so left alone: %s.", strings.Join(r.Unmanaged, ", "))
	}
	_, err := io.WriteString(out, w.b.String())
	return err
}
