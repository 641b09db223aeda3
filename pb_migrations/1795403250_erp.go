package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"
)

func init() {
	m.Register(func(app core.App) error {
		organizations, err := app.FindCollectionByNameOrId("organizations")
		if err != nil {
			return fmt.Errorf("find organizations: %w", err)
		}
		organizations.Fields.AddAt(7, &core.JSONField{Name: "erpKeys", Hidden: true, MaxSize: 2048})
		if err := app.Save(organizations); err != nil {
			return fmt.Errorf("save organizations: %w", err)
		}

		sites, err := app.FindCollectionByNameOrId("sites")
		if err != nil {
			return fmt.Errorf("find sites: %w", err)
		}
		sites.Fields.AddAt(6, &core.TextField{Name: "externalId", Max: 100})
		sites.Indexes = append(sites.Indexes, "CREATE UNIQUE INDEX `idx_sites_external_id` ON `sites` (`organization`, `externalId`) WHERE `externalId` != ''")
		if err := app.Save(sites); err != nil {
			return fmt.Errorf("save sites: %w", err)
		}

		workOrders, err := app.FindCollectionByNameOrId("work_orders")
		if err != nil {
			return fmt.Errorf("find work_orders: %w", err)
		}
		workOrders.Fields.AddAt(18, &core.TextField{Name: "externalId", Max: 100})
		workOrders.Indexes = append(workOrders.Indexes, "CREATE UNIQUE INDEX `idx_work_orders_external_id` ON `work_orders` (`organization`, `externalId`) WHERE `externalId` != ''")
		workOrders.UpdateRule = types.Pointer(`@request.auth.collectionName = "users"` +
			` && (organization.memberships_via_organization.user ?= @request.auth.id && organization.name > "")` +
			` && @request.body.organization:changed = false` +
			` && (@request.body.number:changed = false` +
			` && @request.body.status:changed = false` +
			` && @request.body.startedAt:changed = false` +
			` && @request.body.completedAt:changed = false` +
			` && @request.body.slaDueAt:changed = false` +
			` && @request.body.slaBreachedAt:changed = false` +
			` && @request.body.report:changed = false)` +
			` && (((organization.memberships_via_organization.role ?= "owner"` +
			` || organization.memberships_via_organization.role ?= "dispatcher")` +
			` && (@request.body.site:changed = false || @request.body.site.organization = organization))` +
			` || ((organization.memberships_via_organization.role ?= "technician" && assignee = @request.auth.id)` +
			` && (@request.body.site:changed = false` +
			` && @request.body.title:changed = false` +
			` && @request.body.description:changed = false` +
			` && @request.body.priority:changed = false` +
			` && @request.body.assignee:changed = false` +
			` && @request.body.scheduledStart:changed = false` +
			` && @request.body.scheduledEnd:changed = false` +
			` && @request.body.externalId:changed = false)))`)
		if err := app.Save(workOrders); err != nil {
			return fmt.Errorf("save work_orders: %w", err)
		}

		return nil
	}, func(app core.App) error {
		organizations, err := app.FindCollectionByNameOrId("organizations")
		if err != nil {
			return fmt.Errorf("find organizations: %w", err)
		}
		// erpKeys (json) goes with what it holds
		organizations.Fields.RemoveByName("erpKeys")
		if err := app.Save(organizations); err != nil {
			return fmt.Errorf("save organizations: %w", err)
		}

		sites, err := app.FindCollectionByNameOrId("sites")
		if err != nil {
			return fmt.Errorf("find sites: %w", err)
		}
		// externalId (text) goes with what it holds
		sites.Fields.RemoveByName("externalId")
		sites.RemoveIndex("idx_sites_external_id")
		if err := app.Save(sites); err != nil {
			return fmt.Errorf("save sites: %w", err)
		}

		workOrders, err := app.FindCollectionByNameOrId("work_orders")
		if err != nil {
			return fmt.Errorf("find work_orders: %w", err)
		}
		// externalId (text) goes with what it holds
		workOrders.Fields.RemoveByName("externalId")
		workOrders.RemoveIndex("idx_work_orders_external_id")
		workOrders.UpdateRule = types.Pointer(`@request.auth.collectionName = "users"` +
			` && (organization.memberships_via_organization.user ?= @request.auth.id && organization.name > "")` +
			` && @request.body.organization:changed = false` +
			` && (@request.body.number:changed = false` +
			` && @request.body.status:changed = false` +
			` && @request.body.startedAt:changed = false` +
			` && @request.body.completedAt:changed = false` +
			` && @request.body.slaDueAt:changed = false` +
			` && @request.body.slaBreachedAt:changed = false` +
			` && @request.body.report:changed = false)` +
			` && (((organization.memberships_via_organization.role ?= "owner"` +
			` || organization.memberships_via_organization.role ?= "dispatcher")` +
			` && (@request.body.site:changed = false || @request.body.site.organization = organization))` +
			` || ((organization.memberships_via_organization.role ?= "technician" && assignee = @request.auth.id)` +
			` && (@request.body.site:changed = false` +
			` && @request.body.title:changed = false` +
			` && @request.body.description:changed = false` +
			` && @request.body.priority:changed = false` +
			` && @request.body.assignee:changed = false` +
			` && @request.body.scheduledStart:changed = false` +
			` && @request.body.scheduledEnd:changed = false)))`)
		if err := app.Save(workOrders); err != nil {
			return fmt.Errorf("save work_orders: %w", err)
		}

		return nil
	})
}
