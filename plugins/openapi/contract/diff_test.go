package contract_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/plugins/openapi/contract"
)

// older is a document in the words of OpenAPI 3.1.
const older = `{
  "openapi": "3.1.0",
  "info": {"title": "Papers", "version": "2026-11-01"},
  "paths": {
    "/papers/{id}": {
      "get": {
        "operationId": "view",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
          {"name": "expand", "in": "query", "schema": {"type": "string"}}],
        "responses": {"200": {"description": "It.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Paper"}}}}}
      },
      "patch": {
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}},
        "responses": {"200": {"description": "It.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Paper"}}}}}
      }
    }
  },
  "components": {"schemas": {
    "Change": {"type": "object", "properties": {"title": {"type": "string", "maxLength": 100}, "note": {"type": ["string", "null"]}, "grade": {"enum": ["draft", "final"]}}},
    "Paper": {"type": "object", "required": ["id", "title", "note"], "properties": {
      "id": {"type": "string"}, "title": {"type": "string"}, "note": {"type": ["string", "null"]}}}
  }}
}`

func TestDiff(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, old, new string // what is replaced
		breaking       string // words of the one breaking change, "" for none
		operation      string
		component      string
	}{
		{name: "nothing"},
		{name: "words", old: `"description": "It."`, new: `"description": "The paper."`},
		{name: "a member more", old: `"id": {"type": "string"}, "title"`, new: `"pages": {"type": "integer"}, "id": {"type": "string"}, "title"`},
		{name: "an operation less", old: `"patch": {`, new: `"x-patch": {`, breaking: "removed", operation: "PATCH /papers/{id}"},
		{name: "a member less", old: `["id", "title", "note"], "properties": {
      "id": {"type": "string"}, `, new: `["title", "note"], "properties": {`, breaking: "`id`", operation: "GET /papers/{id}", component: "Paper"},
		{name: "another type", old: `"required": ["id", "title", "note"], "properties": {
      "id": {"type": "string"}`, new: `"required": ["id", "title", "note"], "properties": {
      "id": {"type": "integer"}`, breaking: "type", operation: "GET /papers/{id}", component: "Paper"},
		{name: "null where there was none", old: `"id": {"type": "string"}, "title": {"type": "string"}`, new: `"id": {"type": "string"}, "title": {"type": ["string", "null"]}`, breaking: "null", operation: "GET /papers/{id}", component: "Paper"},
		{name: "no null in a request", old: `"note": {"type": ["string", "null"]}, "grade"`, new: `"note": {"type": "string"}, "grade"`, breaking: "null", operation: "PATCH /papers/{id}", component: "Change"},
		{name: "a lower limit", old: `"maxLength": 100`, new: `"maxLength": 50`, breaking: "`50`", operation: "PATCH /papers/{id}", component: "Change"},
		{name: "a value less", old: `["draft", "final"]`, new: `["draft"]`, breaking: "`final`", operation: "PATCH /papers/{id}", component: "Change"},
		{name: "more that is required", old: `"Change": {`, new: `"Change": {"required": ["title"], `, breaking: "required", operation: "PATCH /papers/{id}", component: "Change"},
		{name: "a member that requests had", old: `"title": {"type": "string", "maxLength": 100}, `, new: "", breaking: "`title`", operation: "PATCH /papers/{id}", component: "Change"},
		{name: "a parameter less", old: `,
          {"name": "expand", "in": "query", "schema": {"type": "string"}}`, new: "", breaking: "`expand`", operation: "GET /papers/{id}"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(older, c.old) {
				t.Fatalf("the document has no %q", c.old)
			}
			changes, err := contract.Diff([]byte(older), []byte(strings.Replace(older, c.old, c.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := changes.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			if c.breaking == "" {
				if len(changes.Breaking)+len(changes.Doubtful) > 0 {
					t.Errorf("got\n%s", &out)
				}
				return
			}
			if len(changes.Breaking) != 1 {
				t.Fatalf("got %d breaking changes, want one:\n%s", len(changes.Breaking), &out)
			}
			got := changes.Breaking[0]
			if !strings.Contains(got.What, c.breaking) || got.Component != c.component || got.Why == "" ||
				got.Operation != c.operation && !slices.Contains(got.Also, c.operation) {
				t.Errorf("got %+v, want %s at %s of %q", got, c.breaking, c.operation, c.component)
			}
		})
	}
}

func TestDiffOfWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"nothing": "", "no JSON": "{", "another thing": `{"swagger": "2.0", "paths": {}}`,
		"another file": strings.Replace(older, `"#/components/schemas/Paper"`, `"paper.json"`, 1),
	} {
		if _, err := contract.Diff([]byte(older), []byte(source)); err == nil || !strings.Contains(err.Error(), "new document") {
			t.Errorf("%s: got %v, want an error that names the document", name, err)
		}
	}
}

