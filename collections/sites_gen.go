// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Sites is the name of the collection of [Site] records.
const Sites = "sites"

// Names of the fields of [Site] records.
const (
	SiteFieldID           = "id"
	SiteFieldOrganization = "organization"
	SiteFieldName         = "name"
	SiteFieldAddress      = "address"
	SiteFieldLocation     = "location"
	SiteFieldContact      = "contact"
	SiteFieldExternalID   = "externalId"
	SiteFieldCreated      = "created"
	SiteFieldUpdated      = "updated"
)

// Site is a record of the sites collection.
type Site struct{ core.BaseRecordProxy }

// NewSite returns a new, unsaved Site. It fails when the collection cannot be found.
func NewSite(app core.App) (*Site, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Sites)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Sites, err)
	}
	return SiteOf(core.NewRecord(collection)), nil
}

// SiteOf wraps a record of the sites collection.
func SiteOf(record *core.Record) *Site {
	r := &Site{}
	r.SetProxyRecord(record)
	return r
}

// FindSiteById returns the Site with the id, or [database/sql.ErrNoRows] when there is none.
func FindSiteById(app core.App, id string) (*Site, error) {
	record, err := app.FindRecordById(Sites, id)
	if err != nil {
		return nil, err
	}
	return SiteOf(record), nil
}

// Organization is the organization field: id of a record of organizations, required.
func (r *Site) Organization() string {
	return r.GetString(SiteFieldOrganization)
}

// SetOrganization sets the organization field.
func (r *Site) SetOrganization(value string) {
	r.Set(SiteFieldOrganization, value)
}

// ExpandedOrganization is the record that organization leads to, nil when it is not expanded.
func (r *Site) ExpandedOrganization() *Organization {
	record := r.ExpandedOne(SiteFieldOrganization)
	if record == nil {
		return nil
	}
	return OrganizationOf(record)
}

// Name is the name field: text, at most 160 characters, required.
func (r *Site) Name() string {
	return r.GetString(SiteFieldName)
}

// SetName sets the name field.
func (r *Site) SetName(value string) {
	r.Set(SiteFieldName, value)
}

// Address is the address field: text, at most 300 characters.
func (r *Site) Address() string {
	return r.GetString(SiteFieldAddress)
}

// SetAddress sets the address field.
func (r *Site) SetAddress(value string) {
	r.Set(SiteFieldAddress, value)
}

// Location is the location field: longitude and latitude.
func (r *Site) Location() types.GeoPoint {
	return r.GetGeoPoint(SiteFieldLocation)
}

// SetLocation sets the location field.
func (r *Site) SetLocation(value types.GeoPoint) {
	r.Set(SiteFieldLocation, value)
}

// Contact is the contact field: text, at most 200 characters.
func (r *Site) Contact() string {
	return r.GetString(SiteFieldContact)
}

// SetContact sets the contact field.
func (r *Site) SetContact(value string) {
	r.Set(SiteFieldContact, value)
}

// ExternalID is the externalId field: text, at most 100 characters.
func (r *Site) ExternalID() string {
	return r.GetString(SiteFieldExternalID)
}

// SetExternalID sets the externalId field.
func (r *Site) SetExternalID(value string) {
	r.Set(SiteFieldExternalID, value)
}

// Created is the created field: when the record was created.
func (r *Site) Created() types.DateTime {
	return r.GetDateTime(SiteFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *Site) Updated() types.DateTime {
	return r.GetDateTime(SiteFieldUpdated)
}
