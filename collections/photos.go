package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// photos are pictures taken on site. The file is protected, so it is served
// only with a file token of somebody who may see the photo.
func photos() schema.Collection {
	return schema.Collection{
		Name:  "photos",
		Rules: contributionRules(),
		Fields: []core.Field{
			&core.RelationField{Name: "work_order", CollectionId: "work_orders", Required: true, MaxSelect: 1, CascadeDelete: true},
			&core.RelationField{Name: "author", CollectionId: "users", Required: true, MaxSelect: 1},
			&core.FileField{
				Name: "image", Required: true, Protected: true, MaxSelect: 1, MaxSize: 10 << 20,
				Thumbs: []string{"160x160", "800x0"}, MimeTypes: imageTypes,
			},
			&core.TextField{Name: "caption", Max: 300},
			&core.DateField{Name: "takenAt"},
			&core.GeoPointField{Name: "location"},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		},
		Indexes: []string{
			"CREATE INDEX `idx_photos_work_order` ON `photos` (`work_order`, `created`)",
		},
	}
}
