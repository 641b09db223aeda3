package fastlane

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// tagOf is the tag of an answer: what it is made of, as package idempotency has it for
// records, so that the tag of a record is good for its If-Match, too.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// give answers as PocketBase's e.JSON does. With tags, a client that has the very
// answer is told so instead. What another has tagged is left alone.
func (p *Plugin) give(e *core.RequestEvent, answer content) {
	header := e.Response.Header()
	if !p.config.ETags || header.Get("Etag") != "" {
		writeJSON(e, answer.body)
		return
	}
	tag := answer.tag
	if tag == "" {
		tag = tagOf(answer.body)
	}
	if compressed(header) {
		tag = "W/" + tag // who gets other bytes has the same tag
	}
	header["Etag"] = []string{tag}
	expose(e)
	if known := e.Request.Header["If-None-Match"]; len(known) > 0 && matches(known, tag) {
		e.Response.WriteHeader(http.StatusNotModified)
		return
	}
	writeJSON(e, answer.body)
}

// compressed tells whether a middleware compresses answers for those who take that.
func compressed(header http.Header) bool {
	for _, value := range header["Vary"] {
		if strings.Contains(strings.ToLower(value), "accept-encoding") {
			return true
		}
	}
	return false
}

// expose lets scripts of other origins read the tag, where they may read the answer.
func expose(e *core.RequestEvent) {
	header := e.Response.Header()
	if w, ok := e.Response.(*frontWriter); ok {
		header = http.Header(w.allowed) // which are added when it is written
	}
	if header.Get("Access-Control-Allow-Origin") != "" {
		header.Add("Access-Control-Expose-Headers", "ETag")
	}
}

// matches tells whether a tag is among those of If-None-Match, weak or not, or the header
// has a star. Behind what is no tag nothing counts: the client gets the answer.
func matches(values []string, tag string) bool {
	opaque := strings.TrimPrefix(tag, "W/")
	rest := strings.Join(values, ",")
	if strings.Trim(rest, " \t") == "*" {
		return true
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		length := tagLength(rest)
		if length == 0 {
			return false
		}
		candidate := strings.TrimPrefix(rest[:length], "W/")
		rest = strings.TrimLeft(rest[length:], " \t")
		if rest != "" && rest[0] != ',' {
			return false
		}
		if candidate == opaque {
			return true
		}
	}
}

// tagLength is how long the tag is that a text begins with, 0 for none.
func tagLength(text string) int {
	start := 0
	if strings.HasPrefix(text, "W/") {
		start = len("W/")
	}
	if len(text) <= start || text[start] != '"' {
		return 0
	}
	for i := start + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1
		case c < 0x21 || c == 0x7f:
			return 0
		}
	}
	return 0
}
