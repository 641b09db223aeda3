package idempotency

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Codes of the refusals. Clients find them in data.code.
const (
	codeKeyInvalid   = "idempotency_key_invalid"
	codeInProgress   = "idempotency_in_progress"
	codeKeyReused    = "idempotency_key_reused"
	codeNotKept      = "idempotency_answer_not_kept"
	codeTooLong      = "transaction_timeout"
	codePartial      = "idempotency_partial_rollback"
	codeAnswerTooBig = "idempotency_answer_too_large"
	codePrecondition = "precondition_failed"
)

// refusal is an answer with a code of its own.
func refusal(status int, code, message string) *router.ApiError {
	answer := router.NewApiError(status, message, nil)
	answer.Data = map[string]any{"code": code}
	return answer
}

// retryLater is a refusal of something that may work in a second.
func retryLater(e *core.RequestEvent, status int, code, message string) *router.ApiError {
	e.Response.Header().Set("Retry-After", "1")
	expose(e, "Retry-After")
	return refusal(status, code, message)
}

// expose lets scripts of other origins read the header, if they may read the
// answer at all.
func expose(e *core.RequestEvent, name string) {
	if h := e.Response.Header(); e.Request.Header.Get("Origin") != "" && h.Get("Access-Control-Allow-Origin") != "" {
		h.Add("Access-Control-Expose-Headers", name)
	}
}
