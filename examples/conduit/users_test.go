package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/examples/conduit/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestNewUserHasNeitherBioNorImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.send("", "POST /users", `{"user":{"username":"jake","email":"jake@example.com","password":"jakejake"}}`)
	created.must(t, http.StatusCreated)
	created.has(t, `"jake"`, "user", "username")
	created.has(t, `"jake@example.com"`, "user", "email")
	created.has(t, `null`, "user", "bio")
	created.has(t, `null`, "user", "image")
	w.tokens["jake"] = created.text(t, "user", "token")
	w.send("jake", "GET /user", "").must(t, http.StatusOK).has(t, `"jake"`, "user", "username")
}

func TestNewUserIsValidated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	cases := []struct {
		name, username, email, password string
		status                          int
		field, message                  string
	}{
		{"no name", "", "a@example.com", "longenough", 422, "username", "can't be blank"},
		{"a name of space", "  ", "a@example.com", "longenough", 422, "username", "can't be blank"},
		{"a long name", strings.Repeat("é", 65), "a@example.com", "longenough", 422, "username", "is too long (maximum is 64 characters)"},
		{"a name that is taken", "jake", "a@example.com", "longenough", 409, "username", "has already been taken"},
		{"a name that is taken in capitals", "JAKE", "a@example.com", "longenough", 409, "username", "has already been taken"},
		{"no email", "a", "", "longenough", 422, "email", "can't be blank"},
		{"a bad email", "a", "example.com", "longenough", 422, "email", "is invalid"},
		{"an email that is taken", "a", "jake@example.com", "longenough", 409, "email", "has already been taken"},
		{"an email that is taken in capitals", "a", "Jake@Example.com", "longenough", 409, "email", "has already been taken"},
		{"no password", "a", "a@example.com", "", 422, "password", "can't be blank"},
		{"a short password", "a", "a@example.com", "seven77", 422, "password", "is too short (minimum is 8 characters)"},
		{"a long password", "a", "a@example.com", strings.Repeat("é", 36), 422, "password", "is too long (maximum is 71 bytes)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"user":{"username":%q,"email":%q,"password":%q}}`, c.username, c.email, c.password)
			w.send("", "POST /users", body).refuses(t, c.status, c.field, c.message)
		})
	}
	both := w.send("", "POST /users", `{"user":{"username":null,"password":"longenough"}}`).must(t, 422)
	both.has(t, `{"email":["can't be blank"],"username":["can't be blank"]}`, "errors")
}

func TestLogIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	cases := []struct {
		name, body     string
		status         int
		field, message string
	}{
		{"a wrong password", `{"email":"jake@example.com","password":"wrong"}`, 401, "credentials", "invalid"},
		{"an unknown email", `{"email":"anna@example.com","password":"wrong"}`, 401, "credentials", "invalid"},
		{"a blank email", `{"email":"","password":"wrong"}`, 422, "email", "can't be blank"},
		{"a blank password", `{"email":"jake@example.com","password":""}`, 422, "password", "can't be blank"},
		{"a password of another type", `{"email":"jake@example.com","password":1}`, 422, "password", "is invalid"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.send("", "POST /users/login", `{"user":`+c.body+`}`).refuses(t, c.status, c.field, c.message)
		})
	}
	for _, email := range []string{"jake@example.com", "JAKE@example.com"} {
		in := w.send("", "POST /users/login", fmt.Sprintf(`{"user":{"email":%q,"password":%q}}`, email, pbtest.Password))
		w.tokens["again"] = in.must(t, http.StatusOK).text(t, "user", "token")
		w.send("again", "GET /user", "").must(t, http.StatusOK).has(t, `"jake@example.com"`, "user", "email")
	}
}

