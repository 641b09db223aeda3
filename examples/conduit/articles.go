package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

// maxArticleTags bounds the tags of one article.
const maxArticleTags = 20

// articleAnswer is an article in an answer. Lists leave the body out, which is
// never empty.
type articleAnswer struct {
	Slug           string   `json:"slug"`
	Title          string   `json:"title"`
	Description    string   `json:"description"`
	Body           string   `json:"body,omitempty"`
	TagList        []string `json:"tagList"`
	CreatedAt      string   `json:"createdAt"`
	UpdatedAt      string   `json:"updatedAt"`
	Favorited      bool     `json:"favorited"` // by the caller
	FavoritesCount int      `json:"favoritesCount"`
	Author         profile  `json:"author"`
}

// answerArticle sends the article as it is now.
func answerArticle(e *core.RequestEvent, status int, id string) error {
	article, err := readArticle(e.App, viewer(e), id)
	if err != nil {
		return err
	}
	return e.JSON(status, map[string]articleAnswer{"article": article})
}

// getArticles lists articles, the newest first: GET /articles.
func getArticles(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	return answerArticles(e, articleFilter{
		tag:       query.Get("tag"),
		author:    query.Get("author"),
		favorited: query.Get("favorited"),
	})
}

// getFeed lists the articles of the users whom the caller follows:
// GET /articles/feed.
func getFeed(e *core.RequestEvent) error {
	return answerArticles(e, articleFilter{follower: viewer(e)})
}

func answerArticles(e *core.RequestEvent, filter articleFilter) error {
	page, err := pageOf(e.Request.URL.Query())
	if err != nil {
		return err
	}
	articles, total, err := listArticles(e.App, viewer(e), filter, page)
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string]any{"articles": articles, "articlesCount": total})
}

// The bounds of a page. The contract has no maximum, but a server needs one.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// page is a part of a list.
type page struct{ limit, offset int }

// pageOf reads limit and offset. A limit above the maximum is brought down to it.
func pageOf(query url.Values) (page, error) {
	p := page{limit: defaultLimit}
	problems := validation.Errors{
		"limit":  parseInteger(query.Get("limit"), 1, &p.limit),
		"offset": parseInteger(query.Get("offset"), 0, &p.offset),
	}
	p.limit = min(p.limit, maxLimit)
	return p, problems.Filter()
}

