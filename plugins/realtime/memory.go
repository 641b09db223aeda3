package realtime

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
)

// program evaluates a rule or filter without SQL, with the result of the SQL that
// PocketBase compiles it to. It covers comparisons of a record's own plain columns,
// literals and plain values of the caller. Whatever it does not understand down to
// the last corner is not compiled, or evaluates to unknown, and is left to SQL. A
// fuzz test holds it against SQL.
type program struct {
	// any of these has to hold, and all of the comparisons in it: PocketBase
	// writes a flat list, in which AND binds closer
	any [][]node
}

// node is a comparison or a group in parentheses.
type node struct {
	group       *program
	op          fexpr.SignOp
	left, right operand
}

// operand is a side of a comparison.
type operand struct {
	column  string // of the row
	auth    string // a field of the caller
	literal value
	kind    kind
}

// kind is what an operand can be, besides null.
type kind int

const (
	kindNull kind = iota
	kindText
	kindNumber
)

// value is a value during evaluation.
type value struct {
	kind   kind
	text   string
	number float64
}

type verdict int

const (
	unknown verdict = iota
	yes
	no
)

// maxComparisons is PocketBase's limit. It refuses longer conditions.
const maxComparisons = 200

// compile returns nil for conditions that are SQL's business.
func compile(collection *core.Collection, text string, trusted bool) *program {
	groups, err := fexpr.Parse(text)
	if err != nil || strings.Count(text, "&&")+strings.Count(text, "||") >= maxComparisons {
		return nil
	}
	c := compiler{collection, trusted}
	return c.groups(groups)
}

type compiler struct {
	collection *core.Collection
	trusted    bool
}

func (c compiler) groups(groups []fexpr.ExprGroup) *program {
	if len(groups) == 0 {
		return nil
	}
	p := &program{}
	for i, g := range groups {
		n, ok := c.node(g.Item)
		if !ok {
			return nil
		}
		if i == 0 || g.Join == fexpr.JoinOr {
			p.any = append(p.any, nil)
		}
		p.any[len(p.any)-1] = append(p.any[len(p.any)-1], n)
	}
	return p
}

func (c compiler) node(item any) (node, bool) {
	switch it := item.(type) {
	case fexpr.Expr:
		return c.comparison(it)
	case fexpr.ExprGroup:
		group := c.groups([]fexpr.ExprGroup{it})
		return node{group: group}, group != nil
	case []fexpr.ExprGroup:
		group := c.groups(it)
		return node{group: group}, group != nil
	}
	return node{}, false
}

// single are the operators of fields with several values, which for others are
// the same without the question mark.
var single = map[fexpr.SignOp]fexpr.SignOp{
	fexpr.SignAnyEq: fexpr.SignEq, fexpr.SignAnyNeq: fexpr.SignNeq, fexpr.SignAnyLike: fexpr.SignLike, fexpr.SignAnyNlike: fexpr.SignNlike,
	fexpr.SignAnyLt: fexpr.SignLt, fexpr.SignAnyLte: fexpr.SignLte, fexpr.SignAnyGt: fexpr.SignGt, fexpr.SignAnyGte: fexpr.SignGte,
}

func (c compiler) comparison(e fexpr.Expr) (node, bool) {
	left, okLeft := c.operand(e.Left)
	right, okRight := c.operand(e.Right)
	n := node{op: e.Op, left: left, right: right}
	if plain, ok := single[e.Op]; ok {
		n.op = plain
	}
	if !okLeft || !okRight {
		return n, false
	}
	// SQLite converts between kinds by the affinities of the sides
	if left.kind != kindNull && right.kind != kindNull && left.kind != right.kind {
		return n, false
	}
	if n.op == fexpr.SignLike || n.op == fexpr.SignNlike {
		pattern := right.kind == kindText && right.column == "" && (right.auth == "" || plainAuth[right.auth])
		return n, left.kind == kindText && (pattern || right.kind == kindNull)
	}
	return n, true
}

// plainAuth are the values of the caller that PocketBase writes into the query,
// unlike others, which it reads from the caller's row.
var plainAuth = map[string]bool{
	core.FieldNameId: true, core.FieldNameCollectionId: true, core.FieldNameCollectionName: true, core.FieldNameEmail: true,
}

func (c compiler) operand(t fexpr.Token) (operand, bool) {
	switch t.Type {
	case fexpr.TokenText:
		return operand{literal: value{kind: kindText, text: t.Literal}, kind: kindText}, isPlain(t.Literal)
	case fexpr.TokenNumber:
		number, err := strconv.ParseFloat(t.Literal, 64)
		return operand{literal: value{kind: kindNumber, number: number}, kind: kindNumber}, err == nil && isExact(number)
	case fexpr.TokenIdentifier:
		return c.identifier(t.Literal)
	}
	return operand{}, false
}

func (c compiler) identifier(name string) (operand, bool) {
	if field, ok := strings.CutPrefix(name, "@request.auth."); ok {
		return c.auth(field)
	}
	if f := c.collection.Fields.GetByName(name); f != nil {
		return c.column(f)
	}
	switch strings.ToLower(name) {
	case "null":
		return operand{}, true
	case "true":
		return operand{literal: value{kind: kindNumber, number: 1}, kind: kindNumber}, true
	case "false":
		return operand{literal: value{kind: kindNumber}, kind: kindNumber}, true
	}
	return operand{}, false
}

