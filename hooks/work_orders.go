package hooks

import (
	"context"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

// setWorkOrderDefaults gives a new order what its creator need not say, or may not.
func setWorkOrderDefaults(e *core.RecordEvent) error {
	order := collections.WorkOrderOf(e.Record)
	if order.Status() == "" {
		order.SetStatus(collections.WorkOrderStatusDraft)
	}
	if order.Priority() == "" {
		order.SetPriority(collections.WorkOrderPriorityNormal)
	}
	return e.Next()
}

// applyConsequences sets what follows from a changed status or priority.
func (h *hooks) applyConsequences(e *core.RecordEvent) error {
	order := collections.WorkOrderOf(e.Record)
	before, err := storedOrder(e)
	if err != nil {
		return err
	}
	if order.Priority() != before.Priority() {
		if err := h.changePriority(e.App, order); err != nil {
			return err
		}
	}
	if order.Status() != before.Status() {
		recordMove(order, h.clock.Now())
	}
	return e.Next()
}

// validateWorkOrder checks what the fields' own options cannot express. What is
// as it was before passes: an order keeps its assignee after they have left.
func validateWorkOrder(e *core.RecordEvent) error {
	order := collections.WorkOrderOf(e.Record)
	problems := validation.Errors{}

	before := &collections.WorkOrder{}
	if !order.IsNew() {
		var err error
		if before, err = storedOrder(e); err != nil {
			return err
		}
		checkUnchanged(order, before, problems)
		checkMove(order, before.Status(), problems)
	} else {
		before.SetProxyRecord(core.NewRecord(e.Record.Collection()))
	}
	if order.ScheduledStart() != before.ScheduledStart() || order.ScheduledEnd() != before.ScheduledEnd() {
		checkSchedule(order, problems)
	}
	checkChecklist(order, problems)
	if err := checkReferences(e.App, order, before, problems); err != nil {
		return err
	}
	return withFields(problems, e.Next())
}

// guardTechnicians keeps whoever is not of the office from changing more of a
// checklist than what is done, and from changing what a finished order attests.
// It runs in the transaction that [rebaseRequest] opened, against the order as
// it is now, so that an item which the office has just added is not lost to a
// technician's older list.
func guardTechnicians(e *core.RecordRequestEvent) error {
	order := collections.WorkOrderOf(e.Record)
	role, err := roleOf(e.App, e.Auth, order.Organization())
	if err != nil {
		return apis.NewInternalServerError("", err)
	}
	if isOffice(role) {
		return e.Next()
	}
	stored, err := collections.FindWorkOrderById(e.App, order.Id)
	if err != nil {
		return apis.NewInternalServerError("", fmt.Errorf("reload work order %s: %w", order.Id, err))
	}
	problems := validation.Errors{}
	checkItemsKept(order, stored, problems)
	if isFinal(stored.Status()) {
		checkAttested(order, stored, problems)
	}
	if len(problems) > 0 {
		return apis.NewBadRequestError("Failed to update record.", problems)
	}
	return e.Next()
}

// checkAttested adds errors for a changed checklist or signature of an order
// that is over. The signature of a completed one may still be added.
func checkAttested(order, stored *collections.WorkOrder, problems validation.Errors) {
	over := fmt.Sprintf("The order is %s. Only the office can change this now.", stored.Status())
	before, _ := parseChecklist(stored.Checklist()) // one that cannot be read has nothing to lose
	after, err := parseChecklist(order.Checklist())
	if err != nil || !slices.Equal(before, after) {
		problems[collections.WorkOrderFieldChecklist] = validation.NewError(codeOrderOver, over)
	}
	signed := len(order.GetUnsavedFiles(collections.WorkOrderFieldSignature)) > 0 || order.Signature() != stored.Signature()
	late := stored.Status() == collections.WorkOrderStatusCompleted && stored.Signature() == ""
	if signed && !late {
		problems[collections.WorkOrderFieldSignature] = validation.NewError(codeOrderOver, over)
	}
}

// checkUnchanged adds errors for what an order has for life.
func checkUnchanged(order, before *collections.WorkOrder, problems validation.Errors) {
	if order.Organization() != before.Organization() {
		problems[collections.WorkOrderFieldOrganization] = validation.NewError(codeNotAllowedToSet, "An order stays in its organization.")
	}
	if order.Number() != before.Number() {
		problems[collections.WorkOrderFieldNumber] = validation.NewError(codeNotAllowedToSet, "An order keeps its number.")
	}
}

// checkReferences adds errors for a site or an assignee that is not of the
// order's organization. It tells nothing about whether they exist elsewhere.
func checkReferences(app core.App, order, before *collections.WorkOrder, problems validation.Errors) error {
	newSite := order.Site() != "" && order.Site() != before.Site()
	newAssignee := order.Assignee() != "" && order.Assignee() != before.Assignee()
	if !newSite && !newAssignee {
		return nil
	}
	var siteFits, assigneeFits bool
	err := app.DB().NewQuery(`SELECT
		EXISTS (SELECT 1 FROM {{sites}} WHERE [[id]] = {:site} AND [[organization]] = {:organization}),
		EXISTS (SELECT 1 FROM {{memberships}} WHERE [[organization]] = {:organization} AND [[user]] = {:assignee} AND [[role]] <> {:viewer})`).
		Bind(dbx.Params{
			"site":         order.Site(),
			"assignee":     order.Assignee(),
			"organization": order.Organization(),
			"viewer":       collections.MembershipRoleViewer,
		}).
		Row(&siteFits, &assigneeFits)
	if err != nil {
		return fmt.Errorf("check the references of a work order: %w", err)
	}
	if newSite && !siteFits {
		problems[collections.WorkOrderFieldSite] = validation.NewError(codeForeignSite, "Must be a site of the organization.")
	}
	if newAssignee && !assigneeFits {
		problems[collections.WorkOrderFieldAssignee] = validation.NewError(codeNotMember,
			"Must be an owner, dispatcher or technician of the organization.")
	}
	return nil
}

// storedOrderKey is where [storedOrder] keeps its result for the later handlers
// of the same save.
type storedOrderKey struct{}

// storedOrder returns the order as the database has it, which may be newer than
// what the record was loaded from. It belongs in the transaction of the save.
func storedOrder(e *core.RecordEvent) (*collections.WorkOrder, error) {
	if known, ok := e.Context.Value(storedOrderKey{}).(*collections.WorkOrder); ok && known.Id == e.Record.Id {
		return known, nil
	}
	stored, err := collections.FindWorkOrderById(e.App, e.Record.Id)
	if err != nil {
		return nil, fmt.Errorf("reload work order %s: %w", e.Record.Id, err)
	}
	e.Context = context.WithValue(e.Context, storedOrderKey{}, stored)
	return stored, nil
}
