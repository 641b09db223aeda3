package apidoc

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Names gives schemas names, so that a type is told of once. Both may be asked
// for the same again.
type Names interface {
	// Define refers to the schema of a Go type, which build makes.
	Define(t reflect.Type, input bool, build func() *Schema) *Schema
	// Record refers to the schema of the records of a collection.
	Record(collection string) *Schema
}

// Choice is a text type with only some values. Its members need no tag enum.
type Choice interface{ Enum() []string }

// Union is an answer that has one of several forms, which are what it lists: a
// value of each type.
type Union interface{ OneOf() []any }

// Open is embedded in the structs of a body that may have other members, which are
// ignored.
type Open struct{}

// Moment is a moment in an answer, as PocketBase has it in the database and in
// JSON: in UTC and in milliseconds, "" for none. It saves the way there and back
// through [types.DateTime].
type Moment string

const dateTimePattern = `^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}Z)?$`

var dateTimeForm = regexp.MustCompile(dateTimePattern)

var (
	recordType   = reflect.TypeFor[core.Record]()
	rawType      = reflect.TypeFor[json.RawMessage]()
	pbRawType    = reflect.TypeFor[types.JSONRaw]()
	timeType     = reflect.TypeFor[time.Time]()
	dateTimeType = reflect.TypeFor[types.DateTime]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonType     = reflect.TypeFor[json.Unmarshaler]()
	momentType   = reflect.TypeFor[Moment]()
	openType     = reflect.TypeFor[Open]()
)

// choices are the values of a Choice, nil for other types.
func choices(t reflect.Type) []string {
	if t.Kind() != reflect.String {
		return nil
	}
	if c, ok := reflect.Zero(t).Interface().(Choice); ok {
		return c.Enum()
	}
	return nil
}

// isOpen reports whether a struct embeds Open.
func isOpen(t reflect.Type) bool {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Type == openType {
			return true
		}
	}
	return false
}

// field is a member of a struct, with what its tags ask of it.
type field struct {
	name  string
	index []int
	// optional may be left out of a request; omitted may be missing from an answer
	optional, omitted bool
	nullable          bool // null counts as left out
	description       string
	example           string
	collection        string
	fallback          *string // the tag default
	limits            limits
}

// limits are what a value must keep to. Zero values are none.
type limits struct {
	minLength, maxLength *int
	minItems, maxItems   *int
	minimum, maximum     *float64
	enum                 []string
	pattern              *regexp.Regexp
	format               string
	// code and message are what is answered instead of those of a limit
	code, message string
	trim          bool // white space around a text is removed before the limits are looked at
}

// known has the fields of types, which every request asks for.
var known sync.Map // of []field by fieldsKey

type fieldsKey struct {
	t   reflect.Type
	tag string
}

// fieldsOf lists the members of a struct that are named by the tag; those of
// embedded structs are its own. Callers do not change the list.
func fieldsOf(t reflect.Type, tag string) []field {
	key := fieldsKey{t, tag}
	if all, ok := known.Load(key); ok {
		return all.([]field)
	}
	all := readFields(t, tag)
	known.Store(key, all)
	return all
}

func readFields(t reflect.Type, tag string) []field {
	var all []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get(tag), ",")
		if sf.Anonymous && name == "" && indirect(sf.Type).Kind() == reflect.Struct {
			for _, inner := range fieldsOf(indirect(sf.Type), tag) {
				inner.index = append([]int{i}, inner.index...)
				inner.omitted = inner.omitted || sf.Type.Kind() == reflect.Pointer
				all = append(all, inner)
			}
			continue
		}
		if !sf.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			if tag != "json" {
				continue
			}
			name = sf.Name
		}
		f := field{
			name: name, index: []int{i},
			description: sf.Tag.Get("doc"), example: sf.Tag.Get("example"), collection: sf.Tag.Get("collection"),
			limits: limitsOf(t, sf),
		}
		f.omitted = strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if text, ok := sf.Tag.Lookup("default"); ok {
			f.fallback = &text
		}
		f.optional = f.omitted || f.fallback != nil || sf.Type.Kind() == reflect.Pointer || tag != "json" && sf.Tag.Get("required") != "true"
		if text, ok := sf.Tag.Lookup("null"); ok {
			if text != "absent" || tag == "json" && (!f.optional || !scalar(sf.Type)) {
				panic(fmt.Sprintf("apidoc: %s.%s has a wrong tag null: it is for texts, numbers and booleans that may be left out", t, sf.Name))
			}
			f.nullable = true
		}
		all = append(all, f)
	}
	return withoutHidden(all)
}

