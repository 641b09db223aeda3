// Code generated from the collection definitions. DO NOT EDIT.

package zoo

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Keepers is the name of the collection of [Keeper] records.
const Keepers = "keepers"

// Names of the fields of [Keeper] records.
const (
	KeeperFieldID              = "id"
	KeeperFieldPassword        = "password"
	KeeperFieldTokenKey        = "tokenKey"
	KeeperFieldEmail           = "email"
	KeeperFieldEmailVisibility = "emailVisibility"
	KeeperFieldVerified        = "verified"
	KeeperFieldBadge           = "badge"
)

// Keeper is a record of the keepers collection.
type Keeper struct{ core.BaseRecordProxy }

// NewKeeper returns a new, unsaved Keeper. It fails when the collection cannot be found.
func NewKeeper(app core.App) (*Keeper, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Keepers)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Keepers, err)
	}
	return KeeperOf(core.NewRecord(collection)), nil
}

// KeeperOf wraps a record of the keepers collection.
func KeeperOf(record *core.Record) *Keeper {
	r := &Keeper{}
	r.SetProxyRecord(record)
	return r
}

// FindKeeperById returns the Keeper with the id, or [database/sql.ErrNoRows] when there is none.
func FindKeeperById(app core.App, id string) (*Keeper, error) {
	record, err := app.FindRecordById(Keepers, id)
	if err != nil {
		return nil, err
	}
	return KeeperOf(record), nil
}

// Badge is the badge field: text, at most 20 characters.
func (r *Keeper) Badge() string {
	return r.GetString(KeeperFieldBadge)
}

// SetBadge sets the badge field.
func (r *Keeper) SetBadge(value string) {
	r.Set(KeeperFieldBadge, value)
}
