package requestlog

import "strings"

// parseTraceparent returns the ids of a W3C trace context header. It refuses
// what the specification calls invalid, and accepts later versions as far as it
// says to.
func parseTraceparent(header string) (traceID, spanID string, ok bool) {
	// version "-" trace id "-" parent id "-" flags
	const length = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(header) < length || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return "", "", false
	}
	version, traceID, spanID, flags := header[:2], header[3:35], header[36:52], header[53:55]
	if !isHex(version) || !isHex(traceID) || !isHex(spanID) || !isHex(flags) {
		return "", "", false
	}
	if version == "ff" || version == "00" && len(header) != length || len(header) > length && header[length] != '-' {
		return "", "", false
	}
	if strings.Trim(traceID, "0") == "" || strings.Trim(spanID, "0") == "" {
		return "", "", false
	}
	return traceID, spanID, true
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
