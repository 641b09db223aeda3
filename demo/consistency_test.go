package demo_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo"
)

// moments are the ones at which planning around the present is hardest.
var moments = map[string]time.Time{
	"a working day":                noon,
	"Sunday at night":              time.Date(2026, 3, 15, 3, 10, 0, 0, time.UTC),
	"Friday evening":               time.Date(2026, 3, 13, 21, 40, 0, 0, time.UTC),
	"the hour when they went back": time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC),
	"New Year's Eve at midnight":   time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
}

// world is the seeded data by id.
type world struct {
	now      time.Time
	orders   []*collections.WorkOrder
	byID     map[string]*collections.WorkOrder
	sites    map[string]*collections.Site
	orgs     map[string]*collections.Organization
	roles    map[[2]string]string // by organization and user
	notes    []*collections.Note
	photos   []*collections.Photo
	slaHours map[string]map[string]int // by organization and priority
}

func TestConsistency(t *testing.T) {
	t.Parallel()

	for name, now := range moments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			app := empty.New(t)
			seed(t, app, demo.WithoutImages(demo.Config{Now: now}))
			w := load(t, app, now)
			for _, o := range w.orders {
				for _, problem := range w.orderProblems(o) {
					t.Errorf("order %d (%s): %s", o.Number(), o.Status(), problem)
				}
			}
			w.checkNumbers(t)
			w.checkPapers(t)
			w.checkOverlaps(t)
			w.checkBoard(t)
		})
	}
}

func load(t *testing.T, app core.App, now time.Time) *world {
	t.Helper()
	w := &world{
		now: now, byID: map[string]*collections.WorkOrder{}, sites: map[string]*collections.Site{},
		orgs: map[string]*collections.Organization{}, roles: map[[2]string]string{}, slaHours: map[string]map[string]int{},
	}
	for _, r := range find(t, app, collections.Organizations) {
		o := collections.OrganizationOf(r)
		w.orgs[r.Id] = o
		var settings struct{ SLAHours map[string]int }
		if err := json.Unmarshal(o.Settings(), &settings); err != nil {
			t.Fatal(err)
		}
		w.slaHours[r.Id] = map[string]int{"low": 120, "normal": 48, "high": 8, "urgent": 2}
		for priority, hours := range settings.SLAHours {
			w.slaHours[r.Id][priority] = hours
		}
	}
	for _, r := range find(t, app, collections.Memberships) {
		m := collections.MembershipOf(r)
		w.roles[[2]string{m.Organization(), m.User()}] = m.Role()
	}
	for _, r := range find(t, app, collections.Sites) {
		w.sites[r.Id] = collections.SiteOf(r)
	}
	for _, r := range find(t, app, collections.WorkOrders) {
		o := collections.WorkOrderOf(r)
		w.orders = append(w.orders, o)
		w.byID[r.Id] = o
	}
	for _, r := range find(t, app, collections.Notes) {
		w.notes = append(w.notes, collections.NoteOf(r))
	}
	for _, r := range find(t, app, collections.Photos) {
		w.photos = append(w.photos, collections.PhotoOf(r))
	}
	return w
}

// orderProblems lists what contradicts what in one order.
func (w *world) orderProblems(o *collections.WorkOrder) []string {
	var problems []string
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	created, updated := o.Created().Time(), o.Updated().Time()
	started, completed := o.StartedAt().Time(), o.CompletedAt().Time()
	start, end := o.ScheduledStart().Time(), o.ScheduledEnd().Time()

	expect(w.sites[o.Site()].Organization() == o.Organization(), "its site belongs to another organization")
	expect(!created.After(w.now), "created %v, which is to come", created)
	expect(!updated.After(w.now) && !updated.Before(created), "updated %v, want from creation %v to now", updated, created)
	expect(!started.After(w.now) && !completed.After(w.now), "started %v, completed %v, want neither to come", started, completed)
	expect(start.IsZero() == end.IsZero() && (start.IsZero() || end.After(start)), "scheduled %v to %v", start, end)

	planned := o.Status() != collections.WorkOrderStatusDraft
	expect(planned == (o.Assignee() != ""), "assignee is %q", o.Assignee())
	expect(planned == !start.IsZero(), "scheduled for %v", start)
	if planned {
		role := w.roles[[2]string{o.Organization(), o.Assignee()}]
		expect(role == collections.MembershipRoleTechnician, "the assignee's role is %q, want technician", role)
	}

	begun := o.Status() == collections.WorkOrderStatusOnSite || o.Status() == collections.WorkOrderStatusCompleted
	expect(begun == !started.IsZero(), "started at %v", started)
	expect((o.Status() == collections.WorkOrderStatusCompleted) == !completed.IsZero(), "completed at %v", completed)
	if !completed.IsZero() {
		expect(completed.After(started) && !started.Before(created), "created %v, started %v, completed %v", created, started, completed)
	}
	expect(o.Signature() == "" || !completed.IsZero(), "signed")
	return append(append(problems, w.slaProblems(o)...), checklistProblems(o)...)
}

