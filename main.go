// Command holdall is a field-service backend on PocketBase: the reference app
// in collections and hooks, with every plugin switched on.
//
//	holdall serve --demo
package main

import (
	"embed"
	"os"
	"os/signal"
	"syscall"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/migratecmd"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo"
	"github.com/holdall-go/holdall/hooks"
	_ "github.com/holdall-go/holdall/pb_migrations"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/clienttypes"
	"github.com/holdall-go/holdall/plugins/fielderrors"
	"github.com/holdall-go/holdall/plugins/filterguard"
	"github.com/holdall-go/holdall/plugins/health"
	"github.com/holdall-go/holdall/plugins/httpguard"
	"github.com/holdall-go/holdall/plugins/idempotency"
	"github.com/holdall-go/holdall/plugins/realtime"
	"github.com/holdall-go/holdall/plugins/requestlog"
	"github.com/holdall-go/holdall/plugins/schema"
	"github.com/holdall-go/holdall/plugins/settings"
	"github.com/holdall-go/holdall/plugins/shutdown"
)

// publicFiles is the web app as it was built. The program is one file.
//
//go:embed all:pb_public
var publicFiles embed.FS

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
	cfg.changes.Engine = cfg.backup.Engine
	app := pocketbase.NewWithConfig(pocketbase.Config{
		DBConnect:            cfg.changes.Engine.Connect,
		DefaultDev:           cfg.dev,
		DefaultDataDir:       cfg.dir,
		DefaultEncryptionEnv: encryptionEnv,
		DefaultQueryTimeout:  cfg.queryTimeout,
	})
	root := app.RootCmd
	root.Short = "A field-service backend on PocketBase"
	root.Version = version
	addPublicDirFlag(root.PersistentFlags())
	root.AddCommand(serveCommand(app, cfg), cmd.NewSuperuserCommand(app), demo.Command(app), configCommand(app, cfg))
	migratecmd.MustRegister(app, root, migratecmd.Config{Dir: "pb_migrations"})

	// only a server writes its log to standard output: elsewhere that is the
	// command's own
	chosen, _, err := root.Find(args)
	cfg.log.SkipAppLog = err != nil || chosen.Name() != "serve"
	if cfg.log.SkipAppLog {
		cfg.protect.CheckFor = -1 // commands are not to wait for it
	}
	cfg.health.RootCmd, cfg.jobs.RootCmd, cfg.webhooks.RootCmd, cfg.push.RootCmd = root, root, root, root
	if err := build(app, root, cfg); err != nil {
		return err
	}
	return execute(app, signals)
}

// build wires every feature. It takes the interface so that tests can pass an
// app of their own.
func build(app core.App, root *cobra.Command, cfg config) error {
	if err := cfg.trace(); err != nil {
		return err
	}
	// before all that has a clock or writes
	if err := registerProtect(app, &cfg); err != nil {
		return err
	}
	if err := registerUpgrade(app, root, cfg); err != nil {
		return err
	}
	// first, so that what the others write at the start is logged
	log, err := registerChanges(app, cfg)
	if err != nil {
		return err
	}
	queue, err := registerJobs(app, cfg.jobs)
	if err != nil {
		return err
	}
	if _, err := requestlog.Register(app, cfg.log); err != nil {
		return err
	}
	copies, err := registerBackup(app, root, &cfg)
	if err != nil {
		return err
	}
	stop, err := shutdown.Register(app, cfg.shutdown)
	if err != nil {
		return err
	}
	cfg.health.Draining = stop.Draining
	if _, err := health.Register(app, cfg.health); err != nil {
		return err
	}
	if _, err := httpguard.Register(app, cfg.guard); err != nil {
		return err
	}
	cfg.settings.SignUps = signUps()
	if _, err := settings.Register(app, cfg.settings); err != nil {
		return err
	}
	if _, err := fielderrors.Register(app, fielderrors.Config{}); err != nil {
		return err
	}
	if _, err := schema.Register(app, schema.Config{Collections: collections.All(), RootCmd: root}); err != nil {
		return err
	}
	// what never comes near these collections stays as stock PocketBase has it
	if _, err := filterguard.Register(app, filterguard.Config{Collections: definedCollections()}); err != nil {
		return err
	}
	if err := registerLimits(app, root, cfg); err != nil {
		return err
	}
	once := idempotency.Config{Now: cfg.limits.Now, Skip: []string{
		// waits for the mail server, which writers must not
		"/api/v1/organizations/{id}/invitations",
		// operators' routes have transactions of their own, and may be repeated
		"/api/jobs/", "/api/webhooks/", "/api/push/test", "/api/push/resume", "/api/push/messages/{id}/cancel",
	}}
	if _, err := idempotency.Register(app, once); err != nil {
		return err
	}
	cfg.quietViews++ // its handler does nothing for views without a query
	hooked, err := registerWebhooks(app, cfg, log, queue.Plugin)
	if err != nil {
		return err
	}
	pushed, err := registerPush(app, cfg, log)
	if err != nil {
		return err
	}
	lane, err := registerFastLane(app, root, cfg)
	if err != nil {
		return err
	}
	if err := registerObserve(app, cfg, measured{log, queue.Plugin, hooked, pushed, lane}); err != nil {
		return err
	}
	if err := registerOpenAPI(app, root, cfg.api); err != nil {
		return err
	}
	if _, err := clienttypes.Register(app, clienttypes.Config{Program: "holdall", RootCmd: root}); err != nil {
		return err
	}
	if err := registerVersions(app, root, cfg.limits.Now); err != nil {
		return err
	}
	if err := registerDoctor(app, root, cfg, copies); err != nil {
		return err
	}
	bindGreeting(app, cfg)

	if err := hooks.Register(app, hooks.Config{Jobs: queue, ERP: !cfg.webhooksOff}); err != nil {
		return err
	}
	demo.Guard(app, demo.Config{AllowPublic: cfg.demoPublic})
	if cfg.demo {
		demo.Register(app, demo.Config{AllowPublic: cfg.demoPublic})
	}
	return nil
}

// registerChanges adds the change log and realtime, or takes away what an earlier
// start has left of it and returns nil.
func registerChanges(app core.App, cfg config) (*changes.Log, error) {
	if cfg.changesOff {
		return nil, changes.Disable(app)
	}
	log, err := changes.Register(app, cfg.changes)
	if err != nil || cfg.realtimeOff {
		return log, err
	}
	cfg.realtime.Log = log
	_, err = realtime.Register(app, cfg.realtime)
	return log, err
}

// signUps are the names of the collections in which everybody may create an
// account.
func signUps() []string {
	var names []string
	for _, c := range collections.All() {
		if c.Type == core.CollectionTypeAuth && c.Rules.Create == schema.Public {
			names = append(names, c.Name)
		}
	}
	return names
}

// definedCollections are the names of the collections that are defined in Go.
func definedCollections() []string {
	var names []string
	for _, c := range collections.All() {
		names = append(names, c.Name)
	}
	return names
}
