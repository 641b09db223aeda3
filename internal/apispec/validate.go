package apispec

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// Validate fails the test on anything that is wrong with a document.
func Validate(tb testing.TB, body []byte) {
	tb.Helper()
	document, err := openapi3.NewLoader().LoadFromData(body)
	if err != nil {
		tb.Fatalf("load the document: %v", err)
	}
	if err := document.Validate(tb.Context()); err != nil {
		tb.Fatalf("the document is not valid: %v", err)
	}
}
