package apidoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Codes in data.code of what is wrong with a body as a whole.
const (
	CodeBodyInvalid = "body_invalid"
	CodeBodyNotJSON = "body_not_json"
)

// problems are those of a body as a whole, which a route has by being bound here.
func (p plan) problems(anyType bool) []Problem {
	if p.body == nil {
		return nil
	}
	all := []Problem{{Status: http.StatusBadRequest, Code: CodeBodyInvalid, When: "the body is not JSON of the right kind, or not UTF-8"}}
	if !anyType {
		all = append(all, Problem{Status: http.StatusUnsupportedMediaType, Code: CodeBodyNotJSON, When: "`Content-Type` does not say that the body is JSON"})
	}
	return all
}

// maxDrainBytes is how much of a body that is too large is read off. It is
// PocketBase's own limit.
const maxDrainBytes = apis.DefaultMaxBodySize

// limitBody refuses bodies of more bytes as PocketBase does, but reads off what
// the client still sends. Otherwise the server resets the connection under it, and
// most clients then report that instead of the answer.
func limitBody(maximum int64) *hook.Handler[*core.RequestEvent] {
	limit := apis.BodyLimit(maximum)
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

// readBody reads the one JSON value that the body is. One that is a pointer may be
// left out.
func (p plan) readBody(e *core.RequestEvent, target reflect.Value, problems validation.Errors, op Op) error {
	optional := target.Kind() == reflect.Pointer
	if optional && e.Request.ContentLength == 0 {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(e.Request.Header.Get("Content-Type")); !op.AnyContentType && (err != nil || kind != "application/json") {
		return refuse(http.StatusUnsupportedMediaType, CodeBodyNotJSON, "The body must be JSON, and Content-Type must say so.")
	}
	raw, err := io.ReadAll(e.Request.Body)
	if err != nil {
		var tooLarge *router.ApiError
		if errors.As(err, &tooLarge) {
			return tooLarge
		}
		return invalidBody("The body could not be read.")
	}
	if int64(len(raw)) > op.MaxBody { // which a last read that comes with the end passes by
		return apis.ErrRequestEntityTooLarge
	}
	if optional && len(raw) == 0 {
		return nil
	}
	if !utf8.Valid(raw) {
		return invalidBody("The body must be UTF-8.")
	}
	if !json.Valid(raw) {
		return invalidBody(mustBe(target.Type()))
	}
	if p.recursive && tooDeep(raw) {
		return invalidBody(fmt.Sprintf("The body must not have more than %d objects and lists within each other.", maxDepth))
	}
	err = decodeValue(bytes.TrimSpace(raw), target, limits{})
	if err == nil {
		return nil
	}
	var fields validation.Errors
	if !errors.As(err, &fields) {
		return invalidBody(mustBe(target.Type()))
	}
	maps.Copy(problems, fields)
	return nil
}

// maxDepth bounds how many objects and lists of a body stand within each other, if its
// type has itself within and so no bound of its own. What is within so many is read
// as often, which could take minutes.
const maxDepth = 100

// tooDeep reports whether there are more, in what is valid JSON.
func tooDeep(raw []byte) bool {
	depth, inText := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			i++ // whatever it escapes
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// mustBe says what a body of the type is.
func mustBe(t reflect.Type) string {
	what := kindName(indirect(t))
	if one, ok := strings.CutPrefix(what, "an "); ok {
		what = "one JSON " + one
	} else if one, ok := strings.CutPrefix(what, "a "); ok {
		what = "one JSON " + one
	}
	return "The body must be " + what + "."
}

func invalidBody(message string) error {
	return refuse(http.StatusBadRequest, CodeBodyInvalid, message)
}

func refuse(status int, code, message string) error {
	answer := router.NewApiError(status, message, nil)
	answer.Data = map[string]any{"code": code}
	return answer
}
