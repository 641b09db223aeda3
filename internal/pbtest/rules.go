package pbtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/tests"
)

// World is a data set and the people who try what they may do in it.
type World struct {
	// New starts an app with the data set. It is called for every check that
	// changes something.
	New func(testing.TB) *tests.TestApp
	// People are the names that tables use, each with its auth record as
	// "collection/id". [Guest] is always known.
	People map[string]string
}

// Guest is who is not signed in.
const Guest = "guest"

// Suite is everything that is claimed about the access rules of a collection.
type Suite struct {
	Matrices []Matrix
	Cases    []Case
}

// Matrix claims who may do what with one record, and who sees which records.
type Matrix struct {
	// Name tells several matrices of a collection apart.
	Name string
	// Collection is the collection's name.
	Collection string
	// Record is the id of the record that view, update and delete are tried on.
	Record string
	// Create is the body of the new record, Update that of the change. [Self]
	// as a value stands for the id of who tries, [File] values are uploaded.
	// What is nil is not tried.
	Create, Update map[string]any
	// Locked are actions that no rule opens: everybody gets 403.
	Locked Action
	// Secrets are texts that no refused answer may contain.
	Secrets []string
	// Rows say it for everybody. Their order is for readers only: what is
	// refused is tried first, on one app, which must come out unchanged.
	Rows []Row
}

// Row is what one of the people may do.
type Row struct {
	// As is a name of World.People, or [Guest].
	As string
	// Lists are the ids of all records that the list shows, in any order.
	Lists []string
	// May are the allowed actions. Everything else must be refused.
	May Action
}

// Action is a set of what can be done with a record.
type Action uint8

// The actions. Listing is not one of them: see Row.Lists.
const (
	View Action = 1 << iota
	Create
	Update
	Delete
)

// actions are all single actions by name, in the order in which they are tried.
var actions = []struct {
	name   string
	action Action
}{{"view", View}, {"create", Create}, {"update", Update}, {"delete", Delete}}

// Self as a value of a body stands for the id of who sends it.
const Self = "@self"

// missing is the id of no record.
const missing = "nosuchrecord000"

