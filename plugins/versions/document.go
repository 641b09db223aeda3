package versions

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// parameter is the name of the header in the components of the document.
const parameter = "version"

// describe tells of the header, and how the document of each version differs.
func (p *Plugin) describe(app core.App) {
	registry := apidoc.Of(app)
	var dates []any
	var all []apidoc.Version
	for _, r := range p.releases {
		dates = append(dates, r.Date)
		all = append(all, apidoc.Version{Name: r.Date, Apply: func(d *apidoc.Document) { p.applyTo(d, r) }})
	}
	registry.SetVersions(p.config.Header, all)
	registry.AddRule(apidoc.Rule{
		ID: "holdallVersions",
		Components: func(c *apidoc.Components) {
			c.Parameters[parameter] = apidoc.Parameter{
				Name: p.config.Header, In: "header", Schema: &apidoc.Schema{Type: "string", Enum: dates},
				Description: "Which version of the API the request is of. Without it, the newest.",
			}
		},
		Apply: func(_, _ string, op *apidoc.Operation) {
			op.Parameters = append(slices.Clip(op.Parameters), apidoc.Parameter{Ref: "#/components/parameters/" + parameter})
			p.addRefusals(op)
		},
		Document: func(d *apidoc.Document) { d.Info.Version = p.releases[len(p.releases)-1].Date },
	})
}

// addRefusals tells of versions that are not served.
func (p *Plugin) addRefusals(op *apidoc.Operation) {
	if _, ok := op.Responses["400"]; !ok {
		op.Responses["400"] = apidoc.Response{Ref: "#/components/responses/BadRequest"}
	}
	if slices.ContainsFunc(p.releases, func(r *release) bool { return r.Sunset != "" }) {
		op.Responses["410"] = apidoc.Response{Description: "The version of the API is no longer served.", Content: apidoc.JSON(apidoc.Ref("Error"))}
	}
}

// applyTo makes the document of the newest version that of an older one.
func (p *Plugin) applyTo(d *apidoc.Document, r *release) {
	d.Info.Version = r.Date
	header := d.Components.Parameters[parameter]
	header.Required, header.Schema = true, &apidoc.Schema{Type: "string", Const: r.Date}
	header.Description = "The version of the API that this is the document of."
	d.Components.Parameters[parameter] = header

	before := maps.Clone(d.Components.Schemas)
	doc := &edition{Document: d, t: r.transformer}
	for name := range r.transformer.plans {
		doc.changeCollection(name)
	}
	doc.changeExpands()
	r.transformer.leaveOwnRoutes(d, before)
	for _, path := range d.Paths {
		for method, op := range path.Operations {
			op.Deprecated = op.Deprecated || r.Deprecated != ""
			if r.transformer.routes[strings.ToUpper(method)+" "+path.Path] != nil {
				unknownBodies(op)
			}
		}
	}
}

// edition is a document while it is changed. Schemas in it may be shared, so they
// are replaced.
type edition struct {
	*apidoc.Document
	t *Transformer
}

// operation finds an operation, nil if there is none.
func (d *edition) operation(method, path string) *apidoc.Operation {
	for _, p := range d.Paths {
		if p.Path == path {
			return p.Operations[strings.ToLower(method)]
		}
	}
	return nil
}

const componentPrefix = "#/components/schemas/"

// changeCollection changes the schemas of a collection's records and bodies.
func (d *edition) changeCollection(name string) {
	plan := d.t.plans[name]
	for component, s := range d.Components.Schemas {
		if isRecordOf(s, name) {
			d.Components.Schemas[component] = plan.schemaBefore(s, false)
		}
	}
	base := "/api/collections/" + name
	changed := map[string]bool{}
	for _, op := range []*apidoc.Operation{d.operation("POST", base+"/records"), d.operation("PATCH", base+"/records/{id}")} {
		if op == nil || op.RequestBody == nil {
			continue
		}
		for kind, media := range op.RequestBody.Content {
			if component, ok := strings.CutPrefix(media.Schema.Ref, componentPrefix); ok && !changed[component] {
				changed[component] = true
				d.Components.Schemas[component] = plan.schemaBefore(d.Components.Schemas[component], true)
			}
			media.Example = d.exampleBefore(name, media.Example)
			media.Encoding = encodingBefore(plan, media.Encoding)
			op.RequestBody.Content[kind] = media
		}
	}
	if op := d.operation("POST", base+"/auth-with-password"); op != nil && op.RequestBody != nil {
		changeIdentities(plan, op.RequestBody)
	}
}

