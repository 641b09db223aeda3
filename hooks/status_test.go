package hooks_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"

	"github.com/holdall-go/holdall/collections"
)

var allStatuses = []string{"draft", "scheduled", "enRoute", "onSite", "completed", "cancelled"}

// legal is the machine as it was agreed on, written out a second time.
var legal = map[string]string{
	"draft":     "scheduled cancelled",
	"scheduled": "enRoute draft cancelled",
	"enRoute":   "onSite scheduled cancelled",
	"onSite":    "completed cancelled",
}

func isLegal(from, to string) bool {
	for _, status := range strings.Fields(legal[from]) {
		if status == to {
			return true
		}
	}
	return false
}

// fieldCode returns the code that a validation error has for the field.
func fieldCode(err error, field string) string {
	var fields validation.Errors
	var problem validation.Error
	if errors.As(err, &fields) && errors.As(fields[field], &problem) {
		return problem.Code()
	}
	return ""
}

func TestStatusMovesInGoAsTheMachineAllows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, from := range allStatuses {
		for _, to := range allStatuses {
			order := w.order(w.planned, in(from))
			order.SetStatus(to)
			err := w.Save(order)

			want := ""
			if from != to && !isLegal(from, to) {
				want = "validation_illegal_transition"
			}
			if got := fieldCode(err, "status"); got != want || (want == "") != (err == nil) {
				t.Errorf("%s to %s: got %q (%v), want %q", from, to, got, err, want)
			}
			kept := from
			if want == "" {
				kept = to
			}
			if got := w.reload(order).Status(); got != kept {
				t.Errorf("%s to %s: the order is %s afterwards, want %s", from, to, got, kept)
			}
		}
	}
}

func TestStatusOfASuperuserFollowsTheMachineToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order()
	path := "/api/collections/work_orders/records/" + order.Id

	got := w.ask("superuser", "PATCH", path, map[string]any{"status": "completed"})
	if got.status != 400 || got.code(t, "status") != "validation_illegal_transition" {
		t.Errorf("draft to completed: got %d %s", got.status, got.body)
	}
	if got := w.ask("superuser", "PATCH", path, map[string]any{"status": "cancelled"}); got.status != 200 {
		t.Errorf("draft to cancelled: got %d %s", got.status, got.body)
	}
}

func TestStatusAndPriorityHaveDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := map[string]any{"organization": w.organization.Id, "site": w.site.Id, "title": "Inspect"}

	created := w.ask("dispatcher", "POST", "/api/collections/work_orders/records", body)
	if created.status != 200 {
		t.Fatalf("create: got %d %s", created.status, created.body)
	}
	var order struct{ Status, Priority string }
	created.decode(t, &order)
	if order.Status != "draft" || order.Priority != "normal" {
		t.Errorf("got %s and %s, want draft and normal", order.Status, order.Priority)
	}
	body["status"] = "completed"
	if got := w.ask("dispatcher", "POST", "/api/collections/work_orders/records", body); got.status != 400 {
		t.Errorf("create with a status by the API: got %d, want 400", got.status)
	}
	for _, status := range allStatuses { // seeds and imports
		if got := w.order(in(status)).Status(); got != status {
			t.Errorf("create as %s by Go: got %s", status, got)
		}
	}
}

func TestStatusSetsItsTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, in("enRoute"))

	w.clock.Advance(90 * time.Minute)
	order.SetStatus("onSite")
	w.must(w.Save(order))
	started := monday.Add(90 * time.Minute)
	order = w.reload(order)
	if got := order.StartedAt().Time(); !got.Equal(started) || !order.CompletedAt().IsZero() {
		t.Errorf("on site: started %v, want %v; completed %v, want none", got, started, order.CompletedAt())
	}

	w.clock.Advance(time.Hour)
	order.SetStatus("completed")
	w.must(w.Save(order))
	order = w.reload(order)
	if got, want := order.CompletedAt().Time(), started.Add(time.Hour); !got.Equal(want) {
		t.Errorf("completed: got %v, want %v", got, want)
	}
	if got := order.StartedAt().Time(); !got.Equal(started) {
		t.Errorf("completed: started %v, want %v as before", got, started)
	}
	if !order.SLABreachedAt().IsZero() {
		t.Errorf("completed in time: breached at %v, want not", order.SLABreachedAt())
	}

	late := w.order(w.planned, in("onSite"))
	w.clock.Advance(1000 * time.Hour)
	late.SetStatus("completed")
	w.must(w.Save(late))
	if got := w.reload(late).SLABreachedAt().Time(); !got.Equal(w.clock.Now()) {
		t.Errorf("completed late, before the job came by: breached at %v, want %v", got, w.clock.Now())
	}
}

func TestStatusNeedsItsConditions(t *testing.T) {
	t.Parallel()
	openItem := func(o *collections.WorkOrder) {
		o.SetChecklist(`[{"id":"a","label":"Brakes","required":true},{"id":"b","label":"Photo"}]`)
	}
	cases := []struct {
		name        string
		from, to    string
		change      func(o *collections.WorkOrder)
		field, code string
	}{
		{"scheduled without an assignee", "draft", "scheduled", func(o *collections.WorkOrder) { o.SetAssignee("") }, "assignee", "validation_required"},
		{"scheduled without a start", "draft", "scheduled", func(o *collections.WorkOrder) { o.Set("scheduledStart", ""); o.Set("scheduledEnd", "") }, "scheduledStart", "validation_required"},
		{"scheduled without an end", "draft", "scheduled", func(o *collections.WorkOrder) { o.Set("scheduledEnd", "") }, "", ""},
		{"completed with an open required item", "onSite", "completed", openItem, "checklist", "validation_checklist_incomplete"},
		{"completed with an open optional item", "onSite", "completed", func(o *collections.WorkOrder) { o.SetChecklist(`[{"id":"b","label":"Photo"}]`) }, "", ""},
		{"cancelled with an open required item", "onSite", "cancelled", openItem, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			order := w.order(w.planned, c.change, in(c.from))
			order.SetStatus(c.to)
			err := w.Save(order)
			if (c.code == "") != (err == nil) || fieldCode(err, c.field) != c.code {
				t.Errorf("got %v, want %q for %q", err, c.code, c.field)
			}
		})
	}

	t.Run("an end before the start is refused at any time", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		order := w.unsavedOrder(w.planned, func(o *collections.WorkOrder) { o.SetScheduledEnd(o.ScheduledStart()) })
		if got := fieldCode(w.Save(order), "scheduledEnd"); got != "validation_end_before_start" {
			t.Errorf("got %q", got)
		}
	})
}

// Requests load a record before they save it. What another one has changed in
// between must stay.
func TestUpdatesKeepWhatOthersChangedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, in("scheduled"))

	w.beforeUpdate(func() {
		other := w.reload(order)
		other.SetStatus("enRoute")
		w.must(w.Save(other))
	})
	got := w.ask("dispatcher", "PATCH", "/api/collections/work_orders/records/"+order.Id, map[string]any{"title": "Inspect both lifts"})
	if got.status != 200 || !strings.Contains(got.body, `"status":"enRoute"`) {
		t.Errorf("the answer has not the status of now: %d %s", got.status, got.body)
	}
	now := w.reload(order)
	if now.Status() != "enRoute" || now.Title() != "Inspect both lifts" {
		t.Errorf("got %s and %q, want both changes", now.Status(), now.Title())
	}
}
