package collections_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestOrganizationRules(t *testing.T) {
	t.Parallel()
	organizationRules().Run(t, world)
}

func organizationRules() pbtest.Suite {
	return pbtest.Suite{Matrices: organizationMatrices(), Cases: hiddenFields()}
}

func organizationMatrices() []pbtest.Matrix {
	const found = pbtest.Create // anybody who is signed in founds one
	create := map[string]any{"name": "Gamma Gears", "slug": "gamma-gears", "timezone": "Europe/Vienna"}
	update := map[string]any{"name": "Alpha & Daughters", "settings": map[string]any{"slaHours": map[string]any{"low": 200}}}

	return []pbtest.Matrix{
		{
			Collection: "organizations",
			Record:     alpha,
			Create:     create,
			Update:     update,
			Secrets:    secrets,
			Rows: []pbtest.Row{
				{As: guest},
				{As: robot},
				{As: newcomer, May: found},
				{As: stranger, Lists: []string{beta}, May: found},
				{As: former, May: found},
				{As: viewer, Lists: []string{alpha}, May: found | pbtest.View},
				{As: technician, Lists: []string{alpha}, May: found | pbtest.View},
				{As: double, Lists: []string{alpha, beta}, May: found | pbtest.View},
				{As: dispatcher, Lists: []string{alpha}, May: found | pbtest.View},
				{As: owner, Lists: []string{alpha}, May: found | pbtest.View | pbtest.Update | pbtest.Delete},
				{As: superuser, Lists: []string{alpha, beta, ghost}, May: found | pbtest.View | pbtest.Update | pbtest.Delete},
			},
		},
		{
			Name:       "an organization without members",
			Collection: "organizations",
			Record:     ghost,
			Update:     update,
			Rows:       []pbtest.Row{{As: guest}, {As: newcomer}},
		},
	}
}

// hiddenFields: nobody reads, writes or asks for what only hooks use.
func hiddenFields() []pbtest.Case {
	const records = "/api/collections/organizations/records"
	secret := []string{"lastNumber", "invitationKey", "erpKeys", "alphakey", "4711"}
	kept := func(app core.App) error {
		record, err := app.FindRecordById("organizations", alpha)
		if err != nil {
			return err
		}
		if got := record.GetInt("lastNumber"); got != 4711 {
			return fmt.Errorf("lastNumber: got %d, want 4711", got)
		}
		if got, want := record.GetString("invitationKey"), "alphakeyalphakeyalphakeyalphakey"; got != want {
			return fmt.Errorf("invitationKey: got %s, want %s", got, want)
		}
		if got := record.GetString("erpKeys"); !strings.Contains(got, "whsec_alphakey") {
			return fmt.Errorf("erpKeys: got %s, want those of before", got)
		}
		return nil
	}
	cases := []pbtest.Case{
		{Name: "a list hides them", As: owner, Path: records, HasNot: secret},
		{Name: "a view hides them", As: owner, Path: records + "/" + alpha, HasNot: secret},
		{Name: "asking for them by name hides them", As: owner, Path: records + "/" + alpha + "?fields=id,lastNumber,invitationKey,erpKeys,*", HasNot: secret},
		{Name: "an expand hides them", As: owner, Path: "/api/collections/sites/records/" + mill + "?expand=organization", Has: []string{"Alpha"}, HasNot: secret},
		{
			Name: "an owner creates an organization without them",
			As:   owner, Method: http.MethodPost, Path: records, HasNot: secret,
			Body: map[string]any{
				"id": "gamma0000000000", "name": "Gamma", "slug": "gamma", "timezone": "Europe/Vienna",
				"lastNumber": 7000, "invitationKey": "chosenchosenchosenchosenchosench",
				"erpKeys": map[string]any{"secret": "chosen"},
			},
			After: func(app core.App) error {
				record, err := app.FindRecordById("organizations", "gamma0000000000")
				if err != nil {
					return err
				}
				if got := record.GetInt("lastNumber"); got != 0 {
					return fmt.Errorf("lastNumber: got %d, want 0", got)
				}
				if got := record.GetString("invitationKey"); len(got) != 50 {
					return fmt.Errorf("invitationKey: got %q, want a random one", got)
				}
				if got := record.GetString("erpKeys"); got != "null" {
					return fmt.Errorf("erpKeys: got %s, want none", got)
				}
				return nil
			},
		},
	}
	for _, body := range []map[string]any{
		{"lastNumber": 1},
		{"lastNumber+": 1},
		{"lastNumber-": 1},
		{"invitationKey": "chosenchosenchosenchosenchosench"},
		{"invitationKey": ""},
		{"invitationKey:autogenerate": ""},
		{"erpKeys": nil},
		{"erpKeys": map[string]any{"secret": "chosen"}},
	} {
		cases = append(cases, pbtest.Case{
			Name: fmt.Sprint("an owner changes nothing by sending ", body),
			As:   owner, Method: http.MethodPatch, Path: records + "/" + alpha, Body: body, HasNot: secret, After: kept,
		})
	}
	return cases
}
