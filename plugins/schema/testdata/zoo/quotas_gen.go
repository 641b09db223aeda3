// Code generated from the collection definitions. DO NOT EDIT.

package zoo

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Quotas is the name of the collection of [DailyQuota] records.
const Quotas = "quotas"

// Names of the fields of [DailyQuota] records.
const (
	DailyQuotaFieldID = "id"
)

// DailyQuota is a record of the quotas collection.
type DailyQuota struct{ core.BaseRecordProxy }

// NewDailyQuota returns a new, unsaved DailyQuota. It fails when the collection cannot be found.
func NewDailyQuota(app core.App) (*DailyQuota, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Quotas)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Quotas, err)
	}
	return DailyQuotaOf(core.NewRecord(collection)), nil
}

// DailyQuotaOf wraps a record of the quotas collection.
func DailyQuotaOf(record *core.Record) *DailyQuota {
	r := &DailyQuota{}
	r.SetProxyRecord(record)
	return r
}

// FindDailyQuotaById returns the DailyQuota with the id, or [database/sql.ErrNoRows] when there is none.
func FindDailyQuotaById(app core.App, id string) (*DailyQuota, error) {
	record, err := app.FindRecordById(Quotas, id)
	if err != nil {
		return nil, err
	}
	return DailyQuotaOf(record), nil
}
