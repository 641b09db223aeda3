package fastlane

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// layout is how the rows of a collection become JSON: what PocketBase's
// PublicExport makes of a record, in the order that encoding/json gives a map.
type layout struct {
	collection *core.Collection
	blank      *core.Record // for fields to prepare values with
	steps      []step
	// checked are fields that are not answered and whose values PocketBase fails on
	// nevertheless: it reads hidden ones, and writes those that are picked out later.
	checked []step
	// picked says that there is a parameter "fields".
	picked bool
}

// step is one key of the JSON object.
type step struct {
	key     string // in quotes, with its colon
	literal string // the value, if it is the same in all rows
	field   core.Field
	kind    kind
	again   bool // write values in the way of the parameter "fields"
	email   bool // left out of rows that hide it
	expand  bool // what the record is related to
}

// taken are keys of PocketBase's own. No field should have them.
var taken = []string{core.FieldNameCollectionId, core.FieldNameCollectionName, core.FieldNameExpand}

// newLayout returns the layout with the named fields, or nil and why there is none. A
// superuser sees hidden ones, too.
func newLayout(c *core.Collection, fields string, expanded, superuser bool) (*layout, Reason) {
	if c.IsView() {
		return nil, ReasonView
	}
	pick, ok := parseFields(fields)
	if !ok {
		return nil, ReasonFields
	}
	l := &layout{collection: c, blank: core.NewRecord(c), picked: fields != ""}
	for _, field := range c.Fields {
		name := field.GetName()
		k, known := kindOf(field)
		_, password := field.(*core.PasswordField)
		switch {
		case slices.Contains(taken, name):
			return nil, ReasonField
		case field.GetHidden() && !superuser || c.IsAuth() && (name == core.FieldNamePassword || name == core.FieldNameTokenKey):
			if !known && !password {
				return nil, ReasonField
			}
			if k == exact && known {
				l.checked = append(l.checked, step{field: field, kind: exact})
			}
		case !known:
			return nil, ReasonField
		case !pick(name):
			if k == exact || k == object || k == number {
				l.checked = append(l.checked, step{field: field, kind: k})
			}
		default:
			l.steps = append(l.steps, step{
				key: quoted(name), field: field, kind: k,
				again: l.picked && (k == exact || k == object),
				email: c.IsAuth() && name == core.FieldNameEmail && !superuser,
			})
		}
	}
	l.addLiteral(pick, core.FieldNameCollectionId, c.Id)
	l.addLiteral(pick, core.FieldNameCollectionName, c.Name)
	if expanded {
		l.steps = append(l.steps, step{key: quoted(core.FieldNameExpand), expand: true})
	}
	slices.SortFunc(l.steps, func(a, b step) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return l, ""
}

func (l *layout) addLiteral(pick func(string) bool, name, value string) {
	if pick(name) {
		l.steps = append(l.steps, step{key: quoted(name), literal: string(appendString(nil, value))})
	}
}

func quoted(name string) string { return string(append(appendString(nil, name), ':')) }

// nameOf is a step's key as encoding/json sorts it.
func nameOf(s step) string { return strings.Trim(s.key, `":`) }

// simpleFields are values of the parameter "fields" that name keys of the records
// and nothing within them. One comma too many means something, and is left to
// PocketBase.
var simpleFields = regexp.MustCompile(`^(\*|\w+)(,(\*|\w+))*$`)

// parseFields returns which keys are wanted.
func parseFields(fields string) (wanted func(name string) bool, ok bool) {
	if fields == "" {
		return func(string) bool { return true }, true
	}
	if !simpleFields.MatchString(fields) {
		return nil, false
	}
	names := strings.Split(fields, ",")
	all := slices.Contains(names, "*")
	return func(name string) bool { return all || slices.Contains(names, name) }, true
}

// rowReader writes rows whose columns have a certain order.
type rowReader struct {
	*layout
	columns []string
	at      []int // where each step's value is, -1 for none
	checks  []int
	id      int
	visible int // emailVisibility
	write   appender
}

// appender appends a value to JSON.
type appender func(dst []byte, s *step, blank *core.Record, value *sqlite.Value) ([]byte, error)

func (l *layout) reader(columns []string, appendValue appender) *rowReader {
	r := &rowReader{layout: l, columns: columns, write: appendValue}
	place := func(s step) int {
		if s.field == nil {
			return -1
		}
		return slices.Index(columns, s.field.GetName())
	}
	for _, s := range l.steps {
		r.at = append(r.at, place(s))
	}
	for _, s := range l.checked {
		r.checks = append(r.checks, place(s))
	}
	r.id = slices.Index(columns, core.FieldNameId)
	r.visible = slices.Index(columns, core.FieldNameEmailVisibility)
	return r
}

// fits tells whether rows with such columns can be read.
func (r *rowReader) fits(columns []string) bool {
	if len(columns) > 0 && len(columns) == len(r.columns) && &columns[0] == &r.columns[0] {
		return true // as ever
	}
	return slices.Equal(r.columns, columns)
}

// appendRow appends a row of the driver as an object.
func (r *rowReader) appendRow(dst []byte, row []driver.Value, callerID string, g *gathering) ([]byte, error) {
	values := make([]sqlite.Value, len(row))
	for i := range row {
		value := row[i]
		if is, ok := value.(bool); ok {
			value = strconv.FormatBool(is) // as database/sql makes it
		}
		var ok bool
		if values[i], ok = valueOf(value); !ok {
			return dst, fmt.Errorf("fastlane: a row holds a %T", value)
		}
	}
	return r.append(dst, values, callerID, g)
}

// append appends one row as an object, with a gap for what it is related to.
func (r *rowReader) append(dst []byte, row []sqlite.Value, callerID string, g *gathering) ([]byte, error) {
	if err := r.check(row); err != nil {
		return dst, err
	}
	next := byte('{')
	for i := range r.steps {
		s := &r.steps[i]
		if s.email && !r.showsEmail(row, callerID) {
			continue
		}
		dst = append(append(dst, next), s.key...)
		next = ','
		if s.expand {
			if !g.gap(len(dst), row) {
				return dst, errors.New("fastlane: a relation that PocketBase has not written")
			}
			continue
		}
		if s.field == nil {
			dst = append(dst, s.literal...)
			continue
		}
		var err error
		if dst, err = r.appendStep(dst, s, value(row, r.at[i])); err != nil {
			return dst, err
		}
	}
	if next == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}'), nil
}

