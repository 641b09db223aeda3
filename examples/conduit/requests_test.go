package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/examples/conduit/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

func TestBodiesAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	cases := []struct{ name, body, field, message string }{
		{"nothing", ``, "body", "is not a JSON object"},
		{"no JSON", `user=jake`, "body", "is not a JSON object"},
		{"a list", `[]`, "body", "is not a JSON object"},
		{"half of it", `{"user":{"bio":`, "body", "is not a JSON object"},
		{"no object of that name", `{"bio":"Writes."}`, "user", "can't be blank"},
		{"null", `{"user":null}`, "user", "can't be blank"},
		{"a text", `{"user":"jake"}`, "user", "is invalid"},
		{"too much", `{"user":{"bio":"` + strings.Repeat("a", maxRequest) + `"}}`, "body", "is too long (maximum is 1048576 bytes)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.send("jake", "PUT /user", c.body).refuses(t, 422, c.field, c.message)
		})
	}
	// PocketBase's own refusal of still longer ones, unread
	if got := refusalOf(apis.ErrRequestEntityTooLarge); got == nil || got.status != http.StatusUnprocessableEntity {
		t.Errorf("got %v, want a 422", got)
	}

	// clients send what they like to operations without a body
	w.send("jake", "POST /profiles/jake/follow", `{"user":`).must(t, http.StatusOK)
}

// Nobody gets round the contract by PocketBase's own API.
func TestStockAPIIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	w.publish("jake", "Dragons")
	for _, collection := range collections.All() {
		record := &core.Record{}
		id := "000000000000000"
		if err := w.RecordQuery(collection.Name).Limit(1).One(record); err == nil {
			id = record.Id
		}
		path := "/collections/" + collection.Name + "/records"
		for _, request := range []string{"GET " + path, "GET " + path + "/" + id, "POST " + path, "PATCH " + path + "/" + id, "DELETE " + path + "/" + id} {
			for _, token := range []string{"", w.tokens["jake"]} {
				header := http.Header{"Authorization": {token}}
				if got := w.sendRaw(header, request, `{}`); got.status != http.StatusForbidden {
					t.Errorf("%s: got %d %s, want 403", request, got.status, got.body)
				}
			}
		}
	}
	for path, body := range map[string]string{
		"auth-with-password":     `{"identity":"jake@example.com","password":"` + pbtest.Password + `"}`,
		"request-password-reset": `{"email":"jake@example.com"}`,
		"request-verification":   `{"email":"jake@example.com"}`,
		"request-email-change":   `{"newEmail":"jacob@example.com"}`,
		"request-otp":            `{"email":"jake@example.com"}`,
		"auth-refresh":           ``,
	} {
		got := w.sendRaw(http.Header{"Authorization": {w.tokens["jake"]}}, "POST /collections/users/"+path, body)
		if got.status < 400 || got.status >= 500 {
			t.Errorf("%s: got %d %s, want a refusal", path, got.status, got.body)
		}
	}
	if sent := w.TestMailer.TotalSend(); sent > 0 {
		t.Errorf("got %d mails, want none", sent)
	}
}

// A list takes as many queries for eight articles as for one.
func TestListsTakeFewQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	queries := &atomic.Int64{}
	countQueries(t, w.TestApp, queries)
	measure := func(request string) int64 {
		before := queries.Load()
		w.send("anna", request, "").must(t, http.StatusOK)
		return queries.Load() - before
	}
	comment := func() {
		w.send("anna", "POST /articles/number-0/comments", `{"comment":{"body":"Well."}}`).must(t, http.StatusCreated)
	}
	w.publish("jake", "Number 0", "a", "b")
	w.send("anna", "POST /profiles/jake/follow", "").must(t, http.StatusOK)
	comment()
	requests := []string{"GET /articles", "GET /articles/feed", "GET /articles?tag=a&author=jake", "GET /articles/number-0/comments"}
	one := map[string]int64{}
	for _, request := range requests {
		one[request] = measure(request)
	}
	for i := range 7 {
		w.publish("jake", fmt.Sprint("Number ", i+1), "a", "b")
		comment()
	}
	for _, request := range requests {
		// one for the caller, and three for articles
		if got := measure(request); got != one[request] || got == 0 || got > 4 {
			t.Errorf("%s: got %d queries, and %d when there was one, want the same", request, got, one[request])
		}
	}
}