func (w *world) slaProblems(o *collections.WorkOrder) []string {
	var problems []string
	due := o.Created().Time().Add(time.Duration(w.slaHours[o.Organization()][o.Priority()]) * time.Hour)
	if got := o.SLADueAt().Time(); !got.Equal(due) {
		problems = append(problems, fmt.Sprintf("due %v, want %v", got, due))
	}
	over := w.now
	switch o.Status() {
	case collections.WorkOrderStatusCompleted:
		over = o.CompletedAt().Time()
	case collections.WorkOrderStatusCancelled:
		over = o.Updated().Time()
	}
	switch breached := o.SLABreachedAt().Time(); {
	case breached.IsZero() && over.Sub(due) >= time.Minute:
		problems = append(problems, fmt.Sprintf("not breached, but due %v and over %v", due, over))
	case !breached.IsZero() && (breached.Before(due) || breached.Sub(due) >= time.Minute || breached.After(over)):
		problems = append(problems, fmt.Sprintf("breached %v, but due %v and over %v", breached, due, over))
	}
	return problems
}

func checklistProblems(o *collections.WorkOrder) []string {
	var problems []string
	var points []struct {
		ID, Label      string
		Done, Required bool
	}
	if err := json.Unmarshal(o.Checklist(), &points); err != nil {
		return []string{"checklist: " + err.Error()}
	}
	seen := map[string]bool{}
	for _, p := range points {
		if p.ID == "" || p.Label == "" || seen[p.ID] {
			problems = append(problems, fmt.Sprintf("checklist item %+v", p))
		}
		seen[p.ID] = true
		if p.Required && !p.Done && o.Status() == collections.WorkOrderStatusCompleted {
			problems = append(problems, p.Label+" is required and not done")
		}
		if p.Done && o.StartedAt().IsZero() {
			problems = append(problems, p.Label+" is done before the visit")
		}
	}
	if len(points) == 0 {
		problems = append(problems, "no checklist")
	}
	return problems
}

// checkNumbers wants 1..n in each organization, in the order of creation.
func (w *world) checkNumbers(t *testing.T) {
	t.Helper()
	for id, organization := range w.orgs {
		byNumber := map[int]*collections.WorkOrder{}
		for _, o := range w.orders {
			if o.Organization() == id {
				byNumber[o.Number()] = o
			}
		}
		for n := 1; n <= organization.LastNumber(); n++ {
			if byNumber[n] == nil {
				t.Errorf("%s: number %d is missing", organization.Slug(), n)
			} else if before := byNumber[n-1]; before != nil && before.Created().After(byNumber[n].Created()) {
				t.Errorf("%s: number %d was created after number %d", organization.Slug(), n-1, n)
			}
		}
		if len(byNumber) != organization.LastNumber() {
			t.Errorf("%s: got last number %d, want %d", organization.Slug(), organization.LastNumber(), len(byNumber))
		}
	}
}

// checkPapers wants notes and photos that the rules would have let their author add.
func (w *world) checkPapers(t *testing.T) {
	t.Helper()
	check := func(what, order, author string, at time.Time) {
		o := w.byID[order]
		switch w.roles[[2]string{o.Organization(), author}] {
		case collections.MembershipRoleOwner, collections.MembershipRoleDispatcher:
		case collections.MembershipRoleTechnician:
			if author != o.Assignee() {
				t.Errorf("%s on order %d: the author is a technician without the order", what, o.Number())
			}
		default:
			t.Errorf("%s on order %d: the author may not add it", what, o.Number())
		}
		if at.Before(o.Created().Time()) || at.After(w.now) {
			t.Errorf("%s on order %d: made %v, want from %v to now", what, o.Number(), at, o.Created())
		}
	}
	for _, n := range w.notes {
		check("note", n.WorkOrder(), n.Author(), n.Created().Time())
	}
	for _, p := range w.photos {
		check("photo", p.WorkOrder(), p.Author(), p.TakenAt().Time())
		if o := w.byID[p.WorkOrder()]; p.TakenAt().Time().Before(o.StartedAt().Time()) || o.StartedAt().IsZero() {
			t.Errorf("photo on order %d: taken %v, before the visit", o.Number(), p.TakenAt())
		}
	}
}

// checkOverlaps wants nobody to be planned for two sites of an organization at once.
func (w *world) checkOverlaps(t *testing.T) {
	t.Helper()
	visits := map[[2]string][]*collections.WorkOrder{}
	for _, o := range w.orders {
		if o.Assignee() != "" {
			key := [2]string{o.Organization(), o.Assignee()}
			visits[key] = append(visits[key], o)
		}
	}
	for _, orders := range visits {
		slices.SortFunc(orders, func(a, b *collections.WorkOrder) int { return a.ScheduledStart().Compare(b.ScheduledStart()) })
		for i, b := range orders[1:] {
			if a := orders[i]; b.ScheduledStart().Before(a.ScheduledEnd()) {
				t.Errorf("orders %d and %d: one technician, until %v and from %v", a.Number(), b.Number(), a.ScheduledEnd(), b.ScheduledStart())
			}
		}
	}
}

// checkBoard wants something in every column of each organization's board.
func (w *world) checkBoard(t *testing.T) {
	t.Helper()
	cards := map[[2]string]int{}
	for _, o := range w.orders {
		cards[[2]string{o.Organization(), o.Status()}]++
	}
	for id, organization := range w.orgs {
		for _, status := range []string{
			collections.WorkOrderStatusDraft, collections.WorkOrderStatusScheduled, collections.WorkOrderStatusEnRoute,
			collections.WorkOrderStatusOnSite, collections.WorkOrderStatusCompleted, collections.WorkOrderStatusCancelled,
		} {
			if cards[[2]string{id, status}] == 0 {
				t.Errorf("%s: nothing is %s", organization.Slug(), status)
			}
		}
	}
}
