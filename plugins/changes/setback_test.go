package changes_test

import (
	"context"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
)

// The lease of a process that ran three years ahead and is gone does not keep the
// next one from working.
func TestLeaseOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 10)
	app, log := newApp(t, t.TempDir(), changes.Consumer{
		Name: "heard", FromStart: true,
		Handle: func(_ context.Context, c changes.Change) error {
			if c.Record == "p1" {
				heard <- c.Record
			}
			return nil
		},
	})
	_, err := app.DB().NewQuery("REPLACE INTO _changesConsumers (name, position, owner, leaseUntil) VALUES ('heard', 0, 'gone', {:far})").
		Bind(dbx.Params{"far": time.Now().AddDate(3, 0, 0).UnixMilli()}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if err := exec(app, "INSERT INTO projects (id) VALUES ('p1')"); err != nil {
		t.Fatal(err)
	}
	log.Start()
	select {
	case <-heard:
	case <-time.After(90 * time.Second):
		t.Error("the consumer does not work")
	}
}

// The background forgets by the clock for retention.
func TestRetentionClock(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(time.Now().AddDate(1, 0, 0))
	app, log, err := openApp(t.TempDir(), changes.Config{RetentionClock: clock, History: []string{"projects"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	for _, statement := range []string{"INSERT INTO projects (id) VALUES ('p1')", "UPDATE projects SET id = 'p2'"} {
		if err := exec(app, statement); err != nil {
			t.Fatal(err)
		}
	}
	log.Start() // which forgets at once
	pbtest.Eventually(t, 90*time.Second, func() error {
		page, err := log.History(t.Context(), 0, 100)
		if err == nil && len(page.Changes) > 0 {
			err = context.DeadlineExceeded
		}
		return err
	})
}
