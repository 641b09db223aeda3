package openapi

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/fields"
)

// addRecords adds what the reader may do with the records of a collection.
func (b *builder) addRecords(c *core.Collection) {
	path := "/api/collections/" + c.Name + "/records"
	if b.reader.may(c, actionList) {
		b.add("GET", path, b.listRecords(c))
	}
	if !c.IsView() && b.reader.may(c, actionCreate) {
		b.add("POST", path, b.createRecord(c))
	}
	path += "/{id}"
	if b.reader.may(c, actionView) {
		b.add("GET", path, b.viewRecord(c))
	}
	if c.IsView() {
		return
	}
	if b.reader.may(c, actionUpdate) {
		b.add("PATCH", path, b.updateRecord(c))
	}
	if b.reader.may(c, actionDelete) {
		op := b.operation(c, "delete", "Delete a record of "+c.Name, c.DeleteRule)
		op.Parameters = []apidoc.Parameter{pathParameter("id", "The record's id.")}
		op.Responses = answers("204", noContent("It is deleted."), 400, 403, 404)
		b.add("DELETE", path, op)
	}
}

// operation begins the description of an action on records.
func (b *builder) operation(c *core.Collection, action, summary string, rule *string) *apidoc.Operation {
	op := &apidoc.Operation{OperationID: c.Name + "." + action, Summary: summary, Tags: []string{c.Name}, Security: withToken()}
	if rule != nil && b.reader.guest {
		op.Security = mayToken() // it is listed, so guests may
	} else if rule != nil && *rule == "" {
		op.Security = mayToken()
	}
	return op
}

func (b *builder) listRecords(c *core.Collection) *apidoc.Operation {
	op := b.operation(c, "list", "List records of "+c.Name, c.ListRule)
	op.Description = "A page of the records that the caller may see."
	op.Parameters = append(shared("page", "perPage", "sort", "filter", "skipTotal", "fields"), b.expandParameter(c)...)
	items := b.schema(b.names[c.Id]+"List", func() *apidoc.Schema { return page(b.record(c)) })
	op.Responses = answers("200", okJSON("A page of records.", items), 400, 403)
	return op
}

func (b *builder) viewRecord(c *core.Collection) *apidoc.Operation {
	op := b.operation(c, "view", "View a record of "+c.Name, c.ViewRule)
	op.Parameters = append([]apidoc.Parameter{pathParameter("id", "The record's id.")}, b.shaping(c)...)
	op.Responses = answers("200", okJSON("The record.", b.record(c)), 400, 403, 404)
	return op
}

func (b *builder) createRecord(c *core.Collection) *apidoc.Operation {
	op := b.operation(c, "create", "Create a record of "+c.Name, c.CreateRule)
	op.Parameters = b.shaping(c)
	name := b.names[c.Id] + "Create"
	content := map[string]apidoc.MediaType{}
	if files := fileFields(c); len(files) > 0 {
		content["multipart/form-data"] = b.form(c, name, b.createBody)
	}
	if !requiresFile(c, b.reader) {
		content["application/json"] = apidoc.MediaType{
			Schema:  b.schema(name, func() *apidoc.Schema { return b.createBody(c, false) }),
			Example: b.exampleBody(c),
		}
	}
	op.RequestBody = &apidoc.RequestBody{Required: true, Content: content}
	op.Responses = answers("200", okJSON("The new record.", b.record(c)), 400, 403, 413)
	return op
}

func (b *builder) updateRecord(c *core.Collection) *apidoc.Operation {
	op := b.operation(c, "update", "Update a record of "+c.Name, c.UpdateRule)
	op.Description = "Changes the fields that the body names and leaves the others."
	op.Parameters = append([]apidoc.Parameter{pathParameter("id", "The record's id.")}, b.shaping(c)...)
	name := b.names[c.Id] + "Update"
	content := map[string]apidoc.MediaType{
		"application/json": {Schema: b.schema(name, func() *apidoc.Schema { return b.updateBody(c, false) })},
	}
	if len(fileFields(c)) > 0 {
		content["multipart/form-data"] = b.form(c, name, b.updateBody)
	}
	op.RequestBody = &apidoc.RequestBody{Required: true, Content: content}
	op.Responses = answers("200", okJSON("The record as it is now.", b.record(c)), 400, 403, 404, 413)
	return op
}

// form is a body with files.
func (b *builder) form(c *core.Collection, name string, body func(*core.Collection, bool) *apidoc.Schema) apidoc.MediaType {
	media := apidoc.MediaType{
		Schema:   b.schema(name+"Form", func() *apidoc.Schema { return body(c, true) }),
		Encoding: map[string]apidoc.Encoding{},
	}
	members := b.doc.Components.Schemas[name+"Form"].Properties
	for _, f := range fileFields(c) {
		if len(f.MimeTypes) > 0 && members.Get(f.Name) != nil {
			media.Encoding[f.Name] = apidoc.Encoding{ContentType: strings.Join(f.MimeTypes, ", ")}
		}
	}
	return media
}

