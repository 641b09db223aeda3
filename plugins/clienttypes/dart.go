package clienttypes

import (
	_ "embed"
	"strings"
)

// dartRuntime is the part of a file that no schema changes. It ends with what
// routes need.
//
//go:embed assets/runtime.dart
var dartRuntime string

// dart writes a model as Dart.
type dart struct {
	printer
	model *model
}

func writeDart(m *model, command string) string {
	w := &dart{model: m}
	w.printf("// Types of this backend for the official PocketBase SDK. Written by a program, do not edit; write it again with:\n//\n//\t%s\n//\n", command)
	w.print("// It needs Dart 3 and the packages pocketbase and http.\n// ignore_for_file: type=lint, unused_element\n\n")
	w.print("import \"package:http/http.dart\" as http;\nimport \"package:pocketbase/pocketbase.dart\";\n\n")
	for _, c := range m.collections {
		w.collection(c)
	}
	for _, t := range m.types {
		w.namedType(t)
	}
	w.services()
	for _, g := range m.groups {
		w.group(g)
	}
	w.print(dartRuntime)
	return w.String()
}

// collection writes the classes of a collection.
func (w *dart) collection(c *collection) {
	for _, f := range c.fields {
		if f.holds == holdsSelect {
			w.choices(f)
		}
	}
	w.record(c)
	w.expand(c)
	if c.kind != kindView {
		w.fieldNames(c)
		w.body(c, "Create", "What a record of "+c.name+" is made from.", c.create)
		w.body(c, "Update", "What changes a record of "+c.name+"; what is left out stays, and what is in [clear] becomes empty.", c.update)
	}
	w.fields(c)
	w.relations(c)
}

// choices writes the values of a select as an enum.
func (w *dart) choices(f *field) {
	w.printf("enum %s implements Choice {\n", f.typeName)
	taken := dartMembers("value", "of", "values", "index", "name", f.typeName)
	for i, value := range f.values {
		w.printf("  %s(%s)%s\n", taken.name(value), dartString(value), map[bool]string{true: ";", false: ","}[i == len(f.values)-1])
	}
	w.printf("\n  const %s(this.value);\n\n  @override\n  final String value;\n\n", f.typeName)
	w.printf("  /// The one with the value; null for none, or for one that is newer than this file.\n  static %s? of(Object? value) => _choice(values, value);\n}\n\n", f.typeName)
}

// record writes the class of records.
func (w *dart) record(c *collection) {
	w.doc("", "A record of "+c.name+".")
	w.printf("class %s extends TypedRecord {\n  const %s(super.record);\n\n", c.typeName, c.typeName)
	w.printf("  factory %s.fromRecord(RecordModel record) => %s(record);\n", c.typeName, c.typeName)
	taken := dartMembers("record", "id", "collectionId", "collectionName", "expand", "fromRecord", c.typeName)
	for _, f := range c.fields {
		if f.name == "id" {
			continue
		}
		w.print("\n")
		w.doc("  ", f.doc)
		kind, value := dartField(f)
		w.printf("  %s get %s => %s;\n", kind, taken.name(f.name), value)
	}
	w.printf("\n  /// What expand brought along.\n  %sExpand get expand => %sExpand(record.data[\"expand\"]);\n}\n\n", c.typeName, c.typeName)
}

// dartField is the type of a field of a record, and how it is read.
func dartField(f *field) (kind, value string) {
	name := dartString(f.name)
	data := "record.data[" + name + "]"
	switch {
	case f.holds == holdsNumber && f.integer:
		return "int", "_int(" + data + ") ?? 0"
	case f.holds == holdsNumber:
		return "double", "_double(" + data + ") ?? 0"
	case f.holds == holdsBool:
		return "bool", "_bool(" + data + ") ?? false"
	case f.holds == holdsDate:
		return "DateTime?", "_date(" + data + ")"
	case f.holds == holdsJSON:
		return "Object?", data
	case f.holds == holdsPoint:
		return "GeoPoint", "GeoPoint.fromJson(" + data + ")"
	case f.holds == holdsSelect && f.many:
		return "List<" + f.typeName + ">", "_list(" + data + ", " + f.typeName + ".of).whereType<" + f.typeName + ">().toList()"
	case f.holds == holdsSelect:
		return f.typeName + "?", f.typeName + ".of(" + data + ")"
	case f.many:
		return "List<String>", "_list(" + data + ", (item) => _text(item) ?? \"\")"
	default:
		return "String", "_text(" + data + ") ?? \"\""
	}
}

// expand writes the class of what expand brings along.
func (w *dart) expand(c *collection) {
	w.printf("class %sExpand {\n  const %sExpand(this._all);\n\n  final Object? _all;\n\n", c.typeName, c.typeName)
	w.printf("  Object? _at(String name) {\n    final all = _all;\n    return all is Map<String, dynamic> ? all[name] : null;\n  }\n")
	taken := dartMembers(c.typeName + "Expand")
	for _, l := range leading(c) {
		target := l.from.typeName
		if l.many {
			w.printf("\n  List<%s> get %s => _list(_at(%s), (item) => %s(_record(item)));\n", target, taken.name(l.name), dartString(l.name), target)
			continue
		}
		name := taken.name(l.name)
		w.printf("\n  %s? get %s {\n    final found = _at(%s);\n    return found == null ? null : %s(_record(found));\n  }\n", target, name, dartString(l.name), target)
	}
	w.print("}\n\n")
}

