package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// notes are what people write down about a work order. Only their author changes them.
func notes() schema.Collection {
	return schema.Collection{
		Name:  "notes",
		Rules: contributionRules(),
		Fields: []core.Field{
			&core.RelationField{Name: "work_order", CollectionId: "work_orders", Required: true, MaxSelect: 1, CascadeDelete: true},
			&core.RelationField{Name: "author", CollectionId: "users", Required: true, MaxSelect: 1},
			&core.TextField{Name: "body", Required: true, Presentable: true, Max: 5000},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		},
		Indexes: []string{
			"CREATE INDEX `idx_notes_work_order` ON `notes` (`work_order`, `created`)",
		},
	}
}

// contributionRules are the rules of what people add to a work order: whoever
// sees the order reads it; the office and the assigned technician add to it in
// their own name; the author changes and removes their own, an owner removes any.
func contributionRules() schema.Rules {
	const organization = "work_order.organization"
	var (
		contributor = anyOf(role(organization, owner, dispatcher), assigned("work_order"))
		own         = `author = @request.auth.id`
	)
	visible := all(signedIn, member(organization), anyOf(role(organization, owner, dispatcher, viewer), `work_order.assignee = @request.auth.id`))

	return schema.Rules{
		List:   visible,
		View:   visible,
		Create: all(signedIn, member(organization), own, contributor),
		Update: all(signedIn, member(organization), own, contributor, unchanged("work_order", "author")),
		Delete: all(signedIn, member(organization), anyOf(role(organization, owner),
			allOf(own, anyOf(role(organization, dispatcher), assigned("work_order"))))),
	}
}
