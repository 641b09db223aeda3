package openapi

import (
	"reflect"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// addOperator adds what only superusers may call of PocketBase's own.
func (b *builder) addOperator() {
	b.addSettings()
	b.addCollections()
	b.addLogs()
	b.addBackups()

	b.operatorOp("GET", "/api/crons", "crons.list", "List the cron jobs", nil, okJSON("The jobs.", list(object(
		needed("id", str()), needed("expression", str()),
	))))
	b.operatorOp("POST", "/api/crons/{id}", "crons.run", "Run a cron job now", nil, noContent("It has been started."), 404)

	b.operatorOp("POST", "/api/sql", "sql.run", "Run SQL", jsonBody(object(needed("query", text(1, 5000)))), okJSON("What came of it.", object(
		needed("execTime", &apidoc.Schema{Type: "integer", Description: "In milliseconds."}),
		needed("affectedRows", integer()),
		needed("columns", list(object(needed("name", str()), needed("type", str()), needed("nullable", boolean())))),
		needed("rows", list(list(&apidoc.Schema{Type: []string{"string", "null"}}))),
	)), 400)
}

// operatorOp adds an operation that only superusers may call.
func (b *builder) operatorOp(method, path, id, summary string, body *apidoc.RequestBody, success apidoc.Response, refusals ...int) *apidoc.Operation {
	status := "200"
	if success.Content == nil {
		status = "204"
	}
	op := &apidoc.Operation{
		OperationID: "api." + id, Summary: summary, Tags: []string{tagOf(path)}, Security: withToken(), RequestBody: body,
		Parameters: withPathVariables(nil, path),
		Responses:  answers(status, success, append(refusals, 401, 403)...),
	}
	if body != nil {
		op.Responses["413"] = apidoc.Response{Ref: "#/components/responses/TooLarge"}
	}
	b.add(method, path, op)
	return op
}

func jsonBody(schema *apidoc.Schema) *apidoc.RequestBody {
	return &apidoc.RequestBody{Required: len(schema.Required) > 0, Content: apidoc.JSON(schema)}
}

func str() *apidoc.Schema     { return &apidoc.Schema{Type: "string"} }
func integer() *apidoc.Schema { return &apidoc.Schema{Type: "integer"} }
func boolean() *apidoc.Schema { return &apidoc.Schema{Type: "boolean"} }

func list(items *apidoc.Schema) *apidoc.Schema {
	return &apidoc.Schema{Type: "array", Items: items}
}

// anything is an object of any members.
func anything() *apidoc.Schema {
	return &apidoc.Schema{Type: "object", AdditionalProperties: &apidoc.Schema{}}
}

func (b *builder) addSettings() {
	// the types are PocketBase's, so they follow it
	groups := []struct {
		name string
		t    reflect.Type
	}{
		{"meta", reflect.TypeFor[core.MetaConfig]()},
		{"logs", reflect.TypeFor[core.LogsConfig]()},
		{"smtp", reflect.TypeFor[core.SMTPConfig]()},
		{"s3", reflect.TypeFor[core.S3Config]()},
		{"backups", reflect.TypeFor[core.BackupsConfig]()},
		{"batch", reflect.TypeFor[core.BatchConfig]()},
		{"rateLimits", reflect.TypeFor[core.RateLimitsConfig]()},
		{"trustedProxy", reflect.TypeFor[core.TrustedProxyConfig]()},
	}
	settings := b.schema("Settings", func() *apidoc.Schema {
		s := object(given("superuserIPs", list(str())))
		for _, group := range groups {
			s.Properties = append(s.Properties, apidoc.Property{Name: group.name, Schema: loose(apidoc.SchemaOf(inline{}, group.t, false, ""))})
		}
		s.Description = "Secrets are taken but never sent."
		return s
	})
	b.operatorOp("GET", "/api/settings", "settings.view", "View the settings", nil, okJSON("The settings.", settings))
	b.operatorOp("PATCH", "/api/settings", "settings.update", "Change settings", jsonBody(settings), okJSON("The settings as they are now.", settings), 400)
	b.operatorOp("POST", "/api/settings/test/s3", "settings.testS3", "Try the S3 settings",
		jsonBody(object(needed("filesystem", &apidoc.Schema{Type: "string", Enum: []any{"storage", "backups"}}))), noContent("They work."), 400)
	b.operatorOp("POST", "/api/settings/test/email", "settings.testEmail", "Send a test mail", jsonBody(object(
		needed("email", email()),
		needed("template", &apidoc.Schema{Type: "string", Enum: []any{"verification", "password-reset", "email-change", "otp", "login-alert"}}),
		given("collection", text(0, 255)),
	)), noContent("It is sent."), 400)
	b.operatorOp("POST", "/api/settings/apple/generate-client-secret", "settings.appleClientSecret", "Make a client secret for Sign in with Apple", jsonBody(object(
		needed("clientId", text(1, 0)), needed("teamId", text(10, 10)), needed("keyId", text(10, 10)), needed("privateKey", text(1, 0)),
		needed("duration", &apidoc.Schema{Type: "integer", Minimum: types.Pointer(1.0), Maximum: types.Pointer(15777000.0), Description: "In seconds."}),
	)), okJSON("The secret.", object(needed("secret", str()))), 400)
}

// loose makes no member required, at any depth, and lets lists be null, which
// Go's empty ones are.
func loose(s *apidoc.Schema) *apidoc.Schema {
	s.Required = nil
	for _, p := range s.Properties {
		loose(p.Schema)
	}
	if s.Items != nil {
		loose(s.Items)
		s.Type = []string{"array", "null"}
	}
	return s
}

// inline gives schemas no names.
type inline struct{}

func (inline) Define(_ reflect.Type, _ bool, build func() *apidoc.Schema) *apidoc.Schema {
	return build()
}
func (inline) Record(string) *apidoc.Schema { return &apidoc.Schema{Type: "object"} }

func (b *builder) addCollections() {
	collection := b.schema("Collection", collectionSchema)
	body := b.schema("CollectionBody", func() *apidoc.Schema {
		s := collectionSchema()
		s.Required = nil
		return s
	})
	op := b.operatorOp("GET", "/api/collections", "collections.list", "List the collections", nil, okJSON("A page of collections.", page(collection)), 400)
	op.Parameters = shared("page", "perPage", "sort", "filter", "skipTotal", "fields")
	b.operatorOp("POST", "/api/collections", "collections.create", "Create a collection", jsonBody(body), okJSON("The collection.", collection), 400)
	b.operatorOp("GET", "/api/collections/{collection}", "collections.view", "View a collection", nil, okJSON("The collection.", collection), 404)
	b.operatorOp("PATCH", "/api/collections/{collection}", "collections.update", "Change a collection", jsonBody(body), okJSON("The collection as it is now.", collection), 400, 404)
	b.operatorOp("DELETE", "/api/collections/{collection}", "collections.delete", "Delete a collection with its records", nil, noContent("It is deleted."), 400, 404)
	b.operatorOp("DELETE", "/api/collections/{collection}/truncate", "collections.truncate", "Delete all records of a collection", nil, noContent("They are deleted."), 400, 404)
	b.operatorOp("PUT", "/api/collections/import", "collections.import", "Replace collections", jsonBody(object(
		needed("collections", &apidoc.Schema{Type: "array", MinItems: types.Pointer(1), Items: anything()}),
		given("deleteMissing", &apidoc.Schema{Type: "boolean", Description: "Whether to delete the collections and fields that are not there."}),
	)), noContent("They are as they should be."), 400)
	scaffold := collectionSchema()
	b.operatorOp("GET", "/api/collections/meta/scaffolds", "collections.scaffolds", "View an empty collection of each type", nil, okJSON("By type.", object(
		needed("base", scaffold), needed("auth", scaffold), needed("view", scaffold),
	)))
	b.operatorOp("GET", "/api/collections/meta/oauth2-providers", "collections.oauth2Providers", "List the services that one may sign in with", nil,
		okJSON("The services.", list(object(needed("name", str()), needed("displayName", str()), needed("logo", str())))))
	b.operatorOp("POST", "/api/collections/meta/dry-run-view", "collections.dryRunView", "Try the query of a view", jsonBody(object(needed("query", text(1, 5000)))), okJSON("What it yields.", object(
		needed("fields", list(anything())), needed("sample", list(anything())),
	)), 400)
}

func collectionSchema() *apidoc.Schema {
	rule := func(action string) member {
		return needed(action+"Rule", &apidoc.Schema{Type: []string{"string", "null"}, Description: `A filter. null is for superusers only, "" for everybody.`})
	}
	s := object(
		needed("id", str()), needed("name", str()),
		needed("type", &apidoc.Schema{Type: "string", Enum: []any{core.CollectionTypeBase, core.CollectionTypeAuth, core.CollectionTypeView}}),
		needed("system", boolean()),
		needed("fields", list(&apidoc.Schema{
			Type: "object", Required: []string{"name", "type"}, AdditionalProperties: &apidoc.Schema{},
			Properties: apidoc.Properties{{Name: "name", Schema: str()}, {Name: "type", Schema: str()}},
		})),
		needed("indexes", list(str())),
		rule("list"), rule("view"), rule("create"), rule("update"), rule("delete"),
		needed("created", &apidoc.Schema{Type: "string", Pattern: dateTimePattern}),
		needed("updated", &apidoc.Schema{Type: "string", Pattern: dateTimePattern}),
		given("viewQuery", str()),
		given("authRule", &apidoc.Schema{Type: []string{"string", "null"}}),
		given("manageRule", &apidoc.Schema{Type: []string{"string", "null"}}),
	)
	for _, name := range []string{
		"authAlert", "oauth2", "passwordAuth", "mfa", "otp", "authToken", "passwordResetToken", "emailChangeToken",
		"verificationToken", "fileToken", "verificationTemplate", "resetPasswordTemplate", "confirmEmailChangeTemplate",
	} {
		s.Properties = append(s.Properties, apidoc.Property{Name: name, Schema: anything()})
	}
	return s
}

func (b *builder) addLogs() {
	entry := b.schema("Log", func() *apidoc.Schema {
		return object(
			needed("id", str()), needed("created", &apidoc.Schema{Type: "string", Pattern: dateTimePattern}),
			needed("level", integer()), needed("message", str()), needed("data", anything()),
		)
	})
	op := b.operatorOp("GET", "/api/logs", "logs.list", "List log entries", nil, okJSON("A page of entries.", page(entry)), 400)
	op.Parameters = shared("page", "perPage", "sort", "filter", "skipTotal", "fields")
	op = b.operatorOp("GET", "/api/logs/stats", "logs.stats", "Count log entries by the hour", nil, okJSON("The hours.", list(object(
		needed("total", integer()), needed("date", &apidoc.Schema{Type: "string", Pattern: dateTimePattern}),
	))), 400)
	op.Parameters = shared("filter", "fields")
	b.operatorOp("GET", "/api/logs/{id}", "logs.view", "View a log entry", nil, okJSON("The entry.", entry), 404)
}

func (b *builder) addBackups() {
	b.operatorOp("GET", "/api/backups", "backups.list", "List the backups", nil, okJSON("The backups.", list(object(
		needed("key", str()), needed("size", integer()), needed("modified", &apidoc.Schema{Type: "string", Pattern: dateTimePattern}),
	))), 400)
	b.operatorOp("POST", "/api/backups", "backups.create", "Make a backup", jsonBody(object(
		given("name", &apidoc.Schema{Type: "string", MaxLength: types.Pointer(150), Pattern: `^([a-z0-9_-]+\.zip)?$`, Description: `"" for a name with the time in it.`}),
	)), noContent("It is there."), 400)
	b.operatorOp("POST", "/api/backups/upload", "backups.upload", "Upload a backup", &apidoc.RequestBody{Required: true, Content: map[string]apidoc.MediaType{
		"multipart/form-data": {
			Schema:   object(needed("file", &apidoc.Schema{Type: "string", Format: "binary"})),
			Encoding: map[string]apidoc.Encoding{"file": {ContentType: "application/zip"}},
		},
	}}, noContent("It is there."), 400)
	download := b.operatorOp("GET", "/api/backups/{key}", "backups.download", "Download a backup", nil, apidoc.Response{
		Description: "The backup.", Content: map[string]apidoc.MediaType{"application/zip": {Schema: &apidoc.Schema{Type: "string", Format: "binary"}}},
	}, 404)
	download.Parameters = append(download.Parameters, apidoc.Parameter{
		Name: "token", In: "query", Required: true, Description: "A file token of a superuser.", Schema: str(),
	})
	download.Security = []map[string][]string{}
	b.operatorOp("DELETE", "/api/backups/{key}", "backups.delete", "Delete a backup", nil, noContent("It is deleted."), 400)
	b.operatorOp("POST", "/api/backups/{key}/restore", "backups.restore", "Go back to a backup", nil, noContent("The program is about to start again with it."), 400)
}
