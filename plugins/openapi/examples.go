package openapi

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"
)

const exampleID = "k3v8x2m9q4w7e1z"

// example is a value that the field admits, as far as its settings tell. It is
// the same whenever it is asked for.
func (b *builder) example(field core.Field) (value any, ok bool) {
	switch f := field.(type) {
	case *core.TextField:
		return b.exampleText(f.Name, f.Pattern, f.Min, f.Max)
	case *core.NumberField:
		return exampleNumber(f), true
	case *core.BoolField:
		return true, true
	case *core.EmailField:
		if len(f.OnlyDomains) > 0 {
			return "ada@" + f.OnlyDomains[0], true
		}
		return "ada@example.com", true
	case *core.URLField:
		if len(f.OnlyDomains) > 0 {
			return "https://" + f.OnlyDomains[0] + "/", true
		}
		return "https://example.com/", true
	case *core.SelectField:
		if len(f.Values) == 0 {
			return nil, false
		}
		if f.IsMultiple() {
			return []any{f.Values[0]}, true
		}
		return f.Values[0], true
	case *core.RelationField:
		return b.exampleRelation(f)
	case *core.JSONField:
		return map[string]any{"key": "value"}, true
	case *core.EditorField:
		return "<p>Some text.</p>", true
	default:
		return nil, false
	}
}

func (b *builder) exampleRelation(f *core.RelationField) (any, bool) {
	id := any(exampleID)
	if target := b.byID[f.CollectionId]; target != nil {
		if pk, ok := target.Fields.GetByName(core.FieldNameId).(*core.TextField); ok && !target.IsView() {
			if fitting, ok := b.exampleText(pk.Name, pk.Pattern, pk.Min, pk.Max); ok {
				id = fitting
			}
		}
	}
	if !f.IsMultiple() {
		return id, true
	}
	return []any{id}, f.MinSelect <= 1
}

func exampleNumber(f *core.NumberField) any {
	value := 1.0
	switch {
	case f.Min != nil && *f.Min > value:
		value = *f.Min
	case f.Max != nil && *f.Max < value:
		value = *f.Max
	}
	return value
}

// textLimits are what an example depends on.
type textLimits struct {
	name, pattern    string
	minimum, maximum int
}

func (b *builder) exampleText(name, pattern string, minimum, maximum int) (string, bool) {
	key := textLimits{name: name, pattern: pattern, minimum: minimum, maximum: maximum}
	text, ok := b.texts[key]
	if !ok {
		text, _ = exampleText(name, pattern, minimum, maximum)
		b.texts[key] = text
	}
	return text, text != ""
}

// exampleText is a text of min..max characters (0 for no limit) that matches the
// pattern, if one is easily found.
func exampleText(name, pattern string, minimum, maximum int) (string, bool) {
	if name == core.FieldNameId && fits(exampleID, pattern, minimum, maximum) {
		return exampleID, true
	}
	text := "Some " + strings.ToLower(name)
	if pattern == "" {
		for utf8.RuneCountInString(text) < minimum {
			text += " and more"
		}
		if maximum > 0 && len(text) > maximum {
			text = strings.TrimRight(text[:maximum], " ")
			for len(text) < minimum {
				text += "x"
			}
		}
		return text, true
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	for extra := range 80 {
		var out strings.Builder
		derive(&out, tree, extra)
		if fits(out.String(), pattern, minimum, maximum) {
			return out.String(), true
		}
	}
	return "", false
}

func fits(text, pattern string, minimum, maximum int) bool {
	n := utf8.RuneCountInString(text)
	if n == 0 || n < minimum || maximum > 0 && n > maximum {
		return false
	}
	if pattern == "" {
		return true
	}
	matched, err := regexp.MatchString(pattern, text)
	return err == nil && matched
}

// derive writes a text that the expression matches, in which unbounded
// repetitions have that many turns more than they need.
func derive(out *strings.Builder, re *syntax.Regexp, extra int) {
	switch re.Op {
	case syntax.OpLiteral:
		out.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		out.WriteRune(choose(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte('a')
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			derive(out, sub, extra)
		}
	case syntax.OpAlternate:
		derive(out, re.Sub[0], extra)
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		turns := extra
		switch re.Op {
		case syntax.OpPlus:
			turns++
		case syntax.OpRepeat:
			turns += re.Min
			if re.Max >= 0 {
				turns = min(turns, re.Max)
			}
		}
		for range turns {
			derive(out, re.Sub[0], 0)
		}
	}
}

// choose picks what reads best of a class, which is pairs of bounds.
func choose(class []rune) rune {
	for _, wanted := range "a0A-_" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= wanted && wanted <= class[i+1] {
				return wanted
			}
		}
	}
	if len(class) == 0 {
		return 'a'
	}
	return class[0]
}
