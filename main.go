// Command holdall is a field-service backend on PocketBase: the reference app
// in collections and hooks, with every plugin switched on.
//
//	holdall serve --demo
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/migratecmd"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo"
	"github.com/holdall-go/holdall/hooks"
	_ "github.com/holdall-go/holdall/pb_migrations"
	"github.com/holdall-go/holdall/plugins/schema"
)

// version is what --version prints. Release builds set it with -ldflags.
var version = "dev"

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(exitCode(os.Stderr, run(os.Args[1:], os.Environ(), signals)))
}

// run is the program without the process around it.
func run(args, environ []string, signals <-chan os.Signal) error {
	cfg, err := loadConfig(args, environ)
	if err != nil {
		if !wantsHelp(args) {
			return usageError{err}
		}
		// help is no use to anybody if it waits for a valid configuration
		cfg, _ = loadConfig(nil, nil)
	}

	encryptionEnv, err := exportEncryptionKey(cfg.encryptionKey)
	if err != nil {
		return err
	}
	app := pocketbase.NewWithConfig(pocketbase.Config{
		DefaultDev:           cfg.dev,
		DefaultDataDir:       cfg.dir,
		DefaultEncryptionEnv: encryptionEnv,
		DefaultQueryTimeout:  cfg.queryTimeout,
	})
	app.RootCmd.Short = "A field-service backend on PocketBase"
	app.RootCmd.Version = version
	if err := build(app, cfg); err != nil {
		return err
	}
	app.RootCmd.AddCommand(serveCommand(app, cfg), cmd.NewSuperuserCommand(app), demo.Command(app))
	migratecmd.MustRegister(app, app.RootCmd, migratecmd.Config{Dir: "pb_migrations"})
	if _, err := schema.Register(app, schema.Config{Collections: collections.All(), RootCmd: app.RootCmd}); err != nil {
		return err
	}
	return execute(app, signals)
}

// build wires every feature. It takes the interface so that tests can pass an
// app of their own.
func build(app core.App, cfg config) error {
	if err := hooks.Register(app, hooks.Config{}); err != nil {
		return err
	}
	if cfg.demo {
		demo.Register(app, demo.Config{AllowPublic: cfg.demoPublic})
	}
	return nil
}
