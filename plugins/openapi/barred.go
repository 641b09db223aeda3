package openapi

import (
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
)

// barred are the fields that the rule of an action keeps out of requests whatever
// else holds: those with @request.body.field:isset = false, and for changes
// @request.body.field:changed = false as well, beside which there are only further
// conditions that must hold too.
func barred(c *core.Collection, action string) map[string]bool {
	rule := ruleOf(c, action)
	if rule == nil || !strings.Contains(*rule, "@request.body.") {
		return nil
	}
	parsed, err := fexpr.Parse(*rule)
	if err != nil {
		return nil
	}
	fields := map[string]bool{}
	addBarred(fields, parsed, action)
	return fields
}

func addBarred(fields map[string]bool, groups []fexpr.ExprGroup, action string) {
	for i, group := range groups {
		if i > 0 && group.Join != fexpr.JoinAnd {
			return
		}
	}
	for _, group := range groups {
		switch item := group.Item.(type) {
		case []fexpr.ExprGroup:
			addBarred(fields, item, action)
		case fexpr.Expr:
			path, ofBody := strings.CutPrefix(item.Left.Literal, "@request.body.")
			name, modifier, _ := strings.Cut(path, ":")
			if !ofBody || item.Op != fexpr.SignEq || item.Right.Literal != "false" || item.Right.Type != fexpr.TokenIdentifier {
				continue
			}
			if modifier == "isset" || modifier == "changed" && action == actionUpdate {
				fields[name] = true
			}
		}
	}
}