// parseInteger reads an integer of at least lowest into n, and leaves n when
// there is no text.
func parseInteger(text string, lowest int, n *int) error {
	if text == "" {
		return nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < lowest {
		return validation.NewError("", fmt.Sprintf("must be an integer of at least %d", lowest))
	}
	*n = value
	return nil
}

// getArticle answers with one article: GET /articles/{slug}.
func getArticle(e *core.RequestEvent) error {
	article, err := articleBySlug(e.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	return answerArticle(e, http.StatusOK, article.Id)
}

// The rules of an article's texts.
var (
	titleRules       = []validation.Rule{notBlank, maxLength(collections.MaxTitle)}
	descriptionRules = []validation.Rule{notBlank, maxLength(collections.MaxDescription)}
	bodyRules        = []validation.Rule{notBlank, maxLength(collections.MaxBody)}
)

// tagRules hold for the list of tags as a whole, so that its field has one error.
var tagRules = validation.By(func(value any) error {
	tags, _ := value.([]string)
	if len(tags) > maxArticleTags {
		return validation.NewError("", fmt.Sprintf("is too long (maximum is %d tags)", maxArticleTags))
	}
	for _, tag := range tags {
		if err := validation.Validate(tag, notBlank, maxLength(collections.MaxTag)); err != nil {
			return fmt.Errorf("has a tag that %w", err)
		}
	}
	return nil
})

// newArticle is the body of [createArticle].
type newArticle struct {
	Title       field[string]   `json:"title"`
	Description field[string]   `json:"description"`
	Body        field[string]   `json:"body"`
	TagList     field[[]string] `json:"tagList"`
}

func (n newArticle) validate() validation.Errors {
	return validation.Errors{
		"title":       n.Title.required(titleRules...),
		"description": n.Description.required(descriptionRules...),
		"body":        n.Body.required(bodyRules...),
		"tagList":     n.TagList.optional(tagRules),
	}
}

// createArticle publishes an article: POST /articles.
func createArticle(e *core.RequestEvent) error {
	input, err := decode[newArticle](e, "article")
	if err != nil {
		return err
	}
	article, err := collections.NewArticle(e.App)
	if err != nil {
		return err
	}
	article.SetAuthor(viewer(e))
	article.SetTitle(input.Title.value)
	article.SetDescription(input.Description.value)
	article.SetBody(input.Body.value)
	err = e.App.RunInTransaction(func(tx core.App) error {
		if err := tx.Save(article); err != nil {
			return err
		}
		return setTags(tx, article.Id, input.TagList.value)
	})
	if err != nil {
		return fmt.Errorf("create an article: %w", err)
	}
	return answerArticle(e, http.StatusCreated, article.Id)
}

// articleChanges are the body of [updateArticle]. What is absent stays.
type articleChanges newArticle

func (c articleChanges) validate() validation.Errors {
	return validation.Errors{
		"title":       c.Title.optional(titleRules...),
		"description": c.Description.optional(descriptionRules...),
		"body":        c.Body.optional(bodyRules...),
		"tagList":     c.TagList.optional(tagRules),
	}
}

// updateArticle changes one of the caller's articles: PUT /articles/{slug}.
func updateArticle(e *core.RequestEvent) error {
	article, err := ownArticle(e, e.App)
	if err != nil {
		return err
	}
	changes, err := decode[articleChanges](e, "article")
	if err != nil {
		return err
	}
	err = e.App.RunInTransaction(func(tx core.App) error {
		// as it is now, because saving it writes all of its fields
		if article, err = ownArticle(e, tx); err != nil {
			return err
		}
		return changes.save(tx, article)
	})
	if err != nil {
		return fmt.Errorf("update an article: %w", err)
	}
	return answerArticle(e, http.StatusOK, article.Id)
}

// save writes the changes to the article.
func (c articleChanges) save(tx core.App, article *collections.Article) error {
	if c.Title.set {
		article.SetTitle(c.Title.value)
	}
	if c.Description.set {
		article.SetDescription(c.Description.value)
	}
	if c.Body.set {
		article.SetBody(c.Body.value)
	}
	if err := tx.Save(article); err != nil {
		return err
	}
	if !c.TagList.set {
		return nil
	}
	return setTags(tx, article.Id, c.TagList.value)
}

// deleteArticle deletes one of the caller's articles, with its comments, tags
// and favorites: DELETE /articles/{slug}.
func deleteArticle(e *core.RequestEvent) error {
	article, err := ownArticle(e, e.App)
	if err != nil {
		return err
	}
	if err := e.App.Delete(article); err != nil {
		return fmt.Errorf("delete article %s: %w", article.Id, err)
	}
	return e.NoContent(http.StatusNoContent)
}

// ownArticle returns the article of the path, and refuses whoever is not its author.
func ownArticle(e *core.RequestEvent, app core.App) (*collections.Article, error) {
	article, err := articleBySlug(app, e.Request.PathValue("slug"))
	if err != nil {
		return nil, err
	}
	if article.Author() != viewer(e) {
		return nil, forbidden("article")
	}
	return article, nil
}

// setTags gives an article its tags, each once.
func setTags(tx core.App, article string, names []string) error {
	if err := removeTags(tx, article); err != nil {
		return err
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		tag, err := collections.NewArticleTag(tx)
		if err != nil {
			return err
		}
		tag.SetArticle(article)
		tag.SetName(name)
		if err := tx.Save(tag); err != nil {
			return fmt.Errorf("tag article %s: %w", article, err)
		}
	}
	return nil
}
