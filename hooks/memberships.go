package hooks

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

const messageLastOwner = "An organization needs an owner. Make somebody else an owner first, or delete the organization."

// changeMembership keeps the last owner an owner, ends the invitations that are
// out when somebody is an owner no longer, and takes their open orders from a
// member who becomes a viewer.
func changeMembership(e *core.RecordEvent) error {
	membership := collections.MembershipOf(e.Record)
	before, err := collections.FindMembershipById(e.App, membership.Id)
	if err != nil {
		return fmt.Errorf("reload membership %s: %w", membership.Id, err)
	}
	moved := membership.Organization() != before.Organization() || membership.User() != before.User()
	if moved || membership.Role() != before.Role() {
		last, err := isLastOwner(e.App, before)
		if err != nil {
			return err
		}
		if last {
			return validation.Errors{collections.MembershipFieldRole: validation.NewError(codeFieldLastOwner, messageLastOwner)}
		}
	}
	if err := e.Next(); err != nil {
		return err
	}
	// a former owner may have invited another address of theirs
	if before.Role() == collections.MembershipRoleOwner && (moved || membership.Role() != before.Role()) {
		if _, err := rotateInvitationKey(e.App, before.Organization()); err != nil {
			return err
		}
	}
	if moved || (membership.Role() == collections.MembershipRoleViewer && before.Role() != collections.MembershipRoleViewer) {
		return unassign(e.App, before.Organization(), before.User())
	}
	return nil
}

// endMembership keeps the last owner, and lets what hangs on a membership end
// with it: the invitations that are out, as the member may hold one, and the
// assignments. It runs likewise when a user is deleted, since that deletes their
// memberships, but not when the organization itself is.
func endMembership(e *core.RecordEvent) error {
	membership, err := collections.FindMembershipById(e.App, e.Record.Id)
	if errors.Is(err, sql.ErrNoRows) {
		return e.Next() // somebody was faster
	}
	if err != nil {
		return fmt.Errorf("reload membership %s: %w", e.Record.Id, err)
	}
	organization := membership.Organization()
	exists, err := organizationExists(e.App, organization)
	if err != nil {
		return err
	}
	if !exists {
		return e.Next()
	}

	last, err := isLastOwner(e.App, membership)
	if err != nil {
		return err
	}
	if last {
		return refusal(http.StatusBadRequest, codeLastOwner, messageLastOwner)
	}
	if err := e.Next(); err != nil {
		return err
	}
	if _, err := rotateInvitationKey(e.App, organization); err != nil {
		return err
	}
	return unassign(e.App, organization, membership.User())
}

// isLastOwner reports whether the organization has no owner but this one.
func isLastOwner(app core.App, membership *collections.Membership) (bool, error) {
	if membership.Role() != collections.MembershipRoleOwner {
		return false, nil
	}
	others, err := app.CountRecords(collections.Memberships,
		dbx.HashExp{
			collections.MembershipFieldOrganization: membership.Organization(),
			collections.MembershipFieldRole:         collections.MembershipRoleOwner,
		},
		dbx.Not(dbx.HashExp{collections.MembershipFieldID: membership.Id}))
	if err != nil {
		return false, fmt.Errorf("count the owners of organization %s: %w", membership.Organization(), err)
	}
	return others == 0, nil
}

func organizationExists(app core.App, id string) (bool, error) {
	n, err := app.CountRecords(collections.Organizations, dbx.HashExp{collections.OrganizationFieldID: id})
	if err != nil {
		return false, fmt.Errorf("find organization %s: %w", id, err)
	}
	return n > 0, nil
}

// unassign takes the user's open orders in the organization from them. The
// orders keep their status, so the board shows as unassigned what somebody has
// to take over; who did the orders that are final stays on record.
func unassign(app core.App, organization, user string) error {
	var orders []*core.Record
	err := app.RecordQuery(collections.WorkOrders).
		AndWhere(dbx.HashExp{
			collections.WorkOrderFieldOrganization: organization,
			collections.WorkOrderFieldAssignee:     user,
		}).
		AndWhere(dbx.NotIn(collections.WorkOrderFieldStatus,
			collections.WorkOrderStatusCompleted, collections.WorkOrderStatusCancelled)).
		All(&orders)
	if err != nil {
		return fmt.Errorf("find the orders of user %s: %w", user, err)
	}
	for _, record := range orders {
		collections.WorkOrderOf(record).SetAssignee("")
		// without validation, as a fault of an old order must not keep a member in
		if err := app.SaveNoValidate(record); err != nil {
			return fmt.Errorf("unassign work order %s: %w", record.Id, err)
		}
	}
	return nil
}
