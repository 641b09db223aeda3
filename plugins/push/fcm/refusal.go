package fcm

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// thirdPartyAuth is FCM's code for: APNs or the browser's push service does not
// accept what the Firebase project has stored for them.
const thirdPartyAuth = "THIRD_PARTY_AUTH_ERROR"

// errorBody is how Google's APIs say what went wrong.
type errorBody struct {
	Error struct {
		Message string `json:"message"`
		Status  string `json:"status"`
		Details []struct {
			ErrorCode  string `json:"errorCode"`
			Violations []struct {
				Field string `json:"field"`
			} `json:"fieldViolations"`
		} `json:"details"`
	} `json:"error"`
}

// symbol is what a code looks like.
var symbol = regexp.MustCompile(`^[A-Za-z][A-Za-z_]{0,62}$`)

// readError reads an answer, which may be anything.
func readError(body []byte) errorBody {
	var e errorBody
	if json.Unmarshal(body, &e) != nil {
		return errorBody{} // what was read before the mistake means nothing
	}
	return e
}

// code is FCM's own, or the one that all of Google's APIs have.
func (e errorBody) code() string {
	for _, d := range e.Error.Details {
		if symbol.MatchString(d.ErrorCode) {
			return d.ErrorCode
		}
	}
	if symbol.MatchString(e.Error.Status) {
		return e.Error.Status
	}
	return ""
}

// aboutToken tells whether an INVALID_ARGUMENT is the registration token.
func (e errorBody) aboutToken() bool {
	for _, d := range e.Error.Details {
		for _, v := range d.Violations {
			if v.Field == "message.token" {
				return true
			}
		}
	}
	return strings.Contains(e.Error.Message, "registration token is not a valid")
}

func codeOf(body []byte) string { return readError(body).code() }

// oauthCode is the error of RFC 6749 section 5.2.
func oauthCode(body []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || !symbol.MatchString(e.Error) {
		return ""
	}
	return e.Error
}

// maxMessage bounds what is kept of FCM's own words, in bytes.
const maxMessage = 300

// refusal is the error of an answer that is not 200.
func refusal(a *exchange.Answer, secrets ...string) *provider.Error {
	body := readError(a.Body)
	e := &provider.Error{Status: a.Status, Code: body.code(), RetryAfter: a.RetryAfter}
	e.Kind, e.Message = kindOf(a.Status, e.Code, body)
	e.Alert = e.Code == thirdPartyAuth || e.Code == "SENDER_ID_MISMATCH"
	if words := exchange.Mask(body.Error.Message, secrets...); words != "" {
		e.Message += ": " + exchange.Cut(words, maxMessage)
	}
	return e
}

// kindOf follows the code, and without one that it knows the status.
func kindOf(status int, code string, body errorBody) (provider.Kind, string) {
	switch code {
	case "UNREGISTERED":
		return provider.Gone, "the device is not registered any more"
	case "SENDER_ID_MISMATCH": // a wrong service account must not cost every device
		return provider.Refused, "the registration token belongs to another Firebase project"
	case "INVALID_ARGUMENT":
		if body.aboutToken() {
			return provider.Gone, "the registration token is none"
		}
		return provider.Refused, "FCM does not understand the message"
	case thirdPartyAuth:
		return provider.Retry, "the Firebase project has no working key for APNs or Web Push"
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return provider.Credentials, "FCM does not accept the service account"
	case status == http.StatusNotFound && code == "NOT_FOUND":
		return provider.Credentials, "FCM does not know the project of the service account"
	case status == http.StatusTooManyRequests:
		return provider.Retry, "FCM wants fewer messages"
	case status == http.StatusRequestTimeout, status >= 500:
		return provider.Retry, "FCM is out of order"
	case status >= 400:
		return provider.Refused, "FCM does not take the message"
	default:
		return provider.Retry, "FCM gives an answer that is none"
	}
}
