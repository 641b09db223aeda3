package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

func TestArticleAsPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	body := `{"article":{"title":"How to train your dragon?","description":"Ever wonder how?","body":"Very carefully.",
		"tagList":["training","dragons","training"]}}`
	created := w.send("jake", "POST /articles", body).must(t, http.StatusCreated)
	for _, a := range []answer{created, w.send("", "GET /articles/how-to-train-your-dragon", "").must(t, http.StatusOK)} {
		a.has(t, `"how-to-train-your-dragon"`, "article", "slug")
		a.has(t, `"How to train your dragon?"`, "article", "title")
		a.has(t, `"Ever wonder how?"`, "article", "description")
		a.has(t, `"Very carefully."`, "article", "body")
		a.has(t, `["dragons","training"]`, "article", "tagList")
		a.has(t, `false`, "article", "favorited")
		a.has(t, `0`, "article", "favoritesCount")
		a.has(t, `{"bio":null,"following":false,"image":null,"username":"jake"}`, "article", "author")
		for _, member := range []string{"createdAt", "updatedAt"} {
			got := a.text(t, "article", member)
			if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(got) {
				t.Errorf("%s: got %s, want ISO 8601 with milliseconds", member, got)
			}
		}
	}
}

func TestArticlesAreValidated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	slug := w.publish("jake", "Dragons")
	good := map[string]string{"title": `"A"`, "description": `"B"`, "body": `"C"`, "tagList": `[]`}
	many := `["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17","18","19","20","21"]`
	cases := []struct{ field, value, message string }{
		{"title", `""`, "can't be blank"},
		{"title", `" "`, "can't be blank"},
		{"title", `null`, "can't be blank"},
		{"title", `["A"]`, "is invalid"},
		{"title", `"` + strings.Repeat("a", 201) + `"`, "is too long (maximum is 200 characters)"},
		{"description", `""`, "can't be blank"},
		{"description", `"` + strings.Repeat("a", 1001) + `"`, "is too long (maximum is 1000 characters)"},
		{"body", `""`, "can't be blank"},
		{"body", `"` + strings.Repeat("a", 100_001) + `"`, "is too long (maximum is 100000 characters)"},
		{"tagList", `null`, "can't be blank"},
		{"tagList", `"fire"`, "is invalid"},
		{"tagList", `[1]`, "is invalid"},
		{"tagList", `["fire",""]`, "has a tag that can't be blank"},
		{"tagList", `["` + strings.Repeat("a", 51) + `"]`, "has a tag that is too long (maximum is 50 characters)"},
		{"tagList", many, "is too long (maximum is 20 tags)"},
	}
	for _, c := range cases {
		members := []string{}
		for field, value := range good {
			if field == c.field {
				value = c.value
			}
			members = append(members, fmt.Sprintf("%q:%s", field, value))
		}
		w.send("jake", "POST /articles", `{"article":{`+strings.Join(members, ",")+`}}`).refuses(t, 422, c.field, c.message)
		w.send("jake", "PUT /articles/"+slug, fmt.Sprintf(`{"article":{%q:%s}}`, c.field, c.value)).refuses(t, 422, c.field, c.message)
	}
	missing := w.send("jake", "POST /articles", `{"article":{"tagList":[]}}`).must(t, 422)
	missing.has(t, `{"body":["can't be blank"],"description":["can't be blank"],"title":["can't be blank"]}`, "errors")
}

