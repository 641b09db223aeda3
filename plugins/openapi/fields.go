package openapi

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/fields"
)

// How PocketBase writes a moment: in UTC, "" for none.
const (
	dateTimePattern = `^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}Z)?$`
	exampleDateTime = "2026-01-31 08:30:00.000Z"
)

// Formats of a moment that PocketBase understands. It takes anything else for
// none, without an error, so that this is stricter than the server.
const inputDateTime = `\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?)?`

// maxText bounds a text field that has no bound of its own, in characters.
const maxText = 5000

// answerSchema is what a field is in an answer. A record keeps what it was given
// before a limit was set, so limits are no part of it.
func (b *builder) answerSchema(field core.Field, ofView bool) *apidoc.Schema {
	s := b.answerType(field, ofView)
	s.Description = joinSentences(fields.Help(field), s.Description)
	return s
}

func (b *builder) answerType(field core.Field, ofView bool) *apidoc.Schema {
	switch f := field.(type) {
	case *core.NumberField:
		if f.OnlyInt && !ofView {
			return &apidoc.Schema{Type: "integer"}
		}
		return &apidoc.Schema{Type: "number"}
	case *core.BoolField:
		return &apidoc.Schema{Type: "boolean"}
	case *core.DateField, *core.AutodateField:
		return &apidoc.Schema{Type: "string", Pattern: dateTimePattern, Description: `In UTC, "" if there is none.`, Examples: []any{exampleDateTime}}
	case *core.SelectField:
		values := enum(f.Values, ofView || !f.Required)
		if !f.IsMultiple() {
			return &apidoc.Schema{Type: "string", Enum: values}
		}
		return &apidoc.Schema{Type: "array", Items: &apidoc.Schema{Type: "string", Enum: enum(f.Values, false)}}
	case *core.RelationField:
		return b.relationAnswer(f)
	case *core.FileField:
		return fileAnswer(f)
	case *core.JSONField:
		return &apidoc.Schema{Description: "Any JSON value."}
	case *core.GeoPointField:
		return &apidoc.Schema{
			Type:     "object",
			Required: []string{"lon", "lat"},
			Properties: apidoc.Properties{
				{Name: "lon", Schema: &apidoc.Schema{Type: "number"}},
				{Name: "lat", Schema: &apidoc.Schema{Type: "number"}},
			},
		}
	case *core.EditorField:
		return &apidoc.Schema{Type: "string", Description: "HTML."}
	case *core.TextField, *core.EmailField, *core.URLField, *core.PasswordField:
		return &apidoc.Schema{Type: "string"}
	default:
		return &apidoc.Schema{} // a type of field that a plugin adds
	}
}

// target is the collection that a relation leads to, and how to speak of it to who
// may not know its name.
func (b *builder) target(f *core.RelationField) (name, called string) {
	if c := b.byID[f.CollectionId]; c != nil && b.reader.knows(c) {
		return c.Name, c.Name
	}
	return "", "another collection"
}

func (b *builder) relationAnswer(f *core.RelationField) *apidoc.Schema {
	target, called := b.target(f)
	if f.IsMultiple() {
		return &apidoc.Schema{Type: "array", Items: &apidoc.Schema{Type: "string"}, Description: "The ids of records of " + called + ".", Target: target}
	}
	description := "The id of a record of " + called
	if !f.Required {
		description += `, "" if there is none`
	}
	return &apidoc.Schema{Type: "string", Description: description + ".", Target: target}
}

func fileAnswer(f *core.FileField) *apidoc.Schema {
	description := "served at /api/files/{collection}/{recordId}/{filename}"
	if f.Protected {
		description += ", with a file token"
	}
	if f.IsMultiple() {
		return &apidoc.Schema{Type: "array", Items: &apidoc.Schema{Type: "string"}, Description: "File names, each " + description + "."}
	}
	return &apidoc.Schema{Type: "string", Description: `A file name, "" if there is none, ` + description + "."}
}

// inputSchema is what a JSON body sets a field to. It admits what the field's
// own validation admits; that a relation leads to something, and what hooks
// check, it cannot say.
func (b *builder) inputSchema(field core.Field) *apidoc.Schema {
	if s, ok := b.inputs[field]; ok {
		return s
	}
	s := b.inputType(field)
	b.inputs[field] = s
	s.Description = joinSentences(fields.Help(field), s.Description)
	if len(s.Examples) == 0 {
		if example, ok := b.example(field); ok {
			s.Examples = []any{example}
		}
	}
	return s
}

