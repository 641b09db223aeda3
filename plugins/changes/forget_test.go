package changes_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/holdall-go/holdall/plugins/changes"
)

// TestForgettingHistory keeps what a consumer has yet to read, for as long as
// that consumer runs.
func TestForgettingHistory(t *testing.T) {
	t.Parallel()
	stuck := changes.Consumer{
		Name: "stuck", History: true, FromStart: true, MaxAttempts: -1,
		Handle:  func(context.Context, changes.Change) error { return errors.New("not yet") },
		Backoff: func(int) time.Duration { return time.Hour },
	}
	app, log := newApp(t, t.TempDir(), stuck)
	for i := range 1500 { // more than are removed at once
		if err := exec(app, fmt.Sprintf("INSERT INTO projects (id) VALUES ('%d')", i)); err != nil {
			t.Fatal(err)
		}
	}
	day := 24 * time.Hour
	for _, step := range []struct {
		name      string
		leasedFor time.Duration // of the consumer, from now on
		at        time.Duration // when it is forgotten
		want      int
	}{
		{"within the retention", 0, day, 1500},
		{"a consumer that runs has yet to read it", 8 * day, 8 * day, 1500},
		{"a consumer that has not run for as long", 0, 8 * day, 0},
	} {
		_, err := app.DB().NewQuery(fmt.Sprintf(`REPLACE INTO _changesConsumers (name, position, leaseUntil) VALUES ('stuck', 0, %d)`,
			time.Now().Add(step.leasedFor).UnixMilli())).Execute()
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Forget(t.Context(), time.Now().Add(step.at)); err != nil {
			t.Fatal(err)
		}
		page, err := log.History(t.Context(), 0, 5000)
		if err != nil || len(page.Changes) != step.want {
			t.Errorf("%s: %d rows are left, error %v, want %d", step.name, len(page.Changes), err, step.want)
		}
	}
}
