package webhooks_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// noon is when the tests with a clock of their own begin.
var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// withClock is a config with the default pauses and a clock that stands still.
func withClock() (webhooks.Config, *clocktest.Clock) {
	clock := clocktest.New(noon)
	config := fast()
	config.Clock, config.Backoff = clock, nil
	return config, clock
}

// TestRetriesOverADay lets an endpoint fail until it is disabled, and come back.
func TestRetriesOverADay(t *testing.T) {
	t.Parallel()
	config, clock := withClock()
	alerts := make(chan webhooks.Alert, 1)
	config.Alert = func(a webhooks.Alert) { alerts <- a }
	app, p, start := newApp(t, config)
	var healthy atomic.Bool
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ call) {
		if !healthy.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	endpoint := addEndpoint(t, app, r.URL, nil)
	start()
	addRecord(t, app, "orders", map[string]any{"title": "first"})
	var pauses []time.Duration
	for n := 1; state(t, p).Enabled; n++ {
		if n > 40 {
			t.Fatal("the endpoint is still enabled")
		}
		r.await(t, n)
		var due time.Time
		pbtest.Eventually(t, patience, func() error {
			list, err := p.Deliveries(t.Context(), webhooks.DeliveryQuery{})
			if err != nil {
				return err
			}
			if len(list) != 1 || list[0].Attempts != n {
				return fmt.Errorf("got %+v", list)
			}
			if list[0].State != "pending" {
				return fmt.Errorf("the delivery is %s", list[0].State)
			}
			due = *list[0].NextAt
			return nil
		})
		pauses = append(pauses, due.Sub(clock.Now()))
		if clock.Now().Sub(noon) >= 24*time.Hour {
			pbtest.Eventually(t, patience, func() error {
				if state(t, p).Enabled {
					return fmt.Errorf("the endpoint is still enabled")
				}
				return nil
			})
			break
		}
		// nothing goes out before its time, also if somebody asks for something else
		clock.Set(due)
	}
	if len(pauses) < 8 || len(pauses) > 16 || pauses[0] < 5*time.Second || pauses[0] > 6*time.Second || pauses[7] < 3*time.Hour {
		t.Errorf("the pauses are %v", pauses)
	}
	if alert := <-alerts; alert.Endpoint != endpoint.Id || alert.Name != "ERP" {
		t.Errorf("got the alert %+v", alert)
	}
	if s := state(t, p); s.Pending != 1 || s.FailingSince == nil || s.LastError != "the receiver answered 502" {
		t.Errorf("got %+v, want the delivery kept", s)
	}

	healthy.Store(true)
	stored, err := app.FindRecordById(webhooks.Collection, endpoint.Id)
	if err != nil {
		t.Fatal(err)
	}
	change(t, app, stored, map[string]any{"enabled": true})
	awaitDeliveries(t, p, "delivered", 1)
	if s := state(t, p); s.Pending != 0 || s.FailingSince != nil || s.DisabledReason != "" || s.LastSuccess == nil {
		t.Errorf("got %+v, want it healthy", s)
	}
}

// TestOneEventIsGivenUp has a receiver that refuses one event for a day and takes
// all others: the event is given up, and the next of its record goes out.
func TestOneEventIsGivenUp(t *testing.T) {
	t.Parallel()
	config, clock := withClock()
	config.Backoff = func(int) time.Duration { return 6 * time.Hour }
	app, p, start := newApp(t, config)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, c call) {
		if c.payload.Data.After["title"] == "poison" {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	})
	addEndpoint(t, app, r.URL, nil)
	start()
	record := addRecord(t, app, "orders", map[string]any{"title": "poison"})
	change(t, app, record, map[string]any{"title": "cured"})
	const last = 4 // a day has passed
	for attempt := 0; attempt <= last; attempt++ {
		pbtest.Eventually(t, patience, func() error {
			list, err := p.Deliveries(t.Context(), webhooks.DeliveryQuery{Event: r.firstEvent()})
			if err != nil {
				return err
			}
			if len(list) != 1 || list[0].Attempts != attempt+1 {
				return fmt.Errorf("attempt %d: got %+v", attempt, list)
			}
			return nil
		})
		addRecord(t, app, "orders", map[string]any{"title": "harmless"})
		if attempt == last {
			break
		}
		awaitDeliveries(t, p, "delivered", attempt+1)
		clock.Advance(6 * time.Hour)
	}
	if failed := awaitDeliveries(t, p, "failed", 1); failed[0].Status != http.StatusUnprocessableEntity {
		t.Errorf("given up is %+v", failed[0])
	}
	awaitDeliveries(t, p, "delivered", last+2)
	if !state(t, p).Enabled {
		t.Error("the endpoint was disabled for one event")
	}
}

func (r *receiver) firstEvent() string {
	calls := r.all()
	if len(calls) == 0 {
		return "none yet"
	}
	return calls[0].payload.ID
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"seconds": "5400", "a date": noon.Add(90 * time.Minute).Format(http.TimeFormat)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, clock := withClock()
			app, p, start := newApp(t, config)
			var calls atomic.Int32
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ call) {
				if calls.Add(1) == 1 {
					w.Header().Set("Retry-After", value)
					w.WriteHeader(http.StatusTooManyRequests)
				}
			})
			addEndpoint(t, app, r.URL, nil)
			start()
			addRecord(t, app, "orders", nil)
			pbtest.Eventually(t, patience, func() error {
				list, err := p.Deliveries(t.Context(), webhooks.DeliveryQuery{})
				if err != nil {
					return err
				}
				if len(list) != 1 || list[0].Attempts != 1 || !list[0].NextAt.Equal(noon.Add(90*time.Minute)) {
					return fmt.Errorf("got %+v", list)
				}
				return nil
			})
			// another record has to wait as well
			addRecord(t, app, "orders", nil)
			awaitDeliveries(t, p, "pending", 2)
			clock.Advance(89 * time.Minute)
			addRecord(t, app, "orders", nil)
			awaitDeliveries(t, p, "pending", 3)
			clock.Advance(time.Minute)
			awaitDeliveries(t, p, "delivered", 3)
			for i, c := range r.all()[1:] {
				seconds, err := strconv.ParseInt(c.header.Get("Webhook-Timestamp"), 10, 64)
				if at := time.Unix(seconds, 0); err != nil || at.Before(noon.Add(90*time.Minute)) {
					t.Errorf("call %d was made at %v", i+2, at)
				}
			}
		})
	}
}

