package exchange

import (
	"crypto/sha256"
	"encoding/base64"
)

// maxCollapseID is how long APNs lets the header be, in bytes.
const maxCollapseID = 64

// CollapseID is the value of apns-collapse-id for a key: the key itself, or a
// hash if it is too long or not fit for a header.
func CollapseID(key string) string {
	if len(key) <= maxCollapseID && printable(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// printable tells whether all of a text is ASCII without spaces and controls.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}

// topicBytes are as many as make 32 characters, the most that a topic may have.
const topicBytes = 24

// Topic is the header of RFC 8030 section 5.4 for a key: at most 32 characters of
// base64url. It is a hash, so that the push service does not read the key.
func Topic(key string) string {
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:topicBytes])
}
