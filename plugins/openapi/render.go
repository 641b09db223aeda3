package openapi

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ganigeorgiev/fexpr"
)

// met is a condition that always holds.
const met = "1 = 1"

// render writes a parsed rule, with [met] for each condition that is not kept.
// Rules know no negation, so whoever satisfies the rule satisfies that too.
func render(groups []fexpr.ExprGroup, keep func(fexpr.Expr) bool) (string, error) {
	var rule strings.Builder
	for i, group := range groups {
		if i > 0 {
			rule.WriteString(" " + string(group.Join) + " ")
		}
		switch item := group.Item.(type) {
		case fexpr.Expr:
			if !keep(item) {
				rule.WriteString(met)
				continue
			}
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
			inner, err := render(item, keep)
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
		if strings.ContainsAny(token.Literal, `'"\`) {
			return "", fmt.Errorf("render a rule: text with quotes")
		}
		return strconv.Quote(token.Literal), nil
	case fexpr.TokenIdentifier, fexpr.TokenNumber:
		return token.Literal, nil
	default:
		return "", fmt.Errorf("render a rule: unknown token %s %q", token.Type, token.Literal)
	}
}
