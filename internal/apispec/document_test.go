package apispec_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
)

const document = `{
	"openapi": "3.1.0", "info": {"title": "Of a test", "version": "1"},
	"paths": {"/things/{id}": {
		"get": {"responses": {
			"200": {"description": "A thing.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
			"404": {"$ref": "#/components/responses/Missing"}
		}},
		"delete": {"responses": {"204": {"description": "It is gone."}}}
	}},
	"components": {
		"schemas": {"Thing": {
			"type": "object", "required": ["id", "size"], "additionalProperties": false,
			"properties": {"id": {"type": "string"}, "size": {"type": "integer"}, "made": {"type": "string", "format": "date"}}
		}},
		"responses": {"Missing": {"description": "There is none.", "content": {"application/json": {"schema": {
			"type": "object", "required": ["status"], "properties": {"status": {"const": 404}}
		}}}}}
	}
}`

// TestCheck shows that what compares answers with a document finds what is wrong:
// all other tests of the API stand on it.
func TestCheck(t *testing.T) {
	t.Parallel()
	d := apispec.Read(t, []byte(document))
	for name, test := range map[string]struct {
		method, path string
		status       int
		kind, body   string
		want         string // in the error; "" for none
	}{
		"right":                    {"GET", "/things/a", 200, "application/json", `{"id":"a","size":1,"made":"2026-01-31"}`, ""},
		"without a method":         {"", "/things/a?x=1", 200, "application/json; charset=utf-8", `{"id":"a","size":1}`, ""},
		"a reference":              {"GET", "/things/a", 404, "application/json", `{"status":404}`, ""},
		"no body":                  {"DELETE", "/things/a", 204, "", "", ""},
		"a wrong type":             {"GET", "/things/a", 200, "application/json", `{"id":"a","size":"1"}`, "/size"},
		"a wrong format":           {"GET", "/things/a", 200, "application/json", `{"id":"a","size":1,"made":"yesterday"}`, "/made"},
		"a missing field":          {"GET", "/things/a", 200, "application/json", `{"id":"a"}`, "size"},
		"a field too many":         {"GET", "/things/a", 200, "application/json", `{"id":"a","size":1,"color":"red"}`, "color"},
		"wrong behind a reference": {"GET", "/things/a", 404, "application/json", `{"status":403}`, "/status"},
		"an undescribed status":    {"GET", "/things/a", 500, "application/json", `{}`, "not described"},
		"a body where there is none": {
			"DELETE", "/things/a", 204, "application/json", `{}`, "no body",
		},
		"another media type":   {"GET", "/things/a", 200, "text/html", `<p>`, "text/html"},
		"no JSON":              {"GET", "/things/a", 200, "application/json", `{"id":`, "no JSON"},
		"an undescribed route": {"GET", "/things", 200, "application/json", `{}`, "not in the document"},
		"an undescribed method": {
			"POST", "/things/a", 200, "application/json", `{}`, "not in the document",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			header.Set("Content-Type", test.kind)
			err := d.Check(pbtest.Request{Method: test.method, Path: test.path},
				pbtest.Response{Status: test.status, Header: header, Body: []byte(test.body)})
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
