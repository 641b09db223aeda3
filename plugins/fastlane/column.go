package fastlane

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"
)

// column is a field as writes see it: how values of requests and of the database
// become those that PocketBase would bind, and which of them it takes.
type column struct {
	field   core.Field
	name    string
	kind    kind
	pattern *regexp.Regexp // of a text
	blank   driver.Value   // what a new record has
}

// idPattern and idGenerator are what PocketBase gives the ids of new collections. It
// looks for ids that differ by case only, and for names of devices, if a collection has
// another pattern.
const (
	idPattern   = "^[a-z0-9]+$"
	idGenerator = "[a-z0-9]{15}"
)

// newColumn returns the column of a field, or why there is none.
func newColumn(field core.Field, blank *core.Record) (column, Reason) {
	c := column{field: field, name: field.GetName()}
	var known bool
	if c.kind, known = kindOf(field); !known {
		return c, ReasonField
	}
	if f, ok := field.(*core.TextField); ok {
		if f.PrimaryKey && f.Pattern != idPattern || f.PrimaryKey != (c.name == core.FieldNameId) {
			return c, ReasonKey
		}
		if f.Pattern != "" {
			var err error
			if c.pattern, err = regexp.Compile(f.Pattern); err != nil {
				return c, ReasonField // PocketBase takes no value then
			}
		}
	}
	prepared, err := field.PrepareValue(blank, nil)
	if err != nil {
		return c, ReasonField
	}
	var ok bool
	if c.blank, ok = bound(field, blank, prepared); !ok {
		return c, ReasonField
	}
	return c, ""
}

// bound is what PocketBase binds for a value that it has prepared.
func bound(field core.Field, scratch *core.Record, prepared any) (driver.Value, bool) {
	value := prepared
	if valuer, ok := field.(core.DriverValuer); ok {
		scratch.SetRaw(field.GetName(), prepared)
		made, err := valuer.DriverValue(scratch)
		if err != nil {
			return nil, false
		}
		value = made
	}
	if valuer, ok := value.(driver.Valuer); ok {
		made, err := valuer.Value()
		if err != nil {
			return nil, false
		}
		value = made
	}
	switch v := value.(type) {
	case bool:
		if v {
			return int64(1), true // as the driver binds it
		}
		return int64(0), true
	case nil, string, float64:
		return v, true
	}
	return nil, false
}

// sent returns the value of a request, false if only PocketBase makes one of it.
func (c *column) sent(t token, scratch func() *core.Record) (driver.Value, bool) {
	switch c.kind {
	case text, single:
		if t.null() {
			return "", true
		}
		v, ok := t.text()
		return v, ok && (c.kind == text || strings.IndexByte(v, '[') < 0)
	case number:
		if t.null() {
			return 0.0, true
		}
		return t.number()
	case boolean:
		switch string(t) {
		case "true":
			return int64(1), true
		case "false", "null":
			return int64(0), true
		}
	case date:
		v, ok := t.text()
		return v, ok && (v == "" || isStoredDate(v))
	case multiple:
		return sentNames(t)
	case object, exact:
		return c.sentObject(t, scratch())
	}
	return nil, false
}

// sentNames returns a list of names as PocketBase stores it: each once, no empty one.
func sentNames(t token) (driver.Value, bool) {
	sent, ok := t.texts()
	if !ok {
		return nil, false
	}
	names := make([]string, 0, min(len(sent), mostNames))
	for _, name := range sent {
		if name == "" || slices.Contains(names, name) {
			continue
		}
		if len(names) == mostNames {
			return nil, false
		}
		names = append(names, name)
	}
	stored, err := json.Marshal(names)
	return string(stored), err == nil && isPlainList(string(stored))
}

// sentObject has PocketBase prepare a value, and those of geo points only if they are
// objects: it takes others for points, too, whatever they are.
func (c *column) sentObject(t token, scratch *core.Record) (driver.Value, bool) {
	var decoded any
	if json.Unmarshal(t, &decoded) != nil {
		return nil, false
	}
	if _, ok := decoded.(map[string]any); !ok && c.kind == exact {
		return nil, false
	}
	return c.prepare(decoded, scratch)
}

func (c *column) prepare(raw any, scratch *core.Record) (driver.Value, bool) {
	prepared, err := c.field.PrepareValue(scratch, raw)
	if err != nil {
		return nil, false
	}
	return bound(c.field, scratch, prepared)
}

// stored returns what PocketBase writes again for a value that it has read, false if
// it is not as PocketBase itself stores it.
func (c *column) stored(value driver.Value, scratch func() *core.Record) (driver.Value, bool) {
	switch v := value.(type) {
	case string:
		switch c.kind {
		case text:
			return v, utf8.ValidString(v)
		case single:
			return v, strings.IndexByte(v, '[') < 0
		case multiple:
			return v, isPlainList(v)
		case boolean: // as some drivers read it
			switch v {
			case "true":
				return int64(1), true
			case "false":
				return int64(0), true
			}
		case date:
			if v == "" || isStoredDate(v) {
				return v, true
			}
			d, err := types.ParseDateTime(v)
			return d.String(), err == nil && d.String() == v
		case object, exact:
			return c.prepare(v, scratch())
		}
	case int64:
		switch c.kind {
		case number:
			return float64(v), v > -1<<53 && v < 1<<53
		case boolean:
			return v, v == 0 || v == 1
		case object:
			return c.storedNumber(v, scratch())
		}
	case float64:
		if c.kind == object {
			return c.storedNumber(v, scratch())
		}
		return v, c.kind == number && !math.IsInf(v, 0) && !math.IsNaN(v)
	case nil:
		return nil, c.kind == object
	}
	return nil, false
}