// The steps build on each other: what is absent stays as it was.
func TestUpdateUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	w.tokens["now"] = w.tokens["jake"]
	const long = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" // 64 characters
	accepted := []struct{ changes, username, email, bio, image string }{
		{`{"bio":"Writes."}`, `"jake"`, `"jake@example.com"`, `"Writes."`, `null`},
		{`{"image":"https://example.com/j.png"}`, `"jake"`, `"jake@example.com"`, `"Writes."`, `"https://example.com/j.png"`},
		{`{"bio":""}`, `"jake"`, `"jake@example.com"`, `null`, `"https://example.com/j.png"`},
		{`{"image":null,"bio":"Reads."}`, `"jake"`, `"jake@example.com"`, `"Reads."`, `null`},
		{`{"bio":null,"unknown":1}`, `"jake"`, `"jake@example.com"`, `null`, `null`},
		{`{"username":"jacob","email":"jacob@example.com"}`, `"jacob"`, `"jacob@example.com"`, `null`, `null`},
		{`{"username":"Jacob","email":"jacob@example.com"}`, `"Jacob"`, `"jacob@example.com"`, `null`, `null`},
		{`{"password":"` + long + `"}`, `"Jacob"`, `"jacob@example.com"`, `null`, `null`},
	}
	for _, c := range accepted {
		changed := w.send("now", "PUT /user", `{"user":`+c.changes+`}`).must(t, http.StatusOK)
		w.tokens["now"] = changed.text(t, "user", "token")
		for _, a := range []answer{changed, w.send("now", "GET /user", "").must(t, http.StatusOK)} {
			a.has(t, c.username, "user", "username")
			a.has(t, c.email, "user", "email")
			a.has(t, c.bio, "user", "bio")
			a.has(t, c.image, "user", "image")
		}
	}
	w.send("", "POST /users/login", `{"user":{"email":"jacob@example.com","password":"`+long+`"}}`).must(t, http.StatusOK)

	refused := []struct{ changes, field, message string }{
		{`{}`, "user", "must have at least one field"},
		{`{"unknown":1}`, "user", "must have at least one field"},
		{`{"username":""}`, "username", "can't be blank"},
		{`{"username":null}`, "username", "can't be blank"},
		{`{"username":"anna"}`, "username", "has already been taken"},
		{`{"email":""}`, "email", "can't be blank"},
		{`{"email":null}`, "email", "can't be blank"},
		{`{"email":"anna@example.com"}`, "email", "has already been taken"},
		{`{"password":""}`, "password", "can't be blank"},
		{`{"password":null}`, "password", "can't be blank"},
		{`{"password":"short7c"}`, "password", "is too short (minimum is 8 characters)"},
		{`{"bio":7}`, "bio", "is invalid"},
		{`{"image":"` + strings.Repeat("a", 2001) + `"}`, "image", "is too long (maximum is 2000 characters)"},
	}
	for _, c := range refused {
		w.send("now", "PUT /user", `{"user":`+c.changes+`}`).refuses(t, 422, c.field, c.message)
	}
}

// A new password or email ends every session but the one that made the change.
func TestChangedCredentialsEndOtherSessions(t *testing.T) {
	t.Parallel()
	for _, changes := range []string{`{"password":"another one"}`, `{"email":"jacob@example.com"}`} {
		w := newWorld(t, "jake")
		// PocketBase's tokens of one second are the same
		w.tokens["phone"] = oldToken(t, w, time.Hour)

		changed := w.send("jake", "PUT /user", `{"user":`+changes+`}`).must(t, http.StatusOK)
		w.tokens["new"] = changed.text(t, "user", "token")
		w.send("jake", "GET /user", "").must(t, http.StatusOK)
		w.send("new", "GET /user", "").must(t, http.StatusOK)
		w.send("phone", "GET /user", "").refuses(t, 401, "token", "is invalid")

		// the kept token may make another change, and is kept again
		w.send("jake", "PUT /user", `{"user":{"password":"and another"}}`).must(t, http.StatusOK)
		w.send("jake", "GET /user", "").must(t, http.StatusOK)
		w.send("new", "GET /user", "").refuses(t, 401, "token", "is invalid")

		// whoever else renews the key ends it
		user := w.user("jake")
		user.SetPassword("set by a superuser")
		if err := w.Save(user); err != nil {
			t.Fatal(err)
		}
		w.send("jake", "GET /user", "").refuses(t, 401, "token", "is invalid")
	}
}

// A kept token ends when it would have ended by itself.
func TestKeptTokenExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	w.tokens["old"] = oldToken(t, w, -time.Minute)
	user := w.user("jake")
	keepToken(user, w.tokens["old"])
	if err := w.Save(user); err != nil {
		t.Fatal(err)
	}
	w.send("old", "GET /user", "").refuses(t, 401, "token", "is invalid")
}

