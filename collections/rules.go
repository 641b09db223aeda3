package collections

import (
	"fmt"
	"strings"

	"github.com/holdall-go/holdall/plugins/schema"
)

// signedIn admits every signed-in user.
const signedIn = `@request.auth.id != "" && @request.auth.collectionName = "users"`

// member admits the members of the organization that path leads to, "" for the
// record itself. With roles, only members of one of these.
//
// Both conditions look through the same back-relation, so they hold for one and
// the same membership.
func member(path string, roles ...string) string {
	if path != "" {
		path += "."
	}
	rule := path + `memberships_via_organization.user ?= @request.auth.id`
	if len(roles) == 0 {
		return rule
	}
	alternatives := make([]string, len(roles))
	for i, role := range roles {
		alternatives[i] = fmt.Sprintf(`%smemberships_via_organization.role ?= %q`, path, role)
	}
	return rule + " && (" + strings.Join(alternatives, " || ") + ")"
}

// unchanged refuses a request that changes one of the fields.
func unchanged(fields ...string) string {
	conditions := make([]string, len(fields))
	for i, f := range fields {
		conditions[i] = "@request.body." + f + ":changed = false"
	}
	return strings.Join(conditions, " && ")
}

// unset refuses a request that names one of the fields.
func unset(fields ...string) string {
	conditions := make([]string, len(fields))
	for i, f := range fields {
		conditions[i] = "@request.body." + f + ":isset = false"
	}
	return strings.Join(conditions, " && ")
}

// all joins conditions that must all hold.
func all(conditions ...string) schema.Rule {
	return schema.Rule("(" + strings.Join(conditions, ") && (") + ")")
}

// any admits when one of the conditions holds.
func anyOf(conditions ...string) string {
	return "(" + strings.Join(conditions, ") || (") + ")"
}

const (
	owner      = "owner"
	dispatcher = "dispatcher"
	technician = "technician"
	viewer     = "viewer"
)
