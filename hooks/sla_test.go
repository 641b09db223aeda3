package hooks_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

// runSLA runs the job as the scheduler does.
func (w *world) runSLA() {
	w.tb.Helper()
	for _, job := range w.Cron().Jobs() {
		if job.Id() == "holdallSLA" {
			if job.Expression() != "* * * * *" {
				w.tb.Errorf("the job runs at %q, want every minute", job.Expression())
			}
			job.Run()
			return
		}
	}
	w.tb.Fatal("there is no job holdallSLA")
}

func TestSLADueDates(t *testing.T) {
	t.Parallel()
	cases := []struct {
		priority, settings string
		want               time.Duration
	}{
		{"", "", 48 * time.Hour},
		{"low", "", 120 * time.Hour},
		{"normal", "", 48 * time.Hour},
		{"high", "", 8 * time.Hour},
		{"urgent", "", 2 * time.Hour},
		{"urgent", `{"slaHours":{"urgent":0.5}}`, 30 * time.Minute},
		{"high", `{"slaHours":{"urgent":0.5}}`, 8 * time.Hour},
	}
	for _, c := range cases {
		t.Run(c.priority+" with "+c.settings, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.organization.SetSettings(c.settings)
			w.must(w.Save(w.organization))
			order := w.order(func(o *collections.WorkOrder) { o.SetPriority(c.priority) })
			if got, want := order.SLADueAt().Time(), monday.Add(c.want); !got.Equal(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	t.Run("an import brings its own", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		own := at(monday.Add(-time.Hour))
		if got := w.order(func(o *collections.WorkOrder) { o.SetSLADueAt(own) }).SLADueAt(); got != own {
			t.Errorf("got %v, want %v", got, own)
		}
	})
}

func TestSLAOfAChangedPriority(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := at(monday.Add(-10 * time.Hour))
	order := w.order(func(o *collections.WorkOrder) {
		o.SetRaw("created", created)
		o.SetPriority("urgent")
		o.SetSLADueAt(at(monday.Add(-8 * time.Hour)))
	})
	w.runSLA()
	if w.reload(order).SLABreachedAt().IsZero() {
		t.Fatal("the order is overdue and not marked")
	}
	prioritise := func(priority string) *collections.WorkOrder {
		t.Helper()
		got := w.ask("dispatcher", "PATCH", "/api/collections/work_orders/records/"+order.Id, map[string]any{"priority": priority})
		if got.status != 200 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
		return w.reload(order)
	}

	high := prioritise("high")
	if got, want := high.SLADueAt().Time(), created.Time().Add(8*time.Hour); !got.Equal(want) || high.SLABreachedAt().IsZero() {
		t.Errorf("high: due %v, want %v; breached %v, want still so", got, want, high.SLABreachedAt())
	}
	low := prioritise("low")
	if got, want := low.SLADueAt().Time(), created.Time().Add(120*time.Hour); !got.Equal(want) || !low.SLABreachedAt().IsZero() {
		t.Errorf("low: due %v, want %v; breached %v, want not any more", got, want, low.SLABreachedAt())
	}

	finished := w.order(w.planned, in("completed"))
	due := finished.SLADueAt()
	finished.SetPriority("urgent")
	w.must(w.Save(finished))
	if got := w.reload(finished).SLADueAt(); got != due {
		t.Errorf("completed: due %v, want %v as before", got, due)
	}
}

func TestSLAJobMarksWhatIsOverdueAndOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	due := func(d time.Duration) func(*collections.WorkOrder) {
		return func(o *collections.WorkOrder) { o.SetSLADueAt(at(monday.Add(d))) }
	}
	cases := []struct {
		name   string
		order  *collections.WorkOrder
		marked bool
	}{
		{"draft, due an hour ago", w.order(due(-time.Hour)), true},
		{"scheduled, due now", w.order(w.planned, in("scheduled"), due(0)), true},
		{"on site, due a second ago", w.order(w.planned, in("onSite"), due(-time.Second)), true},
		{"draft, due in a second", w.order(due(time.Second)), false},
		{"completed, due an hour ago", w.order(w.planned, in("completed"), due(-time.Hour)), false},
		{"cancelled, due an hour ago", w.order(in("cancelled"), due(-time.Hour)), false},
	}
	check := func(markedAt time.Time) {
		t.Helper()
		for _, c := range cases {
			got := w.reload(c.order).SLABreachedAt().Time()
			if c.marked && !got.Equal(markedAt) {
				t.Errorf("%s: marked at %v, want %v", c.name, got, markedAt)
			}
			if !c.marked && !got.IsZero() {
				t.Errorf("%s: marked at %v, want not", c.name, got)
			}
		}
	}
	w.runSLA()
	check(monday)
	w.clock.Advance(500 * time.Millisecond)
	w.runSLA() // an order is marked once
	check(monday)
}

// Realtime hears of a mark as of any other update, once an order, also when the
// job runs in parallel with itself over several batches.
func TestSLAJobTellsOfEachMarkOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const overdue = 250
	w.must(w.RunInTransaction(func(tx core.App) error {
		for range overdue {
			order := w.unsavedOrder(func(o *collections.WorkOrder) { o.SetSLADueAt(at(monday.Add(-time.Hour))) })
			if err := tx.Save(order); err != nil {
				return err
			}
		}
		return nil
	}))
	var (
		mu   sync.Mutex
		told = map[string]int{}
	)
	w.OnRecordAfterUpdateSuccess(collections.WorkOrders).BindFunc(func(e *core.RecordEvent) error {
		mu.Lock()
		told[e.Record.Id]++
		mu.Unlock()
		return e.Next()
	})

	var jobs sync.WaitGroup
	for range 4 {
		jobs.Go(w.runSLA)
	}
	jobs.Wait()

	if len(told) != overdue {
		t.Errorf("got told of %d orders, want %d", len(told), overdue)
	}
	for id, times := range told {
		if times != 1 {
			t.Errorf("order %s: told %d times, want once", id, times)
		}
	}
}

