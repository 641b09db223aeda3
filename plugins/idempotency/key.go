package idempotency

import (
	"net/http"
	"strings"
)

// The header names, in their canonical spelling.
const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// maxKey is the length of the longest key, in bytes.
const maxKey = 255

// parseKey reads the values of the header. The draft of the IETF wants the key
// to be a quoted string, as in "8e03978e-40d5", and most clients send it bare:
// both mean the same key.
func parseKey(values []string) (string, error) {
	if len(values) != 1 {
		return "", refusal(http.StatusBadRequest, codeKeyInvalid, "Send one Idempotency-Key.")
	}
	text := strings.Trim(values[0], " \t")
	key, ok := text, bare(text)
	if strings.HasPrefix(text, `"`) {
		key, ok = unquote(text)
	}
	if !ok || key == "" || len(key) > maxKey {
		return "", refusal(http.StatusBadRequest, codeKeyInvalid,
			"The Idempotency-Key must be 1 to 255 printable ASCII characters, such as a UUID, in quotes if there are spaces, quotes, commas, semicolons or backslashes among them.")
	}
	return key, nil
}

// bare reports whether the text can stand without quotes.
func bare(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || strings.IndexByte(`",;\`, c) >= 0 {
			return false
		}
	}
	return true
}

// unquote reads a string of RFC 8941, without parameters.
func unquote(text string) (string, bool) {
	var key strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return key.String(), i == len(text)-1
		case c == '\\':
			i++
			if i == len(text) || text[i] != '"' && text[i] != '\\' {
				return "", false
			}
			key.WriteByte(text[i])
		case c < ' ' || c > '~':
			return "", false
		default:
			key.WriteByte(c)
		}
	}
	return "", false // it does not end
}