func (b *builder) inputType(field core.Field) *apidoc.Schema {
	switch f := field.(type) {
	case *core.TextField:
		return textInput(f)
	case *core.NumberField:
		return numberInput(f)
	case *core.BoolField:
		if f.Required {
			return &apidoc.Schema{Type: "boolean", Const: true}
		}
		return &apidoc.Schema{Type: "boolean"}
	case *core.EmailField:
		s := &apidoc.Schema{Type: "string", Format: "email", Description: domains(f.OnlyDomains, f.ExceptDomains)}
		if !f.Required {
			s = optional(s)
		}
		return s
	case *core.URLField:
		s := &apidoc.Schema{Type: "string", Format: "uri", Description: domains(f.OnlyDomains, f.ExceptDomains)}
		if !f.Required {
			s = optional(s)
		}
		return s
	case *core.DateField:
		return dateInput(f)
	case *core.SelectField:
		if f.IsMultiple() {
			return listInput(&apidoc.Schema{Type: "string", Enum: enum(f.Values, false)}, f.Required, 0, f.MaxSelect)
		}
		return &apidoc.Schema{Type: "string", Enum: enum(f.Values, !f.Required)}
	case *core.RelationField:
		return b.relationInput(f)
	case *core.FileField:
		return fileNames(f)
	case *core.JSONField:
		s := &apidoc.Schema{MaxBytes: f.CalculateMaxBodySize(), Description: "Any JSON value."}
		if f.Required {
			s.Description = `Any JSON value but null, "", [] and {}.`
			s.Not = &apidoc.Schema{Enum: []any{nil, "", []any{}, map[string]any{}}}
		}
		return s
	case *core.GeoPointField:
		return geoInput(f)
	case *core.EditorField:
		s := &apidoc.Schema{Type: "string", Description: "HTML.", MaxLength: length(f.CalculateMaxBodySize()), MaxBytes: f.CalculateMaxBodySize()}
		if f.Required {
			s.MinLength = types.Pointer(1)
		}
		return s
	case *core.PasswordField:
		return passwordInput(f)
	default:
		return &apidoc.Schema{}
	}
}

func textInput(f *core.TextField) *apidoc.Schema {
	maximum := f.Max
	if maximum == 0 {
		maximum = maxText
	}
	s := &apidoc.Schema{Type: "string", MaxLength: &maximum}
	if f.Required || f.PrimaryKey {
		s.MinLength = types.Pointer(max(f.Min, 1))
		addPattern(s, f.Pattern, false)
		return s
	}
	if f.Min > 1 {
		// "" is none, which needs no length
		s.Not = &apidoc.Schema{MinLength: types.Pointer(1), MaxLength: types.Pointer(f.Min - 1)}
		s.Description = fmt.Sprintf(`At least %d characters, or "".`, f.Min)
	}
	addPattern(s, f.Pattern, true)
	return s
}

func passwordInput(f *core.PasswordField) *apidoc.Schema {
	maximum := f.Max
	if maximum <= 0 {
		maximum = 71 // what bcrypt takes
	}
	s := &apidoc.Schema{Type: "string", Format: "password", WriteOnly: true, MinLength: types.Pointer(max(f.Min, 1)), MaxLength: &maximum}
	addPattern(s, f.Pattern, false)
	return s
}

func numberInput(f *core.NumberField) *apidoc.Schema {
	s := &apidoc.Schema{Type: "number", Minimum: f.Min, Maximum: f.Max}
	if f.OnlyInt {
		s.Type = "integer"
		// what PocketBase's check for whole numbers can tell apart
		if s.Minimum == nil {
			s.Minimum = types.Pointer(-float64(1 << 53))
		}
		if s.Maximum == nil {
			s.Maximum = types.Pointer(float64(1 << 53))
		}
	}
	if f.Required {
		s.Not = &apidoc.Schema{Const: 0}
		s.Description = "Not 0."
		return s
	}
	// 0 is none, and is within any limits
	switch {
	case f.Min != nil && *f.Min > 0:
		s.Minimum = types.Pointer(0.0)
		s.Not = &apidoc.Schema{ExclusiveMinimum: types.Pointer(0.0), ExclusiveMaximum: f.Min}
		s.Description = fmt.Sprintf("At least %v, or 0 for none.", *f.Min)
	case f.Max != nil && *f.Max < 0:
		s.Maximum = types.Pointer(0.0)
		s.Not = &apidoc.Schema{ExclusiveMinimum: f.Max, ExclusiveMaximum: types.Pointer(0.0)}
		s.Description = fmt.Sprintf("At most %v, or 0 for none.", *f.Max)
	}
	return s
}

