package push_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
)

// What a clock that was three years ahead has put off is due once it is set back: the
// right to send, a delivery that is tried again, a service that was paused. And what is
// old is deleted by the clock for retention.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	now, retention := clocktest.New(start), clocktest.New(start)
	app, p, _ := newApp(t, push.Config{Clock: now, RetentionClock: retention, Retention: time.Hour})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 1)...)
	waiting := send(t, app, p, push.Message{To: push.Users(user), Title: "waiting", TTL: 24 * time.Hour})
	_, err := app.DB().NewQuery("UPDATE _pushLease SET owner = 'gone', until = {:far}").
		Bind(dbx.Params{"far": time.Now().AddDate(3, 0, 0).UnixMilli()}).Execute() // leases go by the machine's clock
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	await(t, p, waiting, "done", map[string]int64{"sent": 1})

	for _, statement := range []string{
		"UPDATE _pushServices SET pausedSince = {:far}, pausedUntil = {:far}",
		"UPDATE _pushDeliveries SET state = 'pending', finished = 0, expires = {:far}, nextAt = {:far}",
	} {
		far := now.Now().AddDate(3, 0, 0).UnixMilli()
		result, err := app.DB().NewQuery(statement).Bind(dbx.Params{"far": far}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := result.RowsAffected(); n == 0 || err != nil {
			t.Fatalf("%s: changed %d rows, error %v", statement, n, err)
		}
	}
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Wake()
	await(t, p, waiting, "done", map[string]int64{"sent": 1})

	now.Advance(3 * 365 * 24 * time.Hour)
	count(t, p, 1)
	retention.Advance(2 * time.Hour)
	count(t, p, 0)
}

// count sweeps, and wants so many messages to be left.
func count(t *testing.T, p *push.Plugin, want int) {
	t.Helper()
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := p.Messages(t.Context(), push.MessageQuery{})
	if err != nil || len(list) != want {
		t.Errorf("got %d messages, error %v, want %d", len(list), err, want)
	}
}