func TestGoneDisables(t *testing.T) {
	t.Parallel()
	alerts := make(chan webhooks.Alert, 1)
	config := fast()
	config.Alert = func(a webhooks.Alert) { alerts <- a }
	app, p, start := newApp(t, config)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ call) { w.WriteHeader(http.StatusGone) })
	addEndpoint(t, app, r.URL, nil)
	start()
	record := addRecord(t, app, "orders", nil)
	if alert := <-alerts; alert.Reason != "The receiver answered 410 Gone." {
		t.Errorf("got the alert %+v", alert)
	}
	change(t, app, record, map[string]any{"title": "later"})
	if s := state(t, p); s.Enabled || s.Failed != 1 {
		t.Errorf("got %+v, want it disabled", s)
	}
	if n := len(r.all()); n != 1 {
		t.Errorf("called %d times, want once", n)
	}
}

// TestReplay sends again what an endpoint missed while it was disabled, out of
// more than is read at a time.
func TestReplay(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	r := newReceiver(t, nil)
	const changes, wanted = 210, 12
	endpoint := addEndpoint(t, app, r.URL, map[string]any{"filter": fmt.Sprint("count = 1 || count > ", changes-wanted)})
	start()
	record := addRecord(t, app, "orders", map[string]any{"count": 1})
	r.await(t, 1)
	change(t, app, endpoint, map[string]any{"enabled": false})
	since := time.Now().Add(-time.Minute)
	err := app.RunInTransaction(func(tx core.App) error {
		for n := 2; n <= changes; n++ {
			if _, err := tx.DB().Update("orders", dbx.Params{"count": n}, dbx.HashExp{"id": record.Id}).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	change(t, app, endpoint, map[string]any{"enabled": true})
	queued := int64(0)
	for replay := (webhooks.Replay{}); !replay.Done; {
		if replay, err = p.Replay(t.Context(), endpoint.Id, since, replay.Next, replay.Run); err != nil {
			t.Fatal(err)
		}
		queued += replay.Queued
	}
	calls := r.await(t, 1+1+wanted)
	if queued != 1+wanted || len(calls) != 1+1+wanted {
		t.Errorf("queued %d, got %d calls, want %d and %d", queued, len(calls), 1+wanted, 1+1+wanted)
	}
	for i, c := range calls[2:] {
		if got, want := int(c.payload.Data.After["count"].(float64)), changes-wanted+1+i; got != want {
			t.Fatalf("call %d is of change %d, want %d", i, got, want)
		}
	}
	// in one call nothing goes twice, in another all of it
	replay, err := p.Replay(t.Context(), endpoint.Id, time.Now().Add(time.Hour), 0, "")
	if err != nil || replay.Queued != 0 || !replay.Done {
		t.Errorf("a replay from the future: got %+v and error %v", replay, err)
	}
}

// TestRedeliver sends one delivery again, under the same id.
func TestRedeliver(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	r := newReceiver(t, nil)
	addEndpoint(t, app, r.URL, nil)
	start()
	addRecord(t, app, "orders", nil)
	first := awaitDeliveries(t, p, "delivered", 1)[0]
	again, err := p.Redeliver(t.Context(), first.ID)
	if err != nil || again == first.ID {
		t.Fatalf("got %d and error %v", again, err)
	}
	calls := r.await(t, 2)
	if calls[0].payload.ID != calls[1].payload.ID || string(calls[0].body) != string(calls[1].body) {
		t.Errorf("got %s, then %s", calls[0].body, calls[1].body)
	}
	if _, err := p.Redeliver(t.Context(), 1<<40); err == nil {
		t.Error("a delivery that is not there was sent again")
	}
}

func TestAttemptsAreNumbered(t *testing.T) {
	t.Parallel()
	app, p, start := newApp(t, fast())
	var calls atomic.Int32
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ call) {
		if calls.Add(1) < 4 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("try " + strconv.Itoa(int(calls.Load()))))
		}
	})
	addEndpoint(t, app, r.URL, nil)
	start()
	addRecord(t, app, "orders", nil)
	d := awaitDeliveries(t, p, "delivered", 1)[0]
	if d.Attempts != 4 || d.Status != http.StatusOK || d.Error != "" {
		t.Errorf("got %+v, want 4 attempts", d)
	}
	var shown struct {
		Tries []webhooks.Attempt `json:"tries"`
	}
	answer := pbtest.Do(t, pbtest.Handler(t, app), pbtest.Request{Path: fmt.Sprint("/api/webhooks/deliveries/", d.ID), Token: pbtest.Superuser(t, app)})
	answer.JSON(t, &shown)
	if len(shown.Tries) != 4 || shown.Tries[1].ResponseBody != "try 3" || shown.Tries[3].Status != http.StatusServiceUnavailable {
		t.Errorf("got %+v", shown.Tries)
	}
}