// Run tests the claims, each in a subtest of its own.
//
// It knows PocketBase's own answers: an unmet list rule lists nothing, an unmet
// view, update or delete rule answers 404 exactly as for a record that does not
// exist, an unmet create rule 400, and a locked action 403.
func (s Suite) Run(t *testing.T, w World) {
	t.Helper()
	for _, m := range s.Matrices {
		t.Run(m.title(), func(t *testing.T) {
			t.Parallel()
			m.run(t, w)
		})
	}
	shared := sync.OnceValue(func() *stage { return newStage(t, w) })
	for _, c := range s.Cases {
		t.Run(c.Name, func(t *testing.T) {
			where := shared
			if !c.harmless() {
				t.Parallel()
				where = func() *stage { return newStage(t, w) }
			}
			if err := c.check(t, where()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Failure returns the first claim about an action ("list", "view", "create",
// "update" or "delete") that does not hold, or nil. It is for testing the claims
// themselves: in a world with a broken rule there must be one.
func (s Suite) Failure(tb testing.TB, w World, action string) error {
	tb.Helper()
	for _, m := range s.Matrices {
		if err := m.failure(tb, w, action); err != nil {
			return fmt.Errorf("%s: %w", m.title(), err)
		}
	}
	shared := sync.OnceValue(func() *stage { return newStage(tb, w) })
	for _, c := range s.Cases {
		if !c.about(action) {
			continue
		}
		where := shared
		if !c.harmless() {
			where = func() *stage { return newStage(tb, w) }
		}
		if err := c.check(tb, where()); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return nil
}

func (m Matrix) title() string {
	if m.Name == "" {
		return m.Collection
	}
	return m.Name
}

// run tests the matrix with a subtest for each claim.
func (m Matrix) run(t *testing.T, w World) {
	t.Helper()
	readings, writings := m.claims()

	shared := newStage(t, w)
	before := shared.rows(t, m.Collection)
	for _, c := range readings {
		t.Run(c.name, func(t *testing.T) {
			if err := c.check(t, shared); err != nil {
				t.Error(err)
			}
		})
	}
	if after := shared.rows(t, m.Collection); after != before {
		t.Errorf("refused requests changed the collection from\n%s\nto\n%s", before, after)
	}
	for _, c := range writings {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := c.check(t, newStage(t, w)); err != nil {
				t.Error(err)
			}
		})
	}
}

func (m Matrix) failure(tb testing.TB, w World, action string) error {
	tb.Helper()
	shared := sync.OnceValue(func() *stage { return newStage(tb, w) })
	readings, writings := m.claims()
	for _, c := range readings {
		if c.action != action {
			continue
		}
		if err := c.check(tb, shared()); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for _, c := range writings {
		if c.action != action {
			continue
		}
		if err := c.check(tb, newStage(tb, w)); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// claim is one thing that a matrix says about an action.
type claim struct {
	name, action string
	check        func(testing.TB, *stage) error
}

// claims are what the matrix says, apart by whether it leaves the data as it
// is, so that one app serves all, or changes it.
func (m Matrix) claims() (readings, writings []claim) {
	for _, row := range m.Rows {
		readings = append(readings, claim{row.As + " lists", "list", func(tb testing.TB, s *stage) error {
			return m.lists(tb, s, row)
		}})
		for _, a := range actions {
			switch {
			case a.action == Create && m.Create == nil, a.action == Update && m.Update == nil:
			case row.May&a.action == 0:
				readings = append(readings, claim{row.As + " may not " + a.name, a.name, func(tb testing.TB, s *stage) error {
					return m.refused(tb, s, row.As, a.action)
				}})
			case a.action == View:
				readings = append(readings, claim{row.As + " may view", a.name, func(tb testing.TB, s *stage) error {
					return m.allowed(tb, s, row.As, View)
				}})
			default:
				writings = append(writings, claim{row.As + " may " + a.name, a.name, func(tb testing.TB, s *stage) error {
					return m.allowed(tb, s, row.As, a.action)
				}})
			}
		}
	}
	return readings, writings
}

// lists checks which records the person's list has.
func (m Matrix) lists(tb testing.TB, s *stage, row Row) error {
	tb.Helper()
	answer := s.do(tb, row.As, http.MethodGet, recordsPath(m.Collection, "")+"?perPage=500", nil)
	if answer.Status != http.StatusOK {
		return fmt.Errorf("list: got %d %s, want 200", answer.Status, answer.Body)
	}
	return listed(tb, answer, row.Lists)
}

// refused checks that the action is refused and that the answer tells nothing.
func (m Matrix) refused(tb testing.TB, s *stage, as string, action Action) error {
	tb.Helper()
	got := m.try(tb, s, as, action, m.Record)
	want := http.StatusNotFound
	switch {
	case m.Locked&action != 0:
		want = http.StatusForbidden
	case action == Create:
		want = http.StatusBadRequest
	}
	if got.Status != want {
		return fmt.Errorf("got %d %s, want %d", got.Status, got.Body, want)
	}
	for _, secret := range m.Secrets {
		if strings.Contains(string(got.Body), secret) {
			return fmt.Errorf("the refusal tells %q: %s", secret, got.Body)
		}
	}
	if action == Create {
		if want := `{"data":{},"message":"Failed to create record.","status":400}`; m.Locked&action == 0 && trim(got.Body) != want {
			return fmt.Errorf("got %s, want %s: not the rule but something else refused", got.Body, want)
		}
		return nil
	}
	miss := m.try(tb, s, as, action, missing)
	if got.Status != miss.Status || string(got.Body) != string(miss.Body) {
		return fmt.Errorf("got %d %s, want it as for a record that does not exist: %d %s",
			got.Status, got.Body, miss.Status, miss.Body)
	}
	return nil
}

// allowed checks that the action succeeds and does what it says.
func (m Matrix) allowed(tb testing.TB, s *stage, as string, action Action) error {
	tb.Helper()
	got := m.try(tb, s, as, action, m.Record)
	want := http.StatusOK
	if action == Delete {
		want = http.StatusNoContent
	}
	if got.Status != want {
		return fmt.Errorf("got %d %s, want %d", got.Status, got.Body, want)
	}
	switch action {
	case View:
		return s.answersRecord(tb, got, m.Record)
	case Delete:
		if _, err := s.app.FindRecordById(m.Collection, m.Record); err == nil {
			return fmt.Errorf("the record is still there")
		}
		return nil
	case Create:
		var created struct{ ID string }
		got.JSON(tb, &created)
		return s.holds(m.Collection, created.ID, as, m.Create)
	default:
		return s.holds(m.Collection, m.Record, as, m.Update)
	}
}

// try sends the request for the action.
func (m Matrix) try(tb testing.TB, s *stage, as string, action Action, id string) Response {
	tb.Helper()
	switch action {
	case View:
		return s.do(tb, as, http.MethodGet, recordsPath(m.Collection, id), nil)
	case Create:
		return s.do(tb, as, http.MethodPost, recordsPath(m.Collection, ""), m.Create)
	case Update:
		return s.do(tb, as, http.MethodPatch, recordsPath(m.Collection, id), m.Update)
	default:
		return s.do(tb, as, http.MethodDelete, recordsPath(m.Collection, id), nil)
	}
}

// listed checks that the answer lists the records with the ids, in any order.
func listed(tb testing.TB, answer Response, want []string) error {
	tb.Helper()
	var page struct{ Items []struct{ ID string } }
	answer.JSON(tb, &page)
	got := make([]string, 0, len(page.Items))
	for _, item := range page.Items {
		got = append(got, item.ID)
	}
	slices.Sort(got)
	if want = slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
		return fmt.Errorf("listed: got %v, want %v", got, want)
	}
	return nil
}

func recordsPath(collection, id string) string {
	path := "/api/collections/" + collection + "/records"
	if id != "" {
		path += "/" + id
	}
	return path
}

func trim(body []byte) string { return strings.TrimSpace(string(body)) }
