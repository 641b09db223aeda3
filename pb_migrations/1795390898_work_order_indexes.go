package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

func init() {
	m.Register(func(app core.App) error {
		workOrders, err := app.FindCollectionByNameOrId("work_orders")
		if err != nil {
			return fmt.Errorf("find work_orders: %w", err)
		}
		workOrders.RemoveIndex("idx_work_orders_organization_status")
		workOrders.RemoveIndex("idx_work_orders_sla")
		workOrders.Indexes = append(workOrders.Indexes, "CREATE INDEX `idx_work_orders_organization_status` ON `work_orders` (`organization`, `status`, `scheduledStart`, `number`)")
		workOrders.Indexes = append(workOrders.Indexes, "CREATE INDEX `idx_work_orders_sla` ON `work_orders` (`slaDueAt`) WHERE `slaBreachedAt` = '' AND `status` != 'completed' AND `status` != 'cancelled'")
		if err := app.Save(workOrders); err != nil {
			return fmt.Errorf("save work_orders: %w", err)
		}

		return nil
	}, func(app core.App) error {
		workOrders, err := app.FindCollectionByNameOrId("work_orders")
		if err != nil {
			return fmt.Errorf("find work_orders: %w", err)
		}
		workOrders.RemoveIndex("idx_work_orders_organization_status")
		workOrders.RemoveIndex("idx_work_orders_sla")
		workOrders.Indexes = append(workOrders.Indexes, "CREATE INDEX `idx_work_orders_organization_status` ON `work_orders` (`organization`, `status`)")
		workOrders.Indexes = append(workOrders.Indexes, "CREATE INDEX `idx_work_orders_sla` ON `work_orders` (`slaDueAt`) WHERE `slaBreachedAt` = ''")
		if err := app.Save(workOrders); err != nil {
			return fmt.Errorf("save work_orders: %w", err)
		}

		return nil
	})
}
