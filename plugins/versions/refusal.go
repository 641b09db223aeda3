package versions

import (
	"errors"
	"net/http"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// The codes of refusals.
const (
	codeUnknown      = "version_unknown"          // in data.code, as the next two
	codeSunset       = "version_sunset"           //
	codeTooLarge     = "version_answer_too_large" //
	codeFieldChanged = "version_field_changed"    // at the parameter or field
)

// refusal is an answer with a code of its own.
func refusal(status int, code, message string) *router.ApiError {
	answer := router.NewApiError(status, message, nil)
	answer.Data = map[string]any{"code": code}
	return answer
}

// fieldRefusal refuses one field or parameter of a request.
func fieldRefusal(field, code, message string) *router.ApiError {
	return router.NewBadRequestError("", validation.Errors{field: validation.NewError(code, message)})
}

// requestError is how a request is refused that could not be changed.
func (t *Transformer) requestError(err error) error {
	var answer *router.ApiError
	if errors.As(err, &answer) {
		return answer
	}
	return router.NewBadRequestError("The request could not be read as one of version "+t.date+" of the API.", err)
}

// expose lets scripts of other origins read the headers, if they may read the
// answer at all.
func expose(e *core.RequestEvent, names ...string) {
	h := e.Response.Header()
	if e.Request.Header.Get("Origin") == "" || h.Get("Access-Control-Allow-Origin") == "" {
		return
	}
	for _, name := range names {
		h.Add("Access-Control-Expose-Headers", name)
	}
}

var errTooLarge = refusal(http.StatusInternalServerError, codeTooLarge,
	"The answer is too large to be made one of an older version of the API. Ask for less of it.")
