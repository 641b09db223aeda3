package hooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// maxReportedFields bounds the field errors of one answer, as a client can send
// thousands of unknown names.
const maxReportedFields = 20

const messageInvalidBody = "The request has invalid fields."

var (
	errUnknownField   = validation.NewError(codeUnknownField, "There is no such field.")
	errDuplicateField = validation.NewError(codeDuplicateField, "The field is there more than once.")
	errNotText        = validation.NewError(codeInvalidType, "Must be text.")
	errCharacters     = validation.NewError(codeInvalidCharacters, "Must not contain the null character.")
)

// maxDrainBytes is how much of a body that is too large is read off. It is
// PocketBase's own limit.
const maxDrainBytes = apis.DefaultMaxBodySize

// limitBody refuses bodies of more than maxBodyBytes as PocketBase does, but
// reads off what the client still sends. Otherwise the server resets the
// connection under it, and most clients then report that instead of the answer.
func limitBody() *hook.Handler[*core.RequestEvent] {
	limit := apis.BodyLimit(maxBodyBytes)
	refuse := limit.Func
	limit.Func = func(e *core.RequestEvent) error {
		body := e.Request.Body
		if rereadable, ok := body.(*router.RereadableReadCloser); ok {
			body = rereadable.ReadCloser // without the copy that it keeps
		}
		err := refuse(e)
		if errors.Is(err, apis.ErrRequestEntityTooLarge) {
			_, _ = io.CopyN(io.Discard, body, maxDrainBytes) // whatever comes of it, the answer is the same
		}
		return err
	}
	return limit
}

// readBody reads a JSON object whose values are all text into the fields, and
// nothing else: no other name, no name twice, no other type and no null, nothing
// after the object. Each wrong field has its error in the answer.
func readBody(e *core.RequestEvent, fields map[string]*string) error {
	if kind, _, err := mime.ParseMediaType(e.Request.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refusal(http.StatusUnsupportedMediaType, codeBodyNotJSON, "The body must be JSON, and Content-Type must say so.")
	}
	raw, err := io.ReadAll(e.Request.Body)
	if err != nil {
		var tooLarge *router.ApiError
		if errors.As(err, &tooLarge) {
			return tooLarge
		}
		return errBody("The body could not be read.")
	}
	if !utf8.Valid(raw) {
		return errBody("The body must be UTF-8.")
	}
	problems, err := parseObject(raw, fields)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return apis.NewBadRequestError(messageInvalidBody, problems)
	}
	return nil
}

func errBody(message string) error {
	return refusal(http.StatusBadRequest, codeBodyInvalid, message)
}

// parseObject fills the fields from raw and returns what is wrong with single
// ones. The error is for what is no JSON object at all.
func parseObject(raw []byte, fields map[string]*string) (validation.Errors, error) {
	notAnObject := errBody("The body must be one JSON object.")
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, notAnObject
	}

	problems := validation.Errors{}
	seen := make(map[string]bool, len(fields))
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, notAnObject
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, notAnObject
		}
		name, _ := key.(string) // the decoder takes nothing else for a key
		if err := setField(fields, seen, name, value); err != nil && len(problems) < maxReportedFields {
			problems[name] = err
		}
	}
	if _, err := decoder.Token(); err != nil { // the closing brace
		return nil, notAnObject
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, notAnObject
	}
	return problems, nil
}

// setField puts one member of the object where it belongs.
func setField(fields map[string]*string, seen map[string]bool, name string, value json.RawMessage) error {
	target, known := fields[name]
	if !known {
		return errUnknownField
	}
	if seen[name] {
		return errDuplicateField
	}
	seen[name] = true
	if value[0] != '"' || json.Unmarshal(value, target) != nil {
		return errNotText
	}
	if strings.ContainsRune(*target, 0) {
		return errCharacters
	}
	return nil
}
