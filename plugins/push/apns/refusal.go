package apns

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// expired is the reason for a provider token that is too old.
const expired = "ExpiredProviderToken"

// symbol is what a reason looks like.
var symbol = regexp.MustCompile(`^[A-Z][A-Za-z]{0,62}$`)

// reason is APNs' own word for what went wrong: {"reason": "BadDeviceToken"}.
func reason(body []byte) string {
	var answer struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(body, &answer) != nil || !symbol.MatchString(answer.Reason) {
		return ""
	}
	return answer.Reason
}

// refusal is the error of an answer that is not 200.
func refusal(a *exchange.Answer) *provider.Error {
	e := &provider.Error{Status: a.Status, Code: reason(a.Body), RetryAfter: a.RetryAfter}
	e.Kind, e.Message = kindOf(a.Status, e.Code)
	// A wrong bundle identifier in our config must not cost every device.
	e.Alert = e.Code == "DeviceTokenNotForTopic" || e.Code == "TopicDisallowed" || e.Code == "BadTopic" || e.Code == "MissingTopic"
	return e
}

// kindOf follows the reason, and without one that it knows the status.
func kindOf(status int, reason string) (provider.Kind, string) {
	switch reason {
	case "Unregistered", "ExpiredToken":
		return provider.Gone, "the app is not on the device any more"
	case "BadDeviceToken", "MissingDeviceToken":
		return provider.Gone, "the device token is none of this environment"
	case "DeviceTokenNotForTopic":
		return provider.Refused, "the device token belongs to another app than the topic"
	case "TopicDisallowed", "BadTopic", "MissingTopic":
		return provider.Refused, "the key may not send to the topic"
	case expired, "InvalidProviderToken", "MissingProviderToken", "BadCertificate", "BadCertificateEnvironment", "Forbidden":
		return provider.Credentials, "APNs does not accept the key; look at KeyID, TeamID, PrivateKey and the clock"
	case "TooManyRequests":
		return provider.Retry, "APNs wants fewer notifications for the device"
	case "TooManyProviderTokenUpdates":
		return provider.Retry, "APNs wants fewer new provider tokens"
	case "IdleTimeout", "Shutdown", "InternalServerError", "ServiceUnavailable":
		return provider.Retry, "APNs is out of order"
	}
	switch {
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return provider.Credentials, "APNs does not accept the key"
	case status == http.StatusGone:
		return provider.Gone, "the app is not on the device any more"
	case status == http.StatusTooManyRequests:
		return provider.Retry, "APNs wants fewer notifications"
	case status == http.StatusRequestTimeout, status >= 500:
		return provider.Retry, "APNs is out of order"
	case status >= 400:
		return provider.Refused, "APNs does not take the notification"
	default:
		return provider.Retry, "APNs gives an answer that is none"
	}
}
