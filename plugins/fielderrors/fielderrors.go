// Package fielderrors keeps the field errors of code that validates with
// github.com/go-ozzo/ozzo-validation, or with a copy of it.
//
//	fielderrors.MustRegister(app, fielderrors.Config{})
//
// PocketBase recognises field errors by the type of its own fork of that
// library. The errors of the original look the same and are another type, so
// that a client gets 400 with empty data and cannot tell which field is wrong.
// The plugin turns every error that is a map of errors into the type that
// PocketBase knows, wherever a request ends with one: in a route, in a hook of a
// record, inside a batch.
package fielderrors

import (
	"errors"
	"reflect"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Config has no options yet.
type Config struct{}

// Validate reports everything that is wrong with the config: nothing.
func (Config) Validate() error { return nil }

// Plugin is the registered repair.
type Plugin struct{}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register binds the repair to app. It fails on an app that has it already.
func Register(app core.App, _ Config) (*Plugin, error) {
	if app.Store().Has(registered) {
		return nil, errors.New("fielderrors: the app has it already")
	}
	app.Store().Set(registered, true)

	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallFieldErrorsServe",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id: "holdallFieldErrors",
				// within PocketBase's log of requests, around everything else
				Priority: apis.DefaultActivityLoggerMiddlewarePriority + 1,
				Func:     func(e *core.RequestEvent) error { return Repair(e.Next()) },
			})
			return e.Next()
		},
	})
	// The requests within a batch do not pass through the router, only through these.
	around := &hook.Handler[*core.RecordRequestEvent]{
		Id:       "holdallFieldErrors",
		Priority: -99999,
		Func:     func(e *core.RecordRequestEvent) error { return Repair(e.Next()) },
	}
	app.OnRecordCreateRequest().Bind(around)
	app.OnRecordUpdateRequest().Bind(around)
	app.OnRecordDeleteRequest().Bind(around)
	return new(Plugin), nil
}

// registered marks an app that has the plugin.
const registered = "holdallFieldErrors"

// Repair returns err with its field errors in the type that PocketBase knows.
// Status and message stay. An error without foreign field errors is returned as
// it is.
func Repair(err error) error {
	if err == nil {
		return nil
	}
	var api *router.ApiError
	if !errors.As(err, &api) {
		if fields, foreign := find(err); foreign {
			return router.NewBadRequestError("", fields)
		}
		return err
	}
	raw, ok := api.RawData().(error)
	if !ok {
		return err
	}
	fields, foreign := find(raw)
	if !foreign {
		return err
	}
	repaired := router.NewApiError(api.Status, api.Message, fields)
	if err == error(api) { //nolint:errorlint // is it the error itself, not one that wraps it
		return repaired
	}
	return &wrapped{error: err, api: repaired}
}

// wrapped keeps the text of an error around another API error.
type wrapped struct {
	error
	api *router.ApiError
}

// Unwrap puts the repaired error where errors.As finds it first.
func (w *wrapped) Unwrap() []error { return []error{w.api, w.error} }

// find looks for the first map of errors in err and what it wraps. foreign says
// whether PocketBase would fail to read it.
func find(err error) (fields validation.Errors, foreign bool) {
	if fields, foreign, ok := convert(err); ok {
		return fields, foreign
	}
	switch w := err.(type) { //nolint:errorlint // this is the walk that errors.As does, for a shape instead of a type
	case interface{ Unwrap() error }:
		if inner := w.Unwrap(); inner != nil {
			return find(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range w.Unwrap() {
			if fields, foreign := find(inner); fields != nil {
				return fields, foreign
			}
		}
	}
	return nil, false
}

var errorType = reflect.TypeFor[error]()

// convert turns a map of errors, of whatever type, into PocketBase's, with the
// maps within it. It is told by its shape, so that this package imports none of
// the libraries that it repairs.
func convert(err error) (fields validation.Errors, foreign, ok bool) {
	_, known := err.(validation.Errors) //nolint:errorlint // its own type, not one that it wraps
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String || !v.Type().Elem().Implements(errorType) {
		return nil, false, false
	}
	fields, foreign = validation.Errors{}, !known
	for entry := v.MapRange(); entry.Next(); {
		if entry.Value().IsNil() {
			continue // the field is fine
		}
		value := entry.Value().Interface().(error) //nolint:forcetypeassert // the element type implements it
		if nested, nestedForeign, isMap := convert(value); isMap {
			value, foreign = nested, foreign || nestedForeign
		}
		fields[entry.Key().String()] = value
	}
	return fields, foreign, true
}
