package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// users are the people who sign in, whatever organizations they belong to.
func users() schema.Collection {
	const colleague = `memberships_via_user.organization.memberships_via_organization.user ?= @request.auth.id`
	visible := all(signedIn, anyOf(`id = @request.auth.id`, colleague))

	return schema.Collection{
		Name: "users",
		Type: core.CollectionTypeAuth,
		Rules: schema.Rules{
			List:   visible,
			View:   visible,
			Create: schema.Public, // sign-up
			Update: `id = @request.auth.id`,
			Delete: `id = @request.auth.id`,
			Auth:   schema.Public,
		},
		Fields: []core.Field{
			&core.TextField{Name: "name", Max: 120},
			&core.FileField{Name: "avatar", MaxSelect: 1, MaxSize: 2 << 20, Thumbs: []string{"96x96"}, MimeTypes: imageTypes},
			&core.TextField{Name: "phone", Max: 32, Pattern: `^\+?[0-9 ()/.-]*$`},
			&core.TextField{Name: "locale", Max: 16, Pattern: `^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$`},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		},
	}
}

// imageTypes are the pictures that people may upload.
var imageTypes = []string{"image/jpeg", "image/png", "image/webp"}
