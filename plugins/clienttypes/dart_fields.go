package clienttypes

import (
	"fmt"
	"strings"
	"unicode"
)

// fields writes the class of the fields in filters.
func (w *dart) fields(c *collection) {
	w.printf("class %sFields extends FieldsOf {\n  const %sFields(super.prefix, super.mark);\n", c.typeName, c.typeName)
	taken := dartMembers(c.typeName + "Fields")
	for _, f := range c.fields {
		if f.name[0] >= '0' && f.name[0] <= '9' {
			continue // no name in a filter
		}
		term, more := dartTerm(f)
		w.printf("\n  %s get %s => %s(_at(%s), _mark%s);\n", term, taken.name(f.name), term, dartString(f.name), more)
	}
	for _, l := range c.back {
		term := "ToOne"
		if l.many {
			term = "ToMany"
		}
		term += "<" + l.from.typeName + "Fields>"
		w.printf("\n  %s get %s => %s(_at(%s), _mark, %sFields.new);\n", term, taken.name(l.name), term, dartString(l.name), l.from.typeName)
	}
	w.print("}\n\n")
}

// dartTerm is the class of a field in filters, and what it is made from besides.
func dartTerm(f *field) (term, more string) {
	switch {
	case f.holds == holdsNumber:
		return "OrderTerm<num>", ""
	case f.holds == holdsBool:
		return "Term<bool>", ""
	case f.holds == holdsDate:
		return "TextTerm<DateTime>", ""
	case f.holds == holdsJSON:
		return "JSONTerm", ""
	case f.holds == holdsPoint:
		return "PointTerm", ""
	case f.holds == holdsRelation && f.target != nil && f.many:
		return "ToMany<" + f.target.typeName + "Fields>", ", " + f.target.typeName + "Fields.new"
	case f.holds == holdsRelation && f.target != nil:
		return "ToOne<" + f.target.typeName + "Fields>", ", " + f.target.typeName + "Fields.new"
	}
	one := "String"
	if f.holds == holdsSelect {
		one = f.typeName
	}
	if f.many {
		return "ListTerm<" + one + ">", ""
	}
	return "TextTerm<" + one + ">", ""
}

// relations writes the class of what may be expanded.
func (w *dart) relations(c *collection) {
	w.printf("class %sRelations extends Link {\n  const %sRelations(super.path);\n", c.typeName, c.typeName)
	taken := dartMembers(c.typeName + "Relations")
	for _, l := range leading(c) {
		w.printf("\n  %sRelations get %s => %sRelations(_at(%s));\n", l.from.typeName, taken.name(l.name), l.from.typeName, dartString(l.name))
	}
	w.print("}\n\n")
}

// services writes what gives access to the collections and the routes.
func (w *dart) services() {
	w.print("extension TypedPocketBase on PocketBase {\n  /// The collections, typed.\n  Records get records => Records(this);\n")
	if len(w.model.groups) > 0 {
		w.print("\n  /// The routes besides those of collections.\n  Api get api => Api(this);\n")
	}
	w.print("}\n\nclass Records {\n  const Records(this._pb);\n\n  final PocketBase _pb;\n")
	taken := dartMembers("Records")
	for _, c := range w.model.collections {
		class, bodies := "WriteService", fmt.Sprintf("%sCreate, %sUpdate, ", c.typeName, c.typeName)
		switch c.kind {
		case kindAuth:
			class = "AuthService"
		case kindView:
			class, bodies = "ReadService", ""
		}
		class += fmt.Sprintf("<%s, %s%sFields, %sRelations>", c.typeName, bodies, c.typeName, c.typeName)
		w.printf("\n  %s get %s =>\n      %s(_pb.collection(%s), %s.new, %sFields.new, %sRelations.new);\n",
			class, taken.name(c.name), class, dartString(c.name), c.typeName, c.typeName, c.typeName)
	}
	w.print("}\n\n")
	if len(w.model.groups) == 0 {
		return
	}
	w.print("class Api {\n  const Api(this._pb);\n\n  final PocketBase _pb;\n")
	taken = dartMembers("Api")
	for _, g := range w.model.groups {
		w.printf("\n  %s get %s => %s(_pb);\n", g.typeName, taken.name(g.name), g.typeName)
	}
	w.print("}\n\n")
}

func (w *dart) doc(indent, text string) {
	if text != "" {
		w.printf("%s/// %s\n", indent, text)
	}
}

// dartString is a text as a literal.
func dartString(text string) string {
	return strings.ReplaceAll(tsString(text), "$", `\$`)
}

// dartMembers are the names that are taken in a class, those of every object
// among them.
func dartMembers(own ...string) members {
	taken := members{}
	for _, name := range append(own, "hashCode", "runtimeType", "toString", "noSuchMethod") {
		taken[name] = true
	}
	for word := range strings.FieldsSeq(dartWords) {
		taken[word] = true
	}
	return taken
}

// dartWords are the words of the language, also those that could be names.
const dartWords = `abstract as assert async await base bool break case catch class const continue covariant default deferred do
	double dynamic else enum export extends extension external factory false final finally for function get hide if implements
	import in int interface is late library mixin new null num of on operator part required rethrow return sealed set show static
	super switch sync this throw true try type typedef var void when while with yield`

// name gives a member a name after a text.
func (m members) name(text string) string {
	name := camel(text)
	if m[name] && !unicode.IsDigit(rune(name[len(name)-1])) {
		name += "Value"
	}
	return m.take(name)
}
