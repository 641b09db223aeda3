package hooks

import (
	"fmt"
	"net/http"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
)

// maxTransitionNote is in characters.
const maxTransitionNote = 2000

const messageNoTransition = "The order was not moved."

// transitionInput is the body of a transition request.
type transitionInput struct {
	To   string
	Note string
}

func readTransition(e *core.RequestEvent) (transitionInput, error) {
	var in transitionInput
	if err := readBody(e, map[string]*string{"to": &in.To, "note": &in.Note}); err != nil {
		return in, err
	}
	in.Note = strings.TrimSpace(in.Note)
	known := make([]any, len(statuses))
	for i, status := range statuses {
		known[i] = status
	}
	err := validation.Errors{
		"to":   validation.Validate(in.To, validation.Required, validation.In(known...)),
		"note": validation.Validate(in.Note, validation.RuneLength(0, maxTransitionNote)),
	}.Filter()
	if err != nil {
		return in, apis.NewBadRequestError(messageInvalidBody, err)
	}
	if in.Note != "" && e.Auth.IsSuperuser() {
		return in, apis.NewBadRequestError(messageInvalidBody, validation.Errors{
			"note": validation.NewError(codeNeedsUser, "A superuser cannot be the author of a note."),
		})
	}
	return in, nil
}

// transition moves an order to another status.
func (h *hooks) transition(e *core.RequestEvent) error {
	// Who may not see or move the order learns so before what is wrong with the
	// request. What counts is looked at again where it is written.
	if _, _, err := mover(e.App, e); err != nil {
		return answerOf(err, "")
	}
	in, err := readTransition(e)
	if err != nil {
		return answerOf(err, messageInvalidBody)
	}

	var order *collections.WorkOrder
	err = e.App.RunInTransaction(func(tx core.App) error {
		found, role, err := mover(tx, e)
		if err != nil {
			return err
		}
		order = found
		return h.move(tx, e.Auth, role, order, in)
	})
	if err != nil {
		return answerOf(err, messageNoTransition)
	}
	if err := apis.EnrichRecord(e, order.ProxyRecord()); err != nil {
		return answerOf(fmt.Errorf("enrich work order %s: %w", order.Id, err), "")
	}
	return e.JSON(http.StatusOK, order.ProxyRecord())
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
func (h *hooks) move(tx core.App, auth *core.Record, role string, order *collections.WorkOrder, in transitionInput) error {
	from := order.Status()
	if from == in.To {
		return nil
	}
	if err := illegalMove(from, in.To); err != nil {
		return validation.Errors{"to": err}
	}
	if !isOffice(role) && technicianMoves[from] != in.To {
		return forbidden("Only the office makes this move.")
	}
	order.SetStatus(in.To)
	if err := tx.Save(order); err != nil {
		return fmt.Errorf("move work order %s: %w", order.Id, err)
	}
	if in.Note == "" {
		return nil
	}
	note, err := collections.NewNote(tx)
	if err != nil {
		return err
	}
	note.SetWorkOrder(order.Id)
	note.SetAuthor(auth.Id)
	note.SetBody(in.Note)
	if err := tx.Save(note); err != nil {
		return fmt.Errorf("add a note to work order %s: %w", order.Id, err)
	}
	return nil
}