func (r *rowReader) appendStep(dst []byte, s *step, value *sqlite.Value) ([]byte, error) {
	start := len(dst)
	dst, err := r.write(dst, s, r.blank, value)
	if err != nil || !s.again && (!r.picked || !bytes.Contains(dst[start:], replaced)) {
		return dst, err
	}
	encoded, err := again(dst[start:])
	return append(dst[:start], encoded...), err
}

// replaced is what stands for bytes that are no text. Decoded and encoded again, it
// is a character like others.
var replaced = []byte(`\ufffd`)

// check fails where PocketBase fails on a row.
func (r *rowReader) check(row []sqlite.Value) error {
	for i := range r.checked {
		if _, err := r.write(nil, &r.checked[i], r.blank, value(row, r.checks[i])); err != nil {
			return err
		}
	}
	return nil
}

// showsEmail tells whether the row's address is for the caller.
func (r *rowReader) showsEmail(row []sqlite.Value, callerID string) bool {
	if id, err := asStored(value(row, r.id)); err == nil && callerID != "" && id == callerID {
		return true
	}
	shown := value(row, r.visible)
	if shown.Type == sqlite.Integer {
		return shown.Integer == 1
	}
	raw, err := asStored(shown)
	if err != nil {
		return false
	}
	stored, _ := raw.(string)
	visible, err := strconv.ParseBool(stored) // as PocketBase casts it
	return err == nil && visible
}

// absentValue is that of a column which is not there.
var absentValue sqlite.Value

func value(row []sqlite.Value, at int) *sqlite.Value {
	if at < 0 {
		return &absentValue
	}
	return &row[at]
}
