package contract

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/oasdiff/oasdiff/checker"
)

// origin finds out which component of a document a change is in: one change of a
// component shows in each operation that comes across it, however deep.
type origin struct{ roots []map[string]any }

// component returns the name of the component and the place in it, "" for a
// change that is in none.
func (o origin) component(c checker.Change) (name, place string) {
	if strings.Contains(c.GetId(), "parameter") {
		return "", ""
	}
	for _, root := range o.roots {
		op, _ := lookUp(root, "paths", c.GetPath(), strings.ToLower(c.GetOperation())).(map[string]any)
		for _, arg := range c.GetArgs() {
			text, _ := arg.(string)
			for _, schema := range schemasOf(root, op, c) {
				if name, place, ok := lastRef(root, schema, partsOf(text)); ok && name != "" {
					return name, place
				}
			}
		}
	}
	return "", ""
}

// partsOf splits a place such as "oneOf[#/components/schemas/Paper]/author".
func partsOf(place string) []string {
	var parts []string
	start, inside := 0, false
	place = strings.Trim(place, "/")
	for i := range len(place) {
		switch {
		case place[i] == '[' || place[i] == ']':
			inside = place[i] == '['
		case place[i] == '/' && !inside:
			parts = append(parts, place[start:i])
			start = i + 1
		}
	}
	return append(parts, place[start:])
}

// schemasOf are those of the bodies of an operation that a change can be in.
func schemasOf(root, op map[string]any, c checker.Change) []any {
	var bodies []any
	if strings.HasPrefix(c.GetId(), "request") {
		bodies = append(bodies, op["requestBody"])
	}
	responses, _ := op["responses"].(map[string]any)
	for _, arg := range c.GetArgs() {
		if status, ok := arg.(string); ok && responses[status] != nil && strings.HasPrefix(c.GetId(), "response") {
			bodies = append(bodies, responses[status])
		}
	}
	var all []any
	for _, body := range bodies {
		content, _ := resolved(root, body)["content"].(map[string]any)
		for _, kind := range slices.Sorted(maps.Keys(content)) {
			all = append(all, lookUp(content, kind, "schema"))
		}
	}
	return all
}

// resolved follows the references of an object.
func resolved(root map[string]any, value any) map[string]any {
	for range maxRefs {
		object, _ := value.(map[string]any)
		ref, ok := object["$ref"].(string)
		if !ok {
			return object
		}
		value = valueAt(root, pointerOf(ref))
	}
	return nil
}

// lastRef walks a place such as "items/items/author" through a schema, and returns
// the last component on the way and what of the place is in it.
func lastRef(root map[string]any, schema any, place []string) (name, rest string, ok bool) {
	for i := 0; ; i++ {
		object, _ := schema.(map[string]any)
		if ref, isRef := object["$ref"].(string); isRef {
			name, rest = ref[strings.LastIndex(ref, "/")+1:], strings.Join(place[i:], "/")
			object = resolved(root, object)
		}
		if i == len(place) || object == nil {
			return name, rest, i == len(place) && rest != ""
		}
		if schema = below(root, object, place[i]); schema == nil {
			return "", "", false
		}
	}
}

// below is the schema of a member, of the items of a list, or one of several forms.
func below(root, schema map[string]any, part string) any {
	if property := lookUp(schema, "properties", part); property != nil {
		return property
	}
	if part == "items" && schema["items"] != nil {
		return schema["items"]
	}
	if _, ref, ok := strings.Cut(part, "["); ok && strings.HasPrefix(ref, "#") {
		return map[string]any{"$ref": strings.TrimSuffix(ref, "]")}
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		forms, _ := schema[key].([]any)
		for _, form := range forms {
			if found := below(root, resolved(root, form), part); found != nil {
				return found
			}
		}
	}
	return nil
}

// gather puts changes together that are one change of a component. What is said
// is that of the operation that comes to it most directly.
func gather(list []Change) []Change {
	type key struct{ id, component, place string }
	var order []key
	groups := map[key][]Change{}
	for _, c := range list {
		k := key{c.ID, c.Component, c.place}
		if c.Component == "" {
			k.place = c.Operation + " " + c.What
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], c)
	}
	gathered := make([]Change, 0, len(order))
	for _, k := range order {
		group := groups[k]
		first := slices.MinFunc(group, func(a, b Change) int { return cmp.Compare(len(a.What), len(b.What)) })
		for _, c := range group {
			if c.Operation != first.Operation && !slices.Contains(first.Also, c.Operation) {
				first.Also = append(first.Also, c.Operation)
			}
		}
		gathered = append(gathered, first)
	}
	return gathered
}
