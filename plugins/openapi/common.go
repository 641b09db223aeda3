package openapi

import (
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/apidoc"
)

var refusalNames = map[int]string{
	400: "BadRequest",
	401: "Unauthorized",
	403: "Forbidden",
	404: "NotFound",
	413: "TooLarge",
}

const fieldCodes = "Stable, for programs. A value that does not fit its schema has `validation_required`, `validation_invalid_type`, " +
	"`validation_unknown_field`, `validation_duplicate_field`, `validation_invalid_characters`, `validation_in_invalid`, or a code that names the limit."

// addCommon adds what the operations refer to.
func (b *builder) addCommon() {
	b.doc.Components.Schemas["FieldError"] = &apidoc.Schema{
		Type:     "object",
		Required: []string{"code", "message"},
		Properties: apidoc.Properties{
			{Name: "code", Schema: &apidoc.Schema{Type: "string", Description: fieldCodes, Examples: []any{"validation_required"}}},
			{Name: "message", Schema: &apidoc.Schema{Type: "string", Description: "For people.", Examples: []any{"Cannot be blank."}}},
			{Name: "params", Schema: &apidoc.Schema{Type: "object", Description: "The values in the message.", AdditionalProperties: &apidoc.Schema{}}},
		},
	}
	b.doc.Components.Schemas["Error"] = &apidoc.Schema{
		Type:     "object",
		Required: []string{"status", "message", "data"},
		Properties: apidoc.Properties{
			{Name: "status", Schema: &apidoc.Schema{Type: "integer", Description: "The HTTP status."}},
			{Name: "message", Schema: &apidoc.Schema{Type: "string", Description: "A sentence for people."}},
			{Name: "data", Schema: &apidoc.Schema{
				Type:                 "object",
				Description:          "What is wrong with each field of the request. A field that has fields of its own may have an object like this one instead.",
				AdditionalProperties: &apidoc.Schema{AnyOf: []*apidoc.Schema{apidoc.Ref("FieldError"), {}}},
			}},
		},
	}
	refusals := map[string]string{
		"BadRequest":      "The request is not valid, or a rule does not let the caller do this.",
		"Unauthorized":    "A token is needed.",
		"Forbidden":       "The caller is not allowed to do this.",
		"NotFound":        "There is no such thing, or the caller may not know of it.",
		"TooLarge":        "The body is too large.",
		"TooManyRequests": "Too many requests.",
		"Failure":         "Any other refusal, or a failure.",
	}
	for name, description := range refusals {
		b.doc.Components.Responses[name] = okJSON(description, apidoc.Ref("Error"))
	}
	b.addListParameters()
}

const filterGrammar = "Which items to list.\n\n" +
	"    filter     = condition { (\"&&\" | \"||\") condition }      && binds tighter\n" +
	"    condition  = operand operator operand | \"(\" filter \")\"\n" +
	"    operand    = path | text | number | true | false | null | macro | function\n" +
	"    operator   = \"=\" | \"!=\" | \">\" | \">=\" | \"<\" | \"<=\" | \"~\" | \"!~\"\n" +
	"               | \"?=\" | \"?!=\" | \"?>\" | \"?>=\" | \"?<\" | \"?<=\" | \"?~\" | \"?!~\"\n" +
	"    path       = name { \".\" name } [ \":lower\" | \":length\" | \":each\" ]\n" +
	"    macro      = \"@now\" | \"@todayStart\" | \"@todayEnd\" | \"@yesterday\" | \"@tomorrow\" | \"@second\" | \"@minute\"\n" +
	"               | \"@hour\" | \"@day\" | \"@weekday\" | \"@month\" | \"@monthStart\" | \"@monthEnd\"\n" +
	"               | \"@year\" | \"@yearStart\" | \"@yearEnd\"\n" +
	"    function   = \"geoDistance(\" lonA \",\" latA \",\" lonB \",\" latB \")\" | \"strftime(\" format \",\" time { \",\" modifier } \")\"\n\n" +
	"`~` is contains, or LIKE when the text has a `%`. An operator with `?` is satisfied by any of several values, one without by all. " +
	"A path goes through relations (`author.name`) and back through them (`comments_via_post.body`). Text is in single or double quotes. `//` begins a comment."

func (b *builder) addListParameters() {
	integer := func(name, description string, fallback int, maximum *float64) apidoc.Parameter {
		return apidoc.Parameter{Name: name, In: "query", Description: description, Schema: &apidoc.Schema{
			Type: "integer", Minimum: types.Pointer(1.0), Maximum: maximum, Default: fallback,
		}}
	}
	b.doc.Components.Parameters = map[string]apidoc.Parameter{
		"page":    integer("page", "Which page, from 1.", 1, types.Pointer(float64(1<<31))),
		"perPage": integer("perPage", "How many items a page has.", search.DefaultPerPage, types.Pointer(float64(search.MaxPerPage))),
		"sort": {
			Name: "sort", In: "query", Example: "-created,id",
			Description: "The order: up to 8 names or paths with commas between them, each with `-` before it for descending. `@random` and `@rowid` are names too.",
			Schema:      &apidoc.Schema{Type: "string"},
		},
		"filter": {
			Name: "filter", In: "query", Description: filterGrammar, Example: `created > "2026-01-01"`,
			Schema: &apidoc.Schema{Type: "string", MaxLength: types.Pointer(search.MaxFilterLength)},
		},
		"skipTotal": {
			Name: "skipTotal", In: "query", Description: "Whether to leave the items uncounted, which is faster. Both totals are -1 then.",
			Schema: &apidoc.Schema{Type: "boolean", Default: false},
		},
		"fields": {
			Name: "fields", In: "query", Example: "id,*",
			Description: "Which members of the answer to send, with commas between them; `*` stands for all of a level, and `body:excerpt(100,true)` shortens text. " +
				"The answer then lacks what is not named, required or not.",
			Schema: &apidoc.Schema{Type: "string"},
		},
	}
}

// shared refers to parameters of all lists.
func shared(names ...string) []apidoc.Parameter {
	parameters := make([]apidoc.Parameter, len(names))
	for i, name := range names {
		parameters[i] = apidoc.Parameter{Ref: "#/components/parameters/" + name}
	}
	return parameters
}

// pathParameter is a variable of the path.
func pathParameter(name, description string) apidoc.Parameter {
	return apidoc.Parameter{Name: name, In: "path", Required: true, Description: description, Schema: &apidoc.Schema{Type: "string"}}
}

// page is the schema of a page of items.
func page(items *apidoc.Schema) *apidoc.Schema {
	integer := func(description string) *apidoc.Schema {
		return &apidoc.Schema{Type: "integer", Description: description}
	}
	return &apidoc.Schema{
		Type:     "object",
		Required: []string{"page", "perPage", "totalItems", "totalPages", "items"},
		Properties: apidoc.Properties{
			{Name: "page", Schema: integer("Which page this is, from 1.")},
			{Name: "perPage", Schema: integer("How many items a full page has.")},
			{Name: "totalItems", Schema: integer("How many items there are, -1 with skipTotal.")},
			{Name: "totalPages", Schema: integer("How many pages there are, -1 with skipTotal.")},
			{Name: "items", Schema: &apidoc.Schema{Type: "array", Items: items}},
		},
	}
}
