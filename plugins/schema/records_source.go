package schema

import (
	"bytes"
	"fmt"
	"go/format"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/fields"
)

// source is the generated Go file.
func (t *recordType) source(packageName string) ([]byte, error) {
	var body bytes.Buffer
	w := func(format string, args ...any) { fmt.Fprintf(&body, format, args...) }
	t.writeConstants(w)
	t.writeType(w)
	for _, f := range t.fields {
		if f.method != "" {
			t.writeAccessors(w, f)
		}
	}

	var file bytes.Buffer
	fmt.Fprintf(&file, "%s\n\npackage %s\n\nimport (\n", recordsHeader, packageName)
	if bytes.Contains(body.Bytes(), []byte("fmt.")) {
		file.WriteString("\"fmt\"\n\n")
	}
	file.WriteString("\"github.com/pocketbase/pocketbase/core\"\n")
	if bytes.Contains(body.Bytes(), []byte(" types.")) {
		file.WriteString("\"github.com/pocketbase/pocketbase/tools/types\"\n")
	}
	file.WriteString(")\n")
	file.Write(body.Bytes())
	return format.Source(file.Bytes())
}

// printer writes a piece of the generated source.
type printer func(format string, args ...any)

func (t *recordType) writeConstants(w printer) {
	w("\n// %s is the name of the collection of [%s] records.\n", t.constant, t.typeName)
	w("const %s = %q\n", t.constant, t.collection.Name)

	w("\n// Names of the fields of [%s] records.\nconst (\n", t.typeName)
	for _, f := range t.fields {
		w("%s = %q\n", f.constant, f.GetName())
	}
	w(")\n")

	for _, f := range t.fields {
		if len(f.values) == 0 {
			continue
		}
		w("\n// Values of the %s field of [%s] records.\nconst (\n", f.GetName(), t.typeName)
		for _, v := range f.values {
			w("%s = %q\n", v.constant, v.value)
		}
		w(")\n")
	}
}

func (t *recordType) writeType(w printer) {
	name := t.collection.Name
	w("\n// %s is a record of the %s collection.\n", t.typeName, name)
	w("type %s struct{ core.BaseRecordProxy }\n", t.typeName)

	if !t.collection.IsView() {
		w("\n// %s returns a new, unsaved %s. It fails when the collection cannot be found.\n", t.newFunc(), t.typeName)
		w("func %s(app core.App) (*%s, error) {\n", t.newFunc(), t.typeName)
		w("collection, err := app.FindCachedCollectionByNameOrId(%s)\n", t.constant)
		w("if err != nil {\nreturn nil, fmt.Errorf(\"find collection %%s: %%w\", %s, err)\n}\n", t.constant)
		w("return %s(core.NewRecord(collection)), nil\n}\n", t.ofFunc())
	}

	w("\n// %s wraps a record of the %s collection.\n", t.ofFunc(), name)
	w("func %s(record *core.Record) *%s {\n", t.ofFunc(), t.typeName)
	w("r := &%s{}\nr.SetProxyRecord(record)\nreturn r\n}\n", t.typeName)

	w("\n// %s returns the %s with the id, or [database/sql.ErrNoRows] when there is none.\n", t.findFunc(), t.typeName)
	w("func %s(app core.App, id string) (*%s, error) {\n", t.findFunc(), t.typeName)
	w("record, err := app.FindRecordById(%s, id)\n", t.constant)
	w("if err != nil {\nreturn nil, err\n}\nreturn %s(record), nil\n}\n", t.ofFunc())
}

// accessor is how a field type is read and written.
type accessor struct {
	result string // type of the getter, "" for none
	get    string // expression that reads the field, %s is its constant
	param  string // type of the setter's parameter, "" for none
	about  string // what a setter takes, when its type does not say
}

// accessorOf describes the accessors of a field.
func accessorOf(field core.Field) accessor {
	text := accessor{result: "string", get: "r.GetString(%s)", param: "string"}
	texts := accessor{result: "[]string", get: "r.GetStringSlice(%s)", param: "[]string"}
	switch f := field.(type) {
	case *core.TextField, *core.EmailField, *core.URLField, *core.EditorField:
		return text
	case *core.SelectField:
		if f.IsMultiple() {
			return texts
		}
		return text
	case *core.RelationField:
		if f.IsMultiple() {
			return texts
		}
		return text
	case *core.FileField:
		if f.IsMultiple() {
			return accessor{
				result: texts.result, get: texts.get, param: "any",
				about: "a slice of new *filesystem.File and the names of stored files to keep",
			}
		}
		return accessor{
			result: text.result, get: text.get, param: "any",
			about: "a new *filesystem.File, the name of the stored file to keep it, or nil",
		}
	case *core.NumberField:
		if f.OnlyInt {
			return accessor{result: "int", get: "r.GetInt(%s)", param: "int"}
		}
		return accessor{result: "float64", get: "r.GetFloat(%s)", param: "float64"}
	case *core.BoolField:
		return accessor{result: "bool", get: "r.GetBool(%s)", param: "bool"}
	case *core.DateField:
		return accessor{result: "types.DateTime", get: "r.GetDateTime(%s)", param: "types.DateTime"}
	case *core.AutodateField:
		return accessor{result: "types.DateTime", get: "r.GetDateTime(%s)"}
	case *core.JSONField:
		return accessor{result: "types.JSONRaw", param: "any", about: "any value that can be marshalled to JSON"}
	case *core.GeoPointField:
		return accessor{result: "types.GeoPoint", get: "r.GetGeoPoint(%s)", param: "types.GeoPoint"}
	case *core.PasswordField:
		return accessor{param: "string", about: "the plain password, of which only a hash is kept"}
	default:
		return accessor{result: "any", get: "r.Get(%s)", param: "any"}
	}
}

