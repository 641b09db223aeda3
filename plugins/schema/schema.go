// Package schema keeps a database's collections equal to their definitions in
// Go: it shows the difference, counts what is at stake, writes the migration
// and tells a deploy when code, migrations and database have drifted apart.
//
//	schema.MustRegister(app, schema.Config{
//		Collections: collections.All(),
//		RootCmd:     app.RootCmd,
//	})
//
// adds the commands "collections plan", "collections migrate NAME",
// "collections check" and "collections pull". [Diff], [WriteMigration] and
// [Check] do the same without a command line.
package schema

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// DefaultDir is the folder of the migrations when Config.Dir is empty.
const DefaultDir = "pb_migrations"

// Config says what is managed and where migrations are written.
type Config struct {
	// Collections are the definitions. What none of them names is left alone;
	// [Dropped] declares a collection that is to go. None by default.
	Collections []Collection

	// Dir is the folder of the Go package that holds the migrations, relative to
	// the working directory. Defaults to "pb_migrations".
	Dir string

	// DefinitionsDir is the folder of the Go package that holds the definitions,
	// relative to the working directory. Pulling writes there. Defaults to
	// "collections".
	DefinitionsDir string

	// Migrations are the migrations in this binary. Defaults to
	// core.AppMigrations, where migration files register themselves.
	Migrations *core.MigrationsList

	// RootCmd, if set, gains the "collections" command.
	RootCmd *cobra.Command
}

// Validate reports every problem of the configuration and of the definitions
// that can be seen without a database.
func (c Config) Validate() error {
	var problems []error
	if c.Dir != "" && filepath.Clean(c.Dir) == "." {
		problems = append(problems, fmt.Errorf("schema: Dir must be a folder of its own, got %q", c.Dir))
	}
	for _, err := range checkDefinitions(c.Collections) {
		problems = append(problems, fmt.Errorf("schema: %w", err))
	}
	return errors.Join(problems...)
}

// withDefaults is c with the zero values replaced.
func (c Config) withDefaults() Config {
	if c.Dir == "" {
		c.Dir = DefaultDir
	}
	if c.DefinitionsDir == "" {
		c.DefinitionsDir = defaultDefinitionsDir
	}
	if c.Migrations == nil {
		c.Migrations = &core.AppMigrations
	}
	return c
}

// Plugin is a registered schema. It has no state besides its configuration.
type Plugin struct {
	app    core.App
	config Config
}

// MustRegister is [Register] that panics on an error.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register adds the "collections" command to config.RootCmd. It touches neither
// disk nor database. It fails on an invalid configuration and on a root command
// that has a "collections" command already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	p := &Plugin{app: app, config: config.withDefaults()}
	if root := config.RootCmd; root != nil {
		command := p.command()
		for _, c := range root.Commands() {
			if c.Name() == command.Name() {
				return nil, fmt.Errorf("schema: the root command already has a command %q", command.Name())
			}
		}
		root.AddCommand(command)
	}
	return p, nil
}

// Diff is [Diff] with the registered definitions.
func (p *Plugin) Diff() (*Plan, error) { return Diff(p.app, p.config.Collections) }

// WriteMigration is [WriteMigration] with the registered configuration.
func (p *Plugin) WriteMigration(name string, allowDataLoss bool) (Migration, error) {
	return WriteMigration(p.app, p.config, name, allowDataLoss)
}

// Check is [Check] with the registered configuration.
func (p *Plugin) Check() (Report, error) { return Check(p.app, p.config) }
