package main

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

// This file is all that Conduit asks the database beyond saving and deleting
// records. A list takes the same few queries however long it is.

// timestamp is how the contract writes a point in time: ISO 8601 in UTC, with
// milliseconds.
func timestamp(t types.DateTime) string {
	return t.Time().UTC().Format("2006-01-02T15:04:05.000Z")
}

// userByName returns the user of that name, whatever the case of its letters.
func userByName(app core.App, name string) (*collections.User, error) {
	record := &core.Record{}
	err := app.RecordQuery(collections.Users).
		AndWhere(dbx.NewExp("[[username]] = {:name} COLLATE NOCASE", dbx.Params{"name": name})).
		Limit(1).One(record)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("profile")
	}
	if err != nil {
		return nil, fmt.Errorf("find a user by name: %w", err)
	}
	return collections.UserOf(record), nil
}

// articleBySlug returns the record of an article.
func articleBySlug(app core.App, slug string) (*collections.Article, error) {
	record, err := app.FindFirstRecordByData(collections.Articles, collections.ArticleFieldSlug, slug)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("article")
	}
	if err != nil {
		return nil, fmt.Errorf("find an article by slug: %w", err)
	}
	return collections.ArticleOf(record), nil
}

// slugTaken reports whether another article than the one with the id has the slug.
func slugTaken(app core.App, slug, id string) (bool, error) {
	taken, err := app.CountRecords(collections.Articles,
		dbx.HashExp{collections.ArticleFieldSlug: slug}, dbx.Not(dbx.HashExp{collections.ArticleFieldID: id}))
	if err != nil {
		return false, fmt.Errorf("look up a slug: %w", err)
	}
	return taken > 0, nil
}

// commentOf returns the comment of an article that has the number.
func commentOf(app core.App, article string, number int) (*collections.Comment, error) {
	record := &core.Record{}
	err := app.RecordQuery(collections.Comments).AndWhere(dbx.HashExp{
		collections.CommentFieldArticle: article,
		collections.CommentFieldNumber:  number,
	}).Limit(1).One(record)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("comment")
	}
	if err != nil {
		return nil, fmt.Errorf("find comment %d: %w", number, err)
	}
	return collections.CommentOf(record), nil
}

// exists reports whether a collection has a record with these values.
func exists(app core.App, collection string, values dbx.HashExp) (bool, error) {
	found, err := app.CountRecords(collection, values)
	return found > 0, err
}

// removeOne deletes the record with these values, if there is one.
func removeOne(app core.App, collection string, values dbx.HashExp) error {
	record := &core.Record{}
	err := app.RecordQuery(collection).AndWhere(values).Limit(1).One(record)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return app.Delete(record)
}

// removeTags takes all tags from an article.
func removeTags(tx core.App, article string) error {
	tags, err := tx.FindAllRecords(collections.ArticleTags, dbx.HashExp{collections.ArticleTagFieldArticle: article})
	if err != nil {
		return fmt.Errorf("find the tags of article %s: %w", article, err)
	}
	for _, tag := range tags {
		if err := tx.Delete(tag); err != nil {
			return fmt.Errorf("remove a tag of article %s: %w", article, err)
		}
	}
	return nil
}

// count counts up and returns the new number, never the same twice.
func count(app core.App, counter string) (int, error) {
	var number int
	err := app.DB().NewQuery(`
		INSERT INTO {{counters}} ([[name]], [[value]]) VALUES ({:counter}, 1)
		ON CONFLICT ([[name]]) DO UPDATE SET [[value]] = [[value]] + 1
		RETURNING [[value]]`).
		Bind(dbx.Params{"counter": counter}).Row(&number)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", counter, err)
	}
	return number, nil
}

// tagsInUse returns the names of tags, those of most articles first.
func tagsInUse(app core.App, limit int) ([]string, error) {
	names := []string{}
	err := app.DB().NewQuery(`
		SELECT [[name]] FROM {{article_tags}}
		GROUP BY [[name]] ORDER BY COUNT(*) DESC, [[name]] LIMIT {:limit}`).
		Bind(dbx.Params{"limit": limit}).Column(&names)
	if err != nil {
		return nil, fmt.Errorf("list the tags: %w", err)
	}
	return names, nil
}

