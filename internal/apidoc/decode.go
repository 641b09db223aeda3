package apidoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Codes of the errors of single fields, besides validation_required and those of
// the limits.
const (
	CodeUnknownField   = "validation_unknown_field"
	CodeDuplicateField = "validation_duplicate_field"
	CodeInvalidType    = "validation_invalid_type"
)

// maxProblems bounds the field errors of one object, of which a client can send
// thousands.
const maxProblems = 20

const messageInvalid = "The request has invalid fields."

// plan is how a request becomes a struct.
type plan struct {
	parameters []parameter
	body       []int // the index of Body, nil without one
	bodyType   reflect.Type
}

// parameter is a member that a part of the address or a header fills.
type parameter struct {
	field
	in string
}

// requestPlan reads the tags of In. It panics when they make no sense.
func requestPlan(in reflect.Type) plan {
	if in.Kind() != reflect.Struct {
		panic(fmt.Sprintf("apidoc: a request is a struct, not %s", in))
	}
	var p plan
	for _, where := range []string{"path", "query", "header"} {
		for _, f := range fieldsOf(in, where) {
			t := in.FieldByIndex(f.index).Type
			if !scalar(indirect(t)) && (where != "query" || t.Kind() != reflect.Slice || !scalar(t.Elem())) {
				panic(fmt.Sprintf("apidoc: %s.%s cannot be read from the %s", in, f.name, where))
			}
			p.parameters = append(p.parameters, parameter{field: f, in: where})
		}
	}
	if body, ok := in.FieldByName("Body"); ok {
		p.body, p.bodyType = body.Index, body.Type
		checkType(body.Type, map[reflect.Type]bool{})
	}
	return p
}

// checkType panics when the tags somewhere below the type make no sense.
func checkType(t reflect.Type, seen map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		checkType(t.Elem(), seen)
	case reflect.Struct:
		if seen[t] || opaque(t) {
			return
		}
		seen[t] = true
		for _, f := range fieldsOf(t, "json") {
			checkType(t.FieldByIndex(f.index).Type, seen)
		}
	}
}

// opaque reports whether the type reads its own JSON.
func opaque(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonType) || p.Implements(textType)
}

func scalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	default:
		return false
	}
}

// decode fills the struct, or returns an answer that names each wrong field.
func (p plan) decode(e *core.RequestEvent, in reflect.Value) error {
	problems := validation.Errors{}
	query := e.Request.URL.Query()
	for _, parameter := range p.parameters {
		var values []string
		switch parameter.in {
		case "path":
			values = []string{e.Request.PathValue(parameter.name)}
		case "query":
			values = query[parameter.name]
		case "header":
			values = e.Request.Header.Values(parameter.name)
		}
		if err := parameter.set(in.FieldByIndex(parameter.index), values); err != nil {
			problems[parameter.name] = err
		}
	}
	if p.body != nil {
		if err := readBody(e, in.FieldByIndex(p.body), problems); err != nil {
			return err
		}
	}
	if len(problems) == 0 {
		if v, ok := in.Addr().Interface().(validation.Validatable); ok {
			if err := v.Validate(); err != nil {
				return apis.NewBadRequestError(messageInvalid, err)
			}
		}
		return nil
	}
	return apis.NewBadRequestError(messageInvalid, problems)
}

// set reads a parameter. One that is there more than once counts as the first,
// unless it is a list.
func (p parameter) set(target reflect.Value, values []string) error {
	if len(values) == 0 || p.in != "path" && len(values) == 1 && values[0] == "" && p.optional {
		if p.optional || p.in == "path" {
			return nil
		}
		return validation.ErrRequired
	}
	if target.Kind() == reflect.Slice {
		list := reflect.MakeSlice(target.Type(), len(values), len(values))
		for i, value := range values {
			if err := setScalar(list.Index(i), value); err != nil {
				return err
			}
		}
		target.Set(list)
		return p.limits.check(target)
	}
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	if err := setScalar(target, values[0]); err != nil {
		return err
	}
	return p.limits.check(target)
}

func setScalar(target reflect.Value, text string) error {
	if target.Kind() == reflect.String {
		if !utf8.ValidString(text) {
			return invalidType("text")
		}
		target.SetString(text)
		return nil
	}
	if target.Kind() == reflect.Bool {
		value, err := strconv.ParseBool(text)
		if err != nil {
			return invalidType("true or false")
		}
		target.SetBool(value)
		return nil
	}
	if err := json.Unmarshal([]byte(text), target.Addr().Interface()); err != nil || text == "null" {
		return invalidType(kindName(target.Type()))
	}
	return nil
}

