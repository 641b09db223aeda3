package collections_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// suites are the claims about each collection.
var suites = map[string]func() pbtest.Suite{
	"users":         userRules,
	"organizations": organizationRules,
	"memberships":   membershipRules,
	"sites":         siteRules,
	"work_orders":   workOrderRules,
	"notes":         noteRules,
	"photos":        photoRules,
}

// Ways round the rules that lead through several collections.
func TestDetours(t *testing.T) {
	t.Parallel()
	cases := append(filters(), expands()...)
	pbtest.Suite{Cases: append(cases, batches()...)}.Run(t, world)
}

// filters: a filter or an order of the list asks about records that the list
// does not show.
func filters() []pbtest.Case {
	probe := func(as, collection, filter string, ids ...string) pbtest.Case {
		if ids == nil {
			ids = []string{}
		}
		return pbtest.Case{
			Name: as + " filters " + collection + " by " + filter, As: as, IDs: ids,
			Path: "/api/collections/" + collection + "/records?filter=" + url.QueryEscape(filter),
		}
	}
	refused := func(as, collection, parameter, value string, status int) pbtest.Case {
		return pbtest.Case{
			Name: as + " asks " + collection + " for " + parameter + " " + value, As: as, Status: status,
			Path: "/api/collections/" + collection + "/records?" + parameter + "=" + url.QueryEscape(value),
		}
	}
	return []pbtest.Case{
		// the probes work where the answer is one's own
		probe(technician, "sites", `work_orders_via_site.title ?~ "pump"`, harbour),
		probe(viewer, "work_orders", `site.name ~ "Harbour" && assignee.name ~ "Tess"`, pumpOrder),
		probe(viewer, "users", `memberships_via_user.role ?= "dispatcher"`, dispatcherID),

		// through a relation to what one does not see
		probe(technician, "sites", `work_orders_via_site.title ?~ "Zinc"`),
		probe(technician, "sites", `work_orders_via_site.notes_via_work_order.body ?~ "Yearly"`),
		probe(technician, "organizations", `work_orders_via_organization.title ?~ "Zinc"`),
		probe(viewer, "users", `memberships_via_user.organization.name ?~ "Beta"`),
		probe(viewer, "users", `memberships_via_user.organization.sites_via_organization.name ?~ "quarry"`),
		probe(viewer, "users", `notes_via_author.body ?~ "Dynamite"`),
		probe(viewer, "users", `photos_via_author.caption ?~ "Dynamite"`),
		probe(viewer, "work_orders", `assignee.name ~ "Fred"`),
		probe(stranger, "users", `memberships_via_user.organization.name ?~ "Alpha"`),
		probe(guest, "work_orders", `organization.name ~ "a"`),

		// by an address that is not visible
		probe(viewer, "users", `email ~ "dispatcher"`),
		probe(viewer, "work_orders", `assignee.email ~ "technician"`),
		probe(viewer, "memberships", `user.email ?~ "@"`),
		probe(viewer, "organizations", `memberships_via_organization.user.email ?~ "@"`),

		// by hidden fields
		refused(owner, "organizations", "filter", `invitationKey ~ "a"`, http.StatusBadRequest),
		refused(owner, "organizations", "filter", `lastNumber > 1`, http.StatusBadRequest),
		refused(owner, "organizations", "sort", "invitationKey", http.StatusBadRequest),
		refused(owner, "sites", "filter", `organization.invitationKey ~ "a"`, http.StatusBadRequest),
		refused(owner, "sites", "sort", "organization.lastNumber", http.StatusBadRequest),
		refused(owner, "users", "filter", `tokenKey ~ "a"`, http.StatusBadRequest),
		refused(owner, "users", "filter", `password ~ "a"`, http.StatusBadRequest),
		refused(owner, "users", "sort", "tokenKey", http.StatusBadRequest),
		refused(owner, "memberships", "filter", `user.tokenKey ?~ "a"`, http.StatusBadRequest),

		// by what only rules may name
		refused(owner, "sites", "filter", `@collection.organizations.name ~ "Beta"`, http.StatusForbidden),
		refused(owner, "sites", "filter", `@request.auth.tokenKey ~ "a"`, http.StatusForbidden),
		refused(owner, "sites", "sort", "@collection.users.email", http.StatusForbidden),
	}
}

