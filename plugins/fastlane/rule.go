package fastlane

import (
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
)

// ruleUse is what a rule needs to know besides the rows.
type ruleUse struct {
	problem  Reason // why its query cannot be kept for other requests
	verified bool   // it speaks of whether the caller is verified
	times    bool   // it speaks of the time
}

func (u ruleUse) and(other ruleUse) ruleUse {
	if u.problem == "" {
		u.problem = other.problem
	}
	u.verified = u.verified || other.verified
	u.times = u.times || other.times
	return u
}

// useOf reads a rule. PocketBase makes the same query of it for every caller of a
// kind, unless it speaks of something that differs between their requests.
func useOf(rule *string) ruleUse {
	if rule == nil || *rule == "" {
		return ruleUse{}
	}
	groups, err := fexpr.Parse(*rule)
	if err != nil {
		return ruleUse{problem: ReasonRule}
	}
	return useOfGroups(groups)
}

func useOfGroups(groups []fexpr.ExprGroup) (use ruleUse) {
	for _, group := range groups {
		switch item := group.Item.(type) {
		case fexpr.Expr:
			use = use.and(useOfToken(item.Left)).and(useOfToken(item.Right))
		case fexpr.ExprGroup:
			use = use.and(useOfGroups([]fexpr.ExprGroup{item}))
		case []fexpr.ExprGroup:
			use = use.and(useOfGroups(item))
		}
	}
	return use
}

func useOfToken(token fexpr.Token) (use ruleUse) {
	switch token.Type {
	case fexpr.TokenFunction:
		arguments, _ := token.Meta.([]fexpr.Token)
		for _, argument := range arguments {
			use = use.and(useOfToken(argument))
		}
	case fexpr.TokenIdentifier:
		return useOfName(token.Literal)
	}
	return use
}

const authPrefix = "@request.auth."

func useOfName(name string) ruleUse {
	field, ofCaller := strings.CutPrefix(name, authPrefix)
	switch {
	case ofCaller && strings.HasPrefix(field, core.FieldNameEmail): // and emailVisibility
		return ruleUse{problem: ReasonEmail}
	case ofCaller:
		return ruleUse{verified: strings.HasPrefix(field, core.FieldNameVerified)}
	case name == "@request.method" || name == "@request.context" || strings.HasPrefix(name, "@collection."):
		return ruleUse{} // the same for all requests
	case strings.HasPrefix(name, "@request."):
		return ruleUse{problem: ReasonRequest}
	case macros[macro(name)] != 0:
		return ruleUse{times: true}
	case strings.HasPrefix(name, "@"):
		return ruleUse{problem: ReasonTime}
	}
	return ruleUse{}
}
