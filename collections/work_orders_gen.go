// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// WorkOrders is the name of the collection of [WorkOrder] records.
const WorkOrders = "work_orders"

// Names of the fields of [WorkOrder] records.
const (
	WorkOrderFieldID             = "id"
	WorkOrderFieldOrganization   = "organization"
	WorkOrderFieldSite           = "site"
	WorkOrderFieldNumber         = "number"
	WorkOrderFieldTitle          = "title"
	WorkOrderFieldDescription    = "description"
	WorkOrderFieldStatus         = "status"
	WorkOrderFieldPriority       = "priority"
	WorkOrderFieldAssignee       = "assignee"
	WorkOrderFieldScheduledStart = "scheduledStart"
	WorkOrderFieldScheduledEnd   = "scheduledEnd"
	WorkOrderFieldChecklist      = "checklist"
	WorkOrderFieldStartedAt      = "startedAt"
	WorkOrderFieldCompletedAt    = "completedAt"
	WorkOrderFieldSLADueAt       = "slaDueAt"
	WorkOrderFieldSLABreachedAt  = "slaBreachedAt"
	WorkOrderFieldSignature      = "signature"
	WorkOrderFieldReport         = "report"
	WorkOrderFieldExternalID     = "externalId"
	WorkOrderFieldCreated        = "created"
	WorkOrderFieldUpdated        = "updated"
)

// Values of the status field of [WorkOrder] records.
const (
	WorkOrderStatusDraft     = "draft"
	WorkOrderStatusScheduled = "scheduled"
	WorkOrderStatusEnRoute   = "enRoute"
	WorkOrderStatusOnSite    = "onSite"
	WorkOrderStatusCompleted = "completed"
	WorkOrderStatusCancelled = "cancelled"
)

// Values of the priority field of [WorkOrder] records.
const (
	WorkOrderPriorityLow    = "low"
	WorkOrderPriorityNormal = "normal"
	WorkOrderPriorityHigh   = "high"
	WorkOrderPriorityUrgent = "urgent"
)

// WorkOrder is a record of the work_orders collection.
type WorkOrder struct{ core.BaseRecordProxy }

// NewWorkOrder returns a new, unsaved WorkOrder. It fails when the collection cannot be found.
func NewWorkOrder(app core.App) (*WorkOrder, error) {
	collection, err := app.FindCachedCollectionByNameOrId(WorkOrders)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", WorkOrders, err)
	}
	return WorkOrderOf(core.NewRecord(collection)), nil
}

// WorkOrderOf wraps a record of the work_orders collection.
func WorkOrderOf(record *core.Record) *WorkOrder {
	r := &WorkOrder{}
	r.SetProxyRecord(record)
	return r
}

// FindWorkOrderById returns the WorkOrder with the id, or [database/sql.ErrNoRows] when there is none.
func FindWorkOrderById(app core.App, id string) (*WorkOrder, error) {
	record, err := app.FindRecordById(WorkOrders, id)
	if err != nil {
		return nil, err
	}
	return WorkOrderOf(record), nil
}

// Organization is the organization field: id of a record of organizations, required.
func (r *WorkOrder) Organization() string {
	return r.GetString(WorkOrderFieldOrganization)
}

// SetOrganization sets the organization field.
func (r *WorkOrder) SetOrganization(value string) {
	r.Set(WorkOrderFieldOrganization, value)
}

// ExpandedOrganization is the record that organization leads to, nil when it is not expanded.
func (r *WorkOrder) ExpandedOrganization() *Organization {
	record := r.ExpandedOne(WorkOrderFieldOrganization)
	if record == nil {
		return nil
	}
	return OrganizationOf(record)
}

// Site is the site field: id of a record of sites, required.
func (r *WorkOrder) Site() string {
	return r.GetString(WorkOrderFieldSite)
}

// SetSite sets the site field.
func (r *WorkOrder) SetSite(value string) {
	r.Set(WorkOrderFieldSite, value)
}

// ExpandedSite is the record that site leads to, nil when it is not expanded.
func (r *WorkOrder) ExpandedSite() *Site {
	record := r.ExpandedOne(WorkOrderFieldSite)
	if record == nil {
		return nil
	}
	return SiteOf(record)
}

// Number is the number field: whole number, at least 0.
func (r *WorkOrder) Number() int {
	return r.GetInt(WorkOrderFieldNumber)
}

// SetNumber sets the number field.
func (r *WorkOrder) SetNumber(value int) {
	r.Set(WorkOrderFieldNumber, value)
}

// Title is the title field: text, at most 200 characters, required.
func (r *WorkOrder) Title() string {
	return r.GetString(WorkOrderFieldTitle)
}

// SetTitle sets the title field.
func (r *WorkOrder) SetTitle(value string) {
	r.Set(WorkOrderFieldTitle, value)
}

// Description is the description field: text, at most 5000 characters.
func (r *WorkOrder) Description() string {
	return r.GetString(WorkOrderFieldDescription)
}

// SetDescription sets the description field.
func (r *WorkOrder) SetDescription(value string) {
	r.Set(WorkOrderFieldDescription, value)
}

// Status is the status field: one of the WorkOrderStatus values, required.
func (r *WorkOrder) Status() string {
	return r.GetString(WorkOrderFieldStatus)
}