// expands: a record that one sees refers to one that one does not.
func expands() []pbtest.Case {
	expand := func(as, path, relations string, has, hasNot []string) pbtest.Case {
		return pbtest.Case{
			Name: as + " expands " + relations, As: as, Has: has, HasNot: hasNot,
			Path: "/api/collections/" + path + "?expand=" + relations,
		}
	}
	return []pbtest.Case{
		expand(viewer, "work_orders/records/"+pumpOrder, "assignee,site", []string{"Tess", "Harbour"}, []string{"@example.com"}),
		expand(viewer, "work_orders/records/"+oldOrder, "assignee", nil, []string{"Fred"}),
		expand(viewer, "users/records/"+doubleID, "memberships_via_user.organization,notes_via_author,photos_via_author",
			[]string{"Alpha"}, []string{"Beta", "Dynamite", doubleInBeta}),
		expand(viewer, "users/records/"+doubleID, "memberships_via_user.organization.memberships_via_organization.user",
			[]string{"Olive"}, []string{"Stan"}),
		expand(technician, "sites/records/"+harbour, "work_orders_via_site.notes_via_work_order",
			[]string{"Replace", "Bearing"}, []string{"Zinc", "Yearly", "Paint", "Primer"}),
		expand(technician, "organizations/records/"+alpha, "work_orders_via_organization.photos_via_work_order",
			[]string{"Replace", "Bearing"}, []string{"Zinc", "Yearly", "4711", "alphakey"}),
	}
}

// batches: a batch is as good as its requests.
func batches() []pbtest.Case {
	attack := func(name, as, method, path string, body map[string]any) pbtest.Case {
		return pbtest.Case{
			Name: name + " in a batch", As: as, Method: http.MethodPost, Path: "/api/batch",
			Body: batch(method, path, body), Status: http.StatusBadRequest, Before: allowBatches, HasNot: secrets,
		}
	}
	return []pbtest.Case{
		attack("a stranger cannot update", stranger, http.MethodPatch, "/api/collections/sites/records/"+mill, map[string]any{"name": "Mine"}),
		attack("a stranger cannot delete", stranger, http.MethodDelete, "/api/collections/sites/records/"+mill, nil),
		attack("a stranger cannot upsert", stranger, http.MethodPut, "/api/collections/sites/records",
			map[string]any{"id": mill, "organization": beta, "name": "Mine"}),
		attack("a stranger cannot create", stranger, http.MethodPost, "/api/collections/sites/records",
			map[string]any{"organization": alpha, "name": "Mine"}),
		attack("a technician cannot plan", technician, http.MethodPut, orders, map[string]any{"id": pumpOrder, "title": "Rest"}),
		attack("a technician cannot complete", technician, http.MethodPatch, orders+"/"+pumpOrder, map[string]any{"status": "completed"}),
		{
			Name: "a dispatcher plans in a batch", As: dispatcher, Method: http.MethodPost, Path: "/api/batch", Before: allowBatches,
			Body: batch(http.MethodPatch, orders+"/"+pumpOrder, map[string]any{"title": "Replace both"}), Has: []string{"Replace both"},
		},
	}
}

// allowBatches turns batches on, for the app's life.
func allowBatches(app core.App) error {
	app.Settings().Batch.Enabled = true
	app.Settings().Batch.MaxRequests = 10
	return nil
}

// batch is the body of a batch of one request.
func batch(method, path string, body map[string]any) map[string]any {
	return map[string]any{"requests": []any{map[string]any{"method": method, "url": path, "body": body}}}
}
