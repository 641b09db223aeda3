package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// comments have a number, which a hook gives them: the contract's ids are
// integers, PocketBase's are not.
func comments() schema.Collection {
	return schema.Collection{
		Name: "comments",
		Fields: append([]core.Field{
			to("article", "articles"),
			to("author", "users"),
			&core.NumberField{Name: "number", OnlyInt: true},
			&core.TextField{Name: "body", Required: true, Presentable: true, Max: MaxComment},
		}, timestamps()...),
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_comments_number` ON `comments` (`number`)",
			"CREATE INDEX `idx_comments_article` ON `comments` (`article`, `number`)",
			"CREATE INDEX `idx_comments_author` ON `comments` (`author`)",
		},
	}
}

// counters hold the last number that was given, so that a deleted comment's is
// never given again.
func counters() schema.Collection {
	return schema.Collection{
		Name: "counters",
		Fields: []core.Field{
			&core.TextField{Name: "name", Required: true, Presentable: true, Max: 64},
			&core.NumberField{Name: "value", OnlyInt: true},
		},
		Indexes: []string{"CREATE UNIQUE INDEX `idx_counters_name` ON `counters` (`name`)"},
	}
}
