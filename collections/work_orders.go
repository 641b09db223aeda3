package collections

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/schema"
)

// workOrders are the jobs. Their status moves only by the transition route, and
// number, slaDueAt and the times are given by hooks.
//
// The office and viewers see all orders of their organization, technicians only
// those assigned to them. That the assignee is a member is for a hook to check,
// which can say so at the field.
func workOrders() schema.Collection {
	const organization = "organization"
	office := role(organization, owner, dispatcher)
	visible := all(signedIn, member(organization), anyOf(role(organization, owner, dispatcher, viewer), `assignee = @request.auth.id`))

	// What a hook or the transition route decides.
	decided := []string{"number", "status", "startedAt", "completedAt", "slaDueAt", "slaBreachedAt", "report"}
	planned := []string{"site", "title", "description", "priority", "assignee", "scheduledStart", "scheduledEnd", "externalId"}

	return schema.Collection{
		Name: "work_orders",
		Rules: schema.Rules{
			List:   visible,
			View:   visible,
			Create: all(signedIn, member(organization), office, unset(decided...), `site.organization = organization`),
			Update: all(signedIn, member(organization), unchanged("organization"), unchanged(decided...), anyOf(
				allOf(office, anyOf(unchanged("site"), `@request.body.site.organization = organization`)),
				allOf(assigned(""), unchanged(planned...)))),
			Delete: all(signedIn, member(organization), role(organization, owner), `status = "draft" || status = "cancelled"`),
		},
		Fields: []core.Field{
			&core.RelationField{Name: "organization", CollectionId: "organizations", Required: true, MaxSelect: 1, CascadeDelete: true},
			&core.RelationField{Name: "site", CollectionId: "sites", Required: true, MaxSelect: 1},
			&core.NumberField{Name: "number", OnlyInt: true, Min: types.Pointer(0.0)},
			&core.TextField{Name: "title", Required: true, Presentable: true, Max: 200},
			&core.TextField{Name: "description", Max: 5000},
			&core.SelectField{
				Name: "status", Required: true, MaxSelect: 1,
				Values: []string{"draft", "scheduled", "enRoute", "onSite", "completed", "cancelled"},
			},
			&core.SelectField{Name: "priority", Required: true, MaxSelect: 1, Values: []string{"low", "normal", "high", "urgent"}},
			&core.RelationField{Name: "assignee", CollectionId: "users", MaxSelect: 1},
			&core.DateField{Name: "scheduledStart"},
			&core.DateField{Name: "scheduledEnd"},
			// [{"id": "...", "label": "...", "done": false, "required": true}, ...]
			&core.JSONField{Name: "checklist", MaxSize: 32 << 10},
			&core.DateField{Name: "startedAt"},
			&core.DateField{Name: "completedAt"},
			&core.DateField{Name: "slaDueAt"},
			&core.DateField{Name: "slaBreachedAt"},
			&core.FileField{Name: "signature", MaxSelect: 1, MaxSize: 512 << 10, Protected: true, MimeTypes: []string{"image/png"}},
			&core.FileField{Name: "report", MaxSelect: 1, MaxSize: 20 << 20, Protected: true, MimeTypes: []string{"application/pdf"}},
			// what the organization's ERP calls the order
			&core.TextField{Name: "externalId", Max: 100},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		},
		Indexes: []string{
			"CREATE UNIQUE INDEX `idx_work_orders_organization_number` ON `work_orders` (`organization`, `number`)",
			"CREATE INDEX `idx_work_orders_organization_status` ON `work_orders` (`organization`, `status`, `scheduledStart`, `number`)",
			"CREATE UNIQUE INDEX `idx_work_orders_external_id` ON `work_orders` (`organization`, `externalId`) WHERE `externalId` != ''",
			"CREATE INDEX `idx_work_orders_assignee` ON `work_orders` (`assignee`, `scheduledStart`)",
			"CREATE INDEX `idx_work_orders_site` ON `work_orders` (`site`)",
			"CREATE INDEX `idx_work_orders_sla` ON `work_orders` (`slaDueAt`) WHERE `slaBreachedAt` = '' AND `status` != 'completed' AND `status` != 'cancelled'",
		},
	}
}

// assigned admits to changes the technician to whom the work order that path leads to is
// assigned, as long as they are still one. It must stand beside [member] with
// the path to the order's organization.
func assigned(path string) string {
	if path != "" {
		path += "."
	}
	return allOf(role(path+"organization", technician), path+`assignee = @request.auth.id`)
}