// One order with a fault from other times must not stop the job for all.
func TestSLAJobMarksOrdersThatWouldNotValidate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	faulty, sound := w.order(), w.order()
	_, err := w.DB().Update(collections.WorkOrders, dbx.Params{"title": "", "checklist": "[1]", "slaDueAt": at(monday.Add(-time.Hour))}, dbx.HashExp{"id": faulty.Id}).Execute()
	w.must(err)
	w.clock.Advance(100 * 24 * time.Hour)
	w.runSLA()
	for name, order := range map[string]*collections.WorkOrder{"faulty": faulty, "sound": sound} {
		if w.reload(order).SLABreachedAt().IsZero() {
			t.Errorf("the %s order is not marked", name)
		}
	}
}

// The job runs each minute, so what it looks at must not grow with the orders
// that are done.
func TestSLAJobUsesItsIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	queries := w.recordQueries()
	w.order(func(o *collections.WorkOrder) { o.SetSLADueAt(at(monday.Add(-time.Hour))) })
	w.runSLA()
	for _, query := range queries() {
		if strings.Contains(query, "slaBreachedAt") && strings.HasPrefix(query, "SELECT") {
			plan := w.explain(query)
			if !strings.Contains(plan, "idx_work_orders_sla") || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s\nis planned as\n%s", query, plan)
			}
			return
		}
	}
	t.Error("the job's query was not seen")
}

// explain returns the plan of a query whose values are in it.
func (w *world) explain(query string) string {
	w.tb.Helper()
	var steps []struct {
		Detail string `db:"detail"`
	}
	w.must(w.DB().NewQuery("EXPLAIN QUERY PLAN " + query).All(&steps))
	lines := make([]string, len(steps))
	for i, step := range steps {
		lines[i] = step.Detail
	}
	return strings.Join(lines, "\n")
}