// record refers to the schema of the records of a collection.
func (b *builder) record(c *core.Collection) *apidoc.Schema {
	return b.schema(b.names[c.Id]+"Record", func() *apidoc.Schema {
		s := &apidoc.Schema{
			Type: "object",
			Properties: apidoc.Properties{
				{Name: "collectionId", Schema: &apidoc.Schema{Type: "string", Const: c.Id}},
				{Name: "collectionName", Schema: &apidoc.Schema{Type: "string", Const: c.Name}},
			},
			Required: []string{"collectionId", "collectionName"},
		}
		for _, field := range c.Fields {
			if field.GetHidden() && !b.reader.superuser || neverSent(c, field) {
				continue
			}
			s.Properties = append(s.Properties, apidoc.Property{Name: field.GetName(), Schema: b.answerSchema(field, c.IsView())})
			// an address shows only when its owner or a manager asks, or with emailVisibility
			if !field.GetHidden() && (!c.IsAuth() || field.GetName() != core.FieldNameEmail) {
				s.Required = append(s.Required, field.GetName())
			}
		}
		if expand := b.expand(c); expand != nil {
			s.Properties = append(s.Properties, apidoc.Property{Name: core.FieldNameExpand, Schema: expand})
		}
		return s
	})
}

// neverSent reports whether not even superusers are sent the field.
func neverSent(c *core.Collection, field core.Field) bool {
	return c.IsAuth() && (field.GetName() == core.FieldNamePassword || field.GetName() == core.FieldNameTokenKey)
}

// expand refers to the schema of the records that a record leads to, nil if the
// reader may see none.
func (b *builder) expand(c *core.Collection) *apidoc.Schema {
	names := b.expandable(c)
	if len(names) == 0 {
		return nil
	}
	return b.schema(b.names[c.Id]+"Expand", func() *apidoc.Schema {
		s := &apidoc.Schema{Type: "object", Description: "What the parameter expand asked for, as far as the caller may see it."}
		for _, e := range names {
			value := b.record(e.target)
			if e.many {
				value = &apidoc.Schema{Type: "array", Items: value}
			}
			s.Properties = append(s.Properties, apidoc.Property{Name: e.name, Schema: value})
		}
		return s
	})
}

type expansion struct {
	name   string
	target *core.Collection
	many   bool
}

// expandable are the names that may be expanded, relations first.
func (b *builder) expandable(c *core.Collection) []expansion {
	var all []expansion
	for _, field := range c.Fields {
		f, ok := field.(*core.RelationField)
		if !ok || f.Hidden && !b.reader.superuser {
			continue
		}
		if target := b.byID[f.CollectionId]; target != nil && b.reader.may(target, actionView) {
			all = append(all, expansion{name: f.Name, target: target, many: f.IsMultiple()})
		}
	}
	for _, back := range b.targets[c.Id] {
		if !b.reader.may(back.from, actionView) || back.field.Hidden && !b.reader.superuser {
			continue
		}
		_, unique := dbutils.FindSingleColumnUniqueIndex(back.from.Indexes, back.field.Name)
		all = append(all, expansion{name: back.from.Name + "_via_" + back.field.Name, target: back.from, many: !unique})
	}
	return all
}

// shaping are the parameters that shape a single record.
func (b *builder) shaping(c *core.Collection) []apidoc.Parameter {
	return append(shared("fields"), b.expandParameter(c)...)
}

func (b *builder) expandParameter(c *core.Collection) []apidoc.Parameter {
	names := b.expandable(c)
	if len(names) == 0 {
		return nil
	}
	list := make([]string, len(names))
	for i, e := range names {
		list[i] = e.name
	}
	return []apidoc.Parameter{{
		Name: "expand", In: "query", Example: list[0], Schema: &apidoc.Schema{Type: "string"},
		Description: "Related records to send along, with commas between them, up to 6 levels with dots: " + strings.Join(list, ", ") + ".",
	}}
}

// writable reports whether the reader may set the field at all.
func (b *builder) writable(c *core.Collection, field core.Field) bool {
	if _, ok := field.(*core.AutodateField); ok {
		return false
	}
	if field.GetHidden() && !b.reader.superuser {
		return c.IsAuth() && field.GetName() == core.FieldNamePassword
	}
	return true
}

// createBody is what a new record is made from, as JSON or with files as a form.
func (b *builder) createBody(c *core.Collection, form bool) *apidoc.Schema {
	s := &apidoc.Schema{Type: "object"}
	barred := fields.Barred(ruleOf(c, actionCreate), false)
	for _, field := range c.Fields {
		if !b.writable(c, field) || barred[field.GetName()] && !b.reader.superuser {
			continue
		}
		f, isFile := field.(*core.FileField)
		if isFile && !form {
			continue // there is nothing yet that a name could mean
		}
		name := field.GetName()
		if c.IsAuth() && name == core.FieldNameVerified && !b.manages(c) {
			continue
		}
		schema := b.inputSchema(field)
		if isFile {
			schema = upload(f)
		}
		s.Properties = append(s.Properties, apidoc.Property{Name: name, Schema: schema})
		// what callers may not send is filled in for them
		if fields.MustSend(field) && !barred[name] {
			s.Required = append(s.Required, name)
		}
		if text, ok := field.(*core.TextField); ok && text.AutogeneratePattern != "" && !text.PrimaryKey {
			s.Properties = append(s.Properties, apidoc.Property{
				Name:   name + ":autogenerate",
				Schema: &apidoc.Schema{Type: "string", Description: "A prefix for a generated " + name + "."},
			})
		}
		if c.IsAuth() && name == core.FieldNamePassword {
			s.Properties = append(s.Properties, apidoc.Property{Name: "passwordConfirm", Schema: confirmation()})
			s.Required = append(s.Required, "passwordConfirm")
		}
	}
	return s
}

