// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Memberships is the name of the collection of [Membership] records.
const Memberships = "memberships"

// Names of the fields of [Membership] records.
const (
	MembershipFieldID           = "id"
	MembershipFieldOrganization = "organization"
	MembershipFieldUser         = "user"
	MembershipFieldRole         = "role"
	MembershipFieldCreated      = "created"
	MembershipFieldUpdated      = "updated"
)

// Values of the role field of [Membership] records.
const (
	MembershipRoleOwner      = "owner"
	MembershipRoleDispatcher = "dispatcher"
	MembershipRoleTechnician = "technician"
	MembershipRoleViewer     = "viewer"
)

// Membership is a record of the memberships collection.
type Membership struct{ core.BaseRecordProxy }

// NewMembership returns a new, unsaved Membership. It fails when the collection cannot be found.
func NewMembership(app core.App) (*Membership, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Memberships)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Memberships, err)
	}
	return MembershipOf(core.NewRecord(collection)), nil
}

// MembershipOf wraps a record of the memberships collection.
func MembershipOf(record *core.Record) *Membership {
	r := &Membership{}
	r.SetProxyRecord(record)
	return r
}

// FindMembershipById returns the Membership with the id, or [database/sql.ErrNoRows] when there is none.
func FindMembershipById(app core.App, id string) (*Membership, error) {
	record, err := app.FindRecordById(Memberships, id)
	if err != nil {
		return nil, err
	}
	return MembershipOf(record), nil
}

// Organization is the organization field: id of a record of organizations, required.
func (r *Membership) Organization() string {
	return r.GetString(MembershipFieldOrganization)
}

// SetOrganization sets the organization field.
func (r *Membership) SetOrganization(value string) {
	r.Set(MembershipFieldOrganization, value)
}

// ExpandedOrganization is the record that organization leads to, nil when it is not expanded.
func (r *Membership) ExpandedOrganization() *Organization {
	record := r.ExpandedOne(MembershipFieldOrganization)
	if record == nil {
		return nil
	}
	return OrganizationOf(record)
}

// User is the user field: id of a record of users, required.
func (r *Membership) User() string {
	return r.GetString(MembershipFieldUser)
}

// SetUser sets the user field.
func (r *Membership) SetUser(value string) {
	r.Set(MembershipFieldUser, value)
}

// ExpandedUser is the record that user leads to, nil when it is not expanded.
func (r *Membership) ExpandedUser() *User {
	record := r.ExpandedOne(MembershipFieldUser)
	if record == nil {
		return nil
	}
	return UserOf(record)
}

// Role is the role field: one of the MembershipRole values, required.
func (r *Membership) Role() string {
	return r.GetString(MembershipFieldRole)
}

// SetRole sets the role field.
func (r *Membership) SetRole(value string) {
	r.Set(MembershipFieldRole, value)
}

// Created is the created field: when the record was created.
func (r *Membership) Created() types.DateTime {
	return r.GetDateTime(MembershipFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *Membership) Updated() types.DateTime {
	return r.GetDateTime(MembershipFieldUpdated)
}
