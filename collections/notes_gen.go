// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Notes is the name of the collection of [Note] records.
const Notes = "notes"

// Names of the fields of [Note] records.
const (
	NoteFieldID        = "id"
	NoteFieldWorkOrder = "work_order"
	NoteFieldAuthor    = "author"
	NoteFieldBody      = "body"
	NoteFieldCreated   = "created"
	NoteFieldUpdated   = "updated"
)

// Note is a record of the notes collection.
type Note struct{ core.BaseRecordProxy }

// NewNote returns a new, unsaved Note. It fails when the collection cannot be found.
func NewNote(app core.App) (*Note, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Notes)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Notes, err)
	}
	return NoteOf(core.NewRecord(collection)), nil
}

// NoteOf wraps a record of the notes collection.
func NoteOf(record *core.Record) *Note {
	r := &Note{}
	r.SetProxyRecord(record)
	return r
}

// FindNoteById returns the Note with the id, or [database/sql.ErrNoRows] when there is none.
func FindNoteById(app core.App, id string) (*Note, error) {
	record, err := app.FindRecordById(Notes, id)
	if err != nil {
		return nil, err
	}
	return NoteOf(record), nil
}

// WorkOrder is the work_order field: id of a record of work_orders, required.
func (r *Note) WorkOrder() string {
	return r.GetString(NoteFieldWorkOrder)
}

// SetWorkOrder sets the work_order field.
func (r *Note) SetWorkOrder(value string) {
	r.Set(NoteFieldWorkOrder, value)
}

// ExpandedWorkOrder is the record that work_order leads to, nil when it is not expanded.
func (r *Note) ExpandedWorkOrder() *WorkOrder {
	record := r.ExpandedOne(NoteFieldWorkOrder)
	if record == nil {
		return nil
	}
	return WorkOrderOf(record)
}

// Author is the author field: id of a record of users, required.
func (r *Note) Author() string {
	return r.GetString(NoteFieldAuthor)
}

// SetAuthor sets the author field.
func (r *Note) SetAuthor(value string) {
	r.Set(NoteFieldAuthor, value)
}

// ExpandedAuthor is the record that author leads to, nil when it is not expanded.
func (r *Note) ExpandedAuthor() *User {
	record := r.ExpandedOne(NoteFieldAuthor)
	if record == nil {
		return nil
	}
	return UserOf(record)
}

// Body is the body field: text, at most 5000 characters, required.
func (r *Note) Body() string {
	return r.GetString(NoteFieldBody)
}

// SetBody sets the body field.
func (r *Note) SetBody(value string) {
	r.Set(NoteFieldBody, value)
}

// Created is the created field: when the record was created.
func (r *Note) Created() types.DateTime {
	return r.GetDateTime(NoteFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *Note) Updated() types.DateTime {
	return r.GetDateTime(NoteFieldUpdated)
}
