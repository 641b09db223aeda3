package hooks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

// moves is the status machine: where an order may go from each status. It holds
// for everybody, superusers too. What has no entry is final. New orders may
// start in any status where the API's create rule is not asked: imports and
// seeds insert orders as they are.
var moves = map[string][]string{
	collections.WorkOrderStatusDraft: {
		collections.WorkOrderStatusScheduled, collections.WorkOrderStatusCancelled,
	},
	collections.WorkOrderStatusScheduled: {
		collections.WorkOrderStatusEnRoute, collections.WorkOrderStatusDraft, collections.WorkOrderStatusCancelled,
	},
	collections.WorkOrderStatusEnRoute: {
		collections.WorkOrderStatusOnSite, collections.WorkOrderStatusScheduled, collections.WorkOrderStatusCancelled,
	},
	collections.WorkOrderStatusOnSite: {
		collections.WorkOrderStatusCompleted, collections.WorkOrderStatusCancelled,
	},
}

// technicianMoves are the moves that an assigned technician makes. The office
// makes all of them.
var technicianMoves = map[string]string{
	collections.WorkOrderStatusScheduled: collections.WorkOrderStatusEnRoute,
	collections.WorkOrderStatusEnRoute:   collections.WorkOrderStatusOnSite,
	collections.WorkOrderStatusOnSite:    collections.WorkOrderStatusCompleted,
}

// statuses are all of them in the order of the board.
var statuses = []string{
	collections.WorkOrderStatusDraft,
	collections.WorkOrderStatusScheduled,
	collections.WorkOrderStatusEnRoute,
	collections.WorkOrderStatusOnSite,
	collections.WorkOrderStatusCompleted,
	collections.WorkOrderStatusCancelled,
}

// workOrderStatus is one of them in a request or an answer.
type workOrderStatus string

// Enum lists them for whoever describes the routes.
func (workOrderStatus) Enum() []string { return statuses }

// isFinal reports whether no move leads out of the status.
func isFinal(status string) bool {
	return len(moves[status]) == 0
}

// openStatuses are those that are not final, as values of a query.
func openStatuses() []any {
	var open []any
	for _, status := range statuses {
		if !isFinal(status) {
			open = append(open, status)
		}
	}
	return open
}

// illegalMove returns the field error for a move that the machine does not
// have, nil for one that it has.
func illegalMove(from, to string) error {
	if slices.Contains(moves[from], to) {
		return nil
	}
	message := fmt.Sprintf("An order that is %s can move to %s.", from, strings.Join(moves[from], " or "))
	if isFinal(from) {
		message = fmt.Sprintf("An order that is %s stays so.", from)
	}
	return validation.NewError(codeIllegalTransition, message)
}

// checkMove adds what speaks against the move of the order from a status to the
// one it has now.
func checkMove(order *collections.WorkOrder, from string, problems validation.Errors) {
	to := order.Status()
	if from == to {
		return
	}
	if err := illegalMove(from, to); err != nil {
		problems[collections.WorkOrderFieldStatus] = err
		return
	}
	switch to {
	case collections.WorkOrderStatusScheduled:
		if order.Assignee() == "" {
			problems[collections.WorkOrderFieldAssignee] = validation.NewError("validation_required", "A scheduled order needs an assignee.")
		}
		if order.ScheduledStart().IsZero() {
			problems[collections.WorkOrderFieldScheduledStart] = validation.NewError("validation_required", "A scheduled order needs a start.")
		}
		checkSchedule(order, problems)
	case collections.WorkOrderStatusCompleted:
		checkChecklistDone(order, problems)
	}
}

// checkSchedule adds an error for an order that ends before it starts.
func checkSchedule(order *collections.WorkOrder, problems validation.Errors) {
	start, end := order.ScheduledStart(), order.ScheduledEnd()
	if !start.IsZero() && !end.IsZero() && !end.After(start) {
		problems[collections.WorkOrderFieldScheduledEnd] = validation.NewError(codeEndBeforeStart, "The end must be after the start.")
	}
}

// recordMove sets the times that go with the order's move to its status.
func recordMove(order *collections.WorkOrder, now time.Time) {
	switch order.Status() {
	case collections.WorkOrderStatusOnSite:
		if order.StartedAt().IsZero() {
			order.SetStartedAt(dateTime(now))
		}
	case collections.WorkOrderStatusCompleted:
		if order.CompletedAt().IsZero() {
			order.SetCompletedAt(dateTime(now))
		}
		// the job that marks breaches may not have come by since
		if isBreached(order, now) {
			order.SetSLABreachedAt(dateTime(now))
		}
	}
}

// dateTime is the time as PocketBase stores it: UTC, in milliseconds.
func dateTime(t time.Time) types.DateTime {
	result, _ := types.ParseDateTime(t.UTC().Truncate(time.Millisecond)) // cannot fail for a time
	return result
}
