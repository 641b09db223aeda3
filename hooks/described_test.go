package hooks_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/apidoc"
)

// schemas has those of the types of the routes by their names.
type schemas map[string]*apidoc.Schema

func (s schemas) Define(t reflect.Type, _ bool, build func() *apidoc.Schema) *apidoc.Schema {
	s[t.Name()] = build()
	return s[t.Name()]
}

func (s schemas) Record(collection string) *apidoc.Schema {
	return &apidoc.Schema{Type: "object", Target: collection}
}

// described are the routes as they tell of themselves.
func (w *world) described() map[string]apidoc.Entry {
	w.tb.Helper()
	w.router()
	entries, _, _ := apidoc.Of(w).Snapshot()
	all := map[string]apidoc.Entry{}
	for _, entry := range entries {
		all[entry.ID] = entry
	}
	return all
}

// selectValues are those of a select field.
func (w *world) selectValues(collection, name string) []any {
	w.tb.Helper()
	c, err := w.FindCollectionByNameOrId(collection)
	w.must(err)
	var values []any
	for _, value := range c.Fields.GetByName(name).(*core.SelectField).Values {
		values = append(values, value)
	}
	return values
}

// What the routes say of statuses, priorities and roles are the values of the
// collections, wherever they stand.
func TestRoutesTellTheValuesOfTheCollections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	statuses := w.selectValues(collections.WorkOrders, collections.WorkOrderFieldStatus)
	priorities := w.selectValues(collections.WorkOrders, collections.WorkOrderFieldPriority)
	roles := w.selectValues(collections.Memberships, collections.MembershipFieldRole)

	all, parameters := schemas{}, map[string]*apidoc.Schema{}
	for id, entry := range w.described() {
		given, _ := apidoc.Parameters(all, entry.In)
		for _, p := range given {
			parameters[id+" "+p.Name] = p.Schema
		}
		apidoc.SchemaOf(all, entry.Out, false, entry.Collection)
	}
	member := func(name, field string) *apidoc.Schema {
		if all[name] == nil || all[name].Properties.Get(field) == nil {
			return &apidoc.Schema{}
		}
		return all[name].Properties.Get(field)
	}
	for _, c := range []struct {
		name string
		got  *apidoc.Schema
		want []any
	}{
		{"the move", member("workOrderTransition", "to"), statuses},
		{"the columns of the board", member("boardColumn", "status"), statuses},
		{"the cards of the board", member("boardCard", "status"), statuses},
		{"the priority of cards", member("boardCard", "priority"), priorities},
		{"the priority to narrow the board to", parameters["organizations.board priority"], priorities},
		{"the priority of an ERP's order", member("erpOrder", "priority"), priorities},
		{"the people of the board", member("boardPerson", "role"), roles},
		{"the caller of the board", member("boardOrganization", "role"), append(slices.Clone(roles), "superuser")},
		{"the invited", member("newInvitation", "role"), roles},
		{"the preview", member("invitationPreview", "role"), roles},
	} {
		if c.got == nil || fmt.Sprint(c.got.Enum) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %+v, want %v", c.name, c.got, c.want)
		}
	}
}

// Whoever generates a client has what stands in its place: a name, a summary, and
// why it refuses.
func TestRoutesAreDescribedInFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	described := w.described()
	if len(described) < 9 {
		t.Fatalf("only %d routes are described", len(described))
	}
	for id, entry := range described {
		if id == "" || entry.Summary == "" {
			t.Errorf("%s %s has the name %q and the summary %q", entry.Method, entry.Path, id, entry.Summary)
		}
		restricted := entry.Access == apidoc.SignedIn
		refuses := slices.ContainsFunc(entry.Problems, func(p apidoc.Problem) bool { return p.Status == 403 && p.Code == "role_not_allowed" })
		if restricted != refuses || restricted != (entry.Visible != nil) {
			t.Errorf("%s: for some: %v, refuses a role: %v, is listed for some: %v", id, restricted, refuses, entry.Visible != nil)
		}
		for _, p := range entry.Problems {
			if p.Status < 400 || p.Code == "" || p.When == "" {
				t.Errorf("%s: %+v does not say enough", id, p)
			}
		}
	}
}