// authorColumns are what a query needs of an author to answer a viewer. They
// stand for a query with an author {{u}} and a parameter viewer.
const authorColumns = `
	[[u.username]], [[u.bio]], [[u.image]],
	EXISTS (SELECT 1 FROM {{follows}} {{f}} WHERE [[f.follower]] = {:viewer} AND [[f.followed]] = [[u.id]]) AS [[following]]`

// authorRow is a row with [authorColumns].
type authorRow struct {
	Username  string `db:"username"`
	Bio       string `db:"bio"`
	Image     string `db:"image"`
	Following bool   `db:"following"`
}

func (r authorRow) profile() profile {
	return profile{Username: r.Username, Bio: orNull(r.Bio), Image: orNull(r.Image), Following: r.Following}
}

// articleColumns are an article as a viewer sees it, without its body and tags.
const articleColumns = `
	[[a.id]], [[a.slug]], [[a.title]], [[a.description]], [[a.created]], [[a.updated]],
	EXISTS (SELECT 1 FROM {{favorites}} {{v}} WHERE [[v.article]] = [[a.id]] AND [[v.user]] = {:viewer}) AS [[favorited]],
	(SELECT COUNT(*) FROM {{favorites}} {{v}} WHERE [[v.article]] = [[a.id]]) AS [[favorites]],` + authorColumns

// articleRow is a row with [articleColumns], and the body if it was asked for.
type articleRow struct {
	authorRow
	ID          string         `db:"id"`
	Slug        string         `db:"slug"`
	Title       string         `db:"title"`
	Description string         `db:"description"`
	Body        string         `db:"body"`
	Created     types.DateTime `db:"created"`
	Updated     types.DateTime `db:"updated"`
	Favorited   bool           `db:"favorited"`
	Favorites   int            `db:"favorites"`
}

func (r articleRow) answer(tags []string) articleAnswer {
	if tags == nil {
		tags = []string{}
	}
	return articleAnswer{
		Slug: r.Slug, Title: r.Title, Description: r.Description, Body: r.Body, TagList: tags,
		CreatedAt: timestamp(r.Created), UpdatedAt: timestamp(r.Updated),
		Favorited: r.Favorited, FavoritesCount: r.Favorites, Author: r.profile(),
	}
}

// readArticle returns the article as the viewer sees it.
func readArticle(app core.App, viewer, id string) (articleAnswer, error) {
	var row articleRow
	err := app.DB().NewQuery(`
		SELECT [[a.body]], ` + articleColumns + `
		FROM {{articles}} {{a}} JOIN {{users}} {{u}} ON [[u.id]] = [[a.author]]
		WHERE [[a.id]] = {:id}`).
		Bind(dbx.Params{"id": id, "viewer": viewer}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return articleAnswer{}, notFound("article") // deleted a moment ago
	}
	if err != nil {
		return articleAnswer{}, fmt.Errorf("read article %s: %w", id, err)
	}
	tags, err := tagsOf(app, id)
	if err != nil {
		return articleAnswer{}, err
	}
	return row.answer(tags[id]), nil
}

// articleFilter says which articles a list has. Empty parts do not count.
type articleFilter struct {
	tag       string
	author    string // the name of who wrote it
	favorited string // the name of who likes it
	follower  string // the id of who follows its author
}

