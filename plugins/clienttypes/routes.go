package clienttypes

import (
	"cmp"
	"mime"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// addRoutes tells of the described routes, in the order of their paths.
func (b *builder) addRoutes(entries []apidoc.Entry) {
	d := &definer{builder: b, types: map[typeKey]*namedType{}}
	groups := map[string]*group{}
	called := map[string]members{}
	for _, entry := range entries {
		if entry.Access == apidoc.Superusers && !b.options.System || !b.wants(entry.Path) {
			continue
		}
		subject, action := title(entry)
		g := groups[subject]
		if g == nil {
			g = &group{name: subject, typeName: b.taken.take(pascal([]string{subject})+"Api", "Group", "")}
			groups[subject], called[subject] = g, members{}
			b.model.groups = append(b.model.groups, g)
		}
		r := d.route(entry)
		r.name = called[subject].take(action)
		g.routes = append(g.routes, r)
	}
	slices.SortFunc(b.model.groups, func(x, y *group) int { return strings.Compare(x.name, y.name) })
	b.model.types = d.written
}

// wants reports whether a route is among those that were asked for.
func (b *builder) wants(path string) bool {
	if len(b.options.Routes) == 0 {
		return strings.HasPrefix(path, "/api/")
	}
	return slices.ContainsFunc(b.options.Routes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

var versionPart = regexp.MustCompile(`^v\d+$`)

// usual are what one calls a method on a path that names nothing but things.
var usual = map[string]string{"GET": "get", "POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}

// verbs are what the methods do to what a longer path names. What is posted has
// mostly its verb in the path.
var verbs = map[string]string{"GET": "get", "PUT": "put", "PATCH": "update", "DELETE": "delete"}

// title is the subject and the action of a route: those of its ID, or of its path.
func title(entry apidoc.Entry) (subject, action string) {
	if before, after, ok := strings.Cut(entry.ID, "."); ok && len(splitWords(before)) > 0 && len(splitWords(after)) > 0 {
		return camel(before), camel(after)
	}
	var words []string
	for part := range strings.SplitSeq(entry.Path, "/") {
		if part != "" && part != "api" && !versionPart.MatchString(part) && !strings.HasPrefix(part, "{") {
			words = append(words, part)
		}
	}
	if entry.ID != "" && len(splitWords(entry.ID)) > 0 {
		return camel(strings.Join(words[:min(1, len(words))], " ")), camel(entry.ID)
	}
	if len(words) > 1 {
		return camel(words[0]), camel(verbs[entry.Method] + " " + strings.Join(words[1:], " "))
	}
	action = usual[entry.Method]
	if action == "get" && !strings.HasSuffix(entry.Path, "}") {
		action = "list"
	}
	return camel(strings.Join(words, " ")), cmp.Or(action, strings.ToLower(entry.Method))
}

// definer names the types of routes.
type definer struct {
	*builder
	types   map[typeKey]*namedType
	byRef   map[string]*namedType
	written []*namedType
	// named is what an object without a name is called after.
	named []string
}

var recordType = reflect.TypeFor[core.Record]()

type typeKey struct {
	t     reflect.Type
	input bool
}

const refPrefix = "#/components/schemas/"

// Define names a type; see [apidoc.Names].
func (d *definer) Define(t reflect.Type, input bool, build func() *apidoc.Schema) *apidoc.Schema {
	key := typeKey{t, input}
	if known := d.types[key]; known != nil {
		return apidoc.Ref(known.name)
	}
	name := letterFirst(cmp.Or(pascal(splitWords(t.Name())), "X"))
	word := "Answer"
	if input {
		word = "Input"
	}
	defined := d.add(name, word, input)
	d.types[key] = defined // it may refer to itself
	d.describe(defined, build())
	return apidoc.Ref(defined.name)
}

// Record refers to the records of a collection; see [apidoc.Names].
func (d *definer) Record(collection string) *apidoc.Schema {
	if c := d.byID[collection]; c != nil {
		return &apidoc.Schema{Ref: refPrefix + "\x00" + c.name}
	}
	return &apidoc.Schema{}
}

func (d *definer) add(name, word string, input bool) *namedType {
	defined := &namedType{name: d.taken.take(name, word, ""), sent: input}
	if d.byRef == nil {
		d.byRef = map[string]*namedType{}
	}
	d.byRef[defined.name] = defined
	d.written = append(d.written, defined)
	return defined
}

// describe fills a named type. What is no object, such as one of several forms,
// is known by its one member without a name.
func (d *definer) describe(defined *namedType, s *apidoc.Schema) {
	defined.doc = sentences(s.Description)
	if !isObject(s) {
		defined.members = []*member{{typ: d.typ(s, defined.sent)}}
		return
	}
	d.named = append(d.named, defined.name)
	for _, p := range s.Properties {
		d.named = append(d.named, pascal(splitWords(p.Name)))
		defined.members = append(defined.members, &member{
			name: p.Name, typ: d.typ(p.Schema, defined.sent), optional: !slices.Contains(s.Required, p.Name),
			doc: sentences(p.Schema.Description),
		})
		d.named = d.named[:len(d.named)-1]
	}
	d.named = d.named[:len(d.named)-1]
}

func isObject(s *apidoc.Schema) bool {
	_, dictionary := s.AdditionalProperties.(*apidoc.Schema)
	return s.Type == "object" && !dictionary && s.Ref == ""
}

// typ is what a schema admits.
func (d *definer) typ(s *apidoc.Schema, input bool) *typ {
	switch {
	case strings.HasPrefix(s.Ref, refPrefix+"\x00"):
		return &typ{kind: isRecord, record: d.byID[strings.TrimPrefix(s.Ref, refPrefix+"\x00")]}
	case s.Ref != "":
		return &typ{kind: isNamed, named: d.byRef[strings.TrimPrefix(s.Ref, refPrefix)]}
	case len(s.AnyOf) == 2 && s.AnyOf[1].Type == "null":
		t := *d.typ(s.AnyOf[0], input)
		t.nullable = true
		return &t
	case len(s.OneOf) > 0:
		t := &typ{kind: isUnion}
		for _, form := range s.OneOf {
			t.forms = append(t.forms, d.typ(form, input))
		}
		return t
	}
	name, _ := s.Type.(string)
	t := &typ{}
	if list, ok := s.Type.([]string); ok && len(list) == 2 && list[1] == "null" {
		name, t.nullable = list[0], true
	}
	switch name {
	case "string":
		t.kind = isText
		if s.Pattern != "" && strings.Contains(s.Pattern, `\d{4}-\d{2}-\d{2} \d{2}:`) {
			t.kind = isMoment
		}
		if values, ok := texts(s.Enum); ok {
			t.kind, t.values = isEnum, values
		}
	case "integer":
		t.kind = isInteger
	case "number":
		t.kind = isNumber
	case "boolean":
		t.kind = isBool
	case "array":
		t.kind = isList
		t.of = &typ{}
		if s.Items != nil {
			t.of = d.typ(s.Items, input)
		}
	case "object":
		d.object(t, s, input)
	}
	return t
}

// object is a dictionary, or an object that gets a name.
func (d *definer) object(t *typ, s *apidoc.Schema, input bool) {
	if values, ok := s.AdditionalProperties.(*apidoc.Schema); ok && len(s.Properties) == 0 {
		t.kind, t.of = isDict, d.typ(values, input)
		return
	}
	if len(s.Properties) == 0 {
		t.kind, t.of = isDict, &typ{}
		return
	}
	t.kind = isNamed
	t.named = d.add(letterFirst(cmp.Or(strings.Join(d.named, ""), "X")), "Object", input)
	d.describe(t.named, s)
}

func texts(values []any) ([]string, bool) {
	var all []string
	for _, value := range values {
		text, ok := value.(string)
		if !ok && value != nil {
			return nil, false
		}
		if ok {
			all = append(all, text)
		}
	}
	return all, len(all) > 0
}

// route tells of a route.
func (d *definer) route(entry apidoc.Entry) *route {
	r := &route{
		method: entry.Method, path: strings.TrimSuffix(entry.Path, "{$}"),
		doc: sentences(dot(entry.Summary), entry.Description), deprecated: entry.Deprecated,
	}
	subject, action := title(entry)
	d.named = []string{pascal([]string{subject}), pascal([]string{action})}
	parameters, body := apidoc.Parameters(d, entry.In)
	for _, p := range append(parameters, entry.Parameters...) {
		if p.Ref != "" || p.Schema == nil {
			continue
		}
		if p.Name == "expand" && p.In == "query" && d.answersRecord(entry) {
			r.expands = true
			continue
		}
		r.params = append(r.params, &param{name: p.Name, in: p.In, required: p.Required, typ: d.typ(p.Schema, true), doc: sentences(p.Description)})
	}
	r.params = d.withPathVariables(r)
	if len(entry.Consumes) > 0 && !slices.ContainsFunc(entry.Consumes, jsonType) {
		r.body = &typ{kind: isBytes}
	} else if body != nil {
		d.named = append(d.named, "Input")
		r.body = d.typ(body, true)
		r.bodyOptional = r.body.kind == isNamed && !slices.ContainsFunc(r.body.named.members, func(m *member) bool { return !m.optional })
	}
	d.named = []string{pascal([]string{subject}), pascal([]string{action}), "Answer"}
	r.answer = d.answer(entry)
	r.binary = len(entry.Produces) > 0 && !slices.ContainsFunc(entry.Produces, jsonType)
	if len(entry.Produces) > 1 && slices.ContainsFunc(entry.Produces, jsonType) {
		r.binary = true // it may be either
	}
	return r
}

// withPathVariables adds those of the path that no parameter tells of. They come
// first, in the order of the path.
func (d *definer) withPathVariables(r *route) []*param {
	var ordered, rest []*param
	seen := map[string]bool{}
	for _, found := range pathVariable.FindAllStringSubmatch(r.path, -1) {
		p := &param{name: found[1], in: "path", required: true, typ: &typ{kind: isText}}
		for _, told := range r.params {
			if told.in == "path" && told.name == p.name {
				p = told
			}
		}
		ordered, seen[p.name] = append(ordered, p), true
	}
	for _, p := range r.params {
		if p.in != "path" && !seen[p.name] {
			rest, seen[p.name] = append(rest, p), true
		}
	}
	slices.SortStableFunc(rest, func(x, y *param) int { return strings.Compare(x.name, y.name) })
	return append(ordered, rest...)
}

var pathVariable = regexp.MustCompile(`\{(\w+)(?:\.\.\.)?\}`)

func (d *definer) answersRecord(entry apidoc.Entry) bool {
	return entry.Out == recordType && d.byID[entry.Collection] != nil
}

// answer is what a success brings: nil for nothing, one of several forms if there
// are several.
func (d *definer) answer(entry apidoc.Entry) *typ {
	var forms []*typ
	add := func(t reflect.Type) {
		if t != nil && t != reflect.TypeFor[apidoc.None]() {
			forms = append(forms, d.typ(apidoc.SchemaOf(d, t, false, entry.Collection), false))
		}
	}
	add(entry.Out)
	for _, a := range entry.Answers {
		if a.Status < 300 && a.Produces == "" {
			add(a.Type)
		}
	}
	switch len(forms) {
	case 0:
		return nil
	case 1:
		return forms[0]
	default:
		return &typ{kind: isUnion, forms: forms}
	}
}

func jsonType(mediaType string) bool {
	kind, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// dot ends a summary as a sentence.
func dot(summary string) string {
	if summary == "" || strings.HasSuffix(summary, ".") {
		return summary
	}
	return summary + "."
}
