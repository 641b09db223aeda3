package webhooks_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
)

// A process that ran three years ahead and is gone keeps the next one neither from
// sending nor from what it wanted to try again. What is finished is deleted by the
// clock for retention.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	config, clock := withClock()
	clock.Advance(3 * 365 * 24 * time.Hour)
	config.RetentionClock = clocktest.New(noon)
	app, _, start := newApp(t, config)
	r := newReceiver(t, nil)
	endpoint := addEndpoint(t, app, r.URL, nil)
	for _, statement := range []string{
		"UPDATE _webhooksLease SET owner = 'gone', until = {:far}",
		`INSERT INTO _webhooksDeliveries (endpoint, event, run, subject, type, payload, created, state, ready, nextAt)
			VALUES ({:endpoint}, 'late', 0, 'late', 'orders.create', '{}', {:noon}, 'pending', 1, {:far})`,
		`INSERT INTO _webhooksDeliveries (endpoint, event, run, subject, type, payload, created, state, ready, nextAt, finished)
			VALUES ({:endpoint}, 'old', 0, 'old', 'orders.create', '{}', {:noon}, 'delivered', 0, 0, {:noon})`,
	} {
		_, err := app.DB().NewQuery(statement).Bind(dbx.Params{
			"endpoint": endpoint.Id, "noon": noon.UnixMilli(), "far": noon.AddDate(9, 0, 0).UnixMilli(),
		}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	start()
	r.await(t, 1) // which is after old ones were deleted
	var kept int
	if err := app.DB().NewQuery("SELECT COUNT(*) FROM _webhooksDeliveries WHERE event = 'old'").Row(&kept); err != nil || kept != 1 {
		t.Errorf("after the clock jumped: got %d old deliveries, error %v, want 1", kept, err)
	}
}
