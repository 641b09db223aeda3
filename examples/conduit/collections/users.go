package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// users are the accounts. Names and addresses that differ only in the case of
// ASCII letters are the same, so that nobody can pass for somebody else.
//
// PocketBase's own ways to sign in are off, as they would be a second API.
func users() schema.Collection {
	return schema.Collection{
		Name: "users",
		Type: core.CollectionTypeAuth,
		Fields: append([]core.Field{
			&core.PasswordField{Name: "password", System: true, Hidden: true, Required: true, Min: MinPassword, Max: MaxPassword},
			&core.TextField{Name: "username", Required: true, Presentable: true, Max: MaxUsername},
			&core.TextField{Name: "bio", Max: MaxBio},
			&core.TextField{Name: "image", Max: MaxImage},
			// what lets the token that changed a password go on, see session.go
			&core.TextField{Name: "keptToken", Hidden: true, Max: 64},
		}, timestamps()...),
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_users_email` ON `users` (`email` COLLATE NOCASE)",
			"CREATE UNIQUE INDEX `idx_users_username` ON `users` (`username` COLLATE NOCASE)",
		},
		Configure: func(c *core.Collection) {
			c.PasswordAuth.Enabled = false
		},
	}
}

// follows say whose articles are in whose feed.
func follows() schema.Collection {
	return schema.Collection{
		Name:   "follows",
		Fields: []core.Field{to("follower", "users"), to("followed", "users")},
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_follows_follower_followed` ON `follows` (`follower`, `followed`)",
			"CREATE INDEX `idx_follows_followed` ON `follows` (`followed`)",
		},
	}
}
