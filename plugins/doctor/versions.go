package doctor

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// checkVersions looks at what the program was built from, and at what the database has
// had.
func checkVersions(ctx context.Context, app core.App) ([]Finding, error) {
	var findings []Finding
	if info, ok := debug.ReadBuildInfo(); ok {
		findings = append(findings, build(info)...)
	}
	var applied []string
	if err := app.ConcurrentDB().Select("file").From(core.DefaultMigrationsTable).WithContext(ctx).Column(&applied); err != nil {
		return findings, fmt.Errorf("list the applied migrations: %w", err)
	}
	return append(findings, migrations(applied)...), nil
}

// fitting are versions of SQLite and of its C library that go together. A contract
// test holds them to what PocketBase requires.
var fitting = map[string]string{"modernc.org/sqlite": "v1.55.0", "modernc.org/libc": "v1.74.1"}

// build looks at how the program was built.
func build(info *debug.BuildInfo) []Finding {
	var findings []Finding
	for _, m := range info.Deps {
		version := m.Version
		if m.Replace != nil {
			version = m.Replace.Version
		}
		if want := fitting[m.Path]; want != "" && version != want {
			findings = append(findings, Finding{
				"versions.sqlite", Warning, m.Path, fmt.Sprintf("The program has %s %s, and PocketBase is tested with %s.", m.Path, version, want),
				fmt.Sprintf("Build it with the version that PocketBase requires: go get %s@%s", m.Path, want),
			})
		}
	}
	if slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.modified" && s.Value == "true" }) {
		findings = append(findings, Finding{
			"versions.uncommitted", Note, "", "The program was built from sources with changes that nobody has committed, so it cannot be built again.",
			"Commit the changes and build the program from that.",
		})
	}
	return findings
}

// migrations compares those in the program with those that the database has had.
func migrations(applied []string) []Finding {
	known := map[string]bool{}
	var missing []string
	for _, list := range []core.MigrationsList{core.SystemMigrations, core.AppMigrations} {
		for _, m := range list.Items() {
			known[m.File] = true
			if !slices.Contains(applied, m.File) {
				missing = append(missing, m.File)
			}
		}
	}
	var findings []Finding
	if len(missing) > 0 {
		findings = append(findings, Finding{
			"versions.pending", Warning, "", fmt.Sprintf("The database has yet to have %s of the program: %s.", plural(len(missing), "migration"), strings.Join(missing, ", ")),
			"Start the server, which applies them, or run \"migrate up\".",
		})
	}
	// a script's migration is in a folder of its own, and not in the program
	unknown := slices.DeleteFunc(slices.Clone(applied), func(file string) bool { return known[file] || !strings.HasSuffix(file, ".go") })
	if len(unknown) > 0 {
		findings = append(findings, Finding{
			"versions.unknown", Warning, "", fmt.Sprintf("The database has had %s that the program does not know: %s. It was used by a newer or another program.", plural(len(unknown), "migration"), strings.Join(unknown, ", ")),
			"Run the program that used it last. If the migrations were removed on purpose, \"migrate history-sync\" forgets them.",
		})
	}
	return findings
}