// where is the filter as a condition on {{a}}.
func (f articleFilter) where() (string, dbx.Params) {
	conditions, params := []string{"1 = 1"}, dbx.Params{}
	for _, part := range []struct{ name, value, condition string }{
		{"tag", f.tag, "[[a.id]] IN (SELECT [[article]] FROM {{article_tags}} WHERE [[name]] = {:tag})"},
		{"author", f.author, "[[a.author]] IN (SELECT [[id]] FROM {{users}} WHERE [[username]] = {:author} COLLATE NOCASE)"},
		{"favorited", f.favorited, `[[a.id]] IN (
			SELECT [[v.article]] FROM {{favorites}} {{v}} JOIN {{users}} {{w}} ON [[w.id]] = [[v.user]]
			WHERE [[w.username]] = {:favorited} COLLATE NOCASE)`},
		{"follower", f.follower, "[[a.author]] IN (SELECT [[followed]] FROM {{follows}} WHERE [[follower]] = {:follower})"},
	} {
		if part.value != "" {
			conditions = append(conditions, part.condition)
			params[part.name] = part.value
		}
	}
	return strings.Join(conditions, " AND "), params
}

// listArticles returns a page of the articles as the viewer sees them, the
// newest first, and how many there are on all pages.
func listArticles(app core.App, viewer string, filter articleFilter, page page) ([]articleAnswer, int, error) {
	where, params := filter.where()
	var total int
	err := app.DB().NewQuery(`SELECT COUNT(*) FROM {{articles}} {{a}} WHERE ` + where).Bind(params).Row(&total)
	if err != nil {
		return nil, 0, fmt.Errorf("count articles: %w", err)
	}

	params["viewer"], params["limit"], params["offset"] = viewer, page.limit, page.offset
	var rows []articleRow
	err = app.DB().NewQuery(`
		SELECT ` + articleColumns + `
		FROM {{articles}} {{a}} JOIN {{users}} {{u}} ON [[u.id]] = [[a.author]]
		WHERE ` + where + `
		ORDER BY [[a.created]] DESC, [[a.id]] DESC LIMIT {:limit} OFFSET {:offset}`).
		Bind(params).All(&rows)
	if err != nil {
		return nil, 0, fmt.Errorf("list articles: %w", err)
	}

	ids := make([]any, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	tags, err := tagsOf(app, ids...)
	if err != nil {
		return nil, 0, err
	}
	articles := make([]articleAnswer, len(rows))
	for i, row := range rows {
		articles[i] = row.answer(tags[row.ID])
	}
	return articles, total, nil
}

// tagsOf returns the tags of articles by their ids, in the order of the alphabet:
// the contract leaves it open, its tests do not.
func tagsOf(app core.App, articles ...any) (map[string][]string, error) {
	var rows []struct {
		Article string `db:"article"`
		Name    string `db:"name"`
	}
	err := app.DB().Select(collections.ArticleTagFieldArticle, collections.ArticleTagFieldName).
		From(collections.ArticleTags).
		Where(dbx.In(collections.ArticleTagFieldArticle, articles...)).
		OrderBy(collections.ArticleTagFieldName).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read the tags of articles: %w", err)
	}
	tags := map[string][]string{}
	for _, row := range rows {
		tags[row.Article] = append(tags[row.Article], row.Name)
	}
	return tags, nil
}

// commentsOf returns the comments on an article as the viewer sees them, the
// newest first.
func commentsOf(app core.App, viewer, article string) ([]commentAnswer, error) {
	var rows []struct {
		authorRow
		Number  int            `db:"number"`
		Body    string         `db:"body"`
		Created types.DateTime `db:"created"`
		Updated types.DateTime `db:"updated"`
	}
	err := app.DB().NewQuery(`
		SELECT [[c.number]], [[c.body]], [[c.created]], [[c.updated]], ` + authorColumns + `
		FROM {{comments}} {{c}} JOIN {{users}} {{u}} ON [[u.id]] = [[c.author]]
		WHERE [[c.article]] = {:article} ORDER BY [[c.number]] DESC`).
		Bind(dbx.Params{"article": article, "viewer": viewer}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("list the comments on article %s: %w", article, err)
	}
	comments := make([]commentAnswer, len(rows))
	for i, row := range rows {
		comments[i] = commentAnswer{
			ID: row.Number, Body: row.Body, Author: row.profile(),
			CreatedAt: timestamp(row.Created), UpdatedAt: timestamp(row.Updated),
		}
	}
	return comments, nil
}
