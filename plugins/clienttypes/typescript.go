package clienttypes

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// typescriptRuntime is the part of a file that no schema changes. It ends with
// what routes need, and that with what only binary answers need.
//
//go:embed assets/runtime.ts
var typescriptRuntime string

const (
	routesMark   = "// Routes.\n"
	downloadMark = "/** For answers that are no JSON"
)

// typescript writes a model as TypeScript.
type typescript struct {
	printer
	model *model
}

func writeTypeScript(m *model, command string) string {
	w := &typescript{model: m}
	w.printf("// Types of this backend for the official PocketBase SDK. Written by a program, do not edit; write it again with:\n//\n//\t%s\n//\n", command)
	w.print("// It needs TypeScript 5 and the package pocketbase, of which it imports types only.\n/* eslint-disable */\n\n")
	w.imports()
	for _, c := range m.collections {
		w.collection(c)
	}
	w.print("/** The collections by name. */\nexport interface Collections {\n")
	for _, c := range m.collections {
		w.printf("  %s: { kind: %q; record: %s; create: %s; update: %s; columns: %s };\n",
			tsKey(c.name), c.kind, c.typeName, w.bodyName(c, "Create"), w.bodyName(c, "Update"), c.typeName+"Columns")
	}
	w.print("}\n\n")
	for _, t := range m.types {
		w.namedType(t)
	}
	core, routes, _ := strings.Cut(typescriptRuntime, routesMark)
	w.print(strings.TrimSpace(core) + "\n")
	if len(m.groups) > 0 {
		calls, downloads, _ := strings.Cut(routes, downloadMark)
		w.print("\n" + routesMark + strings.TrimRight(calls, "\n") + "\n")
		if m.hasBinary() {
			w.print("\n" + downloadMark + downloads)
		}
		w.routes()
	}
	return w.String()
}

func (m *model) hasBinary() bool {
	return slices.ContainsFunc(m.groups, func(g *group) bool {
		return slices.ContainsFunc(g.routes, func(r *route) bool { return r.binary })
	})
}

func (w *typescript) imports() {
	imported := []string{
		"BaseAuthStore", "BatchService", "ListResult", "OAuth2AuthConfig", "RecordListOptions", "RecordOptions",
		"RecordService", "RecordSubscribeOptions", "SubBatchService", "UnsubscribeFunc",
	}
	if len(w.model.groups) > 0 {
		imported = append(imported, "SendOptions")
		slices.Sort(imported)
	}
	w.printf("import type PocketBase from \"pocketbase\";\nimport type {\n  %s,\n} from \"pocketbase\";\n\n", strings.Join(imported, ",\n  "))
}

func (w *typescript) bodyName(c *collection, body string) string {
	if c.kind == kindView {
		return "never"
	}
	return c.typeName + body
}

func (w *typescript) collection(c *collection) {
	for _, f := range c.fields {
		if f.holds == holdsSelect {
			w.printf("export type %s = %s;\n", f.typeName, tsUnion(f.values))
		}
	}
	w.doc("", "A record of "+c.name+".")
	w.printf("export interface %s {\n  collectionId: string;\n  collectionName: %s;\n", c.typeName, tsString(c.name))
	for _, f := range c.fields {
		w.doc("  ", f.doc)
		w.printf("  %s%s: %s;\n", tsKey(f.name), mark(f.omitted), tsField(c, f))
	}
	w.print("}\n\n")
	if c.kind != kindView {
		w.body(c, "Create", "What a record of "+c.name+" is made from.", c.create)
		w.body(c, "Update", "What changes a record of "+c.name+"; what is left out stays.", c.update)
	}
	w.printf("export interface %sColumns {\n", c.typeName)
	for _, f := range c.fields {
		w.printf("  %s: %s;\n", tsKey(f.name), tsColumn(f))
	}
	for _, l := range c.back {
		w.printf("  %s: [%q, %s];\n", tsKey(l.name), map[bool]string{true: "viaMany", false: "viaOne"}[l.many], tsString(l.from.name))
	}
	w.print("}\n\n")
}

func (w *typescript) body(c *collection, name, doc string, inputs []*input) {
	w.doc("", doc)
	w.printf("export interface %s%s {\n", c.typeName, name)
	for _, in := range inputs {
		w.doc("  ", in.doc)
		w.printf("  %s%s: %s;\n", tsKey(in.name), mark(!in.required), tsInput(c, in, name == "Update"))
	}
	w.print("}\n\n")
}

func mark(optional bool) string {
	if optional {
		return "?"
	}
	return ""
}

// tsField is the type of a field in an answer.
func tsField(c *collection, f *field) string {
	switch f.holds {
	case holdsNumber:
		return "number"
	case holdsBool:
		return "boolean"
	case holdsDate:
		return "DateTime"
	case holdsJSON:
		return "JSONOf<" + tsString(c.name+"."+f.name) + ">"
	case holdsPoint:
		return "GeoPoint"
	case holdsSelect:
		return tsList(tsSelect(f), f.many)
	default:
		return tsList("string", f.many)
	}
}

// tsSelect is the type of one value of a select.
func tsSelect(f *field) string {
	if f.empty && !slices.Contains(f.values, "") {
		return f.typeName + ` | ""`
	}
	return f.typeName
}

func tsList(of string, many bool) string {
	switch {
	case !many:
		return of
	case strings.Contains(of, " "):
		return "(" + of + ")[]"
	default:
		return of + "[]"
	}
}

// tsInput is the type of a member of a body. A change can name files to keep.
func tsInput(c *collection, in *input, change bool) string {
	f := in.field
	var one string
	switch {
	case in.how == adds || in.how == subtracts:
		return "number"
	case in.how == prefixes:
		return "string"
	case in.only:
		return "true"
	case f.holds == holdsDate:
		return "DateInput"
	case f.holds == holdsFile && in.how == removes:
		one = "string"
	case f.holds == holdsFile && in.how == sets && change:
		one = "Upload | string"
	case f.holds == holdsFile:
		one = "Upload"
	case f.holds == holdsSelect:
		one = tsSelect(f)
	case f.many:
		one = "string"
	default:
		return tsField(c, f)
	}
	whole := tsList(one, f.many)
	if in.how == sets || !f.many {
		return whole
	}
	return one + " | " + whole // several are added or removed, or one
}

// tsColumn says what a field is in filters.
func tsColumn(f *field) string {
	many := func(one, several string) string {
		if f.many {
			return several
		}
		return one
	}
	switch f.holds {
	case holdsNumber:
		return `"number"`
	case holdsBool:
		return `"bool"`
	case holdsDate:
		return `"date"`
	case holdsJSON:
		return `"json"`
	case holdsPoint:
		return `"point"`
	case holdsSelect:
		return fmt.Sprintf("[%q, %s]", many("select", "selects"), f.typeName)
	case holdsRelation:
		if f.target != nil {
			return fmt.Sprintf("[%q, %s]", many("one", "many"), tsString(f.target.name))
		}
	}
	return many(`"text"`, `"texts"`)
}

func (w *typescript) doc(indent, text string) {
	if text != "" {
		w.printf("%s/** %s */\n", indent, strings.ReplaceAll(text, "*/", `*\/`))
	}
}

func tsUnion(values []string) string {
	if len(values) == 0 {
		return "never"
	}
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = tsString(value)
	}
	return strings.Join(quoted, " | ")
}

var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// tsKey is a name as a member of an object.
func tsKey(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return tsString(name)
}

// tsString is a text as JSON, which is TypeScript too.
func tsString(text string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // a string can always be encoded
	}
	return strings.TrimSuffix(out.String(), "\n")
}
