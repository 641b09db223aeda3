package hooks

import (
	"context"
	"fmt"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
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
