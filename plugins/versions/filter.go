package versions

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// Filter makes a filter of a client of the version one of the newest. What
// PocketBase cannot read is returned as it is, for PocketBase to refuse.
func (t *Transformer) Filter(collection, filter string) (string, error) {
	return t.filter(t.collection(collection), filter, nil)
}

// filter does so. auth is the collection of who asks, nil for guests.
func (t *Transformer) filter(c *core.Collection, filter string, auth *core.Collection) (string, error) {
	if t.identical() || c == nil || filter == "" || len(filter) > search.MaxFilterLength ||
		!utf8.ValidString(filter) || strings.IndexByte(filter, 0) >= 0 {
		return filter, nil
	}
	r := filterRewriter{t: t, collection: c, auth: auth}
	out, err := r.level([]byte(filter))
	if r.unreadable {
		return filter, nil
	}
	if err != nil {
		return "", err
	}
	return string(out), nil
}

// filterRewriter writes a filter anew, token by token, and leaves all as it is but
// the names of fields.
type filterRewriter struct {
	t                *Transformer
	collection, auth *core.Collection
	unreadable       bool // PocketBase will not understand the filter
}

// token is one of PocketBase's, with where it stands in the source.
type token struct {
	fexpr.Token
	source []byte
}

// scan reads the token that the source begins with.
func (r *filterRewriter) scan(source []byte) token {
	read, err := fexpr.NewScanner(source).Scan()
	length := len(read.Literal)
	switch read.Type {
	case fexpr.TokenText:
		length = textLength(source)
	case fexpr.TokenGroup:
		length += len("()")
	case fexpr.TokenComment:
		if length = bytes.IndexByte(source, '\n') + 1; length == 0 {
			length = len(source)
		}
	case fexpr.TokenFunction:
		length = len(read.Literal) + r.argumentsLength(source[len(read.Literal):])
	}
	if err != nil || length <= 0 || length > len(source) {
		r.unreadable = true
		return token{Token: fexpr.Token{Type: fexpr.TokenEOF}}
	}
	return token{Token: read, source: source[:length]}
}

// textLength is the length of quoted text.
func textLength(source []byte) int {
	for i := 1; i < len(source); i++ {
		switch source[i] {
		case '\\':
			i++
		case source[0]:
			return i + 1
		}
	}
	return -1
}

// argumentsLength is the length of the brackets after the name of a function.
func (r *filterRewriter) argumentsLength(source []byte) int {
	for i := 1; i < len(source); {
		if source[i] == ')' {
			return i + 1
		}
		i += r.argumentLength(source[i:])
	}
	return -len(source)
}

// argumentLength is the length of what comes next in the brackets: a comma or a
// token.
func (r *filterRewriter) argumentLength(source []byte) int {
	if source[0] == ',' {
		return 1
	}
	if t := r.scan(source); !r.unreadable {
		return len(t.source)
	}
	return len(source)
}

// level rewrites what is in one pair of brackets.
func (r *filterRewriter) level(source []byte) ([]byte, error) {
	out := make([]byte, 0, len(source)+32)
	var comparison []token // with the white space in it
	operands := 0
	for len(source) > 0 {
		next := r.scan(source)
		if r.unreadable {
			return nil, nil
		}
		source = source[len(next.source):]
		switch next.Type {
		case fexpr.TokenGroup:
			if operands > 0 { // PocketBase forgets the operand
				r.unreadable = true
				return nil, nil
			}
			inner, err := r.level(next.source[1 : len(next.source)-1])
			if err != nil {
				return nil, err
			}
			out = append(append(append(out, '('), inner...), ')')
		case fexpr.TokenIdentifier, fexpr.TokenText, fexpr.TokenNumber, fexpr.TokenFunction:
			comparison = append(comparison, next)
			if operands++; operands < 2 {
				continue
			}
			rewritten, err := r.compare(comparison)
			if err != nil {
				return nil, err
			}
			out = append(out, rewritten...)
			comparison, operands = comparison[:0], 0
		default:
			if operands > 0 {
				comparison = append(comparison, next)
				continue
			}
			out = append(out, next.source...)
		}
	}
	r.unreadable = r.unreadable || operands > 0
	return out, nil
}

