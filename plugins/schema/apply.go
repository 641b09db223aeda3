package schema

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Apply makes the database's collections equal to the definitions, in one
// transaction and without asking about data: fields and indexes that are not
// defined are dropped with what they hold. Collections that no definition names
// are left alone. It is for tests and tools; production runs migrations.
func Apply(app core.App, definitions []Collection) error {
	plan, err := diffSchema(app, definitions)
	if err != nil {
		return err
	}
	if plan.Empty() {
		return nil
	}
	var failure error
	for _, c := range cautions {
		steps := stepsBetween(plan.from, plan.to, c)
		failure = inMigration(app, func(tx core.App) error { return runSteps(tx, steps) })
		if failure == nil {
			return nil
		}
	}
	return fmt.Errorf("apply the definitions: %w", failure)
}
