package hooks_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
)

func (w *world) exportPath(query string) string {
	return "/api/v1/organizations/" + w.organization.Id + "/export" + query
}

func TestExportByEachCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string]int{"": 401, "stranger": 404, "viewer": 403, "technician": 403, "unassigned": 403, "dispatcher": 403, "owner": 200, "superuser": 200}
	for _, caller := range callers {
		for _, query := range []string{"", "?format=json", "?format=csv"} {
			got := w.ask(caller, "GET", w.exportPath(query), nil)
			if got.status != want[caller] {
				t.Errorf("%s %s: got %d %s, want %d", caller, query, got.status, got.body, want[caller])
			}
			if got.status == http.StatusForbidden && got.code(t, "") != "role_not_allowed" {
				t.Errorf("%s: got code %q", caller, got.code(t, ""))
			}
		}
	}
	hidden := w.ask("stranger", "GET", w.exportPath("?format=x"), nil)
	missing := w.ask("stranger", "GET", "/api/v1/organizations/doesnotexist000/export?format=x", nil)
	if hidden.body != missing.body || hidden.status != missing.status {
		t.Errorf("got %s for an organization of others, %s for none", hidden.body, missing.body)
	}
	for _, query := range []string{"?format=xml", "?format=", "?format=json&format=csv", "?format=JSON"} {
		if got := w.ask("owner", "GET", w.exportPath(query), nil); got.status != http.StatusBadRequest || got.code(t, "format") != "validation_in_invalid" {
			t.Errorf("%s: got %d %s", query, got.status, got.body)
		}
	}
}

func TestExportAsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, in("scheduled"), func(o *collections.WorkOrder) { o.SetChecklist(`[{"id":"a","label":"Brakes"}]`) })
	second := w.order()
	if got := w.ask("technician", "POST", transitionPath(order.Id), map[string]any{"to": "enRoute", "note": "On my way."}); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	w.order(func(o *collections.WorkOrder) { o.SetOrganization(w.otherOrganization.Id); o.SetSite(w.otherSite.Id) })

	got := w.ask("owner", "GET", w.exportPath("?format=json"), nil)
	for name, want := range map[string]string{
		"Content-Type":        "application/json",
		"Content-Disposition": `attachment; filename="quillon-2026-03-02.json"`,
		"Cache-Control":       "no-store",
	} {
		if got := got.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	var export map[string][]map[string]any
	got.decode(t, &export)

	ids := map[string][]string{}
	for name, rows := range export {
		ids[name] = []string{}
		for _, row := range rows {
			ids[name] = append(ids[name], row["id"].(string))
			for _, hidden := range []string{"lastNumber", "invitationKey", "password", "tokenKey"} {
				if _, there := row[hidden]; there {
					t.Errorf("%s has the hidden field %s", name, hidden)
				}
			}
		}
	}
	counts := map[string]int{"organizations": 1, "memberships": 5, "users": 5, "sites": 1, "work_orders": 2, "notes": 1, "photos": 0}
	for name, want := range counts {
		if rows, there := ids[name]; !there || len(rows) != want {
			t.Errorf("%s: got %d rows, want %d", name, len(rows), want)
		}
	}
	if len(export) != len(counts) {
		t.Errorf("got %d collections, want %d", len(export), len(counts))
	}
	if want := []string{order.Id, second.Id}; !slices.Equal(ids["work_orders"], want) {
		t.Errorf("work orders: got %v, want %v", ids["work_orders"], want)
	}
	if strings.Contains(got.body, w.organization.InvitationKey()) || strings.Contains(got.body, w.otherOrganization.Id) || strings.Contains(got.body, "viewer@example.com") {
		t.Error("the export says what the API would not")
	}

	// a row is what the API shows of it
	var shown map[string]any
	w.ask("owner", "GET", ordersPath+"/"+order.Id, nil).decode(t, &shown)
	if fmt.Sprint(export["work_orders"][0]) != fmt.Sprint(shown) {
		t.Errorf("got %v, want %v", export["work_orders"][0], shown)
	}
}