// compare rewrites a comparison: an operand, an operator and another operand, with
// white space and comments in between.
func (r *filterRewriter) compare(tokens []token) ([]byte, error) {
	left, right := tokens[0], tokens[len(tokens)-1]
	var operator token
	for _, t := range tokens[1 : len(tokens)-1] {
		if t.Type == fexpr.TokenSign {
			operator = t
		}
	}
	other, err := r.operand(right)
	if err != nil {
		return nil, err
	}
	if left.Type == fexpr.TokenIdentifier {
		if w, modifier := r.identifier(left.Literal); w.by >= 0 {
			return r.translate(w, modifier, left.Literal, operator.Literal, right, other)
		}
	}
	out, err := r.operand(left)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens[1 : len(tokens)-1] {
		out = append(out, t.source...)
	}
	return append(out, other...), nil
}

// translate writes what means the same as a comparison with a field that is gone.
func (r *filterRewriter) translate(w way, modifier, name, operator string, right token, operand []byte) ([]byte, error) {
	refused := r.t.changed("filter", "filter by", name)
	change := w.change()
	if change.filterBy == nil || modifier != "" || w.rest != "" {
		return nil, refused
	}
	var failed error
	filter, err := change.filterBy(Comparison{
		Operator: operator, Operand: string(operand), IsText: right.Type == fexpr.TokenText, Text: right.Literal,
		err: &failed,
		path: func(field string) (string, error) {
			names, by := w.plan.resolve(field, w.by+1)
			if by >= 0 || len(names) != 1 {
				return field, refused
			}
			return w.prefix + names[0], nil
		},
	})
	if err != nil {
		return nil, fieldRefusal("filter", codeFieldChanged, err.Error())
	}
	if failed != nil {
		return nil, failed
	}
	return []byte("(" + filter + ")"), nil
}

// operand rewrites one side of a comparison.
func (r *filterRewriter) operand(t token) ([]byte, error) {
	switch t.Type {
	case fexpr.TokenIdentifier:
		w, modifier := r.identifier(t.Literal)
		if w.by >= 0 {
			return nil, r.t.changed("filter", "filter by", t.Literal)
		}
		return []byte(w.path() + modifier), nil
	case fexpr.TokenFunction:
		return r.function(t)
	}
	return bytes.Clone(t.source), nil
}

// function rewrites the arguments of a function.
func (r *filterRewriter) function(t token) ([]byte, error) {
	out := append([]byte(t.Literal), '(')
	inner := t.source[len(t.Literal)+1 : len(t.source)-1]
	for len(inner) > 0 {
		length := r.argumentLength(inner)
		argument := inner[:length]
		inner = inner[length:]
		if argument[0] == ',' {
			out = append(out, ',')
			continue
		}
		next := r.scan(argument)
		if r.unreadable {
			return nil, nil
		}
		written, err := r.operand(next)
		if err != nil {
			return nil, err
		}
		out = append(out, written...)
	}
	return append(out, ')'), nil
}

// identifier finds what an identifier is now, without its modifier, such as
// ":lower".
func (r *filterRewriter) identifier(literal string) (w way, modifier string) {
	as := func(prefix string, c *core.Collection, path string) (way, string) {
		path, modifier, modified := strings.Cut(path, ":")
		if modified {
			modifier = ":" + modifier
		}
		w := r.t.walk(c, path)
		w.prefix = prefix + w.prefix
		return w, modifier
	}
	if literal[0] != '@' {
		return as("", r.collection, literal)
	}
	if path, ok := strings.CutPrefix(literal, "@request.auth."); ok {
		return as("@request.auth.", r.auth, path)
	}
	if rest, ok := strings.CutPrefix(literal, "@collection."); ok {
		if name, path, ok := strings.Cut(rest, "."); ok {
			plain, _, _ := strings.Cut(name, ":") // an alias
			return as("@collection."+name+".", r.t.collection(plain), path)
		}
	}
	return way{names: []string{literal}, by: -1}, ""
}
