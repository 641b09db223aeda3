package apispec

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi-validator/schema_validation"
)

// Validate fails the test on anything that two readers find wrong with a document.
func Validate(tb testing.TB, body []byte) {
	tb.Helper()
	document, err := openapi3.NewLoader().LoadFromData(body)
	if err != nil {
		tb.Fatalf("load the document: %v", err)
	}
	if err := document.Validate(tb.Context()); err != nil {
		tb.Fatalf("the document is not valid: %v", err)
	}

	second, err := libopenapi.NewDocument(body)
	if err != nil {
		tb.Fatalf("load the document with libopenapi: %v", err)
	}
	if _, err := second.BuildV3Model(); err != nil {
		tb.Fatalf("make a model of the document with libopenapi: %v", err)
	}
	if ok, found := schema_validation.ValidateOpenAPIDocument(second); !ok {
		for _, problem := range found {
			tb.Errorf("libopenapi: %s: %s", problem.Message, problem.Reason)
			for _, detail := range problem.SchemaValidationErrors {
				tb.Errorf("\tat %s: %s", detail.KeywordLocation, detail.Reason)
			}
		}
	}
}
