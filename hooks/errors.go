package hooks

import (
	"errors"
	"net/http"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/tools/router"
)

const messageInvalidBody = "The request has invalid fields."

// Codes of the refusals that no single field is at fault for. Clients find them
// in data.code. Those of package apidoc come besides.
const (
	codeRoleNotAllowed   = "role_not_allowed"
	codeLastOwner        = "last_owner"
	codeSignInFirst      = "invitation_sign_in_first"
	codeOtherAddress     = "invitation_other_address"
	codeInvitationUnsent = "invitation_unsent"
	codeInvitationsMany  = "too_many_invitations"
	codeExportRunning    = "export_running"
)

// Codes of field errors that neither PocketBase nor ozzo-validation nor
// package apidoc has.
const (
	codeIllegalTransition = "validation_illegal_transition"
	codeNotAllowedToSet   = "validation_not_changeable"
	codeNotMember         = "validation_not_a_member"
	codeForeignSite       = "validation_not_a_site_of_the_organization"
	codeEndBeforeStart    = "validation_end_before_start"
	codeChecklist         = "validation_invalid_checklist"
	codeChecklistOpen     = "validation_checklist_incomplete"
	codeChecklistLocked   = "validation_checklist_locked"
	codeOrderOver         = "validation_order_is_over"
	codeNameWithLink      = "validation_name_with_link"
	codeTimezone          = "validation_invalid_timezone"
	codeSettings          = "validation_invalid_settings"
	codeFieldLastOwner    = "validation_last_owner"
	codeNeedsUser         = "validation_needs_a_user"
	codeAlreadyMember     = "validation_already_a_member"
	codeInvalidInvitation = "validation_invalid_invitation"
	codeERPType           = "validation_unknown_type"
	codeERPSite           = "validation_unknown_site"
)

// refusal is an answer with a code of its own.
func refusal(status int, code, message string) *router.ApiError {
	answer := router.NewApiError(status, message, nil)
	answer.Data = map[string]any{"code": code}
	return answer
}

// forbidden refuses a member whose role is not enough.
func forbidden(message string) *router.ApiError {
	return refusal(http.StatusForbidden, codeRoleNotAllowed, message)
}

// answerOf makes an answer of whatever stopped a route: what is meant for the
// client stays as it is, field errors become a 400 with message, and the rest
// is a fault of ours that the client learns nothing about.
func answerOf(err error, message string) error {
	var answer *router.ApiError
	if errors.As(err, &answer) {
		return answer
	}
	var fields validation.Errors
	if errors.As(err, &fields) {
		return apis.NewBadRequestError(message, fields)
	}
	return apis.NewInternalServerError("", err)
}

// withFields adds our field errors to what the rest of a validation returned.
// Ours stand where both are about the same field: they say more.
func withFields(ours validation.Errors, err error) error {
	if len(ours) == 0 {
		return err
	}
	var theirs validation.Errors
	if err != nil && !errors.As(err, &theirs) {
		return err
	}
	for name, e := range theirs {
		if _, told := ours[name]; !told {
			ours[name] = e
		}
	}
	return ours
}