// countQueries counts the queries that read.
func countQueries(t *testing.T, app *tests.TestApp, queries *atomic.Int64) {
	t.Helper()
	db, ok := app.ConcurrentDB().(*dbx.DB)
	if !ok {
		t.Fatalf("got a database of type %T", app.ConcurrentDB())
	}
	db.QueryLogFunc = func(context.Context, time.Duration, string, *sql.Rows, error) { queries.Add(1) }
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake", "anna")
	w.publish("jake", "Dragons")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			w.send("anna", "POST /articles/dragons/favorite", "")
			w.send("anna", "POST /profiles/jake/follow", "")
			w.send("anna", "POST /articles/dragons/comments", `{"comment":{"body":"Well."}}`)
			w.send("jake", "POST /articles", `{"article":{"title":"Ogres","description":"Green.","body":"Loud."}}`)
		})
	}
	all.Wait()
	w.send("anna", "GET /articles/dragons", "").has(t, "1", "article", "favoritesCount")
	w.send("anna", "GET /articles", "").has(t, "9", "articlesCount")
	list := w.send("anna", "GET /articles/dragons/comments", "")
	for i := range 8 {
		list.has(t, fmt.Sprint(8-i), "comments", i, "id")
	}
}

// What fails on our side says nothing of how.
func TestFailuresAreNotExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jake")
	if _, err := w.NonconcurrentDB().NewQuery("DROP TABLE article_tags").Execute(); err != nil {
		t.Fatal(err)
	}
	w.sendRaw(http.Header{}, "GET /tags", "").refuses(t, 500, "server", "has failed")
}

func TestTooManyRequestsAreRefusedInTheSameShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limits := &w.Settings().RateLimits
	limits.Enabled, limits.Rules = true, []core.RateLimitRule{{Label: "GET /api/tags", MaxRequests: 1, Duration: 600}}
	w.send("", "GET /tags", "").must(t, http.StatusOK)
	got := w.sendRaw(http.Header{}, "GET /tags", "").must(t, http.StatusTooManyRequests)
	if got.text(t, "errors", "request", 0) == "" {
		t.Errorf("got %s, want a reason", got.body)
	}
	for _, rule := range rateLimits() {
		if err := rule.Validate(); err != nil {
			t.Errorf("%s: %v", rule.Label, err)
		}
	}
}

// The first start makes the collections, the second finds nothing to do.
func TestStart(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, func(app core.App) error { register(app); return nil })
	w := &world{TestApp: app, tb: t, url: pbtest.Serve(t, app), tokens: map[string]string{"": ""}}
	w.send("", "POST /users", `{"user":{"username":"jake","email":"jake@example.com","password":"jakejake"}}`).must(t, http.StatusCreated)
	plan, err := schema.Diff(app, collections.All())
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Empty() {
		t.Errorf("got a difference after the start:\n%s", plan)
	}
}

func TestStartRefusesToLoseData(t *testing.T) {
	t.Parallel()
	app := template.New(t)
	follows, err := app.FindCollectionByNameOrId(collections.Follows)
	if err != nil {
		t.Fatal(err)
	}
	follows.Fields.Add(&core.TextField{Name: "since"})
	if err := app.Save(follows); err != nil {
		t.Fatal(err)
	}
	if _, err := app.NonconcurrentDB().Insert(collections.Follows, dbx.Params{"since": "always"}).Execute(); err != nil {
		t.Fatal(err)
	}
	err = prepareDatabase(&core.ServeEvent{App: app})
	if err == nil || !strings.Contains(err.Error(), "follows.since") {
		t.Errorf("got %v, want an error that names the field", err)
	}
}

func TestFailuresOfCommandsAreRemembered(t *testing.T) {
	t.Parallel()
	failed := errors.New("no port")
	root := &cobra.Command{Use: "conduit"}
	root.SetErr(io.Discard)
	root.AddCommand(
		&cobra.Command{Use: "good", RunE: func(*cobra.Command, []string) error { return nil }},
		&cobra.Command{Use: "bad", RunE: func(*cobra.Command, []string) error { return failed }},
	)
	failure := rememberFailure(root)
	for name, want := range map[string]bool{"good": false, "bad": true} {
		failure.Store(nil)
		root.SetArgs([]string{name})
		_ = root.Execute()
		if got := failure.Load(); (got != nil) != want {
			t.Errorf("%s: got %v, want an error %t", name, got, want)
		}
	}
}