func TestUpdateArticle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	slug := w.publish("jake", "Dragons", "wings", "fire")
	before := w.send("", "GET /articles/"+slug, "")

	steps := []struct{ changes, slug, body, tags string }{
		{`{"body":"They fly."}`, "dragons", `"They fly."`, `["fire","wings"]`},
		{`{"tagList":[]}`, "dragons", `"They fly."`, `[]`},
		{`{"tagList":["gold"],"description":"Of gold."}`, "dragons", `"They fly."`, `["gold"]`},
		{`{"title":"DRAGONS!"}`, "dragons", `"They fly."`, `["gold"]`},
		{`{"title":"Old dragons"}`, "old-dragons", `"They fly."`, `["gold"]`},
		{`{}`, "old-dragons", `"They fly."`, `["gold"]`},
	}
	for _, step := range steps {
		changed := w.send("jake", "PUT /articles/"+slug, `{"article":`+step.changes+`}`).must(t, http.StatusOK)
		slug = changed.text(t, "article", "slug")
		for _, a := range []answer{changed, w.send("", "GET /articles/"+step.slug, "").must(t, http.StatusOK)} {
			a.has(t, `"`+step.slug+`"`, "article", "slug")
			a.has(t, step.body, "article", "body")
			a.has(t, step.tags, "article", "tagList")
			if got, want := a.text(t, "article", "createdAt"), before.text(t, "article", "createdAt"); got != want {
				t.Errorf("createdAt: got %s, want %s as before", got, want)
			}
			if got, old := a.text(t, "article", "updatedAt"), before.text(t, "article", "updatedAt"); got <= old {
				t.Errorf("updatedAt: got %s, want later than %s", got, old)
			}
		}
	}
	w.send("", "GET /articles/dragons", "").refuses(t, 404, "article", "not found")
	w.send("anna", "PUT /articles/old-dragons", `{"article":{"body":""}}`).refuses(t, 403, "article", "forbidden")
	w.send("anna", "DELETE /articles/old-dragons", "").refuses(t, 403, "article", "forbidden")
	w.send("jake", "DELETE /articles/old-dragons", "").must(t, http.StatusNoContent)
	w.send("jake", "DELETE /articles/old-dragons", "").refuses(t, 404, "article", "not found")
	w.send("", "GET /tags", "").has(t, `[]`, "tags")
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	cases := []struct{ title, want string }{
		{"Dragons", `^dragons$`},
		{"dragons!", `^dragons-[a-z0-9]{8}$`},
		{"Feed", `^feed-[a-z0-9]{8}$`},
		{"???", `^[a-z0-9]{8}$`},
		{"  Über  Drachen, Öfen ", `^über-drachen-öfen$`},
		{"ドラゴン", `^ドラゴン$`},
		{strings.Repeat("ab ", 60), `^(ab-){26}ab$`},
	}
	for _, c := range cases {
		slug := w.publish("jake", c.title)
		if !regexp.MustCompile(c.want).MatchString(slug) {
			t.Errorf("%q: got the slug %q, want %s", c.title, slug, c.want)
		}
		w.send("", "GET /articles/"+slug, "").must(t, http.StatusOK)
	}
}

func TestArticleLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna", "carl")
	for _, title := range []string{"One", "Two", "Three"} {
		w.publish("jake", title, "count", title)
	}
	w.publish("anna", "Four", "count")
	w.send("carl", "POST /articles/two/favorite", "").must(t, http.StatusOK)
	w.send("anna", "POST /articles/two/favorite", "").must(t, http.StatusOK)
	w.send("carl", "POST /articles/four/favorite", "").must(t, http.StatusOK)
	w.send("carl", "POST /profiles/jake/follow", "").must(t, http.StatusOK)

	cases := []struct{ as, request, slugs, total string }{
		{"", "GET /articles", "four three two one", "4"},
		{"", "GET /articles?tag=count", "four three two one", "4"},
		{"", "GET /articles?tag=Two", "two", "1"},
		{"", "GET /articles?tag=two", "", "0"},
		{"", "GET /articles?author=jake", "three two one", "3"},
		{"", "GET /articles?author=JAKE&tag=One", "one", "1"},
		{"", "GET /articles?author=nobody", "", "0"},
		{"", "GET /articles?favorited=carl", "four two", "2"},
		{"", "GET /articles?favorited=carl&author=jake", "two", "1"},
		{"", "GET /articles?favorited=jake", "", "0"},
		{"", "GET /articles?author=&tag=", "four three two one", "4"},
		{"", "GET /articles?limit=2", "four three", "4"},
		{"", "GET /articles?limit=2&offset=2", "two one", "4"},
		{"", "GET /articles?offset=4", "", "4"},
		{"", "GET /articles?limit=100000", "four three two one", "4"},
		{"", "GET /articles?tag=%27%20OR%201=1--", "", "0"},
		{"carl", "GET /articles/feed", "three two one", "3"},
		{"carl", "GET /articles/feed?limit=1&offset=1", "two", "3"},
		{"jake", "GET /articles/feed", "", "0"},
	}
	for _, c := range cases {
		list := w.send(c.as, c.request, "").must(t, http.StatusOK)
		if got := list.slugs(t); got != c.slugs {
			t.Errorf("%s: got %q, want %q", c.request, got, c.slugs)
		}
		list.has(t, c.total, "articlesCount")
		if strings.Contains(string(list.body), `"body"`) {
			t.Errorf("%s: got %s, want no body in a list", c.request, list.body)
		}
	}
	for _, c := range []struct{ query, field, message string }{
		{"limit=0", "limit", "must be an integer of at least 1"},
		{"limit=ten", "limit", "must be an integer of at least 1"},
		{"limit=-1", "limit", "must be an integer of at least 1"},
		{"offset=-1", "offset", "must be an integer of at least 0"},
		{"offset=1.5", "offset", "must be an integer of at least 0"},
	} {
		w.send("", "GET /articles?"+c.query, "").refuses(t, 422, c.field, c.message)
		w.send("carl", "GET /articles/feed?"+c.query, "").refuses(t, 422, c.field, c.message)
	}
}

func TestListsHaveAtMostSoMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	jake := w.user("jake").Id
	err := w.RunInTransaction(func(tx core.App) error {
		for i := range maxLimit + 1 {
			article, err := collections.NewArticle(tx)
			if err != nil {
				return err
			}
			article.SetAuthor(jake)
			article.SetTitle(fmt.Sprint("Number ", i))
			article.SetDescription("One of many.")
			article.SetBody("The same.")
			if err := tx.Save(article); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{"": defaultLimit, "?limit=101": maxLimit} {
		list := w.send("", "GET /articles"+query, "").must(t, http.StatusOK)
		if got := len(strings.Fields(list.slugs(t))); got != want {
			t.Errorf("%q: got %d articles, want %d", query, got, want)
		}
		list.has(t, fmt.Sprint(maxLimit+1), "articlesCount")
	}
}

// What a list says of an article depends on who asks.
func TestArticlesAreForTheCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna", "carl")
	w.publish("jake", "Dragons")
	w.send("anna", "POST /profiles/jake/follow", "").must(t, http.StatusOK)
	w.send("carl", "POST /articles/dragons/favorite", "").must(t, http.StatusOK)
	for _, c := range []struct{ as, favorited, following string }{
		{"", "false", "false"}, {"jake", "false", "false"}, {"anna", "false", "true"}, {"carl", "true", "false"},
	} {
		one := w.send(c.as, "GET /articles/dragons", "").must(t, http.StatusOK)
		one.has(t, c.favorited, "article", "favorited")
		one.has(t, "1", "article", "favoritesCount")
		one.has(t, c.following, "article", "author", "following")
		list := w.send(c.as, "GET /articles", "").must(t, http.StatusOK)
		list.has(t, c.favorited, "articles", 0, "favorited")
		list.has(t, "1", "articles", 0, "favoritesCount")
		list.has(t, c.following, "articles", 0, "author", "following")
	}
}

func TestFavorites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	w.publish("jake", "Dragons")
	before := w.send("", "GET /articles/dragons", "").text(t, "article", "updatedAt")
	for _, step := range []struct{ as, method, favorited, count string }{
		{"anna", "POST", "true", "1"},
		{"anna", "POST", "true", "1"},
		{"jake", "POST", "true", "2"},
		{"anna", "DELETE", "false", "1"},
		{"anna", "DELETE", "false", "1"},
		{"jake", "DELETE", "false", "0"},
	} {
		a := w.send(step.as, step.method+" /articles/dragons/favorite", "").must(t, http.StatusOK)
		a.has(t, step.favorited, "article", "favorited")
		a.has(t, step.count, "article", "favoritesCount")
		a.has(t, `"All of it."`, "article", "body")
		a.has(t, fmt.Sprintf("%q", before), "article", "updatedAt")
	}
	w.send("jake", "POST /articles/ogres/favorite", "").refuses(t, 404, "article", "not found")
	w.send("jake", "DELETE /articles/ogres/favorite", "").refuses(t, 404, "article", "not found")
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	w.send("", "GET /tags", "").must(t, http.StatusOK).has(t, `[]`, "tags")
	w.publish("jake", "One", "b", "c")
	w.publish("jake", "Two", "c", "a")
	w.send("", "GET /tags", "").must(t, http.StatusOK).has(t, `["c","a","b"]`, "tags")
	w.send("jake", "DELETE /articles/two", "").must(t, http.StatusNoContent)
	w.send("", "GET /tags", "").must(t, http.StatusOK).has(t, `["b","c"]`, "tags")
}
