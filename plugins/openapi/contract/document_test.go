package contract_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/openapi/contract"
)

// Documents that lead back to themselves, or to nowhere, are read or refused, and
// neither takes for ever nor panics.
func TestStrangeDocuments(t *testing.T) {
	t.Parallel()
	const frame = `{"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": {"/a": {"post": {
		"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
		"responses": {"200": {"description": "A.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}}}},
		"components": {"schemas": {"A": SCHEMA, "B": {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}}}}}`
	for name, schema := range map[string]string{
		"a list of itself":        `{"type": "array", "items": {"$ref": "#/components/schemas/A"}}`,
		"itself, required":        `{"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/A"}}}`,
		"all of itself":           `{"allOf": [{"$ref": "#/components/schemas/A"}, {"type": "object"}]}`,
		"one of itself":           `{"oneOf": [{"$ref": "#/components/schemas/A"}, {"type": "string"}]}`,
		"by way of another":       `{"type": "object", "required": ["b", "c"], "properties": {"b": {"$ref": "#/components/schemas/B"}, "c": {"$ref": "#/components/schemas/B"}}}`,
		"a reference to itself":   `{"$ref": "#/components/schemas/A"}`,
		"a reference to nowhere":  `{"$ref": "#/components/schemas/C"}`,
		"a pattern that is none":  `{"type": "string", "pattern": "("}`,
		"a pattern without end":   `{"type": "string", "pattern": "^((a{9}){9}){9}$"}`,
		"true":                    `true`,
		"no schema":               `7`,
		"an impossible one":       `{"type": "string", "minLength": 9, "maxLength": 3}`,
		"a list of many":          `{"type": "array", "minItems": 100000, "items": {"type": "string"}}`,
		"a text of many":          `{"type": "string", "minLength": 1e12}`,
		"a member with a slash":   `{"type": "object", "required": ["a/b~c"], "properties": {"a/b~c": {"type": "integer"}}}`,
		"types that are no types": `{"type": ["string", 7, "thing"]}`,
		"values that are nothing": `{"enum": []}`,
		"an odd limit":            `{"type": "integer", "minimum": 1e300, "multipleOf": 0}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := []byte(strings.Replace(frame, "SCHEMA", schema, 1))
			document, err := contract.ParseDocument(source)
			if err != nil {
				return
			}
			// calls are made too, of which none reaches a backend
			_, err = contract.Conform(t.Context(), document, "http://127.0.0.1:1", contract.Options{Own: source, Skip: regexp.MustCompile("none")})
			if err == nil {
				t.Error("got no error of the backend that is not there")
			}
		})
	}
}
