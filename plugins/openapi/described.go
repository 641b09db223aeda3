package openapi

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// addRoutes adds the routes that describe themselves, and for superusers those
// that nothing is known of.
func (b *builder) addRoutes() {
	described := map[string]bool{}
	for _, entry := range b.routes {
		described[entry.Method+" "+entry.Path] = true
		if !b.reader.superuser && !b.reader.routes[entry.Method+" "+entry.Path] {
			continue
		}
		b.add(entry.Method, openPath(entry.Path), b.routeOperation(entry))
	}
	for _, r := range b.registered {
		if described[r.method+" "+r.path] || r.method == "" || r.known() || !b.reader.superuser && !r.open(b.reader) {
			continue
		}
		b.add(r.method, openPath(r.path), bare(r))
	}
}

func (b *builder) routeOperation(entry apidoc.Entry) *apidoc.Operation {
	op := &apidoc.Operation{
		OperationID: entry.ID, Summary: entry.Summary, Description: entry.Description, Tags: entry.Tags, Deprecated: entry.Deprecated,
		Security: mayToken(),
	}
	if op.OperationID == "" || b.isOfRecords(op.OperationID) {
		op.OperationID = operationID(entry.Method, entry.Path)
	}
	if len(op.Tags) == 0 {
		op.Tags = []string{tagOf(entry.Path)}
	}
	var refusals []int
	if entry.Access != apidoc.Everybody {
		op.Security = withToken()
		refusals = append(refusals, 401)
		if entry.Access == apidoc.Superusers || len(entry.Collections) > 0 {
			refusals = append(refusals, 403)
		}
	}
	names := definer{b}
	parameters, body := apidoc.Parameters(names, entry.In)
	checked := slices.ContainsFunc(parameters, func(p apidoc.Parameter) bool { return p.In != "path" || constrained(p.Schema) })
	op.Parameters = withPathVariables(append(parameters, entry.Parameters...), entry.Path)
	if checked || body != nil || reflect.PointerTo(entry.In).Implements(reflect.TypeFor[validation.Validatable]()) {
		refusals = append(refusals, 400)
	}
	if body != nil || len(entry.Consumes) > 0 {
		op.RequestBody = requestBody(entry, body)
		refusals = append(refusals, 413)
	}
	status, success := b.routeAnswer(names, entry)
	op.Responses = answers(status, success, refusals...)
	if body != nil && !entry.AnyContentType && len(entry.Consumes) == 0 {
		op.Responses["415"] = okJSON("The body is not JSON.", apidoc.Ref("Error"))
	}
	for _, refusal := range entry.Errors {
		key := fmt.Sprint(refusal)
		if name, ok := refusalNames[refusal]; ok {
			op.Responses[key] = apidoc.Response{Ref: "#/components/responses/" + name}
		} else {
			op.Responses[key] = okJSON(statusText(refusal), apidoc.Ref("Error"))
		}
	}
	if body != nil && entry.MaxBody > 0 {
		op.Responses["413"] = okJSON(fmt.Sprintf("The body is larger than %d bytes.", entry.MaxBody), apidoc.Ref("Error"))
	}
	b.addProblems(op, entry.Problems)
	for _, answer := range entry.Answers {
		op.Responses[fmt.Sprint(answer.Status)] = furtherAnswer(names, answer)
	}
	return op
}

// isOfRecords reports whether an operation on records of a collection has that id,
// such as "jobs.list" where there is a collection of this name.
func (b *builder) isOfRecords(id string) bool {
	name, action, _ := strings.Cut(id, ".")
	c := b.byID[name]
	if c == nil || c.Name != name {
		return false
	}
	ofAuth := c.IsAuth() && (action == "impersonate" || slices.ContainsFunc([]string{"auth", "request", "confirm"}, func(prefix string) bool {
		return strings.HasPrefix(action, prefix)
	}))
	return ofAuth || slices.Contains(actions, action)
}

// constrained reports whether a text can be none of the values of the schema.
func constrained(s *apidoc.Schema) bool {
	return s.Type == "string" && (s.MinLength != nil || s.MaxLength != nil || s.Pattern != "" || s.Format != "" || len(s.Enum) > 0)
}

func requestBody(entry apidoc.Entry, body *apidoc.Schema) *apidoc.RequestBody {
	content := map[string]apidoc.MediaType{}
	for _, kind := range entry.Consumes {
		content[kind] = apidoc.MediaType{Schema: &apidoc.Schema{}}
	}
	if kind := "application/json"; body != nil && (len(content) == 0 || slices.Contains(entry.Consumes, kind)) {
		content[kind] = apidoc.MediaType{Schema: body}
	}
	return &apidoc.RequestBody{Required: !apidoc.BodyOptional(entry.In), Content: content}
}

// furtherAnswer is a refusal, or a success of another form.
func furtherAnswer(names apidoc.Names, answer apidoc.Answer) apidoc.Response {
	response := apidoc.Response{Description: cmp.Or(answer.Description, statusText(answer.Status))}
	switch {
	case answer.Produces != "":
		response.Content = map[string]apidoc.MediaType{answer.Produces: {Schema: &apidoc.Schema{Type: "string"}}}
	case answer.Type != nil:
		response.Content = apidoc.JSON(apidoc.SchemaOf(names, answer.Type, false, ""))
	case answer.Status >= 400:
		response.Content = apidoc.JSON(apidoc.Ref("Error"))
	}
	for name, means := range answer.Headers {
		if response.Headers == nil {
			response.Headers = map[string]apidoc.Header{}
		}
		response.Headers[name] = apidoc.Header{Description: means, Schema: &apidoc.Schema{Type: "string"}}
	}
	return response
}

func (b *builder) routeAnswer(names apidoc.Names, entry apidoc.Entry) (status string, success apidoc.Response) {
	isNone := entry.Out == noneType
	code := entry.Status
	switch {
	case code == 0 && isNone && len(entry.Produces) == 0:
		code = 204
	case code == 0:
		code = 200
	}
	success = apidoc.Response{Description: statusText(code)}
	if len(entry.Produces) > 0 {
		success.Content = map[string]apidoc.MediaType{}
		for _, kind := range entry.Produces {
			schema := &apidoc.Schema{Type: "string"}
			if kind == "application/json" {
				schema = &apidoc.Schema{}
				if !isNone {
					schema = apidoc.SchemaOf(names, entry.Out, false, entry.Collection)
				}
			}
			success.Content[kind] = apidoc.MediaType{Schema: schema}
		}
	} else if !isNone {
		success.Content = apidoc.JSON(apidoc.SchemaOf(names, entry.Out, false, entry.Collection))
	}
	return fmt.Sprint(code), success
}
