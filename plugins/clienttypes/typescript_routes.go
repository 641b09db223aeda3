package clienttypes

import (
	"slices"
	"strings"
)

func (w *typescript) namedType(t *namedType) {
	w.doc("", t.doc)
	if len(t.members) == 1 && t.members[0].name == "" {
		w.printf("export type %s = %s;\n\n", t.name, w.typ(t.members[0].typ))
		return
	}
	w.printf("export interface %s {\n", t.name)
	for _, m := range t.members {
		w.doc("  ", m.doc)
		w.printf("  %s%s: %s;\n", tsKey(m.name), mark(m.optional), w.jsonOr(t.name+"."+m.name, m.typ))
	}
	w.print("}\n\n")
}

// jsonOr is a type, or what the app says of JSON of which nothing is known.
func (w *typescript) jsonOr(path string, t *typ) string {
	if t.kind == isAny {
		return "JSONOf<" + tsString(path) + ">"
	}
	return w.typ(t)
}

// typ is a type of a route.
func (w *typescript) typ(t *typ) string {
	s := w.bare(t)
	if t.nullable {
		s += " | null"
	}
	return s
}

func (w *typescript) bare(t *typ) string {
	switch t.kind {
	case isText:
		return "string"
	case isMoment:
		return "DateTime"
	case isNumber, isInteger:
		return "number"
	case isBool:
		return "boolean"
	case isEnum:
		return tsUnion(t.values)
	case isList:
		return tsList(w.typ(t.of), true)
	case isDict:
		return "{ [name: string]: " + w.typ(t.of) + " }"
	case isNamed:
		return t.named.name
	case isRecord:
		return t.record.typeName
	case isUnion:
		forms := make([]string, len(t.forms))
		for i, form := range t.forms {
			forms[i] = w.typ(form)
		}
		return strings.Join(forms, " | ")
	case isBytes:
		return "BodyInit"
	default:
		return "unknown"
	}
}

// routes writes the function whose answer calls the routes.
func (w *typescript) routes() {
	w.print("\n/** The routes of this backend besides those of collections: `api(pb).group.route(params, body, options)`. */\n")
	w.print("export function api(pb: PocketBase) {\n  return {\n")
	for _, g := range w.model.groups {
		w.printf("    %s: {\n", tsKey(g.name))
		for _, r := range g.routes {
			w.route(r)
		}
		w.print("    },\n")
	}
	w.print("  };\n}\n")
}

func (w *typescript) route(r *route) {
	doc := r.doc
	if r.deprecated {
		doc = strings.TrimSpace(doc + " @deprecated")
	}
	w.doc("      ", doc)

	var parameters []string
	arguments := []string{"pb", tsString(r.method), tsString(r.path), "undefined", tsHeaders(r), "undefined"}
	if len(r.params) > 0 {
		optional := !slices.ContainsFunc(r.params, func(p *param) bool { return p.required }) && (r.body == nil || r.bodyOptional)
		parameters = append(parameters, "params"+mark(optional)+": "+w.params(r))
		arguments[3] = "params"
	}
	if r.body != nil {
		parameters = append(parameters, "body"+mark(r.bodyOptional)+": "+w.typ(r.body))
		arguments[5] = "body"
		if r.bodyOptional {
			arguments[5] = "body ?? {}"
		}
	}
	generic, options, answer, call := "", "RouteOptions", "void", "call"
	if r.answer != nil {
		answer = w.typ(r.answer)
	}
	if r.binary {
		answer, call = "Response", "download"
	}
	if r.expands {
		name := tsString(r.answer.record.name)
		generic = `<E extends string = "">`
		options, answer = "RecordRouteOptions<"+name+", E>", "Expanded<"+name+", E>"
	}
	parameters = append(parameters, "options?: "+options)
	arguments = append(arguments, "options")
	w.printf("      %s: %s(%s): Promise<%s> =>\n        %s(%s),\n",
		tsKey(r.name), generic, strings.Join(parameters, ", "), answer, call, strings.Join(arguments, ", "))
}

func (w *typescript) params(r *route) string {
	members := make([]string, len(r.params))
	for i, p := range r.params {
		members[i] = tsKey(p.name) + mark(!p.required) + ": " + w.typ(p.typ)
	}
	return "{ " + strings.Join(members, "; ") + " }"
}

func tsHeaders(r *route) string {
	var headers []string
	for _, p := range r.params {
		if p.in == "header" {
			headers = append(headers, tsString(p.name))
		}
	}
	return "[" + strings.Join(headers, ", ") + "]"
}
