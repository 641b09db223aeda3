package openapi

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// surroundings are what a document is made from, besides who reads it.
type surroundings struct {
	collections []*core.Collection
	routes      []apidoc.Entry
	rules       []apidoc.Rule
	registered  []route // what the router has

	title, description, version, url string
	limits                           core.RateLimitsConfig
	batch                            core.BatchConfig
}

// builder makes one document.
type builder struct {
	surroundings
	reader reader

	byID    map[string]*core.Collection // and by name
	names   map[string]string           // names of types by collection id
	doc     *apidoc.Document
	paths   map[string]int // places in doc.Paths
	tags    map[string]bool
	targets map[string][]backRelation // by the id of the collection that they lead to
	types   map[string]reflect.Type   // Go types by the names of their schemas

	unlimited map[string]bool // operations without rate limits, by method and path

	// the same again costs nothing
	inputs map[core.Field]*apidoc.Schema
	texts  map[textLimits]string
}

// backRelation is a relation field from the side of what it leads to.
type backRelation struct {
	from  *core.Collection
	field *core.RelationField
}

// build makes the document of what the reader can call.
func build(s surroundings, who reader) *apidoc.Document {
	b := &builder{
		surroundings: s, reader: who,
		byID:    make(map[string]*core.Collection, 2*len(s.collections)),
		names:   typeNames(s.collections),
		paths:   map[string]int{},
		tags:    map[string]bool{},
		targets: map[string][]backRelation{},
		types:   map[string]reflect.Type{},

		unlimited: s.unlimitedRoutes(),
		inputs:    map[core.Field]*apidoc.Schema{},
		texts:     map[textLimits]string{},
		doc: &apidoc.Document{
			OpenAPI: "3.1.0",
			Info:    apidoc.Info{Title: s.title, Description: s.description, Version: s.version},
			Servers: []apidoc.Server{{URL: s.url}},
			Paths:   apidoc.Paths{},
			Components: apidoc.Components{
				Schemas:    map[string]*apidoc.Schema{},
				Parameters: map[string]apidoc.Parameter{},
				Responses:  map[string]apidoc.Response{},
				SecuritySchemes: map[string]apidoc.SecurityScheme{
					bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The token of a sign-in."},
				},
			},
		},
	}
	for _, c := range s.collections {
		b.byID[c.Id], b.byID[c.Name] = c, c
		for _, field := range c.Fields {
			if f, ok := field.(*core.RelationField); ok {
				b.targets[f.CollectionId] = append(b.targets[f.CollectionId], backRelation{from: c, field: f})
			}
		}
	}
	b.addCommon()
	for _, rule := range b.rules {
		if rule.Components != nil {
			rule.Components(&b.doc.Components)
		}
	}
	for _, c := range b.ordered() {
		b.addRecords(c)
		if c.IsAuth() {
			b.addAuth(c)
		}
	}
	b.addFiles()
	b.addShared()
	if b.reader.superuser {
		b.addOperator()
	}
	b.addRoutes()
	for _, rule := range b.rules {
		if rule.Document != nil {
			rule.Document(b.doc)
		}
	}
	return b.doc
}

// ordered are the collections by name, those of the system last.
func (b *builder) ordered() []*core.Collection {
	sorted := slices.Clone(b.collections)
	slices.SortFunc(sorted, func(x, y *core.Collection) int {
		if x.System != y.System {
			if x.System {
				return 1
			}
			return -1
		}
		return strings.Compare(x.Name, y.Name)
	})
	return sorted
}

// typeNames gives each collection a name for its types, "WorkOrders" for
// work_orders. Two that would have the same get numbers, in the order of their
// ids, which do not change.
func typeNames(collections []*core.Collection) map[string]string {
	sorted := slices.Clone(collections)
	slices.SortFunc(sorted, func(x, y *core.Collection) int { return strings.Compare(x.Id, y.Id) })
	names, taken := make(map[string]string, len(sorted)), map[string]bool{}
	for _, c := range sorted {
		name := pascal(c.Name)
		for n := 2; taken[strings.ToLower(name)]; n++ {
			name = pascal(c.Name) + strconv.Itoa(n)
		}
		taken[strings.ToLower(name)] = true
		names[c.Id] = name
	}
	return names
}

// pascal is a name without underscores, each part of it with a capital letter.
func pascal(name string) string {
	var out strings.Builder
	upper := true
	for _, r := range name {
		if r == '_' {
			upper = true
			continue
		}
		if upper {
			r = unicode.ToUpper(r)
		}
		upper = false
		out.WriteRune(r)
	}
	if out.Len() == 0 {
		return "X"
	}
	return out.String()
}

// add puts an operation into the document.
func (b *builder) add(method, path string, op *apidoc.Operation) {
	i, ok := b.paths[path]
	if !ok {
		i = len(b.doc.Paths)
		b.paths[path] = i
		b.doc.Paths = append(b.doc.Paths, apidoc.Path{Path: path, Operations: map[string]*apidoc.Operation{}})
	}
	if op.Security == nil {
		op.Security = []map[string][]string{}
	}
	if _, told := op.Responses["429"]; !told && b.limited(method, path) {
		op.Responses["429"] = apidoc.Response{Ref: "#/components/responses/TooManyRequests"}
	}
	for _, rule := range b.rules {
		if rule.Apply != nil {
			rule.Apply(method, path, op)
		}
	}
	for _, tag := range op.Tags {
		if !b.tags[tag] {
			b.tags[tag] = true
			b.doc.Tags = append(b.doc.Tags, apidoc.Tag{Name: tag})
		}
	}
	b.doc.Paths[i].Operations[strings.ToLower(method)] = op
}

// schema refers to a named schema, which is made when it is referred to first.
func (b *builder) schema(name string, build func() *apidoc.Schema) *apidoc.Schema {
	if _, ok := b.doc.Components.Schemas[name]; !ok {
		b.doc.Components.Schemas[name] = nil // it may refer to itself
		b.doc.Components.Schemas[name] = build()
	}
	return apidoc.Ref(name)
}

const bearer = "token"

// withToken and mayToken are the ways to sign in to an operation that needs it,
// and to one that answers guests as well.
func withToken() []map[string][]string { return []map[string][]string{{bearer: {}}} }
func mayToken() []map[string][]string  { return []map[string][]string{{}, {bearer: {}}} }

// answers are the responses of an operation: one that succeeds, and refusals by
// their status.
func answers(status string, success apidoc.Response, refusals ...int) map[string]apidoc.Response {
	all := map[string]apidoc.Response{
		status:    success,
		"default": {Ref: "#/components/responses/Failure"},
	}
	for _, refusal := range refusals {
		all[strconv.Itoa(refusal)] = apidoc.Response{Ref: "#/components/responses/" + refusalNames[refusal]}
	}
	return all
}

func okJSON(description string, schema *apidoc.Schema) apidoc.Response {
	return apidoc.Response{Description: description, Content: apidoc.JSON(schema)}
}

func noContent(description string) apidoc.Response {
	return apidoc.Response{Description: description}
}
