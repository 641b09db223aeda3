package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// never are the answers that the contract lists and Conduit never gives.
var never = map[string]string{
	"CreateArticle 409":          "an article whose title is taken gets another slug",
	"GetCurrentUser 422":         "there is no input",
	"GetProfileByUsername 422":   "there is no input but a name, and 404 says that nobody has it",
	"FollowUserByUsername 422":   "as above",
	"UnfollowUserByUsername 422": "as above",
	"GetArticle 422":             "there is no input but a slug, and 404 says that no article has it",
	"DeleteArticle 422":          "as above",
	"CreateArticleFavorite 422":  "as above",
	"DeleteArticleFavorite 422":  "as above",
	"GetArticleComments 422":     "as above",
	"DeleteArticleComment 422":   "as above",
	"GetTags 422":                "there is no input",
}

// Each operation gives each answer that the document lists, in its shape.
func TestEveryAnswerOfTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	w.tokens["broken"] = "a.b.c"
	w.publish("jake", "Dragons", "fire")
	w.publish("jake", "Ogres")
	commentOn := func(slug string) string {
		comment := w.send("jake", "POST /articles/"+slug+"/comments", `{"comment":{"body":"First."}}`).must(t, http.StatusCreated)
		return fmt.Sprint(comment.at(t, "comment", "id"))
	}
	comment := commentOn("dragons")

	cases := []struct {
		as, request, body string
		want              int
	}{
		{"", "POST /users", `{"user":{"username":"carl","email":"carl@example.com","password":"carlcarl"}}`, 201},
		{"", "POST /users", `{"user":{"username":"jake","email":"other@example.com","password":"carlcarl"}}`, 409},
		{"", "POST /users", `{"user":{"username":"","email":"other@example.com","password":"carlcarl"}}`, 422},
		{"", "POST /users/login", `{"user":{"email":"carl@example.com","password":"carlcarl"}}`, 200},
		{"", "POST /users/login", `{"user":{"email":"carl@example.com","password":"wrong"}}`, 401},
		{"", "POST /users/login", `{"user":{"email":"carl@example.com"}}`, 422},
		{"jake", "GET /user", "", 200},
		{"", "GET /user", "", 401},
		{"jake", "PUT /user", `{"user":{"bio":"Writes."}}`, 200},
		{"", "PUT /user", `{"user":{"bio":"Writes."}}`, 401},
		{"jake", "PUT /user", `{"user":{"email":"anna@example.com"}}`, 422},
		{"jake", "PUT /user", `{"user":{"email":null}}`, 422},

		{"", "GET /profiles/jake", "", 200},
		{"broken", "GET /profiles/jake", "", 401},
		{"", "GET /profiles/nobody", "", 404},
		{"anna", "POST /profiles/jake/follow", "", 200},
		{"", "POST /profiles/jake/follow", "", 401},
		{"anna", "POST /profiles/nobody/follow", "", 404},
		{"anna", "DELETE /profiles/jake/follow", "", 200},
		{"", "DELETE /profiles/jake/follow", "", 401},
		{"anna", "DELETE /profiles/nobody/follow", "", 404},

		{"", "GET /articles", "", 200},
		{"broken", "GET /articles", "", 401},
		{"", "GET /articles?limit=0", "", 422},
		{"anna", "GET /articles/feed", "", 200},
		{"", "GET /articles/feed", "", 401},
		{"anna", "GET /articles/feed?offset=-1", "", 422},
		{"anna", "POST /articles", `{"article":{"title":"Elves","description":"They sing.","body":"Tra la la."}}`, 201},
		{"", "POST /articles", `{"article":{"title":"Elves","description":"They sing.","body":"Tra la la."}}`, 401},
		{"anna", "POST /articles", `{"article":{"title":"Elves"}}`, 422},
		{"", "GET /articles/dragons", "", 200},
		{"", "GET /articles/unicorns", "", 404},
		{"jake", "PUT /articles/dragons", `{"article":{"body":"They fly."}}`, 200},
		{"", "PUT /articles/dragons", `{"article":{"body":"They fly."}}`, 401},
		{"anna", "PUT /articles/dragons", `{"article":{"body":"They lie."}}`, 403},
		{"jake", "PUT /articles/unicorns", `{"article":{"body":"They fly."}}`, 404},
		{"jake", "PUT /articles/dragons", `{"article":{"body":""}}`, 422},

		{"anna", "POST /articles/dragons/favorite", "", 200},
		{"", "POST /articles/dragons/favorite", "", 401},
		{"anna", "POST /articles/unicorns/favorite", "", 404},
		{"anna", "DELETE /articles/dragons/favorite", "", 200},
		{"", "DELETE /articles/dragons/favorite", "", 401},
		{"anna", "DELETE /articles/unicorns/favorite", "", 404},

		{"", "GET /articles/dragons/comments", "", 200},
		{"broken", "GET /articles/dragons/comments", "", 401},
		{"", "GET /articles/unicorns/comments", "", 404},
		{"anna", "POST /articles/dragons/comments", `{"comment":{"body":"Well."}}`, 201},
		{"", "POST /articles/dragons/comments", `{"comment":{"body":"Well."}}`, 401},
		{"anna", "POST /articles/unicorns/comments", `{"comment":{"body":"Well."}}`, 404},
		{"anna", "POST /articles/dragons/comments", `{"comment":{"body":" "}}`, 422},
		{"", "DELETE /articles/dragons/comments/" + comment, "", 401},
		{"anna", "DELETE /articles/dragons/comments/" + comment, "", 403},
		{"jake", "DELETE /articles/dragons/comments/99999", "", 404},
		{"jake", "DELETE /articles/dragons/comments/" + comment, "", 204},

		{"", "GET /tags", "", 200},
		{"", "DELETE /articles/dragons", "", 401},
		{"anna", "DELETE /articles/dragons", "", 403},
		{"jake", "DELETE /articles/unicorns", "", 404},
		{"jake", "DELETE /articles/dragons", "", 204},
	}
	tested := map[string]bool{}
	for _, c := range cases {
		if got := w.send(c.as, c.request, c.body); got.status != c.want {
			t.Errorf("%s as %q with %s: got %d %s, want %d", c.request, c.as, c.body, got.status, got.body, c.want)
		}
		route, _, err := find(c.request)
		if err != nil {
			t.Fatal(err)
		}
		tested[fmt.Sprintf("%s %d", route.Operation.OperationID, c.want)] = true
	}
	for _, listed := range answers() {
		if why, excused := never[listed]; !tested[listed] && !excused {
			t.Errorf("%s is in the document, but not tested", listed)
		} else if tested[listed] && excused {
			t.Errorf("%s is given, and not excused by %q", listed, why)
		}
	}
}

