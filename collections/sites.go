package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// sites are the places where the work is done.
func sites() schema.Collection {
	visible := all(signedIn, member("organization"))
	office := allOf(member("organization"), role("organization", owner, dispatcher))

	return schema.Collection{
		Name: "sites",
		Rules: schema.Rules{
			List:   visible,
			View:   visible,
			Create: all(signedIn, office),
			Update: all(signedIn, office, unchanged("organization")),
			Delete: all(signedIn, office),
		},
		Fields: []core.Field{
			&core.RelationField{Name: "organization", CollectionId: "organizations", Required: true, MaxSelect: 1, CascadeDelete: true},
			&core.TextField{Name: "name", Required: true, Presentable: true, Max: 160},
			&core.TextField{Name: "address", Max: 300},
			&core.GeoPointField{Name: "location"},
			&core.TextField{Name: "contact", Max: 200},
			// what the organization's ERP calls the site
			&core.TextField{Name: "externalId", Max: 100},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		},
		Indexes: []string{
			"CREATE INDEX `idx_sites_organization` ON `sites` (`organization`, `name`)",
			"CREATE UNIQUE INDEX `idx_sites_external_id` ON `sites` (`organization`, `externalId`) WHERE `externalId` != ''",
		},
	}
}
