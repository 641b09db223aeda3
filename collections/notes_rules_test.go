package collections_test

import (
	"net/http"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestNoteRules(t *testing.T) {
	t.Parallel()
	noteRules().Run(t, world)
}

func noteRules() pbtest.Suite {
	return contributionRules("notes", someNotes, map[string]any{"body": "Tightened it"}, map[string]any{"body": "Tightened both"})
}

// contributionRules claims what notes and photos have in common. content is
// what a new one has besides its work order and author, correction a change.
func contributionRules(collection string, ids contributions, content, correction map[string]any) pbtest.Suite {
	return pbtest.Suite{
		Matrices: contributionMatrices(collection, ids, content, correction),
		Cases:    contributionCases(collection, ids, content, correction),
	}
}

func contributionMatrices(collection string, ids contributions, content, correction map[string]any) []pbtest.Matrix {
	const (
		read   = pbtest.View
		add    = pbtest.View | pbtest.Create
		remove = pbtest.View | pbtest.Create | pbtest.Delete
		all    = pbtest.View | pbtest.Create | pbtest.Update | pbtest.Delete
	)
	alphas := ids.ofAlpha()
	ofPump := []string{ids.pump, ids.office, ids.boss}
	on := func(order string) map[string]any {
		return with(content, map[string]any{"work_order": order, "author": pbtest.Self})
	}

	return []pbtest.Matrix{
		{
			Name:       "the technician's",
			Collection: collection,
			Record:     ids.pump,
			Create:     on(pumpOrder),
			Update:     correction,
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: guest},
				{As: newcomer},
				{As: robot},
				{As: stranger, Lists: []string{ids.blast}},
				{As: former},
				{As: viewer, Lists: alphas, May: read},
				{As: double, Lists: append([]string{ids.blast}, alphas...), May: read},
				{As: idle},
				{As: technician, Lists: ofPump, May: all},
				{As: dispatcher, Lists: alphas, May: add},
				{As: owner, Lists: alphas, May: remove},
			},
		},
		{
			Name:       "the office's",
			Collection: collection,
			Record:     ids.office,
			Update:     correction,
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: guest},
				{As: stranger, Lists: []string{ids.blast}},
				{As: viewer, Lists: alphas, May: read},
				{As: technician, Lists: ofPump, May: read},
				{As: dispatcher, Lists: alphas, May: all},
				{As: owner, Lists: alphas, May: remove},
			},
		},
		{
			Name:       "the owner's",
			Collection: collection,
			Record:     ids.boss,
			Update:     correction,
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: robot},
				{As: dispatcher, Lists: alphas, May: read},
				{As: owner, Lists: alphas, May: all},
			},
		},
		{
			Name:       "on an order that nobody is assigned to",
			Collection: collection,
			Record:     ids.draft,
			Create:     on(draftOrder),
			Update:     correction,
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: viewer, Lists: alphas, May: read},
				{As: technician, Lists: ofPump},
				{As: dispatcher, Lists: alphas, May: all},
			},
		},
		{
			Name:       "by somebody who left, on an order that is still theirs",
			Collection: collection,
			Record:     ids.old,
			Create:     on(oldOrder),
			Update:     correction,
			Secrets:    secrets,
			Rows:       []pbtest.Row{{As: former}, {As: owner, Lists: alphas, May: remove}},
		},
		{
			Name:       "in an organization without members",
			Collection: collection,
			Record:     ids.shed,
			Create:     on(shedOrder),
			Update:     correction,
			Rows:       []pbtest.Row{{As: guest}, {As: newcomer}, {As: former}},
		},
	}
}

