package collections_test

import (
	"net/http"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestMembershipRules(t *testing.T) {
	t.Parallel()
	membershipRules().Run(t, world)
}

func membershipRules() pbtest.Suite {
	const records = "/api/collections/memberships/records"
	ofAlpha := []string{ownerInAlpha, dispatcherInAlpha, technicianInAlpha, idleInAlpha, viewerInAlpha, doubleInAlpha}
	ofBeta := []string{doubleInBeta, strangerInBeta}
	both := append(ofBeta, ofAlpha...)

	return pbtest.Suite{
		Matrices: []pbtest.Matrix{{
			Collection: "memberships",
			Record:     technicianInAlpha,
			Create:     map[string]any{"organization": alpha, "user": newcomerID, "role": "viewer"},
			Locked:     pbtest.Create, // people join by invitation
			Update:     map[string]any{"role": "dispatcher"},
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: guest},
				{As: newcomer},
				{As: robot},
				{As: stranger, Lists: ofBeta},
				{As: former},
				{As: viewer, Lists: ofAlpha, May: pbtest.View},
				{As: idle, Lists: ofAlpha, May: pbtest.View},
				{As: double, Lists: both, May: pbtest.View},
				{As: dispatcher, Lists: ofAlpha, May: pbtest.View},
				{As: technician, Lists: ofAlpha, May: pbtest.View | pbtest.Delete}, // it is theirs: they may leave
				{As: owner, Lists: ofAlpha, May: pbtest.View | pbtest.Update | pbtest.Delete},
				{As: superuser, Lists: both, May: pbtest.View | pbtest.Create | pbtest.Update | pbtest.Delete},
			},
		}},
		Cases: []pbtest.Case{
			{
				Name: "nobody promotes themself",
				As:   dispatcher, Method: http.MethodPatch, Path: records + "/" + dispatcherInAlpha,
				Body: map[string]any{"role": "owner"}, Status: http.StatusNotFound,
			},
			{
				Name: "an owner cannot move a membership to another organization",
				As:   owner, Method: http.MethodPatch, Path: records + "/" + technicianInAlpha,
				Body: map[string]any{"organization": beta}, Status: http.StatusNotFound,
			},
			{
				Name: "an owner cannot pull somebody in by giving them another's membership",
				As:   owner, Method: http.MethodPatch, Path: records + "/" + technicianInAlpha,
				Body: map[string]any{"user": newcomerID}, Status: http.StatusNotFound,
			},
			{
				Name: "an owner cannot create one either, not even by upsert",
				As:   owner, Method: http.MethodPost, Path: "/api/batch", Status: http.StatusBadRequest, Before: allowBatches,
				Body: batch(http.MethodPut, records, map[string]any{"organization": alpha, "user": newcomerID, "role": "viewer"}),
				Has:  []string{`"status":403`},
			},
			{
				Name: "somebody who left can come back only by invitation",
				As:   technician, Method: http.MethodPost, Path: records, Status: http.StatusForbidden,
				Body:   map[string]any{"organization": alpha, "user": pbtest.Self, "role": "technician"},
				Before: remove("memberships", technicianInAlpha),
			},
			{
				Name: "a role must be one of the four",
				As:   owner, Method: http.MethodPatch, Path: records + "/" + technicianInAlpha,
				Body: map[string]any{"role": "superuser"}, Status: http.StatusBadRequest,
			},
		},
	}
}
