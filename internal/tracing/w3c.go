package tracing

import "strings"

// Parent is the content of a W3C traceparent header.
type Parent struct {
	// TraceID and SpanID are 32 and 16 lower-case hexadecimal digits.
	TraceID, SpanID string
	// Sampled says that whoever sent it records the trace.
	Sampled bool
}

// Parse reads a traceparent header. It refuses what the specification calls invalid,
// and accepts later versions as far as it says to.
func Parse(header string) (Parent, bool) {
	// version "-" trace id "-" parent id "-" flags
	const length = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(header) < length || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Parent{}, false
	}
	version, flags := header[:2], header[53:55]
	p := Parent{TraceID: header[3:35], SpanID: header[36:52]}
	if !isHex(version) || !isHex(p.TraceID) || !isHex(p.SpanID) || !isHex(flags) {
		return Parent{}, false
	}
	if version == "ff" || version == "00" && len(header) != length || len(header) > length && header[length] != '-' {
		return Parent{}, false
	}
	if strings.Trim(p.TraceID, "0") == "" || strings.Trim(p.SpanID, "0") == "" {
		return Parent{}, false
	}
	p.Sampled = strings.IndexByte("13579bdf", flags[1]) >= 0
	return p, true
}

// String is the header.
func (p Parent) String() string {
	flags := "-00"
	if p.Sampled {
		flags = "-01"
	}
	return "00-" + p.TraceID + "-" + p.SpanID + flags
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
