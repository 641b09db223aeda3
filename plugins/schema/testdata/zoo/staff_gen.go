// Code generated from the collection definitions. DO NOT EDIT.

package zoo

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// StaffCollection is the name of the collection of [Staff] records.
const StaffCollection = "staff"

// Names of the fields of [Staff] records.
const (
	StaffFieldID     = "id"
	StaffFieldOnDuty = "onDuty"
	StaffFieldDesk   = "desk"
)

// Staff is a record of the staff collection.
type Staff struct{ core.BaseRecordProxy }

// NewStaff returns a new, unsaved Staff. It fails when the collection cannot be found.
func NewStaff(app core.App) (*Staff, error) {
	collection, err := app.FindCachedCollectionByNameOrId(StaffCollection)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", StaffCollection, err)
	}
	return StaffOf(core.NewRecord(collection)), nil
}

// StaffOf wraps a record of the staff collection.
func StaffOf(record *core.Record) *Staff {
	r := &Staff{}
	r.SetProxyRecord(record)
	return r
}

// FindStaffById returns the Staff with the id, or [database/sql.ErrNoRows] when there is none.
func FindStaffById(app core.App, id string) (*Staff, error) {
	record, err := app.FindRecordById(StaffCollection, id)
	if err != nil {
		return nil, err
	}
	return StaffOf(record), nil
}

// OnDuty is the onDuty field: true or false.
func (r *Staff) OnDuty() bool {
	return r.GetBool(StaffFieldOnDuty)
}

// SetOnDuty sets the onDuty field.
func (r *Staff) SetOnDuty(value bool) {
	r.Set(StaffFieldOnDuty, value)
}

// Desk is the desk field: text.
func (r *Staff) Desk() string {
	return r.GetString(StaffFieldDesk)
}

// SetDesk sets the desk field.
func (r *Staff) SetDesk(value string) {
	r.Set(StaffFieldDesk, value)
}