func dateInput(f *core.DateField) *apidoc.Schema {
	s := &apidoc.Schema{Type: "string", Pattern: "^(" + inputDateTime + ")?$", Examples: []any{exampleDateTime}}
	if f.Required {
		s.Pattern = "^" + inputDateTime + "$"
	} else {
		s.Description = `"" for none.`
	}
	if !f.Min.IsZero() {
		s.Description = joinSentences(s.Description, "Not before "+f.Min.String()+".")
		s.Examples = []any{f.Min.String()}
	}
	if !f.Max.IsZero() {
		s.Description = joinSentences(s.Description, "Not after "+f.Max.String()+".")
		s.Examples = []any{f.Max.String()}
	}
	return s
}

func (b *builder) relationInput(f *core.RelationField) *apidoc.Schema {
	target, called := b.target(f)
	if f.IsMultiple() {
		s := listInput(&apidoc.Schema{Type: "string", MinLength: types.Pointer(1)}, f.Required, f.MinSelect, f.MaxSelect)
		s.Description, s.Target = joinSentences("Ids of records of "+called+".", s.Description), target
		return s
	}
	s := &apidoc.Schema{Type: "string", Description: "The id of a record of " + called + ".", Target: target}
	if f.Required {
		s.MinLength = types.Pointer(1)
	} else {
		s.Description = "The id of a record of " + called + `, "" for none.`
	}
	return s
}

// listInput is a list of at most maximum items, and of at least minimum unless
// it may be empty.
func listInput(items *apidoc.Schema, required bool, minimum, maximum int) *apidoc.Schema {
	s := &apidoc.Schema{Type: "array", Items: items, MaxItems: &maximum}
	switch {
	case required:
		s.MinItems = types.Pointer(max(minimum, 1))
	case minimum > 1:
		s.Not = &apidoc.Schema{MinItems: types.Pointer(1), MaxItems: types.Pointer(minimum - 1)}
		s.Description = fmt.Sprintf("At least %d, or none.", minimum)
	}
	if minimum > 1 {
		s.UniqueItems = true // the same one twice counts once
	}
	return s
}

// fileNames is how a JSON body keeps or removes files.
func fileNames(f *core.FileField) *apidoc.Schema {
	if f.IsMultiple() {
		s := &apidoc.Schema{Type: "array", Items: &apidoc.Schema{Type: "string"}, Description: "The names of the files to keep."}
		if f.Required {
			s.MinItems = types.Pointer(1)
		}
		return s
	}
	s := &apidoc.Schema{Type: "string", Description: `The name of the present file to keep it, "" to remove it.`}
	if f.Required {
		s.MinLength, s.Description = types.Pointer(1), "The name of the present file."
	}
	return s
}

// upload is a file in a form.
func upload(f *core.FileField) *apidoc.Schema {
	each := f.CalculateMaxBodySize() / int64(max(f.MaxSelect, 1))
	file := &apidoc.Schema{Type: "string", Format: "binary", MaxBytes: each}
	description := fmt.Sprintf("At most %d bytes.", each)
	if len(f.MimeTypes) > 0 {
		description += " One of " + strings.Join(f.MimeTypes, ", ") + "."
	}
	if !f.IsMultiple() {
		file.Description = joinSentences(fields.Help(f), description)
		return file
	}
	s := &apidoc.Schema{Type: "array", Items: file, MaxItems: types.Pointer(f.MaxSelect), Description: joinSentences(fields.Help(f), description)}
	if f.Required {
		s.MinItems = types.Pointer(1)
	}
	return s
}

func geoInput(f *core.GeoPointField) *apidoc.Schema {
	s := &apidoc.Schema{
		Type:     "object",
		Required: []string{"lon", "lat"},
		Properties: apidoc.Properties{
			{Name: "lon", Schema: &apidoc.Schema{Type: "number", Minimum: types.Pointer(-180.0), Maximum: types.Pointer(180.0)}},
			{Name: "lat", Schema: &apidoc.Schema{Type: "number", Minimum: types.Pointer(-90.0), Maximum: types.Pointer(90.0)}},
		},
		Examples: []any{map[string]any{"lon": 23.32, "lat": 42.69}},
	}
	if f.Required {
		s.Description = "Not 0, 0."
		s.Not = &apidoc.Schema{Properties: apidoc.Properties{
			{Name: "lon", Schema: &apidoc.Schema{Const: 0}},
			{Name: "lat", Schema: &apidoc.Schema{Const: 0}},
		}}
	}
	return s
}

