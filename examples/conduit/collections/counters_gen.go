// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Counters is the name of the collection of [Counter] records.
const Counters = "counters"

// Names of the fields of [Counter] records.
const (
	CounterFieldID    = "id"
	CounterFieldName  = "name"
	CounterFieldValue = "value"
)

// Counter is a record of the counters collection.
type Counter struct{ core.BaseRecordProxy }

// NewCounter returns a new, unsaved Counter. It fails when the collection cannot be found.
func NewCounter(app core.App) (*Counter, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Counters)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Counters, err)
	}
	return CounterOf(core.NewRecord(collection)), nil
}

// CounterOf wraps a record of the counters collection.
func CounterOf(record *core.Record) *Counter {
	r := &Counter{}
	r.SetProxyRecord(record)
	return r
}

// FindCounterById returns the Counter with the id, or [database/sql.ErrNoRows] when there is none.
func FindCounterById(app core.App, id string) (*Counter, error) {
	record, err := app.FindRecordById(Counters, id)
	if err != nil {
		return nil, err
	}
	return CounterOf(record), nil
}

// Name is the name field: text, at most 64 characters, required.
func (r *Counter) Name() string {
	return r.GetString(CounterFieldName)
}

// SetName sets the name field.
func (r *Counter) SetName(value string) {
	r.Set(CounterFieldName, value)
}

// Value is the value field: whole number.
func (r *Counter) Value() int {
	return r.GetInt(CounterFieldValue)
}

// SetValue sets the value field.
func (r *Counter) SetValue(value int) {
	r.Set(CounterFieldValue, value)
}
