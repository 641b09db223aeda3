package openapi

import (
	"strings"

	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// addFiles adds the download of files, and the token for protected ones.
func (b *builder) addFiles() {
	var names []any
	thumbs := map[string]bool{"100x100": true}
	sizes := []string{"100x100"}
	protected := false
	for _, c := range b.ordered() {
		offered := false
		for _, f := range fileFields(c) {
			// a file that is not protected is for whoever knows its name
			if f.Hidden && !b.reader.superuser || f.Protected && !b.reader.may(c, actionView) {
				continue
			}
			offered, protected = true, protected || f.Protected
			for _, size := range f.Thumbs {
				if !thumbs[size] {
					thumbs[size] = true
					sizes = append(sizes, size)
				}
			}
		}
		if offered {
			names = append(names, c.Name)
		}
	}
	if !b.reader.guest {
		b.add("POST", "/api/files/token", &apidoc.Operation{
			OperationID: "api.files.token", Summary: "Get a token for protected files", Tags: []string{"files"}, Security: withToken(),
			Description: "It is short-lived, and goes into the address of a file, where others may see it.",
			Responses:   answers("200", okJSON("The token.", object(needed("token", &apidoc.Schema{Type: "string"}))), 401),
		})
	}
	if len(names) == 0 {
		return
	}
	op := &apidoc.Operation{
		OperationID: "api.files.download", Summary: "Download a file", Tags: []string{"files"}, Security: []map[string][]string{},
		Parameters: []apidoc.Parameter{
			{Name: "collection", In: "path", Required: true, Description: "The collection.", Schema: &apidoc.Schema{Type: "string", Enum: names}},
			pathParameter("recordId", "The record that has the file."),
			pathParameter("filename", "The file's name, as the record has it."),
			{
				Name: "thumb", In: "query", Schema: &apidoc.Schema{Type: "string"}, Example: "100x100",
				Description: "A size, to get a smaller picture of an image. A field has 100x100 and those it lists, of " + strings.Join(sizes, ", ") + ". Any other gets the file as it is.",
			},
			{Name: "download", In: "query", Schema: &apidoc.Schema{Type: "string", Enum: []any{"", "0", "1", "true", "false"}}, Description: "Whether browsers should save the file rather than show it."},
		},
		Responses: answers("200", apidoc.Response{
			Description: "The file.",
			Content:     map[string]apidoc.MediaType{"*/*": {Schema: &apidoc.Schema{Type: "string", Format: "binary"}}},
		}, 404),
	}
	op.Responses["206"] = apidoc.Response{Description: "The part of the file that the header Range asks for.", Content: op.Responses["200"].Content}
	op.Responses["304"] = noContent("The caller has the file already.")
	op.Responses["416"] = apidoc.Response{Description: "The file has no such part."}
	if protected {
		op.Parameters = append(op.Parameters, apidoc.Parameter{
			Name: "token", In: "query", Schema: &apidoc.Schema{Type: "string"}, Description: "A file token, which protected files need.",
		})
	}
	b.add("GET", "/api/files/{collection}/{recordId}/{filename}", op)
}

// addShared adds what does not belong to one collection.
func (b *builder) addShared() {
	b.addBatch()
	b.addRealtime()
	b.add("GET", "/api/health", &apidoc.Operation{
		OperationID: "api.health", Summary: "Ask whether the server is up", Tags: []string{"health"}, Security: mayToken(),
		Responses: answers("200", okJSON("It is.", object(
			needed("code", &apidoc.Schema{Type: "integer", Const: 200}),
			needed("message", &apidoc.Schema{Type: "string"}),
			needed("data", &apidoc.Schema{Type: "object", Description: "More for superusers.", AdditionalProperties: &apidoc.Schema{}}),
		))),
	})
}

func (b *builder) addBatch() {
	if !b.batch.Enabled || b.batch.MaxRequests <= 0 {
		return
	}
	request := object(
		needed("method", &apidoc.Schema{Type: "string", Enum: []any{"POST", "PATCH", "PUT", "DELETE"}, Description: "PUT updates the record with the id in the body, or creates it."}),
		needed("url", &apidoc.Schema{Type: "string", MinLength: types.Pointer(1), MaxLength: types.Pointer(2000), Examples: []any{"/api/collections/posts/records"}}),
		given("headers", &apidoc.Schema{Type: "object", AdditionalProperties: &apidoc.Schema{Type: "string"}}),
		given("body", &apidoc.Schema{Type: "object", AdditionalProperties: &apidoc.Schema{}, Description: "As the single request would have it."}),
	)
	body := object(needed("requests", &apidoc.Schema{
		Type: "array", MinItems: types.Pointer(1), MaxItems: types.Pointer(b.batch.MaxRequests),
		Items: b.schema("BatchRequest", func() *apidoc.Schema { return request }),
	}))
	result := b.schema("BatchResult", func() *apidoc.Schema {
		return object(
			needed("status", &apidoc.Schema{Type: "integer"}),
			needed("body", &apidoc.Schema{Description: "The answer to the single request."}),
		)
	})
	form := object(given("@jsonPayload", &apidoc.Schema{Type: "string", ContentMediaType: "application/json", Description: "The JSON body. Files are further members of the form, as requests.N.field."}))
	form.AdditionalProperties = &apidoc.Schema{Type: "string", Format: "binary"}
	b.add("POST", "/api/batch", &apidoc.Operation{
		OperationID: "api.batch", Summary: "Create, update and delete records in one transaction", Tags: []string{"batch"}, Security: mayToken(),
		Description: "Either all requests are done or none.",
		RequestBody: &apidoc.RequestBody{Required: true, Content: map[string]apidoc.MediaType{
			"application/json":    {Schema: body},
			"multipart/form-data": {Schema: form},
		}},
		Responses: answers("200", okJSON("The answers, in the order of the requests.", &apidoc.Schema{Type: "array", Items: result}), 400, 403, 413),
	})
}

func (b *builder) addRealtime() {
	b.add("GET", "/api/realtime", &apidoc.Operation{
		OperationID: "api.realtime.connect", Summary: "Open a stream of events", Tags: []string{"realtime"}, Security: mayToken(),
		Description: "Server-sent events. The first, PB_CONNECT, has the clientId to subscribe with; the others have the name of their topic and a JSON object with an action, `create`, `update` or `delete`, and the record.",
		Responses: answers("200", apidoc.Response{
			Description: "The stream.",
			Content:     map[string]apidoc.MediaType{"text/event-stream": {Schema: &apidoc.Schema{Type: "string"}}},
		}),
	})
	b.add("POST", "/api/realtime", &apidoc.Operation{
		OperationID: "api.realtime.subscribe", Summary: "Say which events a stream should have", Tags: []string{"realtime"}, Security: mayToken(),
		Description: "Replaces what the stream had. What one gets to see is decided by the list rule of a collection for `collection/*`, and by its view rule for `collection/ID`.",
		RequestBody: &apidoc.RequestBody{Required: true, Content: apidoc.JSON(object(
			needed("clientId", text(1, 255)),
			given("subscriptions", &apidoc.Schema{
				Type: "array", MaxItems: types.Pointer(1000), Items: text(0, 2500), Examples: []any{[]any{b.exampleTopic()}},
				Description: "Topics, each with `?options={\"query\":{…},\"headers\":{…}}` after it as wanted, for filter, fields and expand.",
			}),
		))},
		Responses: answers("204", noContent("The stream has these events from now on."), 400, 403, 404),
	})
}

// exampleTopic is a topic that the reader may subscribe to.
func (b *builder) exampleTopic() string {
	for _, c := range b.ordered() {
		if b.reader.may(c, actionList) && !c.IsView() {
			return c.Name + "/*"
		}
	}
	return "posts/*"
}
