package contract

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// matching makes a text that a pattern matches, if it is one of Go's.
func (m *maker) matching(pattern string) (string, bool) {
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return "", false
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var text strings.Builder
	m.write(&text, parsed)
	return text.String(), compiled.MatchString(text.String())
}

func (m *maker) write(text *strings.Builder, re *syntax.Regexp) {
	repeat := func(least, most int) {
		if most < 0 || most > least+3 {
			most = least + 3
		}
		for range least + m.rand.IntN(most-least+1) {
			m.write(text, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		text.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		text.WriteRune(m.oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		text.WriteByte('x')
	case syntax.OpCapture:
		m.write(text, re.Sub[0])
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(re.Min, re.Max)
	case syntax.OpConcat:
		for _, part := range re.Sub {
			m.write(text, part)
		}
	case syntax.OpAlternate:
		m.write(text, re.Sub[m.rand.IntN(len(re.Sub))])
	default: // the start, the end and what is between words take no place
	}
}

// oneOf takes a character of a class: pairs of a first and a last one. Those of
// ASCII that can be seen go before others.
func (m *maker) oneOf(class []rune) rune {
	var seen []rune
	for i := 0; i+1 < len(class); i += 2 {
		for r := max(class[i], '!'); r <= min(class[i+1], '~'); r++ {
			seen = append(seen, r)
		}
	}
	if len(seen) > 0 {
		return seen[m.rand.IntN(len(seen))]
	}
	if len(class) == 0 {
		return 'x'
	}
	return class[0]
}
