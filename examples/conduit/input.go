package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
)

// maxRequest is how long the body of a request may be, in bytes. It has room for
// the longest article in any script.
const maxRequest = 1 << 20

// errTooLong is a 422, as the contract has no 413.
var errTooLong = refuse(http.StatusUnprocessableEntity, "body", fmt.Sprintf("is too long (maximum is %d bytes)", maxRequest))

// field is a member of an object in a request. A change has to tell one that is
// absent from one that is null.
type field[T any] struct {
	value T
	set   bool // it is there
	null  bool
	wrong bool // it has another type
}

// UnmarshalJSON implements [json.Unmarshaler]. A value of another type is
// remembered instead of returned, as the answer is to name the field.
func (f *field[T]) UnmarshalJSON(raw []byte) error { //nolint:unparam // as the interface has it
	f.set, f.null = true, bytes.Equal(raw, []byte("null"))
	if !f.null {
		f.wrong = json.Unmarshal(raw, &f.value) != nil
	}
	return nil
}

// required checks a field that must be there.
func (f field[T]) required(rules ...validation.Rule) error {
	if !f.set {
		return validation.NewError("", messageBlank)
	}
	return f.optional(rules...)
}

// optional checks a field that may be absent, but not null.
func (f field[T]) optional(rules ...validation.Rule) error {
	switch {
	case !f.set:
		return nil
	case f.null:
		return validation.NewError("", messageBlank)
	}
	return f.nullable(rules...)
}

// nullable checks a field that may be absent or null.
func (f field[T]) nullable(rules ...validation.Rule) error {
	if f.wrong {
		return validation.NewError("", messageInvalid)
	}
	return validation.Validate(f.value, rules...)
}

// notBlank refuses a text of nothing but space.
var notBlank = validation.By(func(value any) error {
	if text, ok := value.(string); ok && strings.TrimSpace(text) == "" {
		return validation.NewError("", messageBlank)
	}
	return nil
})

// maxLength refuses a text of more than n characters.
func maxLength(n int) validation.Rule {
	return validation.RuneLength(0, n).Error(fmt.Sprintf("is too long (maximum is %d characters)", n))
}

// decode reads the object that a request's body has under a name, as in
// {"user":{...}}, and validates it. Members that T does not have are ignored.
func decode[T interface{ validate() validation.Errors }](e *core.RequestEvent, name string) (T, error) {
	var input T
	raw, err := readBody(e)
	if err != nil {
		return input, err
	}
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return input, invalid("body", "is not a JSON object")
	}
	object, ok := envelope[name]
	if !ok || bytes.Equal(object, []byte("null")) {
		return input, invalid(name, messageBlank)
	}
	if err := json.Unmarshal(object, &input); err != nil {
		return input, invalid(name, messageInvalid)
	}
	return input, input.validate().Filter()
}

// readBody reads all of a request's body. Of one that is too long it reads off
// the rest, up to PocketBase's own limit: the server would reset the connection
// under a client that still sends, and the client never see the answer.
func readBody(e *core.RequestEvent) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(e.Request.Body, maxRequest+1))
	if err != nil {
		return nil, invalid("body", "could not be read")
	}
	if len(raw) > maxRequest {
		_, _ = io.Copy(io.Discard, e.Request.Body) // whatever comes of it, the answer is the same
		return nil, errTooLong
	}
	return raw, nil
}
