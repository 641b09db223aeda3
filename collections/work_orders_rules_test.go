package collections_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestWorkOrderRules(t *testing.T) {
	t.Parallel()
	workOrderRules().Run(t, world)
}

func workOrderRules() pbtest.Suite {
	cases := append(workOrderTenancy(), workOrderAssignees()...)
	cases = append(cases, decidedFields()...)
	cases = append(cases, plannedFields()...)
	return pbtest.Suite{Matrices: workOrderMatrices(), Cases: append(cases, changedRoles()...)}
}

const orders = "/api/collections/work_orders/records"

func workOrderMatrices() []pbtest.Matrix {
	const plan = pbtest.View | pbtest.Create | pbtest.Update
	alphas := []string{pumpOrder, doneOrder, oldOrder, draftOrder}
	everything := append([]string{blastOrder, shedOrder}, alphas...)

	return []pbtest.Matrix{
		{
			Name:       "an assigned order",
			Collection: "work_orders",
			Record:     pumpOrder,
			Create:     map[string]any{"organization": alpha, "site": mill, "title": "Oil the gears", "priority": "high"},
			Update:     map[string]any{"title": "Replace both pumps", "scheduledStart": "2026-02-03 08:00:00.000Z"},
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: guest},
				{As: newcomer},
				{As: robot},
				{As: stranger, Lists: []string{blastOrder}},
				{As: former},
				{As: viewer, Lists: alphas, May: pbtest.View},
				{As: double, Lists: append([]string{blastOrder}, alphas...), May: pbtest.View}, // plans in beta only
				{As: idle, Lists: []string{doneOrder}},
				{As: technician, Lists: []string{pumpOrder}, May: pbtest.View},
				{As: dispatcher, Lists: alphas, May: plan},
				{As: owner, Lists: alphas, May: plan},
				{As: superuser, Lists: everything, May: plan | pbtest.Delete},
			},
		},
		{
			Name:       "the work on an assigned order",
			Collection: "work_orders",
			Record:     pumpOrder,
			Update:     map[string]any{"checklist": []any{map[string]any{"id": "a1", "label": "Check pressure", "done": true}}},
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: stranger, Lists: []string{blastOrder}},
				{As: viewer, Lists: alphas, May: pbtest.View},
				{As: idle, Lists: []string{doneOrder}},
				{As: technician, Lists: []string{pumpOrder}, May: pbtest.View | pbtest.Update},
				{As: dispatcher, Lists: alphas, May: pbtest.View | pbtest.Update},
			},
		},
		{
			Name:       "an order whose assignee left",
			Collection: "work_orders",
			Record:     oldOrder,
			Update:     map[string]any{"description": "Somebody else must finish it"},
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: former},
				{As: technician, Lists: []string{pumpOrder}},
				{As: dispatcher, Lists: alphas, May: pbtest.View | pbtest.Update},
			},
		},
		{
			Name:       "a draft",
			Collection: "work_orders",
			Record:     draftOrder,
			Update:     map[string]any{"priority": "low"},
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: guest},
				{As: robot},
				{As: stranger, Lists: []string{blastOrder}},
				{As: viewer, Lists: alphas, May: pbtest.View},
				{As: technician, Lists: []string{pumpOrder}},
				{As: dispatcher, Lists: alphas, May: pbtest.View | pbtest.Update},
				{As: owner, Lists: alphas, May: pbtest.View | pbtest.Update | pbtest.Delete},
			},
		},
		{
			Name:       "an order of an organization without members",
			Collection: "work_orders",
			Record:     shedOrder,
			Create:     map[string]any{"organization": ghost, "site": shed, "title": "Haunt", "priority": "low"},
			Update:     map[string]any{"title": "Haunted"},
			Rows:       []pbtest.Row{{As: guest}, {As: newcomer}},
		},
	}
}