// withoutHidden leaves out the members of embedded structs that a member of the same
// name hides, as encoding/json does.
func withoutHidden(all []field) []field {
	return slices.DeleteFunc(slices.Clone(all), func(f field) bool {
		return slices.ContainsFunc(all, func(other field) bool {
			return other.name == f.name && len(other.index) < len(f.index)
		})
	})
}

// limitsOf reads the tags of a member. It panics on one that makes no sense.
func limitsOf(owner reflect.Type, sf reflect.StructField) limits {
	wrong := func(tag string, err error) {
		panic(fmt.Sprintf("apidoc: %s.%s has a wrong tag %s: %v", owner, sf.Name, tag, err))
	}
	whole := func(tag string) *int {
		value, ok := sf.Tag.Lookup(tag)
		if !ok {
			return nil
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			wrong(tag, err)
		}
		return &n
	}
	number := func(tag string) *float64 {
		value, ok := sf.Tag.Lookup(tag)
		if !ok {
			return nil
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			wrong(tag, err)
		}
		return &n
	}
	l := limits{
		minLength: whole("minLength"), maxLength: whole("maxLength"),
		minItems: whole("minItems"), maxItems: whole("maxItems"),
		minimum: number("minimum"), maximum: number("maximum"),
		format: sf.Tag.Get("format"), code: sf.Tag.Get("code"), message: sf.Tag.Get("message"),
		trim: sf.Tag.Get("trim") == "true",
	}
	if values, ok := sf.Tag.Lookup("enum"); ok {
		l.enum = strings.Split(values, ",")
	}
	if pattern, ok := sf.Tag.Lookup("pattern"); ok {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			wrong("pattern", err)
		}
		l.pattern = compiled
	}
	if l.format != "" && formats[l.format] == nil {
		wrong("format", fmt.Errorf("there is no check for %q", l.format))
	}
	return l
}

var pluginPackage = regexp.MustCompile(`/plugins/([a-z]+)$`)

