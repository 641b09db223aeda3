package clienttypes

import (
	"strings"
)

func (w *dart) namedType(t *namedType) {
	if t.alias() != nil {
		return // Dart has no unions
	}
	w.doc("", t.doc)
	taken := dartMembers("fromJson", "toJson", t.name)
	called := make([]string, len(t.members))
	var parameters []string
	for i, m := range t.members {
		called[i] = taken.name(m.name)
		parameters = append(parameters, map[bool]string{true: "this.", false: "required this."}[dartOptional(m)]+called[i])
	}
	w.printf("class %s {\n  const %s(%s);\n", t.name, t.name, dartNamed(parameters))
	if !t.sent {
		w.printf("\n  factory %s.fromJson(Object? json) {\n    final all = json as Map<String, dynamic>? ?? const <String, dynamic>{};\n    return %s(\n", t.name, t.name)
		for i, m := range t.members {
			w.printf("      %s: %s,\n", called[i], dartDecoded(m.typ, "all["+dartString(m.name)+"]", dartOptional(m)))
		}
		w.print("    );\n  }\n")
	}
	for i, m := range t.members {
		w.print("\n")
		w.doc("  ", sentences(m.doc, dartValues(m.typ)))
		w.printf("  final %s %s;\n", dartType(m.typ, m.optional), called[i])
	}
	if t.sent {
		w.print("\n  Map<String, dynamic> toJson() => _present(<String, dynamic>{\n")
		for i, m := range t.members {
			w.printf("        %s: %s,\n", dartString(m.name), dartJSON(m.typ, called[i], dartOptional(m)))
		}
		w.print("      });\n")
	}
	w.print("}\n\n")
}

// alias is the type that a named one stands for, if it is no object of its own.
func (t *namedType) alias() *typ {
	if len(t.members) == 1 && t.members[0].name == "" {
		return t.members[0].typ
	}
	return nil
}

func dartOptional(m *member) bool {
	t := dartType(m.typ, m.optional)
	return strings.HasSuffix(t, "?")
}

// dartType is a type of a route.
func dartType(t *typ, optional bool) string {
	s := dartBare(t)
	if (t.nullable || optional) && !strings.HasSuffix(s, "?") {
		s += "?"
	}
	return s
}

func dartBare(t *typ) string {
	switch t.kind {
	case isText, isEnum:
		return "String"
	case isMoment:
		return "DateTime?"
	case isNumber:
		return "double"
	case isInteger:
		return "int"
	case isBool:
		return "bool"
	case isList:
		return "List<" + dartType(t.of, false) + ">"
	case isDict:
		return "Map<String, " + dartType(t.of, false) + ">"
	case isNamed:
		if alias := t.named.alias(); alias != nil {
			return dartBare(alias)
		}
		return t.named.name
	case isRecord:
		return t.record.typeName
	default:
		return "Object?"
	}
}

// dartValues tells of the values of texts that are not all admitted.
func dartValues(t *typ) string {
	if t.kind != isEnum {
		return ""
	}
	return "One of " + strings.Join(t.values, ", ") + "."
}

// dartDecoded reads a value from JSON.
func dartDecoded(t *typ, value string, optional bool) string {
	nothing := func(read, zero string) string {
		if optional {
			return read
		}
		return read + " ?? " + zero
	}
	whole := func(read string) string {
		if optional {
			return value + " == null ? null : " + read
		}
		return read
	}
	switch t.kind {
	case isText, isEnum:
		return nothing("_text("+value+")", `""`)
	case isMoment:
		return "_date(" + value + ")"
	case isNumber:
		return nothing("_double("+value+")", "0")
	case isInteger:
		return nothing("_int("+value+")", "0")
	case isBool:
		return nothing("_bool("+value+")", "false")
	case isList:
		return whole("_list(" + value + ", (item) => " + dartDecoded(t.of, "item", strings.HasSuffix(dartType(t.of, false), "?")) + ")")
	case isDict:
		return whole("_map(" + value + ", (item) => " + dartDecoded(t.of, "item", strings.HasSuffix(dartType(t.of, false), "?")) + ")")
	case isNamed:
		if alias := t.named.alias(); alias != nil {
			return dartDecoded(alias, value, optional)
		}
		return whole(t.named.name + ".fromJson(" + value + ")")
	case isRecord:
		return whole(t.record.typeName + "(_record(" + value + "))")
	default:
		return value
	}
}