// storedNumber is a number in a column for JSON, whose texts SQLite makes numbers of.
func (c *column) storedNumber(value any, scratch *core.Record) (driver.Value, bool) {
	raw, err := asRead(value)
	if err != nil {
		return nil, false
	}
	return c.prepare(raw, scratch)
}

// generate returns the value of a new record whose request has none.
func (c *column) generate(value driver.Value) (driver.Value, bool) {
	f, ok := c.field.(*core.TextField)
	if !ok || f.AutogeneratePattern == "" || value != "" {
		return value, true
	}
	if f.AutogeneratePattern == idGenerator {
		return newID(), true
	}
	made, err := security.RandomStringByRegex(f.AutogeneratePattern)
	return made, err == nil
}

// newID is what PocketBase makes of idGenerator.
func newID() string {
	const (
		letters = "abcdefghijklmnopqrstuvwxyz0123456789"
		length  = 15
		fair    = 256 / len(letters) * len(letters) // bytes that give each letter alike
	)
	id := make([]byte, 0, length)
	var random [2 * length]byte
	for {
		_, _ = rand.Read(random[:]) // it never fails
		for _, b := range random {
			if int(b) < fair {
				if id = append(id, letters[int(b)%len(letters)]); len(id) == length {
					return string(id)
				}
			}
		}
	}
}

// takes tells whether PocketBase finds a value valid, but for what is related.
func (c *column) takes(value driver.Value, app core.App, scratch func() *core.Record) bool {
	switch f := c.field.(type) {
	case *core.TextField:
		return c.takesText(f, value.(string))
	case *core.NumberField:
		return takesNumber(f, value.(float64))
	case *core.BoolField:
		return !f.Required || value == int64(1)
	case *core.SelectField:
		names, ok := c.names(value)
		return ok && (len(names) > 0 || !f.Required) && len(names) <= max(f.MaxSelect, 1) &&
			!slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(f.Values, name) })
	case *core.RelationField:
		names, ok := c.names(value)
		if ok && len(names) == 0 {
			return !f.Required
		}
		return ok && len(names) >= f.MinSelect && len(names) <= max(f.MaxSelect, 1)
	case *core.FileField:
		names, ok := c.names(value)
		return ok && (len(names) > 0 || !f.Required) && len(names) <= max(f.MaxSelect, 1)
	case *core.EditorField:
		v := value.(string)
		return (v != "" || !f.Required) && int64(len(v)) <= f.CalculateMaxBodySize()
	case *core.AutodateField:
		return true
	case *core.JSONField:
		raw, _ := value.(string) // NULL is nothing
		record := scratch()
		record.SetRaw(c.name, types.JSONRaw(raw))
		return f.ValidateValue(context.Background(), app, record) == nil
	case *core.EmailField:
		if value == "" {
			return !f.Required
		}
	case *core.URLField:
		if value == "" {
			return !f.Required
		}
	case *core.DateField:
		if value == "" || f.Min.IsZero() && f.Max.IsZero() {
			return value != "" || !f.Required
		}
	}
	record := scratch()
	raw, err := asRead(value)
	if err != nil {
		return false
	}
	prepared, err := c.field.PrepareValue(record, raw)
	if err != nil {
		return false
	}
	record.SetRaw(c.name, prepared)
	return c.field.ValidateValue(context.Background(), app, record) == nil
}

// takesText is [core.TextField.ValidatePlainValue] with a pattern that is compiled.
func (c *column) takesText(f *core.TextField, v string) bool {
	if v == "" {
		return !f.Required && !f.PrimaryKey
	}
	const mostIfUnsaid = 5000
	most := f.Max
	if most == 0 {
		most = mostIfUnsaid
	}
	length := utf8.RuneCountInString(v)
	return length >= f.Min && length <= most && (c.pattern == nil || c.pattern.MatchString(v))
}

func takesNumber(f *core.NumberField, v float64) bool {
	switch {
	case math.IsInf(v, 0) || math.IsNaN(v):
		return false
	case v == 0:
		return !f.Required
	case f.OnlyInt && v != float64(int64(v)):
		return false
	}
	return (f.Min == nil || v >= *f.Min) && (f.Max == nil || v <= *f.Max)
}

// names are those of a select, a relation or files.
func (c *column) names(value driver.Value) ([]string, bool) {
	v, ok := value.(string)
	switch {
	case !ok:
		return nil, false
	case c.kind == multiple:
		return plainNames(v)
	case v == "":
		return nil, true
	}
	return []string{v}, true
}
