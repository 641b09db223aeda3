package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/plugins/backup"
)

// The exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2   // the command line or the configuration is wrong: trying again is no use
	exitInterrupted = 130 // as a shell reports a program that was stopped by Ctrl-C
)

// usageError is a mistake of whoever typed the command or wrote the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errInterrupted is returned when a signal ended a command other than serve.
var errInterrupted = errors.New("interrupted")

// interruptGrace is how long an interrupted command may take to return before
// the database is closed under it.
const interruptGrace = 3 * time.Second

// exitCode reports err, one line a problem, and returns the code to exit with.
func exitCode(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintln(stderr, "holdall:", line)
		}
	}
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	if usage := (usageError{}); errors.As(err, &usage) {
		return exitUsage
	}
	if own := interface{ ExitCode() int }(nil); errors.As(err, &own) {
		return own.ExitCode()
	}
	return exitFailed
}

// execute runs the command line and returns its error. It stands in for
// [pocketbase.PocketBase.Execute], which opens the database before it looks at
// the flags and drops the errors of commands.
func execute(app *pocketbase.PocketBase, signals <-chan os.Signal) error {
	app.RootCmd.SetErr(os.Stderr) // PocketBase's writer puts what is meant for it on the standard output
	r := &runner{app: app, up: make(chan struct{}), unlock: func() {}}
	r.prepare(app.RootCmd)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.run(ctx) }()

	select {
	case err := <-done:
		return errors.Join(err, r.terminate())
	case <-signals:
	}

	if r.serving.Load() {
		// a server that starts is let to, so that its database is not closed in the
		// middle of a migration
		select {
		case <-r.up:
		case err := <-done:
			return errors.Join(err, r.terminate())
		case <-signals:
		}
		return r.terminate()
	}
	cancel()
	var err error
	select {
	case err = <-done:
	case <-time.After(interruptGrace):
	}
	return errors.Join(errInterrupted, err, r.terminate())
}

// runner keeps what execute learns while a command runs.
type runner struct {
	app     *pocketbase.PocketBase
	started atomic.Bool   // a command runs, so flags and arguments are right
	serving atomic.Bool   // and it is serve
	up      chan struct{} // closed when the server listens
	unlock  func()        // lets another process start on the data directory
}

// run runs the command line. What fails before a command runs is a mistake of
// who typed it.
func (r *runner) run(ctx context.Context) error {
	command, err := r.app.RootCmd.ExecuteContextC(ctx)
	if err != nil && !r.started.Load() {
		return usageError{fmt.Errorf("%w (see %s --help)", err, command.CommandPath())}
	}
	return err
}

// terminate lets the app and its plugins clean up, and closes the databases.
func (r *runner) terminate() error {
	if !r.app.IsBootstrapped() {
		return nil
	}
	event := new(core.TerminateEvent)
	event.App = r.app
	return r.app.OnTerminate().Trigger(event, func(e *core.TerminateEvent) error {
		return e.App.ResetBootstrapState()
	})
}

// parserNoise is what the flag parser adds about its own workings.
var parserNoise = regexp.MustCompile(`: strconv\.\w+: parsing .*$`)

// prepare makes root and the commands below it report their mistakes as errors
// instead of printing help and succeeding, and bootstraps the app before they
// run.
func (r *runner) prepare(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.FParseErrWhitelist = cobra.FParseErrWhitelist{}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return errors.New(parserNoise.ReplaceAllString(err.Error(), ""))
	})
	r.prepareTree(root)

	r.app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallExecuteUp",
		Func: func(e *core.ServeEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			r.unlock()
			close(r.up) // a program serves once
			return nil
		},
	})
}

func (r *runner) prepareTree(c *cobra.Command) {
	for _, sub := range c.Commands() {
		r.prepareTree(sub)
	}
	if !c.Runnable() {
		c.Args = cobra.ArbitraryArgs // checked here, with one message for every level
		c.RunE = runGroup
		c.SuggestionsMinimumDistance = 2
		return
	}
	run := c.RunE
	if run == nil {
		plain := c.Run
		run = func(c *cobra.Command, args []string) error { //nolint:unparam // the type wants an error
			plain(c, args)
			return nil
		}
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		r.started.Store(true)
		if c.Name() == "serve" {
			// one that waits may be interrupted like any command
			if err := awaitDisk(c.Context(), r.app); err != nil {
				return err
			}
		}
		if _, without := c.Annotations[backup.WithoutDatabase]; !without && !withoutDatabase[c.Name()] {
			if err := r.open(c); err != nil {
				return err
			}
			defer r.unlock()
		}
		return run(c, args)
	}
}

// open bootstraps the app. No other process starts on the data directory meanwhile, nor
// until the server is up if the command is serve, or until it ends if it writes what a
// first start writes.
func (r *runner) open(c *cobra.Command) (err error) {
	if r.unlock, err = lockStart(c.Context(), r.app.DataDir()); err != nil {
		return err
	}
	switch c.Name() {
	case "serve":
		r.serving.Store(true)
	case "demo", "migrate":
	default:
		defer r.unlock()
	}
	if err := r.app.Bootstrap(); err != nil {
		return fmt.Errorf("open the data directory %s: %w", r.app.DataDir(), err)
	}
	return nil
}

// withoutDatabase names the commands that work without opening the database, or
// open it when they need it: health runs beside a server that has it open.
var withoutDatabase = map[string]bool{"config": true, "health": true, "diff": true, "conform": true}

// runGroup is what a command does that only holds others.
func runGroup(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	message := fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath())
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		message += ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return errors.New(message)
}

// wantsHelp reports whether the command line asks for nothing but help or the version.
func wantsHelp(args []string) bool {
	return len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool {
		return slices.Contains([]string{"-h", "--help", "-v", "--version"}, arg)
	})
}
