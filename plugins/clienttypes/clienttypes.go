// Package clienttypes writes typed clients for an app's API: one file of
// TypeScript for the official JavaScript SDK, or of Dart for the official Dart
// SDK.
//
//	clienttypes.MustRegister(app, clienttypes.Config{RootCmd: app.RootCmd})
//
// The command "types ts" prints types for the records of each collection, for
// what creates and changes them, for what expand brings, for filters and for the
// routes that the app describes (see plugins/openapi). They are made from the
// collections and routes as the program has them, so that they are current as
// soon as it is; "types ts --check FILE" says whether a file is.
//
// See docs/types.md.
package clienttypes

import (
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// Language is what a client is written in.
type Language string

// The languages.
const (
	TypeScript Language = "ts"
	Dart       Language = "dart"
)

// Config are the options. The zero value works.
type Config struct {
	// Program is how the header of a file calls the program that writes it.
	// Defaults to the name of RootCmd, or to "the program".
	Program string
	// RootCmd, if set, gains the "types" command.
	RootCmd *cobra.Command
}

var programName = regexp.MustCompile(`^[ -~]{0,80}$`)

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	if !programName.MatchString(c.Program) {
		return fmt.Errorf("clienttypes: Program must be at most 80 printable ASCII characters, got %q", c.Program)
	}
	return nil
}

// Plugin is what Register adds to an app.
type Plugin struct {
	config Config
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

const registered = "holdallClientTypes"

// Register adds the command to Config.RootCmd. It fails on an invalid config, and
// on an app that has the plugin already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("clienttypes: this app has the plugin already")
	}
	if config.Program == "" {
		config.Program = "the program"
		if config.RootCmd != nil {
			config.Program = config.RootCmd.Name()
		}
	}
	p := &Plugin{config: config}
	app.Store().Set(registered, p)
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command(app))
	}
	return p, nil
}

// Options say what a file is about.
type Options struct {
	// Collections are the names of the collections, all if there are none. Those
	// that they lead to are not added: a relation to another is just an id.
	Collections []string
	// Routes are the beginnings of the paths of the routes, such as "/api/v1/", all
	// if there are none.
	Routes []string
	// System adds the collections of the system and routes for superusers, and
	// what only superusers may set.
	System bool
}

// Write writes the file. The app must have its collections, and its routes must
// have been bound, see [apidoc.Bind].
func (p *Plugin) Write(w io.Writer, app core.App, language Language, options Options) error {
	m, err := build(app, options)
	if err != nil {
		return err
	}
	var text string
	switch language {
	case TypeScript:
		text = writeTypeScript(m, p.regenerate(language, options))
	case Dart:
		text = writeDart(m, p.regenerate(language, options))
	default:
		return fmt.Errorf("the language can be %s or %s, got %q", TypeScript, Dart, language)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write the types: %w", err)
	}
	return nil
}
