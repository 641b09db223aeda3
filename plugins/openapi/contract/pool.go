package contract

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Bounds of what is remembered of answers.
const (
	maxRemembered = 40
	maxNoticed    = 6 // values of one name in one answer
)

// pool remembers what the backend has answered, to call it by that: the slugs
// and ids that paths are filled with.
type pool struct {
	paths map[string]bool // up to a variable each, "/articles/{}"
	// resources are values of the variables of a path, that belong together
	resources map[string][][]string
	names     map[string][]string // by the name of the member
	// collections are the ids of records by any part of the path that gave them
	collections map[string][]string
	variables   map[string]string
}

func newPool(design *Document, variables map[string]string) *pool {
	p := &pool{
		paths: map[string]bool{}, resources: map[string][][]string{}, names: map[string][]string{},
		collections: map[string][]string{}, variables: variables,
	}
	for _, op := range design.operations {
		for _, prefix := range prefixes(op.path) {
			p.paths[prefix] = true
		}
	}
	return p
}

// prefixes are the parts of a path that end in a variable, the shortest first,
// without the names of the variables.
func prefixes(of string) []string {
	var all []string
	anonymous := pathVariable.ReplaceAllString(of, "{}")
	for i := range anonymous {
		if strings.HasSuffix(anonymous[:i+1], "{}") {
			all = append(all, anonymous[:i+1])
		}
	}
	return all
}

// fill finds values for the variables of an operation's path. nth chooses among
// several.
func (p *pool) fill(op *operation, nth int) ([]string, bool) {
	names, paths := op.variables(), prefixes(op.path)
	var values []string
	for i := len(paths) - 1; i >= 0; i-- {
		if known := p.resources[paths[i]]; len(known) > 0 {
			values = slices.Clone(known[len(known)-1-nth%len(known)])
			break
		}
	}
	for i := len(values); i < len(names); i++ {
		name := names[i]
		known := p.names[name]
		if near := p.collections[path.Base(strings.TrimSuffix(paths[i], "/{}"))]; name == "id" && len(near) > 0 {
			known = near // of what the path is about
		}
		if fixed, ok := p.variables[name]; ok {
			known = []string{fixed}
		}
		if len(known) == 0 {
			return values, false
		}
		values = append(values, known[len(known)-1-nth%len(known)])
	}
	return values, true
}

// learn takes in an answer to an operation that was called with these values.
func (p *pool) learn(op *operation, values []string, body any) {
	if op.method == "DELETE" {
		p.forget(op, values)
		return
	}
	p.notice(body)
	ids := find(body, "id")
	for part := range strings.SplitSeq(op.path, "/") {
		if part != "" && !strings.HasPrefix(part, "{") {
			p.collections[part] = remember(p.collections[part], ids...)
		}
	}
	if op.method == "PUT" || op.method == "PATCH" {
		p.rename(op, values, body)
		return
	}
	for child := range p.paths {
		if child != pathVariable.ReplaceAllString(op.path, "{}")+"/{}" {
			continue
		}
		for _, value := range find(body, p.childName(child)...) {
			known := slices.Concat(values, []string{value})
			same := func(other []string) bool { return slices.Equal(other, known) }
			if !slices.ContainsFunc(p.resources[child], same) && len(p.resources[child]) < maxRemembered {
				p.resources[child] = append(p.resources[child], known)
			}
		}
	}
}

// childName are the names of members that the last variable of a path may be in.
func (p *pool) childName(child string) []string {
	names := []string{"id"}
	if last := p.variables["\x00"+child]; last != "" {
		names = []string{last, "id"}
	}
	return names
}

// name tells the pool what the variables of paths are called.
func (p *pool) name(op *operation) {
	names := op.variables()
	for i, prefix := range prefixes(op.path) {
		p.variables["\x00"+prefix] = names[i]
	}
}

// rename follows a resource whose name in the path was changed.
func (p *pool) rename(op *operation, values []string, body any) {
	names := op.variables()
	if len(names) == 0 {
		return
	}
	last := len(names) - 1
	now := find(body, names[last])
	if len(now) == 0 || slices.Contains(now, values[last]) {
		return
	}
	for _, known := range p.resources {
		for _, value := range known {
			if len(value) > last && slices.Equal(value[:last+1], values) {
				value[last] = now[0]
			}
		}
	}
}

// forget drops what was deleted, and what is below it.
func (p *pool) forget(op *operation, values []string) {
	all := prefixes(op.path)
	if len(all) == 0 || !strings.HasSuffix(op.path, "}") {
		return
	}
	gone := values[len(values)-1]
	for prefix, known := range p.resources {
		if strings.HasPrefix(prefix, all[len(all)-1]) {
			p.resources[prefix] = slices.DeleteFunc(known, func(value []string) bool {
				return len(value) >= len(values) && slices.Equal(value[:len(values)], values)
			})
		}
	}
	for _, lists := range []map[string][]string{p.names, p.collections} {
		for name, known := range lists {
			lists[name] = slices.DeleteFunc(known, func(value string) bool { return value == gone })
		}
	}
}

// notice remembers the values of an answer by their names.
func (p *pool) notice(body any) {
	walk(body, func(name string, value string) {
		p.names[name] = remember(p.names[name], value)
	})
}

func remember(known []string, values ...string) []string {
	for i, value := range values {
		if i < maxNoticed && !slices.Contains(known, value) {
			known = append(known, value)
		}
	}
	return known[max(0, len(known)-maxRemembered):]
}

// find lists the values of the first of the names that there is: of the member
// that is the least deep, or of the items of a list.
func find(body any, names ...string) []string {
	for _, name := range names {
		level := []any{body}
		for range 4 {
			var values []string
			var next []any
			for _, value := range level {
				switch value := value.(type) {
				case map[string]any:
					if text, ok := scalar(value[name]); ok {
						values = append(values, text)
					}
					for _, key := range slices.Sorted(maps.Keys(value)) {
						next = append(next, value[key])
					}
				case []any:
					next = append(next, value[:min(len(value), maxNoticed)]...)
				}
			}
			if len(values) > 0 {
				return values
			}
			level = next
		}
	}
	return nil
}

// walk visits the texts and numbers of a value with the names of their members.
func walk(value any, visit func(name, value string)) {
	switch value := value.(type) {
	case []any:
		for _, item := range value[:min(len(value), maxNoticed)] {
			walk(item, visit)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if text, ok := scalar(value[name]); ok {
				visit(name, text)
			}
			walk(value[name], visit)
		}
	}
}

// scalar is what can stand in a path.
func scalar(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, value != "" && len(value) < 200
	case float64, bool:
		return encode(value), true
	case fmt.Stringer: // a number as it was written
		return value.String(), true
	}
	return "", false
}
