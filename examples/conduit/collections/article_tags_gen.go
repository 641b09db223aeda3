// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// ArticleTags is the name of the collection of [ArticleTag] records.
const ArticleTags = "article_tags"

// Names of the fields of [ArticleTag] records.
const (
	ArticleTagFieldID      = "id"
	ArticleTagFieldArticle = "article"
	ArticleTagFieldName    = "name"
)

// ArticleTag is a record of the article_tags collection.
type ArticleTag struct{ core.BaseRecordProxy }

// NewArticleTag returns a new, unsaved ArticleTag. It fails when the collection cannot be found.
func NewArticleTag(app core.App) (*ArticleTag, error) {
	collection, err := app.FindCachedCollectionByNameOrId(ArticleTags)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", ArticleTags, err)
	}
	return ArticleTagOf(core.NewRecord(collection)), nil
}

// ArticleTagOf wraps a record of the article_tags collection.
func ArticleTagOf(record *core.Record) *ArticleTag {
	r := &ArticleTag{}
	r.SetProxyRecord(record)
	return r
}

// FindArticleTagById returns the ArticleTag with the id, or [database/sql.ErrNoRows] when there is none.
func FindArticleTagById(app core.App, id string) (*ArticleTag, error) {
	record, err := app.FindRecordById(ArticleTags, id)
	if err != nil {
		return nil, err
	}
	return ArticleTagOf(record), nil
}

// Article is the article field: id of a record of articles, required.
func (r *ArticleTag) Article() string {
	return r.GetString(ArticleTagFieldArticle)
}

// SetArticle sets the article field.
func (r *ArticleTag) SetArticle(value string) {
	r.Set(ArticleTagFieldArticle, value)
}

// ExpandedArticle is the record that article leads to, nil when it is not expanded.
func (r *ArticleTag) ExpandedArticle() *Article {
	record := r.ExpandedOne(ArticleTagFieldArticle)
	if record == nil {
		return nil
	}
	return ArticleOf(record)
}

// Name is the name field: text, at most 50 characters, required.
func (r *ArticleTag) Name() string {
	return r.GetString(ArticleTagFieldName)
}

// SetName sets the name field.
func (r *ArticleTag) SetName(value string) {
	r.Set(ArticleTagFieldName, value)
}
