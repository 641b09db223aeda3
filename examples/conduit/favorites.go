package main

import (
	"fmt"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

// favorite makes an article one of the caller's favorites:
// POST /articles/{slug}/favorite. Once more changes nothing.
func favorite(e *core.RequestEvent) error {
	article, err := articleBySlug(e.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	favorite, err := collections.NewFavorite(e.App)
	if err != nil {
		return err
	}
	favorite.SetArticle(article.Id)
	favorite.SetUser(viewer(e))
	if err := e.App.Save(favorite); err != nil && !isTaken(err) {
		return fmt.Errorf("favorite article %s: %w", article.Id, err)
	}
	return answerArticle(e, http.StatusOK, article.Id)
}

// unfavorite undoes [favorite]: DELETE /articles/{slug}/favorite.
func unfavorite(e *core.RequestEvent) error {
	article, err := articleBySlug(e.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	err = removeOne(e.App, collections.Favorites, dbx.HashExp{
		collections.FavoriteFieldArticle: article.Id,
		collections.FavoriteFieldUser:    viewer(e),
	})
	if err != nil {
		return fmt.Errorf("unfavorite article %s: %w", article.Id, err)
	}
	return answerArticle(e, http.StatusOK, article.Id)
}