// isRecordOf tells whether a schema is that of the records of a collection.
func isRecordOf(s *apidoc.Schema, collection string) bool {
	if s == nil {
		return false
	}
	name := s.Properties.Get("collectionName")
	return name != nil && name.Const == collection
}

// changeIdentities changes which fields may identify an account.
func changeIdentities(plan *plan, body *apidoc.RequestBody) {
	media := body.Content["application/json"]
	if media.Schema == nil {
		return
	}
	s := *media.Schema
	s.Properties = slices.Clone(s.Properties)
	for i, property := range s.Properties {
		if property.Name != "identityField" {
			continue
		}
		field := *property.Schema
		field.Enum = slices.Clone(field.Enum)
		for j, name := range field.Enum {
			if text, ok := name.(string); ok && text != "" {
				field.Enum[j] = plan.before(text)
			}
		}
		s.Properties[i].Schema = &field
	}
	media.Schema = &s
	body.Content["application/json"] = media
}

// changeExpands changes the names of what records lead to.
func (d *edition) changeExpands() {
	for _, s := range d.Components.Schemas {
		collection := ""
		if s != nil {
			if name := s.Properties.Get("collectionName"); name != nil {
				collection, _ = name.Const.(string)
			}
		}
		if collection == "" || s.Properties.Get("expand") == nil {
			continue
		}
		c := d.t.collection(collection)
		at, ok := strings.CutPrefix(s.Properties.Get("expand").Ref, componentPrefix)
		if !ok || c == nil || d.Components.Schemas[at] == nil {
			continue
		}
		expand := *d.Components.Schemas[at]
		expand.Properties = slices.Clone(expand.Properties)
		names := map[string]string{}
		for i, property := range expand.Properties {
			if before := d.t.relationBefore(c, property.Name); before != property.Name {
				expand.Properties[i].Name, names[property.Name] = before, before
			}
		}
		if len(names) > 0 {
			d.Components.Schemas[at] = &expand
			d.changeExpandParameters(collection, names)
		}
	}
}

// changeExpandParameters changes what the parameter expand names.
func (d *edition) changeExpandParameters(collection string, names map[string]string) {
	for _, path := range d.Paths {
		if !strings.HasPrefix(path.Path, "/api/collections/"+collection+"/") {
			continue
		}
		for _, op := range path.Operations {
			op.Parameters = slices.Clone(op.Parameters)
			for i := range op.Parameters {
				parameter := &op.Parameters[i]
				if parameter.Name != "expand" {
					continue
				}
				for now, before := range names {
					whole := regexp.MustCompile(`\b` + regexp.QuoteMeta(now) + `\b`)
					parameter.Description = whole.ReplaceAllString(parameter.Description, before)
					if parameter.Example == now {
						parameter.Example = before
					}
				}
			}
		}
	}
}

// unknownBodies takes away what is said of bodies that a change makes others of in
// its own way.
func unknownBodies(op *apidoc.Operation) {
	anything := map[string]apidoc.MediaType{"application/json": {Schema: &apidoc.Schema{}}}
	if op.RequestBody != nil {
		body := *op.RequestBody
		body.Content = anything
		op.RequestBody = &body
	}
	responses := make(map[string]apidoc.Response, len(op.Responses))
	for status, response := range op.Responses {
		if strings.HasPrefix(status, "2") && len(response.Content) > 0 {
			response.Content = anything
		}
		responses[status] = response
	}
	op.Responses = responses
}

