package versions

import (
	"maps"
	"strings"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// untouched gives the operations back what they said of records in the document of
// the newest version, which no change is made for: routes of an app's own.
type untouched struct {
	doc     *apidoc.Document
	newest  map[string]*apidoc.Schema // the components before they were changed
	reaches map[string]bool           // whether they lead to one that was
}

// newestSuffix ends the names of components that are as in the newest version.
const newestSuffix = "Newest"

// leaveOwnRoutes does so for all routes that are not among the transformer's.
func (t *Transformer) leaveOwnRoutes(d *apidoc.Document, before map[string]*apidoc.Schema) {
	u := &untouched{doc: d, newest: before, reaches: map[string]bool{}}
	for name, s := range d.Components.Schemas {
		if s != before[name] {
			u.reaches[name] = true
		}
	}
	if len(u.reaches) == 0 {
		return
	}
	u.spread()
	for _, path := range d.Paths {
		if strings.HasPrefix(path.Path, "/api/collections/") {
			continue
		}
		for method, op := range path.Operations {
			if pattern := strings.ToUpper(method) + " " + path.Path; t.lists[pattern] || t.routes[pattern] != nil {
				continue
			}
			u.restore(op)
		}
	}
}

func (u *untouched) restore(op *apidoc.Operation) {
	if op.RequestBody != nil {
		body := *op.RequestBody
		body.Content = u.content(body.Content)
		op.RequestBody = &body
	}
	responses := maps.Clone(op.Responses)
	for status, response := range responses {
		response.Content = u.content(response.Content)
		responses[status] = response
	}
	op.Responses = responses
}

func (u *untouched) content(content map[string]apidoc.MediaType) map[string]apidoc.MediaType {
	content = maps.Clone(content)
	for kind, media := range content {
		media.Schema = u.schema(media.Schema)
		content[kind] = media
	}
	return content
}

// spread finds the components of the newest version that lead to a changed one.
func (u *untouched) spread() {
	for found := true; found; {
		found = false
		for name, s := range u.newest {
			if u.reaches[name] {
				continue
			}
			walkSchema(s, func(s *apidoc.Schema) *apidoc.Schema {
				if target, ok := strings.CutPrefix(s.Ref, componentPrefix); ok && u.reaches[target] && !u.reaches[name] {
					u.reaches[name], found = true, true
				}
				return s
			})
		}
	}
}

// schema refers to components as they are in the newest version.
func (u *untouched) schema(s *apidoc.Schema) *apidoc.Schema {
	return walkSchema(s, func(s *apidoc.Schema) *apidoc.Schema {
		name, ok := strings.CutPrefix(s.Ref, componentPrefix)
		if !ok || !u.reaches[name] {
			return s
		}
		if _, made := u.doc.Components.Schemas[name+newestSuffix]; !made {
			u.doc.Components.Schemas[name+newestSuffix] = nil // it may refer to itself
			u.doc.Components.Schemas[name+newestSuffix] = u.schema(u.newest[name])
		}
		referring := *s
		referring.Ref = componentPrefix + name + newestSuffix
		return &referring
	})
}

// walkSchema copies a schema with all within, each of which visit may replace.
func walkSchema(s *apidoc.Schema, visit func(*apidoc.Schema) *apidoc.Schema) *apidoc.Schema {
	if s == nil {
		return nil
	}
	walkAll := func(all []*apidoc.Schema) []*apidoc.Schema {
		var copied []*apidoc.Schema
		for _, inner := range all {
			copied = append(copied, walkSchema(inner, visit))
		}
		return copied
	}
	changed := *visit(s)
	changed.Items, changed.Not = walkSchema(changed.Items, visit), walkSchema(changed.Not, visit)
	changed.AllOf, changed.AnyOf, changed.OneOf = walkAll(changed.AllOf), walkAll(changed.AnyOf), walkAll(changed.OneOf)
	if inner, ok := changed.AdditionalProperties.(*apidoc.Schema); ok {
		changed.AdditionalProperties = walkSchema(inner, visit)
	}
	var properties apidoc.Properties
	for _, property := range changed.Properties {
		properties = append(properties, apidoc.Property{Name: property.Name, Schema: walkSchema(property.Schema, visit)})
	}
	changed.Properties = properties
	return &changed
}
