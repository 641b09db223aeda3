// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Photos is the name of the collection of [Photo] records.
const Photos = "photos"

// Names of the fields of [Photo] records.
const (
	PhotoFieldID        = "id"
	PhotoFieldWorkOrder = "work_order"
	PhotoFieldAuthor    = "author"
	PhotoFieldImage     = "image"
	PhotoFieldCaption   = "caption"
	PhotoFieldTakenAt   = "takenAt"
	PhotoFieldLocation  = "location"
	PhotoFieldCreated   = "created"
	PhotoFieldUpdated   = "updated"
)

// Photo is a record of the photos collection.
type Photo struct{ core.BaseRecordProxy }

// NewPhoto returns a new, unsaved Photo. It fails when the collection cannot be found.
func NewPhoto(app core.App) (*Photo, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Photos)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Photos, err)
	}
	return PhotoOf(core.NewRecord(collection)), nil
}

// PhotoOf wraps a record of the photos collection.
func PhotoOf(record *core.Record) *Photo {
	r := &Photo{}
	r.SetProxyRecord(record)
	return r
}

// FindPhotoById returns the Photo with the id, or [database/sql.ErrNoRows] when there is none.
func FindPhotoById(app core.App, id string) (*Photo, error) {
	record, err := app.FindRecordById(Photos, id)
	if err != nil {
		return nil, err
	}
	return PhotoOf(record), nil
}

// WorkOrder is the work_order field: id of a record of work_orders, required.
func (r *Photo) WorkOrder() string {
	return r.GetString(PhotoFieldWorkOrder)
}

// SetWorkOrder sets the work_order field.
func (r *Photo) SetWorkOrder(value string) {
	r.Set(PhotoFieldWorkOrder, value)
}

// ExpandedWorkOrder is the record that work_order leads to, nil when it is not expanded.
func (r *Photo) ExpandedWorkOrder() *WorkOrder {
	record := r.ExpandedOne(PhotoFieldWorkOrder)
	if record == nil {
		return nil
	}
	return WorkOrderOf(record)
}

// Author is the author field: id of a record of users, required.
func (r *Photo) Author() string {
	return r.GetString(PhotoFieldAuthor)
}

// SetAuthor sets the author field.
func (r *Photo) SetAuthor(value string) {
	r.Set(PhotoFieldAuthor, value)
}

// ExpandedAuthor is the record that author leads to, nil when it is not expanded.
func (r *Photo) ExpandedAuthor() *User {
	record := r.ExpandedOne(PhotoFieldAuthor)
	if record == nil {
		return nil
	}
	return UserOf(record)
}

// Image is the image field: name of a file, served with a file token only, required.
func (r *Photo) Image() string {
	return r.GetString(PhotoFieldImage)
}

// SetImage sets the image field: a new *filesystem.File, the name of the stored file to keep it, or nil.
func (r *Photo) SetImage(value any) {
	r.Set(PhotoFieldImage, value)
}

// Caption is the caption field: text, at most 300 characters.
func (r *Photo) Caption() string {
	return r.GetString(PhotoFieldCaption)
}

// SetCaption sets the caption field.
func (r *Photo) SetCaption(value string) {
	r.Set(PhotoFieldCaption, value)
}

// TakenAt is the takenAt field: date and time in UTC.
func (r *Photo) TakenAt() types.DateTime {
	return r.GetDateTime(PhotoFieldTakenAt)
}

// SetTakenAt sets the takenAt field.
func (r *Photo) SetTakenAt(value types.DateTime) {
	r.Set(PhotoFieldTakenAt, value)
}

// Location is the location field: longitude and latitude.
func (r *Photo) Location() types.GeoPoint {
	return r.GetGeoPoint(PhotoFieldLocation)
}

// SetLocation sets the location field.
func (r *Photo) SetLocation(value types.GeoPoint) {
	r.Set(PhotoFieldLocation, value)
}

// Created is the created field: when the record was created.
func (r *Photo) Created() types.DateTime {
	return r.GetDateTime(PhotoFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *Photo) Updated() types.DateTime {
	return r.GetDateTime(PhotoFieldUpdated)
}
