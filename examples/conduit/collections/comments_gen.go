// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Comments is the name of the collection of [Comment] records.
const Comments = "comments"

// Names of the fields of [Comment] records.
const (
	CommentFieldID      = "id"
	CommentFieldArticle = "article"
	CommentFieldAuthor  = "author"
	CommentFieldNumber  = "number"
	CommentFieldBody    = "body"
	CommentFieldCreated = "created"
	CommentFieldUpdated = "updated"
)

// Comment is a record of the comments collection.
type Comment struct{ core.BaseRecordProxy }

// NewComment returns a new, unsaved Comment. It fails when the collection cannot be found.
func NewComment(app core.App) (*Comment, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Comments)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Comments, err)
	}
	return CommentOf(core.NewRecord(collection)), nil
}

// CommentOf wraps a record of the comments collection.
func CommentOf(record *core.Record) *Comment {
	r := &Comment{}
	r.SetProxyRecord(record)
	return r
}

// FindCommentById returns the Comment with the id, or [database/sql.ErrNoRows] when there is none.
func FindCommentById(app core.App, id string) (*Comment, error) {
	record, err := app.FindRecordById(Comments, id)
	if err != nil {
		return nil, err
	}
	return CommentOf(record), nil
}

// Article is the article field: id of a record of articles, required.
func (r *Comment) Article() string {
	return r.GetString(CommentFieldArticle)
}

// SetArticle sets the article field.
func (r *Comment) SetArticle(value string) {
	r.Set(CommentFieldArticle, value)
}

// ExpandedArticle is the record that article leads to, nil when it is not expanded.
func (r *Comment) ExpandedArticle() *Article {
	record := r.ExpandedOne(CommentFieldArticle)
	if record == nil {
		return nil
	}
	return ArticleOf(record)
}

// Author is the author field: id of a record of users, required.
func (r *Comment) Author() string {
	return r.GetString(CommentFieldAuthor)
}

// SetAuthor sets the author field.
func (r *Comment) SetAuthor(value string) {
	r.Set(CommentFieldAuthor, value)
}

// ExpandedAuthor is the record that author leads to, nil when it is not expanded.
func (r *Comment) ExpandedAuthor() *User {
	record := r.ExpandedOne(CommentFieldAuthor)
	if record == nil {
		return nil
	}
	return UserOf(record)
}

// Number is the number field: whole number.
func (r *Comment) Number() int {
	return r.GetInt(CommentFieldNumber)
}

// SetNumber sets the number field.
func (r *Comment) SetNumber(value int) {
	r.Set(CommentFieldNumber, value)
}

// Body is the body field: text, at most 10000 characters, required.
func (r *Comment) Body() string {
	return r.GetString(CommentFieldBody)
}

// SetBody sets the body field.
func (r *Comment) SetBody(value string) {
	r.Set(CommentFieldBody, value)
}

// Created is the created field: when the record was created.
func (r *Comment) Created() types.DateTime {
	return r.GetDateTime(CommentFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *Comment) Updated() types.DateTime {
	return r.GetDateTime(CommentFieldUpdated)
}
