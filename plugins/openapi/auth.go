package openapi

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// addAuth adds the ways to sign in to a collection, as far as they are switched
// on, and what belongs to an account.
func (b *builder) addAuth(c *core.Collection) {
	b.addAuthFlow(c, "GET", "auth-methods", "How one may sign in to "+c.Name, nil,
		answers("200", okJSON("The ways to sign in that are switched on.", b.schema("AuthMethods", authMethods))))

	if c.AuthRule != nil { // otherwise nobody may sign in
		b.addSignIns(c)
		if b.reader.of(c) {
			op := b.addAuthFlow(c, "POST", "auth-refresh", "Renew the caller's token", nil,
				answers("200", okJSON("The account, with a new token if the old one may be renewed.", b.authAnswer(c, nil)), 401, 403))
			op.Parameters, op.Security = b.shaping(c), withToken()
		}
	}
	if c.PasswordAuth.Enabled {
		b.addPasswordReset(c)
	}
	if c.Name != core.CollectionNameSuperusers {
		b.addVerification(c)
		b.addEmailChange(c)
	}
	if b.reader.superuser {
		b.addImpersonate(c)
	}
}

func (b *builder) addSignIns(c *core.Collection) {
	if c.PasswordAuth.Enabled {
		identities := make([]any, len(c.PasswordAuth.IdentityFields))
		for i, name := range c.PasswordAuth.IdentityFields {
			identities[i] = name
		}
		b.addSignIn(c, "auth-with-password", "Sign in with a password", nil, object(
			needed("identity", described(text(1, 255), "The value of one of the fields that identify an account.")),
			needed("password", &apidoc.Schema{Type: "string", Format: "password", MinLength: types.Pointer(1), MaxLength: types.Pointer(255)}),
			given("identityField", &apidoc.Schema{Type: "string", Enum: append(identities, ""), Description: "Which field identifies the account. Each of them is tried if there is none."}),
		))
	}
	if c.OTP.Enabled {
		b.addAuthFlow(c, "POST", "request-otp", "Ask for a one-time password by mail",
			object(needed("email", email())),
			answers("200", okJSON("The password is on its way, if there is such an account.", object(needed("otpId", text(1, 0)))), 400))
		b.addSignIn(c, "auth-with-otp", "Sign in with a one-time password", nil, object(
			needed("otpId", text(1, 255)),
			needed("password", text(1, 71)),
		))
	}
	if c.OAuth2.Enabled && len(c.OAuth2.Providers) > 0 {
		providers := make([]any, len(c.OAuth2.Providers))
		for i, p := range c.OAuth2.Providers {
			providers[i] = p.Name
		}
		meta := &apidoc.Schema{Type: "object", Description: "What the provider says of the account.", AdditionalProperties: &apidoc.Schema{}}
		b.addSignIn(c, "auth-with-oauth2", "Sign in with another service", meta, object(
			needed("provider", &apidoc.Schema{Type: "string", Enum: providers}),
			needed("code", text(1, 0)),
			given("codeVerifier", &apidoc.Schema{Type: "string"}),
			given("redirectURL", &apidoc.Schema{Type: "string"}),
			given("createData", &apidoc.Schema{Type: "object", AdditionalProperties: &apidoc.Schema{}, Description: "Further fields of an account that is made."}),
		))
	}
}

// addSignIn adds an operation that answers with a token.
func (b *builder) addSignIn(c *core.Collection, action, summary string, meta, body *apidoc.Schema) {
	if c.MFA.Enabled {
		body.Properties = append(body.Properties, given("mfaId", described(text(0, 255), "The mfaId of the answer to the first way, when this is the second.")).Property)
	}
	responses := answers("200", okJSON("Signed in.", b.authAnswer(c, meta)), 400, 403)
	if c.MFA.Enabled {
		responses["401"] = okJSON("This way was right. Sign in with a second one, and this mfaId.", object(needed("mfaId", &apidoc.Schema{Type: "string"})))
	}
	op := b.addAuthFlow(c, "POST", action, summary, body, responses)
	op.Parameters = b.shaping(c)
}

// authAnswer is the answer to a sign-in.
func (b *builder) authAnswer(c *core.Collection, meta *apidoc.Schema) *apidoc.Schema {
	name := b.names[c.Id] + "Auth"
	if meta != nil {
		name += "WithMeta"
	}
	return b.schema(name, func() *apidoc.Schema {
		s := object(
			needed("token", &apidoc.Schema{Type: "string", Description: "Sent as Authorization with further requests."}),
			needed("record", b.record(c)),
		)
		if meta != nil {
			s.Properties = append(s.Properties, apidoc.Property{Name: "meta", Schema: meta})
		}
		return s
	})
}

func (b *builder) addPasswordReset(c *core.Collection) {
	b.addAuthFlow(c, "POST", "request-password-reset", "Ask for a mail to reset a password",
		object(needed("email", email())), answers("204", noContent("The mail is on its way, if there is such an account."), 400))

	minimum, maximum := 1, 255
	password, ok := c.Fields.GetByName(core.FieldNamePassword).(*core.PasswordField)
	schema := text(minimum, maximum)
	if ok {
		schema = passwordInput(password)
	}
	b.addAuthFlow(c, "POST", "confirm-password-reset", "Set a new password with the token of the mail", object(
		needed("token", text(1, 0)),
		needed("password", schema),
		needed("passwordConfirm", confirmation()),
	), answers("204", noContent("The password is set, and older tokens are void."), 400))
}

