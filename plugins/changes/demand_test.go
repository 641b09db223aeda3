package changes_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
)

// TestConsumerOnDemand is handed what happens from Begin to End and nothing else.
func TestConsumerOnDemand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := &recorder{}
	consumer := changes.Consumer{Name: "hooks", History: true, OnDemand: true, Handle: r.handle, Backoff: soon}
	app, log := newApp(t, dir, consumer)
	tasks, err := app.FindCollectionByNameOrId("tasks")
	if err != nil {
		t.Fatal(err)
	}
	keep := log.KeepHistory(t.Context(), tasks.Id, time.Now().Add(time.Hour))
	log.Start()
	rollBack := errors.New("not this time")
	err = app.RunInTransaction(func(tx core.App) error { return errors.Join(log.Begin(tx, "hooks"), rollBack) })
	if !errors.Is(err, rollBack) || errors.Join(keep, create(app, "tasks", id("a"), nil)) != nil {
		t.Fatal(err)
	}
	if states, err := log.Consumers(t.Context()); err != nil || len(states) > 0 {
		t.Errorf("before it begins: got %v and error %v", states, err)
	}
	begin := func() error {
		return app.RunInTransaction(func(tx core.App) error { return log.Begin(tx, "hooks") })
	}
	if err := errors.Join(begin(), create(app, "tasks", id("b"), nil), begin(), create(app, "tasks", id("c"), nil)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "+b", "+c")
	err = errors.Join(log.End(app, "hooks"), create(app, "tasks", id("d"), nil), begin(), create(app, "tasks", id("e"), nil))
	if err != nil {
		t.Fatal(err)
	}
	r.await(t, "+b", "+c", "+e")
	pbtest.Terminate(t, app)

	// it is still wanted after a restart
	app, log = newApp(t, dir, consumer)
	if err := create(app, "tasks", id("f"), nil); err != nil {
		t.Fatal(err)
	}
	log.Start()
	r.await(t, "+b", "+c", "+e", "+f")
	if err := log.Begin(app, "nobody"); err == nil {
		t.Error("a consumer began that is not there")
	}
}

// TestConsumerThatEndsItself ends in the middle of its work and begins again.
func TestConsumerThatEndsItself(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	var ended func() error
	app, log := newApp(t, t.TempDir(), changes.Consumer{
		Name: "hooks", History: true, OnDemand: true, Backoff: soon,
		Handle: func(ctx context.Context, c changes.Change) error {
			if c.Record == id("a") {
				return ended()
			}
			return r.handle(ctx, c)
		},
	})
	ended = func() error { return log.End(app, "hooks") }
	tasks, err := app.FindCollectionByNameOrId("tasks")
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(log.KeepHistory(t.Context(), tasks.Id, time.Now().Add(time.Hour)), log.Begin(app, "hooks"))
	if log.Start(); errors.Join(err, create(app, "tasks", id("a"), nil)) != nil {
		t.Fatal(err)
	}
	pbtest.Eventually(t, time.Minute, func() error {
		states, err := log.Consumers(t.Context())
		if err == nil && len(states) > 0 {
			err = fmt.Errorf("it works on: %v", states)
		}
		return err
	})
	if err := errors.Join(log.Begin(app, "hooks"), create(app, "tasks", id("b"), nil)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "+b")
}
