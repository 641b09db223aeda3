package realtime

import "strings"

// maxPattern is shorter than the longest pattern that SQLite takes.
const maxPattern = 40000

// likePattern is the pattern that PocketBase makes of the right side of a "~": as
// it is if it has a wildcard, and otherwise to be found anywhere, with everything
// that means something in a pattern escaped.
func likePattern(text string) string {
	if hasWildcard(text) {
		return text
	}
	return "%" + escapeUnescaped(text) + "%"
}

// hasWildcard tells whether a text has a % that is not escaped.
func hasWildcard(text string) bool {
	var previous rune
	for _, c := range text {
		if c == '%' && previous != '\\' {
			return true
		}
		if c == '\\' && previous == '\\' {
			previous = 0
		} else {
			previous = c
		}
	}
	return false
}

// escapeUnescaped puts a backslash before each backslash, % and _ that has none,
// looking from the end, as PocketBase does.
func escapeUnescaped(text string) string {
	runes := []rune(text)
	reversed := make([]rune, 0, len(runes)*2)
	match := false
	for i := len(runes) - 1; i >= 0; i-- {
		switch {
		case match:
			if runes[i] != '\\' {
				reversed = append(reversed, '\\')
			}
			match = false
		case strings.ContainsRune(`\%_`, runes[i]):
			match = true
		}
		reversed = append(reversed, runes[i])
		if i == 0 && match {
			reversed = append(reversed, '\\')
		}
	}
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return string(reversed)
}

// like is SQLite's LIKE with ESCAPE '\\': the letters of ASCII match in both
// cases. It goes back to the last % only, which is enough, and takes at most the
// product of the two lengths.
func like(text, pattern string) bool {
	elements, ok := patternElements(pattern)
	if !ok {
		return false // SQLite matches nothing
	}
	runes := []rune(text)
	at, anyAt, anyText := 0, -1, 0
	for i := 0; i < len(runes); {
		switch {
		case at < len(elements) && elements[at].class == anyText0:
			anyAt, anyText = at, i
			at++
		case at < len(elements) && elements[at].matches(runes[i]):
			at++
			i++
		case anyAt >= 0:
			anyText++
			at, i = anyAt+1, anyText
		default:
			return false
		}
	}
	for at < len(elements) && elements[at].class == anyText0 {
		at++
	}
	return at == len(elements)
}

// element is a part of a pattern.
type element struct {
	class elementClass
	char  rune
}

type elementClass int

const (
	oneChar  elementClass = iota // itself
	anyChar                      // _
	anyText0                     // %
)

func (e element) matches(c rune) bool {
	return e.class == anyChar || e.class == oneChar && lower(e.char) == lower(c)
}

// patternElements reports false for a pattern that ends in its escape character.
func patternElements(pattern string) ([]element, bool) {
	var elements []element
	escaped := false
	for _, c := range pattern {
		switch {
		case escaped:
			elements, escaped = append(elements, element{oneChar, c}), false
		case c == '\\':
			escaped = true
		case c == '%':
			elements = append(elements, element{class: anyText0})
		case c == '_':
			elements = append(elements, element{class: anyChar})
		default:
			elements = append(elements, element{oneChar, c})
		}
	}
	return elements, !escaped
}

func lower(c rune) rune {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
