// Command conduit is the RealWorld backend "Conduit", a small Medium, on
// PocketBase and Holdall's plugins. It is built from its design document,
// openapi.yml.
//
//	go run ./examples/conduit serve
package main

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/plugins/health"
	"github.com/holdall-go/holdall/plugins/httpguard"
	"github.com/holdall-go/holdall/plugins/requestlog"
	"github.com/holdall-go/holdall/plugins/settings"
	"github.com/holdall-go/holdall/plugins/shutdown"
)

func main() {
	app := pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: "conduit_data"})
	app.RootCmd.Short = "The RealWorld backend"
	app.RootCmd.AddCommand(cmd.NewServeCommand(app, true), cmd.NewSuperuserCommand(app))
	if err := run(app); err != nil {
		fmt.Fprintln(os.Stderr, "conduit:", err)
		os.Exit(1)
	}
}

// run wires the program and runs its command line.
func run(app *pocketbase.PocketBase) error {
	requestlog.MustRegister(app, requestlog.Config{Format: requestlog.FormatText})
	stop := shutdown.MustRegister(app, shutdown.Config{})
	health.MustRegister(app, health.Config{Draining: stop.Draining})
	httpguard.MustRegister(app, httpguard.Config{}) // browsers of every origin may call the API
	settings.MustRegister(app, settings.Config{
		AppName:        new("Conduit"),
		RateLimitRules: rateLimits(),
		Batch:          settings.Batch{Enabled: new(false)},
	})
	register(app)

	failure := rememberFailure(app.RootCmd)
	if err := app.Execute(); err != nil {
		return err
	}
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// rateLimits are the plugin's, and stricter ones for what hashes a password:
// each takes some 50 ms of a core, and somebody may be guessing.
func rateLimits() []core.RateLimitRule {
	return append([]core.RateLimitRule{
		{Label: "POST /api/users/login", MaxRequests: 300, Duration: 60},
		{Label: "POST /api/users", MaxRequests: 300, Duration: 60},
		{Label: "PUT /api/user", MaxRequests: 300, Duration: 60},
	}, settings.DefaultRateLimits()...)
}

// rememberFailure returns where to find the error of a command after it ran:
// PocketBase drops it, and the program would exit as if all was well.
func rememberFailure(c *cobra.Command) *atomic.Pointer[error] {
	failure := &atomic.Pointer[error]{}
	wrapCommands(c, func(err error) { failure.Store(&err) })
	return failure
}

// wrapCommands has c and the commands below it report their errors.
func wrapCommands(c *cobra.Command, report func(error)) {
	for _, sub := range c.Commands() {
		wrapCommands(sub, report)
	}
	if run := c.RunE; run != nil {
		c.SilenceErrors, c.SilenceUsage = true, true
		c.RunE = func(c *cobra.Command, args []string) error {
			err := run(c, args)
			if err != nil {
				report(err)
			}
			return err
		}
	}
}
