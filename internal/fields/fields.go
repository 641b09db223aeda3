// Package fields tells of PocketBase's fields what each type has and no interface
// offers, and of rules what they keep out of requests.
package fields

import (
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
)

// Help is what the dashboard shows beside the field.
func Help(field core.Field) string {
	switch f := field.(type) {
	case *core.TextField:
		return f.Help
	case *core.NumberField:
		return f.Help
	case *core.BoolField:
		return f.Help
	case *core.EmailField:
		return f.Help
	case *core.URLField:
		return f.Help
	case *core.DateField:
		return f.Help
	case *core.SelectField:
		return f.Help
	case *core.RelationField:
		return f.Help
	case *core.FileField:
		return f.Help
	case *core.JSONField:
		return f.Help
	case *core.GeoPointField:
		return f.Help
	case *core.EditorField:
		return f.Help
	case *core.PasswordField:
		return f.Help
	default:
		return ""
	}
}

// Required reports whether the field refuses to be empty. The id of a record and
// what is generated count as any other.
func Required(field core.Field) bool {
	switch f := field.(type) {
	case *core.TextField:
		return f.Required
	case *core.NumberField:
		return f.Required
	case *core.BoolField:
		return f.Required
	case *core.EmailField:
		return f.Required
	case *core.URLField:
		return f.Required
	case *core.DateField:
		return f.Required
	case *core.SelectField:
		return f.Required
	case *core.RelationField:
		return f.Required
	case *core.FileField:
		return f.Required
	case *core.JSONField:
		return f.Required
	case *core.GeoPointField:
		return f.Required
	case *core.EditorField:
		return f.Required
	case *core.PasswordField:
		return f.Required
	default:
		return false
	}
}

// MustSend reports whether a request that makes a record must set the field: it is
// required, or an id, and nothing generates it.
func MustSend(field core.Field) bool {
	if text, ok := field.(*core.TextField); ok {
		return (text.Required || text.PrimaryKey) && text.AutogeneratePattern == ""
	}
	return Required(field)
}

// Barred are the fields that a rule keeps out of requests whatever else holds:
// those with @request.body.field:isset = false, and for changes
// @request.body.field:changed = false as well, beside which there are only further
// conditions that must hold too. Something else gives them their values, such as a
// hook. Rules do not bind superusers. A rule that does not parse bars nothing.
func Barred(rule *string, change bool) map[string]bool {
	barred := map[string]bool{}
	if rule == nil || !strings.Contains(*rule, "@request.body.") {
		return barred
	}
	if parsed, err := fexpr.Parse(*rule); err == nil {
		addBarred(barred, parsed, change)
	}
	return barred
}

func addBarred(barred map[string]bool, groups []fexpr.ExprGroup, change bool) {
	for i, group := range groups {
		if i > 0 && group.Join != fexpr.JoinAnd {
			return
		}
	}
	for _, group := range groups {
		switch item := group.Item.(type) {
		case []fexpr.ExprGroup:
			addBarred(barred, item, change)
		case fexpr.Expr:
			path, ofBody := strings.CutPrefix(item.Left.Literal, "@request.body.")
			name, modifier, _ := strings.Cut(path, ":")
			if !ofBody || item.Op != fexpr.SignEq || item.Right.Literal != "false" || item.Right.Type != fexpr.TokenIdentifier {
				continue
			}
			if modifier == "isset" || modifier == "changed" && change {
				barred[name] = true
			}
		}
	}
}
