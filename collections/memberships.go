package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// memberships give a user a role in an organization. The rules of all other
// collections go through them.
func memberships() schema.Collection {
	visible := all(signedIn, member("organization"))
	ofOwner := allOf(member("organization"), role("organization", owner))

	return schema.Collection{
		Name: "memberships",
		Rules: schema.Rules{
			List:   visible,
			View:   visible,
			Create: schema.Locked, // people join by invitation
			Update: all(signedIn, ofOwner, unchanged("organization", "user")),
			Delete: all(signedIn, anyOf(ofOwner, `user = @request.auth.id`)),
		},
		Fields: []core.Field{
			&core.RelationField{Name: "organization", CollectionId: "organizations", Required: true, MaxSelect: 1, CascadeDelete: true},
			&core.RelationField{Name: "user", CollectionId: "users", Required: true, MaxSelect: 1, CascadeDelete: true},
			&core.SelectField{Name: "role", Required: true, MaxSelect: 1, Values: []string{owner, dispatcher, technician, viewer}},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		},
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_memberships_organization_user` ON `memberships` (`organization`, `user`)",
			"CREATE INDEX `idx_memberships_user` ON `memberships` (`user`)",
		},
	}
}
