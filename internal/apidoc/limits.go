package apidoc

import (
	"cmp"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/ozzo-validation/v4/is"
)

// formats are the checks of what the tag format names.
var formats = map[string]func(string) error{
	"email": func(s string) error { return is.EmailFormat.Validate(s) },
	"uri": func(s string) error {
		if u, err := url.Parse(s); err != nil || !u.IsAbs() {
			return is.ErrURL
		}
		return is.URL.Validate(s)
	},
	"date": func(s string) error {
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return validation.NewError("validation_invalid_date", "Must be a date such as 2026-01-31.")
		}
		return nil
	},
	"date-time": func(s string) error {
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil || !momentForm.MatchString(s) {
			return validation.NewError("validation_invalid_date", "Must be a moment such as 2026-01-31T08:30:00Z.")
		}
		return nil
	},
	"password": func(string) error { return nil },
}

// momentForm is what RFC 3339 has. Package time takes more, such as hours of one
// digit.
var momentForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// ofItems are the limits of the items of a list.
func (l limits) ofItems() limits {
	l.minItems, l.maxItems = nil, nil
	l.code, l.message = "", ""
	return l
}

// refuse says what is wrong in the words of the member, if it has some.
func (l limits) refuse(err error) error {
	if err == nil || l.code == "" {
		return err
	}
	return validation.NewError(l.code, cmp.Or(l.message, err.Error()))
}

// check returns what is wrong with a value that has the right type.
func (l limits) check(v reflect.Value) error { return l.refuse(l.broken(v)) }

// broken returns the first limit that a value does not keep to.
func (l limits) broken(v reflect.Value) error {
	if l.enum == nil {
		l.enum = choices(v.Type())
	}
	if l.pattern == nil && v.Type() == momentType {
		l.pattern = dateTimeForm
	}
	switch v.Kind() {
	case reflect.String:
		return l.checkText(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return l.checkNumber(float64(v.Int()), strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return l.checkNumber(float64(v.Uint()), strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		return l.checkNumber(v.Float(), strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.Slice:
		if err := l.checkCount(v.Len()); err != nil {
			return err
		}
		for i := range v.Len() {
			if err := l.ofItems().check(v.Index(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l limits) checkText(s string) error {
	if err := l.checkLength(utf8.RuneCountInString(s)); err != nil {
		return err
	}
	if err := l.checkEnum(s); err != nil {
		return err
	}
	if l.pattern != nil && !l.pattern.MatchString(s) {
		return validation.ErrMatchInvalid
	}
	switch {
	case l.format == "":
		return nil
	case s == "" && l.format != "password":
		return validation.ErrRequired
	default:
		return formats[l.format](s)
	}
}

// checkLength has the codes that ozzo-validation has for a length.
func (l limits) checkLength(n int) error {
	low, high := l.minLength, l.maxLength
	switch {
	case (low == nil || n >= *low) && (high == nil || n <= *high):
		return nil
	case n == 0:
		return validation.ErrRequired
	case low == nil || *low == 0:
		return validation.ErrLengthTooLong.SetParams(map[string]any{"max": *high})
	case high == nil:
		return validation.ErrLengthTooShort.SetParams(map[string]any{"min": *low})
	case *low == *high:
		return validation.ErrLengthInvalid.SetParams(map[string]any{"min": *low, "max": *high})
	default:
		return validation.ErrLengthOutOfRange.SetParams(map[string]any{"min": *low, "max": *high})
	}
}

func (l limits) checkNumber(n float64, text string) error {
	if l.minimum != nil && n < *l.minimum {
		return validation.ErrMinGreaterEqualThanRequired.SetParams(map[string]any{"threshold": *l.minimum})
	}
	if l.maximum != nil && n > *l.maximum {
		return validation.ErrMaxLessEqualThanRequired.SetParams(map[string]any{"threshold": *l.maximum})
	}
	return l.checkEnum(text)
}

func (l limits) checkEnum(text string) error {
	if l.enum == nil || slices.Contains(l.enum, text) {
		return nil
	}
	last := len(l.enum) - 1
	list := l.enum[last]
	if last > 0 {
		list = strings.Join(l.enum[:last], ", ") + " or " + list
	}
	return validation.NewError("validation_in_invalid", "Must be "+list+".")
}

func (l limits) checkCount(n int) error {
	if l.minItems != nil && n < *l.minItems {
		if n == 0 {
			return validation.ErrRequired
		}
		return validation.NewError("validation_not_enough_values", "Must have at least "+strconv.Itoa(*l.minItems)+" items.")
	}
	if l.maxItems != nil && n > *l.maxItems {
		return validation.NewError("validation_too_many_values", "Must have no more than "+strconv.Itoa(*l.maxItems)+" items.")
	}
	return nil
}