func (b *builder) addVerification(c *core.Collection) {
	b.addAuthFlow(c, "POST", "request-verification", "Ask for a mail to verify an address",
		object(needed("email", email())), answers("204", noContent("The mail is on its way, if there is such an account."), 400))
	b.addAuthFlow(c, "POST", "confirm-verification", "Verify an address with the token of the mail",
		object(needed("token", text(1, 0))), answers("204", noContent("The address is verified."), 400))
}

func (b *builder) addEmailChange(c *core.Collection) {
	if b.reader.of(c) {
		op := b.addAuthFlow(c, "POST", "request-email-change", "Ask for a mail to change the caller's address",
			object(needed("newEmail", email())), answers("204", noContent("The mail is on its way to the new address."), 400, 401, 403))
		op.Security = withToken()
	}
	b.addAuthFlow(c, "POST", "confirm-email-change", "Change an address with the token of the mail", object(
		needed("token", text(1, 0)),
		needed("password", &apidoc.Schema{Type: "string", Format: "password", MinLength: types.Pointer(1), MaxLength: types.Pointer(100)}),
	), answers("204", noContent("The address is changed, and older tokens are void."), 400))
}

func (b *builder) addImpersonate(c *core.Collection) {
	op := b.addAuthFlow(c, "POST", "impersonate", "Get a token of an account of "+c.Name, object(
		given("duration", &apidoc.Schema{Type: "integer", Minimum: types.Pointer(0.0), Maximum: types.Pointer(float64(1 << 31)), Description: "How long it is valid, in seconds; 0 for as long as others."}),
	), answers("200", okJSON("A token that cannot be renewed.", b.authAnswer(c, nil)), 400, 401, 403, 404))
	op.Parameters = append([]apidoc.Parameter{pathParameter("id", "The account's id.")}, b.shaping(c)...)
	op.Security = withToken()
}

// addAuthFlow adds an operation of an auth collection, which guests may call
// unless the caller says otherwise.
func (b *builder) addAuthFlow(c *core.Collection, method, action, summary string, body *apidoc.Schema, responses map[string]apidoc.Response) *apidoc.Operation {
	op := &apidoc.Operation{
		OperationID: c.Name + "." + camel(action), Summary: summary, Tags: []string{c.Name},
		Security: mayToken(), Responses: responses,
	}
	if body != nil {
		op.RequestBody = &apidoc.RequestBody{Required: len(body.Required) > 0, Content: apidoc.JSON(body)}
		responses["413"] = apidoc.Response{Ref: "#/components/responses/TooLarge"}
	}
	path := "/api/collections/" + c.Name + "/" + action
	if action == "impersonate" {
		path += "/{id}"
	}
	b.add(method, path, op)
	return op
}

// camel is "authWithPassword" for "auth-with-password".
func camel(words string) string {
	var out []byte
	for i := 0; i < len(words); i++ {
		if words[i] == '-' && i+1 < len(words) {
			i++
			out = append(out, words[i]-'a'+'A')
			continue
		}
		out = append(out, words[i])
	}
	return string(out)
}

func authMethods() *apidoc.Schema {
	boolean, seconds := &apidoc.Schema{Type: "boolean"}, &apidoc.Schema{Type: "integer", Description: "In seconds."}
	str := &apidoc.Schema{Type: "string"}
	provider := object(
		needed("name", str), needed("displayName", str), needed("logo", str), needed("state", str),
		needed("authURL", &apidoc.Schema{Type: "string", Description: "Where to send the user. Append the URL to come back to."}),
		needed("authUrl", &apidoc.Schema{Type: "string", Deprecated: true}),
		needed("codeVerifier", str), needed("codeChallenge", str), needed("codeChallengeMethod", str),
	)
	return object(
		needed("password", object(needed("enabled", boolean), needed("identityFields", &apidoc.Schema{Type: "array", Items: str}))),
		needed("oauth2", object(needed("enabled", boolean), needed("providers", &apidoc.Schema{Type: "array", Items: provider}))),
		needed("mfa", object(needed("enabled", boolean), needed("duration", seconds))),
		needed("otp", object(needed("enabled", boolean), needed("duration", seconds))),
		needed("authProviders", &apidoc.Schema{Type: []string{"array", "null"}, Items: provider, Deprecated: true}),
		needed("usernamePassword", &apidoc.Schema{Type: "boolean", Deprecated: true}),
		needed("emailPassword", &apidoc.Schema{Type: "boolean", Deprecated: true}),
	)
}

// member is a member of an object, which must be there or may be.
type member struct {
	apidoc.Property
	required bool
}

func needed(name string, schema *apidoc.Schema) member {
	return member{Property: apidoc.Property{Name: name, Schema: schema}, required: true}
}

func given(name string, schema *apidoc.Schema) member {
	return member{Property: apidoc.Property{Name: name, Schema: schema}}
}

func object(members ...member) *apidoc.Schema {
	s := &apidoc.Schema{Type: "object"}
	for _, m := range members {
		s.Properties = append(s.Properties, m.Property)
		if m.required {
			s.Required = append(s.Required, m.Name)
		}
	}
	return s
}

// text is a string of so many characters; a maximum of 0 is none.
func text(minimum, maximum int) *apidoc.Schema {
	s := &apidoc.Schema{Type: "string"}
	if minimum > 0 {
		s.MinLength = &minimum
	}
	if maximum > 0 {
		s.MaxLength = &maximum
	}
	return s
}

func email() *apidoc.Schema {
	return &apidoc.Schema{Type: "string", Format: "email", MinLength: types.Pointer(1), MaxLength: types.Pointer(255), Examples: []any{"ada@example.com"}}
}
