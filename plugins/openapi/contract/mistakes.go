package contract

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mistakes makes values that do not fit the schema, each in one respect.
func (m *maker) mistakes(pointer string) []variant {
	whole := m.make(pointer, false, nil)
	if !m.fits(pointer, whole) {
		whole = m.make(pointer, true, nil)
	}
	nodes := m.nodes
	var all []variant
	add := func(value any, label string) {
		if len(all) < maxVariants && !m.fits(pointer, value) {
			all = append(all, variant{value: value, label: label})
		}
	}
	for _, at := range slices.Sorted(maps.Keys(nodes)) {
		schema := nodes[at]
		if at != "" && valueAt(whole, at) == nil {
			continue // it is null
		}
		where := at
		if at == "" {
			where = "the body"
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			member := at + "/" + escapePointer(textOf(name))
			add(replaced(whole, member, nil, true), member+" left out")
		}
		for _, wrong := range m.wrong(schema) {
			add(replaced(whole, at, wrong.value, false), where+" "+wrong.label)
		}
	}
	return all
}

// wrong are values that a schema does not admit.
func (m *maker) wrong(schema map[string]any) []variant {
	var all []variant
	types := typesOf(schema)
	if len(types) > 0 && !slices.Contains(types, "object") {
		all = append(all, variant{value: map[string]any{"wrong": true}, label: "as an object"})
	}
	if slices.Contains(types, "object") {
		all = append(all, variant{value: "text", label: "as a text"})
	}
	if slices.Contains(types, "array") || slices.Contains(types, "integer") || slices.Contains(types, "boolean") {
		all = append(all, variant{value: "no", label: "as a text"})
	}
	if len(types) > 0 && !slices.Contains(types, "null") {
		all = append(all, variant{value: nil, label: "null"})
	}
	if schema["enum"] != nil {
		all = append(all, variant{value: "none-of-them", label: "with a value that is not listed"})
	}
	if format := textOf(schema["format"]); format != "" {
		all = append(all, variant{value: "\u0001 no " + format, label: "not in the format " + format})
	}
	if n := wholeOf(schema, "minLength", 0); n > 0 {
		all = append(all, variant{value: strings.Repeat("x", n-1), label: fmt.Sprintf("of %d characters", n-1)})
	}
	if n := wholeOf(schema, "maxLength", -1); n >= 0 && n <= maxText {
		all = append(all, variant{value: strings.Repeat("x", n+1), label: fmt.Sprintf("of %d characters", n+1)})
	}
	if least, ok := limitOf(schema, "minimum", "exclusiveMinimum", 1); ok {
		all = append(all, variant{value: least - 1, label: fmt.Sprintf("as %v", least-1)})
	}
	if most, ok := limitOf(schema, "maximum", "exclusiveMaximum", -1); ok {
		all = append(all, variant{value: most + 1, label: fmt.Sprintf("as %v", most+1)})
	}
	if n := wholeOf(schema, "minItems", 0); n > 0 {
		all = append(all, variant{value: []any{}, label: "without items"})
	}
	return all
}

// replaced copies a value with another at the pointer, or with nothing there.
func replaced(value any, pointer string, by any, remove bool) any {
	if pointer == "" {
		return by
	}
	part, rest, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	if rest != "" {
		rest = "/" + rest
	}
	part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	switch container := value.(type) {
	case map[string]any:
		copied := maps.Clone(container)
		if rest == "" && remove {
			delete(copied, part)
		} else {
			copied[part] = replaced(container[part], rest, by, remove)
		}
		return copied
	case []any:
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= len(container) {
			return value
		}
		copied := slices.Clone(container)
		copied[i] = replaced(container[i], rest, by, remove)
		return copied
	}
	return value
}
