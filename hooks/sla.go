package hooks

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

// breachBatch is how many orders one transaction of the SLA job marks, so that
// writers wait for a few milliseconds at most.
const breachBatch = 100

// dueAt is when an order of the priority that came in at start is to be done.
func dueAt(start time.Time, settings types.JSONRaw, priority string) types.DateTime {
	return dateTime(start.Add(slaTime(settings, priority)))
}

// isBreached reports whether the order is overdue and not yet marked so.
func isBreached(order *collections.WorkOrder, now time.Time) bool {
	due := order.SLADueAt()
	return !due.IsZero() && !due.Time().After(now) && order.SLABreachedAt().IsZero()
}

// changePriority gives an open order the due date of its new priority, counted
// from when it was created. One that is no longer overdue loses its mark.
func (h *hooks) changePriority(app core.App, order *collections.WorkOrder) error {
	if isFinal(order.Status()) {
		return nil
	}
	organization, err := collections.FindOrganizationById(app, order.Organization())
	if err != nil {
		return fmt.Errorf("find organization %s: %w", order.Organization(), err)
	}
	due := dueAt(order.Created().Time(), organization.Settings(), order.Priority())
	order.SetSLADueAt(due)
	if due.Time().After(h.clock.Now()) {
		order.SetSLABreachedAt(types.DateTime{})
	}
	return nil
}

// markBreachesAndLog is the SLA job.
func (h *hooks) markBreachesAndLog(app core.App) {
	marked, err := h.markBreaches(app)
	if err != nil {
		app.Logger().Error("Marking overdue work orders failed.", slog.Any("error", err), slog.Int("marked", marked))
		return
	}
	if marked > 0 {
		app.Logger().Info("Marked overdue work orders.", slog.Int("marked", marked))
	}
}

// markBreaches marks all open orders that are overdue and returns how many. An
// order is marked once, however often and however parallel this runs.
func (h *hooks) markBreaches(app core.App) (int, error) {
	total := 0
	for {
		// Most of the time there is nothing to do. Finding that out must not
		// keep writers waiting.
		var overdue []string
		err := overdueOrders(app, h.clock.Now()).Select(collections.WorkOrderFieldID).Limit(breachBatch).Column(&overdue)
		if err != nil {
			return total, fmt.Errorf("look for overdue work orders: %w", err)
		}
		if len(overdue) == 0 {
			return total, nil
		}
		marked, err := h.markBreachBatch(app)
		total += marked
		if err != nil {
			return total, err
		}
	}
}

// markBreachBatch marks the orders that have been overdue longest. It saves
// record by record, for the sake of hooks and realtime, and without validation:
// an order that somebody once stored with a fault is overdue nonetheless.
func (h *hooks) markBreachBatch(app core.App) (marked int, err error) {
	now := h.clock.Now()
	err = app.RunInTransaction(func(tx core.App) error {
		var overdue []*core.Record
		if err := overdueOrders(tx, now).Limit(breachBatch).All(&overdue); err != nil {
			return fmt.Errorf("find overdue work orders: %w", err)
		}
		for _, record := range overdue {
			collections.WorkOrderOf(record).SetSLABreachedAt(dateTime(now))
			if err := tx.SaveNoValidate(record); err != nil {
				return fmt.Errorf("mark work order %s: %w", record.Id, err)
			}
		}
		marked = len(overdue)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return marked, nil
}

// overdueOrders finds open orders that are overdue and not marked, the longest
// overdue first.
func overdueOrders(app core.App, now time.Time) *dbx.SelectQuery {
	return app.RecordQuery(collections.WorkOrders).
		// What an index may be limited to stands here in words: SQLite does not
		// look into parameters when it chooses one.
		AndWhere(dbx.NewExp("[[slaBreachedAt]] = ''")).
		AndWhere(dbx.NewExp("[[status]] != '" + collections.WorkOrderStatusCompleted + "'")).
		AndWhere(dbx.NewExp("[[status]] != '" + collections.WorkOrderStatusCancelled + "'")).
		AndWhere(dbx.NewExp("[[slaDueAt]] > '' AND [[slaDueAt]] <= {:now}", dbx.Params{"now": dateTime(now).String()})).
		OrderBy(collections.WorkOrderFieldSLADueAt)
}
