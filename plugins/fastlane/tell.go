package fastlane

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// tell has PocketBase tell of a write that was committed if somebody has come to hear
// of it at the last moment: a handler, or a client who subscribed. Who is there by the
// commit hears of it from PocketBase, and so from the lane.
func (w *write) tell(e *core.RequestEvent) error {
	if !w.plugin.heard(w.action) && !w.plugin.listened(w.app) {
		return nil
	}
	event := &core.ModelEvent{App: w.app}
	event.Context = context.Background()
	record, err := w.record()
	if err != nil {
		return e.BadRequestError("", err)
	}
	event.Model = record
	message := ""
	switch w.action {
	case create:
		event.Type, message = core.ModelEventTypeCreate, "Failed to create record"
		err = w.app.OnModelAfterCreateSuccess().Trigger(event)
	case update:
		event.Type, message = core.ModelEventTypeUpdate, "Failed to update record."
		err = w.app.OnModelAfterUpdateSuccess().Trigger(event)
	case remove:
		event.Type, message = core.ModelEventTypeDelete, "Failed to delete record. Make sure that the record is not part of a required relation reference."
		err = w.app.OnModelAfterDeleteSuccess().Trigger(event)
	}
	if err == nil {
		return nil
	}
	if api := (*router.ApiError)(nil); errors.As(err, &api) {
		return api
	}
	return e.BadRequestError(message, err)
}

// record is what was written, as PocketBase has it then.
func (w *write) record() (*core.Record, error) {
	record := core.NewRecord(w.plan.layout.collection)
	set := func(row []driver.Value) error {
		for i := range row {
			raw, err := asRead(row[i])
			if err != nil {
				return err
			}
			c := &w.plan.writing.columns[i]
			value, err := c.field.PrepareValue(record, raw)
			if err != nil {
				return err
			}
			record.SetRaw(c.name, value)
		}
		return nil
	}
	if w.old != nil {
		if err := errors.Join(set(w.old), record.PostScan()); err != nil {
			return nil, err
		}
	}
	if err := set(w.row); err != nil {
		return nil, err
	}
	record.MarkAsNotNew()
	return record, nil
}
