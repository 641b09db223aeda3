package hooks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

const (
	organizationsPath = "/api/collections/organizations/records"
	membershipsPath   = "/api/collections/memberships/records"
	ordersPath        = "/api/collections/work_orders/records"
)

func (w *world) owners(organization string) []string {
	w.tb.Helper()
	var users []string
	w.must(w.DB().Select("user").From(collections.Memberships).
		Where(dbx.HashExp{"organization": organization, "role": "owner"}).Column(&users))
	return users
}

func TestOrganizationOfACreator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := func(caller, slug string) answer {
		return w.ask(caller, "POST", organizationsPath, map[string]any{"name": "Third", "slug": slug, "timezone": "Asia/Kathmandu"})
	}
	var organization struct{ ID string }

	got := create("viewer", "third")
	if got.status != http.StatusOK {
		t.Fatalf("a user: got %d %s", got.status, got.body)
	}
	got.decode(t, &organization)
	if owners := w.owners(organization.ID); len(owners) != 1 || owners[0] != w.people["viewer"].Id {
		t.Errorf("a user: got owners %v, want the creator", owners)
	}
	if seen := w.ask("viewer", "GET", organizationsPath+"/"+organization.ID, nil); seen.status != http.StatusOK {
		t.Errorf("the creator cannot see it: %d", seen.status)
	}

	got = create("superuser", "fourth")
	if got.status != http.StatusOK {
		t.Fatalf("a superuser: got %d %s", got.status, got.body)
	}
	got.decode(t, &organization)
	if owners := w.owners(organization.ID); len(owners) != 0 {
		t.Errorf("a superuser: got owners %v, want none", owners)
	}

	before := w.dump()
	got = create("owner", "third")
	if got.code(t, "slug") != "validation_not_unique" || !strings.Contains(got.body, "Another organization has this short name.") {
		t.Errorf("a taken slug: got %s", got.body)
	}
	if w.dump() != before {
		t.Error("a taken slug: something changed")
	}
}

func TestOrganizationIsNotCreatedWithoutItsOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.OnRecordCreate(collections.Memberships).BindFunc(func(*core.RecordEvent) error { return fmt.Errorf("no more memberships") })
	before := w.dump()
	got := w.ask("viewer", "POST", organizationsPath, map[string]any{"name": "Third", "slug": "third", "timezone": "UTC"})
	if got.status != http.StatusInternalServerError || strings.Contains(got.body, "memberships") {
		t.Errorf("got %d %s, want a 500 without its reason", got.status, got.body)
	}
	if w.dump() != before {
		t.Error("something was kept")
	}
}

func TestOrganizationFieldsAreChecked(t *testing.T) {
	t.Parallel()
	cases := []struct {
		field string
		value any
		code  string // "" for accepted
	}{
		{"timezone", "Europe/Lisbon", ""},
		{"timezone", "UTC", ""},
		{"timezone", "America/Argentina/Buenos_Aires", ""},
		{"timezone", "Local", "validation_invalid_timezone"},
		{"timezone", "Europe/Atlantis", "validation_invalid_timezone"},
		{"timezone", "../../etc/passwd", "validation_invalid_timezone"},
		{"timezone", "/etc/localtime", "validation_invalid_timezone"},
		{"timezone", "+01:00", "validation_invalid_timezone"},
		{"timezone", "", "validation_required"},
		{"settings", map[string]any{}, ""},
		{"settings", nil, ""},
		{"settings", map[string]any{"slaHours": map[string]any{"low": 1, "urgent": 0.25}}, ""},
		{"settings", map[string]any{"slaHours": map[string]any{"low": 0}}, "validation_invalid_settings"},
		{"settings", map[string]any{"slaHours": map[string]any{"low": -1}}, "validation_invalid_settings"},
		{"settings", map[string]any{"slaHours": map[string]any{"low": 9000}}, "validation_invalid_settings"},
		{"settings", map[string]any{"slaHours": map[string]any{"low": "8"}}, "validation_invalid_settings"},
		{"settings", map[string]any{"slaHours": map[string]any{"later": 8}}, "validation_invalid_settings"},
		{"settings", map[string]any{"slaHours": 8}, "validation_invalid_settings"},
		{"settings", map[string]any{"colour": "red"}, "validation_invalid_settings"},
		{"settings", []any{1}, "validation_invalid_settings"},
		{"settings", "text", "validation_invalid_settings"},
		{"slug", "Not A Slug", "validation_invalid_format"},
	}
	w := newWorld(t)
	for _, c := range cases {
		got := w.ask("owner", "PATCH", organizationsPath+"/"+w.organization.Id, map[string]any{c.field: c.value})
		if c.code == "" {
			if got.status != http.StatusOK {
				t.Errorf("%s %v: got %d %s", c.field, c.value, got.status, got.body)
			}
			continue
		}
		if got.status != http.StatusBadRequest || got.code(t, c.field) != c.code {
			t.Errorf("%s %v: got %d %s, want %s", c.field, c.value, got.status, got.body, c.code)
		}
	}
}

