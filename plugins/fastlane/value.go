package fastlane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// kind says how the values of a column are written.
type kind int

const (
	// exact has PocketBase prepare the value and encoding/json write it.
	exact kind = iota
	text
	// single is one name or id, which PocketBase looks for a list in.
	single
	// multiple is a JSON list of names or ids.
	multiple
	number
	boolean
	date
	object // any JSON
)

// kindOf returns how a field is written, and false for types that programs have
// added, of which nothing is known.
func kindOf(field core.Field) (kind, bool) {
	switch f := field.(type) {
	case *core.TextField, *core.EditorField, *core.EmailField, *core.URLField:
		return text, true
	case *core.NumberField:
		return number, true
	case *core.BoolField:
		return boolean, true
	case *core.DateField, *core.AutodateField:
		return date, true
	case *core.JSONField:
		return object, true
	case *core.GeoPointField:
		return exact, true
	case *core.SelectField, *core.RelationField, *core.FileField:
		if f.(core.MultiValuer).IsMultiple() {
			return multiple, true
		}
		return single, true
	}
	return exact, false
}

// appendValue appends what PocketBase would answer for a value of the database.
// What does not look as PocketBase itself has written it takes the long way.
func appendValue(dst []byte, s *step, blank *core.Record, value *sqlite.Value) ([]byte, error) {
	switch value.Type {
	case sqlite.Text:
		if out, ok := appendStored(dst, s.kind, value.Text); ok {
			return out, nil
		}
	case sqlite.Integer:
		switch {
		case s.kind == number:
			return appendNumber(dst, float64(value.Integer)), nil
		case s.kind == boolean && value.Integer == 0:
			return append(dst, "false"...), nil
		case s.kind == boolean && value.Integer == 1:
			return append(dst, "true"...), nil
		}
	case sqlite.Float:
		if s.kind == number && !math.IsInf(value.Float, 0) && !math.IsNaN(value.Float) {
			return appendNumber(dst, value.Float), nil
		}
	case sqlite.Null:
		if s.kind == object {
			return append(dst, "null"...), nil
		}
	}
	return appendExact(dst, s.field, blank, value)
}

// appendStored appends a text of the database if it is as PocketBase stores it.
func appendStored(dst []byte, k kind, v string) ([]byte, bool) {
	switch k {
	case text:
		return appendString(dst, v), true
	case single:
		if strings.IndexByte(v, '[') < 0 {
			return appendString(dst, v), true
		}
	case multiple:
		if isPlainList(v) {
			return append(dst, v...), true
		}
	case date:
		if v == "" || isStoredDate(v) {
			return append(append(append(dst, '"'), v...), '"'), true
		}
	case boolean:
		if v == "true" || v == "false" {
			return append(dst, v...), true
		}
	case object:
		return appendObject(dst, v)
	}
	return dst, false
}

// appendExact is the long way, which is PocketBase's own.
func appendExact(dst []byte, field core.Field, blank *core.Record, value *sqlite.Value) ([]byte, error) {
	raw, err := asStored(value)
	if err != nil {
		return dst, err
	}
	prepared, err := field.PrepareValue(blank, raw)
	if err != nil {
		return dst, err
	}
	encoded, err := json.Marshal(prepared)
	return append(dst, encoded...), err
}

// asStored is a value of a row as PocketBase reads it: all through [sql.NullString].
func asStored(value *sqlite.Value) (any, error) {
	switch value.Type {
	case sqlite.Null:
		return nil, nil
	case sqlite.Text, sqlite.Blob:
		return strings.Clone(value.Text), nil // which is SQLite's memory
	case sqlite.Integer:
		return strconv.FormatInt(value.Integer, 10), nil
	case sqlite.Float:
		return strconv.FormatFloat(value.Float, 'g', -1, 64), nil
	}
	return nil, fmt.Errorf("fastlane: a value of the type %d", value.Type)
}

// asRead is the same of a value of the driver.
func asRead(value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return nil, fmt.Errorf("fastlane: read a %T", value)
}

// isPlainList tells whether v is a JSON list of different names without a
// character that is escaped, written as encoding/json does.
func isPlainList(v string) bool {
	_, ok := plainNames(v)
	return ok
}

// mostNames is how many names a list may have, as all are compared with each other.
const mostNames = 20

// plainNames returns the names of such a list.
func plainNames(v string) (names []string, ok bool) {
	if len(v) < 2 || v[0] != '[' || v[len(v)-1] != ']' {
		return nil, false
	}
	for rest := v[1 : len(v)-1]; rest != ""; {
		if len(names) > 0 {
			if rest[0] != ',' {
				return nil, false
			}
			rest = rest[1:]
		}
		name, after, ok := plainName(rest)
		if !ok || len(names) == mostNames || slices.Contains(names, name) {
			return nil, false
		}
		names, rest = append(names, name), after
	}
	return names, true
}

// plainName splits v after the text in quotes that it begins with.
func plainName(v string) (name, rest string, ok bool) {
	if v == "" || v[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(v); i++ {
		if v[i] == '"' {
			return v[1:i], v[i+1:], i > 1
		}
		if v[i] >= utf8.RuneSelf || !plain[v[i]] {
			break
		}
	}
	return "", "", false
}

// isStoredDate tells whether v is a date of the years 1000 to 2999 as PocketBase
// stores it, so that parsing and formatting it again gives the same. The last days
// of months are left to them.
func isStoredDate(v string) bool {
	const layout = "dddd-dd-dd dd:dd:dd.dddZ"
	if len(v) != len(layout) || v[0] != '1' && v[0] != '2' {
		return false
	}
	for i := range len(layout) {
		if digit := v[i] >= '0' && v[i] <= '9'; layout[i] == 'd' && !digit || layout[i] != 'd' && v[i] != layout[i] {
			return false
		}
	}
	two := func(at int) byte { return (v[at]-'0')*10 + v[at+1] - '0' }
	return two(5) >= 1 && two(5) <= 12 && two(8) >= 1 && two(8) <= 28 && two(11) < 24 && two(14) < 60 && two(17) < 60
}

// appendObject appends the JSON of a text that begins as PocketBase demands, or it
// is no JSON to it.
func appendObject(dst []byte, v string) ([]byte, bool) {
	if v == "" || strings.IndexByte(`{["-0123456789`, v[0]) < 0 || !json.Valid([]byte(v)) {
		return dst, false
	}
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(v)) != nil {
		return dst, false
	}
	escaped := bytes.NewBuffer(dst)
	json.HTMLEscape(escaped, compact.Bytes())
	return escaped.Bytes(), true
}

// again writes JSON as it is after PocketBase has picked fields of it: decoded, and
// encoded from what Go has made of it.
func again(encoded []byte) ([]byte, error) {
	var value any
	if err := json.Unmarshal(encoded, &value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