func TestExportAsCSV(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	titles := map[string]string{
		"Plain":                       "Plain",
		"=HYPERLINK(\"evil\")":        "'=HYPERLINK(\"evil\")",
		"+1":                          "'+1",
		"-1+2":                        "'-1+2",
		"@SUM(A1)":                    "'@SUM(A1)",
		"＝1+1":                        "'＝1+1",
		"\tTab":                       "'\tTab",
		"\rReturn":                    "'\rReturn",
		"Two\nlines, \"and\" a comma": "Two\nlines, \"and\" a comma",
		"Ünïcödé 🛗":                   "Ünïcödé 🛗",
		"1 = 1":                       "1 = 1",
	}
	for title := range titles {
		w.order(titled(title))
	}
	w.order(w.planned, titled("Assigned"))
	got := w.ask("owner", "GET", w.exportPath("?format=csv"), nil)
	if kind := got.header.Get("Content-Type"); kind != "text/csv; charset=utf-8" {
		t.Errorf("Content-Type: got %q", kind)
	}
	if name := got.header.Get("Content-Disposition"); name != `attachment; filename="quillon-2026-03-02.csv"` {
		t.Errorf("Content-Disposition: got %q", name)
	}
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	w.must(err)
	want := []string{
		"number", "title", "description", "status", "priority", "site", "address", "assignee", "scheduledStart", "scheduledEnd",
		"startedAt", "completedAt", "slaDueAt", "slaBreachedAt", "created", "id",
	}
	if len(rows) != len(titles)+2 || !slices.Equal(rows[0], want) {
		t.Fatalf("got %d rows under %v, want %d under %v", len(rows), rows[0], len(titles)+2, want)
	}
	var exported []string
	for i, row := range rows[1:] {
		if row[0] != fmt.Sprint(i+1) {
			t.Errorf("row %d has number %s", i+1, row[0])
		}
		exported = append(exported, row[1])
	}
	for title, want := range titles {
		if !slices.Contains(exported, want) {
			t.Errorf("%q: not exported as %q", title, want)
		}
	}
	last := rows[len(rows)-1]
	if got := last[3:9]; !slices.Equal(got, []string{"draft", "normal", "Harbour Tower", "1 Example Street", "technician", "2026-03-02 09:00:00.000Z"}) {
		t.Errorf("got %q", got)
	}
}

// bulkOrders inserts n orders past the hooks, as n is large.
func (w *world) bulkOrders(n int) {
	w.tb.Helper()
	_, err := w.DB().NewQuery(`
		WITH RECURSIVE counter(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM counter WHERE x < {:n})
		INSERT INTO work_orders (id, organization, site, number, title, description, status, priority, checklist, created, updated)
		SELECT printf('o%014d', x), {:organization}, {:site}, x, 'Order ' || x, printf('%.300c', 'd'), 'completed', 'normal', '[]',
			'2026-01-01 00:00:00.000Z', '2026-01-01 00:00:00.000Z' FROM counter`).
		Bind(dbx.Params{"n": n, "organization": w.organization.Id, "site": w.site.Id}).Execute()
	w.must(err)
	_, err = w.DB().Update(collections.Organizations, dbx.Params{"lastNumber": n}, dbx.HashExp{"id": w.organization.Id}).Execute()
	w.must(err)
}

// onWrite is an answer that calls f with the number of bytes so far.
type onWrite struct {
	header  http.Header
	written int
	f       func(written int)
}

func (o *onWrite) Header() http.Header { return o.header }
func (o *onWrite) WriteHeader(int)     {}
func (o *onWrite) Write(p []byte) (int, error) {
	o.written += len(p)
	o.f(o.written)
	return len(p), nil
}

