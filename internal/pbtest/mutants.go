package pbtest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ganigeorgiev/fexpr"
)

// Mutant is a rule with one mistake in it. A [Suite] that claims enough about
// the rule fails on it.
type Mutant struct {
	// Mistake says what was done: "without author = @request.auth.id".
	Mistake string
	// Rule is what is left; nil locks the action.
	Rule *string
}

// Mutants returns the mistakes that can be made with a rule: to open it for
// everybody, to lock it, and to leave out one of its conditions, at any depth.
func Mutants(rule string) ([]Mutant, error) {
	groups, err := fexpr.Parse(rule)
	if err != nil {
		return nil, fmt.Errorf("parse the rule %s: %w", rule, err)
	}
	public := ""
	mutants := []Mutant{{Mistake: "public", Rule: &public}, {Mistake: "locked"}}

	err = leaveOutEach(groups, func(left []fexpr.ExprGroup, out fexpr.ExprGroup) error {
		what, err := render([]fexpr.ExprGroup{out})
		if err != nil || len(left) == 0 {
			return err // without its only condition a rule is public, which is there already
		}
		mutant, err := render(left)
		mutants = append(mutants, Mutant{Mistake: "without " + what, Rule: &mutant})
		return err
	})
	return mutants, err
}

// leaveOutEach calls yield for each condition, of whatever depth, with what is
// left of the groups without it.
func leaveOutEach(groups []fexpr.ExprGroup, yield func(left []fexpr.ExprGroup, out fexpr.ExprGroup) error) error {
	for i, group := range groups {
		rest := append(append([]fexpr.ExprGroup{}, groups[:i]...), groups[i+1:]...)
		if err := yield(rest, group); err != nil {
			return err
		}
		inner, ok := group.Item.([]fexpr.ExprGroup)
		if !ok {
			continue
		}
		err := leaveOutEach(inner, func(left []fexpr.ExprGroup, out fexpr.ExprGroup) error {
			if len(left) == 0 {
				return nil // the same as without the group
			}
			changed := append([]fexpr.ExprGroup{}, groups...)
			changed[i].Item = left
			return yield(changed, out)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// render writes parsed groups as a rule.
func render(groups []fexpr.ExprGroup) (string, error) {
	var rule strings.Builder
	for i, group := range groups {
		if i > 0 {
			rule.WriteString(" " + string(group.Join) + " ")
		}
		switch item := group.Item.(type) {
		case fexpr.Expr:
			left, err := renderToken(item.Left)
			if err != nil {
				return "", err
			}
			right, err := renderToken(item.Right)
			if err != nil {
				return "", err
			}
			rule.WriteString(left + " " + string(item.Op) + " " + right)
		case []fexpr.ExprGroup:
			inner, err := render(item)
			if err != nil {
				return "", err
			}
			rule.WriteString("(" + inner + ")")
		default:
			return "", fmt.Errorf("render a rule: unknown item %T", item)
		}
	}
	return rule.String(), nil
}

func renderToken(token fexpr.Token) (string, error) {
	switch token.Type {
	case fexpr.TokenText:
		return strconv.Quote(token.Literal), nil
	case fexpr.TokenIdentifier, fexpr.TokenNumber:
		return token.Literal, nil
	default:
		return "", fmt.Errorf("render a rule: unknown token %s %q", token.Type, token.Literal)
	}
}
