// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Favorites is the name of the collection of [Favorite] records.
const Favorites = "favorites"

// Names of the fields of [Favorite] records.
const (
	FavoriteFieldID      = "id"
	FavoriteFieldArticle = "article"
	FavoriteFieldUser    = "user"
)

// Favorite is a record of the favorites collection.
type Favorite struct{ core.BaseRecordProxy }

// NewFavorite returns a new, unsaved Favorite. It fails when the collection cannot be found.
func NewFavorite(app core.App) (*Favorite, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Favorites)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Favorites, err)
	}
	return FavoriteOf(core.NewRecord(collection)), nil
}

// FavoriteOf wraps a record of the favorites collection.
func FavoriteOf(record *core.Record) *Favorite {
	r := &Favorite{}
	r.SetProxyRecord(record)
	return r
}

// FindFavoriteById returns the Favorite with the id, or [database/sql.ErrNoRows] when there is none.
func FindFavoriteById(app core.App, id string) (*Favorite, error) {
	record, err := app.FindRecordById(Favorites, id)
	if err != nil {
		return nil, err
	}
	return FavoriteOf(record), nil
}

// Article is the article field: id of a record of articles, required.
func (r *Favorite) Article() string {
	return r.GetString(FavoriteFieldArticle)
}

// SetArticle sets the article field.
func (r *Favorite) SetArticle(value string) {
	r.Set(FavoriteFieldArticle, value)
}

// ExpandedArticle is the record that article leads to, nil when it is not expanded.
func (r *Favorite) ExpandedArticle() *Article {
	record := r.ExpandedOne(FavoriteFieldArticle)
	if record == nil {
		return nil
	}
	return ArticleOf(record)
}

// User is the user field: id of a record of users, required.
func (r *Favorite) User() string {
	return r.GetString(FavoriteFieldUser)
}

// SetUser sets the user field.
func (r *Favorite) SetUser(value string) {
	r.Set(FavoriteFieldUser, value)
}

// ExpandedUser is the record that user leads to, nil when it is not expanded.
func (r *Favorite) ExpandedUser() *User {
	record := r.ExpandedOne(FavoriteFieldUser)
	if record == nil {
		return nil
	}
	return UserOf(record)
}
