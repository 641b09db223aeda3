package contract

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is made: how deep values are, how many items lists have, how
// long texts get, how many values are made of one schema.
const (
	maxDepth    = 6
	maxItems    = 20
	maxParts    = 1000 // after which nothing is added that may be left out
	maxNested   = 200  // schemas within schemas, which may lead back to themselves
	maxText     = 20_000
	maxVariants = 150
)

// variant is a value made of a schema.
type variant struct {
	value any
	label string // what is special about it, "" for nothing
	// open says that the schema does not forbid it, but does not speak of it
	// either: a text of 300 characters where no limit is stated
	open  bool
	nodes map[string]map[string]any // the schemas of its parts, by where they are
}

// maker makes values of the schemas of a document.
type maker struct {
	*dialect
	rand *rand.Rand
	// known finds a value that exists, for a member that leads to a collection
	known func(collection string) (any, bool)

	// what follows is of the value that was made last
	taken   map[string]int // choices that are not the first, by their place
	asked   []choice
	nodes   map[string]map[string]any // the schemas of its parts
	visited map[string]int            // how often each reference is being followed
	lean    bool                      // without what may be left out
	parts   int                       // how many there are so far
	nested  int                       // how deep we are in schemas
}

// choice is a place where a value could go on in several ways.
type choice struct {
	place   string
	options []option
}

type option struct {
	label string
	open  bool
}

func newMaker(d *dialect, r *rand.Rand) *maker {
	return &maker{dialect: d, rand: r, known: func(string) (any, bool) { return nil, false }}
}

// make makes one value of the schema at the pointer. The first choice is taken
// where no other is.
func (m *maker) make(pointer string, lean bool, taken map[string]int) any {
	m.taken, m.lean, m.asked, m.parts, m.nested = taken, lean, nil, 0, 0
	m.nodes, m.visited = map[string]map[string]any{}, map[string]int{}
	return m.value(valueAt(m.root, pointer), "", 0)
}

// variants makes values that fit the schema: the least and the fullest, and then
// such that differ from the fullest in one choice each. There are none if the
// schema is beyond this.
func (m *maker) variants(pointer string) []variant {
	var all []variant
	add := func(label string, open, lean bool, taken map[string]int) bool {
		value := m.make(pointer, lean, taken)
		if len(all) >= maxVariants || !m.fits(pointer, value) {
			return false
		}
		all = append(all, variant{value: value, label: label, open: open, nodes: m.nodes})
		return true
	}
	lean := !add("", false, false, nil)
	if lean {
		m.make(pointer, true, nil) // as some members do not go together
	}
	choices := m.asked
	add("", false, true, nil)
	slices.Reverse(all) // the least first
	if len(all) == 0 {
		return nil // whatever else is chosen will not fit either
	}
	for _, c := range choices {
		for n, o := range c.options {
			if n > 0 {
				label := strings.TrimSpace(placeOf(c.place) + " " + o.label)
				add(label, o.open, lean, map[string]int{c.place: n})
			}
		}
	}
	return all
}

// placeOf is the part of the value that a choice is about.
func placeOf(place string) string {
	at, _, _ := strings.Cut(place, "#")
	return at
}

// choose returns which way to go on.
func (m *maker) choose(place string, options ...option) int {
	if len(options) < 2 {
		return 0
	}
	m.asked = append(m.asked, choice{place, options})
	return min(m.taken[place], len(options)-1) // a value made anew may have fewer
}

