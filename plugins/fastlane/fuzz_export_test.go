package fastlane

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// MarkedFilter is a filter with marks in the place of its values, and the marks and the
// values, those of macros by their names. It is not ok if it is left to PocketBase.
func MarkedFilter(filter string) (marked string, marksOf []any, values []any, ok bool) {
	t, reason := splitFilter(filter)
	if reason != "" {
		return "", nil, nil, false
	}
	m := marks{text: "mark", number: 1 << 40}
	place := 0
	for _, c := range []byte(t.shape) {
		switch c {
		case textShape:
			marksOf = append(marksOf, m.textOf(place))
			place++
		case numberShape:
			marksOf = append(marksOf, m.numberOf(place))
			place++
		}
	}
	for _, v := range t.literals {
		if name, is := v.(macro); is {
			v = string(name)
		}
		values = append(values, v)
	}
	return t.marked(m), marksOf, values, true
}

// Values are the values of a body, or if it was checked before of an object in one.
func Values(body string, checked bool) (values map[string]string, ok bool) {
	s := asSent([]byte(body))
	s.valid = checked
	values = map[string]string{}
	reason := readObject(s, func(key []byte, value token) Reason {
		values[string(key)] = string(value)
		return ""
	})
	return values, reason == ""
}

// Meanings are what a value stands for: a text, a number, a list of texts, null.
func Meanings(value string) (all []any) {
	t := token(value)
	if v, ok := t.text(); ok {
		all = append(all, v)
	}
	if v, ok := t.number(); ok {
		all = append(all, v)
	}
	if v, ok := t.texts(); ok {
		all = append(all, v)
	}
	if t.null() {
		all = append(all, nil)
	}
	return all
}

// Stored is the JSON of a field's text in the database, in the short way and in
// PocketBase's. It is not ok if only the latter is known.
func Stored(field core.Field, v string) (short, long string, ok bool, err error) {
	k, known := kindOf(field)
	if !known {
		return "", "", false, nil
	}
	written, ok := appendStored(nil, k, v)
	if !ok {
		return "", "", false, nil
	}
	stored := sqlite.TextValue(v)
	exactly, err := appendExact(nil, field, core.NewRecord(core.NewBaseCollection("any")), &stored)
	return string(written), string(exactly), true, err
}