// answers are the operations of the document with each of their statuses.
func answers() []string {
	var listed []string
	doc, _ := document()
	for _, path := range doc.Paths.Map() {
		for _, operation := range path.Operations() {
			for status := range operation.Responses.Map() {
				listed = append(listed, operation.OperationID+" "+status)
			}
		}
	}
	return listed
}

// The harness would notice an answer that is not the document's.
func TestAnswersAreHeldToTheDocument(t *testing.T) {
	t.Parallel()
	header := http.Header{"Content-Type": {"application/json"}}
	good := answer{200, header, []byte(`{"user":{"email":"a","token":"b","username":"c","bio":null,"image":null}}`)}
	if err := good.conforms("GET /user"); err != nil {
		t.Fatal(err)
	}
	bad := map[string]answer{
		"another status": {418, header, good.body},
		"a member less":  {200, header, []byte(strings.Replace(string(good.body), `"bio":null,`, "", 1))},
		"null":           {200, header, []byte(strings.Replace(string(good.body), `"a"`, "null", 1))},
		"another type":   {200, header, []byte(strings.Replace(string(good.body), `"bio":null`, `"bio":1`, 1))},
		"no object":      {200, header, []byte(`[]`)},
		"no list":        {401, header, []byte(`{"errors":{"token":"is missing"}}`)},
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		if err := bad[name].conforms("GET /user"); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