// leading are what may be expanded in a collection, its own relations first.
func leading(c *collection) []*link {
	var all []*link
	for _, f := range c.fields {
		if f.holds == holdsRelation && f.target != nil {
			all = append(all, &link{name: f.name, from: f.target, many: f.many})
		}
	}
	return append(all, c.back...)
}

func (w *dart) fieldNames(c *collection) {
	w.printf("enum %sField implements FieldName {\n", c.typeName)
	taken := dartMembers("fieldName", "values", "index", "name", c.typeName+"Field")
	for i, f := range c.fields {
		w.printf("  %s(%s)%s\n", taken.name(f.name), dartString(f.name), map[bool]string{true: ";", false: ","}[i == len(c.fields)-1])
	}
	w.printf("\n  const %sField(this.fieldName);\n\n  @override\n  final String fieldName;\n}\n\n", c.typeName)
}

// body writes the class of a body.
func (w *dart) body(c *collection, name, doc string, inputs []*input) {
	w.doc("", doc)
	class := c.typeName + name
	taken := dartMembers("toBody", "toFiles", "clear", class)
	called := make([]string, len(inputs))
	var parameters []string
	for i, in := range inputs {
		called[i] = taken.name(in.field.name + " " + howNames[in.how])
		parameters = append(parameters, map[bool]string{true: "required this.", false: "this."}[in.required]+called[i])
	}
	change := name == "Update"
	if change {
		parameters = append(parameters, "this.clear = const {}")
	}
	w.printf("class %s extends RecordBody {\n  const %s(%s);\n", class, class, dartNamed(parameters))
	for i, in := range inputs {
		w.print("\n")
		w.doc("  ", in.doc)
		w.printf("  final %s%s %s;\n", dartInput(in), mark(!in.required), called[i])
	}
	end := ")"
	if change {
		w.printf("\n  final Set<%sField> clear;\n", c.typeName)
		end = ", clear)"
	}
	w.print("\n  @override\n  Map<String, dynamic> toBody() => _present(<String, dynamic>{\n")
	files := 0
	for i, in := range inputs {
		if isUpload(in) {
			files++
			continue
		}
		w.printf("        %s: %s,\n", dartString(in.name), dartEncoded(in, called[i]))
	}
	w.print("      }" + end + ";\n")
	if files > 0 {
		w.files(inputs, called)
	}
	w.print("}\n\n")
}

// dartNamed are named parameters, of which Dart has no empty list.
func dartNamed(parameters []string) string {
	if len(parameters) == 0 {
		return ""
	}
	return "{" + strings.Join(parameters, ", ") + "}"
}

var howNames = map[int]string{appends: "append", prepends: "prepend", removes: "remove", adds: "add", subtracts: "subtract", prefixes: "autogenerate"}

func isUpload(in *input) bool { return in.field.holds == holdsFile && in.how != removes }

func (w *dart) files(inputs []*input, called []string) {
	w.print("\n  @override\n  List<http.MultipartFile> toFiles() => [\n")
	for i, in := range inputs {
		switch {
		case !isUpload(in):
		case in.field.many:
			w.printf("        for (final file in %s%s) file.toFile(%s),\n", called[i], map[bool]string{true: "", false: " ?? const <Upload>[]"}[in.required], dartString(in.name))
		case in.required:
			w.printf("        %s.toFile(%s),\n", called[i], dartString(in.name))
		default:
			w.printf("        if (%s != null) %s!.toFile(%s),\n", called[i], called[i], dartString(in.name))
		}
	}
	w.print("      ];\n")
}

// dartInput is the type of a member of a body.
func dartInput(in *input) string {
	f := in.field
	one := "String"
	switch {
	case in.how == adds || in.how == subtracts:
		return "num"
	case in.how == prefixes:
		return "String"
	case f.holds == holdsNumber && f.integer:
		return "int"
	case f.holds == holdsNumber:
		return "num"
	case f.holds == holdsBool:
		return "bool"
	case f.holds == holdsDate:
		return "DateTime"
	case f.holds == holdsJSON:
		return "Object"
	case f.holds == holdsPoint:
		return "GeoPoint"
	case f.holds == holdsSelect:
		one = f.typeName
	case isUpload(in):
		one = "Upload"
	}
	if f.many {
		return "List<" + one + ">"
	}
	return one
}

// dartEncoded is a member of a body as JSON, null if it is left out.
func dartEncoded(in *input, name string) string {
	f, dot := in.field, "?."
	if in.required {
		dot = "."
	}
	switch {
	case in.how == adds || in.how == subtracts || in.how == prefixes:
		return name
	case f.holds == holdsDate:
		return "_moment(" + name + ")"
	case f.holds == holdsPoint:
		return name + dot + "toJson()"
	case f.holds == holdsSelect && f.many:
		return name + dot + "map((choice) => choice.value).toList()"
	case f.holds == holdsSelect:
		return name + dot + "value"
	default:
		return name
	}
}
