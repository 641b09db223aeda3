package fastlane

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// macro is a name in rules and filters that stands for the time of the request.
type macro string

// macros are all of them, with what stands for their kind in a shape.
var macros = map[macro]byte{
	"@now": textShape, "@yesterday": textShape, "@tomorrow": textShape,
	"@todayStart": textShape, "@todayEnd": textShape, "@monthStart": textShape, "@monthEnd": textShape, "@yearStart": textShape, "@yearEnd": textShape,
	"@second": numberShape, "@minute": numberShape, "@hour": numberShape, "@day": numberShape, "@month": numberShape, "@weekday": numberShape, "@year": numberShape,
}

// noFields is for filters without fields.
type noFields struct{ search.FieldResolver }

// value is what PocketBase takes it for now.
func (m macro) value() (v sqlite.Value, ok bool) {
	expression, err := search.FilterData(string(m) + " = 0.5").BuildExpr(noFields{})
	if err != nil {
		return v, false
	}
	params := dbx.Params{}
	expression.Build(nil, params)
	for _, param := range params {
		switch param := param.(type) {
		case string:
			return sqlite.TextValue(param), true
		case int:
			return sqlite.IntegerValue(int64(param)), true
		}
	}
	return v, false
}

const (
	// mostMacros is how many a rule may have.
	mostMacros = maxLiterals

	// macroPlaces is where their marks begin, behind those of all other values.
	macroPlaces = 2 * mostAtOnce
)

// markMacros puts marks in the place of a rule's macros, as if they were texts and
// numbers. It fails if that makes another rule of it.
func (m *marks) markMacros(rule string) (marked string, ok bool) {
	if !strings.Contains(rule, "@") {
		return rule, true
	}
	var b strings.Builder
	for i := 0; i < len(rule); {
		end := tokenEnd(rule, i)
		name := macro(rule[i:end])
		kind, known := macros[name]
		switch {
		case !known:
			b.WriteString(rule[i:end])
		case len(m.macros) == mostMacros:
			return "", false
		case kind == textShape:
			b.WriteString(`"` + m.textOf(macroPlaces+len(m.macros)) + `"`)
		default:
			b.WriteString(strconv.FormatFloat(m.numberOf(macroPlaces+len(m.macros)), 'f', -1, 64))
		}
		if known {
			m.macros = append(m.macros, name)
		}
		i = end
	}
	before, err := fexpr.Parse(rule)
	if err != nil {
		return "", false
	}
	after, err := fexpr.Parse(b.String())
	return b.String(), err == nil && sameGroups(before, after)
}

// tokenEnd is where a name ends that begins at i, or a text, or what else is there.
func tokenEnd(rule string, i int) int {
	end := i + 1
	switch c := rule[i]; {
	case c == '"' || c == '\'':
		for end < len(rule) && rule[end] != c {
			if rule[end] == '\\' {
				end++
			}
			end++
		}
		return min(end+1, len(rule))
	case isNameStart(c) || isDigit(c) || c == '@' || c == '#':
		for end < len(rule) && (isNamePart(rule[end]) || rule[end] == '@' || rule[end] == '#') {
			end++
		}
	}
	return end
}

// sameGroups tells whether rules differ in their macros only.
func sameGroups(a, b []fexpr.ExprGroup) bool {
	return slices.EqualFunc(a, b, func(a, b fexpr.ExprGroup) bool {
		if a.Join != b.Join || reflect.TypeOf(a.Item) != reflect.TypeOf(b.Item) {
			return false
		}
		switch item := a.Item.(type) {
		case fexpr.Expr:
			other := b.Item.(fexpr.Expr)
			return item.Op == other.Op && sameToken(item.Left, other.Left) && sameToken(item.Right, other.Right)
		case fexpr.ExprGroup:
			return sameGroups([]fexpr.ExprGroup{item}, []fexpr.ExprGroup{b.Item.(fexpr.ExprGroup)})
		case []fexpr.ExprGroup:
			return sameGroups(item, b.Item.([]fexpr.ExprGroup))
		}
		return false
	})
}

func sameToken(a, b fexpr.Token) bool {
	switch kind, is := macros[macro(a.Literal)]; {
	case is && a.Type == fexpr.TokenIdentifier && kind == textShape:
		return b.Type == fexpr.TokenText
	case is && a.Type == fexpr.TokenIdentifier:
		return b.Type == fexpr.TokenNumber
	case a.Type == fexpr.TokenFunction && b.Type == fexpr.TokenFunction && a.Literal == b.Literal:
		first, _ := a.Meta.([]fexpr.Token)
		second, _ := b.Meta.([]fexpr.Token)
		return slices.EqualFunc(first, second, sameToken)
	}
	return a.Type == b.Type && a.Literal == b.Literal
}
