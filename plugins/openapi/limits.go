package openapi

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// ofCollection are the paths whose requests count towards the limits of a
// collection besides those of their path.
var ofCollection = regexp.MustCompile(`^/api/collections/([^/{}]+)/(.+)$`)

// limitTags are what PocketBase calls these requests in the labels of rate limits,
// by method and what follows the name of the collection.
var limitTags = map[string][]string{
	"GET records": {"list"}, "GET records/{id}": {"view"}, "POST records": {"create"},
	"PATCH records/{id}": {"update"}, "DELETE records/{id}": {"delete"},
	"GET auth-methods": {"listAuthMethods"}, "POST auth-refresh": {"authRefresh"},
	"POST auth-with-password": {"authWithPassword", "auth"}, "POST auth-with-oauth2": {"authWithOAuth2", "auth"},
	"POST auth-with-otp": {"authWithOTP", "auth"}, "POST request-otp": {"requestOTP"},
	"POST request-password-reset": {"requestPasswordReset"}, "POST confirm-password-reset": {"confirmPasswordReset"},
	"POST request-verification": {"requestVerification"}, "POST confirm-verification": {"confirmVerification"},
	"POST request-email-change": {"requestEmailChange"}, "POST confirm-email-change": {"confirmEmailChange"},
}

// limited reports whether a request of the operation can be one too many: if a rule
// is about it, and about the reader. Superusers have no limits; their document
// tells of those of others.
func (b *builder) limited(method, path string) bool {
	if !b.limits.Enabled || b.unlimited[method+" "+path] {
		return false
	}
	var labels []string
	if match := ofCollection.FindStringSubmatch(path); match != nil {
		for _, tag := range limitTags[method+" "+match[2]] {
			labels = append(labels, match[1]+":"+tag, "*:"+tag)
			if c := b.byID[match[1]]; c != nil && slices.Contains(actions, tag) && ruleOf(c, tag) == nil {
				return false // for superusers alone
			}
		}
	}
	for _, rule := range b.limits.Rules {
		switch {
		case rule.Audience == core.RateLimitRuleAudienceGuest && !b.reader.guest && !b.reader.superuser,
			rule.Audience == core.RateLimitRuleAudienceAuth && b.reader.guest:
			continue
		case slices.Contains(labels, rule.Label), path == "/api/files/{collection}/{recordId}/{filename}" && strings.HasSuffix(rule.Label, ":file"):
			return true
		}
		label := strings.TrimPrefix(rule.Label, method+" ")
		if strings.HasPrefix(label, "/") && covers(label, path) {
			return true
		}
	}
	return false
}

// covers reports whether a path can be that of a label, or below it if that ends in
// a slash.
func covers(label, path string) bool {
	below := strings.HasSuffix(label, "/")
	if label == path || below && strings.HasPrefix(path+"/", label) {
		return true
	}
	if !strings.Contains(path, "{") {
		return false
	}
	wanted, given := strings.Split(strings.TrimSuffix(label, "/"), "/"), strings.Split(path, "/")
	if len(given) < len(wanted) || len(given) > len(wanted) && !below {
		return false
	}
	for i, segment := range wanted {
		if given[i] != segment && !strings.HasPrefix(given[i], "{") {
			return false
		}
	}
	return true
}

// unlimitedRoutes are the operations for superusers, who have no limits, and those
// whose routes are exempt.
func (s surroundings) unlimitedRoutes() map[string]bool {
	found := map[string]bool{}
	for _, r := range s.registered {
		if r.middlewares[apis.DefaultRequireSuperuserAuthMiddlewareId] || r.exempt[apis.DefaultRateLimitMiddlewareId] {
			found[r.method+" "+openPath(r.path)] = true
		}
	}
	return found
}