func (c compiler) column(f core.Field) (operand, bool) {
	if !isLogged(f) || !c.trusted && (f.GetHidden() || f.GetName() == core.FieldNameEmail) {
		return operand{}, false
	}
	switch kindOf(f) {
	case textColumn:
		return operand{column: f.GetName(), kind: kindText}, true
	case numberColumn:
		return operand{column: f.GetName(), kind: kindNumber}, true
	case otherColumn:
	}
	return operand{}, false
}

// auth compiles a value of the caller. Which fields the caller has is known only
// when there is one, so a name without dots and modifiers may be any.
func (c compiler) auth(field string) (operand, bool) {
	if strings.ContainsAny(field, ".:") || !c.trusted {
		return operand{}, false
	}
	switch field {
	case core.FieldNameVerified, core.FieldNameEmailVisibility, core.FieldNameTokenKey, core.FieldNamePassword:
		return operand{}, false
	}
	// PocketBase reads a text as a number if the collection has a number of that name
	if f := c.collection.Fields.GetByName(field); plainAuth[field] && f != nil && f.Type() == core.FieldTypeNumber {
		return operand{}, false
	}
	return operand{auth: field, kind: kindText}, true
}

// eval evaluates the program for a row and a caller, nil for guests.
func (p *program) eval(row *image, auth *core.Record) verdict {
	result := no
	for _, all := range p.any {
		switch evalAll(all, row, auth) {
		case yes:
			return yes
		case unknown:
			result = unknown
		case no:
		}
	}
	return result
}

func evalAll(all []node, row *image, auth *core.Record) verdict {
	result := yes
	for _, n := range all {
		switch n.eval(row, auth) {
		case no:
			return no
		case unknown:
			result = unknown
		case yes:
		}
	}
	return result
}

func (n *node) eval(row *image, auth *core.Record) verdict {
	if n.group != nil {
		return n.group.eval(row, auth)
	}
	left, okLeft := n.left.value(row, auth)
	right, okRight := n.right.value(row, auth)
	if !okLeft || !okRight {
		return unknown
	}
	var holds bool
	switch n.op {
	case fexpr.SignEq:
		holds = equal(left, right)
	case fexpr.SignNeq:
		holds = !equal(left, right)
	case fexpr.SignLike, fexpr.SignNlike:
		if left.kind == kindNull || right.kind == kindNull {
			return no
		}
		pattern := likePattern(right.text)
		if len(pattern) > maxPattern {
			return unknown
		}
		holds = like(left.text, pattern) == (n.op == fexpr.SignLike)
	default:
		if left.kind == kindNull || right.kind == kindNull {
			return no
		}
		holds = ordered(n.op, compare(left, right))
	}
	if holds {
		return yes
	}
	return no
}

// equal is PocketBase's equality: null is the empty text.
func equal(a, b value) bool {
	if a.kind == kindNull {
		a.kind = kindText
	}
	if b.kind == kindNull {
		b.kind = kindText
	}
	return a == b
}

func compare(a, b value) int {
	if a.kind == kindText {
		return strings.Compare(a.text, b.text)
	}
	switch {
	case a.number < b.number:
		return -1
	case a.number > b.number:
		return 1
	}
	return 0
}

func ordered(op fexpr.SignOp, order int) bool {
	switch op {
	case fexpr.SignLt:
		return order < 0
	case fexpr.SignLte:
		return order <= 0
	case fexpr.SignGt:
		return order > 0
	case fexpr.SignGte:
		return order >= 0
	}
	return false
}

// value returns what the operand is for a row and a caller. It reports false if
// that is not what the compiler took for granted.
func (o *operand) value(row *image, auth *core.Record) (value, bool) {
	switch {
	case o.column != "":
		return columnValue(row.columns, o)
	case o.auth != "":
		return authValue(o.auth, auth)
	}
	return o.literal, true
}

func columnValue(columns map[string]any, o *operand) (value, bool) {
	switch v := columns[o.column].(type) {
	case string:
		return value{kind: kindText, text: v}, o.kind == kindText && isPlain(v)
	case json.Number:
		number, err := v.Float64()
		return value{kind: kindNumber, number: number}, o.kind == kindNumber && err == nil && isExact(number)
	}
	return value{}, false // null is nothing that PocketBase stores
}

func authValue(field string, auth *core.Record) (value, bool) {
	if auth == nil {
		return value{}, true
	}
	switch field {
	case core.FieldNameCollectionId:
		return value{kind: kindText, text: auth.Collection().Id}, true
	case core.FieldNameCollectionName:
		return value{kind: kindText, text: auth.Collection().Name}, true
	}
	f := auth.Collection().Fields.GetByName(field)
	if f == nil || kindOf(f) != textColumn || f.Type() == core.FieldTypeDate || f.Type() == core.FieldTypeAutodate {
		return value{}, false
	}
	text := auth.GetString(field)
	return value{kind: kindText, text: text}, isPlain(text)
}

// isPlain tells whether a text is the same to Go and to SQLite: some functions of
// SQLite end a text at a zero, and what is no UTF-8 reaches Go changed.
func isPlain(text string) bool {
	return !strings.ContainsAny(text, "\x00\uFFFD")
}

// isExact tells whether a number has no neighbours that a float cannot hold.
func isExact(number float64) bool {
	return math.Abs(number) < 1<<53
}