// dartJSON writes a value as JSON.
func dartJSON(t *typ, value string, optional bool) string {
	dot := "."
	if optional {
		dot = "?."
	}
	switch t.kind {
	case isMoment:
		return "_moment(" + value + ")"
	case isList:
		return value + dot + "map((item) => " + dartJSON(t.of, "item", strings.HasSuffix(dartType(t.of, false), "?")) + ").toList()"
	case isDict:
		return value + dot + "map((key, item) => MapEntry(key, " + dartJSON(t.of, "item", strings.HasSuffix(dartType(t.of, false), "?")) + "))"
	case isNamed:
		if alias := t.named.alias(); alias != nil {
			return dartJSON(alias, value, optional)
		}
		return value + dot + "toJson()"
	case isRecord:
		return value + dot + "record.toJson()"
	default:
		return value
	}
}

func (w *dart) group(g *group) {
	w.printf("class %s {\n  const %s(this._pb);\n\n  final PocketBase _pb;\n", g.typeName, g.typeName)
	taken := dartMembers(g.typeName)
	for _, r := range g.routes {
		w.print("\n")
		name := taken.name(r.name)
		if r.body != nil && !sendable(r.body) {
			w.printf("  // %s is not here: the SDK sends JSON objects only.\n", name)
			continue
		}
		w.route(r, name)
	}
	w.print("}\n\n")
}

// sendable reports whether the SDK can send a body: it takes objects.
func sendable(t *typ) bool {
	if t.kind == isNamed && t.named.alias() != nil {
		return sendable(t.named.alias())
	}
	return t.kind == isNamed || t.kind == isDict
}

func (w *dart) route(r *route, name string) {
	w.doc("  ", r.doc)
	if r.deprecated {
		w.print("  @Deprecated(\"There is something better.\")\n")
	}
	answer, decoded := "void", ""
	switch {
	case r.binary:
		answer = "http.Response"
	case r.answer != nil:
		answer = dartType(r.answer, false)
		decoded = dartDecoded(r.answer, "answer", strings.HasSuffix(answer, "?"))
	}
	path, query, headers, parameters := w.parameters(r)
	w.printf("  Future<%s> %s({%s}) async {\n", answer, name, parameters)
	w.printf("    final headers = _headers({%s}, idempotencyKey);\n", headers)
	body := ""
	if r.body != nil && !r.binary {
		body = ", body: " + dartJSON(r.body, "body", false)
	}
	switch {
	case r.binary:
		w.printf("    return _download(_pb, %s, %s, _present(<String, dynamic>{%s}), headers);\n  }\n", dartString(r.method), path, query)
	case decoded == "":
		w.printf("    await _pb.send<dynamic>(%s, method: %s, query: _present(<String, dynamic>{%s}), headers: headers%s);\n  }\n", path, dartString(r.method), query, body)
	default:
		w.printf("    final Object? answer = await _pb.send<dynamic>(%s, method: %s, query: _present(<String, dynamic>{%s}), headers: headers%s);\n    return %s;\n  }\n",
			path, dartString(r.method), query, body, decoded)
	}
}

// parameters are the path with its values, the members of the query and the
// headers, and the parameters of the method.
func (w *dart) parameters(r *route) (path, query, headers, parameters string) {
	taken := dartMembers("body", "idempotencyKey", "expand", "headers", "answer", "_pb")
	path = strings.ReplaceAll(r.path, "$", `\$`)
	var queries, heads, all []string
	for _, p := range r.params {
		name := taken.name(p.name)
		kind := dartType(p.typ, !p.required)
		if p.in == "path" {
			kind = "String"
			path = strings.NewReplacer("{"+p.name+"}", "${_part("+name+")}", "{"+p.name+"...}", "${_rest("+name+")}").Replace(path)
		}
		value := dartString(p.name) + ": " + dartJSON(p.typ, name, strings.HasSuffix(kind, "?"))
		switch p.in {
		case "query":
			queries = append(queries, value)
		case "header":
			heads = append(heads, value)
		}
		all = append(all, map[bool]string{true: "", false: "required "}[strings.HasSuffix(kind, "?")]+kind+" "+name)
	}
	if r.body != nil && !r.binary {
		all = append(all, "required "+dartType(r.body, false)+" body")
	}
	if r.expands {
		relations := r.answer.record.typeName + "Relations"
		all = append(all, "Expanding<"+relations+">? expand")
		queries = append(queries, `"expand": _expand(`+relations+".new, expand)")
	}
	all = append(all, "String? idempotencyKey")
	return `"` + path + `"`, strings.Join(queries, ", "), strings.Join(heads, ", "), strings.Join(all, ", ")
}
