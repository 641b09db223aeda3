package fastlane

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxLiterals is how many texts and numbers a filter may have.
const maxLiterals = 32

// template is a filter without its values, which are the arguments of its query.
type template struct {
	filter string // as it was asked for
	// shape is the filter with a mark in the place of each value. An empty text has
	// another one, as PocketBase makes another query for it.
	shape    string
	literals []any // string, float64 or macro
	joins    bool  // it follows relations
}

// The marks of a shape, which a filter itself cannot contain outside of texts.
const (
	textShape   = '"'
	emptyShape  = '\''
	numberShape = '#'
)

// splitFilter takes the values out of a filter. It reads what people write: names,
// operators, parentheses, numbers, and texts without a backslash. Everything else is
// left to PocketBase.
func splitFilter(filter string) (template, Reason) {
	t := template{filter: filter}
	shape := make([]byte, 0, len(filter))
	for i := 0; i < len(filter); {
		c := filter[i]
		switch {
		case c == '"' || c == '\'':
			end := strings.IndexByte(filter[i+1:], c)
			if end < 0 {
				return t, ReasonFilter
			}
			text := filter[i+1 : i+1+end]
			if strings.ContainsAny(text, "\\\x00") || !utf8.ValidString(text) {
				return t, ReasonFilter
			}
			mark := byte(textShape)
			if text == "" {
				mark = emptyShape
			} else {
				t.literals = append(t.literals, text)
			}
			shape = append(shape, mark)
			i += end + 2
		case c == '-' || isDigit(c):
			if i > 0 && isNamePart(filter[i-1]) {
				return t, ReasonFilter // a mark in its place would become part of the name
			}
			end, number, ok := scanNumber(filter, i)
			if !ok {
				return t, ReasonFilter
			}
			t.literals = append(t.literals, number)
			shape = append(shape, numberShape)
			i = end
		case isNameStart(c):
			end := i + 1
			for end < len(filter) && isNamePart(filter[end]) {
				t.joins = t.joins || filter[end] == '.'
				end++
			}
			if end < len(filter) && filter[end] == '(' {
				return t, ReasonFilter // a function
			}
			shape = append(shape, filter[i:end]...)
			i = end
		case c == '@':
			end := tokenEnd(filter, i)
			name := macro(filter[i:end])
			kind, known := macros[name]
			if !known || i > 0 && isNamePart(filter[i-1]) || end < len(filter) && strings.IndexByte("-\"'(", filter[end]) >= 0 {
				return t, ReasonTime
			}
			t.literals = append(t.literals, name)
			shape = append(shape, kind)
			i = end
		case strings.IndexByte(" ()=!<>~?&|", c) >= 0:
			shape = append(shape, c)
			i++
		default:
			return t, ReasonFilter
		}
	}
	if len(t.literals) > maxLiterals {
		return t, ReasonFilter
	}
	t.shape = string(shape)
	return t, ""
}

// scanNumber reads a number that something else than a name follows.
func scanNumber(filter string, start int) (end int, number float64, ok bool) {
	end = start + 1
	for end < len(filter) && (isDigit(filter[end]) || filter[end] == '.') {
		end++
	}
	if end < len(filter) && (isNamePart(filter[end]) || strings.IndexByte("-\"'(@#", filter[end]) >= 0) {
		return end, 0, false
	}
	digits := filter[start:end]
	if last := digits[len(digits)-1]; !isDigit(last) || strings.HasPrefix(digits, "-.") {
		return end, 0, false
	}
	number, err := strconv.ParseFloat(digits, 64)
	return end, number, err == nil
}

// marked is the filter with marks in the place of its values.
func (t template) marked(m marks) string {
	var filter strings.Builder
	place := 0
	for i := range len(t.shape) {
		switch c := t.shape[i]; c {
		case textShape:
			filter.WriteString(`"` + m.textOf(place) + `"`)
			place++
		case emptyShape:
			filter.WriteString(`""`)
		case numberShape:
			filter.WriteString(strconv.FormatFloat(m.numberOf(place), 'f', -1, 64))
			place++
		default:
			filter.WriteByte(c)
		}
	}
	return filter.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func isNamePart(c byte) bool { return isNameStart(c) || isDigit(c) || c == '.' || c == ':' }