func contributionCases(collection string, ids contributions, content, correction map[string]any) []pbtest.Case {
	records := "/api/collections/" + collection + "/records"
	return []pbtest.Case{
		{Name: "a superuser lists everything", As: superuser, Path: records, IDs: append(ids.ofAlpha(), ids.blast, ids.shed)},
		{
			Name: "nobody writes in another's name",
			As:   dispatcher, Method: http.MethodPost, Path: records, Status: http.StatusBadRequest,
			Body: with(content, map[string]any{"work_order": pumpOrder, "author": technicianID}),
		},
		{
			Name: "nobody writes in no name",
			As:   dispatcher, Method: http.MethodPost, Path: records, Status: http.StatusBadRequest,
			Body: with(content, map[string]any{"work_order": pumpOrder}),
		},
		{
			Name: "nobody writes on another organization's order",
			As:   owner, Method: http.MethodPost, Path: records, Status: http.StatusBadRequest,
			Body: with(content, map[string]any{"work_order": blastOrder, "author": pbtest.Self}),
		},
		{
			Name: "an author cannot move it to another order",
			As:   dispatcher, Method: http.MethodPatch, Path: records + "/" + ids.office, Status: http.StatusNotFound,
			Body: map[string]any{"work_order": doneOrder},
		},
		{
			Name: "an author cannot move it to another organization's order",
			As:   double, Method: http.MethodPatch, Path: records + "/" + ids.blast, Status: http.StatusNotFound,
			Body: map[string]any{"work_order": pumpOrder},
		},
		{
			Name: "an author cannot pass it off as another's",
			As:   technician, Method: http.MethodPatch, Path: records + "/" + ids.pump, Status: http.StatusNotFound,
			Body: map[string]any{"author": dispatcherID},
		},
		{
			Name: "an author who became a viewer changes nothing",
			As:   dispatcher, Method: http.MethodPatch, Path: records + "/" + ids.office, Status: http.StatusNotFound,
			Body: correction, Before: change("memberships", dispatcherInAlpha, "role", "viewer"),
		},
		{
			Name: "an author who became a viewer removes nothing",
			As:   dispatcher, Method: http.MethodDelete, Path: records + "/" + ids.office, Status: http.StatusNotFound,
			Before: change("memberships", dispatcherInAlpha, "role", "viewer"),
		},
		{
			Name: "a viewer whom the order was assigned to adds nothing",
			As:   viewer, Method: http.MethodPost, Path: records, Status: http.StatusBadRequest,
			Body:   with(content, map[string]any{"work_order": pumpOrder, "author": pbtest.Self}),
			Before: change("work_orders", pumpOrder, "assignee", viewerID),
		},
		{
			Name: "a technician who became a viewer changes nothing, even if the order is still theirs",
			As:   technician, Method: http.MethodPatch, Path: records + "/" + ids.pump, Status: http.StatusNotFound,
			Body: correction, Before: change("memberships", technicianInAlpha, "role", "viewer"),
		},
		{
			Name: "nor removes anything",
			As:   technician, Method: http.MethodDelete, Path: records + "/" + ids.pump, Status: http.StatusNotFound,
			Before: change("memberships", technicianInAlpha, "role", "viewer"),
		},
		{
			Name: "a technician who lost the order changes nothing",
			As:   technician, Method: http.MethodPatch, Path: records + "/" + ids.pump, Status: http.StatusNotFound,
			Body: correction, Before: change("work_orders", pumpOrder, "assignee", idleID),
		},
		{
			Name: "a technician who lost the order removes nothing",
			As:   technician, Method: http.MethodDelete, Path: records + "/" + ids.pump, Status: http.StatusNotFound,
			Before: change("work_orders", pumpOrder, "assignee", idleID),
		},
		{
			Name: "a technician who lost the order reads nothing",
			As:   technician, Path: records, IDs: []string{}, Before: change("work_orders", pumpOrder, "assignee", idleID),
		},
	}
}

// with returns the body with more fields.
func with(body, more map[string]any) map[string]any {
	result := map[string]any{}
	for _, part := range []map[string]any{body, more} {
		for name, value := range part {
			result[name] = value
		}
	}
	return result
}