func (t *recordType) writeAccessors(w printer, f recordField) {
	a := accessorOf(f.Field)
	if a.result != "" {
		w("\n// %s is the %s field: %s.\n", f.method, f.GetName(), t.describe(f))
		w("func (r *%s) %s() %s {\n", t.typeName, f.method, a.result)
		if a.get == "" {
			w("value, _ := r.Get(%s).(%s)\nreturn value\n}\n", f.constant, a.result)
		} else {
			w("return "+a.get+"\n}\n", f.constant)
		}
	}
	if a.param != "" && !t.collection.IsView() {
		about := ""
		if a.about != "" {
			about = ": " + a.about
		}
		w("\n// Set%s sets the %s field%s.\n", f.method, f.GetName(), about)
		w("func (r *%s) Set%s(value %s) {\nr.Set(%s, value)\n}\n", t.typeName, f.method, a.param, f.constant)
	}
	if relation, ok := f.Field.(*core.RelationField); ok {
		t.writeExpanded(w, f, relation)
	}
}

// writeExpanded writes the getter of the records that a relation leads to.
// Targets that no definition describes are plain records.
func (t *recordType) writeExpanded(w printer, f recordField, relation *core.RelationField) {
	target, typed := t.typeNames[relation.CollectionId]
	result, wrap := "*core.Record", "%s"
	if typed {
		result, wrap = "*"+target, target+"Of(%s)"
	}

	if !relation.IsMultiple() {
		w("\n// Expanded%s is the record that %s leads to, nil when it is not expanded.\n", f.method, f.GetName())
		w("func (r *%s) Expanded%s() %s {\n", t.typeName, f.method, result)
		if !typed {
			w("return r.ExpandedOne(%s)\n}\n", f.constant)
			return
		}
		w("record := r.ExpandedOne(%s)\nif record == nil {\nreturn nil\n}\nreturn "+wrap+"\n}\n", f.constant, "record")
		return
	}

	w("\n// Expanded%s are the records that %s leads to, nil when they are not expanded.\n", f.method, f.GetName())
	w("func (r *%s) Expanded%s() []%s {\n", t.typeName, f.method, result)
	if !typed {
		w("return r.ExpandedAll(%s)\n}\n", f.constant)
		return
	}
	w("var result []%s\nfor _, record := range r.ExpandedAll(%s) {\n", result, f.constant)
	w("result = append(result, "+wrap+")\n}\nreturn result\n}\n", "record")
}

// describe says what a field holds and what limits it has, for a doc comment.
func (t *recordType) describe(field recordField) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch f := field.Field.(type) {
	case *core.TextField:
		add("text")
		describeRange(add, f.Min, f.Max, "characters")
	case *core.EditorField:
		add("HTML")
	case *core.EmailField:
		add("email address")
	case *core.URLField:
		add("URL")
	case *core.NumberField:
		describeNumber(add, f)
	case *core.BoolField:
		add("true or false")
	case *core.DateField:
		add("date and time in UTC")
	case *core.AutodateField:
		add("%s", describeAutodate(f))
	case *core.SelectField:
		values := t.typeName + strings.TrimPrefix(field.constant, t.typeName+"Field")
		if f.IsMultiple() {
			add("up to %d of the %s values", f.MaxSelect, values)
		} else {
			add("one of the %s values", values)
		}
	case *core.RelationField:
		if f.IsMultiple() {
			add("ids of up to %d records of %s", f.MaxSelect, f.CollectionId)
		} else {
			add("id of a record of %s", f.CollectionId)
		}
	case *core.FileField:
		describeFile(add, f)
	case *core.JSONField:
		add("JSON")
	case *core.GeoPointField:
		add("longitude and latitude")
	default:
		add("%s", f.Type())
	}
	if fields.Required(field.Field) {
		add("required")
	}
	if field.GetHidden() {
		add("hidden from the API")
	}
	return strings.Join(parts, ", ")
}

func describeRange(add func(string, ...any), low, high int, unit string) {
	switch {
	case low > 0 && high > 0:
		add("%d to %d %s", low, high, unit)
	case low > 0:
		add("at least %d %s", low, unit)
	case high > 0:
		add("at most %d %s", high, unit)
	}
}

func describeNumber(add func(string, ...any), f *core.NumberField) {
	if f.OnlyInt {
		add("whole number")
	} else {
		add("number")
	}
	if f.Min != nil {
		add("at least %s", number(*f.Min))
	}
	if f.Max != nil {
		add("at most %s", number(*f.Max))
	}
}

func describeFile(add func(string, ...any), f *core.FileField) {
	if f.IsMultiple() {
		add("names of up to %d files", f.MaxSelect)
	} else {
		add("name of a file")
	}
	if f.Protected {
		add("served with a file token only")
	}
}

func describeAutodate(f *core.AutodateField) string {
	switch {
	case f.OnCreate && f.OnUpdate:
		return "when the record was last saved"
	case f.OnUpdate:
		return "when the record was last changed"
	default:
		return "when the record was created"
	}
}

// number is f without an exponent or trailing zeros.
func number(f float64) string {
	return strconv.FormatFloat(f, 'f', -1, 64)
}
