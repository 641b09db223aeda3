package hooks

import (
	"fmt"
	"net/http"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/apidoc"
)

const messageNoTransition = "The order was not moved."

// transitionRequest asks for a move of an order.
type transitionRequest struct {
	ID   string `path:"id" doc:"The order's id."`
	Body workOrderTransition
}

type workOrderTransition struct {
	To   workOrderStatus `json:"to" minLength:"1" doc:"The status to move to." example:"enRoute"`
	Note string          `json:"note,omitempty" trim:"true" maxLength:"2000" doc:"Is kept as a note of the caller, together with the move or not at all." example:"Key at the front desk."`
}

func (h *hooks) bindTransition(api *apidoc.Router) {
	apidoc.Route(api, apidoc.Op{
		Method: http.MethodPost, Path: "/work-orders/{id}/transition", ID: "workOrders.transition", Tags: []string{collections.WorkOrders},
		Summary: "Move an order to another status",
		Description: "The office makes every move that there is, and the assigned technician those from `scheduled` over `enRoute` and `onSite` to `completed`. " +
			"An order that has the status already stays as it is, so that a request can be repeated.",
		Access: apidoc.SignedIn, Collections: people, MaxBody: maxBodyBytes, Collection: collections.WorkOrders,
		Visible: membersWith(collections.MembershipRoleOwner, collections.MembershipRoleDispatcher, collections.MembershipRoleTechnician),
		Parameters: []apidoc.Parameter{{
			Name: "expand", In: "query", Description: "Which relations to send along, with commas between them.", Schema: &apidoc.Schema{Type: "string"}, Example: "site,assignee",
		}},
		Errors: []int{http.StatusNotFound},
		Problems: []apidoc.Problem{
			{Status: http.StatusBadRequest, Field: "to", Code: codeIllegalTransition, When: "an order with its status has no such move; the message names those that it has"},
			{Status: http.StatusBadRequest, Field: collections.WorkOrderFieldAssignee, Code: "validation_required", When: "an order that nobody has is to be scheduled"},
			{Status: http.StatusBadRequest, Field: collections.WorkOrderFieldScheduledStart, Code: "validation_required", When: "an order without a start is to be scheduled"},
			{Status: http.StatusBadRequest, Field: collections.WorkOrderFieldScheduledEnd, Code: codeEndBeforeStart, When: "an order that ends before it starts is to be scheduled"},
			{Status: http.StatusBadRequest, Field: collections.WorkOrderFieldChecklist, Code: codeChecklistOpen, When: "an order is to be completed with required items that are not done"},
			{Status: http.StatusBadRequest, Field: "note", Code: codeNeedsUser, When: "a superuser sends a note, who cannot be its author"},
			{Status: http.StatusForbidden, Code: codeRoleNotAllowed, When: "the caller is a viewer, or a technician who wants to make a move of the office"},
		},
	}, h.transition).BindFunc(admitMover)
}

// admitMover lets in who may move the order at all. What counts is looked at again
// where it is written.
func admitMover(e *core.RequestEvent) error {
	if _, _, err := mover(e.App, e); err != nil {
		return answerOf(err, "")
	}
	return e.Next()
}

// transition moves an order to another status.
func (h *hooks) transition(e *core.RequestEvent, in *transitionRequest) (*core.Record, error) {
	if in.Body.Note != "" && e.Auth.IsSuperuser() {
		return nil, apis.NewBadRequestError(messageInvalidBody, validation.Errors{
			"note": validation.NewError(codeNeedsUser, "A superuser cannot be the author of a note."),
		})
	}
	var order *collections.WorkOrder
	err := e.App.RunInTransaction(func(tx core.App) error {
		found, role, err := mover(tx, e)
		if err != nil {
			return err
		}
		order = found
		return h.move(tx, e.Auth, role, order, string(in.Body.To), in.Body.Note)
	})
	if err != nil {
		return nil, answerOf(err, messageNoTransition)
	}
	return order.ProxyRecord(), nil
}

// mover returns the order that the path names, and the role of the caller if
// that role moves orders at all.
func mover(app core.App, e *core.RequestEvent) (*collections.WorkOrder, string, error) {
	record, err := visible(app, e, collections.WorkOrders)
	if err != nil {
		return nil, "", err
	}
	order := collections.WorkOrderOf(record)
	role, err := roleOf(app, e.Auth, order.Organization())
	if err != nil {
		return nil, "", err
	}
	if !isOffice(role) && role != collections.MembershipRoleTechnician {
		return nil, "", forbidden("Only the office and the assigned technician move an order.")
	}
	return order, role, nil
}

// move saves the order with its new status, and the note. An order that has the
// status already stays as it is, so that a request can be repeated.
func (h *hooks) move(tx core.App, auth *core.Record, role string, order *collections.WorkOrder, to, text string) error {
	from := order.Status()
	if from == to {
		return nil
	}
	if err := illegalMove(from, to); err != nil {
		return validation.Errors{"to": err}
	}
	if !isOffice(role) && technicianMoves[from] != to {
		return forbidden("Only the office makes this move.")
	}
	order.SetStatus(to)
	if err := tx.Save(order); err != nil {
		return fmt.Errorf("move work order %s: %w", order.Id, err)
	}
	if text == "" {
		return nil
	}
	note, err := collections.NewNote(tx)
	if err != nil {
		return err
	}
	note.SetWorkOrder(order.Id)
	note.SetAuthor(auth.Id)
	note.SetBody(text)
	if err := tx.Save(note); err != nil {
		return fmt.Errorf("add a note to work order %s: %w", order.Id, err)
	}
	return nil
}