// run runs a command below "openapi", and returns what it prints and its exit code.
func run(t *testing.T, config contract.Config, stdin string, args ...string) (string, int) {
	t.Helper()
	root := &cobra.Command{Use: "openapi", SilenceErrors: true}
	contract.AddCommands(root, config)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	if err == nil {
		return out.String(), 0
	}
	if coded, ok := err.(interface{ ExitCode() int }); ok {
		return out.String() + err.Error(), coded.ExitCode()
	}
	return out.String() + err.Error(), -1
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDiffCommand(t *testing.T) {
	t.Parallel()
	breaking := strings.Replace(older, `"maxLength": 100`, `"maxLength": 50`, 1)
	before, after := file(t, "old.json", older), file(t, "new.json", breaking)
	later := file(t, "later.json", strings.Replace(breaking, "2026-11-01", "2027-03-15", 1))
	undated := file(t, "undated.json", strings.Replace(breaking, "2026-11-01", "9", 1))
	harmless := file(t, "harmless.yaml", "openapi: 3.1.0\ninfo: {title: A, version: '1'}\npaths: {/a: {get: {responses: {'200': {description: A.}}}}}\n")
	with := contract.Config{}
	cases := []struct {
		name  string
		args  []string
		stdin string
		code  int
		says  string
	}{
		{"the same", []string{before, before}, "", 0, "0 breaking"},
		{"breaking", []string{before, after}, "", 1, "PATCH /papers/{id}"},
		{"breaking, and said so only", []string{before, after, "--fail-on", "none"}, "", 0, "1 breaking"},
		{"the other way round", []string{after, before}, "", 0, "0 breaking"},
		{"any", []string{after, before, "--fail-on", "any"}, "", 1, "changes: "},
		{"with a version", []string{before, later, "--fail-on", "unversioned"}, "", 0, "2027-03-15"},
		{"without a version", []string{before, after, "--fail-on", "unversioned"}, "", 1, "breaking changes: 1"},
		{"with what is no date", []string{before, undated, "--fail-on", "unversioned"}, "", 1, "breaking changes: 1"},
		{"standard input", []string{"-", after}, older, 1, "breaking changes: 1"},
		{"twice", []string{"-", "-"}, older, 2, "standard input"},
		{"YAML", []string{harmless, harmless}, "", 0, "0 breaking"},
		{"no file", []string{before + "x", after}, "", 2, "no such file"},
		{"no document of its own", []string{before}, "", 2, "name both"},
		{"a word that is none", []string{before, after, "--fail-on", "all"}, "", 2, "--fail-on"},
		{"JSON", []string{before, after, "--json"}, "", 1, `"request-property-max-length-decreased"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, code := run(t, with, c.stdin, append([]string{"diff"}, c.args...)...)
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("got %d, want %d and %q:\n%s", code, c.code, c.says, out)
			}
		})
	}
	var parsed contract.Changes
	out, _ := run(t, with, "", "diff", before, after, "--json", "--fail-on", "none")
	if err := json.Unmarshal([]byte(out), &parsed); err != nil || len(parsed.Breaking) != 1 {
		t.Errorf("got %v, %+v", err, parsed)
	}
}
