package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// articles have a slug that a hook makes of the title.
func articles() schema.Collection {
	return schema.Collection{
		Name: "articles",
		Fields: append([]core.Field{
			to("author", "users"),
			&core.TextField{Name: "slug", Required: true, Max: MaxTitle},
			&core.TextField{Name: "title", Required: true, Presentable: true, Max: MaxTitle},
			&core.TextField{Name: "description", Required: true, Max: MaxDescription},
			&core.TextField{Name: "body", Required: true, Max: MaxBody},
		}, timestamps()...),
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_articles_slug` ON `articles` (`slug`)",
			"CREATE INDEX `idx_articles_created` ON `articles` (`created`, `id`)",
			"CREATE INDEX `idx_articles_author` ON `articles` (`author`, `created`, `id`)",
		},
	}
}

// articleTags are the tags of articles.
func articleTags() schema.Collection {
	return schema.Collection{
		Name: "article_tags",
		Fields: []core.Field{
			to("article", "articles"),
			&core.TextField{Name: "name", Required: true, Presentable: true, Max: MaxTag},
		},
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_article_tags_article_name` ON `article_tags` (`article`, `name`)",
			"CREATE INDEX `idx_article_tags_name` ON `article_tags` (`name`, `article`)",
		},
	}
}

// favorites say who likes which article.
func favorites() schema.Collection {
	return schema.Collection{
		Name:   "favorites",
		Fields: []core.Field{to("article", "articles"), to("user", "users")},
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_favorites_article_user` ON `favorites` (`article`, `user`)",
			"CREATE INDEX `idx_favorites_user` ON `favorites` (`user`, `article`)",
		},
	}
}