// readBody reads the one JSON value that the body is.
func readBody(e *core.RequestEvent, target reflect.Value, problems validation.Errors) error {
	if kind, _, err := mime.ParseMediaType(e.Request.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "body_not_json", "The body must be JSON, and Content-Type must say so.")
	}
	raw, err := io.ReadAll(e.Request.Body)
	if err != nil {
		var tooLarge *router.ApiError
		if errors.As(err, &tooLarge) {
			return tooLarge
		}
		return refuse(http.StatusBadRequest, "body_invalid", "The body could not be read.")
	}
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return refuse(http.StatusBadRequest, "body_invalid", "The body must be JSON in UTF-8.")
	}
	err = decodeValue(bytes.TrimSpace(raw), target, limits{})
	if err == nil {
		return nil
	}
	var fields validation.Errors
	if !errors.As(err, &fields) {
		return refuse(http.StatusBadRequest, "body_invalid", "The body "+lowerFirst(err.Error()))
	}
	for name, problem := range fields {
		problems[name] = problem
	}
	return nil
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func refuse(status int, code, message string) error {
	answer := router.NewApiError(status, message, nil)
	answer.Data = map[string]any{"code": code}
	return answer
}

// decodeValue reads a JSON value. What is wrong with members of objects and items
// of lists comes as validation.Errors.
func decodeValue(raw json.RawMessage, target reflect.Value, l limits) error {
	t := target.Type()
	if t.Kind() == reflect.Pointer {
		if string(raw) == "null" {
			return nil
		}
		target.Set(reflect.New(t.Elem()))
		return decodeValue(raw, target.Elem(), l)
	}
	if opaque(t) || t.Kind() == reflect.Interface || t == rawType {
		if err := json.Unmarshal(raw, target.Addr().Interface()); err != nil {
			return invalidType(kindName(t))
		}
		return nil
	}
	if string(raw) == "null" {
		return invalidType(kindName(t))
	}
	switch t.Kind() {
	case reflect.Struct:
		return decodeObject(raw, target)
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return decodeList(raw, target, l)
		}
	case reflect.Map:
		return decodeMap(raw, target)
	}
	if err := json.Unmarshal(raw, target.Addr().Interface()); err != nil {
		return invalidType(kindName(t))
	}
	return l.check(target)
}

func decodeObject(raw json.RawMessage, target reflect.Value) error {
	members, problems, err := split(raw)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, f := range fieldsOf(target.Type(), "json") {
		known[f.name] = true
		value, ok := members[f.name]
		if !ok {
			if !f.optional {
				problems[f.name] = validation.ErrRequired
			}
			continue
		}
		if problems[f.name] != nil {
			continue
		}
		if err := decodeValue(value, fieldFor(target, f.index), f.limits); err != nil {
			problems[f.name] = err
		}
	}
	for name := range members {
		if !known[name] && len(problems) < maxProblems {
			problems[name] = validation.NewError(CodeUnknownField, "There is no such field.")
		}
	}
	if len(problems) > 0 {
		return problems
	}
	if v, ok := target.Addr().Interface().(validation.Validatable); ok {
		return v.Validate()
	}
	return nil
}

// fieldFor is the member, with the embedded pointers on the way to it made.
func fieldFor(target reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		if target.Kind() == reflect.Pointer {
			if target.IsNil() {
				target.Set(reflect.New(target.Type().Elem()))
			}
			target = target.Elem()
		}
		target = target.Field(i)
	}
	return target
}

// split reads the members of an object, and finds those that are there twice.
func split(raw json.RawMessage) (map[string]json.RawMessage, validation.Errors, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, nil, invalidType("an object")
	}
	members, problems := map[string]json.RawMessage{}, validation.Errors{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, nil, invalidType("an object")
		}
		name, _ := key.(string) // a decoder takes nothing else for a key
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, nil, invalidType("an object")
		}
		if _, twice := members[name]; twice && len(problems) < maxProblems {
			problems[name] = validation.NewError(CodeDuplicateField, "The field is there more than once.")
		}
		members[name] = value
	}
	return members, problems, nil
}

func decodeList(raw json.RawMessage, target reflect.Value, l limits) error {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return invalidType("a list")
	}
	if err := l.checkCount(len(items)); err != nil {
		return err
	}
	list, problems := reflect.MakeSlice(target.Type(), len(items), len(items)), validation.Errors{}
	for i, item := range items {
		if err := decodeValue(item, list.Index(i), l.ofItems()); err != nil && len(problems) < maxProblems {
			problems[strconv.Itoa(i)] = err
		}
	}
	if len(problems) > 0 {
		return problems
	}
	target.Set(list)
	return nil
}

func decodeMap(raw json.RawMessage, target reflect.Value) error {
	members, problems, err := split(raw)
	if err != nil {
		return err
	}
	all := reflect.MakeMapWithSize(target.Type(), len(members))
	for name, member := range members {
		value := reflect.New(target.Type().Elem()).Elem()
		if err := decodeValue(member, value, limits{}); err != nil && len(problems) < maxProblems {
			problems[name] = err
		}
		all.SetMapIndex(reflect.ValueOf(name).Convert(target.Type().Key()), value)
	}
	if len(problems) > 0 {
		return problems
	}
	target.Set(all)
	return nil
}

func invalidType(what string) error {
	return validation.NewError(CodeInvalidType, "Must be "+what+".")
}

// kindName says what JSON the type takes.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number that is not negative"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "an object"
	case reflect.Struct:
		if t == timeType || t == dateTimeType {
			return "a moment such as 2026-01-31T08:30:00Z"
		}
		return "an object"
	default:
		return "text"
	}
}
