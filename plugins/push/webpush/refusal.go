package webpush

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// refusal is the error of an answer, nil if the message was taken.
func refusal(a *exchange.Answer) *provider.Error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	e := &provider.Error{Status: a.Status, Code: reason(a.Body), RetryAfter: a.RetryAfter}
	switch {
	case a.Status == http.StatusNotFound, a.Status == http.StatusGone: // RFC 8030 section 7.3
		e.Kind, e.Message = provider.Gone, "the subscription has ended"
	case a.Status == http.StatusUnauthorized, rejectedTokens[e.Code]:
		e.Kind, e.Alert, e.Message = provider.Retry, true, "the push service does not accept our signature; look at the clock and at Subject"
	case a.Status == http.StatusForbidden: // RFC 8292 section 4.2
		e.Kind, e.Alert, e.Message = provider.Refused, true, "the subscription was made with another VAPID key"
	case a.Status == http.StatusRequestEntityTooLarge:
		e.Kind, e.Message = provider.Refused, "the push service does not take messages of this length"
	case a.Status == http.StatusTooManyRequests:
		e.Kind, e.Message = provider.Retry, "the push service wants fewer messages"
	case a.Status == http.StatusRequestTimeout, a.Status >= 500:
		e.Kind, e.Message = provider.Retry, "the push service is out of order"
	case a.Status >= 400:
		e.Kind, e.Message = provider.Refused, "the push service does not take the message"
	default:
		e.Kind, e.Message = provider.Retry, "the push service answers with a redirect, which is not followed"
	}
	return e
}

// rejectedTokens are the reasons by which one push service says with other
// statuses what 401 says.
var rejectedTokens = map[string]bool{"BadJwtToken": true, "ExpiredJwtToken": true, "BadAuthorizationHeader": true}

// known are the reasons that may become a code. The server behind an endpoint is
// anybody's and could put the request's secrets into its answer, so that nothing
// else of the body is used.
var known = regexp.MustCompile(`^(Bad|Expired|Missing|Invalid|Vapid|Too|Unregistered|Payload|Topic|Internal|Service)[A-Za-z]{0,30}$`)

// reason is how a push service calls the problem: {"reason": "BadJwtToken"}.
func reason(body []byte) string {
	var answer struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(body, &answer) != nil || !known.MatchString(answer.Reason) {
		return ""
	}
	return answer.Reason
}
