package apidoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Codes of the errors of single fields, besides validation_required and those of
// the limits.
const (
	CodeUnknownField      = "validation_unknown_field"
	CodeDuplicateField    = "validation_duplicate_field"
	CodeInvalidType       = "validation_invalid_type"
	CodeInvalidCharacters = "validation_invalid_characters"
)

var (
	errUnknown    = validation.NewError(CodeUnknownField, "There is no such field.")
	errDuplicate  = validation.NewError(CodeDuplicateField, "The field is there more than once.")
	errCharacters = validation.NewError(CodeInvalidCharacters, "Must not contain the null character.")
)

// maxProblems bounds the field errors of one object, of which a client can send
// thousands.
const maxProblems = 20

const (
	messageInvalid      = "The request has invalid fields."
	messageInvalidQuery = "The query has invalid parameters."
)

// decode fills the struct, or returns an answer that names each wrong field.
func (p plan) decode(e *core.RequestEvent, in reflect.Value, op Op) error {
	problems := validation.Errors{}
	query := e.Request.URL.Query()
	message := messageInvalidQuery
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
		if err := parameter.set(fieldFor(in, parameter.index), values); err != nil {
			if parameter.in == "path" && codeOf(err) == CodeInvalidType {
				return apis.NewNotFoundError("", nil) // of a number that is none there is nothing
			}
			problems[parameter.name] = parameter.limits.refuse(err)
			if parameter.in != "query" {
				message = messageInvalid
			}
		}
	}
	if p.body != nil {
		message = messageInvalid
		if err := p.readBody(e, fieldFor(in, p.body), problems, op); err != nil {
			return err
		}
	}
	if len(problems) > 0 {
		return apis.NewBadRequestError(message, problems)
	}
	if err := validate(in); err != nil {
		return apis.NewBadRequestError(message, err)
	}
	return nil
}

// validate asks a type that has checks of its own.
func validate(v reflect.Value) error {
	if own, ok := v.Addr().Interface().(validation.Validatable); ok {
		return own.Validate()
	}
	return nil
}

// codeOf is the code of a field error, "" of any other.
func codeOf(err error) string {
	var of validation.Error
	if errors.As(err, &of) {
		return of.Code()
	}
	return ""
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
	if t == dateTimeType || t == timeType {
		return decodeMoment(raw, target)
	}
	if opaque(t) || t.Kind() == reflect.Interface || t == rawType {
		if string(raw) == "null" && !reflect.PointerTo(t).Implements(jsonType) && t.Kind() != reflect.Interface {
			return invalidType(kindName(t)) // a text, for which the type would take it
		}
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
	if err := json.Unmarshal(raw, target.Addr().Interface()); err != nil && !setWhole(raw, target) {
		return invalidType(kindName(t))
	}
	if t.Kind() == reflect.String {
		if strings.ContainsRune(target.String(), 0) {
			return errCharacters
		}
		if l.trim {
			target.SetString(strings.TrimSpace(target.String()))
		}
	}
	return l.check(target)
}

// setWhole reads what JSON Schema takes for a whole number and encoding/json does
// not: 2.0, as some languages write theirs, or 1e3.
func setWhole(raw json.RawMessage, target reflect.Value) bool {
	const exact = 1 << 53
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) >= exact {
		return false
	}
	switch {
	case target.CanInt() && !target.OverflowInt(int64(n)):
		target.SetInt(int64(n))
	case target.CanUint() && n >= 0 && !target.OverflowUint(uint64(n)):
		target.SetUint(uint64(n))
	default:
		return false
	}
	return true
}

// decodeMoment takes no other forms than the document has. The types' own decoders
// take more, PocketBase's anything else for none.
func decodeMoment(raw json.RawMessage, target reflect.Value) error {
	var text string
	wrong := invalidType(kindName(target.Type()))
	if err := json.Unmarshal(raw, &text); err != nil || string(raw) == "null" {
		return wrong
	}
	if target.Type() == timeType {
		if formats["date-time"](text) != nil || json.Unmarshal(raw, target.Addr().Interface()) != nil {
			return wrong
		}
		return nil
	}
	moment, err := types.ParseDateTime(text)
	if err != nil || moment.String() != text {
		return wrong
	}
	target.Set(reflect.ValueOf(moment))
	return nil
}

func decodeObject(raw json.RawMessage, target reflect.Value) error {
	all, err := split(raw)
	if err != nil {
		return err
	}
	problems, seen := validation.Errors{}, map[string]bool{}
	fields := fieldsOf(target.Type(), "json")
	for _, m := range all {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == m.name })
		ok := i >= 0
		switch {
		case !ok && isOpen(target.Type()):
		case len(problems) >= maxProblems: // a client can send thousands
		case !ok:
			problems[m.name] = errUnknown
		case seen[m.name]:
			problems[m.name] = errDuplicate
		case fields[i].nullable && string(m.value) == "null":
			if err := fields[i].setFallback(fieldFor(target, fields[i].index)); err != nil {
				return err
			}
		default:
			if err := decodeValue(m.value, fieldFor(target, fields[i].index), fields[i].limits); err != nil {
				problems[m.name] = err
			}
		}
		seen[m.name] = true
	}
	for _, f := range fields {
		switch {
		case seen[f.name]:
		case f.fallback != nil:
			if err := f.setFallback(fieldFor(target, f.index)); err != nil {
				return err
			}
		case !f.optional && len(problems) < maxProblems:
			problems[f.name] = f.limits.refuse(validation.ErrRequired)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return validate(target)
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

// member is one of an object.
type member struct {
	name  string
	value json.RawMessage
}

// split reads the members of an object, those that are there twice as often.
func split(raw json.RawMessage) ([]member, error) {
	notAnObject := invalidType("an object")
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, notAnObject
	}
	var all []member
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, notAnObject
		}
		m := member{}
		m.name, _ = key.(string) // a decoder takes nothing else for a key
		if err := decoder.Decode(&m.value); err != nil {
			return nil, notAnObject
		}
		all = append(all, m)
	}
	return all, nil
}

func decodeList(raw json.RawMessage, target reflect.Value, l limits) error {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return invalidType("a list")
	}
	if err := l.checkCount(len(items)); err != nil {
		return l.refuse(err)
	}
	list, problems := reflect.MakeSlice(target.Type(), len(items), len(items)), validation.Errors{}
	for i, item := range items {
		err := decodeValue(item, list.Index(i), l.ofItems())
		if err != nil && l.code != "" && codeOf(err) != "" && codeOf(err) != CodeInvalidType {
			return l.refuse(err)
		}
		if err != nil && len(problems) < maxProblems {
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
	members, err := split(raw)
	if err != nil {
		return err
	}
	all, problems := reflect.MakeMapWithSize(target.Type(), len(members)), validation.Errors{}
	for _, m := range members {
		if len(problems) >= maxProblems {
			break
		}
		key := reflect.ValueOf(m.name).Convert(target.Type().Key())
		value := reflect.New(target.Type().Elem()).Elem()
		if all.MapIndex(key).IsValid() {
			problems[m.name] = errDuplicate
		} else if err := decodeValue(m.value, value, limits{}); err != nil {
			problems[m.name] = err
		}
		all.SetMapIndex(key, value)
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
		switch t {
		case timeType:
			return "a moment such as 2026-01-31T08:30:00Z"
		case dateTimeType:
			return "a moment such as 2026-01-31 08:30:00.000Z"
		}
		return "an object"
	default:
		return "text"
	}
}
