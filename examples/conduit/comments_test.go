package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestComments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	w.publish("jake", "Dragons")
	w.publish("jake", "Ogres")
	w.send("", "GET /articles/dragons/comments", "").must(t, http.StatusOK).has(t, `[]`, "comments")
	add := func(as, slug, text string) string {
		a := w.send(as, "POST /articles/"+slug+"/comments", fmt.Sprintf(`{"comment":{"body":%q}}`, text)).must(t, http.StatusCreated)
		a.has(t, fmt.Sprintf("%q", text), "comment", "body")
		a.has(t, fmt.Sprintf("%q", as), "comment", "author", "username")
		return fmt.Sprint(a.at(t, "comment", "id"))
	}
	first, second, other := add("anna", "dragons", "First."), add("jake", "dragons", "Second."), add("anna", "ogres", "Third.")

	w.send("anna", "POST /profiles/jake/follow", "").must(t, http.StatusOK)
	list := w.send("anna", "GET /articles/dragons/comments", "").must(t, http.StatusOK)
	list.has(t, second, "comments", 0, "id")
	list.has(t, `true`, "comments", 0, "author", "following")
	list.has(t, first, "comments", 1, "id")
	list.has(t, `false`, "comments", 1, "author", "following")
	w.send("", "GET /articles/dragons/comments", "").has(t, `false`, "comments", 0, "author", "following")

	at := "DELETE /articles/dragons/comments/"
	w.send("jake", at+first, "").refuses(t, 403, "comment", "forbidden") // even of one's own article
	w.send("anna", at+other, "").refuses(t, 404, "comment", "not found")
	w.send("anna", at+"0", "").refuses(t, 404, "comment", "not found")
	w.sendWith(authorization(w.tokens["anna"]), at+"first", "").refuses(t, 404, "comment", "not found")
	w.send("anna", "DELETE /articles/unicorns/comments/"+first, "").refuses(t, 404, "article", "not found")
	w.send("anna", at+first, "").must(t, http.StatusNoContent)
	w.send("anna", at+first, "").refuses(t, 404, "comment", "not found")
	w.send("", "GET /articles/dragons/comments", "").has(t, second, "comments", 0, "id")

	// the last id is not given again
	w.send("anna", "DELETE /articles/ogres/comments/"+other, "").must(t, http.StatusNoContent)
	if got := add("anna", "dragons", "Fourth."); got == other {
		t.Errorf("got the id %s of a deleted comment", got)
	}
}

func TestCommentsAreValidated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	w.publish("jake", "Dragons")
	for _, c := range []struct{ body, message string }{
		{`""`, "can't be blank"},
		{`"\n"`, "can't be blank"},
		{`null`, "can't be blank"},
		{`7`, "is invalid"},
		{`"` + strings.Repeat("a", 10_001) + `"`, "is too long (maximum is 10000 characters)"},
	} {
		w.send("jake", "POST /articles/dragons/comments", `{"comment":{"body":`+c.body+`}}`).refuses(t, 422, "body", c.message)
	}
	w.send("jake", "POST /articles/dragons/comments", `{"comment":{}}`).refuses(t, 422, "body", "can't be blank")
}
