package doctor

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
)

// rule is a rule of a collection, taken apart.
type rule struct {
	collection *core.Collection
	name       string // as the collection's JSON has it: "listRule"
	text       string
	locked     bool // only superusers
	comparison []fexpr.Expr
	invalid    error
}

// rulesOf are the rules of a collection that it has.
func rulesOf(c *core.Collection) []rule {
	rules := []rule{newRule(c, "listRule", c.ListRule), newRule(c, "viewRule", c.ViewRule)}
	if !c.IsView() {
		rules = append(rules, newRule(c, "createRule", c.CreateRule), newRule(c, "updateRule", c.UpdateRule), newRule(c, "deleteRule", c.DeleteRule))
	}
	if c.IsAuth() {
		rules = append(rules, newRule(c, "authRule", c.AuthRule), newRule(c, "manageRule", c.ManageRule))
	}
	return rules
}

func newRule(c *core.Collection, name string, text *string) rule {
	r := rule{collection: c, name: name, locked: text == nil}
	if r.locked || strings.TrimSpace(*text) == "" {
		return r
	}
	r.text = *text
	groups, err := fexpr.Parse(r.text)
	if err != nil {
		r.invalid = err
		return r
	}
	r.comparison = flatten(groups)
	return r
}

func flatten(groups []fexpr.ExprGroup) []fexpr.Expr {
	var all []fexpr.Expr
	for _, g := range groups {
		switch item := g.Item.(type) {
		case fexpr.Expr:
			all = append(all, item)
		case []fexpr.ExprGroup:
			all = append(all, flatten(item)...)
		}
	}
	return all
}

func (r rule) where() string { return r.collection.Name + "." + r.name }

// public tells whether the rule admits everybody.
func (r rule) public() bool { return !r.locked && r.text == "" && r.invalid == nil }

// identifiers are the names in a token, those of a function's arguments too.
func identifiers(t fexpr.Token) []string {
	switch t.Type {
	case fexpr.TokenIdentifier:
		if slices.Contains([]string{"true", "false", "null"}, strings.ToLower(t.Literal)) {
			return nil
		}
		return []string{t.Literal}
	case fexpr.TokenFunction:
		var names []string
		if arguments, ok := t.Meta.([]fexpr.Token); ok {
			for _, a := range arguments {
				names = append(names, identifiers(a)...)
			}
		}
		return names
	}
	return nil
}

// names are all names in the rule.
func (r rule) names() []string {
	var names []string
	for _, e := range r.comparison {
		names = append(names, identifiers(e.Left)...)
		names = append(names, identifiers(e.Right)...)
	}
	return names
}

// mentions tells whether the rule speaks of a name, or of what it leads to.
func (r rule) mentions(name string) bool {
	return slices.ContainsFunc(r.names(), func(n string) bool {
		rest, ok := strings.CutPrefix(n, name)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == ':')
	})
}

// ofIdentity are names that tell of the caller only that there is one.
var ofIdentity = []string{"@request.auth.id", "@request.auth.collectionName", "@request.auth.collectionId", "@request.auth.verified", "@request.context", "@request.method"}

// anySignedIn tells whether the rule admits everybody who signs in, whatever the
// record is. Collections in which nobody can create an account do not count.
func (r rule) anySignedIn(closed func(collection string) bool) bool {
	if r.text == "" || r.invalid != nil {
		return false
	}
	for _, name := range r.names() {
		if !slices.Contains(ofIdentity, name) {
			return false
		}
	}
	for _, e := range r.comparison {
		for of, with := range map[*fexpr.Token]*fexpr.Token{&e.Left: &e.Right, &e.Right: &e.Left} {
			if strings.HasPrefix(of.Literal, "@request.auth.collection") && with.Type == fexpr.TokenText && closed(with.Literal) {
				return false
			}
			// a comparison with one account admits that one
			if of.Literal == "@request.auth.id" && with.Type == fexpr.TokenText && with.Literal != "" && strings.HasSuffix(string(e.Op), "=") && !strings.HasPrefix(string(e.Op), "!") {
				return false
			}
		}
	}
	return true
}

// ofSelf tells whether the rule compares a field with the caller.
func (r rule) ofSelf(field string) bool {
	return slices.ContainsFunc(r.comparison, func(e fexpr.Expr) bool {
		same := e.Op == fexpr.SignEq || e.Op == fexpr.SignAnyEq
		left, right := strings.TrimSuffix(e.Left.Literal, ".id"), strings.TrimSuffix(e.Right.Literal, ".id")
		return same && (left == field && right == "@request.auth" || right == field && left == "@request.auth")
	})
}

// power are names of fields that give their record's owner a right.
var power = regexp.MustCompile(`(?i)^((user_?)?roles?|is_?admin|admin|is_?staff|is_?superuser|is_?owner|permissions?|plan|tier|credits?|balance)$`)

// ownership are names of relations that say whose a record is.
var ownership = regexp.MustCompile(`(?i)^(owner|user|author|creator|created_?by|account|customer|sender|uploader)$`)