func confirmation() *apidoc.Schema {
	return &apidoc.Schema{Type: "string", Format: "password", WriteOnly: true, Description: "The same password again."}
}

// updateBody is what a record is changed with.
func (b *builder) updateBody(c *core.Collection, form bool) *apidoc.Schema {
	s := &apidoc.Schema{Type: "object"}
	barred := fields.Barred(ruleOf(c, actionUpdate), true)
	for _, field := range c.Fields {
		name := field.GetName()
		if !b.writable(c, field) || name == core.FieldNameId || barred[name] && !b.reader.superuser {
			continue
		}
		if c.IsAuth() && (name == core.FieldNameVerified || name == core.FieldNameEmail) && !b.manages(c) {
			continue
		}
		schema := b.inputSchema(field)
		f, isFile := field.(*core.FileField)
		if isFile && form {
			schema = upload(f)
		}
		s.Properties = append(s.Properties, apidoc.Property{Name: name, Schema: schema})
		s.Properties = append(s.Properties, b.modifiers(field)...)
		if isFile && form && f.IsMultiple() {
			s.Properties = append(s.Properties,
				apidoc.Property{Name: name + "+", Schema: described(upload(f), "Appended to "+name+".")},
				apidoc.Property{Name: "+" + name, Schema: described(upload(f), "Put before what is in "+name+".")})
		}
		if c.IsAuth() && name == core.FieldNamePassword {
			s.Properties = append(s.Properties, apidoc.Property{Name: "passwordConfirm", Schema: confirmation()})
			together := []string{"passwordConfirm"}
			if !b.reader.superuser {
				s.Properties = append(s.Properties, apidoc.Property{Name: "oldPassword", Schema: &apidoc.Schema{
					Type: "string", Format: "password", WriteOnly: true, Description: "The present password.",
				}})
				if !b.manages(c) {
					together = append(together, "oldPassword")
				}
			}
			s.DependentRequired = map[string][]string{name: together}
		}
	}
	return s
}

func described(s *apidoc.Schema, description string) *apidoc.Schema {
	s.Description = joinSentences(description, s.Description)
	return s
}

// manages reports whether the reader may change addresses and passwords of
// others.
func (b *builder) manages(c *core.Collection) bool {
	return b.reader.superuser || c.ManageRule != nil && b.reader.may(c, actionManage)
}

// exampleBody is a body that makes a record, as far as the settings of the
// fields tell; nil if there is none without knowing more.
func (b *builder) exampleBody(c *core.Collection) any {
	body := map[string]any{}
	barred := fields.Barred(ruleOf(c, actionCreate), false)
	for _, field := range c.Fields {
		if !b.writable(c, field) || barred[field.GetName()] || field.GetName() == core.FieldNameId || !fields.MustSend(field) && !readable(field) {
			continue
		}
		if c.IsAuth() && field.GetName() == core.FieldNamePassword {
			text, ok := exampleText("password", "", max(field.(*core.PasswordField).Min, 12), 0)
			if !ok || field.(*core.PasswordField).Pattern != "" {
				return nil
			}
			body["password"], body["passwordConfirm"] = text, text
			continue
		}
		if date, ok := field.(*core.DateField); ok {
			body[date.Name] = b.inputSchema(date).Examples[0]
			continue
		}
		if geo, ok := field.(*core.GeoPointField); ok {
			body[geo.Name] = b.inputSchema(geo).Examples[0]
			continue
		}
		value, ok := b.example(field)
		if ok {
			body[field.GetName()] = value
		} else if fields.MustSend(field) {
			return nil
		}
	}
	return body
}

// readable reports whether an example gains from the field though it needs none.
func readable(field core.Field) bool {
	switch f := field.(type) {
	case *core.TextField:
		return f.AutogeneratePattern == "" && !f.System
	case *core.SelectField, *core.NumberField, *core.BoolField:
		return !field.GetSystem()
	default:
		return false
	}
}

func fileFields(c *core.Collection) []*core.FileField {
	var files []*core.FileField
	for _, field := range c.Fields {
		if f, ok := field.(*core.FileField); ok {
			files = append(files, f)
		}
	}
	return files
}

// requiresFile reports whether a new record needs a file that the reader may send.
func requiresFile(c *core.Collection, who reader) bool {
	for _, f := range fileFields(c) {
		if f.Required && (!f.Hidden || who.superuser) {
			return true
		}
	}
	return false
}
