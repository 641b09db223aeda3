package hooks_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

// board is the answer of the route as a client reads it.
type board struct {
	Organization struct{ ID, Name, Slug, Timezone, Role string }
	Columns      []struct {
		Status string
		Total  int
		Items  []card
	}
	People []struct {
		ID, Name, Avatar, Role string
		Open                   int
	}
	GeneratedAt string
}

type card struct {
	ID                                                    string
	Number                                                int
	Title, Status, Priority, Assignee                     string
	Site                                                  struct{ ID, Name, Address string }
	ScheduledStart, ScheduledEnd, SLADueAt, SLABreachedAt string
	ChecklistDone, ChecklistTotal                         int
	Updated                                               string
}

func (w *world) boardPath(query string) string {
	return "/api/v1/organizations/" + w.organization.Id + "/board" + query
}

func (w *world) board(query string) board {
	w.tb.Helper()
	got := w.ask("dispatcher", "GET", w.boardPath(query), nil)
	if got.status != http.StatusOK {
		w.tb.Fatalf("board %s: got %d %s", query, got.status, got.body)
	}
	var result board
	got.decode(w.tb, &result)
	return result
}

// titles are what the board shows, in its order.
func (b board) titles() []string {
	result := []string{}
	for _, column := range b.Columns {
		for _, item := range column.Items {
			result = append(result, item.Title)
		}
	}
	return result
}

func titled(title string) func(*collections.WorkOrder) {
	return func(o *collections.WorkOrder) { o.SetTitle(title) }
}

func starting(t time.Time) func(*collections.WorkOrder) {
	return func(o *collections.WorkOrder) { o.SetScheduledStart(at(t)) }
}

func TestBoardOfEachCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.order()
	want := map[string]int{"": 401, "stranger": 404, "viewer": 200, "technician": 403, "unassigned": 403, "dispatcher": 200, "owner": 200, "superuser": 200}
	for _, caller := range callers {
		got := w.ask(caller, "GET", w.boardPath(""), nil)
		if got.status != want[caller] {
			t.Errorf("%s: got %d %s, want %d", caller, got.status, got.body, want[caller])
		}
		if got.status == http.StatusForbidden && got.code(t, "") != "role_not_allowed" {
			t.Errorf("%s: got code %q", caller, got.code(t, ""))
		}
		if got.status == http.StatusOK {
			var b board
			got.decode(t, &b)
			if b.Organization.Role != caller {
				t.Errorf("%s: got role %q", caller, b.Organization.Role)
			}
		}
	}
	hidden := w.ask("stranger", "GET", w.boardPath("?from=x"), nil)
	missing := w.ask("stranger", "GET", "/api/v1/organizations/doesnotexist000/board?from=x", nil)
	if hidden.status != http.StatusNotFound || hidden.body != missing.body {
		t.Errorf("got %d %s for an organization of others, %d %s for none", hidden.status, hidden.body, missing.status, missing.body)
	}
}

func TestBoardShowsWhatItShould(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, in("scheduled"), func(o *collections.WorkOrder) {
		o.SetPriority("high")
		o.SetChecklist(`[{"id":"a","label":"Brakes","done":true},{"id":"b","label":"Doors"}]`)
	})
	w.order(func(o *collections.WorkOrder) { o.SetOrganization(w.otherOrganization.Id); o.SetSite(w.otherSite.Id) })
	b := w.board("")

	got := make([]string, len(b.Columns))
	for i, column := range b.Columns {
		got[i] = column.Status
	}
	if !slices.Equal(got, allStatuses) {
		t.Errorf("columns: got %v, want %v", got, allStatuses)
	}
	want := card{
		ID: order.Id, Number: 1, Title: "Inspect the lift", Status: "scheduled", Priority: "high", Assignee: w.people["technician"].Id,
		ScheduledStart: "2026-03-02 09:00:00.000Z", ScheduledEnd: "2026-03-02 11:00:00.000Z", SLADueAt: "2026-03-02 16:00:00.000Z",
		ChecklistDone: 1, ChecklistTotal: 2, Updated: order.Updated().String(),
	}
	want.Site.ID, want.Site.Name, want.Site.Address = w.site.Id, "Harbour Tower", "1 Example Street"
	if b.Columns[1].Total != 1 || len(b.Columns[1].Items) != 1 || b.Columns[1].Items[0] != want {
		t.Errorf("scheduled: got %+v, want 1 of %+v", b.Columns[1], want)
	}
	if len(b.titles()) != 1 {
		t.Errorf("got %v, want one order: the other is of another organization", b.titles())
	}
	var people []string
	for _, p := range b.People {
		people = append(people, p.Name+" "+p.Role)
	}
	if want := []string{"dispatcher dispatcher", "owner owner", "technician technician", "unassigned technician", "viewer viewer"}; !slices.Equal(people, want) {
		t.Errorf("people: got %v, want %v", people, want)
	}
	if b.Organization.ID != w.organization.Id || b.Organization.Slug != "quillon" || b.Organization.Timezone != "Europe/Berlin" || b.GeneratedAt != "2026-03-02 08:00:00.000Z" {
		t.Errorf("got %+v at %s", b.Organization, b.GeneratedAt)
	}
}

func TestBoardFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	w.must(err)
	day := func(d, hour, minute, second int) time.Time {
		return time.Date(2026, 3, d, hour, minute, second, 0, berlin)
	}
	pump := w.newSite(w.organization, "Pumping Station")

	w.order(titled("unplanned"))
	w.order(titled("28th"), starting(day(28, 23, 59, 59)))
	w.order(titled("29th at midnight"), starting(day(29, 0, 0, 0))) // a day of 23 hours
	w.order(titled("29th at night"), starting(day(29, 23, 59, 59)))
	w.order(titled("30th"), starting(day(30, 0, 0, 0)))
	w.order(titled("50% _off_"), starting(day(10, 9, 0, 0)), func(o *collections.WorkOrder) { o.SetPriority("urgent"); o.SetSite(pump.Id) })
	w.order(titled("assigned"), starting(day(11, 9, 0, 0)), func(o *collections.WorkOrder) { o.SetAssignee(w.people["technician"].Id) })

	all := []string{"unplanned", "50% _off_", "assigned", "28th", "29th at midnight", "29th at night", "30th"}
	cases := []struct {
		query string
		want  []string
	}{
		{"", all},
		{"?from=&to=&assignee=&priority=&q=", all},
		{"?from=2026-03-29&to=2026-03-29", []string{"unplanned", "29th at midnight", "29th at night"}},
		{"?from=2026-03-29", []string{"unplanned", "29th at midnight", "29th at night", "30th"}},
		{"?to=2026-03-28", []string{"unplanned", "50% _off_", "assigned", "28th"}},
		{"?priority=urgent", []string{"50% _off_"}},
		{"?assignee=" + w.people["technician"].Id, []string{"assigned"}},
		{"?assignee=none", []string{"unplanned", "50% _off_", "28th", "29th at midnight", "29th at night", "30th"}},
		{"?assignee=" + w.people["stranger"].Id, []string{}},
		{"?assignee=" + url.QueryEscape(`' OR 1=1 --`), []string{}},
		{"?q=ASSIGNED", []string{"assigned"}},
		{"?q=pumping", []string{"50% _off_"}},
		{"?q=" + url.QueryEscape("50% _o"), []string{"50% _off_"}},
		{"?q=" + url.QueryEscape("%"), []string{"50% _off_"}},
		{"?q=" + url.QueryEscape("_"), []string{"50% _off_"}},
		{"?q=" + url.QueryEscape(`\`), []string{}},
		{"?q=" + url.QueryEscape(`'; DROP TABLE notes; --`), []string{}},
		{"?q=3", []string{"29th at midnight", "30th"}},
		{"?q=" + url.QueryEscape("#7"), []string{"assigned"}},
		{"?q=th&from=2026-03-29&priority=normal", []string{"29th at midnight", "29th at night", "30th"}},
	}
	for _, c := range cases {
		b := w.board(c.query)
		if got := b.titles(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.query, got, c.want)
		}
		if got := b.Columns[0].Total; got != len(c.want) {
			t.Errorf("%s: got total %d, want %d", c.query, got, len(c.want))
		}
	}
}

func TestBoardCountsTheOpenOrdersOfEachPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to := func(name string) func(*collections.WorkOrder) {
		return func(o *collections.WorkOrder) { o.SetAssignee(w.people[name].Id) }
	}
	for _, status := range allStatuses {
		w.order(w.planned, in(status), to("technician"))
	}
	w.order(to("dispatcher"))
	w.order()
	w.order(func(o *collections.WorkOrder) {
		o.SetOrganization(w.otherOrganization.Id)
		o.SetSite(w.otherSite.Id)
	})
	want := map[string]int{"technician": 4, "dispatcher": 1, "owner": 0, "unassigned": 0, "viewer": 0}
	for _, query := range []string{"", "?assignee=none&priority=urgent"} {
		for _, p := range w.board(query).People {
			if p.Open != want[p.Name] {
				t.Errorf("%q: %s has %d open orders, want %d", query, p.Name, p.Open, want[p.Name])
			}
		}
	}
}

func TestBoardRefusesBadParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cases := []struct{ query, field, code string }{
		{"?from=yesterday", "from", "validation_invalid_date"},
		{"?from=2026-02-30", "from", "validation_invalid_date"},
		{"?from=2026-01-01T00:00:00Z", "from", "validation_invalid_date"},
		{"?from=" + url.QueryEscape("2026-01-01' OR '1'='1"), "from", "validation_invalid_date"},
		{"?to=%00", "to", "validation_invalid_date"},
		{"?from=2026-02-02&to=2026-02-01", "to", "validation_end_before_start"},
		{"?from=2026-02-02&from=2026-02-01", "from", "validation_duplicate_field"},
		{"?priority=whenever", "priority", "validation_in_invalid"},
		{"?q=" + strings.Repeat("a", 101), "q", "validation_length_too_long"},
	}
	for _, c := range cases {
		got := w.ask("dispatcher", "GET", w.boardPath(c.query), nil)
		if got.status != http.StatusBadRequest || got.code(t, c.field) != c.code {
			t.Errorf("%s: got %d %s, want %s for %s", c.query, got.status, got.body, c.code, c.field)
		}
	}
	for _, query := range []string{"?from=0001-01-01", "?to=9999-12-31", "?from=0000-01-01", "?unknown=1", "?q=%ff%fe"} {
		if got := w.ask("dispatcher", "GET", w.boardPath(query), nil); got.status != http.StatusOK {
			t.Errorf("%s: got %d %s", query, got.status, got.body)
		}
	}
}

// manyOrders makes n orders of one status in one transaction, a minute apart.
func (w *world) manyOrders(n int, status string) {
	w.tb.Helper()
	w.must(w.RunInTransaction(func(tx core.App) error {
		for i := range n {
			order := w.unsavedOrder(in(status), titled(fmt.Sprintf("%s %03d", status, i)), starting(monday.Add(time.Duration(i)*time.Minute)),
				func(o *collections.WorkOrder) {
					o.SetChecklist(`[{"id":"a","label":"Brakes","done":true},{"id":"b","label":"Doors"}]`)
				})
			if err := tx.Save(order); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestBoardColumnsAreBoundedAndSorted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.manyOrders(205, "draft")
	w.manyOrders(205, "completed")
	b := w.board("")
	for _, c := range []struct {
		column      int
		first, last string
	}{{0, "draft 000", "draft 199"}, {4, "completed 204", "completed 005"}} {
		column := b.Columns[c.column]
		if column.Total != 205 || len(column.Items) != 200 {
			t.Errorf("%s: got %d items of %d, want 200 of 205", column.Status, len(column.Items), column.Total)
			continue
		}
		if first, last := column.Items[0].Title, column.Items[199].Title; first != c.first || last != c.last {
			t.Errorf("%s: got %q to %q, want %q to %q", column.Status, first, last, c.first, c.last)
		}
	}
}

// The number of queries must not depend on what is on the board, and none of
// them may read a table from end to end.
func TestBoardQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, status := range allStatuses {
		w.manyOrders(1, status)
	}
	const path = "?q=o&from=2026-01-01&to=2026-12-31&priority=normal"
	queries := w.recordQueries()
	count := func() int {
		t.Helper()
		before := len(queries())
		w.board(path)
		return len(queries()) - before
	}
	few := count()
	for _, status := range allStatuses {
		w.manyOrders(40, status)
	}
	if many := count(); many != few {
		t.Errorf("got %d queries for 246 orders and %d for 6, want as many", many, few)
	}
	const most = 15 // 1 token, 3 access, 1 totals, 6 columns, 2 people, and some room
	if few > most {
		t.Errorf("got %d queries, want at most %d", few, most)
	}
	columns := 0
	for _, query := range queries()[len(queries())-few:] {
		if plan := w.explain(query); strings.HasPrefix(query, "SELECT") && strings.Contains(plan, "SCAN ") && !strings.Contains(plan, "SCAN CONSTANT ROW") {
			t.Errorf("%s\nis planned as\n%s", query, plan)
		}
		// A column of thousands is read as far as it is shown, not sorted first.
		if strings.Contains(query, "LIMIT 200") {
			columns++
			if plan := w.explain(query); strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s\nis planned as\n%s", query, plan)
			}
		}
	}
	if columns != len(allStatuses) {
		t.Errorf("saw the queries of %d columns, want %d", columns, len(allStatuses))
	}
}

func BenchmarkBoardOf600Orders(b *testing.B) {
	w := newWorld(b)
	for _, status := range allStatuses {
		w.manyOrders(100, status)
	}
	request := w.request("dispatcher", "GET", w.boardPath(""), nil)
	for b.Loop() {
		if got := w.send(request.Clone(b.Context())); got.status != http.StatusOK {
			b.Fatalf("got %d %s", got.status, got.body)
		}
	}
}
