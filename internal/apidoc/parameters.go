package apidoc

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
)

// set reads a parameter. One of the query that is there but empty counts as none,
// unless it has to be there or is a pointer.
func (p parameter) set(target reflect.Value, values []string) error {
	isList, isPointer := target.Kind() == reflect.Slice, target.Kind() == reflect.Pointer
	switch {
	case len(values) == 0 && !p.optional && p.in != "path":
		return validation.ErrRequired
	case len(values) == 0, len(values) == 1 && values[0] == "" && p.optional && p.in != "path" && !isPointer:
		return p.setFallback(target)
	case len(values) > 1 && p.in == "query" && !isList:
		return p.limits.refuse(errDuplicate)
	}
	if isList {
		list := reflect.MakeSlice(target.Type(), len(values), len(values))
		for i, value := range values {
			if err := setScalar(list.Index(i), value, p.limits); err != nil {
				return err
			}
		}
		target.Set(list)
		return p.limits.check(target)
	}
	if isPointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	if err := setScalar(target, values[0], p.limits); err != nil {
		return err
	}
	return p.limits.check(target)
}

// setFallback gives a member that is not there its default.
func (f field) setFallback(target reflect.Value) error {
	if f.fallback == nil {
		return nil
	}
	return setScalar(target, *f.fallback, limits{})
}

func setScalar(target reflect.Value, text string, l limits) error {
	if target.Kind() == reflect.String {
		text = strings.ToValidUTF8(text, "\ufffd") // as encoding/json does
		if l.trim {
			text = strings.TrimSpace(text)
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
	if err := json.Unmarshal([]byte(text), target.Addr().Interface()); err != nil || text == "null" || text != strings.TrimSpace(text) {
		return invalidType(kindName(target.Type()))
	}
	return nil
}
