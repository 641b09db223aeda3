package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// users are the people who sign in, whatever organizations they belong to.
func users() schema.Collection {
	const self = `id = @request.auth.id`
	// the last two conditions are always true, see [member]
	const colleague = `memberships_via_user.organization.memberships_via_organization.user ?= @request.auth.id && ` +
		`memberships_via_user.organization.name ?> "" && memberships_via_user.organization ?> ""`

	return schema.Collection{
		Name: "users",
		Type: core.CollectionTypeAuth,
		Rules: schema.Rules{
			// Without oneself: the alternative would keep SQLite from using an
			// index. So somebody without an organization lists nobody.
			List:   all(signedIn, colleague),
			View:   all(signedIn, anyOf(self, colleague)),
			Create: schema.Public, // sign-up
			Update: all(signedIn, self),
			Delete: all(signedIn, self),
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