// oldToken is a token of jake's that ends after that time, which no other does.
func oldToken(t *testing.T, w *world, valid time.Duration) string {
	t.Helper()
	user := w.user("jake")
	token, err := security.NewJWT(map[string]any{
		core.TokenClaimType: core.TokenTypeAuth, core.TokenClaimId: user.Id,
		core.TokenClaimCollectionId: user.Collection().Id, core.TokenClaimRefreshable: true,
	}, user.TokenKey()+user.Collection().AuthToken.Secret, valid)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (w *world) user(name string) *collections.User {
	w.tb.Helper()
	user, err := userByName(w, name)
	if err != nil {
		w.tb.Fatal(err)
	}
	return user
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	w.publish("anna", "Dragons")
	token, super := w.tokens["jake"], pbtest.Superuser(t, w)
	deleted := w.user("anna")
	if err := w.Delete(deleted); err != nil {
		t.Fatal(err)
	}
	w.publish("jake", "Ogres")

	const guest, known = "guest", "jake"
	cases := []struct{ name, header, want string }{
		{"nothing", "", guest},
		{"a token", "Token " + token, known},
		{"another case", "token " + token, known},
		{"another scheme", "Bearer " + token, guest},
		{"no scheme", token, guest},
		{"no token", "Token ", guest},
		{"a superuser", "Token " + super, ""},
		{"a superuser as PocketBase has it", super, guest},
		{"no JWT", "Token abc", ""},
		{"a forged one", "Token " + token[:strings.LastIndex(token, ".")] + ".c2lnbmF0dXJl", ""},
		{"a deleted user", "Token " + w.tokens["anna"], ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			header := http.Header{}
			if c.header != "" {
				header.Set("Authorization", c.header)
			}
			required := w.sendWith(header, "GET /user", "")
			optional := w.sendWith(header, "GET /articles", "")
			// without a refusal in the contract, a broken token counts as none
			w.sendWith(header, "GET /articles/ogres", "").must(t, http.StatusOK)
			w.sendWith(header, "GET /tags", "").must(t, http.StatusOK)
			switch c.want {
			case known:
				required.must(t, http.StatusOK).has(t, `"jake"`, "user", "username")
				optional.must(t, http.StatusOK)
			case guest:
				required.refuses(t, 401, "token", "is missing")
				optional.must(t, http.StatusOK)
			default:
				required.refuses(t, 401, "token", "is invalid")
				optional.refuses(t, 401, "token", "is invalid")
			}
		})
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	w.send("", "POST /users", `{"user":{"username":"with a/slash?","email":"slash@example.com","password":"longenough"}}`).
		must(t, http.StatusCreated)
	w.send("jake", "PUT /user", `{"user":{"bio":"Writes.","image":"https://example.com/j.png"}}`).must(t, http.StatusOK)
	steps := []struct{ as, request, want string }{
		{"", "GET /profiles/jake", "false"},
		{"anna", "GET /profiles/jake", "false"},
		{"anna", "POST /profiles/jake/follow", "true"},
		{"anna", "POST /profiles/JAKE/follow", "true"},
		{"anna", "GET /profiles/jake", "true"},
		{"jake", "GET /profiles/jake", "false"},
		{"", "GET /profiles/jake", "false"},
		{"anna", "DELETE /profiles/jake/follow", "false"},
		{"anna", "DELETE /profiles/jake/follow", "false"},
		{"anna", "GET /profiles/jake", "false"},
	}
	for _, step := range steps {
		a := w.send(step.as, step.request, "").must(t, http.StatusOK)
		a.has(t, `{"bio":"Writes.","following":`+step.want+`,"image":"https://example.com/j.png","username":"jake"}`, "profile")
	}
	w.send("", "GET /profiles/with%20a%2Fslash%3F", "").must(t, http.StatusOK)
	w.send("", "GET /profiles/nobody", "").refuses(t, 404, "profile", "not found")
	w.send("anna", "POST /profiles/nobody/follow", "").refuses(t, 404, "profile", "not found")
	w.send("anna", "DELETE /profiles/nobody/follow", "").refuses(t, 404, "profile", "not found")
}
