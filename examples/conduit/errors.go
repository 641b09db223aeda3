package main

import (
	"errors"
	"fmt"
	"net/http"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// The messages of the contract and its tests. Clients put the name of the field
// in front: "title can't be blank".
const (
	messageBlank     = "can't be blank"
	messageInvalid   = "is invalid"
	messageTaken     = "has already been taken"
	messageMissing   = "is missing"
	messageNotFound  = "not found"
	messageForbidden = "forbidden"
)

// refusal is an answer that says what was wrong with the request, by field or
// by resource: {"errors":{"title":["can't be blank"]}}.
type refusal struct {
	status int
	errors map[string][]string
}

// Error says it to whoever reads the log.
func (r *refusal) Error() string {
	return fmt.Sprintf("%d %v", r.status, r.errors)
}

func refuse(status int, what, message string) *refusal {
	return &refusal{status, map[string][]string{what: {message}}}
}

// notFound refuses to find an article, a comment or a profile.
func notFound(resource string) error {
	return refuse(http.StatusNotFound, resource, messageNotFound)
}

// forbidden refuses whoever is not the author of an article or a comment.
func forbidden(resource string) error {
	return refuse(http.StatusForbidden, resource, messageForbidden)
}

// unauthorized refuses a token.
func unauthorized(message string) error {
	return refuse(http.StatusUnauthorized, "token", message)
}

// invalid refuses one field.
func invalid(field, message string) error {
	return refuse(http.StatusUnprocessableEntity, field, message)
}

// answerErrors writes what stopped a route in the shape of the contract. It
// stands around PocketBase's rate limit, whose refusals it translates as well.
func answerErrors() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "conduitErrors",
		Priority: apis.DefaultRateLimitMiddlewarePriority - 1,
		Func: func(e *core.RequestEvent) error {
			err := e.Next()
			if err == nil || e.Written() {
				return err
			}
			if r := refusalOf(err); r != nil {
				return e.JSON(r.status, map[string]any{"errors": r.errors})
			}
			// the client learns nothing about a fault of ours, the log everything
			_ = e.JSON(http.StatusInternalServerError, map[string]any{"errors": map[string][]string{"server": {"has failed"}}})
			return err
		},
	}
}

// refusalOf makes an answer of an error, nil of one that the client is not at
// fault for.
func refusalOf(err error) *refusal {
	var (
		ours   *refusal
		fields validation.Errors
		stock  *router.ApiError
	)
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &fields):
		return refusalOfFields(fields)
	case errors.Is(err, apis.ErrRequestEntityTooLarge): // beyond what [readBody] reads off
		return errTooLong
	case errors.As(err, &stock) && stock.Status < http.StatusInternalServerError:
		return refuse(stock.Status, "request", stock.Message)
	}
	return nil
}

// refusalOfFields is a conflict if a value is taken. Values that are wrong
// in themselves have been refused before anything was saved.
func refusalOfFields(fields validation.Errors) *refusal {
	r := &refusal{http.StatusUnprocessableEntity, map[string][]string{}}
	for name, err := range fields {
		if isTaken(err) {
			return refuse(http.StatusConflict, name, messageTaken)
		}
		r.errors[name] = []string{err.Error()}
	}
	return r
}

// isTaken reports whether err is that of a unique index.
func isTaken(err error) bool {
	var fields validation.Errors
	if errors.As(err, &fields) {
		for _, field := range fields {
			if isTaken(field) {
				return true
			}
		}
		return false
	}
	var field validation.Error
	return errors.As(err, &field) && field.Code() == "validation_not_unique"
}
