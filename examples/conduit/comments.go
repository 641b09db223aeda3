package main

import (
	"fmt"
	"net/http"
	"strconv"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

// commentAnswer is a comment in an answer.
type commentAnswer struct {
	ID        int     `json:"id"`
	CreatedAt string  `json:"createdAt"`
	UpdatedAt string  `json:"updatedAt"`
	Body      string  `json:"body"`
	Author    profile `json:"author"`
}

// getComments answers with an article's comments, the newest first:
// GET /articles/{slug}/comments.
func getComments(e *core.RequestEvent) error {
	article, err := articleBySlug(e.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	comments, err := commentsOf(e.App, viewer(e), article.Id)
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string][]commentAnswer{"comments": comments})
}

// newComment is the body of [createComment].
type newComment struct {
	Body field[string] `json:"body"`
}

func (n newComment) validate() validation.Errors {
	return validation.Errors{"body": n.Body.required(notBlank, maxLength(collections.MaxComment))}
}

// createComment adds a comment: POST /articles/{slug}/comments.
func createComment(e *core.RequestEvent) error {
	article, err := articleBySlug(e.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	input, err := decode[newComment](e, "comment")
	if err != nil {
		return err
	}
	comment, err := collections.NewComment(e.App)
	if err != nil {
		return err
	}
	comment.SetArticle(article.Id)
	comment.SetAuthor(viewer(e))
	comment.SetBody(input.Body.value)
	if err := e.App.Save(comment); err != nil {
		return fmt.Errorf("comment on article %s: %w", article.Id, err)
	}
	author := collections.UserOf(e.Auth)
	return e.JSON(http.StatusCreated, map[string]commentAnswer{"comment": {
		ID:        comment.Number(),
		CreatedAt: timestamp(comment.Created()),
		UpdatedAt: timestamp(comment.Updated()),
		Body:      comment.Body(),
		Author:    profile{Username: author.Username(), Bio: orNull(author.Bio()), Image: orNull(author.Image())},
	}})
}

// deleteComment deletes one of the caller's comments:
// DELETE /articles/{slug}/comments/{id}.
func deleteComment(e *core.RequestEvent) error {
	article, err := articleBySlug(e.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(e.Request.PathValue("id"))
	if err != nil {
		return notFound("comment")
	}
	comment, err := commentOf(e.App, article.Id, number)
	if err != nil {
		return err
	}
	if comment.Author() != viewer(e) {
		return forbidden("comment")
	}
	if err := e.App.Delete(comment); err != nil {
		return fmt.Errorf("delete comment %d: %w", number, err)
	}
	return e.NoContent(http.StatusNoContent)
}

// numberComment is a hook: it gives a new comment its id in the contract.
func numberComment(e *core.RecordEvent) error {
	number, err := count(e.App, collections.Comments)
	if err != nil {
		return err
	}
	collections.CommentOf(e.Record).SetNumber(number)
	return e.Next()
}
