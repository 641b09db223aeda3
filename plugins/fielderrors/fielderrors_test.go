package fielderrors_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fielderrors"
)

// oldErrors and oldError have the shape of the original library's types.
type oldErrors map[string]error

func (e oldErrors) Error() string { return fmt.Sprintf("%d fields are wrong", len(e)) }

type oldError struct {
	code, message string
	params        map[string]any
}

func (e oldError) Code() string           { return e.code }
func (e oldError) Error() string          { return e.message }
func (e oldError) Params() map[string]any { return e.params }

func required() error { return oldError{code: "validation_required", message: "cannot be blank"} }

func old() oldErrors { return oldErrors{"name": required()} }

const fixed = `{"name":{"code":"validation_required","message":"Cannot be blank."}}`

// things creates a collection that everybody may write to.
func things(app core.App) error {
	c := core.NewBaseCollection("things")
	c.CreateRule, c.UpdateRule, c.DeleteRule = new(string), new(string), new(string)
	c.Fields.Add(&core.TextField{Name: "name"})
	return app.Save(c)
}

var template = pbtest.NewTemplate(things)

func data(t *testing.T, body []byte) (status int, message, fields string) {
	t.Helper()
	var parsed struct {
		Status  int             `json:"status"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &parsed); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return parsed.Status, parsed.Message, string(parsed.Data)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		err     error
		broken  string // data without the plugin
		fixed   string // data with it
		status  int
		message string
	}{
		{"plain", old(), `{}`, fixed, 400, "Something went wrong while processing your request."},
		{"wrapped", fmt.Errorf("save: %w", old()), `{}`, fixed, 400, "Something went wrong while processing your request."},
		{"joined", errors.Join(errors.New("x"), old()), `{}`, fixed, 400, "Something went wrong while processing your request."},
		{"in an API error", router.NewApiError(422, "Try again.", old()), `{}`, fixed, 422, "Try again."},
		{"wrapped in an API error", router.NewForbiddenError("No.", fmt.Errorf("x: %w", old())), `{}`, fixed, 403, "No."},
		{"in a wrapped API error", fmt.Errorf("around: %w", router.NewForbiddenError("No.", old())), `{}`, fixed, 403, "No."},
		{
			"with params",
			oldErrors{"name": oldError{"too_long", "is too long", map[string]any{"max": 3}}},
			`{}`, `{"name":{"code":"too_long","message":"Is too long.","params":{"max":3}}}`, 400, "Something went wrong while processing your request.",
		},
		{
			"nested",
			oldErrors{"address": oldErrors{"name": required()}},
			`{}`, `{"address":` + fixed + `}`, 400, "Something went wrong while processing your request.",
		},
		{
			"nested in PocketBase's",
			validation.Errors{"address": old()},
			`{"address":{"code":"validation_invalid_value","message":"Invalid value."}}`,
			`{"address":` + fixed + `}`, 400, "Something went wrong while processing your request.",
		},
		{
			"a value without a code",
			oldErrors{"name": errors.New("secret detail")},
			`{}`, `{"name":{"code":"validation_invalid_value","message":"Invalid value."}}`, 400, "Something went wrong while processing your request.",
		},
		{"a field without an error", oldErrors{"name": required(), "other": nil}, `{}`, fixed, 400, "Something went wrong while processing your request."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, with := range []bool{false, true} {
				app := template.New(t)
				app.OnServe().BindFunc(func(e *core.ServeEvent) error {
					e.Router.GET("/fail", func(*core.RequestEvent) error { return c.err })
					return e.Next()
				})
				want := c.broken
				if with {
					fielderrors.MustRegister(app, fielderrors.Config{})
					want = c.fixed
				}
				res := pbtest.Do(t, pbtest.Handler(t, app), pbtest.Request{Path: "/fail"})
				status, message, fields := data(t, res.Body)
				if status != c.status || message != c.message || fields != want {
					t.Errorf("with the plugin %v: got %d %q %s, want %d %q %s", with, status, message, fields, c.status, c.message, want)
				}
				if strings.Contains(string(res.Body), "secret") {
					t.Errorf("the client is told an internal text: %s", res.Body)
				}
			}
		})
	}
}

func TestRecordHooks(t *testing.T) {
	t.Parallel()
	app := template.New(t)
	fielderrors.MustRegister(app, fielderrors.Config{})
	app.OnRecordValidate("things").BindFunc(func(e *core.RecordEvent) error { return old() })
	handler := pbtest.Handler(t, app)

	res := pbtest.Do(t, handler, pbtest.Request{Method: http.MethodPost, Path: "/api/collections/things/records", Body: json.RawMessage(`{"name":"x"}`)})
	if _, _, fields := data(t, res.Body); fields != fixed {
		t.Errorf("create: got %s, want %s", fields, fixed)
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	app := template.New(t)
	app.Settings().Batch = core.BatchConfig{Enabled: true, MaxRequests: 10, Timeout: 10}
	fielderrors.MustRegister(app, fielderrors.Config{})
	app.OnRecordValidate("things").BindFunc(func(e *core.RecordEvent) error { return old() })
	handler := pbtest.Handler(t, app)

	res := pbtest.Do(t, handler, pbtest.Request{
		Method: http.MethodPost, Path: "/api/batch",
		Body: json.RawMessage(`{"requests":[{"method":"POST","url":"/api/collections/things/records","body":{"name":"x"}}]}`),
	})
	if !strings.Contains(string(res.Body), `"data":`+fixed) {
		t.Errorf("got %s, want %s in it", res.Body, fixed)
	}
}

func TestRepairLeavesOtherErrorsAlone(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		nil,
		errors.New("x"),
		errors.Join(errors.New("x"), errors.New("y")),
		router.NewNotFoundError("", nil),
		router.NewBadRequestError("", map[string]error{"name": required()}),
		router.NewBadRequestError("", validation.Errors{"name": required()}),
		validation.Errors{"name": required(), "nested": validation.Errors{"x": required()}},
		fmt.Errorf("around: %w", validation.Errors{"name": required()}),
	} {
		if got := fielderrors.Repair(err); !reflect.DeepEqual(got, err) {
			t.Errorf("%v: got %v, want it unchanged", err, got)
		}
	}
}

func TestRepairKeepsTheTextForTheLog(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("while saving: %w", router.NewForbiddenError("No.", old()))
	if got := fielderrors.Repair(err); got.Error() != err.Error() {
		t.Errorf("text: got %q, want %q", got, err)
	}
}

func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	app := template.New(t)
	fielderrors.MustRegister(app, fielderrors.Config{})
	if _, err := fielderrors.Register(app, fielderrors.Config{}); err == nil {
		t.Error("Register: got no error")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister: got no panic")
		}
	}()
	fielderrors.MustRegister(app, fielderrors.Config{})
}
