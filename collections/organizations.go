package collections

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/schema"
)

// organizations are the tenants. Whoever creates one becomes its owner, by a hook.
func organizations() schema.Collection {
	return schema.Collection{
		Name: "organizations",
		Rules: schema.Rules{
			List:   all(signedIn, member("")),
			View:   all(signedIn, member("")),
			Create: signedIn,
			Update: all(signedIn, member(""), role("", owner)),
			Delete: all(signedIn, member(""), role("", owner)),
		},
		Fields: []core.Field{
			&core.TextField{Name: "name", Required: true, Presentable: true, Max: 120},
			&core.TextField{Name: "slug", Required: true, Max: 63, Pattern: `^[a-z0-9]+(-[a-z0-9]+)*$`},
			&core.TextField{Name: "timezone", Required: true, Max: 64},
			// settings.slaHours maps a priority to the hours until an order is due
			&core.JSONField{Name: "settings", MaxSize: 16 << 10},
			// the last number given to a work order; only the numbering hook writes it
			&core.NumberField{Name: "lastNumber", Hidden: true, OnlyInt: true, Min: types.Pointer(0.0)},
			// signs invitations; a new key revokes those that are out
			&core.TextField{Name: "invitationKey", Hidden: true, AutogeneratePattern: `[a-zA-Z0-9]{50}`, Min: 30, Max: 60},
			// what the organization's ERP signs its messages with; a route gives it
			&core.JSONField{Name: "erpKeys", Hidden: true, MaxSize: 2 << 10},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		},
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_organizations_slug` ON `organizations` (`slug`)",
		},
	}
}