// modifiers are the names by which a body changes a field instead of setting it.
func (b *builder) modifiers(field core.Field) apidoc.Properties {
	name := field.GetName()
	switch f := field.(type) {
	case *core.NumberField:
		return apidoc.Properties{
			{Name: name + "+", Schema: &apidoc.Schema{Type: "number", Description: "Added to " + name + "."}},
			{Name: name + "-", Schema: &apidoc.Schema{Type: "number", Description: "Subtracted from " + name + "."}},
		}
	case *core.SelectField:
		return listModifiers(name, "", &apidoc.Schema{Type: "string", Enum: enum(f.Values, false)})
	case *core.RelationField:
		target, _ := b.target(f)
		return listModifiers(name, target, &apidoc.Schema{Type: "string", MinLength: types.Pointer(1)})
	case *core.FileField:
		one := &apidoc.Schema{Type: "string"}
		return apidoc.Properties{{
			Name:   name + "-",
			Schema: &apidoc.Schema{AnyOf: []*apidoc.Schema{one, {Type: "array", Items: one}}, Description: "Names of files to remove from " + name + "."},
		}}
	default:
		return nil
	}
}

func listModifiers(name, target string, item *apidoc.Schema) apidoc.Properties {
	value := func(description string) *apidoc.Schema {
		return &apidoc.Schema{
			AnyOf:       []*apidoc.Schema{item, {Type: "array", Items: item}},
			Description: description, Target: target,
		}
	}
	return apidoc.Properties{
		{Name: name + "+", Schema: value("Appended to " + name + ".")},
		{Name: "+" + name, Schema: value("Put before what is in " + name + ".")},
		{Name: name + "-", Schema: value("Removed from " + name + ".")},
	}
}

// optional admits "" besides.
func optional(s *apidoc.Schema) *apidoc.Schema {
	o := &apidoc.Schema{Type: "string", Description: joinSentences(s.Description, `"" for none.`)}
	o.AnyOf = []*apidoc.Schema{{Const: ""}, {Format: s.Format}}
	return o
}

// portable are the regular expressions that mean the same in Go and in ECMA-262,
// which JSON Schema speaks.
var portable = regexp.MustCompile(`^(?:[^\\\[\]()?{}]|\{\d+(?:,\d*)?\}|\\[dwsDW.+*?()\[\]{}^$|/\\]|\[\^?(?:[^\\\[\]]|\\[dws.\-\]\[\\/])+\]|\((?:\?:)?|\)|\?)*$`)

// addPattern adds a field's regular expression, which a match anywhere satisfies.
func addPattern(s *apidoc.Schema, pattern string, orEmpty bool) {
	if pattern == "" {
		return
	}
	s.Description = joinSentences(s.Description, "Matches "+pattern+" (RE2).")
	// flags and named groups, of which ECMA-262 has others
	special := strings.Contains(strings.ReplaceAll(pattern, "(?:", "("), "(?")
	if special || !portable.MatchString(pattern) {
		return
	}
	if orEmpty {
		pattern = "^$|" + pattern
	}
	s.Pattern = pattern
}

// domains says which domains are admitted.
func domains(only, except []string) string {
	switch {
	case len(only) > 0:
		return "Only at " + strings.Join(only, ", ") + "."
	case len(except) > 0:
		return "Not at " + strings.Join(except, ", ") + "."
	default:
		return ""
	}
}

func enum(values []string, orEmpty bool) []any {
	all := make([]any, 0, len(values)+1)
	for _, value := range values {
		if value == "" {
			orEmpty = false
		}
		all = append(all, value)
	}
	if orEmpty {
		all = append(all, "")
	}
	return all
}

func joinSentences(sentences ...string) string {
	var present []string
	for _, s := range sentences {
		if s != "" {
			present = append(present, s)
		}
	}
	return strings.Join(present, " ")
}

// length is a number of bytes as the largest number of characters in them.
func length(n int64) *int {
	return types.Pointer(int(min(n, math.MaxInt32)))
}
