package openapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// addProblems tells of refusals with codes, after what is said of their statuses
// in general.
func (b *builder) addProblems(op *apidoc.Operation, problems []apidoc.Problem) {
	byStatus := map[int][]apidoc.Problem{}
	for _, p := range problems {
		byStatus[p.Status] = append(byStatus[p.Status], p)
	}
	for status, some := range byStatus {
		text := statusText(status)
		if name, ok := refusalNames[status]; ok {
			text = b.doc.Components.Responses[name].Description
		}
		text += "\n"
		for _, p := range some {
			text += "\n" + problemText(p)
		}
		response := okJSON(text, b.problemSchema(op, some))
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			response.Headers = map[string]apidoc.Header{
				"Retry-After": {Description: "After how many seconds to try again.", Schema: &apidoc.Schema{Type: "integer"}},
			}
		}
		op.Responses[strconv.Itoa(status)] = response
	}
}

func problemText(p apidoc.Problem) string {
	where := "`data.code`"
	if p.Field != "" {
		where = "`data." + p.Field + ".code`"
	}
	text := "- " + where + " is `" + p.Code + "`"
	if p.When != "" {
		text += " if " + p.When
	}
	return text + "."
}

// problemSchema names the codes of errors, by where they stand. Others can come
// too: from other checks of the same request, and from what it passes before.
func (b *builder) problemSchema(op *apidoc.Operation, problems []apidoc.Problem) *apidoc.Schema {
	data := &apidoc.Schema{Type: "object"}
	var fields []string
	codes := map[string][]*apidoc.Schema{}
	for _, p := range problems {
		if !slices.Contains(fields, p.Field) {
			fields = append(fields, p.Field)
		}
		codes[p.Field] = append(codes[p.Field], &apidoc.Schema{Const: p.Code, Description: p.When})
	}
	for _, field := range fields {
		code := &apidoc.Schema{AnyOf: append(codes[field], &apidoc.Schema{Type: "string"})}
		switch {
		case field == "":
			// a request may have a field of this name
			code.AnyOf = append(code.AnyOf, apidoc.Ref("FieldError"))
			data.Properties = append(data.Properties, apidoc.Property{Name: "code", Schema: code})
		case field != "code" && !b.hasMembers(op, field):
			data.Properties = append(data.Properties, apidoc.Property{Name: field, Schema: &apidoc.Schema{AllOf: []*apidoc.Schema{
				apidoc.Ref("FieldError"), {Type: "object", Properties: apidoc.Properties{{Name: "code", Schema: code}}},
			}}})
		}
	}
	if len(data.Properties) == 0 {
		return apidoc.Ref("Error")
	}
	return &apidoc.Schema{AllOf: []*apidoc.Schema{
		apidoc.Ref("Error"), {Type: "object", Properties: apidoc.Properties{{Name: "data", Schema: data}}},
	}}
}

// hasMembers reports whether a field of the body is an object or a list, or one
// within others, whose errors can be those of its members.
func (b *builder) hasMembers(op *apidoc.Operation, field string) bool {
	if op.RequestBody == nil {
		return false
	}
	body := op.RequestBody.Content["application/json"].Schema
	if body != nil && body.Ref != "" {
		body = b.doc.Components.Schemas[strings.TrimPrefix(body.Ref, "#/components/schemas/")]
	}
	if body == nil || strings.Contains(field, ".") {
		return true
	}
	member := body.Properties.Get(field)
	return member != nil && (member.Type == nil || member.Items != nil || member.Properties != nil || member.AdditionalProperties != nil)
}
