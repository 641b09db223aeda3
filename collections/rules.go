package collections

import (
	"fmt"
	"strings"

	"github.com/holdall-go/holdall/plugins/schema"
)

// signedIn admits every signed-in user. A rule that compares with the user's id
// needs it: a guest's id is null, which equals the null that a join without a
// match yields, so without it guests would see an organization without members.
const signedIn = `@request.auth.collectionName = "users"`

// member admits the members of the organization that path leads to, "" for the
// record itself.
//
// Its last conditions are always true, because the fields that they name are
// required. They tell SQLite that each join on the way finds a record, so that
// it may begin at the caller's memberships instead of reading every record of
// every organization (100 times slower with 100000 work orders).
func member(path string) string {
	conditions := []string{membership(path) + `user ?= @request.auth.id`}
	if path != "" {
		conditions = append(conditions, path+`.name > ""`)
		if order, _, ok := strings.Cut(path, "."); ok {
			conditions = append(conditions, order+`.organization > ""`)
		}
	}
	return allOf(conditions...)
}

// role admits those members who have one of the roles. It must stand beside
// [member] with the same path: both look through the same back-relation, so
// they speak of one and the same membership.
func role(path string, roles ...string) string {
	alternatives := make([]string, len(roles))
	for i, r := range roles {
		alternatives[i] = fmt.Sprintf(`%srole ?= %q`, membership(path), r)
	}
	return anyOf(alternatives...)
}

// membership is the path to the fields of an organization's memberships.
func membership(path string) string {
	if path != "" {
		path += "."
	}
	return path + "memberships_via_organization."
}

// unchanged refuses a request that changes one of the fields.
func unchanged(fields ...string) string {
	conditions := make([]string, len(fields))
	for i, f := range fields {
		conditions[i] = "@request.body." + f + ":changed = false"
	}
	return allOf(conditions...)
}

// unset refuses a request that names one of the fields.
func unset(fields ...string) string {
	conditions := make([]string, len(fields))
	for i, f := range fields {
		conditions[i] = "@request.body." + f + ":isset = false"
	}
	return allOf(conditions...)
}

// all joins conditions that must all hold.
func all(conditions ...string) schema.Rule {
	return schema.Rule(allOf(conditions...))
}

// allOf joins conditions that must all hold, as part of a rule.
func allOf(conditions ...string) string {
	return join(" && ", conditions)
}

// anyOf admits when one of the conditions holds, as part of a rule.
func anyOf(conditions ...string) string {
	return join(" || ", conditions)
}

// join puts what is itself joined in parentheses, so that it stays together
// wherever the result goes.
func join(operator string, conditions []string) string {
	enclosed := make([]string, len(conditions))
	for i, c := range conditions {
		if len(conditions) > 1 && (strings.Contains(c, "&&") || strings.Contains(c, "||")) {
			c = "(" + c + ")"
		}
		enclosed[i] = c
	}
	return strings.Join(enclosed, operator)
}

const (
	owner      = "owner"
	dispatcher = "dispatcher"
	technician = "technician"
	viewer     = "viewer"
)
