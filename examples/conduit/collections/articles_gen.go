// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Articles is the name of the collection of [Article] records.
const Articles = "articles"

// Names of the fields of [Article] records.
const (
	ArticleFieldID          = "id"
	ArticleFieldAuthor      = "author"
	ArticleFieldSlug        = "slug"
	ArticleFieldTitle       = "title"
	ArticleFieldDescription = "description"
	ArticleFieldBody        = "body"
	ArticleFieldCreated     = "created"
	ArticleFieldUpdated     = "updated"
)

// Article is a record of the articles collection.
type Article struct{ core.BaseRecordProxy }

// NewArticle returns a new, unsaved Article. It fails when the collection cannot be found.
func NewArticle(app core.App) (*Article, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Articles)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Articles, err)
	}
	return ArticleOf(core.NewRecord(collection)), nil
}

// ArticleOf wraps a record of the articles collection.
func ArticleOf(record *core.Record) *Article {
	r := &Article{}
	r.SetProxyRecord(record)
	return r
}

// FindArticleById returns the Article with the id, or [database/sql.ErrNoRows] when there is none.
func FindArticleById(app core.App, id string) (*Article, error) {
	record, err := app.FindRecordById(Articles, id)
	if err != nil {
		return nil, err
	}
	return ArticleOf(record), nil
}

// Author is the author field: id of a record of users, required.
func (r *Article) Author() string {
	return r.GetString(ArticleFieldAuthor)
}

// SetAuthor sets the author field.
func (r *Article) SetAuthor(value string) {
	r.Set(ArticleFieldAuthor, value)
}

// ExpandedAuthor is the record that author leads to, nil when it is not expanded.
func (r *Article) ExpandedAuthor() *User {
	record := r.ExpandedOne(ArticleFieldAuthor)
	if record == nil {
		return nil
	}
	return UserOf(record)
}

// Slug is the slug field: text, at most 200 characters, required.
func (r *Article) Slug() string {
	return r.GetString(ArticleFieldSlug)
}

// SetSlug sets the slug field.
func (r *Article) SetSlug(value string) {
	r.Set(ArticleFieldSlug, value)
}

// Title is the title field: text, at most 200 characters, required.
func (r *Article) Title() string {
	return r.GetString(ArticleFieldTitle)
}

// SetTitle sets the title field.
func (r *Article) SetTitle(value string) {
	r.Set(ArticleFieldTitle, value)
}

// Description is the description field: text, at most 1000 characters, required.
func (r *Article) Description() string {
	return r.GetString(ArticleFieldDescription)
}

// SetDescription sets the description field.
func (r *Article) SetDescription(value string) {
	r.Set(ArticleFieldDescription, value)
}

// Body is the body field: text, at most 100000 characters, required.
func (r *Article) Body() string {
	return r.GetString(ArticleFieldBody)
}

// SetBody sets the body field.
func (r *Article) SetBody(value string) {
	r.Set(ArticleFieldBody, value)
}

// Created is the created field: when the record was created.
func (r *Article) Created() types.DateTime {
	return r.GetDateTime(ArticleFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *Article) Updated() types.DateTime {
	return r.GetDateTime(ArticleFieldUpdated)
}
