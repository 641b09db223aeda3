package clienttypes

import (
	"strings"

	"github.com/ganigeorgiev/fexpr"
)

// barred are the fields that a rule keeps out of requests whatever else holds:
// those with @request.body.field:isset = false, and for changes
// @request.body.field:changed = false as well, beside which there are only further
// conditions that must hold too. Something else gives them their values, such as a
// hook. Rules do not bind superusers.
func barred(rule *string, change bool) map[string]bool {
	fields := map[string]bool{}
	if rule == nil || !strings.Contains(*rule, "@request.body.") {
		return fields
	}
	if parsed, err := fexpr.Parse(*rule); err == nil {
		addBarred(fields, parsed, change)
	}
	return fields
}

func addBarred(fields map[string]bool, groups []fexpr.ExprGroup, change bool) {
	for i, group := range groups {
		if i > 0 && group.Join != fexpr.JoinAnd {
			return
		}
	}
	for _, group := range groups {
		switch item := group.Item.(type) {
		case []fexpr.ExprGroup:
			addBarred(fields, item, change)
		case fexpr.Expr:
			path, ofBody := strings.CutPrefix(item.Left.Literal, "@request.body.")
			name, modifier, _ := strings.Cut(path, ":")
			if !ofBody || item.Op != fexpr.SignEq || item.Right.Literal != "false" || item.Right.Type != fexpr.TokenIdentifier {
				continue
			}
			if modifier == "isset" || modifier == "changed" && change {
				fields[name] = true
			}
		}
	}
}