// value makes a value of a schema.
func (m *maker) value(raw any, at string, depth int) any {
	schema, ok := raw.(map[string]any)
	if !ok {
		return "anything"
	}
	if m.nested >= maxNested {
		return nil
	}
	m.parts++
	m.nested++
	defer func() { m.nested-- }()
	if ref, ok := schema["$ref"].(string); ok {
		m.visited[ref]++
		defer func() { m.visited[ref]-- }()
		target, _ := valueAt(m.root, pointerOf(ref)).(map[string]any)
		if m.visited[ref] > maxDepth {
			return nil
		}
		rest := maps.Clone(schema)
		delete(rest, "$ref")
		return m.value(merge(target, rest), at, depth)
	}
	if parts, ok := schema["allOf"].([]any); ok {
		whole := maps.Clone(schema)
		delete(whole, "allOf")
		for _, part := range parts {
			whole = merge(m.resolve(part), whole)
		}
		return m.value(whole, at, depth)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if forms, ok := schema[key].([]any); ok && len(forms) > 0 {
			return m.form(schema, key, forms, at, depth)
		}
	}
	m.nodes[at] = schema
	if fixed, ok := schema["const"]; ok {
		return fixed
	}
	if values, ok := schema["enum"].([]any); ok && len(values) > 0 {
		options := make([]option, min(len(values), 8))
		for i := range options {
			options[i] = option{label: "as " + encode(values[i])}
		}
		return values[m.choose(at+"#enum", options...)]
	}
	if target := textOf(schema["x-pocketbase-collection"]); target != "" {
		if value, ok := m.known(target); ok && slices.Contains(typesOf(schema), "string") {
			return value
		}
	}
	return m.typed(schema, at, depth)
}

// resolve follows the references of a schema.
func (m *maker) resolve(raw any) map[string]any {
	for range maxRefs {
		schema, _ := raw.(map[string]any)
		ref, ok := schema["$ref"].(string)
		if !ok {
			return schema
		}
		raw = valueAt(m.root, pointerOf(ref))
	}
	return nil
}

// form makes one of several forms.
func (m *maker) form(schema map[string]any, key string, forms []any, at string, depth int) any {
	options := make([]option, min(len(forms), 8))
	for i := range options {
		options[i] = option{label: fmt.Sprintf("in form %d of %d", i+1, len(forms))}
		if slices.Equal(typesOf(m.resolve(forms[i])), []string{"null"}) {
			options[i].label = "null"
		}
	}
	rest := maps.Clone(schema)
	delete(rest, key)
	return m.value(merge(m.resolve(forms[m.choose(at+"#form", options...)]), rest), at, depth)
}

// merge is both schemas at once, as far as values are made of them.
func merge(a, b map[string]any) map[string]any {
	both := maps.Clone(a)
	if both == nil {
		both = map[string]any{}
	}
	for key, value := range b {
		switch key {
		case "properties":
			mine, _ := a[key].(map[string]any)
			theirs, _ := value.(map[string]any)
			all := maps.Clone(theirs)
			for name, property := range mine {
				if _, ok := all[name]; !ok {
					all[name] = property
				}
			}
			both[key] = all
		case "required":
			mine, _ := a[key].([]any)
			theirs, _ := value.([]any)
			both[key] = slices.Concat(mine, theirs)
		default:
			both[key] = value
		}
	}
	return both
}