// exampleBefore is an example of a body as an older client would send it.
func (d *edition) exampleBefore(collection string, example any) any {
	if example == nil {
		return nil
	}
	encoded, err := json.Marshal(example)
	if err != nil {
		return nil
	}
	changed, err := d.t.Down(collection, encoded)
	var decoded any
	if err != nil || json.Unmarshal(changed, &decoded) != nil {
		return nil // none is better than a wrong one
	}
	return decoded
}

func encodingBefore(plan *plan, encoding map[string]apidoc.Encoding) map[string]apidoc.Encoding {
	if len(encoding) == 0 {
		return encoding
	}
	changed := make(map[string]apidoc.Encoding, len(encoding))
	for name, how := range encoding {
		changed[plan.before(name)] = how
	}
	return changed
}

// schemaBefore is the schema of a record, or of a body, in the older version.
func (p *plan) schemaBefore(s *apidoc.Schema, input bool) *apidoc.Schema {
	if s == nil {
		return nil
	}
	changed := *s
	changed.Properties, changed.Required = slices.Clone(s.Properties), slices.Clone(s.Required)
	for i := len(p.changes) - 1; i >= 0; i-- {
		c := p.changes[i]
		switch c.kind {
		case renameField:
			renameProperty(&changed, c.new[0], c.old[0])
		case addField:
			deleteProperty(&changed, c.new[0])
		case removeField:
			setProperty(&changed, c.old[0], &apidoc.Schema{Type: typeOf(c.encoded), Description: "No longer kept."}, !input)
		case splitField:
			c.joinProperties(&changed)
		case transformFields:
			for _, name := range c.new {
				deleteProperty(&changed, name)
			}
			for _, name := range c.old {
				setProperty(&changed, name, &apidoc.Schema{}, false)
			}
		}
	}
	return &changed
}

// joinProperties puts the field that was split in the place of its parts.
func (c *Change) joinProperties(s *apidoc.Schema) {
	place := slices.IndexFunc(s.Properties, func(p apidoc.Property) bool { return slices.Contains(c.new, p.Name) })
	if place < 0 {
		return
	}
	required := slices.ContainsFunc(s.Required, func(name string) bool { return slices.Contains(c.new, name) })
	s.Properties[place] = apidoc.Property{Name: c.old[0], Schema: &apidoc.Schema{Type: "string"}}
	for _, name := range c.new {
		deleteProperty(s, name)
	}
	if required {
		s.Required = append(s.Required, c.old[0])
	}
}

// typeOf is the type of a JSON value in a schema, nil for any.
func typeOf(value []byte) any {
	switch {
	case len(value) == 0 || string(value) == "null":
		return nil
	case value[0] == '"':
		return "string"
	case value[0] == '{':
		return "object"
	case value[0] == '[':
		return "array"
	case value[0] == 't' || value[0] == 'f':
		return "boolean"
	default:
		return "number"
	}
}

func setProperty(s *apidoc.Schema, name string, schema *apidoc.Schema, required bool) {
	deleteProperty(s, name)
	s.Properties = append(s.Properties, apidoc.Property{Name: name, Schema: schema})
	if required {
		s.Required = append(s.Required, name)
	}
}

// deleteProperty takes a field away, with its modifiers.
func deleteProperty(s *apidoc.Schema, field string) {
	s.Properties = slices.DeleteFunc(s.Properties, func(p apidoc.Property) bool {
		_, base := baseName([]byte(p.Name))
		return string(base) == field
	})
	s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return name == field })
}

// renameProperty gives a field another name, and its modifiers.
func renameProperty(s *apidoc.Schema, from, to string) {
	for i, property := range s.Properties {
		if prefix, base := baseName([]byte(property.Name)); string(base) == from {
			s.Properties[i].Name = property.Name[:prefix] + to + property.Name[prefix+len(base):]
		}
	}
	for i, name := range s.Required {
		if name == from {
			s.Required[i] = to
		}
	}
}
