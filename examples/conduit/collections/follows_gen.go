// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Follows is the name of the collection of [Follow] records.
const Follows = "follows"

// Names of the fields of [Follow] records.
const (
	FollowFieldID       = "id"
	FollowFieldFollower = "follower"
	FollowFieldFollowed = "followed"
)

// Follow is a record of the follows collection.
type Follow struct{ core.BaseRecordProxy }

// NewFollow returns a new, unsaved Follow. It fails when the collection cannot be found.
func NewFollow(app core.App) (*Follow, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Follows)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Follows, err)
	}
	return FollowOf(core.NewRecord(collection)), nil
}

// FollowOf wraps a record of the follows collection.
func FollowOf(record *core.Record) *Follow {
	r := &Follow{}
	r.SetProxyRecord(record)
	return r
}

// FindFollowById returns the Follow with the id, or [database/sql.ErrNoRows] when there is none.
func FindFollowById(app core.App, id string) (*Follow, error) {
	record, err := app.FindRecordById(Follows, id)
	if err != nil {
		return nil, err
	}
	return FollowOf(record), nil
}

// Follower is the follower field: id of a record of users, required.
func (r *Follow) Follower() string {
	return r.GetString(FollowFieldFollower)
}

// SetFollower sets the follower field.
func (r *Follow) SetFollower(value string) {
	r.Set(FollowFieldFollower, value)
}

// ExpandedFollower is the record that follower leads to, nil when it is not expanded.
func (r *Follow) ExpandedFollower() *User {
	record := r.ExpandedOne(FollowFieldFollower)
	if record == nil {
		return nil
	}
	return UserOf(record)
}

// Followed is the followed field: id of a record of users, required.
func (r *Follow) Followed() string {
	return r.GetString(FollowFieldFollowed)
}

// SetFollowed sets the followed field.
func (r *Follow) SetFollowed(value string) {
	r.Set(FollowFieldFollowed, value)
}

// ExpandedFollowed is the record that followed leads to, nil when it is not expanded.
func (r *Follow) ExpandedFollowed() *User {
	record := r.ExpandedOne(FollowFieldFollowed)
	if record == nil {
		return nil
	}
	return UserOf(record)
}
