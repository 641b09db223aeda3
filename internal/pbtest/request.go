package pbtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Request is one call of an API.
type Request struct {
	// Method defaults to GET.
	Method string
	// Path starts with a slash and may have a query.
	Path string
	// Token, when set, signs the request in.
	Token string
	// Body is sent as JSON, or as it is when it is an [io.Reader].
	Body any
	// ContentType defaults to application/json. An [io.Reader] may need another.
	ContentType string
}

// Response is the answer to a [Request].
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON decodes the body into target and fails the test when it cannot.
func (r Response) JSON(tb testing.TB, target any) {
	tb.Helper()
	if err := json.Unmarshal(r.Body, target); err != nil {
		tb.Fatalf("decode the answer %q: %v", r.Body, err)
	}
}

// Do sends the request to the handler, without a network.
func Do(tb testing.TB, handler http.Handler, r Request) Response {
	tb.Helper()

	body, ok := r.Body.(io.Reader)
	if !ok && r.Body != nil {
		encoded, err := json.Marshal(r.Body)
		if err != nil {
			tb.Fatalf("encode the body of %s %s: %v", r.Method, r.Path, err)
		}
		body = bytes.NewReader(encoded)
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.ContentType == "" {
		r.ContentType = "application/json"
	}
	req := httptest.NewRequestWithContext(tb.Context(), r.Method, r.Path, body)
	req.Header.Set("Content-Type", r.ContentType)
	if r.Token != "" {
		req.Header.Set("Authorization", r.Token)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	return Response{Status: recorder.Code, Header: recorder.Header(), Body: recorder.Body.Bytes()}
}
