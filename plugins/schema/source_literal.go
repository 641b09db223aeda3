package schema

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/tools/types"
)

// Date returns the point in time that s names, for the Min and Max of a date
// field. s is in the format of PocketBase, as in "2026-01-31 08:00:00.000Z".
// It panics when s is no date: definitions are not input.
func Date(s string) types.DateTime {
	date, err := types.ParseDateTime(s)
	if err != nil || date.IsZero() {
		panic(fmt.Sprintf("schema: %q is no date", s))
	}
	return date
}

// literal is the Go literal of a string that is the easiest to read: quoted if
// it needs no escapes, else raw.
func literal(s string) string {
	if quoted := strconv.Quote(s); !strings.Contains(quoted, `\`) {
		return quoted
	}
	return raw(s)
}

// raw is the raw literal of a string, as rules, patterns and queries usually
// are. One that cannot be raw is quoted, line by line.
func raw(s string) string {
	if canBackquote(s) {
		return "`" + s + "`"
	}
	lines := strings.SplitAfter(s, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	for i, line := range lines {
		lines[i] = strconv.Quote(line)
	}
	return strings.Join(lines, " +\n")
}

// ruleLiteral is the Go literal of a rule. A long one is put together from its
// conditions, one a line.
func ruleLiteral(rule string) string {
	pieces := conditions(rule, 0, len(rule), joints(rule))
	for i, piece := range pieces {
		pieces[i] = raw(piece)
	}
	return strings.Join(pieces, " +\n")
}

// joint is an operator that joins two conditions.
type joint struct {
	at    int // the blank before it
	depth int // of the parentheses around it
}

// joints finds the operators of a rule.
func joints(rule string) []joint {
	var found []joint
	var quote byte
	depth := 0
	for i := range len(rule) {
		switch c := rule[i]; {
		case quote != 0:
			if c == quote && rule[i-1] != '\\' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case strings.HasPrefix(rule[i:], " && ") || strings.HasPrefix(rule[i:], " || "):
			found = append(found, joint{i, depth})
		}
	}
	return found
}

// conditions cuts rule[from:to] at its outermost joints, and what is still too
// long at those inside.
func conditions(rule string, from, to int, all []joint) []string {
	const bearable = 100 // characters

	outermost := -1
	for _, j := range all {
		if j.at > from && j.at < to && (outermost < 0 || j.depth < outermost) {
			outermost = j.depth
		}
	}
	if to-from <= bearable || outermost < 0 {
		return []string{rule[from:to]}
	}
	var pieces []string
	for _, j := range all {
		if j.at > from && j.at < to && j.depth == outermost {
			pieces = append(pieces, conditions(rule, from, j.at, all)...)
			from = j.at
		}
	}
	return append(pieces, conditions(rule, from, to, all)...)
}

// canBackquote reports whether s, lines included, can be a raw literal.
func canBackquote(s string) bool {
	for line := range strings.SplitSeq(s, "\n") {
		if !strconv.CanBackquote(line) {
			return false
		}
	}
	return true
}

// value is the Go expression for an option of a field or collection.
func (s *source) value(option string, v reflect.Value) (string, error) {
	if date, ok := v.Interface().(types.DateTime); ok {
		return "schema.Date(" + literal(date.String()) + ")", nil
	}
	switch v.Kind() {
	case reflect.String:
		if strings.HasSuffix(option, "Pattern") || strings.HasSuffix(option, ".Rule") {
			return raw(v.String()), nil
		}
		return literal(v.String()), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return integer(option, v.Int()), nil
	case reflect.Float64:
		return float(v.Float()), nil
	case reflect.Pointer:
		value, err := s.value(option, v.Elem())
		if err != nil {
			return "", err
		}
		s.use(importTypes)
		return "types.Pointer(" + value + ")", nil
	case reflect.Slice:
		if v.Type() != reflect.TypeFor[[]string]() {
			break
		}
		items := make([]string, v.Len())
		for i := range items {
			items[i] = literal(v.Index(i).String())
		}
		return "[]string{" + strings.Join(items, ", ") + "}", nil
	}
	return "", fmt.Errorf("option %s: no literal for a %s", option, v.Type())
}

// integer writes sizes in whole kibi- and mebibytes as such.
func integer(option string, n int64) string {
	if option == "MaxSize" {
		for _, shift := range []int{20, 10} {
			if n >= 1<<shift && n%(1<<shift) == 0 {
				return fmt.Sprintf("%d << %d", n>>shift, shift)
			}
		}
	}
	return strconv.FormatInt(n, 10)
}

// float is the literal of a number that stays a float64 without its context.
func float(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if len(text) > 15 {
		text = strconv.FormatFloat(f, 'g', -1, 64)
	}
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}
