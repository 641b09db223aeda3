package bg_test

import (
	"context"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/internal/pbtest"
)

func terminate(t *testing.T, app core.App) {
	t.Helper()
	err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}, func(*core.TerminateEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestWorkEndsBeforeTheApp(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	group := bg.New(app, "test", time.Minute)
	ended := false // written before Stop returns, so no lock
	if !group.Go("wait", func(ctx context.Context) {
		<-ctx.Done()
		_, err := app.FindCollectionByNameOrId("users")
		ended = err == nil
	}) {
		t.Fatal("the group refused work")
	}
	terminate(t, app)
	if !ended {
		t.Error("the work had not ended, with the database open, when the app went on to close")
	}
	if group.Go("late", func(context.Context) {}) {
		t.Error("a stopped group took work")
	}
	terminate(t, app) // twice is harmless
}

func TestPanicEndsOnlyItself(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	group := bg.New(app, "test", time.Minute)
	panicked := make(chan struct{})
	group.Go("panic", func(context.Context) {
		defer close(panicked)
		panic("on purpose")
	})
	<-panicked
	worked := make(chan struct{})
	if !group.Go("after", func(context.Context) { close(worked) }) {
		t.Fatal("the group refused work after a panic")
	}
	<-worked
}

func TestStopGivesUpAfterTheGracePeriod(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	group := bg.New(app, "test", time.Millisecond)
	release := make(chan struct{})
	group.Go("stubborn", func(context.Context) { <-release })
	if group.Stop() {
		t.Error("Stop said that all work had ended")
	}
	close(release)
}
