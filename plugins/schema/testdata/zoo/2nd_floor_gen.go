// Code generated from the collection definitions. DO NOT EDIT.

package zoo

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Collection2ndFloorCollection is the name of the collection of [Collection2ndFloor] records.
const Collection2ndFloorCollection = "2nd_floor"

// Names of the fields of [Collection2ndFloor] records.
const (
	Collection2ndFloorFieldID = "id"
)

// Collection2ndFloor is a record of the 2nd_floor collection.
type Collection2ndFloor struct{ core.BaseRecordProxy }

// NewCollection2ndFloor returns a new, unsaved Collection2ndFloor. It fails when the collection cannot be found.
func NewCollection2ndFloor(app core.App) (*Collection2ndFloor, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Collection2ndFloorCollection)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Collection2ndFloorCollection, err)
	}
	return Collection2ndFloorOf(core.NewRecord(collection)), nil
}

// Collection2ndFloorOf wraps a record of the 2nd_floor collection.
func Collection2ndFloorOf(record *core.Record) *Collection2ndFloor {
	r := &Collection2ndFloor{}
	r.SetProxyRecord(record)
	return r
}

// FindCollection2ndFloorById returns the Collection2ndFloor with the id, or [database/sql.ErrNoRows] when there is none.
func FindCollection2ndFloorById(app core.App, id string) (*Collection2ndFloor, error) {
	record, err := app.FindRecordById(Collection2ndFloorCollection, id)
	if err != nil {
		return nil, err
	}
	return Collection2ndFloorOf(record), nil
}
