package demo_test

import (
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo"
	"github.com/holdall-go/holdall/hooks"
	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// The demo is written without the app's hooks. These tests hold it to them.

// withHooks binds the business logic, whose clock stands at noon.
func withHooks(app core.App) error {
	return hooks.Register(app, hooks.Config{Clock: clocktest.New(noon)})
}

func TestHooksFindNothingToObjectTo(t *testing.T) {
	t.Parallel()

	app := seeded.New(t, withHooks)
	for _, name := range names {
		for _, record := range find(t, app, name) {
			if err := app.Validate(record); err != nil {
				t.Errorf("%s %s: got %v, want a valid record", name, record.Id, err)
			}
		}
	}
}

func TestTheJobForDueTimesFindsNothingToDo(t *testing.T) {
	t.Parallel()

	app := seeded.New(t, withHooks)
	before, ran := exactDump(t, app), false
	for _, job := range app.Cron().Jobs() {
		if job.Id() == "holdallSLA" {
			job.Run()
			ran = true
		}
	}
	if !ran {
		t.Fatal("the job is not there")
	}
	if diff := difference(before, exactDump(t, app)); diff != "" {
		t.Errorf("the job changed an order (-before +after):\n%s", diff)
	}
}

func TestWorkGoesOnFromTheDemo(t *testing.T) {
	t.Parallel()

	app := seeded.New(t, withHooks)
	handler := pbtest.Handler(t, app)
	var tenant *collections.Organization
	for _, record := range find(t, app, collections.Organizations) {
		if o := collections.OrganizationOf(record); o.Slug() == "tinderbrook" {
			tenant = o
		}
	}
	dispatcher := signIn(t, handler, demo.Account{Email: "fenwick@demo.example", Password: demo.Password})

	// each order on the way arrives, by the hand of whom it is assigned to
	moved := 0
	for _, record := range find(t, app, collections.WorkOrders) {
		order := collections.WorkOrderOf(record)
		if order.Status() != collections.WorkOrderStatusEnRoute {
			continue
		}
		moved++
		person, err := collections.FindUserById(app, order.Assignee())
		if err != nil {
			t.Fatal(err)
		}
		answer := pbtest.Do(t, handler, pbtest.Request{
			Method: http.MethodPost, Path: "/api/v1/work-orders/" + order.Id + "/transition",
			Token: pbtest.Token(t, person.Record), Body: map[string]string{"to": collections.WorkOrderStatusOnSite},
		})
		if answer.Status != http.StatusOK {
			t.Errorf("order %d arrives: got %d %s, want 200", order.Number(), answer.Status, answer.Body)
		}
	}
	if moved == 0 {
		t.Error("no order is on the way")
	}

	var created struct{ Number int }
	answer := pbtest.Do(t, handler, pbtest.Request{
		Method: http.MethodPost, Path: "/api/collections/work_orders/records", Token: dispatcher,
		Body: map[string]string{"organization": tenant.Id, "site": siteOf(t, app, tenant.Id), "title": "One more"},
	})
	answer.JSON(t, &created)
	if want := tenant.LastNumber() + 1; answer.Status != http.StatusOK || created.Number != want {
		t.Errorf("a new order: got %d %s, want 200 and number %d", answer.Status, answer.Body, want)
	}

	var board struct {
		Columns []struct {
			Status string
			Total  int
		}
	}
	pbtest.Do(t, handler, pbtest.Request{Path: "/api/v1/organizations/" + tenant.Id + "/board", Token: dispatcher}).JSON(t, &board)
	total := 0
	for _, column := range board.Columns {
		total += column.Total
	}
	if total != created.Number {
		t.Errorf("the board counts %d orders, want all %d", total, created.Number)
	}
}

func siteOf(t *testing.T, app core.App, organization string) string {
	t.Helper()
	record, err := app.FindFirstRecordByData(collections.Sites, collections.SiteFieldOrganization, organization)
	if err != nil {
		t.Fatal(err)
	}
	return record.Id
}
