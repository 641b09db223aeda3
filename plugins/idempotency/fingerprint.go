package idempotency

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"mime/multipart"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// firstBody holds, in a request's event, its body before anybody limited it.
const firstBody = "holdallIdempotencyBody"

// maxUnlimited bounds the body of a request on a route that sets no limit, in
// bytes. It is what PocketBase allows a batch.
const maxUnlimited = 128 << 20

// rememberBody keeps the body of a request with a key as it is before
// PocketBase's limit is put around it. That limit counts what is read, not what
// there is, so that a body which was read for its fingerprint would count twice.
func rememberBody(e *core.RequestEvent) error {
	if len(e.Request.Header[keyHeader]) > 0 {
		e.Set(firstBody, e.Request.Body)
	}
	return e.Next()
}

// fingerprint tells requests apart: by method, path, query and body. It reads
// the body in pieces; PocketBase's copy of it, which the handler reads after,
// keeps to the disk what is large.
func fingerprint(e *core.RequestEvent) ([]byte, error) {
	sum := sha256.New()
	part(sum, e.Request.Method)
	part(sum, e.Request.URL.EscapedPath())
	part(sum, e.Request.URL.RawQuery)

	first, _ := e.Get(firstBody).(io.ReadCloser)
	body := io.Reader(e.Request.Body)
	unlimited := first == e.Request.Body
	if unlimited {
		body = &limited{Reader: body, left: bodyLimit(e)}
	}
	contentType := e.Request.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = contentType
	}
	part(sum, media)
	if media == "multipart/form-data" && params["boundary"] != "" {
		err = hashForm(sum, body, params["boundary"])
	} else {
		_, err = io.Copy(sum, body)
	}
	if err != nil {
		var answer *router.ApiError
		if errors.As(err, &answer) {
			return nil, answer
		}
		return nil, e.BadRequestError("The body could not be read.", err)
	}
	if unlimited || isLimit(e.Request.Body) {
		e.Request.Body = first
	}
	return sum.Sum(nil), nil
}

// hashForm hashes the parts of a form, not their separator: clients make up
// another one for each attempt.
func hashForm(sum hash.Hash, body io.Reader, boundary string) error {
	whole := &readOnce{Reader: body}
	form := multipart.NewReader(whole, boundary)
	for {
		field, err := form.NextRawPart()
		if err == io.EOF { //nolint:errorlint // one that is wrapped is an end too early
			_, err = io.Copy(io.Discard, whole) // to the end, where the body starts anew for the handler
			return err
		}
		if err != nil {
			return err
		}
		part(sum, field.Header.Get("Content-Disposition"))
		part(sum, field.Header.Get("Content-Type"))
		content := sha256.New()
		if _, err := io.Copy(content, field); err != nil {
			return err
		}
		sum.Write(content.Sum(nil))
	}
}

// readOnce ends where its reader does, and stays there. PocketBase's bodies start
// anew.
type readOnce struct {
	io.Reader
	ended bool
}

func (r *readOnce) Read(b []byte) (int, error) {
	if r.ended {
		return 0, io.EOF
	}
	n, err := r.Reader.Read(b)
	r.ended = errors.Is(err, io.EOF)
	return n, err
}

// part adds a text so that no two sequences of texts look the same.
func part(sum hash.Hash, text string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(text)))
	sum.Write(length[:])
	_, _ = io.WriteString(sum, text)
}

// bodyLimit is for routes that PocketBase's middleware does not limit.
func bodyLimit(e *core.RequestEvent) int64 {
	if limit := e.App.Settings().Batch.MaxBodySize; e.Request.Pattern == batchPattern && limit > 0 {
		return limit
	}
	return maxUnlimited
}

// isLimit reports whether the body is PocketBase's limit around another. Its
// type has no public name.
func isLimit(body io.Reader) bool { return fmt.Sprintf("%T", body) == "*apis.limitedReader" }

// limited fails when there is more to read than allowed.
type limited struct {
	io.Reader
	left int64
}

func (l *limited) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if l.left -= int64(n); l.left < 0 {
		return n, apis.ErrRequestEntityTooLarge
	}
	return n, err
}