// typesOf are the types that a schema admits, null last.
func typesOf(schema map[string]any) []string {
	var types []string
	switch named := schema["type"].(type) {
	case string:
		types = []string{named}
	case []any:
		for _, name := range named {
			types = append(types, textOf(name))
		}
	}
	slices.SortStableFunc(types, func(a, b string) int { return cmp.Compare(toInt(a == "null"), toInt(b == "null")) })
	return types
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// typed makes a value of a schema's type.
func (m *maker) typed(schema map[string]any, at string, depth int) any {
	types := typesOf(schema)
	if len(types) == 0 {
		switch {
		case schema["properties"] != nil || schema["required"] != nil || schema["additionalProperties"] != nil:
			types = []string{"object"}
		case schema["items"] != nil:
			types = []string{"array"}
		default:
			types = []string{"string"}
		}
	}
	options := make([]option, len(types))
	for i, name := range types {
		options[i] = option{label: "as " + name}
		if name == "null" {
			options[i].label = "null"
		}
	}
	switch types[m.choose(at+"#type", options...)] {
	case "object":
		return m.object(schema, at, depth)
	case "array":
		return m.list(schema, at, depth)
	case "string":
		return m.text(schema, at)
	case "integer":
		return m.number(schema, at, 1)
	case "number":
		return m.number(schema, at, 0.5)
	case "boolean":
		return m.choose(at+"#boolean", option{label: "true"}, option{label: "false"}) == 0
	}
	return nil
}

func (m *maker) object(schema map[string]any, at string, depth int) any {
	object := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		place := at + "/" + escapePointer(name)
		if !slices.Contains(required, any(name)) {
			if depth >= maxDepth || m.parts > maxParts || m.repeats(properties[name]) {
				continue
			}
			options := []option{{label: "left out"}, {label: "given"}}
			if !m.lean {
				slices.Reverse(options)
			}
			if options[m.choose(place+"#present", options...)].label == "left out" {
				continue
			}
		}
		object[name] = m.value(properties[name], place, depth+1)
	}
	for name := range object { // a password is typed twice
		if original, ok := object[strings.TrimSuffix(name, "Confirm")]; ok {
			object[name] = original
		}
	}
	for _, name := range required {
		if _, ok := object[textOf(name)]; !ok {
			object[textOf(name)] = m.value(map[string]any{}, at+"/"+escapePointer(textOf(name)), depth+1)
		}
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok && len(more) > 0 && len(properties) == 0 && depth < maxDepth {
		if m.choose(at+"#more", option{label: "with a member"}, option{label: "without members"}) == 0 {
			object["key"] = m.value(more, at+"/key", depth+1)
		}
	}
	return object
}

// repeats reports whether a schema refers to one that is being followed.
func (m *maker) repeats(raw any) bool {
	schema, _ := raw.(map[string]any)
	if items, ok := schema["items"]; ok {
		return m.repeats(items)
	}
	ref, ok := schema["$ref"].(string)
	return ok && m.visited[ref] > 0
}

func (m *maker) list(schema map[string]any, at string, depth int) any {
	least, most := wholeOf(schema, "minItems", 0), wholeOf(schema, "maxItems", -1)
	sizes, options := []int{max(least, 1)}, []option{{label: "with an item"}}
	if most >= 0 {
		sizes[0] = min(sizes[0], most)
	}
	if _, stated := schema["minItems"]; least != sizes[0] || stated {
		sizes, options = append(sizes, least), append(options, option{fmt.Sprintf("with %d items", least), !stated})
	}
	if most > sizes[0] && most <= maxItems {
		sizes, options = append(sizes, most), append(options, option{label: fmt.Sprintf("with %d items", most)})
	}
	if depth >= maxDepth || m.repeats(schema) {
		sizes, options = []int{least}, options[:1]
	}
	sizes[0] = min(sizes[0], maxItems*5) // more will not fit
	items := []any{}
	for i := range sizes[m.choose(at+"#items", options...)] {
		items = append(items, m.value(schema["items"], fmt.Sprintf("%s/%d", at, i), depth+1))
	}
	return items
}

// number makes a multiple of step.
func (m *maker) number(schema map[string]any, at string, step float64) any {
	if multiple := numberOf(schema, "multipleOf", step); multiple > 0 {
		step = multiple
	}
	least, hasLeast := limitOf(schema, "minimum", "exclusiveMinimum", step)
	most, hasMost := limitOf(schema, "maximum", "exclusiveMaximum", -step)
	plain := step * float64(1+m.rand.IntN(9))
	if hasLeast {
		plain = math.Max(plain, math.Ceil(least/step)*step)
	}
	if hasMost {
		plain = math.Min(plain, math.Floor(most/step)*step)
	}
	if math.IsNaN(plain) || math.Abs(plain) > 1<<53 {
		return 1 // which will not fit
	}
	values, options := []float64{plain}, []option{{}}
	add := func(value float64, open bool) {
		if value != plain {
			values, options = append(values, value), append(options, option{fmt.Sprintf("as %v", value), open})
		}
	}
	if hasLeast {
		add(least, false)
	} else if plain < 1<<20 {
		add(-step, true)
	}
	if hasMost {
		add(most, false)
	} else {
		add(step*1_000_000, true)
	}
	return values[m.choose(at+"#number", options...)]
}

// limitOf reads an inclusive limit, or an exclusive one and a step away from it.
func limitOf(schema map[string]any, inclusive, exclusive string, step float64) (float64, bool) {
	if limit, ok := schema[exclusive].(float64); ok {
		return limit + step, true
	}
	limit, ok := schema[inclusive].(float64)
	return limit, ok
}

func numberOf(schema map[string]any, key string, otherwise float64) float64 {
	if n, ok := schema[key].(float64); ok {
		return n
	}
	return otherwise
}

// wholeOf is a limit of lengths and numbers of items. What is beyond all that is
// made here counts as a little beyond.
func wholeOf(schema map[string]any, key string, otherwise int) int {
	return int(max(-1, min(numberOf(schema, key, float64(otherwise)), maxText+1)))
}

// awkward are texts that are easily broken on the way.
const awkward = `Zoë's "naïve" <b>日本語</b> 🙂 \ %`

func (m *maker) text(schema map[string]any, at string) any {
	least, most := wholeOf(schema, "minLength", 0), wholeOf(schema, "maxLength", -1)
	if most > maxText {
		most = -1
	}
	plain := m.plain(schema, at, least, most)
	if schema["format"] != nil && schema["format"] != "password" || schema["pattern"] != nil || named(at, "email", "password", "passwordConfirm", "oldPassword") {
		return plain
	}
	fill := func(n int) string {
		return (plain + strings.Repeat("x", max(0, n-utf8.RuneCountInString(plain))))[:max(n, 0)]
	}
	texts, options := []string{plain}, []option{{}}
	add := func(text, label string, open bool) {
		if length := utf8.RuneCountInString(text); text != plain && length >= least && (most < 0 || length <= most) {
			texts, options = append(texts, text), append(options, option{label, open})
		}
	}
	if least > 0 {
		add(fill(least), "at its shortest", false)
	} else {
		add("", "empty", true)
	}
	if most >= 0 {
		add(fill(most), "at its longest", false)
	} else {
		add(fill(300), "of 300 characters", true)
	}
	add(awkward, "with quotes, signs and other scripts", true)
	return texts[m.choose(at+"#text", options...)]
}

// named reports whether the last part of a place is one of the names.
func named(at string, names ...string) bool {
	return slices.Contains(names, at[strings.LastIndex(at, "/")+1:])
}

// plain makes a text that nobody has used before.
func (m *maker) plain(schema map[string]any, at string, least, most int) string {
	word := m.word(10)
	switch textOf(schema["format"]) {
	case "email":
		return word + "@example.com"
	case "date-time":
		return "2026-01-31T08:30:00Z"
	case "date":
		return "2026-01-31"
	case "time":
		return "08:30:00Z"
	case "duration":
		return "PT1H"
	case "uuid":
		return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", m.rand.Uint32(), m.rand.IntN(1<<16), m.rand.IntN(1<<12), m.rand.IntN(1<<12), m.rand.IntN(1<<48))
	case "uri", "url", "uri-reference", "iri":
		return "https://example.com/" + word
	case "hostname":
		return word + ".example.com"
	case "ipv4":
		return "192.0.2.1"
	case "ipv6":
		return "2001:db8::1"
	case "byte":
		return "aGVsbG8="
	}
	if pattern := textOf(schema["pattern"]); pattern != "" {
		for range 20 {
			if text, ok := m.matching(pattern); ok && len(text) >= least && (most < 0 || len(text) <= most) {
				return text
			}
		}
	}
	switch {
	case named(at, "email"):
		return word + "@example.com"
	case named(at, "password", "passwordConfirm"):
		word = "Pa55-" + word
	default:
		word = "text-" + word
	}
	if most >= 0 && len(word) > most {
		word = word[len(word)-most:]
	}
	return word + strings.Repeat("x", max(0, least-len(word)))
}

func (m *maker) word(n int) string {
	word := make([]byte, n)
	for i := range word {
		word[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[m.rand.IntN(36)]
	}
	return string(word)
}
