package fastlane

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// statement is an SQL text and where its arguments come from.
type statement struct {
	text      string
	arguments []argument
	instead   string // see [sqlite.Query.Instead]
	fleeting  bool   // see isFleeting
}

// source says where an argument comes from.
type source int

const (
	constant source = iota
	recordID
	callerID
	literal // of the filter
	offset
)

type argument struct {
	from source
	of   int  // the place of the literal
	like bool // between percent signs
	// value is a constant.
	value any
}

// marks stand for values while PocketBase builds a query. They are random, so that
// no rule or filter can hold one.
type marks struct {
	record, caller, text string
	number               float64
	macros               []macro // of the rule, see macroPlaces
}

func newMarks() marks {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	const digits = 1_000_000_000_000
	return marks{
		record: "record" + rand.Text(), caller: "caller" + rand.Text(), text: "text" + rand.Text(),
		number: float64(digits+binary.LittleEndian.Uint64(b[:])%digits) * 512, // room for as many literals
	}
}

// textOf and numberOf are the marks of a filter's literals, by their places.
func (m marks) textOf(place int) string { return m.text + "x" + strconv.Itoa(place) + "x" }

func (m marks) numberOf(place int) float64 { return m.number + float64(place) }

// argument tells what PocketBase has put in the place of a mark. It fails when it
// has made something else of one.
func (m marks) argument(value any) (argument, bool) {
	switch v := value.(type) {
	case string:
		return m.textArgument(v)
	case float64:
		if place := v - m.number; place >= 0 && place < macroPlaces+mostMacros {
			return m.placed(int(place)), true
		}
		return argument{value: v}, true
	case int:
		return argument{value: int64(v)}, true // as database/sql makes it for drivers
	case int64, bool:
		return argument{value: v}, true
	}
	return argument{}, false
}

func (m marks) textArgument(v string) (argument, bool) {
	inner, like := v, false
	if len(v) > 2 && v[0] == '%' && v[len(v)-1] == '%' {
		inner, like = v[1:len(v)-1], true
	}
	switch inner {
	case m.record:
		return argument{from: recordID, like: like}, true
	case m.caller:
		return argument{from: callerID, like: like}, true
	}
	if rest, ok := strings.CutPrefix(inner, m.text+"x"); ok {
		place, err := strconv.Atoi(strings.TrimSuffix(rest, "x"))
		a := m.placed(place)
		a.like = like
		return a, err == nil && m.textOf(place) == inner
	}
	for _, mark := range []string{m.record, m.caller, m.text} {
		if strings.Contains(v, mark) {
			return argument{}, false
		}
	}
	// a number that is looked for in a text has become one
	for place := range maxLiterals {
		for _, number := range []float64{m.numberOf(place), m.numberOf(macroPlaces + place)} {
			if strings.Contains(v, strconv.FormatFloat(number, 'f', -1, 64)) {
				return argument{}, false
			}
		}
	}
	return argument{value: v}, true
}

// placed is what the mark of a place stands for.
func (m marks) placed(place int) argument {
	if n := place - macroPlaces; n >= 0 && n < len(m.macros) {
		return argument{value: m.macros[n]}
	}
	return argument{from: literal, of: place}
}

// offsetMark is the name of the parameter for the offset, which dbx would write
// into the text.
const offsetMark = "holdallFastlaneOffset"

// The patterns are those of dbx, which replaces parameters first.
var (
	parameterPattern = regexp.MustCompile(`\{:\w+\}`)
	quotePattern     = regexp.MustCompile(`(\{\{[\w\-\. ]+\}\}|\[\[[\w\-\. ]+\]\])`)
)

// newStatement is the text that dbx would run, with its arguments.
func newStatement(db *dbx.DB, query *dbx.Query, m marks) (*statement, error) {
	s := new(statement)
	params := query.Params()
	var problem error
	text := parameterPattern.ReplaceAllStringFunc(query.SQL(), func(name string) string {
		name = name[len("{:") : len(name)-len("}")]
		if name == offsetMark {
			s.arguments = append(s.arguments, argument{from: offset})
			return db.GeneratePlaceholder(len(s.arguments))
		}
		value, ok := params[name]
		a, known := m.argument(value)
		if !ok || !known {
			problem = fmt.Errorf("fastlane: parameter %s is a %T", name, value)
		}
		s.arguments = append(s.arguments, a)
		return db.GeneratePlaceholder(len(s.arguments))
	})
	s.text = quotePattern.ReplaceAllStringFunc(text, func(name string) string {
		if name[0] == '{' {
			return db.QuoteTableName(name[2 : len(name)-2])
		}
		return db.QuoteColumnName(name[2 : len(name)-2])
	})
	s.fleeting = s.isFleeting()
	return s, problem
}

// values are what the arguments of one request come from.
type values struct {
	recordID, callerID string
	literals           []any          // string or float64
	columns            []driver.Value // of a write, instead of literals
	offset             int64
}

// given is what the argument is for a request.
func (a *argument) given(v *values) any {
	switch a.from {
	case recordID:
		return v.recordID
	case callerID:
		return v.callerID
	case literal:
		if v.columns != nil {
			return v.columns[a.of]
		}
		return v.literals[a.of]
	case offset:
		return v.offset
	}
	return a.value // a constant
}

// with appends the arguments of a query to dst. It fails where PocketBase would look
// for something else than the text itself.
func (s *statement) with(dst []sqlite.Value, v *values) ([]sqlite.Value, bool) {
	for i := range s.arguments {
		a := &s.arguments[i]
		switch a.from { // which are in most queries, and are not made values of any type first
		case recordID:
			dst = append(dst, sqlite.TextValue(v.recordID))
			continue
		case offset:
			dst = append(dst, sqlite.IntegerValue(v.offset))
			continue
		}
		argument, ok := valueOf(a.given(v))
		switch {
		case !ok || a.like && (argument.Type != sqlite.Text || strings.ContainsAny(argument.Text, `%_\`)):
			return dst, false
		case a.like:
			argument.Text = "%" + argument.Text + "%"
		}
		dst = append(dst, argument)
	}
	return dst, true
}

// valueOf is an argument as SQLite takes it.
func valueOf(value any) (sqlite.Value, bool) {
	switch v := value.(type) {
	case nil:
		return sqlite.Value{}, true
	case string:
		return sqlite.TextValue(v), true
	case int64:
		return sqlite.IntegerValue(v), true
	case float64:
		return sqlite.FloatValue(v), true
	case macro:
		return v.value()
	case []byte:
		return sqlite.Value{Type: sqlite.Blob, Text: string(v)}, true
	case bool:
		if v {
			return sqlite.IntegerValue(1), true
		}
		return sqlite.IntegerValue(0), true
	}
	return sqlite.Value{}, false
}
