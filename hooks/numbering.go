package hooks

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

// numberWorkOrder gives a new order the next number of its organization, and
// its due date, as the row that counts also has the SLA hours.
//
// It runs last before the insert, in the same transaction, and the update locks
// the counter until that transaction ends: two creators never get the same
// number, and a number whose order is not kept goes back with the rollback. So
// numbers are given without a gap. Deleting an order does not reuse its number.
func (h *hooks) numberWorkOrder(e *core.RecordEvent) error {
	order := collections.WorkOrderOf(e.Record)
	number, settings, err := takeNumber(e.App, order.Organization())
	if err != nil {
		return err
	}
	order.SetNumber(number)
	if order.SLADueAt().IsZero() { // imports bring their own
		order.SetSLADueAt(dueAt(h.clock.Now(), settings, order.Priority()))
	}
	return e.Next()
}

// takeNumber counts up the organization's last number and returns it, with the
// organization's settings. It must run in the transaction that uses the number.
func takeNumber(tx core.App, organization string) (int, types.JSONRaw, error) {
	var (
		number   int
		settings types.JSONRaw
	)
	err := tx.DB().NewQuery(`
		UPDATE {{organizations}} SET [[lastNumber]] = [[lastNumber]] + 1
		WHERE [[id]] = {:id} RETURNING [[lastNumber]], [[settings]]`).
		Bind(dbx.Params{"id": organization}).
		Row(&number, &settings)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, validation.Errors{collections.WorkOrderFieldOrganization: validation.NewError(
			"validation_missing_rel_records", "There is no such organization.")}
	}
	if err != nil {
		return 0, nil, fmt.Errorf("take a number of organization %s: %w", organization, err)
	}
	return number, settings, nil
}