// workOrderTenancy: an order, its organization and its site belong together.
func workOrderTenancy() []pbtest.Case {
	order := func(changes map[string]any) map[string]any {
		body := map[string]any{"organization": alpha, "site": harbour, "title": "Oil the gears", "priority": "high"}
		maps.Copy(body, changes)
		return body
	}
	return []pbtest.Case{
		{
			Name: "a viewer who plans in another organization cannot plan here",
			As:   double, Method: http.MethodPost, Path: orders, Body: order(nil), Status: http.StatusBadRequest,
		},
		{
			Name: "a dispatcher cannot move an order to another organization",
			As:   double, Method: http.MethodPatch, Path: orders + "/" + blastOrder,
			Body: map[string]any{"organization": alpha}, Status: http.StatusNotFound,
		},
		{
			Name: "a new order cannot be at another organization's site",
			As:   owner, Method: http.MethodPost, Path: orders, Body: order(map[string]any{"site": quarry}), Status: http.StatusBadRequest,
		},
		{
			Name: "an order cannot move to another organization's site",
			As:   owner, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
			Body: map[string]any{"site": quarry}, Status: http.StatusNotFound,
		},
		{
			Name: "nor behind one of its own organization",
			As:   owner, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
			Body: map[string]any{"site": []string{mill, quarry}}, Status: http.StatusNotFound,
		},
		{
			Name: "nor in a list that is a text",
			As:   owner, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
			Body: map[string]any{"site": `["` + mill + `","` + quarry + `"]`}, Status: http.StatusNotFound,
		},
		{
			Name: "nor by a modifier",
			As:   owner, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
			Body: map[string]any{"site+": quarry}, Status: http.StatusNotFound,
		},
		{
			Name: "an order can move to a site of its organization",
			As:   dispatcher, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
			Body: map[string]any{"site": mill}, Has: []string{mill},
		},
		{
			Name: "a cancelled order can be deleted",
			As:   owner, Method: http.MethodDelete, Path: orders + "/" + pumpOrder, Status: http.StatusNoContent,
			Before: change("work_orders", pumpOrder, "status", "cancelled"),
		},
		{
			Name: "a completed order cannot be deleted",
			As:   owner, Method: http.MethodDelete, Path: orders + "/" + doneOrder, Status: http.StatusNotFound,
		},
	}
}

// workOrderAssignees: an assignment is worth something to a technician of the
// organization only.
func workOrderAssignees() []pbtest.Case {
	assignTo := func(user, membership string) func(core.App) error {
		return func(app core.App) error {
			if err := change("work_orders", pumpOrder, "assignee", user)(app); err != nil {
				return err
			}
			return change("memberships", membership, "role", "technician")(app)
		}
	}
	return []pbtest.Case{
		{
			Name: "a technician of another organization does not see an order that is assigned to them",
			As:   stranger, Path: orders, IDs: []string{blastOrder}, Before: assignTo(strangerID, strangerInBeta),
		},
		{
			Name: "nor works on it",
			As:   stranger, Method: http.MethodPatch, Path: orders + "/" + pumpOrder, Status: http.StatusNotFound,
			Body: map[string]any{"checklist": []any{}}, Before: assignTo(strangerID, strangerInBeta),
		},
		{
			Name: "a technician there and a viewer here does not work on it either",
			As:   double, Method: http.MethodPatch, Path: orders + "/" + pumpOrder, Status: http.StatusNotFound,
			Body: map[string]any{"checklist": []any{}}, Before: assignTo(doubleID, doubleInBeta),
		},
		{
			Name: "an order can stay with a former member",
			As:   dispatcher, Method: http.MethodPatch, Path: orders + "/" + oldOrder,
			Body: map[string]any{"assignee": formerID, "title": "Paint the gate green"},
		},
	}
}

