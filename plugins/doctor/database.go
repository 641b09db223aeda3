package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// sampled is how many of a table's newest rows are looked at.
const sampled = 10_000

// checkDatabases looks at both database files.
func checkDatabases(ctx context.Context, app core.App) ([]Finding, error) {
	var findings []Finding
	if _, err := os.Stat(filepath.Join(app.DataDir(), auxiliaryFile)); errors.Is(err, os.ErrNotExist) {
		findings = append(findings, Finding{
			"database.no-auxiliary", Warning, auxiliaryFile, "The database of the logs is missing, so nothing is logged in it.",
			"Restart the server, which makes it anew.",
		})
	}
	var problems []error
	for _, d := range []struct {
		file string
		db   dbx.Builder
	}{{mainFile, app.ConcurrentDB()}, {auxiliaryFile, app.AuxConcurrentDB()}} {
		found, err := soundness(ctx, d.file, d.db)
		findings = append(findings, found...)
		problems = append(problems, err)
	}
	for _, look := range []func(context.Context, core.App) ([]Finding, error){missingIndexes, dangling} {
		found, err := look(ctx, app)
		findings = append(findings, found...)
		problems = append(problems, err)
	}
	return findings, errors.Join(problems...)
}

// missingIndexes finds indexes that a collection says to have, and has not.
func missingIndexes(ctx context.Context, app core.App) ([]Finding, error) {
	collections, err := app.FindAllCollections(core.CollectionTypeBase, core.CollectionTypeAuth)
	if err != nil {
		return nil, err
	}
	var there []string
	if err := app.ConcurrentDB().NewQuery("SELECT lower(name) FROM sqlite_schema WHERE type = 'index'").WithContext(ctx).Column(&there); err != nil {
		return nil, fmt.Errorf("list the indexes: %w", err)
	}
	var findings []Finding
	for _, c := range collections {
		for _, text := range c.Indexes {
			index := dbutils.ParseIndex(text)
			if index.IndexName == "" || slices.Contains(there, strings.ToLower(index.IndexName)) {
				continue
			}
			findings = append(findings, Finding{
				"database.missing-index", Error, c.Name, fmt.Sprintf("The index %s of the collection is not in the database: queries are slow, and what it keeps unique is not.", index.IndexName),
				"Somebody has dropped it by SQL. Make it again: " + text + ".",
			})
		}
	}
	return findings, nil
}

// soundness looks at one.
func soundness(ctx context.Context, file string, db dbx.Builder) ([]Finding, error) {
	var findings []Finding
	pragma := func(name string, to any) error {
		if err := db.NewQuery("PRAGMA " + name).WithContext(ctx).Row(to); err != nil {
			return fmt.Errorf("%s of %s: %w", name, file, err)
		}
		return nil
	}
	var pages, free, size int64
	var mode string
	if err := errors.Join(pragma("page_count", &pages), pragma("freelist_count", &free), pragma("page_size", &size), pragma("journal_mode", &mode)); err != nil {
		return nil, err
	}
	if mode != "wal" {
		findings = append(findings, Finding{
			"database.journal", Warning, file, fmt.Sprintf("The journal mode is %s: reading and writing wait for each other.", mode),
			"Restart the server, which uses a write-ahead log; if that does not help, the file system does not allow one.",
		})
	}
	const worth = 64 << 20
	if free*size > worth && free*2 > pages {
		findings = append(findings, Finding{
			"database.empty-space", Note, file, fmt.Sprintf("%s of the %s of the file are empty.", bytesText(free*size), bytesText(pages*size)),
			"Stop the server and run the SQL statement VACUUM on the file, if the disk has room for a second one.",
		})
	}
	var found []string
	if err := db.NewQuery("PRAGMA quick_check(1000)").WithContext(ctx).Column(&found); err != nil {
		if ctx.Err() != nil {
			return findings, fmt.Errorf("check %s, which has %s: %w", file, bytesText(pages*size), err)
		}
		found = []string{err.Error()}
	}
	damage, broken := sqlite.Damage(found)
	if len(broken) > 0 {
		findings = append(findings, Finding{
			"database.broken-rows", Warning, file, fmt.Sprintf("Rows break what their table says of them: %s.", few(broken)),
			"The file is sound, so nothing needs a backup. The rows were likely written by SQL: correct them, or make an index for full text anew.",
		})
	}
	if len(damage) > 0 {
		findings = append(findings, Finding{
			"database.damaged", Error, file, fmt.Sprintf("The database is damaged: %s.", few(damage)),
			"Stop the server, keep a copy of the data directory and restore a backup; then look at the disk and the memory of the machine.",
		})
	}
	return findings, nil
}

// few joins the first lines.
func few(lines []string) string { return strings.Join(lines[:min(len(lines), 5)], "; ") }

// dangling finds relations to records that are not there, among the newest rows.
func dangling(ctx context.Context, app core.App) ([]Finding, error) {
	collections, err := app.FindAllCollections(core.CollectionTypeBase, core.CollectionTypeAuth)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, c := range collections {
		names[c.Id] = c.Name
	}
	var findings []Finding
	for _, c := range collections {
		for _, f := range c.Fields {
			relation, ok := f.(*core.RelationField)
			if !ok || relation.IsMultiple() || names[relation.CollectionId] == "" {
				continue
			}
			target := names[relation.CollectionId]
			var n int64
			err := app.ConcurrentDB().NewQuery(fmt.Sprintf(`SELECT count(*) FROM (SELECT [[%s]] AS target FROM {{%s}} ORDER BY rowid DESC LIMIT %d) t
				WHERE t.target <> '' AND NOT EXISTS (SELECT 1 FROM {{%s}} r WHERE r.id = t.target)`, relation.Name, c.Name, sampled, target)).WithContext(ctx).Row(&n)
			if err != nil {
				return findings, fmt.Errorf("follow %s.%s: %w", c.Name, relation.Name, err)
			}
			if n > 0 {
				findings = append(findings, Finding{
					"database.dangling", Warning, c.Name + "." + relation.Name,
					fmt.Sprintf("Rows that point to a record of %s which is not there, among the newest %d: %d.", target, sampled, n),
					fmt.Sprintf("They were likely written or deleted by SQL. Find them with `%s != \"\" && %[1]s.id = null` as filter in the dashboard, and set or delete them.", relation.Name),
				})
			}
		}
	}
	return findings, nil
}

// bytesText writes a number of bytes as people read it.
func bytesText[N int64 | uint64](n N) string {
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= 1024 && len(units) > 1 {
		value, units = value/1024, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
