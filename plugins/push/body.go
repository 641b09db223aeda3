package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

const messageInvalidBody = "The request has invalid fields."

// readBody decodes the JSON object of a request, and nothing else: no unknown
// names, nothing after it. The error is the answer.
func readBody(e *core.RequestEvent, target any) error {
	raw, err := io.ReadAll(e.Request.Body)
	if err != nil {
		var tooLarge *router.ApiError
		if errors.As(err, &tooLarge) {
			return tooLarge
		}
		return e.BadRequestError("The body could not be read.", nil)
	}
	err = decodeStrictly(raw, target)
	if err == nil {
		return nil
	}
	var wrongType *json.UnmarshalTypeError
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return e.BadRequestError(messageInvalidBody, validation.Errors{
			strings.Trim(name, `"`): validation.NewError("validation_unknown_field", "There is no such field."),
		})
	}
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return e.BadRequestError(messageInvalidBody, validation.Errors{
			wrongType.Field: validation.NewError("validation_invalid_type", "The value has the wrong type."),
		})
	}
	return e.BadRequestError("The body must be one JSON object.", nil)
}

// decodeStrictly decodes one JSON value without unknown names, and with nothing after it.
func decodeStrictly(raw []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the value")
	}
	return nil
}
