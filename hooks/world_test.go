package hooks_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/hooks"
	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// template has the collections and nothing in them.
var template = pbtest.NewTemplate(
	func(app core.App) error { return schema.Apply(app, collections.All()) },
	pbtest.FastPasswords,
)

// monday is when the clock of a world stands at first.
var monday = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// world is an app with two organizations. The people of the first have the
// names of their roles; stranger owns the second, and its viewer is nobody here.
type world struct {
	*tests.TestApp
	tb    testing.TB
	clock *clocktest.Clock

	organization, otherOrganization *collections.Organization
	site, otherSite                 *collections.Site
	people                          map[string]*core.Record // by the names in callers
	handler                         http.Handler
}

// callers are everybody who may ask for something, and "" for a guest.
var callers = []string{"", "stranger", "viewer", "technician", "unassigned", "dispatcher", "owner", "superuser"}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{tb: tb, clock: clocktest.New(monday), people: map[string]*core.Record{}}
	w.TestApp = template.New(tb, func(app core.App) error {
		return hooks.Register(app, hooks.Config{Clock: w.clock, ERP: true})
	})
	w.organization = w.newOrganization("Quillon Lift Care", "quillon")
	w.otherOrganization = w.newOrganization("Barnaby Boilers", "barnaby")
	w.site = w.newSite(w.organization, "Harbour Tower")
	w.otherSite = w.newSite(w.otherOrganization, "Mill Lane")
	for _, name := range []string{"viewer", "technician", "unassigned", "dispatcher", "owner"} {
		role := name
		if name == "unassigned" {
			role = collections.MembershipRoleTechnician
		}
		w.newMember(w.organization, name, role)
	}
	w.newMember(w.otherOrganization, "stranger", collections.MembershipRoleOwner)
	w.people["superuser"], _ = pbtest.User(tb, w, core.CollectionNameSuperusers, nil)
	return w
}

func (w *world) newOrganization(name, slug string) *collections.Organization {
	w.tb.Helper()
	organization, err := collections.NewOrganization(w)
	w.must(err)
	organization.SetName(name)
	organization.SetSlug(slug)
	organization.SetTimezone("Europe/Berlin")
	w.must(w.Save(organization))
	return organization
}

func (w *world) newSite(organization *collections.Organization, name string) *collections.Site {
	w.tb.Helper()
	site, err := collections.NewSite(w)
	w.must(err)
	site.SetOrganization(organization.Id)
	site.SetName(name)
	site.SetAddress("1 Example Street")
	w.must(w.Save(site))
	return site
}

// newUser makes a user whose address is NAME@example.com.
func (w *world) newUser(name string) *core.Record {
	w.tb.Helper()
	user, _ := pbtest.User(w.tb, w, collections.Users, map[string]any{"name": name, "email": name + "@example.com"})
	w.people[name] = user
	return user
}

func (w *world) newMember(organization *collections.Organization, name, role string) *collections.Membership {
	w.tb.Helper()
	user := w.people[name]
	if user == nil {
		user = w.newUser(name)
	}
	membership, err := collections.NewMembership(w)
	w.must(err)
	membership.SetOrganization(organization.Id)
	membership.SetUser(user.Id)
	membership.SetRole(role)
	w.must(w.Save(membership))
	return membership
}

// order makes a draft of the first organization, changed by the functions.
func (w *world) order(change ...func(*collections.WorkOrder)) *collections.WorkOrder {
	w.tb.Helper()
	order := w.unsavedOrder(change...)
	w.must(w.Save(order))
	return w.reload(order)
}

func (w *world) unsavedOrder(change ...func(*collections.WorkOrder)) *collections.WorkOrder {
	w.tb.Helper()
	order, err := collections.NewWorkOrder(w)
	w.must(err)
	order.SetOrganization(w.organization.Id)
	order.SetSite(w.site.Id)
	order.SetTitle("Inspect the lift")
	for _, c := range change {
		c(order)
	}
	return order
}

// planned gives an order everything that being scheduled needs.
func (w *world) planned(order *collections.WorkOrder) {
	order.SetAssignee(w.people["technician"].Id)
	order.SetScheduledStart(at(monday.Add(time.Hour)))
	order.SetScheduledEnd(at(monday.Add(3 * time.Hour)))
}

// in gives an order the status.
func in(status string) func(*collections.WorkOrder) {
	return func(order *collections.WorkOrder) { order.SetStatus(status) }
}

// reload returns the order as the database has it.
func (w *world) reload(order *collections.WorkOrder) *collections.WorkOrder {
	w.tb.Helper()
	fresh, err := collections.FindWorkOrderById(w, order.Id)
	w.must(err)
	return fresh
}

func (w *world) membershipOf(organization *collections.Organization, name string) *collections.Membership {
	w.tb.Helper()
	record, err := w.FindFirstRecordByFilter(collections.Memberships, "organization = {:o} && user = {:u}",
		dbx.Params{"o": organization.Id, "u": w.people[name].Id})
	w.must(err)
	return collections.MembershipOf(record)
}

