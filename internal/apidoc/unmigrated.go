package apidoc

import (
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// Unmigrated says in a sentence what is missing in the database of an app, and what
// to do: migrations that it has not had, or, if the program has none, any collection
// besides those that PocketBase makes. What is written about such a database lacks as
// much. It returns "" if there is nothing to say.
func Unmigrated(app core.App, migrations core.MigrationsList) (string, error) {
	const remedy = "apply what is missing with --migrate, or name the server's data with --dir."
	var applied []string
	if err := app.ConcurrentDB().Select("file").From(core.DefaultMigrationsTable).Column(&applied); err != nil {
		return "", fmt.Errorf("read which migrations were applied: %w", err)
	}
	missing := 0
	for _, m := range migrations.Items() {
		if !slices.Contains(applied, m.File) {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Sprintf("The database in %s lacks %d of the program's %d migrations, so what is written lacks what they make: %s",
			app.DataDir(), missing, len(migrations.Items()), remedy), nil
	}
	if len(migrations.Items()) > 0 {
		return "", nil
	}
	collections, err := app.FindAllCollections()
	if err != nil {
		return "", fmt.Errorf("list the collections: %w", err)
	}
	if slices.ContainsFunc(collections, func(c *core.Collection) bool { return !c.System && c.Name != "users" }) {
		return "", nil
	}
	return fmt.Sprintf("The database in %s has no collections of its own, so nothing is written of any: %s", app.DataDir(), remedy), nil
}
