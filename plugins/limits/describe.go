package limits

import (
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// The names of answers in the document.
const (
	nameAttempts = "TooManyAttempts"
	nameRate     = "RateLimited"
	nameTimeout  = "QueryTimeout"
	nameLate     = "RequestTimeout"
)

var (
	attemptPath = regexp.MustCompile(`^/api/collections/[^/]+/(auth-with-password|auth-with-otp|request-otp|request-password-reset)$`)
	recordsPath = regexp.MustCompile(`^/api/collections/[^/{}]+/records(/\{id\})?$`)
)

// describe tells of the refusals, on the operations that have them.
func (p *Plugin) describe(app core.App) {
	apidoc.Of(app).AddRule(apidoc.Rule{
		ID: registered,
		Components: func(all *apidoc.Components) {
			for name, text := range map[string]string{
				nameAttempts: "Too many requests.\n\n- `data.code` is `" + CodeAttempts + "` if there were too many attempts at this account or from this address, " +
					"whether or not there is such an account. Nothing was compared or sent.",
				nameRate: "Too many requests.\n\n- `data.code` is `" + CodeRate + "` if the caller has none left. The header RateLimit says of which. It is `" +
					CodeQuotaRequests + "` if the organization has none left for the day.",
				nameTimeout: "Service Unavailable.\n\n- `data.code` is `" + CodeQueryTimeout + "` if the query took too long, and `" + CodeRequestTimeout + "` if the whole request did. Ask for less, or try again later.",
				nameLate:    "Service Unavailable.\n\n- `data.code` is `" + CodeRequestTimeout + "` if the answer did not begin in time. What was asked for may have been done all the same.",
			} {
				answer := all.Responses["BadRequest"]
				answer.Description = text
				answer.Headers = map[string]apidoc.Header{"Retry-After": {
					Schema: &apidoc.Schema{Type: "integer"}, Description: "After how many seconds to try again.",
				}}
				all.Responses[name] = answer
			}
		},
		Apply: func(method, path string, op *apidoc.Operation) {
			switch {
			case !p.config.Lockout.Off && method == "POST" && attemptPath.MatchString(path):
				op.Responses["429"] = apidoc.Response{Ref: "#/components/responses/" + nameAttempts}
			case (len(p.config.Rates) > 0 || p.config.Quota.OfRequest != nil) && strings.HasPrefix(path, "/api/"):
				if _, said := op.Responses["429"]; !said {
					op.Responses["429"] = apidoc.Response{Ref: "#/components/responses/" + nameRate}
				}
			}
			if _, said := op.Responses["503"]; !said && method == "GET" && recordsPath.MatchString(path) {
				op.Responses["503"] = apidoc.Response{Ref: "#/components/responses/" + nameTimeout}
			}
			if _, said := op.Responses["503"]; !said && p.config.Requests.Deadline > 0 && p.config.Requests.bounds(path) {
				op.Responses["503"] = apidoc.Response{Ref: "#/components/responses/" + nameLate}
			}
		},
	})
}