func TestOrganizationKeepsItsLastOwner(t *testing.T) {
	t.Parallel()
	type step func(w *world, caller string) answer
	leave := func(w *world, caller string) answer {
		return w.ask(caller, "DELETE", membershipsPath+"/"+w.membershipOf(w.organization, "owner").Id, nil)
	}
	demote := func(w *world, caller string) answer {
		return w.ask(caller, "PATCH", membershipsPath+"/"+w.membershipOf(w.organization, "owner").Id, map[string]any{"role": "viewer"})
	}
	deleteAccount := func(w *world, caller string) answer {
		return w.ask(caller, "DELETE", "/api/collections/users/records/"+w.people["owner"].Id, nil)
	}
	for name, act := range map[string]step{"leaves": leave, "is demoted": demote, "deletes the account": deleteAccount} {
		for _, caller := range []string{"owner", "superuser"} {
			t.Run(name+" by the "+caller, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				before := w.dump()
				got := act(w, caller)
				if got.status != http.StatusBadRequest || !strings.Contains(got.body, "An organization needs an owner.") {
					t.Errorf("the last owner: got %d %s", got.status, got.body)
				}
				field, want := "", "last_owner"
				if name == "is demoted" {
					field, want = "role", "validation_last_owner"
				}
				if code := got.code(t, field); code != want {
					t.Errorf("the last owner: got code %q, want %q", code, want)
				}
				if w.dump() != before {
					t.Error("the last owner: something changed")
				}

				w.newMember(w.organization, "second", "owner")
				if got := act(w, caller); got.status >= 300 {
					t.Errorf("one of two owners: got %d %s", got.status, got.body)
				}
			})
		}
	}
	t.Run("in Go", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		membership := w.membershipOf(w.organization, "owner")
		if err := w.Delete(membership); err == nil {
			t.Error("the last owner was removed")
		}
		membership.SetUser(w.people["viewer"].Id)
		if err := w.Save(membership); err == nil {
			t.Error("the last owner's membership was given to somebody else")
		}
	})
}

func TestOrganizationKeepsAnOwnerWhenAllLeaveAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	memberships := []*collections.Membership{w.membershipOf(w.organization, "owner")}
	for i := range 7 {
		memberships = append(memberships, w.newMember(w.organization, fmt.Sprintf("owner%d", i), "owner"))
	}
	w.allAtOnce(len(memberships), func(i int) {
		_ = w.Delete(memberships[i]) // one of them is refused
	})
	if got := len(w.owners(w.organization.Id)); got != 1 {
		t.Errorf("got %d owners, want 1", got)
	}
}

// A member whose invitations could not be revoked is still a member.
func TestMembershipEndsAsAWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.DB().NewQuery("CREATE TRIGGER no_rotation BEFORE UPDATE ON organizations BEGIN SELECT RAISE(ABORT, 'secret reason'); END").Execute()
	w.must(err)
	before := w.dump()
	got := w.ask("owner", "DELETE", membershipsPath+"/"+w.membershipOf(w.organization, "viewer").Id, nil)
	if got.status != http.StatusBadRequest || strings.Contains(got.body, "secret") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if w.dump() != before {
		t.Error("a part of it was kept")
	}
}

func TestOrganizationIsDeletedWithAllItHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, in("scheduled"))
	if got := w.ask("technician", "POST", "/api/v1/work-orders/"+order.Id+"/transition", map[string]any{"to": "enRoute", "note": "On my way."}); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if got := w.ask("owner", "DELETE", organizationsPath+"/"+w.organization.Id, nil); got.status != http.StatusNoContent {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	for _, name := range []string{collections.WorkOrders, collections.Notes} {
		if n, err := w.CountRecords(name); err != nil || n != 0 {
			t.Errorf("%s: got %d left (%v), want none", name, n, err)
		}
	}
	for _, name := range []string{collections.Organizations, collections.Memberships, collections.Sites} {
		if n, err := w.CountRecords(name); err != nil || n != 1 {
			t.Errorf("%s: got %d left (%v), want the other organization's", name, n, err)
		}
	}
}

func TestMembersOrdersAfterTheyAre(t *testing.T) {
	t.Parallel()
	acts := map[string]func(w *world) answer{
		"removed": func(w *world) answer {
			return w.ask("owner", "DELETE", membershipsPath+"/"+w.membershipOf(w.organization, "technician").Id, nil)
		},
		"made a viewer": func(w *world) answer {
			return w.ask("owner", "PATCH", membershipsPath+"/"+w.membershipOf(w.organization, "technician").Id, map[string]any{"role": "viewer"})
		},
		"deleted": func(w *world) answer {
			return w.ask("technician", "DELETE", "/api/collections/users/records/"+w.people["technician"].Id, nil)
		},
	}
	for name, act := range acts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			user := w.people["technician"].Id
			open := w.order(w.planned, in("scheduled"))
			final := w.order(w.planned, in("completed"))
			if got := act(w); got.status >= 300 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if got := w.reload(open); got.Assignee() != "" || got.Status() != "scheduled" {
				t.Errorf("an open order: got assignee %q and %s, want none and scheduled", got.Assignee(), got.Status())
			}
			want := user
			if name == "deleted" {
				want = ""
			}
			if got := w.reload(final).Assignee(); got != want {
				t.Errorf("a completed order: got assignee %q, want %q", got, want)
			}
		})
	}
	t.Run("made a dispatcher", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		open := w.order(w.planned, in("scheduled"))
		membership := w.membershipOf(w.organization, "technician")
		membership.SetRole("dispatcher")
		w.must(w.Save(membership))
		if got := w.reload(open).Assignee(); got != w.people["technician"].Id {
			t.Errorf("an open order: got assignee %q, want the same", got)
		}
	})
}

func TestInvitationKeyChangesWithTheMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := func() string {
		t.Helper()
		organization, err := collections.FindOrganizationById(w, w.organization.Id)
		w.must(err)
		return organization.InvitationKey()
	}
	stale, err := collections.FindOrganizationById(w, w.organization.Id)
	w.must(err)
	first := key()
	if len(first) < 30 {
		t.Fatalf("the key of a new organization has %d characters", len(first))
	}

	w.must(w.Delete(w.membershipOf(w.organization, "viewer")))
	second := key()
	if second == first || len(second) < 30 {
		t.Errorf("after a member left: got %q, was %q", second, first)
	}
	stale.SetName("Quillon Lifts")
	w.must(w.Save(stale))
	if got := key(); got != second {
		t.Error("the save of an old copy brought an old key back")
	}
	if got := w.ask("superuser", "PATCH", organizationsPath+"/"+w.organization.Id, map[string]any{"invitationKey": first}); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if got := key(); got == first || got == second {
		t.Error("a changed key is not a new one")
	}
}

func TestWorkOrderReferences(t *testing.T) {
	t.Parallel()
	const missing = "doesnotexist000"
	cases := []struct {
		name        string
		change      func(w *world, o *collections.WorkOrder)
		field, code string
	}{
		{"an assignee who is a technician", func(w *world, o *collections.WorkOrder) { o.SetAssignee(w.people["technician"].Id) }, "", ""},
		{"an assignee who is a dispatcher", func(w *world, o *collections.WorkOrder) { o.SetAssignee(w.people["dispatcher"].Id) }, "", ""},
		{"an assignee who is an owner", func(w *world, o *collections.WorkOrder) { o.SetAssignee(w.people["owner"].Id) }, "", ""},
		{"an assignee who is a viewer", func(w *world, o *collections.WorkOrder) { o.SetAssignee(w.people["viewer"].Id) }, "assignee", "validation_not_a_member"},
		{"an assignee of another organization", func(w *world, o *collections.WorkOrder) { o.SetAssignee(w.people["stranger"].Id) }, "assignee", "validation_not_a_member"},
		{"an assignee who does not exist", func(w *world, o *collections.WorkOrder) { o.SetAssignee(missing) }, "assignee", "validation_not_a_member"},
		{"a site of another organization", func(w *world, o *collections.WorkOrder) { o.SetSite(w.otherSite.Id) }, "site", "validation_not_a_site_of_the_organization"},
		{"a site that does not exist", func(w *world, o *collections.WorkOrder) { o.SetSite(missing) }, "site", "validation_not_a_site_of_the_organization"},
		{"no site", func(w *world, o *collections.WorkOrder) { o.SetSite("") }, "site", "validation_required"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			created := w.unsavedOrder(func(o *collections.WorkOrder) { c.change(w, o) })
			if err := w.Save(created); fieldCode(err, c.field) != c.code || (err == nil) != (c.code == "") {
				t.Errorf("create: got %v, want %q", err, c.code)
			}
			updated := w.order()
			c.change(w, updated)
			if err := w.Save(updated); fieldCode(err, c.field) != c.code || (err == nil) != (c.code == "") {
				t.Errorf("update: got %v, want %q", err, c.code)
			}
		})
	}
	t.Run("a change by a superuser, who no rule stops", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		order := w.order()
		for field, value := range map[string]string{"assignee": w.people["stranger"].Id, "site": w.otherSite.Id} {
			got := w.ask("superuser", "PATCH", ordersPath+"/"+order.Id, map[string]any{field: value})
			if got.status != http.StatusBadRequest || got.code(t, field) == "" {
				t.Errorf("%s: got %d %s", field, got.status, got.body)
			}
		}
	})
	t.Run("an assignee who has left stays on record", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		order := w.order(w.planned, in("completed"))
		w.must(w.Delete(w.membershipOf(w.organization, "technician")))
		order.SetDescription("Done well.")
		w.must(w.Save(order))
	})
	t.Run("the organization and the number are for life", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		order := w.order()
		order.SetOrganization(w.otherOrganization.Id)
		order.SetSite(w.otherSite.Id)
		order.SetNumber(9)
		err := w.Save(order)
		if fieldCode(err, "organization") != "validation_not_changeable" || fieldCode(err, "number") != "validation_not_changeable" {
			t.Errorf("got %v", err)
		}
	})
}
