package schema

import "github.com/pocketbase/pocketbase/core"

// Journey is a proven migration for the tests.
type Journey struct{ j journey }

// Prove is plan.prove for the tests.
func Prove(plan *Plan) (Journey, error) {
	j, err := plan.prove()
	return Journey{j}, err
}

// Up runs the migration as PocketBase would.
func (j Journey) Up(app core.App) error {
	return inMigration(app, func(tx core.App) error { return runSteps(tx, j.j.up) })
}

// Down takes the migration back.
func (j Journey) Down(app core.App) error {
	return inMigration(app, func(tx core.App) error { return runSteps(tx, j.j.down) })
}

// Source is the migration as Go.
func (j Journey) Source(packageName string) ([]byte, error) {
	return migrationSource(packageName, j.j.up, j.j.down)
}

// Saves is the number of saves in the way up.
func (j Journey) Saves() int { return len(j.j.up) }

// Canonical is a collection as one text that leaves out what may differ between
// two installations.
var Canonical = canonical

// CloneField is cloneField for the tests.
var CloneField = cloneField
