package requestlog

import (
	"net/url"
	"regexp"
	"strings"
)

// redacted stands where a secret was.
const redacted = "REDACTED"

// secretParams are the query parameters whose value is a credential: PocketBase's
// own, those of OAuth2, of presigned addresses, and the names that people pick.
var secretParams = map[string]bool{
	"token": true, "access_token": true, "refresh_token": true, "id_token": true, "auth": true, "authorization": true,
	"code": true, "state": true, "code_verifier": true, "client_secret": true, "assertion": true,
	"password": true, "passwordconfirm": true, "oldpassword": true, "secret": true, "otp": true, "pin": true,
	"key": true, "apikey": true, "api_key": true, "api-key": true, "session": true, "sessionid": true,
	"signature": true, "sig": true, "x-amz-signature": true, "x-amz-security-token": true, "x-amz-credential": true,
}

// jwt matches a JSON web token wherever it stands. "eyJ" is how every one
// begins: base64 of {".
var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`)

// redactQuery replaces the values of secret parameters, and tokens in others.
func redactQuery(query string) string {
	var out strings.Builder
	rest, more := query, true
	for more {
		var part string
		if i := strings.IndexAny(rest, "&;"); i >= 0 {
			part, rest = rest[:i], rest[i+1:]
		} else {
			part, more = rest, false
		}
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		key, _, hasValue := strings.Cut(part, "=")
		if hasValue && holdsSecret(key, part) {
			out.WriteString(key)
			part = "=" + redacted
		}
		out.WriteString(part)
	}
	return redactText(out.String())
}

// holdsSecret reports whether a query parameter is a credential, by its name or
// by its looks.
func holdsSecret(key, part string) bool {
	if !strings.Contains(part, "%") && !strings.Contains(key, "+") {
		return isSecretParam(key)
	}
	if name, err := url.QueryUnescape(key); err == nil {
		key = name
	}
	if isSecretParam(key) {
		return true
	}
	// a token may hide in escapes that nobody needs
	plain, err := url.QueryUnescape(part)
	return err == nil && jwt.MatchString(plain)
}

func isSecretParam(name string) bool {
	return len(name) <= longestParam && (secretParams[name] || secretParams[strings.ToLower(name)])
}

// longestParam is the length of the longest name in secretParams.
const longestParam = len("x-amz-security-token")

// redactText replaces tokens in any text.
func redactText(s string) string {
	if !strings.Contains(s, "eyJ") {
		return s
	}
	return jwt.ReplaceAllString(s, redacted)
}

// secretKeys are the attributes of the app's log that are not written, whoever
// put them there.
var secretKeys = map[string]bool{
	"password": true, "passwordconfirm": true, "oldpassword": true, "token": true, "authorization": true,
	"cookie": true, "set-cookie": true, "secret": true, "tokenkey": true, "apikey": true, "api_key": true,
}
