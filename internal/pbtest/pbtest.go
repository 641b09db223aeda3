// Package pbtest gives tests real PocketBase apps that cost a few milliseconds:
// real SQLite, the real router, a stubbed mailer, nothing shared between two apps.
//
//	var template = pbtest.NewTemplate(func(app core.App) error {
//		return schema.Apply(app, collections.All())
//	})
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		app := template.New(t, myplugin.Bind)
//		_, token := pbtest.User(t, app, "users", nil)
//		url := pbtest.Serve(t, app)
//		...
//	}
//
// An app serves one router: use one of [Serve], [Handler] and one
// [tests.ApiScenario] per app, because PocketBase binds its dashboard routes
// anew for each router and refuses the second.
//
// The apps are bootstrapped already, so hooks that a register function binds
// never see OnBootstrap. Code that works there needs a test of its own on a
// [core.NewBaseApp].
package pbtest

import (
	"os"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
)

// empty has the system collections, the default users collection and whatever
// the migrations make that the test binary imports.
var empty = NewTemplate()

// New returns an app without data, with request logs off, after it ran the
// register functions on it in order. The app and its directory end with the test.
func New(tb testing.TB, register ...func(core.App) error) *tests.TestApp {
	tb.Helper()
	return empty.New(tb, register...)
}

// Factory returns a function for [tests.ApiScenario.TestAppFactory]. Each call
// of it makes a new app, as [New] does.
func Factory(register ...func(core.App) error) func(testing.TB) *tests.TestApp {
	return empty.Factory(register...)
}

// Run tests each scenario as a parallel subtest on an app of its own. A scenario
// that has no TestAppFactory gets the one of [Factory]. A scenario without a
// name fails, as nobody can tell from an address what it is about.
func Run(t *testing.T, scenarios []tests.ApiScenario, register ...func(core.App) error) {
	t.Helper()
	for i, scenario := range scenarios {
		if scenario.Name == "" {
			t.Errorf("scenario %d (%s %s) has no name", i, scenario.Method, scenario.URL)
			continue
		}
		if scenario.TestAppFactory == nil {
			scenario.TestAppFactory = Factory(register...)
		}
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			scenario.Name = "" // the subtest that PocketBase adds is named after the request
			scenario.Test(t)
		})
	}
}

// Terminate ends an app of [core.NewBaseApp] as a program does: what its plugins do at
// the end comes first, then its databases are closed. It does nothing if that was done.
func Terminate(tb testing.TB, app core.App) {
	tb.Helper()
	if !app.IsBootstrapped() {
		return
	}
	err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}, func(e *core.TerminateEvent) error { return e.App.ResetBootstrapState() })
	if err != nil {
		tb.Errorf("terminate the app: %v", err)
	}
}

// cleanUp ends the app unless a scenario has done so already: a second
// OnTerminate would be noise in every handler.
func cleanUp(app *tests.TestApp) {
	if _, err := os.Stat(app.DataDir()); err == nil {
		app.Cleanup()
	}
}
