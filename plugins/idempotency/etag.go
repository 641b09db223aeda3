package idempotency

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// rowTag holds, in a request's event, the tag of the record without what expand
// and fields make of it.
const rowTag = "holdallIdempotencyRow"

// digest is the tag of a content.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// answerTagged runs the rest of a request that is answered with one record, and
// adds the tag of the answer.
func answerTagged(e *core.RequestEvent, next func() error) error {
	c, restore := captureAnswer(e, false)
	defer restore()
	err := next()
	tag(e, c)
	if e.Request.Method != http.MethodPost && e.Request.Method != http.MethodPatch {
		notModified(e.Request, c)
	}
	c.send()
	return err
}

// tag sets the ETag of a record's answer: the digest of its body, and before it,
// when expand or fields have made something else of the record, that of the
// record as such. The body's changes with everything that can be seen, the
// record's is what an If-Match is compared with.
func tag(e *core.RequestEvent, c *capture) {
	h := c.Header()
	if c.status != http.StatusOK || c.through || h.Get("Etag") != "" {
		return
	}
	whole := digest(c.body.Bytes())
	if row, ok := e.Get(rowTag).(string); ok && row != whole {
		whole = row + "." + whole
	}
	h["Etag"] = []string{`"` + whole + `"`}
	expose(e, "ETag")
}

// notModified takes the body out of the answer when the client has it.
func notModified(r *http.Request, c *capture) {
	h := c.Header()
	known, tag := r.Header["If-None-Match"], h.Get("Etag")
	if len(known) == 0 || c.status != http.StatusOK || tag == "" || c.through {
		return
	}
	matches := anyTag(known, func(candidate string) bool { return strings.TrimPrefix(candidate, "W/") == tag })
	if matches {
		c.status = http.StatusNotModified
		c.body.Reset()
		h.Del("Content-Type")
	}
}

// noteRow computes the tag of the record where the body's is not the same.
func noteRow(e *core.RecordRequestEvent) error {
	if err := e.Next(); err != nil {
		return err
	}
	if _, ours := e.Response.(*capture); !ours || e.Request.URL.RawQuery == "" && len(e.Record.Expand()) == 0 {
		return nil
	}
	row, err := tagOf(e.Record)
	if err != nil {
		return e.InternalServerError("", err)
	}
	e.Set(rowTag, row)
	return nil
}

// tagOf is the digest of a record as it is answered without expand and fields.
func tagOf(record *core.Record) (string, error) {
	export := record.PublicExport()
	delete(export, core.FieldNameExpand)
	content, err := json.Marshal(export)
	if err != nil {
		return "", fmt.Errorf("idempotency: tag %s/%s: %w", record.Collection().Name, record.Id, err)
	}
	return digest(append(content, '\n')), nil // as the answer ends
}

// checkMatch refuses to change a record that is not the one the client has seen.
// The middleware, or the batch, has made a transaction of the request.
func checkMatch(e *core.RecordRequestEvent) error {
	wanted := e.Request.Header["If-Match"]
	if len(wanted) == 0 {
		return e.Next()
	}
	if e.Record.IsNew() { // an upsert in a batch, of a record that is gone
		return refusal(http.StatusPreconditionFailed, codePrecondition, "There is no such record any more.")
	}
	current, err := e.App.FindRecordById(e.Record.Collection(), e.Record.Id)
	if err != nil {
		return e.NotFoundError("", err)
	}
	if err := apis.EnrichRecord(e.RequestEvent, current); err != nil {
		return e.InternalServerError("", err)
	}
	row, err := tagOf(current)
	if err != nil {
		return e.InternalServerError("", err)
	}
	if !anyTag(wanted, func(candidate string) bool { return sameRow(candidate, row) }) {
		return refusal(http.StatusPreconditionFailed, codePrecondition,
			"The record has changed since you read it. Read it again before you change it.")
	}
	return e.Next()
}

// sameRow compares a strong tag, in quotes, with that of a record.
func sameRow(candidate, row string) bool {
	rest, ok := strings.CutPrefix(candidate, `"`+row)
	return ok && (rest == `"` || strings.HasPrefix(rest, "."))
}

// anyTag reports whether one of the tags in a header satisfies matches, or the
// header is a star. What is no tag matches nothing.
func anyTag(values []string, matches func(tag string) bool) bool {
	for rest := strings.Join(values, ","); ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "*" {
			return true
		}
		weak := len(rest) - len(strings.TrimPrefix(rest, "W/"))
		if len(rest) <= weak || rest[weak] != '"' {
			return false
		}
		length := strings.IndexByte(rest[weak+1:], '"')
		if length < 0 {
			return false
		}
		end := weak + 1 + length + 1
		if matches(rest[:end]) {
			return true
		}
		rest = rest[end:]
	}
}