// decidedFields: what hooks and the transition route decide, no client writes.
func decidedFields() []pbtest.Case {
	var cases []pbtest.Case
	add := func(field string, values ...any) {
		for _, value := range values {
			for _, who := range []string{owner, technician} {
				cases = append(cases, pbtest.Case{
					Name: who + " cannot change " + field,
					As:   who, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
					Body: map[string]any{field: value}, Status: http.StatusNotFound,
				})
			}
		}
		cases = append(cases, pbtest.Case{
			Name: "nobody creates an order with " + field,
			As:   owner, Method: http.MethodPost, Path: orders, Status: http.StatusBadRequest,
			Body: map[string]any{"organization": alpha, "site": harbour, "title": "Oil", "priority": "low", field: values[0]},
		})
	}
	pdf := pbtest.File{Name: "forged.pdf", Content: paper}
	add("number", 77, nil, "1 ", "x")
	add("number+", 1)
	add("status", "completed", "", nil, []string{"scheduled", "completed"})
	add("startedAt", "2026-01-02 08:00:00.000Z")
	add("completedAt", "2026-01-02 09:00:00.000Z")
	add("slaDueAt", "2036-01-01 00:00:00.000Z", "", nil)
	add("slaBreachedAt", "2026-01-02 10:00:00.000Z")
	add("report", pdf, "", nil)
	add("report+", pdf)

	return append(cases,
		pbtest.Case{
			Name: "a client may send the whole record back",
			As:   technician, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
			Body: map[string]any{
				"id": pumpOrder, "organization": alpha, "site": harbour, "number": 1, "title": "Replace the pump", "description": "",
				"status": "scheduled", "priority": "normal", "assignee": technicianID, "scheduledStart": "", "startedAt": "",
				"slaDueAt": "2026-01-03 08:00:00.000Z", "slaBreachedAt": "", "report": "report.pdf", "signature": "signature.png",
				"checklist": []any{}, "created": "2026-01-01 00:00:00.000Z",
			},
		},
		pbtest.Case{
			Name: "a technician uploads the signature",
			As:   technician, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
			Body: map[string]any{"signature": pbtest.File{Name: "fresh.png", Content: pixel}}, Has: []string{"fresh"},
		},
	)
}

// plannedFields: what the office plans, the technician does not change.
func plannedFields() []pbtest.Case {
	var cases []pbtest.Case
	for field, value := range map[string]any{
		"site":           mill,
		"title":          "Have a break",
		"description":    "Nothing to do",
		"priority":       "low",
		"assignee":       idleID,
		"scheduledStart": "2026-02-03 08:00:00.000Z",
		"scheduledEnd":   "2026-02-03 09:00:00.000Z",
		"externalId":     "PO-4711",
	} {
		cases = append(cases,
			pbtest.Case{
				Name: "a technician cannot change " + field,
				As:   technician, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
				Body: map[string]any{field: value}, Status: http.StatusNotFound,
			},
			pbtest.Case{
				Name: "a dispatcher can change " + field,
				As:   dispatcher, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
				Body: map[string]any{field: value},
			},
		)
	}
	return append(cases, pbtest.Case{
		Name: "a technician cannot give an order away",
		As:   technician, Method: http.MethodPatch, Path: orders + "/" + pumpOrder,
		Body: map[string]any{"assignee": ""}, Status: http.StatusNotFound,
	})
}

// changedRoles: a role counts from the moment it changes, whatever the token says.
func changedRoles() []pbtest.Case {
	var (
		removed  = remove("memberships", technicianInAlpha)
		demoted  = change("memberships", technicianInAlpha, "role", "viewer")
		promoted = change("memberships", viewerInAlpha, "role", "dispatcher")
		tick     = map[string]any{"checklist": []any{}}
	)
	return []pbtest.Case{
		{Name: "a removed technician lists nothing", As: technician, Path: orders, IDs: []string{}, Before: removed},
		{
			Name: "a removed technician does not view the order",
			As:   technician, Path: orders + "/" + pumpOrder, Status: http.StatusNotFound, Before: removed,
		},
		{
			Name: "a removed technician does not work on the order",
			As:   technician, Method: http.MethodPatch, Path: orders + "/" + pumpOrder, Body: tick,
			Status: http.StatusNotFound, Before: removed,
		},
		{
			Name: "a technician who became a viewer does not work on the order",
			As:   technician, Method: http.MethodPatch, Path: orders + "/" + pumpOrder, Body: tick,
			Status: http.StatusNotFound, Before: demoted,
		},
		{
			Name: "a viewer who became a dispatcher plans",
			As:   viewer, Method: http.MethodPatch, Path: orders + "/" + pumpOrder, Body: map[string]any{"priority": "urgent"},
			Before: promoted,
		},
	}
}

// change returns a function that sets a field of a record, past all rules.
func change(collection, id, field string, value any) func(core.App) error {
	return func(app core.App) error {
		record, err := app.FindRecordById(collection, id)
		if err != nil {
			return err
		}
		record.Set(field, value)
		return app.Save(record)
	}
}

// remove returns a function that deletes a record, past all rules.
func remove(collection, id string) func(core.App) error {
	return func(app core.App) error {
		record, err := app.FindRecordById(collection, id)
		if err != nil {
			return err
		}
		return app.Delete(record)
	}
}
