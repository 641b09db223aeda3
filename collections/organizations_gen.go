// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Organizations is the name of the collection of [Organization] records.
const Organizations = "organizations"

// Names of the fields of [Organization] records.
const (
	OrganizationFieldID            = "id"
	OrganizationFieldName          = "name"
	OrganizationFieldSlug          = "slug"
	OrganizationFieldTimezone      = "timezone"
	OrganizationFieldSettings      = "settings"
	OrganizationFieldLastNumber    = "lastNumber"
	OrganizationFieldInvitationKey = "invitationKey"
	OrganizationFieldErpKeys       = "erpKeys"
	OrganizationFieldCreated       = "created"
	OrganizationFieldUpdated       = "updated"
)

// Organization is a record of the organizations collection.
type Organization struct{ core.BaseRecordProxy }

// NewOrganization returns a new, unsaved Organization. It fails when the collection cannot be found.
func NewOrganization(app core.App) (*Organization, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Organizations)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Organizations, err)
	}
	return OrganizationOf(core.NewRecord(collection)), nil
}

// OrganizationOf wraps a record of the organizations collection.
func OrganizationOf(record *core.Record) *Organization {
	r := &Organization{}
	r.SetProxyRecord(record)
	return r
}

// FindOrganizationById returns the Organization with the id, or [database/sql.ErrNoRows] when there is none.
func FindOrganizationById(app core.App, id string) (*Organization, error) {
	record, err := app.FindRecordById(Organizations, id)
	if err != nil {
		return nil, err
	}
	return OrganizationOf(record), nil
}

// Name is the name field: text, at most 120 characters, required.
func (r *Organization) Name() string {
	return r.GetString(OrganizationFieldName)
}

// SetName sets the name field.
func (r *Organization) SetName(value string) {
	r.Set(OrganizationFieldName, value)
}

// Slug is the slug field: text, at most 63 characters, required.
func (r *Organization) Slug() string {
	return r.GetString(OrganizationFieldSlug)
}

// SetSlug sets the slug field.
func (r *Organization) SetSlug(value string) {
	r.Set(OrganizationFieldSlug, value)
}

// Timezone is the timezone field: text, at most 64 characters, required.
func (r *Organization) Timezone() string {
	return r.GetString(OrganizationFieldTimezone)
}

// SetTimezone sets the timezone field.
func (r *Organization) SetTimezone(value string) {
	r.Set(OrganizationFieldTimezone, value)
}

// Settings is the settings field: JSON.
func (r *Organization) Settings() types.JSONRaw {
	value, _ := r.Get(OrganizationFieldSettings).(types.JSONRaw)
	return value
}

// SetSettings sets the settings field: any value that can be marshalled to JSON.
func (r *Organization) SetSettings(value any) {
	r.Set(OrganizationFieldSettings, value)
}

// LastNumber is the lastNumber field: whole number, at least 0, hidden from the API.
func (r *Organization) LastNumber() int {
	return r.GetInt(OrganizationFieldLastNumber)
}

// SetLastNumber sets the lastNumber field.
func (r *Organization) SetLastNumber(value int) {
	r.Set(OrganizationFieldLastNumber, value)
}

// InvitationKey is the invitationKey field: text, 30 to 60 characters, hidden from the API.
func (r *Organization) InvitationKey() string {
	return r.GetString(OrganizationFieldInvitationKey)
}

// SetInvitationKey sets the invitationKey field.
func (r *Organization) SetInvitationKey(value string) {
	r.Set(OrganizationFieldInvitationKey, value)
}

// ErpKeys is the erpKeys field: JSON, hidden from the API.
func (r *Organization) ErpKeys() types.JSONRaw {
	value, _ := r.Get(OrganizationFieldErpKeys).(types.JSONRaw)
	return value
}

// SetErpKeys sets the erpKeys field: any value that can be marshalled to JSON.
func (r *Organization) SetErpKeys(value any) {
	r.Set(OrganizationFieldErpKeys, value)
}

// Created is the created field: when the record was created.
func (r *Organization) Created() types.DateTime {
	return r.GetDateTime(OrganizationFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *Organization) Updated() types.DateTime {
	return r.GetDateTime(OrganizationFieldUpdated)
}