// TypeName is the name for the schema of a Go type. Types of plugins have the name
// of their plugin before their own, as there is more than one Delivery.
func TypeName(t reflect.Type) string {
	name := strings.NewReplacer("[", "_", "]", "", ".", "_", "/", "_", "*", "", ",", "_").Replace(t.Name())
	if plugin := pluginPackage.FindStringSubmatch(t.PkgPath()); plugin != nil {
		name = plugin[1] + "_" + name
	}
	var out strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		if part != "" {
			out.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return out.String()
}

// SchemaOf is the schema of a Go type as a request has it, or an answer. The
// collection is that of a *core.Record.
func SchemaOf(names Names, t reflect.Type, input bool, collection string) *Schema {
	if t.Kind() == reflect.Pointer {
		if t.Elem() == recordType {
			return names.Record(collection)
		}
		return orNull(SchemaOf(names, t.Elem(), input, collection))
	}
	switch {
	case t == recordType:
		return names.Record(collection)
	case t == rawType || t == pbRawType || t.Kind() == reflect.Interface:
		return &Schema{}
	case t == timeType:
		return &Schema{Type: "string", Format: "date-time"}
	case t == dateTimeType || t == momentType:
		return &Schema{Type: "string", Pattern: dateTimePattern}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &Schema{Type: "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &Schema{Type: "integer", Minimum: new(float64)}
	case reflect.Float32, reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.String:
		s := &Schema{Type: "string"}
		limits{enum: choices(t)}.describe(s, t)
		return s
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return &Schema{Type: "string", Format: "byte"}
		}
		s := &Schema{Type: "array", Items: SchemaOf(names, t.Elem(), input, collection)}
		return s
	case reflect.Map:
		return &Schema{Type: "object", AdditionalProperties: SchemaOf(names, t.Elem(), input, collection)}
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(textType) {
			return &Schema{Type: "string"}
		}
		if reflect.PointerTo(t).Implements(jsonType) {
			return &Schema{}
		}
		build := func() *Schema { return structSchema(names, t, input, collection) }
		if union, ok := reflect.Zero(t).Interface().(Union); ok {
			build = func() *Schema { return unionSchema(names, union, input, collection) }
		}
		if t.Name() == "" {
			return build()
		}
		return names.Define(t, input, build)
	default:
		panic(fmt.Sprintf("apidoc: %s has no form in JSON", t))
	}
}

// orNull is the schema of what may also be null.
func orNull(s *Schema) *Schema {
	if name, ok := s.Type.(string); ok && s.Ref == "" {
		s.Type = []string{name, "null"}
		if s.Enum != nil {
			s.Enum = append(s.Enum, nil)
		}
		return s
	}
	return &Schema{AnyOf: []*Schema{s, {Type: "null"}}}
}

func unionSchema(names Names, union Union, input bool, collection string) *Schema {
	s := &Schema{}
	for _, form := range union.OneOf() {
		s.OneOf = append(s.OneOf, SchemaOf(names, reflect.TypeOf(form), input, collection))
	}
	return s
}

func structSchema(names Names, t reflect.Type, input bool, collection string) *Schema {
	s := &Schema{Type: "object"}
	if input && !isOpen(t) {
		s.AdditionalProperties = false
	}
	for _, f := range fieldsOf(t, "json") {
		member := memberSchema(names, t.FieldByIndex(f.index).Type, f, input, collection)
		s.Properties = append(s.Properties, Property{Name: f.name, Schema: member})
		if input && !f.optional || !input && !f.omitted {
			s.Required = append(s.Required, f.name)
		}
	}
	return s
}

// memberSchema is the schema of a member with its limits.
func memberSchema(names Names, t reflect.Type, f field, input bool, collection string) *Schema {
	if f.collection != "" {
		collection = f.collection
	}
	s := SchemaOf(names, t, input, collection)
	if input && f.nullable {
		s = orNull(s)
	}
	if s.Ref != "" {
		if f.description == "" {
			return s
		}
		return &Schema{Ref: s.Ref, Description: f.description}
	}
	f.limits.describe(s, indirect(t))
	s.Description = f.description
	if f.limits.trim {
		s.Description = strings.TrimSpace(s.Description + " White space around it is removed.")
	}
	if input && f.fallback != nil {
		s.Default = exampleOf(indirect(t), *f.fallback)
	}
	if f.example != "" {
		s.Examples = []any{exampleOf(indirect(t), f.example)}
	}
	return s
}

// describe puts the limits into a schema of the type. Those of the items of a
// list, which are all but the number of them, go to the items.
func (l limits) describe(s *Schema, t reflect.Type) {
	if t.Kind() == reflect.Slice && s.Items != nil {
		s.MinItems, s.MaxItems = l.minItems, l.maxItems
		if s.Items.Ref == "" {
			l.describe(s.Items, indirect(t.Elem()))
		}
		return
	}
	s.MinLength, s.MaxLength = l.minLength, l.maxLength
	if l.minimum != nil {
		s.Minimum = l.minimum
	}
	s.Maximum = l.maximum
	if l.format != "" {
		s.Format = l.format
	}
	if l.pattern != nil {
		s.Pattern = l.pattern.String()
	}
	if l.enum == nil {
		return
	}
	s.Enum = nil
	for _, value := range l.enum {
		s.Enum = append(s.Enum, exampleOf(t, value))
	}
	if names, ok := s.Type.([]string); ok && s.Enum != nil && slices.Contains(names, "null") {
		s.Enum = append(s.Enum, nil)
	}
}

// exampleOf reads a tag as a value of the type.
func exampleOf(t reflect.Type, text string) any {
	if t.Kind() == reflect.String {
		return text
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return text
	}
	return value
}

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// BodyOptional reports whether a request may leave out its body, as one of which
// Body is a pointer may.
func BodyOptional(in reflect.Type) bool {
	plan := requestPlan(in)
	return plan.body != nil && plan.bodyType.Kind() == reflect.Pointer
}

// Parameters tells of the parameters of In, and of its body, nil if it has none.
func Parameters(names Names, in reflect.Type) (parameters []Parameter, body *Schema) {
	plan := requestPlan(in)
	for _, p := range plan.parameters {
		t := indirect(in.FieldByIndex(p.index).Type)
		s := memberSchema(names, t, p.field, true, "")
		parameter := Parameter{Name: p.name, In: p.in, Required: p.in == "path" || !p.optional, Description: s.Description, Schema: s}
		s.Description = ""
		if len(s.Examples) > 0 {
			parameter.Example, s.Examples = s.Examples[0], nil
		}
		parameters = append(parameters, parameter)
	}
	if plan.body != nil {
		body = SchemaOf(names, plan.bodyType, true, "")
	}
	return parameters, body
}