// SetStatus sets the status field.
func (r *WorkOrder) SetStatus(value string) {
	r.Set(WorkOrderFieldStatus, value)
}

// Priority is the priority field: one of the WorkOrderPriority values, required.
func (r *WorkOrder) Priority() string {
	return r.GetString(WorkOrderFieldPriority)
}

// SetPriority sets the priority field.
func (r *WorkOrder) SetPriority(value string) {
	r.Set(WorkOrderFieldPriority, value)
}

// Assignee is the assignee field: id of a record of users.
func (r *WorkOrder) Assignee() string {
	return r.GetString(WorkOrderFieldAssignee)
}

// SetAssignee sets the assignee field.
func (r *WorkOrder) SetAssignee(value string) {
	r.Set(WorkOrderFieldAssignee, value)
}

// ExpandedAssignee is the record that assignee leads to, nil when it is not expanded.
func (r *WorkOrder) ExpandedAssignee() *User {
	record := r.ExpandedOne(WorkOrderFieldAssignee)
	if record == nil {
		return nil
	}
	return UserOf(record)
}

// ScheduledStart is the scheduledStart field: date and time in UTC.
func (r *WorkOrder) ScheduledStart() types.DateTime {
	return r.GetDateTime(WorkOrderFieldScheduledStart)
}

// SetScheduledStart sets the scheduledStart field.
func (r *WorkOrder) SetScheduledStart(value types.DateTime) {
	r.Set(WorkOrderFieldScheduledStart, value)
}

// ScheduledEnd is the scheduledEnd field: date and time in UTC.
func (r *WorkOrder) ScheduledEnd() types.DateTime {
	return r.GetDateTime(WorkOrderFieldScheduledEnd)
}

// SetScheduledEnd sets the scheduledEnd field.
func (r *WorkOrder) SetScheduledEnd(value types.DateTime) {
	r.Set(WorkOrderFieldScheduledEnd, value)
}

// Checklist is the checklist field: JSON.
func (r *WorkOrder) Checklist() types.JSONRaw {
	value, _ := r.Get(WorkOrderFieldChecklist).(types.JSONRaw)
	return value
}

// SetChecklist sets the checklist field: any value that can be marshalled to JSON.
func (r *WorkOrder) SetChecklist(value any) {
	r.Set(WorkOrderFieldChecklist, value)
}

// StartedAt is the startedAt field: date and time in UTC.
func (r *WorkOrder) StartedAt() types.DateTime {
	return r.GetDateTime(WorkOrderFieldStartedAt)
}

// SetStartedAt sets the startedAt field.
func (r *WorkOrder) SetStartedAt(value types.DateTime) {
	r.Set(WorkOrderFieldStartedAt, value)
}

// CompletedAt is the completedAt field: date and time in UTC.
func (r *WorkOrder) CompletedAt() types.DateTime {
	return r.GetDateTime(WorkOrderFieldCompletedAt)
}

// SetCompletedAt sets the completedAt field.
func (r *WorkOrder) SetCompletedAt(value types.DateTime) {
	r.Set(WorkOrderFieldCompletedAt, value)
}

// SLADueAt is the slaDueAt field: date and time in UTC.
func (r *WorkOrder) SLADueAt() types.DateTime {
	return r.GetDateTime(WorkOrderFieldSLADueAt)
}

// SetSLADueAt sets the slaDueAt field.
func (r *WorkOrder) SetSLADueAt(value types.DateTime) {
	r.Set(WorkOrderFieldSLADueAt, value)
}

// SLABreachedAt is the slaBreachedAt field: date and time in UTC.
func (r *WorkOrder) SLABreachedAt() types.DateTime {
	return r.GetDateTime(WorkOrderFieldSLABreachedAt)
}

// SetSLABreachedAt sets the slaBreachedAt field.
func (r *WorkOrder) SetSLABreachedAt(value types.DateTime) {
	r.Set(WorkOrderFieldSLABreachedAt, value)
}

// Signature is the signature field: name of a file, served with a file token only.
func (r *WorkOrder) Signature() string {
	return r.GetString(WorkOrderFieldSignature)
}

// SetSignature sets the signature field: a new *filesystem.File, the name of the stored file to keep it, or nil.
func (r *WorkOrder) SetSignature(value any) {
	r.Set(WorkOrderFieldSignature, value)
}

// Report is the report field: name of a file, served with a file token only.
func (r *WorkOrder) Report() string {
	return r.GetString(WorkOrderFieldReport)
}

// SetReport sets the report field: a new *filesystem.File, the name of the stored file to keep it, or nil.
func (r *WorkOrder) SetReport(value any) {
	r.Set(WorkOrderFieldReport, value)
}

// ExternalID is the externalId field: text, at most 100 characters.
func (r *WorkOrder) ExternalID() string {
	return r.GetString(WorkOrderFieldExternalID)
}

// SetExternalID sets the externalId field.
func (r *WorkOrder) SetExternalID(value string) {
	r.Set(WorkOrderFieldExternalID, value)
}

// Created is the created field: when the record was created.
func (r *WorkOrder) Created() types.DateTime {
	return r.GetDateTime(WorkOrderFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *WorkOrder) Updated() types.DateTime {
	return r.GetDateTime(WorkOrderFieldUpdated)
}