// An export must need no more memory for more orders. Alone, as it measures the
// memory of the process.
func TestExportMemoryIsBounded(t *testing.T) { //nolint:paralleltest // see above
	w := newWorld(t)
	w.bulkOrders(24_000)
	router := w.router()
	for _, format := range []string{"json", "csv"} {
		live := func() uint64 {
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		var (
			before = live()
			most   uint64
			next   = 1 << 20
		)
		out := &onWrite{header: http.Header{}, f: func(written int) {
			if written > next {
				next += 1 << 20
				most = max(most, live())
			}
		}}
		router.ServeHTTP(out, w.request("owner", "GET", w.exportPath("?format="+format), nil))
		const bound = 4 << 20
		if out.written < 2*bound {
			t.Errorf("%s: got %d bytes, too few to tell", format, out.written)
		}
		if most > before+bound {
			t.Errorf("%s of %d bytes: memory rose by %d bytes, want at most %d", format, out.written, most-before, bound)
		}
	}
}

// What is written while an export runs is in it as a whole or not at all.
func TestExportShowsOneState(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "csv"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bulkOrders(2_000)
			router := w.router()
			out := &onWrite{header: http.Header{}}
			changed := false
			out.f = func(int) {
				if changed {
					return
				}
				changed = true // the first rows are out, and writers are not held up
				late := w.order(titled("Late"))
				note, err := collections.NewNote(w)
				w.must(err)
				note.SetWorkOrder(late.Id)
				note.SetAuthor(w.people["owner"].Id)
				note.SetBody("Late")
				w.must(w.Save(note))
				_, err = w.DB().NewQuery("UPDATE work_orders SET title = 'Late'").Execute()
				w.must(err)
				_, err = w.DB().NewQuery("UPDATE sites SET name = 'Late'").Execute()
				w.must(err)
			}
			var body strings.Builder
			router.ServeHTTP(&recordingWriter{onWrite: out, to: &body}, w.request("owner", "GET", w.exportPath("?format="+format), nil))
			if n := strings.Count(body.String(), "Order "); !changed || n != 2_000 {
				t.Errorf("got %d orders, want 2000; changed meanwhile: %v", n, changed)
			}
			if strings.Contains(body.String(), "Late") {
				t.Error("got what was written after the export began")
			}
		})
	}
}

// An export holds a connection of the database while its client reads.
func TestExportsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bulkOrders(2_000)
	var second answer
	out := &onWrite{header: http.Header{}}
	out.f = func(int) {
		if second.status == 0 {
			second = w.ask("owner", "GET", w.exportPath(""), nil)
		}
	}
	w.router().ServeHTTP(out, w.request("owner", "GET", w.exportPath(""), nil))
	if second.status != http.StatusTooManyRequests || second.code(t, "") != "export_running" || second.header.Get("Retry-After") != "10" {
		t.Errorf("during another: got %d %s, Retry-After %q", second.status, second.body, second.header.Get("Retry-After"))
	}
	if got := w.ask("owner", "GET", w.exportPath(""), nil); got.status != http.StatusOK {
		t.Errorf("after it: got %d %s", got.status, got.body)
	}
}

// recordingWriter keeps what is written.
type recordingWriter struct {
	*onWrite
	to *strings.Builder
}

func (r *recordingWriter) Write(p []byte) (int, error) {
	r.to.Write(p)
	return r.onWrite.Write(p)
}

// A client must be able to tell a part from the whole.
func TestExportThatFailsOnTheWayBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bulkOrders(2_000)
	_, err := w.DB().NewQuery("ALTER TABLE notes RENAME TO lost").Execute()
	w.must(err)
	url := pbtest.Serve(t, w) + w.exportPath("?format=json")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	w.must(err)
	request.Header.Set("Authorization", w.token("owner"))
	response, err := http.DefaultClient.Do(request)
	w.must(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil || json.Valid(content) {
		t.Errorf("got %d bytes that look complete (%v), want a broken connection", len(content), err)
	}
	if strings.Contains(string(content), "no such table") {
		t.Error("the answer has internal text")
	}
}

// Each table is read by an index and none is sorted, so that the first rows are
// out at once, however many follow.
func TestExportQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bulkOrders(500)
	queries := w.recordQueries()
	before := len(queries())
	for _, format := range []string{"json", "csv"} {
		if got := w.ask("owner", "GET", w.exportPath("?format="+format), nil); got.status != http.StatusOK {
			t.Fatal(got.body)
		}
	}
	seen := 0
	for _, query := range queries()[before:] {
		if !strings.Contains(query, "ORDER BY") {
			continue
		}
		seen++
		if plan := w.explain(query); strings.Contains(plan, "SCAN ") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\nis planned as\n%s", query, plan)
		}
	}
	if seen != 7 { // six of the JSON, one of the CSV
		t.Errorf("saw %d queries of rows, want 7", seen)
	}
}