func (w *world) must(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

// token signs the caller in, "" for a guest.
func (w *world) token(caller string) string {
	w.tb.Helper()
	if caller == "" {
		return ""
	}
	return pbtest.Token(w.tb, w.people[caller])
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// message and fields are the parts of PocketBase's error shape.
func (a answer) message(tb testing.TB) string {
	tb.Helper()
	return a.decodeError(tb).Message
}

type errorBody struct {
	Status  int                        `json:"status"`
	Message string                     `json:"message"`
	Data    map[string]json.RawMessage `json:"data"`
}

func (a answer) decodeError(tb testing.TB) errorBody {
	tb.Helper()
	var result errorBody
	a.decode(tb, &result)
	if result.Status != a.status || result.Message == "" || result.Data == nil {
		tb.Fatalf("not PocketBase's error shape: status %d, body %s", a.status, a.body)
	}
	return result
}

// code returns data.code, or the code of the field.
func (a answer) code(tb testing.TB, field string) string {
	tb.Helper()
	raw := a.decodeError(tb).Data["code"]
	if field != "" {
		var item struct{ Code, Message string }
		if raw = a.decodeError(tb).Data[field]; json.Unmarshal(raw, &item) == nil {
			return item.Code
		}
	}
	var code string
	_ = json.Unmarshal(raw, &code)
	return code
}

func (a answer) decode(tb testing.TB, into any) {
	tb.Helper()
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		tb.Fatalf("decode %q: %v", a.body, err)
	}
}

// routerOf returns the app's router, made on first use.
func (w *world) router() http.Handler {
	w.tb.Helper()
	if w.handler == nil {
		w.handler = pbtest.Handler(w.tb, w)
	}
	return w.handler
}

// ask makes a request as the caller. A body that is a string is sent as it is,
// anything else as JSON, nil not at all.
func (w *world) ask(caller, method, path string, body any) answer {
	w.tb.Helper()
	return w.send(w.request(caller, method, path, body))
}

func (w *world) request(caller, method, path string, body any) *http.Request {
	w.tb.Helper()
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	case []byte:
		content = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		w.must(err)
		content = bytes.NewReader(raw)
	}
	request := httptest.NewRequest(method, path, content)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token := w.token(caller); token != "" {
		request.Header.Set("Authorization", token)
	}
	return request
}

func (w *world) send(request *http.Request) answer {
	w.tb.Helper()
	recorder := httptest.NewRecorder()
	w.router().ServeHTTP(recorder, request)
	return answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
}

func (w *world) tables() []string {
	w.tb.Helper()
	var names []string
	w.must(w.DB().NewQuery(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`).Column(&names))
	return names
}

// dump is the content of all tables, for comparing what a refused request left.
func (w *world) dump() string {
	w.tb.Helper()
	var out strings.Builder
	for _, name := range w.tables() {
		rows, err := w.DB().NewQuery("SELECT * FROM {{" + name + "}} ORDER BY rowid").Rows()
		w.must(err)
		fmt.Fprintf(&out, "== %s\n", name)
		for rows.Next() {
			row := dbx.NullStringMap{}
			w.must(rows.ScanMap(row))
			line, err := json.Marshal(row) // keys in order
			w.must(err)
			out.Write(line)
			out.WriteByte('\n')
		}
		w.must(rows.Close())
	}
	return out.String()
}

// beforeUpdate runs f once in an update of a work order by the API: after the
// request has loaded the order, before it saves it.
func (w *world) beforeUpdate(f func()) {
	var once sync.Once
	w.OnRecordUpdateRequest(collections.WorkOrders).Bind(&hook.Handler[*core.RecordRequestEvent]{
		Priority: -1,
		Func: func(e *core.RecordRequestEvent) error {
			once.Do(f)
			return e.Next()
		},
	})
}

// allAtOnce runs n calls of f in parallel, and holds each at its first write
// until all have come that far, so that what they had read before is old.
func (w *world) allAtOnce(n int, f func(i int)) {
	w.tb.Helper()
	writers := w.NonconcurrentDB().(*dbx.DB).DB() // of one connection
	only, err := writers.Conn(w.tb.Context())
	w.must(err)
	before := writers.Stats().WaitCount

	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	pbtest.Eventually(w.tb, 10*time.Second, func() error {
		if waiting := writers.Stats().WaitCount - before; waiting < int64(n) {
			return fmt.Errorf("%d of %d calls have come to their first write", waiting, n)
		}
		return nil
	})
	w.must(only.Close())
	all.Wait()
}

// at is the time as a field holds it.
func at(t time.Time) types.DateTime {
	result, err := types.ParseDateTime(t)
	if err != nil {
		panic(err) // it takes every time
	}
	return result
}

// post sends JSON to a real server.
func post(tb testing.TB, url, token string, body any) (status int, answer string) {
	tb.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		tb.Fatal(err)
	}
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Errorf("POST %s: %v", url, err)
		return 0, ""
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Errorf("POST %s: %v", url, err)
	}
	return response.StatusCode, string(content)
}

// recordQueries starts recording what the app asks the database, with the
// values in place. The result returns the queries so far. Nothing may run in
// parallel while it is called.
func (w *world) recordQueries() (queries func() []string) {
	var (
		mu   sync.Mutex
		seen []string
	)
	for _, db := range []dbx.Builder{w.ConcurrentDB(), w.NonconcurrentDB()} {
		db.(*dbx.DB).QueryLogFunc = func(_ context.Context, _ time.Duration, query string, _ *sql.Rows, _ error) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, query)
		}
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}
