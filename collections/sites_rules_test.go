package collections_test

import (
	"net/http"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestSiteRules(t *testing.T) {
	t.Parallel()
	siteRules().Run(t, world)
}

func siteRules() pbtest.Suite {
	const edit = pbtest.View | pbtest.Create | pbtest.Update | pbtest.Delete
	alphas := []string{harbour, mill}

	return pbtest.Suite{
		Matrices: []pbtest.Matrix{{
			Collection: "sites",
			Record:     mill,
			Create:     map[string]any{"organization": alpha, "name": "New lock", "address": "4 Canal"},
			Update:     map[string]any{"name": "Renamed mill", "contact": "Miller's son"},
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: guest},
				{As: newcomer},
				{As: robot},
				{As: stranger, Lists: []string{quarry}},
				{As: former},
				{As: viewer, Lists: alphas, May: pbtest.View},
				{As: technician, Lists: alphas, May: pbtest.View},
				{As: double, Lists: []string{harbour, mill, quarry}, May: pbtest.View}, // edits in beta only
				{As: dispatcher, Lists: alphas, May: edit},
				{As: owner, Lists: alphas, May: edit},
				{As: superuser, Lists: []string{harbour, mill, quarry, shed}, May: edit},
			},
		}},
		Cases: []pbtest.Case{
			{
				Name: "an owner cannot put a site into another organization",
				As:   owner, Method: http.MethodPost, Path: "/api/collections/sites/records",
				Body: map[string]any{"organization": beta, "name": "Trojan"}, Status: http.StatusBadRequest,
			},
			{
				Name: "an owner cannot move a site to another organization",
				As:   owner, Method: http.MethodPatch, Path: "/api/collections/sites/records/" + mill,
				Body: map[string]any{"organization": beta}, Status: http.StatusNotFound,
			},
			{
				Name: "not even from one of their organizations to the other",
				As:   double, Method: http.MethodPatch, Path: "/api/collections/sites/records/" + quarry,
				Body: map[string]any{"organization": alpha}, Status: http.StatusNotFound,
			},
			{
				Name: "an owner may send the organization along unchanged",
				As:   owner, Method: http.MethodPatch, Path: "/api/collections/sites/records/" + mill,
				Body: map[string]any{"organization": alpha, "name": "Same place"},
			},
			{
				Name: "a site with work orders stays",
				As:   owner, Method: http.MethodDelete, Path: "/api/collections/sites/records/" + harbour,
				Status: http.StatusBadRequest,
			},
		},
	}
}
